package congestion

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// NewReno is the controller of RFC 9002 s7: additive increase, halved on loss. Create it with NewNewReno.
type NewReno struct {
	window
	credit int // bytes acknowledged in congestion avoidance and not yet turned into growth
	undo   struct {
		bytes, threshold int
		recovery         mono.Time
	}
}

// NewNewReno returns a controller in slow start with the initial window for the datagram size, in bytes.
func NewNewReno(maxDatagramSize int) *NewReno { return &NewReno{window: newWindow(maxDatagramSize)} }

// OnSent implements Controller.
func (r *NewReno) OnSent(_ mono.Time, pn wire.PacketNumber, _, inFlight int) { r.sent(pn, inFlight) }

// OnAcked implements Controller.
func (r *NewReno) OnAcked(_ mono.Time, a Ack) {
	r.acked(a)
	if !r.mayGrow(a) {
		return
	}
	if r.InSlowStart() {
		// RFC 9002 s7.3.1: the window increases by the number of bytes acknowledged.
		r.grow(min(a.Bytes, r.threshold-r.bytes))
		return
	}
	// RFC 9002 s7.3.3: at most one maximum datagram size for each congestion window that is acknowledged. Counting
	// bytes as RFC 3465 s2.1 does loses nothing to division.
	r.credit += a.Bytes
	for r.credit >= r.bytes {
		r.credit -= r.bytes
		r.grow(r.datagram)
	}
}

// OnCongestion implements Controller.
func (r *NewReno) OnCongestion(now mono.Time, l Loss) {
	before := r.recovery
	if !r.enterRecovery(now, l) {
		return
	}
	r.undo.bytes, r.undo.threshold, r.undo.recovery = r.bytes, r.threshold, before
	// RFC 9002 s7.3.2: the threshold is half the window, and the window follows.
	r.bytes = max(r.bytes/2, MinWindow(r.datagram))
	r.threshold = r.bytes
	r.credit = 0
}

// OnPersistentCongestion implements Controller.
func (r *NewReno) OnPersistentCongestion(mono.Time) {
	r.collapse()
	r.credit = 0
}

// OnSpurious implements Controller.
func (r *NewReno) OnSpurious(_, sent mono.Time) {
	if r.foundAlive(sent) && r.bytes < r.undo.bytes {
		r.bytes, r.threshold, r.recovery = r.undo.bytes, r.undo.threshold, r.undo.recovery
	}
}

// SetMaxDatagramSize implements Controller.
func (r *NewReno) SetMaxDatagramSize(bytes int) { r.resize(bytes) }
