package actor

import "sync/atomic"

// Slot is the right to have one message in flight on an edge that merges.
//
// The sender takes the slot, fills the record that is the message, and sends it. What it owes while the slot is taken
// it merges into its own state and says so with Want. The receiver calls Free when it has handled the message; if Free
// reports true the sender wanted more, and the receiver sends it a Wake, for which one place is reserved.
type Slot struct{ state atomic.Uint32 }

const (
	slotFree uint32 = iota
	slotTaken
	slotWanted
)

// Take reports whether the slot was free; it is taken now.
func (s *Slot) Take() bool { return s.state.CompareAndSwap(slotFree, slotTaken) }

// TakeOrWant takes the slot, or leaves word that the sender wants it. It reports whether it was taken.
func (s *Slot) TakeOrWant() bool {
	for {
		if s.state.CompareAndSwap(slotFree, slotTaken) {
			return true
		}
		if s.state.CompareAndSwap(slotTaken, slotWanted) || s.state.Load() == slotWanted {
			return false
		}
	}
}

// Free gives the slot back. It reports whether the sender wants to be woken.
func (s *Slot) Free() (wake bool) {
	switch s.state.Swap(slotFree) {
	case slotFree:
		panic("actor: slot freed twice")
	case slotWanted:
		return true
	}
	return false
}

// Taken reports whether a message is in flight.
func (s *Slot) Taken() bool { return s.state.Load() != slotFree }
