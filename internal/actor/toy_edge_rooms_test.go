package actor_test

import (
	"math/rand/v2"
	"runtime"

	"quicpro/internal/mono"
)

// leaver is a toy room's last will.
type leaver struct{ left bool }

func (l *leaver) Left() bool { return l.left }

// reader stands between the socket and protect. It alone may drop.
type reader struct {
	leaver
	w *world
}

func (r *reader) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *datagram:
		r.receive(m)
	case *stopNow:
		r.left = true
	}
}

func (r *reader) receive(d *datagram) {
	d.dropped = r.w.circulating.Load() >= rxCirculation
	if d.dropped {
		r.w.drops.Add(1)
		if !r.w.sys.Stepping() {
			// Our peer sends it again at once: beside one processor the two of us would go on so for 10 ms, while those wait who
			// could take it.
			runtime.Gosched()
		}
	} else {
		r.w.circulating.Add(1)
		b := r.w.getRX()
		for _, f := range d.frames {
			n := copy(b.buf[b.used:], f.b)
			f.b = b.buf[b.used : b.used+n]
			b.used += n
			b.frames = append(b.frames, f)
		}
		scramble(b.buf[:b.used])
		r.w.readerToProtect.Send(b)
	}
	r.w.readerToWriter.Send(d)
}

func (r *reader) Flush(mono.Time) {}

// protect opens and seals in place.
type protect struct {
	leaver
	w        *world
	stopping bool
}

func (p *protect) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *rxBatch:
		scramble(m.buf[:m.used])
		p.w.protectToConn.Send(m)
	case *txBatch:
		scramble(m.buf[:m.used])
		p.w.protectToWriter.Send(m)
	case *stopNow:
		p.stopping = true
	}
}

func (p *protect) Flush(mono.Time) {
	if p.stopping {
		p.left = true
		p.w.protectToConn.Send(&protectEnded{})
	}
}

// writer owns the socket and, in the toy, the peer behind it: one that echoes our streams, opens its own, acknowledges
// every packet, and sends again what the reader dropped.
type writer struct {
	leaver
	w   *world
	rng *rand.Rand

	queue       []frame
	outstanding int
	begun       bool
	closed      bool
	opened      int
	limit       int
	finished    int
	logs        map[int]*peerStreamLog
}

func (p *writer) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *txBatch:
		p.transmit(m)
	case *datagram:
		p.outstanding--
		if m.dropped && !p.closed {
			p.queue = append(p.queue, m.frames...)
		}
	case *start:
		p.begun, p.limit = true, peerStreams
	case *stopNow:
		p.left = true
	}
}

func (p *writer) transmit(b *txBatch) {
	scramble(b.buf[:b.used])
	final := false
	for _, f := range b.frames {
		switch {
		case f.kind == frameClose:
			p.closed, final, p.queue = true, true, nil
		case f.kind == frameMaxStreams:
			p.limit += f.id
		case f.id%4 == 1:
			p.response(f)
		default:
			f.b = append([]byte(nil), f.b...)
			p.queue = append(p.queue, f)
		}
	}
	if final {
		b.Release()
		return
	}
	p.queue = append(p.queue, frame{kind: frameAck, id: b.num})
	p.w.writerToConn.Send(b)
}

func (p *writer) response(f frame) {
	l := p.logs[f.id]
	if f.off != l.got {
		panic("toy: a response has a gap")
	}
	for i, b := range f.b {
		if b != content(f.id+2, f.off+i) {
			panic("toy: a response is corrupt")
		}
	}
	l.got += len(f.b)
	if f.fin {
		p.finished++
		if p.finished == p.w.plan.served {
			p.w.writerToApp.Send(&peerDone{})
		}
	}
}

func (p *writer) Flush(mono.Time) {
	if p.closed || p.left || !p.begun {
		return
	}
	for p.opened < min(p.limit, p.w.plan.served) {
		p.open()
	}
	for p.outstanding < peerWindow && len(p.queue) > 0 {
		n := min(1+p.rng.IntN(4), len(p.queue))
		d := &datagram{frames: append([]frame(nil), p.queue[:n]...)}
		p.queue = p.queue[n:]
		p.outstanding++
		p.w.writerToReader.Send(d)
	}
}

func (p *writer) open() {
	id := 4*p.opened + 1
	p.opened++
	p.logs[id] = &peerStreamLog{}
	size := 1 + p.rng.IntN(p.w.plan.bytes)
	for off := 0; off < size; {
		n := min(1+p.rng.IntN(frameSize), size-off)
		b := make([]byte, n)
		for i := range b {
			b[i] = content(id, off+i)
		}
		off += n
		p.queue = append(p.queue, frame{kind: frameBytes, id: id, off: off - n, b: b, fin: off == size})
	}
}

// app begins operations while it has credit, and serves the peer's.
type app struct {
	leaver
	w   *world
	rng *rand.Rand

	begun       bool
	credit      int
	issued      int
	answered    int
	served      int
	peerDone    bool
	callersDone bool
	closing     bool
	stopping    bool
}

func (a *app) deliver(h *haul) { a.w.routerToApp.Send(h) }

func (a *app) answer(o *op) { a.w.routerToApp.Send(&o.answered) }

func (a *app) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *start:
		a.begun = true
	case *haul:
		a.read(m)
	case *answer:
		a.finish(m.op)
	case *peerDone:
		a.peerDone = true
	case *callersDone:
		a.callersDone = true
	case *stopNow:
		a.stopping = true
	}
}

func (a *app) read(h *haul) {
	o := h.op
	had := o.gotFin
	o.read(h)
	if o.served && o.gotFin && !had {
		o.out = a.w.write(a.rng, o.key+2, 1+a.rng.IntN(a.w.plan.bytes))
		a.w.appToRouter.Send(&o.respond)
	}
	h.free(a.w, a.w.appToRouter)
}

func (a *app) finish(o *op) {
	o.count()
	if o.ok && (!o.gotFin || !o.served && o.got != o.size) {
		panic("toy: an operation was answered before its body was whole")
	}
	if o.served {
		a.served++
		a.w.appToRouter.Send(&o.returned)
		return
	}
	a.answered++
	a.credit++
}

func (a *app) Flush(mono.Time) {
	if !a.begun {
		return
	}
	for a.credit > 0 && a.issued < a.w.plan.ops {
		a.issued++
		a.credit--
		a.w.appToRouter.Send(a.w.newOp(a.rng, a, a.issued))
	}
	done := a.answered == a.w.plan.ops
	if done && a.peerDone && a.served == a.w.plan.served && a.callersDone && !a.closing {
		a.closing = true
		a.w.appToConn.Send(&stopNow{})
	}
	a.left = a.stopping && done
}
