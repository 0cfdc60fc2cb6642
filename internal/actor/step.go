package actor

import "fmt"

// put is Send in a stepping System: one FIFO an edge, every bound enforced.
func (r *Room[M]) put(e *edge[M], m M) {
	if r.gone {
		release(m)
		return
	}
	if len(e.fifo) >= e.quota {
		panic(fmt.Sprintf("actor: edge %s into room %s carries more than its quota of %d", e.name, r.spec.Name, e.quota))
	}
	if r.held >= r.spec.Capacity {
		panic(fmt.Sprintf("actor: inbox of room %s is full (%d) at edge %s", r.spec.Name, r.spec.Capacity, e.name))
	}
	e.fifo = append(e.fifo, m)
	if r.held++; r.held == 1 {
		r.sys.Launch(r)
	}
}

// Waiting lists the room's edges and their mail.
func (r *Room[M]) Waiting() []EdgeMail {
	r.seen = r.seen[:0]
	live := r.edges[:0]
	for _, e := range r.edges {
		if e.quota == 0 && len(e.fifo) == 0 {
			continue // closed by its sender
		}
		live = append(live, e)
		r.seen = append(r.seen, EdgeMail{e.name, len(e.fifo)})
	}
	clear(r.edges[len(live):])
	r.edges = live
	return r.seen
}

// Step delivers k messages of one edge.
func (r *Room[M]) Step(edge, k int) {
	defer r.rescue()
	r.now = r.sys.Now()
	e := r.edges[edge]
	for ; k > 0; k-- {
		var none M
		m := e.fifo[0]
		e.fifo[0] = none
		e.fifo = e.fifo[1:]
		r.held--
		r.handle(m)
	}
}

// StepFlush ends a batch.
func (r *Room[M]) StepFlush() bool {
	defer r.rescue()
	r.now = r.sys.Now()
	r.flush()
	return r.held > 0
}
