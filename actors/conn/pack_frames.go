package conn

import (
	"quicpro/wire"
)

// fill writes frames into the open packet: an ACK if one is owed, then what elicits one.
func (c *Conn) fill() {
	k := &c.packing
	sp := k.p.level.Space()
	s := &c.spaces[sp]
	elicit := c.mayElicit(k.p.level)
	// RFC 9000 s13.2.1: an ACK SHOULD ride on every packet that is sent anyway.
	if s.received.due(c.now) || elicit && s.received.fresh {
		before := len(k.b)
		k.b = s.received.append(k.b, c.now, c.cfg.Params.AckDelayExponent, k.room())
		if len(k.b) > before {
			c.remember(fact{kind: factAck, at: uint64(s.received.largest)})
		}
	}
	if !elicit {
		return
	}
	c.fillCrypto()
	if k.p.level == wire.LevelApp && c.crypto.complete {
		c.fillControl()
		c.fillRows()
		c.fillStreams()
	}
	if !k.p.eliciting && s.probes > 0 && k.room() > 0 {
		// RFC 9002 s6.2.4: if there is nothing to send, a PING.
		// What the oldest packets carried may be on its way back from its stream: the other probe waits for it.
		k.b = wire.Ping{}.Append(k.b)
		k.p.eliciting = true
		s.pinged = true
	}
}

// carry notes that the open packet carries an ack-eliciting frame.
func (c *Conn) carry(f fact) {
	c.packing.p.eliciting = true
	c.remember(f)
}

func (c *Conn) fillCrypto() {
	k := &c.packing
	out := &c.crypto.levels[k.p.level.Space()].out
	for out.Owes() {
		// The offset is not known before Next; its widest encoding is allowed for.
		off, p, ok := out.Next(wire.CryptoFit(wire.MaxVarint, k.room()))
		if !ok {
			return
		}
		k.b = wire.Crypto{Offset: off, Data: p}.Append(k.b)
		c.carry(fact{kind: factCrypto, at: uint64(off), size: uint32(len(p))})
	}
}

// fillControl writes the frames that the connection owes.
func (c *Conn) fillControl() {
	k, o := &c.packing, &c.owed
	if h := &c.path.challenge; h.owed && k.room() >= (wire.PathResponse{}).Len() {
		h.owed = false
		k.b = wire.PathResponse{Data: h.data}.Append(k.b)
		k.p.eliciting = true
		// RFC 9000 s8.2.2: the datagram is expanded, so that the path is known to carry 1200 bytes.
		k.expand = true
	}
	o.handshakeDone = o.handshakeDone && !put(c, wire.HandshakeDone{}, fact{kind: factHandshakeDone})
	limit := c.flow.recv.Limit()
	o.maxData = o.maxData && !put(c, wire.MaxData{Max: limit}, fact{kind: factMaxData, at: uint64(limit)})
	for d := range o.maxStreams {
		most := c.streams.peer[d].Limit()
		o.maxStreams[d] = o.maxStreams[d] && !put(c, wire.MaxStreams{Uni: d == 1, Max: most}, fact{kind: factMaxStreamsBidi + factKind(d), at: most})
	}
	o.dataBlocked = o.dataBlocked && !put(c, wire.DataBlocked{Limit: o.blockedAt}, fact{kind: factDataBlocked, at: uint64(o.blockedAt)})
	c.fillIDs()
}

// put writes a frame that elicits an ACK, if there is room for it, and reports whether there was.
func put[F interface {
	Len() int
	Append([]byte) []byte
}](c *Conn, f F, about fact) bool {
	k := &c.packing
	if k.room() < f.Len() {
		return false
	}
	k.b = f.Append(k.b)
	c.carry(about)
	return true
}

// fillIDs writes NEW_CONNECTION_ID and RETIRE_CONNECTION_ID.
func (c *Conn) fillIDs() {
	for e := c.ids.local.owed(); e != nil; e = c.ids.local.owed() {
		if !put(c, wire.NewConnectionID{Seq: e.seq, ID: e.id, Token: e.token}, fact{kind: factNewID, at: e.seq}) {
			return
		}
		e.told = true
	}
	for e := c.ids.peer.owed(); e != nil; e = c.ids.peer.owed() {
		if !put(c, wire.RetireConnectionID{Seq: e.seq}, fact{kind: factRetireID, at: e.seq}) {
			return
		}
		e.told = true
	}
}

