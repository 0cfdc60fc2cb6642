package actor

import "fmt"

// steps is what a room has in a stepping System instead of its inbox.
type steps[M any] struct {
	edges   []*edge[M]
	held    int        // messages in edges
	granted int        // sum of the quotas of open ports
	seen    []EdgeMail // what Waiting returned last
	arrived uint64     // messages sent
}

// edge is one edge of a stepping room.
type edge[M any] struct {
	name  string
	quota int
	fifo  []M
	since []uint64 // when each arrived, in messages to the room
	taken int      // of fifo
	over  bool     // its room serves again
}

// renewed is what a room that serves again has. Who still sends on an edge of before has kept a port for too long.
func (s *steps[M]) renewed() *steps[M] {
	for _, e := range s.edges {
		e.over, e.quota = true, 0
	}
	return new(steps[M])
}

// open is Port in a stepping System.
func (r *Room[M]) open(name string, quota int) *edge[M] {
	s := r.steps
	if s.granted += quota; s.granted > r.spec.Capacity {
		panic(fmt.Sprintf("actor: room %s holds %d messages, but its edges up to %s may carry %d", r.spec.Name, r.spec.Capacity, name, s.granted))
	}
	e := &edge[M]{name: name, quota: quota}
	s.edges = append(s.edges, e)
	return e
}

// put is Send in a stepping System: one FIFO an edge, every bound enforced.
func (r *Room[M]) put(e *edge[M], m M) {
	if e.over {
		panic(fmt.Sprintf("actor: %T on edge %s of a room that serves again, as %s", m, e.name, r.spec.Name))
	}
	if r.gone {
		release(m)
		return
	}
	if e.waiting() >= e.quota {
		panic(fmt.Sprintf("actor: edge %s into room %s carries more than its quota of %d", e.name, r.spec.Name, e.quota))
	}
	if r.steps.held >= r.spec.Capacity {
		panic(fmt.Sprintf("actor: inbox of room %s is full (%d) at edge %s", r.spec.Name, r.spec.Capacity, e.name))
	}
	if len(e.fifo) == cap(e.fifo) && e.taken > 0 {
		e.compact()
	}
	counter := &r.steps.arrived
	if r.crowd() != nil {
		counter = &r.crowd().arrived
	}
	*counter++
	e.fifo = append(e.fifo, m)
	e.since = append(e.since, *counter)
	r.steps.held++
	switch {
	case r.crowd() != nil:
		r.crowd().put(r, e)
	case r.steps.held == 1:
		r.sys.Launch(r)
	}
}

// Waiting lists the room's edges and their mail.
func (r *Room[M]) Waiting() []EdgeMail {
	r.steps.seen = r.steps.seen[:0]
	live := r.steps.edges[:0]
	for _, e := range r.steps.edges {
		if e.quota == 0 && e.waiting() == 0 {
			continue // closed by its sender
		}
		live = append(live, e)
		mail := EdgeMail{Edge: e.name, Count: e.waiting(), Quota: e.quota}
		if mail.Count > 0 {
			mail.Since = e.since[e.taken]
		}
		r.steps.seen = append(r.steps.seen, mail)
	}
	clear(r.steps.edges[len(live):])
	r.steps.edges = live
	return r.steps.seen
}

// Step delivers k messages of one edge.
func (r *Room[M]) Step(edge, k int) {
	defer r.rescue()
	r.now = r.sys.Now()
	tap, _ := r.sys.(Tap)
	for e := r.steps.edges[edge]; k > 0; k-- {
		r.step(e, tap)
	}
}

// StepInOrder delivers k messages of any edge.
func (r *Room[M]) StepInOrder(k int) {
	defer r.rescue()
	r.now = r.sys.Now()
	tap, _ := r.sys.(Tap)
	for ; k > 0 && r.steps.held > 0; k-- {
		var oldest *edge[M]
		for _, e := range r.steps.edges {
			if e.waiting() > 0 && (oldest == nil || e.since[e.taken] < oldest.since[oldest.taken]) {
				oldest = e
			}
		}
		r.step(oldest, tap)
	}
}

func (r *Room[M]) step(e *edge[M], tap Tap) {
	m := e.take()
	r.steps.held--
	if tap != nil {
		tap.Delivered(e.name, m)
	}
	r.handle(m)
}

// take removes the first message. The memory of those that were taken is used again once the edge is empty.
func (e *edge[M]) take() M {
	var none M
	m := e.fifo[e.taken]
	e.fifo[e.taken] = none
	if e.taken++; e.taken == len(e.fifo) {
		e.fifo, e.since, e.taken = e.fifo[:0], e.since[:0], 0
	}
	return m
}

// compact makes room behind the last message instead of before the first.
func (e *edge[M]) compact() {
	n := copy(e.fifo, e.fifo[e.taken:])
	clear(e.fifo[n:])
	copy(e.since, e.since[e.taken:])
	e.fifo, e.since, e.taken = e.fifo[:n], e.since[:n], 0
}

// waiting is how many messages are on the edge.
func (e *edge[M]) waiting() int { return len(e.fifo) - e.taken }

// StepFlush ends a batch.
func (r *Room[M]) StepFlush() bool {
	defer r.rescue()
	r.now = r.sys.Now()
	r.flush()
	return r.steps.held > 0
}
