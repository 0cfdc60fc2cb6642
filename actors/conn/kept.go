package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/wire"
)

// A small message that a stream pushes whole is conn's from then on: conn repeats what is lost of it, and tells the stream
// nothing of its fate. So acknowledgements wake no stream, and one that has said everything leaves at once; its row
// remains until the peer has all of the message.

// buffers are empty ones, for whole messages of any connection.
var buffers actor.Pool[buffer.SendBuffer]

// keep takes a whole message over, and queues it.
func (c *Conn) keep(r *row, p *port.Push) {
	s := &c.streams
	r.whole = true
	s.smallAt = c.now
	c.cfg.Company.Said(c.now)
	r.kept = buffers.Get()
	for i := range p.Segments {
		if k := p.Segments[i].Chunk; k != nil {
			r.kept.Write(k) // with the segment's hold
		}
	}
	r.kept.Fin()
	s.swap(r, p)
	s.requeue(r)
	if r.stopped {
		c.keptStopped(r) // the stream has not heard of it, or does not care any more
	}
}

// swap makes the list of a push, whose chunks are kept now, the row's queue, and gives the push an empty one if there is one: a
// stream that has said all needs none, but its room will serve again.
func (s *streams) swap(r *row, p *port.Push) {
	if r.fresh.q != nil {
		return
	}
	clear(p.Segments)
	r.fresh.q, p.Segments = p.Segments[:0], nil
	if n := len(s.spare); n > 0 {
		p.Segments, s.spare = s.spare[n-1], s.spare[:n-1]
	}
}

// requeue queues what the peer is owed of r's message.
func (s *streams) requeue(r *row) {
	for g, ok := r.kept.Next(port.BigBatch, wire.MaxVarint); ok; g, ok = r.kept.Next(port.BigBatch, wire.MaxVarint) {
		s.enqueue(r, g)
	}
}

// keptAcked takes the acknowledgement of bytes of a whole message.
func (c *Conn) keptAcked(r *row, f *fact) {
	if r.kept == nil {
		return
	}
	r.kept.Acked(wire.Offset(f.at), wire.Offset(f.at)+wire.Offset(f.size), f.fin)
	if r.kept.AllAcked() {
		c.arrived(r)
	}
}

// keptLost repeats what is missing of a whole message, or its reset.
func (c *Conn) keptLost(r *row, f *fact) {
	switch {
	case r.kept == nil:
	case f.kind == factStream:
		r.kept.Lost(wire.Offset(f.at), wire.Offset(f.at)+wire.Offset(f.size), f.fin)
		c.streams.requeue(r)
	case f.kind == factReset:
		// RFC 9000 s13.3: RESET_STREAM is sent until acknowledged, with the same content.
		r.seldom().owes.reset = true
		c.streams.owing.put(r)
	}
}

// keptStopped takes the peer's wish that we stop sending a whole message.
func (c *Conn) keptStopped(r *row) {
	if r.kept == nil || r.kept.WasReset() {
		return
	}
	// RFC 9000 s3.5: MUST send RESET_STREAM in "Ready" or "Send", and SHOULD copy the code. In "Data Sent" it may be deferred;
	// at once is simpler, and the peer wants the bytes no more.
	c.streams.discard(r)
	r.kept.Reset()
	k := r.seldom()
	o := &k.owes
	o.reset, o.resetCode, o.resetFinal = true, k.stop, r.sentTo
	c.streams.owing.put(r)
}

// arrived is told that the peer has all of a whole message, or its reset.
func (c *Conn) arrived(r *row) {
	c.streams.discard(r)
	c.streams.unkeep(r)
	if r.link == nil {
		c.gone(r)
	}
}

// unkeep lets go of a whole message.
func (s *streams) unkeep(r *row) {
	if r.kept == nil {
		return
	}
	r.kept.Renew()
	buffers.Put(r.kept)
	r.kept = nil
}

// part forgets the stream of a row whose message the peer has not got yet. What the stream owed otherwise means nothing
// any more.
func (s *streams) part(r *row) {
	r.cut(listNews)
	r.link.Down.Filled().Release()
	r.link.ConnRow, r.link = nil, nil
	if o := &r.rare.owes; o.any() {
		o.stop, o.maxData, o.blocked = false, false, false
		if !o.any() {
			r.cut(listOwing)
		}
	}
}
