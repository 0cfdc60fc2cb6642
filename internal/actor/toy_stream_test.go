package actor_test

import (
	"cmp"
	"slices"

	"quicpro/internal/mono"
)

// stream copies what arrives out of the batches, puts it in order, and keeps what it sent until it is acknowledged.
type stream struct {
	leaver
	*streamRef
	w *world

	segs     []segment // in batches that must go home in this turn's Flush
	downHeld bool
	parts    []piece // received, by offset
	next     int
	owed     []piece // for the router
	finOwed  bool
	finTold  bool

	send     []piece // for conn
	pushHeld bool
	unacked  []piece
	acked    int
	finAcked bool

	stopping, endTold bool
	released          int
}

func (s *stream) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *down:
		if s.stopping {
			m.Release()
			return
		}
		s.segs, s.downHeld = append(s.segs, m.segs...), true
		m.segs = m.segs[:0]
		s.acked += m.acked
		s.finAcked = s.finAcked || m.finAcked
	case *haul:
		if s.stopping {
			m.Release()
			return
		}
		s.send, s.pushHeld = append(s.send, m.pieces...), true
		m.pieces = m.pieces[:0]
	case *wake:
		m.taken()
	case *stopNow:
		s.stop()
	case *released:
		s.released++
		s.left = s.released == 2
	}
}

func (s *stream) Flush(mono.Time) {
	if s.stopping {
		s.end()
		return
	}
	s.keep()
	s.order()
	if len(s.send) > 0 && s.up.slot.TakeOrWant() {
		for _, p := range s.send {
			p.c.Retain() // conn's share
		}
		s.unacked = append(s.unacked, s.send...)
		s.up.pieces = append(s.up.pieces[:0], s.send...)
		s.send = s.send[:0]
		s.toConn.Send(&s.up)
	}
	if s.pushHeld && len(s.send) == 0 {
		s.pushHeld = false
		s.push.free(s.w, s.toRouter)
	}
	if len(s.owed) > 0 && s.deliver.slot.TakeOrWant() {
		s.deliver.pieces = append(s.deliver.pieces[:0], s.owed...)
		s.owed = s.owed[:0]
		s.finTold = s.finOwed
		s.toRouter.Send(&s.deliver)
	}
	for len(s.unacked) > 0 && len(s.unacked[0].b) <= s.acked {
		s.acked -= len(s.unacked[0].b)
		s.unacked[0].c.Release()
		s.unacked = s.unacked[1:]
	}
	if s.finAcked && len(s.unacked) == 0 && s.finTold {
		s.end()
	}
}

// keep copies the payload, so that no batch outlives this Flush.
func (s *stream) keep() {
	for _, g := range s.segs {
		c := s.w.chunks.Get(len(g.b))
		c.B = append(c.B, g.b...)
		g.batch.Release()
		p := piece{c: c, off: g.off, b: c.B, fin: g.fin}
		i, _ := slices.BinarySearchFunc(s.parts, p, func(a, b piece) int { return cmp.Compare(a.off, b.off) })
		s.parts = slices.Insert(s.parts, i, p)
	}
	s.segs = s.segs[:0]
	if s.downHeld {
		s.downHeld = false
		if s.down.slot.Free() {
			s.down.wake.post(s.w, s.toConn)
		}
	}
}

func (s *stream) order() {
	for len(s.parts) > 0 && s.parts[0].off == s.next {
		p := s.parts[0]
		s.parts = s.parts[1:]
		s.next += len(p.b)
		s.finOwed = s.finOwed || p.fin
		s.owed = append(s.owed, p)
	}
}

func (s *stream) stop() {
	s.stopping = true
	for _, g := range s.segs {
		g.batch.Release()
	}
	s.segs = nil
	s.keep()
	s.parts, s.owed = releasePieces(s.parts), releasePieces(s.owed)
	s.send, s.unacked = releasePieces(s.send), releasePieces(s.unacked)
	if s.pushHeld {
		s.pushHeld = false
		s.push.free(s.w, s.toRouter)
	}
}

func (s *stream) end() {
	if s.endTold {
		return
	}
	s.endTold = true
	s.endedConn.whole, s.endedRouter.whole = !s.stopping, !s.stopping
	s.toConn.Send(&s.endedConn)
	s.toRouter.Send(&s.endedRouter)
}
