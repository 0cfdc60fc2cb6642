package link

import (
	"math"
	"time"

	"quicpro/internal/mono"
)

// minQueue is the smallest default of Config.Queue, in bytes: a link with little delay still takes a burst.
const minQueue = 64 << 10

// queue is the buffer in front of a link with a rate. It is FIFO and nothing overtakes, so that the moment at which a
// datagram leaves, and what the AQM makes of it then, follows from those in front of it and is known as it comes.
type queue struct {
	rate  Rate
	limit int // bytes
	aqm   AQM

	busyUntil mono.Time // the last datagram has been sent by then
	places    []place   // taken, in the order of leaving
	gone      int       // of places
	bytes     int       // of the places not gone
	codel     codel
	red       red
}

// place is taken in the queue until a datagram leaves it, sent or dropped.
type place struct {
	until mono.Time
	size  int
}

func newQueue(c *Config) queue {
	q := queue{rate: c.Rate, limit: c.Queue, aqm: c.AQM}
	if q.limit == 0 {
		product := 2 * c.Delay.Seconds() * float64(c.Rate) / 8
		q.limit = max(minQueue, int(min(product, math.MaxInt32)))
	}
	return q
}

// offer brings a datagram to the queue. Unless a fate other than Delivered meets it there, depart is when its last bit has
// been sent, and marked whether it gets a CE mark.
func (q *queue) offer(now mono.Time, size int, ect bool) (depart mono.Time, fate Fate, marked bool) {
	if q.rate == 0 {
		return now, Delivered, false
	}
	ahead := q.bytes
	if ahead > 0 && ahead+size > q.limit {
		return 0, QueueFull, false
	}
	if q.aqm == RED && q.red.signals(ahead, q.limit) {
		if !ect {
			return 0, ByRED, false
		}
		marked = true
	}
	turn := max(now, q.busyUntil)
	if q.aqm == CoDel && q.codel.drops(turn, turn.Sub(now), ahead) {
		q.take(turn, size) // it keeps its place until CoDel meets it at the head
		return 0, ByCoDel, false
	}
	q.busyUntil = turn.Add(q.rate.time(size))
	q.take(q.busyUntil, size)
	return q.busyUntil, Delivered, marked
}

// drain frees the places of what has left by now.
func (q *queue) drain(now mono.Time) {
	for q.gone < len(q.places) && q.places[q.gone].until <= now {
		q.bytes -= q.places[q.gone].size
		q.gone++
	}
	switch {
	case q.gone == len(q.places):
		q.places, q.gone = q.places[:0], 0
	case q.gone > 64 && q.gone > len(q.places)/2:
		q.places, q.gone = q.places[:copy(q.places, q.places[q.gone:])], 0
	}
}

func (q *queue) take(until mono.Time, size int) {
	q.places = append(q.places, place{until, size})
	q.bytes += size
}

// red is random early detection with the randomness replaced by even spacing.
type red struct {
	average int // of the queue's bytes, times 256
	credit  int // of a signal, in parts of redOne
}

const (
	redOne    = 1 << 16
	redMost   = redOne / 10 // the share of signals where every datagram begins to be one
	redWeight = 16          // of the past in the average
)

// signals reports whether the datagram that finds queued of limit bytes is signalled.
func (r *red) signals(queued, limit int) bool {
	if queued == 0 {
		*r = red{} // an idle link has no congestion to remember
		return false
	}
	r.average += (queued<<8 - r.average) / redWeight
	average, low, high := r.average>>8, limit/4, limit/4*3
	switch {
	case average < low:
		r.credit = 0
		return false
	case average >= high:
		return true
	}
	r.credit += redMost * (average - low) / (high - low)
	if r.credit < redOne {
		return false
	}
	r.credit -= redOne
	return true
}

// codel is the controlled-delay law of RFC 8289 s5, asked once for every datagram at the moment of its turn.
type codel struct {
	firstAbove mono.Time // when the sojourn time will have been above target for an interval; 0: it is below
	dropping   bool
	dropped    bool      // the datagram in front of this one was dropped in the dropping state
	next       mono.Time // drop
	count      int       // of drops since the dropping state began
	lastCount  int       // count as it began
}

const (
	codelTarget    = 5 * time.Millisecond   // RFC 8289 s5
	codelInterval  = 100 * time.Millisecond // RFC 8289 s5
	codelMaxPacket = 1500                   // RFC 8289 s5: a queue of one packet is no queue
)

// drops reports whether the datagram whose turn is now, after it has waited for sojourn, is dropped. ahead is how many bytes
// it found in front of itself; RFC 8289 asks for those behind it instead, which are not known yet.
func (c *codel) drops(now mono.Time, sojourn time.Duration, ahead int) bool {
	standing := c.above(now, sojourn, ahead)
	if !c.dropping {
		if standing {
			c.enter(now)
		}
		return standing
	}
	if !standing {
		c.dropping, c.dropped = false, false
		return false
	}
	if c.dropped {
		c.next, c.dropped = c.law(c.next), false
	}
	if now < c.next {
		return false
	}
	c.count++
	c.dropped = true
	return true
}

// above reports whether the sojourn time has been above target for an interval (RFC 8289 s5, dodequeue).
func (c *codel) above(now mono.Time, sojourn time.Duration, ahead int) bool {
	switch {
	case sojourn < codelTarget || ahead <= codelMaxPacket:
		c.firstAbove = 0
	case c.firstAbove == 0:
		c.firstAbove = now.Add(codelInterval)
	default:
		return now >= c.firstAbove
	}
	return false
}

// enter begins the dropping state, near the rate of the last time if that was not long ago (RFC 8289 s5, dequeue).
func (c *codel) enter(now mono.Time) {
	c.dropping = true
	since := c.count - c.lastCount
	c.count = 1
	if since > 1 && now.Sub(c.next) < 16*codelInterval {
		c.count = since
	}
	c.next, c.lastCount = c.law(now), c.count
}

// law is when to drop next: the interval shrinks with the root of the count (RFC 8289 s5, control_law).
func (c *codel) law(t mono.Time) mono.Time {
	return t.Add(time.Duration(float64(codelInterval) / math.Sqrt(float64(c.count))))
}
