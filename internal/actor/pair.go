package actor

// Pair is the sending half of an edge that merges: one record in flight, one being filled.
//
// The sender writes what it owes into Filling and calls Ready at its flush. When Ready returns a record, that record is
// the message; the receiver reads it and calls Free with the Pair. The other record, emptied by the sender, is then the
// one to fill.
//
// The second record is made when the sender first writes to it. Most edges of a small exchange never carry more than one
// message.
type Pair[T any] struct {
	slot    Slot
	filling uint8 // owned by the sender
	first   T
	second  *T
}

// Filling is the record that the sender may write to.
func (p *Pair[T]) Filling() *T {
	if p.filling != 0 && p.second == nil {
		p.second = new(T)
	}
	return p.Filled()
}

// Filled is Filling, or nil if the sender has never written to that record.
func (p *Pair[T]) Filled() *T {
	if p.filling == 0 {
		return &p.first
	}
	return p.second
}

// Both returns both records. The second one may be nil.
func (p *Pair[T]) Both() (a, b *T) { return &p.first, p.second }

// Ready returns the filled record as the message to send, if none is in flight. Otherwise the sender keeps merging, and
// the receiver will be told by Free to wake it. The record that is filled next is the one that came back: the sender
// resets it. It is nil if there was none yet.
func (p *Pair[T]) Ready() (message, next *T, ok bool) {
	if !p.slot.TakeOrWant() {
		return nil, nil, false
	}
	message = p.Filling()
	p.filling ^= 1
	return message, p.Filled(), true
}

// Free gives the record in flight back. It reports whether the sender waits and must be woken.
func (p *Pair[T]) Free() (wake bool) { return p.slot.Free() }

// Woken is the sender's word that it handles the wake: the pair is ready again.
func (p *Pair[T]) Woken() { p.slot.Woken() }

// Renew makes a pair as new that neither side uses any more. The records stay as they are.
func (p *Pair[T]) Renew() { p.slot, p.filling = Slot{}, 0 }

// InFlight reports whether a record is with the receiver.
func (p *Pair[T]) InFlight() bool { return p.slot.Taken() }

// Single is a Pair of a sender that keeps what it owes in a state of its own, and writes it into the one record when that is
// here.
type Single[T any] struct {
	slot   Slot
	record T
}

// Record is the record, for what is set once at birth.
func (s *Single[T]) Record() *T { return &s.record }

// Ready returns the record, to be filled and sent, if it is not in flight. Otherwise the receiver will be told by Free to
// wake the sender. It is as it was when it was sent: the sender resets it.
func (s *Single[T]) Ready() (message *T, ok bool) {
	if !s.slot.TakeOrWant() {
		return nil, false
	}
	return &s.record, true
}

// Free gives the record back. It reports whether the sender waits and must be woken.
func (s *Single[T]) Free() (wake bool) { return s.slot.Free() }

// Woken is the sender's word that it handles the wake.
func (s *Single[T]) Woken() { s.slot.Woken() }

// Quiet reports whether the record is not in flight. If it is, the receiver wakes the sender when it has freed it.
func (s *Single[T]) Quiet() bool { return s.slot.Quiet() }

// Renew makes one as new that neither side uses any more. The record stays as it is.
func (s *Single[T]) Renew() { s.slot = Slot{} }

// InFlight reports whether the record is with the receiver.
func (s *Single[T]) InFlight() bool { return s.slot.Taken() }
