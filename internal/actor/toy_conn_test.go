package actor_test

import (
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// conn numbers packets, packs what its streams offer, and hands out what arrives.
type conn struct {
	leaver
	w *world

	streams []*connStream
	byID    map[int]*connStream
	yielded bool
	half    map[int]bool // peer's streams that ended, or whose handler returned, but not both
	alive   int          // peer's streams that the peer has no new credit for

	home  []*txBatch
	final *txBatch // reserved for the close
	sent  map[int][]sentPart
	num   int
	next  int // whose turn it is to be packed

	owedMaxStreams int
	credit         credit
	owedCredit     int

	stopping, routerGone, protectTold bool
}

// connStream is conn's half of a stream.
type connStream struct {
	*streamRef
	queue    []piece
	held     bool // the up slot, until the queue is packed
	owed     []segment
	acked    int
	finAcked bool
}

func newConn(w *world) *conn {
	c := &conn{w: w, byID: map[int]*connStream{}, half: map[int]bool{}, sent: map[int][]sentPart{}, final: w.getTX()}
	for range txBatches {
		c.home = append(c.home, w.getTX())
	}
	c.credit.wake.slot = &c.credit.slot
	c.owedCredit = localStreams
	return c
}

func (c *conn) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *start:
	case *rxBatch:
		c.receive(m)
	case *haul:
		c.offered(m)
	case *wake:
		m.taken()
	case *opened:
		c.meet(m.s)
	case *ended:
		c.meet(m.s)
		c.remove(m.s)
	case *handlerLeft:
		c.halfGone(m.id)
	case *txBatch:
		c.home = append(c.home, m)
	case *routerEnded:
		c.routerGone = true
	case *protectEnded:
		c.left = true
	case *stopNow:
		c.stop()
	}
}

func (c *conn) receive(b *rxBatch) {
	for _, f := range b.frames {
		if c.stopping {
			break
		}
		switch f.kind {
		case frameBytes:
			cs := c.byID[f.id]
			if cs == nil {
				cs = c.accept(f.id)
			}
			b.refs.Add(1)
			cs.owed = append(cs.owed, segment{batch: b, off: f.off, b: f.b, fin: f.fin})
		case frameAck:
			for _, part := range c.sent[f.id] {
				part.cs.acked += part.n
				part.cs.finAcked = part.cs.finAcked || part.fin
			}
			delete(c.sent, f.id)
		}
	}
	b.Release()
}

// accept spawns a peer's stream on its first frame.
func (c *conn) accept(id int) *connStream {
	if id%4 != 1 {
		panic("toy: bytes for a local stream that is gone")
	}
	if c.alive++; c.alive > peerStreams {
		panic("toy: the peer has more streams than credit")
	}
	return c.meet(c.w.spawnStream(id))
}

// meet registers a stream at the first word of it: the router's Opened and what the stream itself says travel on
// different edges, so either may come first, and Opened even after Ended.
func (c *conn) meet(s *streamRef) *connStream {
	if s.met {
		return c.byID[s.id]
	}
	s.met = true
	cs := &connStream{streamRef: s}
	c.streams = append(c.streams, cs)
	c.byID[s.id] = cs
	if c.stopping {
		s.fromConn.Send(&s.stop)
	}
	return cs
}

func (c *conn) offered(h *haul) {
	cs := c.meet(h.s)
	if c.stopping {
		h.Release()
		return
	}
	cs.queue = append(cs.queue, h.pieces...)
	h.pieces = h.pieces[:0]
	cs.held = true
}

func (c *conn) remove(s *streamRef) {
	delete(c.byID, s.id)
	for i, cs := range c.streams {
		if cs.streamRef == s {
			c.streams = append(c.streams[:i:i], c.streams[i+1:]...)
			break
		}
	}
	s.toConn.Close() // ended was its last message
	s.fromConn.Send(&s.releasedConn)
	if s.id%4 == 1 {
		c.halfGone(s.id)
	} else {
		c.owedCredit++
	}
}

