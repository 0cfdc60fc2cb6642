package engine

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	// minReset is the shortest stateless reset: RFC 9000 s10.3 wants 5 bytes before the token.
	minReset = 5 + 16
	// maxReset is the longest that we send: what follows from the trigger's length, up to one that looks like any packet.
	maxReset = 64
	// resetTrigger is the shortest datagram that we answer. RFC 9000 s10.3.3: an answer is shorter than its trigger, so
	// that two endpoints without a connection cannot keep each other busy; below 43 bytes it would stand out.
	resetTrigger = 42
)

// reset answers a packet of a connection that we do not have, or lost.
func (e *endpoint) reset(now mono.Time, b *port.RxBatch, datagram, id []byte) {
	// RFC 9000 s17.3.1: without the fixed bit it is no packet of ours.
	if len(datagram) < resetTrigger || len(id) == 0 || datagram[0]&wire.FixedBit == 0 || !e.rate.allows(now) {
		return
	}
	t := e.s.answers.take()
	if t == nil {
		return
	}
	// RFC 9000 s10.3: the size is random too, where there is room for it.
	most := min(len(datagram)-1, maxReset)
	size := most - int(e.s.routes.random.Uint64("reset size")%uint64(most-minReset))/2
	t.B = t.B[:size]
	e.s.routes.random.Bytes("reset", t.B)
	t.B[0] = t.B[0]&^wire.LongHeaderBit | wire.FixedBit
	token := e.s.routes.token(id)
	copy(t.B[size-len(token):], token[:])
	e.send(t, b.Path)
}

// rate bounds how often something is done.
type rate struct {
	perSecond int
	second    mono.Time // when the present second began
	done      int
}

func (r *rate) allows(now mono.Time) bool {
	if r.second.IsZero() || now.Sub(r.second) >= time.Second {
		r.second, r.done = now, 0
	}
	r.done++
	return r.done <= r.perSecond
}

// closed are the connections that the endpoint answers for, until their deadlines.
type closed struct {
	byID  map[wire.ConnectionID]*closedConn
	queue []*closedConn // in the order of arrival: deadlines differ by a few round trips only
}

// closedConn is one of them.
type closedConn struct {
	ids    []wire.ConnectionID
	packet []byte
	until  mono.Time
	seen   uint64 // datagrams that came in
}

func newClosed() closed { return closed{byID: map[wire.ConnectionID]*closedConn{}} }

func (c *closed) add(m *port.Closed) {
	if len(c.queue) >= closedKept {
		c.drop(0)
	}
	e := &closedConn{ids: m.IDs, packet: m.Packet, until: m.Until}
	for _, id := range e.ids {
		c.byID[id] = e
	}
	c.queue = append(c.queue, e)
}

func (c *closed) find(dcid []byte) *closedConn {
	id, ok := wire.MakeConnectionID(dcid)
	if !ok || len(dcid) == 0 {
		return nil
	}
	return c.byID[id]
}

// expire forgets what is over. An entry behind one with a later deadline waits for that one.
func (c *closed) expire(now mono.Time) {
	for len(c.queue) > 0 && c.queue[0].until <= now {
		c.drop(0)
	}
}

// next is when to look what is over, zero if nothing is kept. Closed connections may be kept for longer (RFC 9000 s10.2: at
// least for three PTOs), and so many that end within one closedGrain need one ring and not one each.
func (c *closed) next() mono.Time {
	if len(c.queue) == 0 {
		return 0
	}
	return (c.queue[0].until + closedGrain - 1) / closedGrain * closedGrain
}

func (c *closed) drop(i int) {
	for _, id := range c.queue[i].ids {
		if c.byID[id] == c.queue[i] {
			delete(c.byID, id)
		}
	}
	c.queue[i] = nil
	c.queue = append(c.queue[:i], c.queue[i+1:]...)
}

// answers reports whether the datagram that just came in gets the close packet again: the 1st, 2nd, 4th, 8th, ...
func (c *closedConn) answers() bool {
	c.seen++
	return c.packet != nil && c.seen&(c.seen-1) == 0
}
