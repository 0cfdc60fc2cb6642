package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// fakeStream is a stream room that keeps what it gets and sends what it is told, without rules of its own.
type fakeStream struct {
	s       *side
	link    *port.Stream
	kick    actor.Port[port.ToStream]
	out     buffer.SendBuffer
	in      buffer.Reassembly
	limit   wire.Offset // the peer's
	spent   wire.Offset
	window  int // what the peer may have unread
	granted wire.Offset
	urgency uint8

	got      []byte
	reset    *port.Deliver
	stop     *port.Deliver
	delivers int
	lost     []port.SentRange
	hold     bool // what arrives is not consumed
	consumed int
	total    int // bytes consumed in all
	owed     port.Push
	owes     bool
	ended    bool
	answered bool
	left     bool
	released bool
	stopped  *port.Cause
}

func (f *fakeStream) Left() bool { return f.left }
func (f *fakeStream) Handle(now mono.Time, m port.ToStream) {
	switch m := m.(type) {
	case *port.Deliver:
		f.deliver(m)
	case *port.Wake:
		if m.FromConn {
			f.link.Up.Woken()
		}
	case *port.Stop:
		f.stopped, f.left = m.Cause, true
		f.in.Release()
		f.out.Reset()
	}
}

func (f *fakeStream) deliver(m *port.Deliver) {
	f.delivers++
	for _, s := range m.Spans {
		if err := f.in.Insert(s.Off, s.B, f.s.chunks); err != nil {
			panic(err)
		}
		if s.Fin {
			f.in.SetFinal(s.Off + wire.Offset(len(s.B)))
		}
		s.Batch.Release()
	}
	if m.HasReset {
		d := *m
		f.reset = &d
	}
	if m.HasStop {
		d := *m
		f.stop = &d
	}
	f.limit = max(f.limit, m.MaxStreamData)
	for _, r := range m.Fates {
		if !r.Lost {
			continue
		}
		f.lost = append(f.lost, r)
		f.out.Lost(r.Lo, r.Hi, r.Fin)
	}
	for _, r := range m.Fates {
		if r.Lost {
			continue
		}
		f.out.Acked(r.Lo, r.Hi, r.Fin)
	}
	if m.LostReset {
		f.owed.HasReset, f.owes = true, true
	}
	if m.LostStop {
		f.owed.HasStop, f.owes = true, true
	}
	if m.LostMaxData {
		f.owed.MaxData, f.owes = f.granted, true
	}
	if f.link.Down.Free() {
		f.s.home.Send(&f.link.Freed)
	}
}

func (f *fakeStream) Flush(mono.Time) {
	if f.left {
		return
	}
	if !f.hold {
		f.read()
	}
	for f.owes || f.out.Owes() && (f.out.Unsent() == 0 || f.limit > f.spent || f.out.Resend() > 0) {
		p, ok := f.link.Up.Ready()
		if !ok {
			return
		}
		p.Reset()
		s := p.Stream
		held := p.Segments
		*p = f.owed
		p.Stream, p.Segments = s, held[:0]
		f.owed, f.owes = port.Push{}, false
		p.Priority.Urgency = f.urgency
		for {
			g, ok := f.out.Next(64<<10, f.limit-f.spent)
			if !ok {
				break
			}
			if g.Fresh {
				f.spent += wire.Offset(len(g.B))
			}
			p.Segments = append(p.Segments, g)
		}
		f.ended = p.Ended
		f.s.home.Send(p)
		if f.ended {
			f.left = true
			f.in.Release()
			f.out.Reset()
			return
		}
	}
}

// read consumes what has arrived, and grants more.
func (f *fakeStream) read() {
	n := f.in.Readable()
	if n == 0 {
		return
	}
	b := make([]byte, n)
	f.in.Read(b)
	f.got = append(f.got, b...)
	f.owed.Consumed += n
	f.total += n
	f.owes = true
	if limit := f.in.Offset() + wire.Offset(f.window); limit > f.granted+wire.Offset(f.window)/2 {
		f.granted = limit
		f.owed.MaxData = limit
	}
}

// write sends bytes.
func (f *fakeStream) write(b []byte, fin bool) {
	for len(b) > 0 {
		c := f.s.chunks.Get(len(b))
		n := copy(c.Space(), b)
		c.B = c.Space()[:n]
		f.out.Write(c)
		b = b[n:]
	}
	if fin {
		f.out.Fin()
	}
	f.poke()
}

// push asks conn for more than bytes.
func (f *fakeStream) push(fill func(*port.Push)) {
	fill(&f.owed)
	f.owes = true
	f.poke()
}

// end says the last word.
func (f *fakeStream) end() { f.push(func(p *port.Push) { p.Ended = true }) }

// poke makes the room flush.
func (f *fakeStream) poke() { f.kick.Send(&port.Wake{}) }
