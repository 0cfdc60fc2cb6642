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
	Limit  uint64                    // so is this, on a server: of a response's fields, as FieldsTooLarge; 0 if the peer has not said
	Own    Answers                   // h3's own: the records it answers with
	Ends   actor.Refs                // the app and h3, where an exchange serves again: of the engine

	Before, After *Exchange // the engine's: neighbours in a list

	OpenOrder   Open
	TakenOrder  Taken
	CancelOrder Cancel
	SendOrder   *Send // nil until NewSendIn: no handler that waits needs it, and no request without a body
}

// NewSendIn returns an exchange's Send, which is made when it is wanted for the first time.
func NewSendIn(x *Exchange) *Send {
	if x.SendOrder == nil {
		x.SendOrder = &Send{Exchange: x}
	}
	return x.SendOrder
}

// Answers are the records that h3 sends to the app. They live as long as the exchange, unless the app is done with the last
// Delivery before: it may still read the last ones when h3 has forgotten it.
type Answers struct {
	Parcels [2]*Parcel // made when something is to be delivered, the second for those that need another while the app has the first
}

// Parcel returns one of the two parcels, which may have to be made.
func (a *Answers) Parcel(which uint8) *Parcel {
	p := &a.Parcels[which]
	if *p == nil {
		*p = parcels.Get()
		(*p).Reset()
	}
	return *p
}

// Done takes the app's word that it has used up its last Delivery, whose memory may serve others: a handler may wait for long
// with a request that it has read.
func (x *Exchange) Done(d *Delivery) {
	for i, p := range x.Own.Parcels {
		if p != nil && &p.Delivery == d {
			x.Own.Parcels[i] = nil
			p.Release()
		}
	}
}

var parcels actor.Pool[Parcel]

// Parcel is a Delivery with room for what most have.
type Parcel struct {
	Delivery
	Head  [1][]Field
	Piece [2]Piece
}

// Reset empties the record.
func (p *Parcel) Reset() {
	p.Delivery = Delivery{Heads: p.Head[:0], Pieces: p.Piece[:0], Length: -1}
}

// Release lets the record serve others.
func (p *Parcel) Release() {
	*p = Parcel{}
	parcels.Put(p)
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
	x.Row, x.Stream, x.Limit = nil, nil, 0
	x.Before, x.After = nil, nil
	for i, p := range x.Own.Parcels {
		if p != nil {
			x.Own.Parcels[i] = nil
			p.Release()
		}
	}
	x.OpenOrder = Open{Exchange: x}
	if x.SendOrder != nil {
		*x.SendOrder = Send{Exchange: x}
	}
	x.TakenOrder = Taken{Exchange: x}
	x.CancelOrder = Cancel{Exchange: x}
	return x
}
