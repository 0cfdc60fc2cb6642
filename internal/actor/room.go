package actor

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"quicpro/internal/mono"
)

// turnLimit is how many messages a room handles before it flushes: a busy neighbour cannot delay a flush for longer.
const turnLimit = 64

// runLimit is how many turns a launched room has in a row.
const runLimit = 16

// Spec says how a room is born.
type Spec struct {
	// Name appears in panics, logs and simulator traces, and derives from protocol identities.
	Name string
	// Capacity is the sum of the quotas of all edges that will ever lead into the room at one time.
	Capacity int
	// Supervisor is told how the room ends. It may be nil.
	Supervisor Supervisor
}

// Room is one actor: an inbox and the behaviour that owns it.
type Room[M any] struct {
	spec Spec
	sys  System

	mail    *inbox[M]    // of a stepless System; nil in a crowd
	steps   *steps[M]    // nil there
	company *company[M]  // nil if it shares nothing
	pending atomic.Int32 // messages sent less messages taken; in a crowd they count when they are gathered

	// owned by the running turn
	taken   int32
	b       Behaviour[M]
	current M         // what is being handled, if busy
	now     mono.Time // of the turn
	began   mono.Time // when the flush was deferred
	yielder bool      // b is a Yielder
	leaver  bool      // b is a Leaver
	touched bool      // in a crowd: it had mail in this turn
	busy    bool      // between a message's arrival at the behaviour and its return
	late    bool      // its flush was deferred
	gone    bool
	died    bool
}

// company is what a room shares.
type company[M any] struct {
	crowd *Crowd[M]   // whose inbox it has; nil: its own
	outs  []deliverer // what gathers its messages
}

// Spawn makes a room. It has no goroutine until its first mail.
func Spawn[M any](sys System, spec Spec, b Behaviour[M]) *Room[M] {
	r := new(Room[M])
	r.Init(sys, spec, b)
	return r
}

// Init is Spawn for a room whose memory is part of something larger.
func (r *Room[M]) Init(sys System, spec Spec, b Behaviour[M]) {
	r.spec, r.sys, r.b = spec, sys, b
	r.know(b)
	if sys.Stepping() {
		r.steps = new(steps[M])
	} else {
		r.mail = new(inbox[M])
		r.mail.init()
	}
}

// Reuse makes a room that is at rest one that was never launched, with its inbox of before. The ports that led into it
// still do: they must be forgotten, or opened for the same edges again.
func (r *Room[M]) Reuse(sys System, spec Spec, b Behaviour[M]) {
	if r.steps != nil {
		r.steps = r.steps.renewed()
	}
	r.spec, r.sys, r.b = spec, sys, b
	r.current, r.taken, r.now, r.began = *new(M), 0, 0, 0
	r.busy, r.gone, r.died, r.late, r.touched = false, false, false, false, false
	r.know(b)
}

// crowd is whose inbox the room has, nil if it has one of its own.
func (r *Room[M]) crowd() *Crowd[M] {
	if r.company == nil {
		return nil
	}
	return r.company.crowd
}

// know asks once what else the behaviour can do.
func (r *Room[M]) know(b Behaviour[M]) {
	_, r.yielder = b.(Yielder)
	_, r.leaver = b.(Leaver)
}

// AtRest reports whether the room, which has left, has released all its mail, so that no goroutine is in it.
func (r *Room[M]) AtRest() bool {
	return r.pending.Load() == 0 && (r.steps == nil || r.steps.held == 0)
}

// Name is the room's name.
func (r *Room[M]) Name() string { return r.spec.Name }

// Port opens an edge into the room that carries at most quota messages at a time.
func (r *Room[M]) Port(name string, quota int) Port[M] {
	if r.steps == nil {
		return Port[M]{room: r}
	}
	return Port[M]{room: r, edge: r.open(name, quota)}
}

// Port is the sending end of an edge. The zero Port is not connected: Send on it panics.
type Port[M any] struct {
	room *Room[M]
	edge *edge[M]   // nil in a stepless System
	out  *Outbox[M] // nil: at once
}

// Connected reports whether the port leads anywhere.
func (p Port[M]) Connected() bool { return p.room != nil }

// Send hands m to the room. It never blocks; a full inbox is a broken quota and panics with the edge's name, which only a
// stepping room knows, or the message's type.
func (p Port[M]) Send(m M) {
	r := p.room
	switch {
	case p.out != nil:
		p.out.add(p, m)
	case p.edge != nil:
		r.handed(p.edge.name)
		r.put(p.edge, m)
	case r.crowd() != nil:
		r.pending.Add(1)
		r.crowd().add(letter[M]{r, m})
	default:
		if !r.mail.add(r.spec.Capacity, m) {
			r.full(m)
		}
		if r.pending.Add(1) == 1 {
			r.sys.Launch(r)
		}
	}
}

func (r *Room[M]) full(m M) {
	panic(fmt.Sprintf("actor: inbox of room %s is full at %T: a quota is broken", r.spec.Name, m))
}

