package flow

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	// shortestPeriod is the shortest time of which a window holds the bytes: the reader's turns, and those of its peer, are
	// not shorter.
	shortestPeriod = time.Millisecond / 2
	// shortestSpan is the shortest time over which a reader's speed is measured. In less it may just be back from a pause
	// of the scheduler's, and read what has piled up.
	shortestSpan = 5 * time.Millisecond
)

// RecvWindow grants the peer credit: bytes of one stream, or the sum over all streams of the connection (RFC 9000 s4.1).
//
// The window is what may be unread. It grows by itself to what the path and the reader can use: when a quarter of it was
// read within a round trip, it doubles. Bytes that piled up while the reader slept do not count for that: reading
// them in one go says nothing about its speed. Where round trips are shorter than the scheduler's pauses, the speed over
// some milliseconds says how much two of them bring.
//
// More is granted whenever a quarter is used, since a sender in slow start has sent twice what was read by the time that
// it hears of a new limit: if the limit came when half is used, it would stand still then, every round trip, and what is
// behind the link would look to it like a path whose queue has emptied. A small window waits for a half.
type RecvWindow struct {
	limit    wire.Offset // granted: received <= limit
	received wire.Offset
	consumed wire.Offset // consumed <= received
	size     wire.Offset
	maxSize  wire.Offset

	// auto-tuning: how fast are the bytes from `from` on consumed?
	from  wire.Offset
	since mono.Time
	seen  wire.Offset // consumed when Owed was asked last
	read  mono.Time   // when Owed last saw it move
}

// NewRecvWindow returns a window of size bytes, which is also the first limit: that of our transport parameters. It
// never grows beyond maxSize by itself.
func NewRecvWindow(size, maxSize wire.Offset) RecvWindow {
	return RecvWindow{limit: size, size: size, maxSize: max(size, maxSize)}
}

// Received notes n more bytes: by how much the highest offset of a stream rose, or the sum of these over all streams.
// It returns a *wire.Error of FLOW_CONTROL_ERROR, and notes nothing, if the peer had no credit for them.
func (w *RecvWindow) Received(n wire.Offset) error {
	if n > w.limit-w.received {
		// RFC 9000 s4.1: MUST close the connection with FLOW_CONTROL_ERROR if the sender violates the limits.
		return wire.NewError(wire.FlowControlError, 0, "more data than the advertised limit")
	}
	w.received += n
	return nil
}

// Consumed notes that n received bytes were read, or will never be: those of a reset stream are consumed at once.
func (w *RecvWindow) Consumed(n wire.Offset) {
	if n > w.received-w.consumed {
		panic("flow: more bytes consumed than received")
	}
	w.consumed += n
}

// EnsureAtLeast makes the window no smaller than size, whatever its own maximum: the connection's window must be twice
// the largest stream window, or one stream could lock out the others.
func (w *RecvWindow) EnsureAtLeast(size wire.Offset) {
	w.size = max(w.size, size)
	w.maxSize = max(w.maxSize, size)
}

// Owed returns the limit to advertise, if it is time: a quarter of the window is used. It is to be asked after each batch
// of Consumed. rtt is the smoothed round-trip time; without one (0) the window does not grow.
func (w *RecvWindow) Owed(now mono.Time, rtt time.Duration) (limit wire.Offset, ok bool) {
	period := max(2*rtt, shortestPeriod)
	if w.consumed != w.seen {
		if w.read.IsZero() || now.Sub(w.read) >= max(period, shortestSpan) {
			w.from, w.since = w.received, now // the reader slept: what is here already does not count
		}
		w.seen, w.read = w.consumed, now
	}
	if unused := w.limit - w.consumed; unused > w.size-w.step() {
		return 0, false
	}
	if took := now.Sub(w.since); w.consumed >= w.from && (took >= shortestSpan || period >= shortestSpan) {
		if rtt > 0 && w.fast(took, period) {
			w.size = max(w.size, min(2*w.size, w.maxSize))
		}
		w.from, w.since = w.consumed, now
	}
	raised := min(w.consumed+w.size, wire.MaxVarint)
	if raised <= w.limit {
		return 0, false
	}
	w.limit = raised
	return raised, true
}

// step is how much is granted at a time: a quarter of the window, of a small one up to a half. A few hundred bytes of credit
// at a time make a sender's packets as short, and on a thin link their headers and answers are what takes the time.
func (w *RecvWindow) step() wire.Offset {
	const least = 4 << 10
	return max(w.size/4, min(w.size/2, least))
}

// fast reports whether the bytes measured, consumed in the time that it took, are so many that the window is too small
// for the period.
func (w *RecvWindow) fast(took, period time.Duration) bool {
	n := w.consumed - w.from
	if period < shortestSpan {
		return float64(n)*float64(period) >= float64(w.size/2)*float64(took)
	}
	// A quarter in a round trip. A sender that is given a small window at once uses all of it up, and that takes a round trip and
	// a little more: it is as fast if it has used more in a longer time.
	return n >= w.size/8 && (took < period/2 || float64(n)*2*float64(period) > float64(w.size)*float64(took))
}

// Limit is the advertised limit.
func (w *RecvWindow) Limit() wire.Offset { return w.limit }

// Size is how many bytes may be unread.
func (w *RecvWindow) Size() wire.Offset { return w.size }

// Unread is how many bytes were received and not consumed.
func (w *RecvWindow) Unread() wire.Offset { return w.received - w.consumed }
