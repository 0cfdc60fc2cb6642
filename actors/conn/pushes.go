package conn

import (
	"quicpro/actors/port"
	"quicpro/wire"
)

// pushed takes what a stream wants.
func (c *Conn) pushed(p *port.Push) {
	link := p.Stream
	if c.life.state != alive {
		c.pushedLate(p)
		return
	}
	r, _ := link.ConnRow.(*row)
	if r == nil {
		r = c.introduce(link)
	}
	c.take(r, p)
	c.owePush(r, p)
	clear(p.Segments) // what lies in the record after that must not keep the chunks
	fault, ended := p.Fault, p.Ended
	if link.Up.Free() {
		link.FromConn.Send(port.WakeUp)
	}
	if ended {
		c.ended(r)
	}
	if fault != nil {
		c.fail(fault)
	}
}

// pushedLate releases a push after the end; a stream that conn did not know gets its Stop here.
func (c *Conn) pushedLate(p *port.Push) {
	link := p.Stream
	known := link.ConnRow != nil
	p.Release()
	link.Up.Free()
	if known {
		return
	}
	c.introduce(link)
	if c.life.state == over {
		link.FromConn.Send(&c.life.stop)
	}
}

// introduce makes the row of a stream of ours.
func (c *Conn) introduce(link *port.Stream) *row {
	l := &c.streams.local[direction(link.ID)]
	l.opened = max(l.opened, link.ID.Seq()+1)
	l.live++
	return c.streams.add(link)
}

// take queues the bytes of a push.
func (c *Conn) take(r *row, p *port.Push) {
	s := &c.streams
	s.prioritise(r, p.Priority.Urgency)
	if p.HasReset {
		// RFC 9000 s19.4: after RESET_STREAM no STREAM frame is sent again.
		s.discard(r)
		for i := range p.Segments {
			if k := p.Segments[i].Chunk; k != nil {
				k.Release()
			}
		}
		return
	}
	if len(p.Segments) > 0 {
		s.touch(r)
	}
	if p.Whole {
		c.keep(r, p)
		return
	}
	for i := range p.Segments {
		s.enqueue(r, p.Segments[i])
	}
}

// owePush notes the frames that a push asks for, and returns credit.
func (c *Conn) owePush(r *row, p *port.Push) {
	if p.HasReset || p.HasStop || p.MaxData > 0 || p.BlockedAt > 0 {
		c.oweFrames(r, p)
	}
	if p.MaxWindow > 0 {
		c.flow.recv.EnsureAtLeast(2 * wire.Offset(p.MaxWindow))
	}
	if p.Consumed > 0 {
		c.flow.recv.Consumed(wire.Offset(p.Consumed))
	}
}

func (c *Conn) oweFrames(r *row, p *port.Push) {
	o := &r.seldom().owes
	if p.HasReset {
		// RFC 9000 s4.5: the final size is charged to the connection's flow control: segments that were forgotten had no
		// credit yet, so it is the end of what was sent.
		o.reset, o.resetCode, o.resetFinal = true, code(p.ResetCode), r.sentTo
		o.blocked = false
	}
	if p.HasStop {
		o.stop, o.stopCode = true, code(p.StopCode)
	}
	if p.MaxData > 0 {
		o.maxData, o.maxDataAt = true, p.MaxData
	}
	if p.BlockedAt > 0 {
		o.blocked, o.blockedAt = true, p.BlockedAt
	}
	if o.any() {
		c.streams.owing.put(r)
	}
}

// code is an application's error code, as far as a frame can carry it.
func code(c uint64) wire.AppErrorCode { return wire.AppErrorCode(min(c, wire.MaxVarint)) }

// ended forgets a stream that has said its last word, but for a message that is kept.
func (c *Conn) ended(r *row) {
	link := r.link
	if r.kept != nil {
		c.streams.part(r)
	} else {
		c.gone(r)
	}
	c.cfg.Streams.Forget(link)
}

// gone forgets the row of a stream that is over, and makes room for another one.
func (c *Conn) gone(r *row) {
	s := &c.streams
	d := direction(r.id)
	if r.id.Initiator() == c.cfg.Role {
		s.local[d].ended++
		s.local[d].live--
	} else {
		s.peer[d].End()
	}
	s.free(r)
}

// deliver hands the streams their news.
func (c *Conn) deliver() {
	s := &c.streams
	rtt := c.windowRTT()
	for r := s.news.first; r != nil; {
		after := r.in(listNews).next
		r.cut(listNews)
		d := r.link.Down.Filling()
		d.SentTo = r.sentTo
		d.RTT = rtt
		// If one is in flight, the stream's wake puts the row back into the list.
		if m, next, ok := r.link.Down.Ready(); ok {
			if next != nil {
				next.Spans = s.spans.back(next.Spans)
				next.Reset()
			}
			r.toldTo = r.sentTo
			r.link.FromConn.Send(m)
		}
		r = after
	}
}

// grantStreams tells h3 how many streams it may open, when that is more than it knows.
func (c *Conn) grantStreams() {
	s := &c.streams
	if s.creditOut || !c.crypto.complete {
		return
	}
	bidi, uni := s.local[0].creditFor(), s.local[1].creditFor()
	if bidi <= s.local[0].granted && uni <= s.local[1].granted {
		return
	}
	s.local[0].granted, s.local[1].granted = bidi, uni
	s.credit = port.StreamCredit{Bidi: bidi, Uni: uni}
	s.creditOut = true
	c.ports.ToH3.Send(&s.credit)
}
