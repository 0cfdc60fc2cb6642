package congestion

import (
	"time"

	"quicpro/internal/mono"
)

const (
	// backlogDatagrams is how many datagrams in the bottleneck's queue speak for congestion: beta of TCP Veno.
	backlogDatagrams = 3
	// baseSpan is for how long a round-trip sample counts for the base, at least; at most twice as long.
	baseSpan = 10 * time.Second
)

// backlog estimates how much of the window stands in the queue of the bottleneck.
type backlog struct {
	base struct { // smallest samples of this span and of the last, zero for none
		last, current time.Duration
		begin         mono.Time // of the current span
	}
	round struct { // smallest samples of two round trips, zero for none
		last, current time.Duration
	}
}

// onAcked takes the round-trip sample of an ACK frame, zero for none.
func (b *backlog) onAcked(now mono.Time, rtt time.Duration, newRound bool) {
	if newRound {
		b.round.last, b.round.current = b.round.current, 0
	}
	if rtt <= 0 {
		return
	}
	b.round.current = smaller(b.round.current, rtt)
	if b.base.current == 0 || now.Sub(b.base.begin) >= baseSpan {
		b.base.last, b.base.current, b.base.begin = b.base.current, rtt, now
	}
	b.base.current = smaller(b.base.current, rtt)
}

// stands reports whether at least backlogDatagrams of the window are in the queue, or nothing is known. The smallest
// sample of up to two round trips stands for the present: a late ACK is no queue.
func (b *backlog) stands(window, datagram int) bool {
	recent := smaller(b.round.last, b.round.current)
	base := smaller(b.base.last, b.base.current)
	if recent == 0 || base == 0 {
		return true
	}
	// window * (recent - base) / recent >= backlogDatagrams * datagram. A product of hours and datagrams fits.
	return recent-base >= recent*time.Duration(backlogDatagrams*datagram)/time.Duration(window)
}

// smaller returns the smaller one of two durations of which zero means none.
func smaller(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