// add puts mail into the inbox, and has an idle room launched.
func (r *Room[M]) add(m ...M) {
	if !r.mail.add(r.spec.Capacity, m...) {
		r.full(m[0])
	}
	if n := int32(len(m)); r.pending.Add(n) == n {
		r.sys.Launch(r)
	}
}

// Close gives the edge's quota back to a stepping room. The edge must be empty or its room gone.
func (p Port[M]) Close() {
	if p.edge == nil {
		return
	}
	p.room.steps.granted -= p.edge.quota
	p.edge.quota = 0
}

// Run drains and flushes until the inbox stays empty. It is the System's to call, once a Launch. A room that is never without
// mail is launched anew behind runLimit turns: where rooms share a goroutine the others have theirs, and whoever lent it
// has it back.
func (r *Room[M]) Run() {
	defer r.rescue()
	for range runLimit {
		if !r.turn() {
			return
		}
	}
	r.sys.Launch(r)
}

// turn handles one batch and flushes; it reports whether mail is left.
func (r *Room[M]) turn() bool {
	r.now = r.sys.Now()
	r.drain(turnLimit)
	r.deliver()
	if r.yielder && r.yields(r.b.(Yielder)) {
		return false
	}
	r.flush()
	n := r.taken
	r.taken = 0
	return r.pending.Add(-n) > 0
}

// yields lets others work before the flush, if the behaviour profits from it. It reports whether the System will run the
// room again for the flush; what was taken still counts as mail until then, so that nobody else launches the room.
func (r *Room[M]) yields(b Yielder) bool {
	if r.late {
		r.late = false
		if !r.gone {
			b.Yielded(r.began, r.now)
		}
	}
	if r.gone {
		return false
	}
	switch w := r.asks(b); {
	case w == NoWait:
	case r.deferred(w):
		r.late, r.began = true, r.now
		return true
	case w == ForAll:
		began := r.sys.Now()
		runtime.Gosched()
		r.now = r.sys.Now()
		b.Yielded(began, r.now)
		r.drain(turnLimit)
	}
	return false
}

// asks asks the behaviour whom it waits for, and hands over what it has for them.
func (r *Room[M]) asks(b Yielder) Wait {
	w := b.Yields(r.now)
	r.deliver()
	return w
}

// deferred asks the System to run the room again.
func (r *Room[M]) deferred(w Wait) bool {
	d, ok := r.sys.(Deferrer)
	return ok && d.Later(r, w)
}

// drain handles what has been counted: whoever counts a message too late for it launches the room, or makes for a turn more.
func (r *Room[M]) drain(limit int) {
	for ; limit > 0 && r.pending.Load() > r.taken; limit-- {
		r.taken++
		r.handle(r.mail.take())
	}
}

func (r *Room[M]) handle(m M) {
	r.current, r.busy = m, true
	if r.gone {
		release(m)
	} else {
		r.b.Handle(r.now, m)
	}
	var none M
	r.current, r.busy = none, false
}

func (r *Room[M]) flush() {
	if r.gone {
		return
	}
	r.b.Flush(r.now)
	r.deliver()
	r.leave()
}

// leave ends the room if its behaviour is over.
func (r *Room[M]) leave() {
	if r.leaver && r.b.(Leaver).Left() {
		r.end()
		if r.spec.Supervisor != nil {
			r.spec.Supervisor.Left(r.spec.Name)
		}
	}
}

// end turns the room into one that only releases.
func (r *Room[M]) end() {
	r.gone = true
	r.b, r.yielder, r.leaver = nil, false, false
}

// rescue keeps a panic inside its room.
func (r *Room[M]) rescue() {
	if v := recover(); v != nil {
		r.die(v)
	}
}

// die ends the room for a panic: it is gone, its supervisor knows, what it has said is handed over, and its mail is released.
func (r *Room[M]) die(v any) {
	m, busy, mine := r.current, r.busy, !r.gone
	var none M
	r.current, r.busy = none, false
	r.end()
	if !r.died {
		r.died = true
		d := Death{Room: r.spec.Name, Message: "flush", Value: v, Stack: debug.Stack()}
		if busy {
			d.Message = fmt.Sprintf("%T", m)
		}
		if busy && mine {
			tryRelease(m)
		}
		if r.spec.Supervisor != nil {
			r.spec.Supervisor.Died(d)
		}
	}
	r.tryDeliver()
	n := r.taken
	r.taken = 0
	if !r.sys.Stepping() && r.crowd() == nil && r.pending.Add(-n) > 0 {
		r.sys.Launch(r)
	}
}

// tryDeliver hands over what a room that died has said before.
func (r *Room[M]) tryDeliver() {
	defer func() { _ = recover() }()
	r.deliver()
}

// tryRelease releases a message whose handling panicked: its handler may have let go of some of it already.
func tryRelease[M any](m M) {
	defer func() { _ = recover() }()
	release(m)
}

func release[M any](m M) {
	if rel, ok := any(m).(Releaser); ok {
		rel.Release()
	}
}
