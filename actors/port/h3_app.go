package port

import (
	"quicpro/internal/actor"
)

// Field is one field line: lower-case name, pseudo-header fields included. What an app sends is not checked.
type Field struct {
	Name, Value string
	Sensitive   bool // never indexed by an intermediary (RFC 9204 s7.1)
}

// Open starts a request of ours (clients only): a HEADERS frame, and the end of the stream if Fin is set. Everything
// else of the message follows as Sends, the first of which need not wait. With Fin the message is complete: no Sent comes.
type Open struct {
	Exchange *Exchange
	Fields   []Field
	Home     actor.Releaser // of the memory of Fields: released when they are written. It may be nil
	Fin      bool
	Uni      bool // an embedder's unidirectional stream; HTTP/3 requests are never
}

func (*Open) toH3() {}

// Release answers for an h3 room that has left: the last Delivery and the last Sent say that nothing was sent. The engine may have
// said so before, and the app be done with that: the parcels are its own by then.
func (o *Open) Release() {
	x := o.Exchange
	err := &StreamError{Unprocessed: true, Err: ErrGone}
	x.Reads.Send(&Delivery{Last: true, Err: err, Length: -1})
	if !o.Fin {
		x.Writes.Send(&Sent{Last: true, Err: err})
	}
}

// Send is the next part of an outgoing message. Its parts are in wire order; any may be missing. h3 answers with one
// Sent when it takes the next one, except after Fin, when the answer is the last.
type Send struct {
	Exchange *Exchange
	Head     []Field        // a response head, final or informational (1xx)
	Chunks   []*actor.Chunk // body bytes; ownership moves. Each is sent as one DATA frame
	Trailers []Field        // none if empty
	Home     actor.Releaser // as in Open, of Head and Trailers
	Fin      bool           // the message is complete
	// HandlerDone goes with Fin on a server: the handler has returned. It is the last message of the exchange, as with
	// Cancel, and no Sent comes.
	HandlerDone bool
}

func (*Send) toH3() {}

// Release gives back what the message holds.
func (s *Send) Release() {
	for _, c := range s.Chunks {
		c.Release()
	}
	s.Chunks = nil
	if s.Home != nil {
		s.Home.Release()
		s.Head, s.Trailers, s.Home = nil, nil, nil
	}
}

// Sent answers a Send: the next may follow, or, when Err is set, none may.
type Sent struct {
	Last bool  // nothing more is sent or wanted: complete, or Err says why not
	Err  error // the peer stopped reading, the exchange was cancelled, the connection died
}

// Delivery is the next part of an incoming message. Its parts are in wire order; any may be missing. The app answers
// with one Taken when it has used it up, unless Err or Used is set; h3 merges what arrives meanwhile. A last one with Err
// does not wait for that Taken.
type Delivery struct {
	Heads    [][]Field // response heads (informational ones first), or the request's one
	Pieces   []Piece   // body bytes; each holds its chunk once, and the app releases it
	Trailers []Field   // with Last only
	Last     bool      // the message is complete, or Err says why it ends here
	Used     bool      // with Last: the bytes are few, and count as used up already
	Err      error     // stream reset, malformed message, connection died
	Length   int64     // with a request's or a final response's head: the declared Content-Length, -1 if none
}

// Taken tells h3 that the Delivery in flight is used up.
type Taken struct {
	Exchange *Exchange
	Bytes    int // body bytes of it; h3 counts by itself
}

func (*Taken) toH3() {}

// Cancel ends an exchange early: both directions, or one. What is in flight is discarded, and h3 answers with the last
// Delivery and the last Sent if they are still owed.
type Cancel struct {
	Exchange    *Exchange
	StopReading bool   // the body is not wanted: STOP_SENDING
	StopWriting bool   // the message stays incomplete: RESET_STREAM
	Behind      bool   // with StopWriting: not before the peer has what was sent so far, unless it does not want it
	HandlerDone bool   // server: the handler has returned; always the last message of an exchange
	Kept        bool   // of the exchange: the app may go on listening, so that it serves only once
	Code        uint64 // 0: H3_REQUEST_CANCELLED
}

func (*Cancel) toH3() {}

// Goodbye asks a server's h3 for GOAWAY, then, when its requests have ended, for the close of the connection (RFC 9114
// s5.2). A client's h3 opens no more requests and closes when the last has ended.
type Goodbye struct{}

func (*Goodbye) toH3() {}
