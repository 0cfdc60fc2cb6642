package actor

import "sync/atomic"

// Slot is the right to have one message in flight on an edge that merges.
//
// The sender takes the slot, fills the record that is the message, and sends it. What it owes while the slot is taken
// it merges into its own state and says so with TakeOrWant. The receiver calls Free when it has handled the message; if
// Free reports true the sender wanted more, and the receiver sends it a Wake, for which one place is reserved. The
// sender says Woken when it handles the Wake. Until then the slot cannot be taken: otherwise a sender whose inbox is
// long could send, want and be woken again while the first Wake still holds the place.
//
// A sender that cannot send all it owes in one message loops, so that the last turn leaves word:
//
//	for owes() && slot.TakeOrWant() {
//		send()
//	}
type Slot struct{ state atomic.Uint32 }

const (
	slotFree   uint32 = iota
	slotTaken         // a message is in flight
	slotWanted        // and its sender owes more
	slotWaking        // the message was handled, and a Wake is in flight
)

// Take reports whether the slot was free; it is taken now.
func (s *Slot) Take() bool { return s.state.CompareAndSwap(slotFree, slotTaken) }

// TakeOrWant takes the slot, or leaves word that the sender wants it. It reports whether it was taken; if not, a Wake
// will come.
func (s *Slot) TakeOrWant() bool {
	for {
		switch s.state.Load() {
		case slotFree:
			if s.state.CompareAndSwap(slotFree, slotTaken) {
				return true
			}
		case slotTaken:
			if s.state.CompareAndSwap(slotTaken, slotWanted) {
				return false
			}
		default:
			return false
		}
	}
}

// Free gives the slot back. It reports whether the sender wants to be woken: then the receiver must send the Wake, and
// the slot is free once the sender has said Woken.
func (s *Slot) Free() (wake bool) {
	if s.state.CompareAndSwap(slotTaken, slotFree) {
		return false
	}
	if s.state.CompareAndSwap(slotWanted, slotWaking) {
		return true
	}
	panic("actor: slot freed twice")
}

// Woken is the sender's word that it handles the Wake. The slot is free now.
func (s *Slot) Woken() {
	if !s.state.CompareAndSwap(slotWaking, slotFree) {
		panic("actor: woken without a wake")
	}
}

// Quiet reports whether the slot is free. If it is not, the sender has left word that it wants it.
func (s *Slot) Quiet() bool {
	if !s.TakeOrWant() {
		return false
	}
	s.Returned()
	return true
}

// Returned is the sender's word that the record itself has come back to it, wanted or not: the slot is free now.
func (s *Slot) Returned() { s.state.Store(slotFree) }

// Wanted reports whether the sender has left word that it wants the slot: a Wake will come, or is in flight.
func (s *Slot) Wanted() bool { return s.state.Load() >= slotWanted }

// Taken reports whether a message or its Wake is in flight.
func (s *Slot) Taken() bool { return s.state.Load() != slotFree }
