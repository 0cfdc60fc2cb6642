package port

import "quicpro/internal/actor"

// Exchange is one request and its response, seen from the app: what the app's goroutines and the h3 room share.
//
// The app has at most one Open, one Send, one Taken and one Cancel in flight; h3 has at most one Delivery in Reads and
// one Sent in Writes, plus the last of each, which carries an end or an error. After the last one nothing more comes.
// Every Exchange gets exactly one last Delivery and one last Sent, whatever happens to the connection; but no Sent after an
// Open with Fin or a Send with HandlerDone.
type Exchange struct {
	Reads  actor.Mailbox[*Delivery]  // capacity 2
	Writes actor.QuietMailbox[*Sent] // the same
	Name   *string                   // in a simulation: what orders the app's messages
	Row    any                       // h3's own record
	Stream *Stream                   // set by h3 before the first Delivery
	Own    Answers                   // h3's own: the records it answers with
	Lines  []Field                   // the app's: memory for what it sends, until both ends are done
	At     int32                     // the engine's: its place in a list, plus one
	Ends   actor.Refs                // the app and h3, where an exchange serves again: of the engine

	OpenOrder   Open
	SendOrder   Send
	TakenOrder  Taken
	CancelOrder Cancel
}

// Answers are the records that h3 sends to the app. They live as long as the exchange: the app may still read the last
// ones when h3 has forgotten it.
type Answers struct {
	First  Parcel
	Second *Parcel // made for those that need another while the app has the first
	Sent   Sent    // the last
}

// Parcel is a Delivery with room for what most have.
type Parcel struct {
	Delivery
	Head  [1][]Field
	Piece [2]Piece
}

// NewExchange makes an exchange whose records point to it, and whose app gets its mail by hand.
func NewExchange(hand actor.Hand) *Exchange {
	x := &Exchange{}
	x.Reads.Init(2, hand, x)
	x.Writes.Init(hand, x)
	return NewExchangeIn(x)
}

// NewExchangeIn is NewExchange in the memory of one that is over for both ends, with its mailboxes.
func NewExchangeIn(x *Exchange) *Exchange {
	x.Reads.Empty()
	x.Writes.Empty()
	x.Writes.Hear(nil)
	// One by one: an assignment to several holds copies of all on the stack.
	x.Row, x.Stream, x.At = nil, nil, 0
	x.Own.First = Parcel{}
	x.Own.Sent = Sent{}
	if x.Own.Second != nil {
		*x.Own.Second = Parcel{}
	}
	clear(x.Lines)
	if cap(x.Lines) > 64 {
		x.Lines = nil
	}
	x.OpenOrder = Open{Exchange: x}
	x.SendOrder = Send{Exchange: x}
	x.TakenOrder = Taken{Exchange: x}
	x.CancelOrder = Cancel{Exchange: x}
	return x
}
