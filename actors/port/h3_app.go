package port

import (
	"quicpro/internal/actor"
)

// Field is one field line: lower-case name, pseudo-header fields included.
type Field struct {
	Name, Value string
	Sensitive   bool // never indexed by an intermediary (RFC 9204 s7.1)
}

// Exchange is one request and its response, seen from the app: what the app's goroutines and the h3 room share.
//
// The app has at most one Open, one Send, one Taken and one Cancel in flight; h3 has at most one Delivery in Reads and
// one Sent in Writes, plus the last of each, which carries an end or an error. After the last one nothing more comes.
// Every Exchange gets exactly one last Delivery and one last Sent, whatever happens to the connection.
type Exchange struct {
	Reads  actor.Mailbox[*Delivery] // capacity 2
	Writes actor.Mailbox[*Sent]     // capacity 2
	Row    any                      // h3's own record
	Stream *Stream                  // set by h3 before the first Delivery

	OpenOrder   Open
	SendOrder   Send
	TakenOrder  Taken
	CancelOrder Cancel
}

// NewExchange makes an exchange whose records point to it.
func NewExchange() *Exchange {
	x := &Exchange{Reads: actor.NewMailbox[*Delivery](2), Writes: actor.NewMailbox[*Sent](2)}
	x.OpenOrder.Exchange, x.SendOrder.Exchange, x.TakenOrder.Exchange, x.CancelOrder.Exchange = x, x, x, x
	return x
}

// Open starts a request of ours (clients only): a HEADERS frame, and the end of the stream if Fin is set. Everything
// else of the message follows as Sends.
type Open struct {
	Exchange *Exchange
	Fields   []Field
	Fin      bool
}

func (*Open) toH3() {}

// Send is the next part of an outgoing message. Its parts are in wire order; any may be missing. h3 answers with one
// Sent when it takes the next one, except after Fin, when the answer is the last.
type Send struct {
	Exchange *Exchange
	Head     []Field        // a response head, final or informational (1xx)
	Chunks   []*actor.Chunk // body bytes; ownership moves. Each is sent as one DATA frame
	Trailers []Field
	Fin      bool // the message is complete
}

func (*Send) toH3() {}

// Release gives back what the message holds.
func (s *Send) Release() {
	for _, c := range s.Chunks {
		c.Release()
	}
	s.Chunks = nil
}

// Sent answers a Send: the next may follow, or, when Err is set, none may.
type Sent struct {
	Last bool  // nothing more is sent or wanted: complete, or Err says why not
	Err  error // the peer stopped reading, the exchange was cancelled, the connection died
}

// Delivery is the next part of an incoming message. Its parts are in wire order; any may be missing. The app answers
// with one Taken when it has used it up; h3 merges what arrives meanwhile.
type Delivery struct {
	Heads    [][]Field // response heads (informational ones first), or the request's one
	Pieces   []Piece   // body bytes; each holds its chunk once, and the app releases it
	Trailers []Field
	Last     bool  // the message is complete, or Err says why it ends here
	Err      error // stream reset, malformed message, connection died
	Length   int64 // with Heads: the declared Content-Length, -1 if none
}

// Taken tells h3 that the Delivery in flight is used up.
type Taken struct {
	Exchange *Exchange
	Bytes    int // body bytes of it
}

func (*Taken) toH3() {}

// Cancel ends an exchange early: both directions, or one. What is in flight is discarded, and h3 answers with the last
// Delivery and the last Sent if they are still owed.
type Cancel struct {
	Exchange    *Exchange
	StopReading bool // the body is not wanted: STOP_SENDING
	StopWriting bool // the message stays incomplete: RESET_STREAM
	Code        uint64
	HandlerDone bool // server: the handler has returned; always the last message of an exchange
}

func (*Cancel) toH3() {}

// Goodbye asks a server's h3 for GOAWAY, then, when its requests have ended, for the close of the connection (RFC 9114
// s5.2). A client's h3 opens no more requests and closes when the last has ended.
type Goodbye struct{}

func (*Goodbye) toH3() {}

// Tasks starts app tasks. The h3 room of a server calls it once a request, after the head is complete and valid; the
// first Delivery waits in the exchange's mailbox.
type Tasks interface {
	Handle(*Exchange)
	// Ready tells a client's dialer, or a server's accept, that requests may flow: SETTINGS are out. It is called once.
	Ready(*Connected)
	// Refuse tells the app's pool that this connection takes no new requests (GOAWAY, Goodbye or death).
	Refuse(*Cause)
}
