package actor

import (
	"slices"
	"sync/atomic"

	"quicpro/internal/mono"
)

// Crowd is rooms that share an inbox, and take their turns together: each handles what there is for it, then all that had
// mail flush. For rooms with a microsecond's worth of work each, an inbox and a launch of their own would be the
// dearest part of it. In all else they are rooms like others: each has its behaviour, its supervisor and its own end.
type Crowd[M any] struct {
	name     string
	sys      System
	capacity int
	mail     inbox[letter[M]] // stepless
	pending  atomic.Int32     // stepless: letters sent less letters taken
	outs     []deliverer
	members  company[M] // what each of its rooms has

	// stepping
	live    []address[M] // edges with mail, those with the oldest first
	seen    []EdgeMail   // what Waiting returned last,
	listed  []address[M] // and the edges that it is about
	held    int
	arrived uint64

	// owned by the running turn
	now     mono.Time
	taken   int32
	touched []*Room[M] // those that handled mail in this turn
	flushed []*Room[M] // stepping: in the last one
}

// letter is mail for one room of a crowd.
type letter[M any] struct {
	to *Room[M]
	m  M
}

// address is one edge of one room of a crowd.
type address[M any] struct {
	room *Room[M]
	edge *edge[M]
}

// crowdTurn is how many messages a crowd handles before its rooms flush: each has few of them.
const crowdTurn = 8 * turnLimit

// NewCrowd makes a crowd. Its capacity is the sum of those of all rooms that will be in it at a time.
func NewCrowd[M any](sys System, name string, capacity int) *Crowd[M] {
	c := &Crowd[M]{name: name, sys: sys, capacity: capacity}
	c.members.crowd = c
	c.mail.init()
	return c
}

// Init makes a room of the crowd.
func (c *Crowd[M]) Init(r *Room[M], spec Spec, b Behaviour[M]) {
	r.spec, r.sys, r.b, r.company = spec, c.sys, b, &c.members
	r.know(b)
	if c.sys.Stepping() {
		r.steps = new(steps[M])
	}
}

// Reuse is Room.Reuse, for a room that was of this crowd or another.
func (c *Crowd[M]) Reuse(r *Room[M], spec Spec, b Behaviour[M]) {
	r.company = &c.members
	r.Reuse(c.sys, spec, b)
}

// Collect makes the crowd hand over what its rooms gather in an outbox.
func (c *Crowd[M]) Collect(o deliverer) { c.outs = append(c.outs, o) }

func (c *Crowd[M]) add(letters ...letter[M]) {
	if !c.mail.add(c.capacity, letters...) {
		panic("actor: inbox of " + c.name + " is full: a quota is broken")
	}
	if n := int32(len(letters)); c.pending.Add(n) == n {
		c.sys.Launch(c)
	}
}

// Name is the crowd's name.
func (c *Crowd[M]) Name() string { return c.name }

// Run gives the rooms their turns until no mail is left.
func (c *Crowd[M]) Run() {
	for c.turn() {
	}
}

func (c *Crowd[M]) turn() bool {
	c.now = c.sys.Now()
	for c.taken < crowdTurn && c.pending.Load() > c.taken {
		c.taken++
		l := c.mail.take()
		c.handle(l.to, l.m)
		l.to.pending.Add(-1)
	}
	c.flush()
	n := c.taken
	c.taken = 0
	return c.pending.Add(-n) > 0
}

// handle lets a room handle a message. A panic ends that room alone. One that is gone takes no part in the turn: with its last
// mail released it is at rest, and may be another crowd's at once.
func (c *Crowd[M]) handle(r *Room[M], m M) {
	defer r.rescue()
	if !r.touched && !r.gone {
		r.touched = true
		c.touched = append(c.touched, r)
	}
	r.now = c.now
	r.handle(m)
}

// flush lets those rooms flush that had mail.
func (c *Crowd[M]) flush() {
	c.deliver()
	for _, r := range c.touched {
		c.flushOne(r)
	}
	c.deliver()
	for i, r := range c.touched {
		c.touched[i] = nil
		r.touched = false
		c.leave(r) // it may be another crowd's behind this
	}
	c.touched = c.touched[:0]
}

func (c *Crowd[M]) flushOne(r *Room[M]) {
	defer r.rescue()
	if !r.gone {
		r.b.Flush(r.now)
	}
}

// leave ends a room that is over, when all that it said was handed over.
func (c *Crowd[M]) leave(r *Room[M]) {
	defer r.rescue()
	r.leave()
}

// deliver hands over what the rooms have said. If there is no place for it, nobody knows whose it is: all of them die.
func (c *Crowd[M]) deliver() {
	defer func() {
		if v := recover(); v != nil {
			for _, r := range c.touched {
				r.die(v)
			}
		}
	}()
	for _, o := range c.outs {
		o.deliver()
	}
}

// put notes that an edge of a room has one message more.
func (c *Crowd[M]) put(r *Room[M], e *edge[M]) {
	if e.waiting() == 1 {
		c.live = append(c.live, address[M]{r, e})
	}
	if c.held++; c.held == 1 {
		c.sys.Launch(c)
	}
}

// Waiting lists the edges that have mail.
func (c *Crowd[M]) Waiting() []EdgeMail {
	c.seen, c.listed = c.seen[:0], append(c.listed[:0], c.live...)
	for _, a := range c.live {
		e := a.edge
		c.seen = append(c.seen, EdgeMail{Edge: e.name, Count: e.waiting(), Quota: e.quota, Since: e.since[e.taken]})
	}
	return c.seen
}

// Step delivers k messages of one edge.
func (c *Crowd[M]) Step(edge, k int) {
	for ; k > 0; k-- {
		c.step(slices.Index(c.live, c.listed[edge]))
	}
}

// StepInOrder delivers k messages of any edge.
func (c *Crowd[M]) StepInOrder(k int) {
	for ; k > 0 && c.held > 0; k-- {
		c.step(0)
	}
}

// step delivers the first message of an edge, whose place is then behind those with older mail.
func (c *Crowd[M]) step(i int) {
	c.now = c.sys.Now()
	a := c.live[i]
	m := a.edge.take()
	a.room.steps.held--
	c.held--
	n := copy(c.live[i:], c.live[i+1:]) + i
	c.live = c.live[:n]
	if a.edge.waiting() > 0 {
		c.live = append(c.live, a)
		for ; n > 0 && c.live[n-1].first() > a.first(); n-- {
			c.live[n], c.live[n-1] = c.live[n-1], a
		}
	}
	if tap, ok := c.sys.(Tap); ok {
		tap.Delivered(a.edge.name, m)
	}
	c.handle(a.room, m)
}

// first is when the first message arrived.
func (a address[M]) first() uint64 { return a.edge.since[a.edge.taken] }

// StepFlush ends a batch.
func (c *Crowd[M]) StepFlush() bool {
	c.now = c.sys.Now()
	c.flushed = append(c.flushed[:0], c.touched...)
	for _, r := range c.flushed {
		r.now = c.now
	}
	c.flush()
	return c.held > 0
}

// Check asks the rooms that have just flushed whether what they own is in order.
func (c *Crowd[M]) Check() error { return c.each((*Room[M]).Check) }

// CheckAll is Check without bounds.
func (c *Crowd[M]) CheckAll() error { return c.each((*Room[M]).CheckAll) }

func (c *Crowd[M]) each(check func(*Room[M]) error) error {
	for _, r := range c.flushed {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}
