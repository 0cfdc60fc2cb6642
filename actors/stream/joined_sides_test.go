package stream

import (
	"slices"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// packet is what the network carries: some data, or some frames, or both.
type packet struct {
	off     wire.Offset
	b       []byte
	data    bool
	fin     bool
	reset   bool
	final   wire.Offset
	stop    bool
	maxData wire.Offset
	blocked wire.Offset
	arrived bool
	fated   bool // its sender knows what became of it
}

// sideConn stands in for conn.
type sideConn struct {
	*end
	queue   []port.Push // with segments and frames not in packets yet
	frames  packet      // frames that are owed
	sentTo  wire.Offset
	wasSent wire.Offset // what counts for the peer's connection window
	credit  wire.Offset // the peer's connection window
	unsent  []segment
	packets map[int]*packet // by number, those whose fate is open
	sent    int

	received wire.Offset // highest, or final
	consumed wire.Offset
	resetOut bool
	ended    bool
	stopping bool

	kept     []byte // a whole message, until the peer has it or its reset
	whole    bool
	has      buffer.RangeSet[wire.Offset] // what of it the peer has
	hasFin   bool
	resetFor bool // the peer wants none of it
}

type segment struct {
	off   wire.Offset
	b     []byte
	fin   bool
	fresh bool
	chunk *actor.Chunk
}

func (c *sideConn) Handle(_ mono.Time, m port.ToConn) {
	switch m := m.(type) {
	case *port.StreamWake:
		c.link.Down.Woken()
	case *port.Push:
		c.push(m)
	}
}

func (c *sideConn) push(m *port.Push) {
	if c.stopping {
		m.Release()
		c.link.Up.Free()
		return
	}
	if c.ended {
		c.fault("end %d: a Push after Ended: %s", c.me, describePush(m))
	}
	if describePush(m) == "nothing" {
		c.fault("end %d: a Push that says nothing", c.me)
	}
	if m.HasReset {
		c.drop()
		c.resetOut = true
		c.frames.reset, c.frames.final = true, min(m.ResetFinal, c.sentTo)
	}
	if m.Whole {
		c.kept, c.whole, c.has = []byte{}, true, buffer.NewRangeSet[wire.Offset](1000)
	}
	for _, g := range m.Segments {
		if c.resetOut {
			c.fault("end %d: segments after a reset", c.me)
		}
		if c.kept != nil {
			c.kept = append(c.kept, g.B...)
		}
		c.unsent = append(c.unsent, segment{g.Off, g.B, g.Fin, g.Fresh, g.Chunk})
	}
	c.frames.stop = c.frames.stop || m.HasStop
	c.frames.maxData = max(c.frames.maxData, m.MaxData)
	c.frames.blocked = max(c.frames.blocked, m.BlockedAt)
	c.consumed += wire.Offset(m.Consumed)
	c.peer.conn.credit += wire.Offset(m.Consumed) // MAX_DATA, which is never lost here
	if m.Fault != nil {
		c.fault("end %d: blames its peer: %v", c.me, m.Fault)
	}
	ended := m.Ended
	if c.link.Up.Free() {
		c.link.FromConn.Send(port.WakeUp)
	}
	if ended {
		c.ended = true
		if c.kept == nil {
			c.drop()
		}
		c.link.Down.Filling().Release()
	}
}

// over reports whether nothing more is sent.
func (c *sideConn) over() bool { return c.stopping || c.ended && c.kept == nil }

// keptFate repeats what is lost of a whole message.
func (c *sideConn) keptFate(p *packet, arrived bool) {
	switch hi := p.off + wire.Offset(len(p.b)); {
	case arrived && p.data && !c.resetFor:
		c.has.Add(p.off, hi)
		c.hasFin = c.hasFin || p.fin
	case p.data && !c.resetFor:
		c.unsent = append(c.unsent, segment{off: p.off, b: c.kept[p.off:hi], fin: p.fin})
	}
	if p.reset && !arrived {
		c.frames.reset, c.frames.final = true, c.sentTo
	}
	if arrived && p.reset || c.hasFin && c.has.Count() == wire.Offset(len(c.kept)) && !c.resetFor {
		c.drop()
		c.kept = nil
	}
}

func (c *sideConn) drop() {
	for _, g := range c.unsent {
		if g.chunk != nil {
			g.chunk.Release()
		}
	}
	c.unsent = nil
}

// Flush sends packets, of whatever sizes.
func (c *sideConn) Flush(mono.Time) {
	for !c.over() && c.rng.IntN(8) != 0 && c.packetise() {
	}
}

// packetise makes a packet. It reports whether there was something to send.
func (c *sideConn) packetise() bool {
	p := c.frames
	c.frames = packet{}
	if len(c.unsent) > 0 {
		c.segmentise(&p)
	}
	if !p.data && !p.reset && !p.stop && p.maxData == 0 && p.blocked == 0 {
		return false
	}
	c.packets[c.sent] = &p
	c.sent++
	return true
}

func (c *sideConn) segmentise(p *packet) {
	at := slices.IndexFunc(c.unsent, func(g segment) bool { return !g.fresh && g.off+wire.Offset(len(g.b)) <= c.sentTo })
	at = max(at, 0) // what is sent again needs no credit and goes first
	g := &c.unsent[at]
	n := min(len(g.b), 1+c.rng.IntN(1200))
	if g.fresh {
		n = min(n, int(c.credit))
		if n == 0 && len(g.b) > 0 {
			return
		}
		c.credit -= wire.Offset(n)
	}
	p.data, p.off, p.b = true, g.off, append([]byte(nil), g.b[:n]...)
	c.sentTo = max(c.sentTo, g.off+wire.Offset(n))
	if !c.whole {
		c.link.Down.Filling().SentTo = c.sentTo
	}
	g.off, g.b = g.off+wire.Offset(n), g.b[n:]
	if len(g.b) == 0 {
		p.fin = g.fin
		if g.chunk != nil {
			g.chunk.Release()
		}
		c.unsent = slices.Delete(c.unsent, at, at+1)
	}
}

// event is something that happens in the network, or conn's own turn.
func (c *sideConn) event() {
	if c.stopping {
		return
	}
	if n := c.sent; n > 0 && c.rng.IntN(4) != 0 {
		for k := range 20 {
			at := c.rng.IntN(n)
			if k < 10 {
				at = max(0, n-1-c.rng.IntN(20)) // most packets are young
			}
			if p := c.packets[at]; p != nil {
				c.travel(at, p)
				break
			}
		}
		if c.rng.IntN(50) == 0 {
			for i := range n { // no packet waits for ever
				if p := c.packets[i]; p != nil {
					c.travel(i, p)
				}
			}
		}
	}
	c.Flush(c.now)
	c.deliver()
}

// travel lets a packet arrive, or its sender learn its fate.
func (c *sideConn) travel(number int, p *packet) {
	if c.rng.IntN(100) >= c.plan.loss {
		c.peer.conn.arrive(p)
		p.arrived = true
	}
	if c.rng.IntN(4) == 0 {
		return // it may arrive again
	}
	c.fate(p, p.arrived && c.rng.IntN(100) >= c.plan.loss/4) // now and then a loss is declared in error
	delete(c.packets, number)
}

func (c *sideConn) fate(p *packet, arrived bool) {
	if c.kept != nil {
		c.keptFate(p, arrived)
	}
	if c.ended {
		return
	}
	m := c.link.Down.Filling()
	r := port.SentRange{Lo: p.off, Hi: p.off + wire.Offset(len(p.b)), Fin: p.fin}
	switch {
	case c.whole:
	case arrived && p.data:
		m.Fates = append(m.Fates, r)
	case p.data:
		r.Lost = true
		m.Fates = append(m.Fates, r)
	}
	if arrived && !c.whole {
		m.AckedReset = m.AckedReset || p.reset
	}
	if arrived {
		return
	}
	m.LostReset = m.LostReset || p.reset && !c.whole
	m.LostStop = m.LostStop || p.stop
	m.LostMaxData = m.LostMaxData || p.maxData > 0
	m.LostBlocked = m.LostBlocked || p.blocked > 0
}

// arrive takes a packet of the peer.
func (c *sideConn) arrive(p *packet) {
	if p.stop && c.kept != nil && !c.resetFor {
		c.drop()
		c.resetFor, c.frames.reset, c.frames.final = true, true, c.sentTo
	}
	if c.ended || c.stopping {
		return
	}
	m := c.link.Down.Filling()
	m.RTT = 5 * time.Microsecond
	top := c.received
	if p.data {
		top = max(top, p.off+wire.Offset(len(p.b)))
		c.out++
		batch := port.NewRxBatch(append([]byte(nil), p.b...), func(r *port.RxBatch) {
			c.out--
			clear(r.B)
		})
		m.Spans = append(m.Spans, port.Span{Off: p.off, B: batch.B, Fin: p.fin, Batch: batch})
	}
	if p.reset {
		m.HasReset, m.ResetCode, m.ResetFinal = true, 5, p.final
		top = max(top, p.final)
	}
	if p.stop && !c.whole {
		m.HasStop, m.StopCode = true, 6
	}
	m.MaxStreamData = max(m.MaxStreamData, p.maxData)
	c.received = top
	if c.received > c.consumed+wire.Offset(c.plan.connWide) {
		c.fault("end %d: the connection's window is overrun", c.me)
	}
}

// deliver hands over what there is, if it is time and anything.
func (c *sideConn) deliver() {
	m := c.link.Down.Filling()
	some := len(m.Spans)+len(m.Fates) > 0 || m.SentTo > 0 || m.HasReset || m.HasStop || m.MaxStreamData > 0 ||
		m.AckedReset || m.LostReset || m.LostStop || m.LostMaxData || m.LostBlocked
	if c.ended || !some {
		return
	}
	if m, next, ok := c.link.Down.Ready(); ok {
		next.Reset()
		c.link.FromConn.Send(m)
	}
}

// sideH3 stands in for h3.
type sideH3 struct {
	*end
	sends, reads bool

	size, written int
	finished      bool // FIN or reset was written
	room          int
	got           int
	untaken       int
	done          bool // the peer's half: FIN, reset, or not wanted
	fin, reset    bool
	stopped       bool // the peer wants no more
	refused       bool // we want no more
	gone          bool // Done was said, or Ended was heard
	ended         bool // Ended was heard
	stopping      bool
}

func (h *sideH3) Handle(_ mono.Time, m port.ToH3) {
	if _, tock := m.(*port.Fired); h.ended && !tock {
		h.fault("end %d: %T behind the last word", h.me, m)
	}
	switch m := m.(type) {
	case *port.StreamWake:
		h.link.Out.Woken()
	case *port.Read:
		h.read(m)
	}
}

func (h *sideH3) read(m *port.Read) {
	if h.stopping {
		m.Release()
		h.link.In.Free()
		return
	}
	if h.gone && (m.Fin || m.HasReset) {
		h.fault("end %d: an end after Done: %s", h.me, describeRead(m))
	}
	for _, p := range m.Pieces {
		for i, b := range p.B {
			if want := content(1-h.me, h.got+i); b != want {
				h.fault("end %d: byte %d is %x, want %x", h.me, h.got+i, b, want)
				break
			}
		}
		h.got += len(p.B)
		h.untaken += len(p.B)
		p.Chunk.Release()
	}
	h.fin, h.reset = h.fin || m.Fin, h.reset || m.HasReset
	h.done = h.done || m.Fin || m.HasReset
	h.stopped = h.stopped || m.HasStop
	h.room = m.Room
	if m.Ended {
		if !h.done || !h.finished {
			h.fault("end %d: the last word before the end: %s", h.me, describeRead(m))
		}
		h.ended, h.gone = true, true
	}
	if h.link.In.Free() {
		h.link.FromH3.Send(port.WakeIn)
	}
}

// Flush writes, takes and ends, in its own time.
func (h *sideH3) Flush(mono.Time) {
	if h.stopping || h.gone {
		return
	}
	m, some := h.link.Out.Filling(), false
	if h.sends && !h.finished {
		some = h.compose(m)
	}
	if h.untaken > 0 && h.rng.IntN(2) == 0 {
		n := 1 + h.rng.IntN(h.untaken)
		m.Taken += n
		h.untaken -= n
		some = true
	}
	if h.reads && !h.done && h.plan.stops[h.me] && h.rng.IntN(60) == 0 {
		m.HasStop, m.StopCode, h.done, h.refused, some = true, 6, true, true, true
	}
	if (h.done || !h.reads) && (h.finished || !h.sends) && h.rng.IntN(3) == 0 {
		m.Done, some = true, true
	}
	if !some && m.Taken == 0 && len(m.Chunks) == 0 && !m.Fin && !m.HasReset && !m.HasStop {
		return
	}
	if m, next, ok := h.link.Out.Ready(); ok {
		h.gone = m.Done
		next.Reset()
		h.link.FromH3.Send(m)
	}
}

// compose writes bytes and ends. It reports whether it did.
func (h *sideH3) compose(m *port.Write) (some bool) {
	for h.written < h.size && h.room > 0 && h.rng.IntN(4) != 0 {
		n := min(1+h.rng.IntN(3000), h.size-h.written, h.room)
		c := h.chunks.Get(n)
		for i := range n {
			c.B = append(c.B, content(h.me, h.written+i))
		}
		m.Chunks = append(m.Chunks, c)
		h.written, h.room, some = h.written+n, h.room-n, true
	}
	switch {
	case h.stopped, h.plan.resets[h.me] && h.rng.IntN(80) == 0:
		m.HasReset, m.ResetCode, h.finished, some = true, 5, true, true
	case h.written == h.size && h.rng.IntN(3) == 0:
		m.Fin, h.finished, some = true, true, true
		m.Last = h.me == 0 && h.size%2 == 0
	}
	return some
}

// tock is h3's own turn.
func (h *sideH3) tock() { h.Flush(h.now) }