func (c *conn) halfGone(id int) {
	if !c.half[id] {
		c.half[id] = true
		return
	}
	delete(c.half, id)
	c.alive--
	c.owedMaxStreams++
}

// stop seals the close first, then tells the streams and the router.
func (c *conn) stop() {
	if c.stopping {
		return
	}
	c.stopping = true
	c.final.frames = append(c.final.frames[:0], frame{kind: frameClose})
	c.final.used = 0
	c.w.connToProtect.Send(c.final)
	c.final = nil
	for _, cs := range c.streams {
		cs.queue = releasePieces(cs.queue)
		for _, s := range cs.owed {
			s.batch.Release()
		}
		cs.owed = nil
		if cs.held {
			cs.held = false
			cs.up.slot.Free()
		}
		cs.fromConn.Send(&cs.stop)
	}
	c.w.connToRouter.Send(&stopNow{})
}

func (c *conn) Flush(mono.Time) {
	if c.stopping {
		for _, b := range c.home {
			b.Release()
		}
		c.home = c.home[:0]
		if len(c.streams) == 0 && c.routerGone && !c.protectTold {
			c.protectTold = true
			c.w.connToProtect.Send(&stopNow{})
		}
		return
	}
	for len(c.home) > 0 && c.pack() {
	}
	for _, cs := range c.streams {
		if cs.held && len(cs.queue) == 0 {
			cs.held = false
			cs.up.free(c.w, cs.fromConn)
		}
		if len(cs.owed) == 0 && cs.acked == 0 && !cs.finAcked {
			continue
		}
		if cs.down.slot.TakeOrWant() {
			cs.down.segs = append(cs.down.segs[:0], cs.owed...)
			cs.down.acked, cs.down.finAcked = cs.acked, cs.finAcked
			cs.owed, cs.acked, cs.finAcked = cs.owed[:0], 0, false
			cs.fromConn.Send(&cs.down)
		}
	}
	if c.owedCredit > 0 && c.credit.slot.TakeOrWant() {
		c.credit.n, c.owedCredit = c.owedCredit, 0
		c.w.connToRouter.Send(&c.credit)
	}
}

// pack fills and sends one packet, if there is anything to say.
func (c *conn) pack() bool {
	b := c.home[len(c.home)-1]
	b.used, b.frames = 0, b.frames[:0]
	var parts []sentPart
	if c.owedMaxStreams > 0 {
		b.add(frame{kind: frameMaxStreams, id: c.owedMaxStreams})
		c.owedMaxStreams = 0
	}
	for range c.streams {
		c.next++
		cs := c.streams[c.next%len(c.streams)]
		for len(cs.queue) > 0 && b.used < packetSize {
			p := &cs.queue[0]
			n := min(len(p.b), packetSize-b.used, frameSize)
			last := n == len(p.b)
			b.add(frame{kind: frameBytes, id: cs.id, off: p.off, b: p.b[:n], fin: last && p.fin})
			parts = append(parts, sentPart{cs, n, last && p.fin})
			p.b, p.off = p.b[n:], p.off+n
			if last {
				p.c.Release()
				cs.queue = cs.queue[1:]
			}
		}
	}
	if len(b.frames) == 0 {
		return false
	}
	c.home = c.home[:len(c.home)-1]
	c.num++
	b.num = c.num
	c.sent[c.num] = parts
	c.w.connToProtect.Send(b)
	return true
}

// Yields makes conn the one room that waits a scheduler round.
func (c *conn) Yields(mono.Time) actor.Wait {
	if c.yielded = !c.yielded && len(c.streams) > 1 && !c.stopping; c.yielded {
		return actor.ForAll
	}
	return actor.NoWait
}

func (c *conn) Yielded(began, ended mono.Time) {
	if ended < began {
		panic("toy: a yield ended before it began")
	}
	c.w.yields.Add(1)
}
