package congestion

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// nearlyFull is how many datagrams may be missing for a window still to count as used up: a sender that waits for room
// of a quantum never fills it to the last byte.
const nearlyFull = 3

// window is what both controllers share: the window itself, the recovery period, and the evidence that it is used.
type window struct {
	datagram  int // the path's maximum datagram size, bytes
	bytes     int // the congestion window
	threshold int // the slow start threshold
	recovery  mono.Time
	touched   bool // the window has left its initial value
	event     event
	rounds    rounds
	peak      peak
}

// event is the last reduction of the window: how many of the packets that caused it are still believed lost.
type event struct {
	open  bool      // can still be undone
	lost  int       // packets not yet found alive
	after mono.Time // they were sent after this, and not after the recovery period began
}

func newWindow(maxDatagramSize int) window {
	size := max(maxDatagramSize, MinDatagramSize)
	return window{
		datagram:  size,
		bytes:     InitialWindow(size),
		threshold: Unlimited,
		rounds:    rounds{end: wire.NoPacketNumber, sent: wire.NoPacketNumber},
	}
}

// Window implements Controller.
func (w *window) Window() int { return w.bytes }

// SlowStartThreshold implements Controller.
func (w *window) SlowStartThreshold() int { return w.threshold }

// InSlowStart implements Controller.
func (w *window) InSlowStart() bool { return w.bytes < w.threshold }

// RecoveryStart implements Controller.
func (w *window) RecoveryStart() mono.Time { return w.recovery }

// sent notes a packet for the round count and the peak of the bytes in flight.
func (w *window) sent(pn wire.PacketNumber, inFlight int) {
	w.rounds.onSent(pn)
	w.peak.current = max(w.peak.current, inFlight)
}

// acked notes an acknowledgment and reports whether it began a new round trip.
func (w *window) acked(a Ack) (newRound bool) {
	if !w.rounds.onAcked(a.Largest) {
		return false
	}
	w.peak = peak{current: a.PriorInFlight, last: w.peak.current}
	return true
}

// mayGrow reports whether the acknowledgment is evidence that the path carries the present window.
func (w *window) mayGrow(a Ack) bool {
	// RFC 9002 s7.3.2: during recovery the window does not change.
	if a.Bytes == 0 || a.Sent <= w.recovery {
		return false
	}
	// RFC 9002 s7.8: an underutilized window must not grow.
	if a.AppLimited && a.PriorInFlight < w.bytes-nearlyFull*w.datagram {
		return false
	}
	// The sender's word is checked against its deeds: a window of which two round trips used less than half is
	// underutilized whatever the reason.
	return 2*max(w.peak.current, w.peak.last) >= w.bytes
}

// grow adds to the window, up to MaxWindow.
func (w *window) grow(bytes int) {
	w.touched = true
	w.bytes = min(w.bytes+bytes, MaxWindow)
}

// enterRecovery begins a recovery period unless the loss belongs to the present one. The caller reduces the window.
func (w *window) enterRecovery(now mono.Time, l Loss) bool {
	// RFC 9002 s7.3.2: a sender already in a recovery period stays in it and does not reenter it.
	if l.Sent <= w.recovery {
		w.event.lost += l.Packets
		w.event.open = w.event.open && !l.ECN
		return false
	}
	w.event = event{open: !l.ECN, lost: l.Packets, after: w.recovery}
	w.recovery = now
	w.touched = true
	return true
}

// foundAlive counts a spurious loss against the last event and reports whether nothing of the event is left.
func (w *window) foundAlive(sent mono.Time) bool {
	e := &w.event
	if !e.open || sent <= e.after || sent > w.recovery {
		return false
	}
	e.lost--
	if e.lost > 0 {
		return false
	}
	e.open = false
	return true
}

// collapse is the answer to persistent congestion.
func (w *window) collapse() {
	// RFC 9002 s7.6.2: the window MUST be reduced to the minimum. Appendix B.8: and the recovery period is over.
	w.bytes = MinWindow(w.datagram)
	w.recovery = 0
	w.event = event{}
	w.touched = true
}

// resize takes a new maximum datagram size and reports whether it differs.
func (w *window) resize(bytes int) bool {
	bytes = max(bytes, MinDatagramSize)
	if bytes == w.datagram {
		return false
	}
	w.datagram = bytes
	// RFC 9002 s7.2: the initial window SHOULD be recalculated with the new size.
	if !w.touched {
		w.bytes = InitialWindow(bytes)
	}
	w.bytes = max(w.bytes, MinWindow(bytes))
	return true
}

// rounds tells round trips apart by packet number: a round is over when a packet sent after its beginning is
// acknowledged.
type rounds struct {
	end  wire.PacketNumber // largest number sent when the round began
	sent wire.PacketNumber // largest number sent
}

func (r *rounds) onSent(pn wire.PacketNumber) { r.sent = max(r.sent, pn) }

func (r *rounds) onAcked(pn wire.PacketNumber) (ended bool) {
	if pn <= r.end {
		return false
	}
	r.end = r.sent
	return true
}

// peak is the most bytes in flight in this round trip and in the last.
type peak struct{ current, last int }