// fillRows writes the frames that streams owe.
func (c *Conn) fillRows() {
	for r := c.streams.owing.first; r != nil; r = c.streams.owing.first {
		o := &r.rare.owes
		about := func(kind factKind) fact { return fact{kind: kind, row: r.index, gen: r.gen} }
		o.reset = o.reset && !put(c, wire.ResetStream{ID: r.id, Code: o.resetCode, FinalSize: o.resetFinal}, about(factReset))
		o.stop = o.stop && !put(c, wire.StopSending{ID: r.id, Code: o.stopCode}, about(factStop))
		o.maxData = o.maxData && !put(c, wire.MaxStreamData{ID: r.id, Max: o.maxDataAt}, about(factMaxStreamData))
		o.blocked = o.blocked && !put(c, wire.StreamDataBlocked{ID: r.id, Limit: o.blockedAt}, about(factStreamBlocked))
		if o.any() {
			return // no room
		}
		r.cut(listOwing)
	}
}

// fillStreams writes STREAM frames: what was lost first, then by urgency, equals in turn.
func (c *Conn) fillStreams() {
	s := &c.streams
	for {
		r, again := s.next(c.flow.send.Available())
		if r == nil {
			return
		}
		q, queued := &r.fresh, &s.freshBytes
		if again {
			q, queued = &r.rare.again, &s.againBytes
		}
		n, ok := c.streamFrameOut(r, q)
		if !ok {
			return
		}
		*queued -= n
		s.served(r, again)
		if !r.whole && r.sentTo-r.toldTo >= min(tellSent, wire.Offset(c.cfg.Limits.UnsentBytes)/4) {
			s.news.put(r)
			s.bulkAt = c.now
		}
	}
}

// streamFrameOut writes one STREAM frame from the front of a queue and returns the weight that left it. ok is false if
// there was no room.
func (c *Conn) streamFrameOut(r *row, q *segments) (left int, ok bool) {
	k := &c.packing
	first := q.front()
	off := first.Off
	bare := wire.StreamHeaderLen(r.id, off, 0, true)
	room := k.room() - bare
	if room < 1 || room < minStreamData && len(first.B) > room {
		return 0, false
	}
	// Without a Length field the data fills the packet; otherwise other frames may follow.
	n := q.contiguous(room)
	if first.Fresh {
		n = min(n, int(min(c.flow.send.Available(), wire.Offset(n))))
	}
	toEnd := n == room
	if !toEnd {
		n = min(n, wire.StreamFit(r.id, off, k.room()))
		if n < 0 {
			return 0, false
		}
	}
	fin := q.finWithin(n)
	k.b = wire.AppendStreamHeader(k.b, r.id, off, n, fin, toEnd)
	if first.Fresh {
		c.flow.send.Spend(wire.Offset(n))
	}
	k.b, left = q.copyOut(k.b, n, fin)
	k.p.toEnd = toEnd
	r.sentTo = max(r.sentTo, off+wire.Offset(n))
	c.carry(fact{kind: factStream, row: r.index, gen: r.gen, at: uint64(off), size: uint32(n), fin: fin})
	return left, true
}

// minStreamData is the least data worth a STREAM frame of its own at the end of a packet.
const minStreamData = 16

// contiguous is how many bytes follow one another at the front, up to limit.
func (s *segments) contiguous(limit int) int {
	n, off := 0, s.front().Off
	for i := s.head; i < len(s.q) && n < limit; i++ {
		g := &s.q[i]
		if g.Off != off+wire.Offset(n) || g.Fresh != s.front().Fresh && len(g.B) > 0 {
			break
		}
		n += len(g.B)
	}
	return min(n, limit)
}

// finWithin reports whether the FIN is among the first n contiguous bytes, or right behind them.
func (s *segments) finWithin(n int) bool {
	end := s.front().Off + wire.Offset(n)
	for i := s.head; i < len(s.q); i++ {
		g := &s.q[i]
		switch last := g.Off + wire.Offset(len(g.B)); {
		case last > end || g.Off < s.front().Off || last < s.front().Off:
			return false
		case last == end && g.Fin:
			return true
		}
	}
	return false
}

// copyOut appends the first n bytes to b and takes them out of the queue, with the FIN behind them if fin is set.
func (s *segments) copyOut(b []byte, n int, fin bool) (out []byte, left int) {
	for {
		g := s.front()
		if take := min(n, len(g.B)); take < len(g.B) {
			b = append(b, g.B[:take]...)
			g.B, g.Off = g.B[take:], g.Off+wire.Offset(take)
			return b, left + take
		}
		b = append(b, g.B...)
		n -= len(g.B)
		left += weight(g)
		last := *g
		if k := g.Chunk; k != nil {
			k.Release()
		}
		s.pop()
		if s.empty() || n == 0 && (!fin || last.Fin) {
			return b, left
		}
	}
}
