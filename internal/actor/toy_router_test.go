package actor_test

import (
	"slices"

	"quicpro/internal/mono"
)

// router maps operations to streams.
type router struct {
	leaver
	w *world

	waiting []*op // for stream credit
	ops     []*op
	credit  int
	local   int // local streams alive
	open    int // streams known to live
	nextID  int

	stopping bool
}

func (r *router) Handle(_ mono.Time, m any) {
	switch m := m.(type) {
	case *op:
		if r.stopping {
			m.Release()
			return
		}
		r.waiting = append(r.waiting, m)
	case *respond:
		if m.op.finished {
			m.Release()
			return
		}
		m.op.said = true
		m.op.push, m.op.out = append(m.op.push, m.op.out...), nil
	case *returned:
		if !r.stopping {
			r.w.routerToConn.Send(&handlerLeft{m.op.ref.id})
		}
	case *wake:
		m.taken()
	case *haul:
		r.delivered(m)
	case *ended:
		r.remove(m.s, m.whole)
	case *credit:
		r.credit += m.n
		if m.slot.Free() {
			m.wake.post(r.w, r.w.routerToConn)
		}
	case *stopNow:
		r.stop()
	}
}

func (r *router) delivered(h *haul) {
	if r.stopping {
		r.know(h.s)
		h.Release()
		return
	}
	o := h.s.op
	if o == nil {
		r.know(h.s)
		o = newServed(r.w, h.s.id)
		o.ref, h.s.op = h.s, o
		r.ops = append(r.ops, o)
	}
	o.owed = append(o.owed, h.pieces...)
	h.pieces = h.pieces[:0]
	o.held = h
}

func (r *router) know(s *streamRef) {
	if !s.known {
		s.known = true
		r.open++
	}
}

func (r *router) remove(s *streamRef, whole bool) {
	if s.known {
		r.open--
		if s.id%4 == 0 {
			r.local--
		}
	}
	s.toRouter.Close() // ended was its last message
	s.fromRouter.Send(&s.releasedRouter)
	if s.op != nil {
		s.op.ended = whole // what was stopped is answered at the router's own stop
	}
}

func (r *router) stop() {
	r.stopping = true
	for _, o := range r.waiting {
		o.Release()
	}
	for _, o := range r.ops {
		o.push, o.owed = releasePieces(o.push), releasePieces(o.owed)
		if o.held != nil {
			o.held.free(r.w, o.ref.fromRouter)
			o.held = nil
		}
		o.finished, o.ok = true, false
		o.client.answer(o)
	}
	r.waiting, r.ops = nil, nil
}

func (r *router) Flush(mono.Time) {
	if r.stopping {
		if r.open == 0 {
			r.left = true
			r.w.routerToConn.Send(&routerEnded{})
		}
		return
	}
	for len(r.waiting) > 0 && r.credit > 0 && r.local < localStreams {
		r.begin(r.waiting[0])
		r.waiting = r.waiting[1:]
	}
	for _, o := range r.ops {
		r.serve(o)
	}
	r.ops = slices.DeleteFunc(r.ops, func(o *op) bool { return o.finished })
}

func (r *router) begin(o *op) {
	r.credit--
	r.local++
	s := r.w.spawnStream(4 * r.nextID)
	r.nextID++
	r.know(s)
	o.ref, s.op = s, o
	o.push, o.out = append(o.push, o.out...), nil
	r.ops = append(r.ops, o)
	r.w.routerToConn.Send(&s.opened)
}

func (r *router) serve(o *op) {
	push := &o.ref.push
	for len(o.push) > 0 && push.slot.TakeOrWant() { // the second time it leaves word
		n := min(len(o.push), pushPieces)
		push.pieces = append(push.pieces[:0], o.push[:n]...)
		o.push = o.push[n:]
		o.ref.fromRouter.Send(push)
	}
	if len(o.owed) > 0 && o.body.slot.TakeOrWant() {
		o.body.pieces = append(o.body.pieces[:0], o.owed...)
		o.owed = o.owed[:0]
		o.finSent = o.body.pieces[len(o.body.pieces)-1].fin
		o.client.deliver(&o.body)
	}
	if o.held != nil && len(o.owed) == 0 {
		o.held.free(r.w, o.ref.fromRouter)
		o.held = nil
	}
	if o.ended && o.finSent {
		if len(o.push) > 0 || o.served && !o.said {
			panic("toy: a stream is whole without its whole body")
		}
		o.finished, o.ok = true, true
		o.client.answer(o)
	}
}
