package core

import (
	"strings"

	"quicpro/internal/actor"
	"quicpro/sim/core/draw"
)

// item is something that can take a step now.
type item struct {
	host   *Host
	name   string
	id     uint64 // hash of host and name
	runner actor.Runner
	loop   *loop
	queue  *queue
}

// String says whose step it would be.
func (it *item) String() string {
	name := it.host.name + ": " + it.name
	if it.queue != nil {
		name += ", " + it.queue.fifo[0].kind
	}
	return name
}

// connection is what the rooms of a connection have in common.
type connection struct {
	host *Host
	name string // all before the last slash of the rooms' names
}

// connection is the connection that a room belongs to; none, if it is no room.
func (it *item) connection() connection {
	if it.runner == nil {
		return connection{}
	}
	return connection{it.host, it.name[:max(strings.LastIndexByte(it.name, '/'), 0)]}
}

// ready lists what can take a step, the longest-waiting first.
type ready struct{ items []*item }

func (r *ready) len() int     { return len(r.items) }
func (r *ready) add(it *item) { r.items = append(r.items, it) }

// remove takes the i-th away and returns it.
func (r *ready) remove(i int) *item {
	it := r.items[i]
	copy(r.items[i:], r.items[i+1:])
	last := len(r.items) - 1
	r.items[last] = nil
	r.items = r.items[:last]
	return it
}

// Order says how steps are ordered. The zero Order is the plain one: first come, first served, and a room handles all its
// mail in the order in which it was sent.
type Order struct {
	// Shuffle is the probability that a window of steps is in an order that the seed draws: which room is next, how much of
	// its mail it gets before it flushes, from which edges.
	Shuffle float64
	// Starve is the probability, for each window, that one room or edge is held back from then on, for as long as a
	// thousand steps.
	Starve float64
	// Fuse is the probability, for each connection, that its rooms take their steps as if they shared a goroutine: one
	// after the other until none has mail.
	Fuse float64
}

// windowSteps is how many steps one decision about their order covers.
const windowSteps = 64

// order is the schedule of a run.
type order struct {
	Order
	place  draw.Place
	window uint64 // the present one, plus one
	mixed  bool   // it is shuffled
	victim victim
	fused  map[connection]bool
	ranks  uint64 // connections seen
}

// victim is what is held back.
type victim struct {
	id    uint64 // of a room; 0: nobody
	edge  string // of that room; empty: all
	until uint64 // step
}

func newOrder(o Order, s *draw.Source) order {
	return order{Order: o, place: s.At("schedule"), fused: make(map[connection]bool)}
}

// begin takes the decisions of a window when its first step comes.
func (o *order) begin(step uint64, r *ready) {
	n := step / windowSteps
	if n+1 == o.window {
		return
	}
	o.window = n + 1
	o.mixed = o.place.Happens(n, "shuffled", o.Shuffle)
	if step >= o.victim.until {
		o.victim = victim{}
	}
	if !o.place.Happens(n, "starved", o.Starve) {
		return
	}
	it := r.items[o.place.IntN(n, "victim", r.len())]
	if it.runner == nil {
		return
	}
	o.victim = victim{id: it.id, until: step + uint64(100+o.place.IntN(n, "how long", 900))}
	if o.place.IntN(n, "all edges", 2) == 0 {
		return
	}
	if edges := it.runner.Waiting(); len(edges) > 0 {
		o.victim.edge = edges[o.place.IntN(n, "edge", len(edges))].Edge
	}
}

// next chooses who takes the step: an index, or -1 if nobody can.
func (o *order) next(step uint64, r *ready) int {
	o.begin(step, r)
	held := -1
	free := 0
	for i, it := range r.items {
		switch {
		case it.host.frozen:
		case o.holds(it):
			held = i
		case !o.mixed:
			return i
		default:
			free++
		}
	}
	if free == 0 {
		if held >= 0 {
			o.victim = victim{} // nothing else is left to do
		}
		return held
	}
	k := o.place.IntN(step, "who", free)
	for i, it := range r.items {
		if it.host.frozen || o.holds(it) {
			continue
		}
		if k == 0 {
			return i
		}
		k--
	}
	panic("core: one of the free items is gone")
}

// holds reports whether all that it could do is held back.
func (o *order) holds(it *item) bool {
	if o.victim.id == 0 || it.id != o.victim.id || it.runner == nil {
		return false
	}
	if o.victim.edge == "" {
		return true
	}
	for _, e := range it.runner.Waiting() {
		if e.Count > 0 && e.Edge != o.victim.edge {
			return false
		}
	}
	return true
}

// most is how many messages a room gets before it flushes.
func (o *order) most(step uint64) int {
	if !o.mixed {
		return turnLimit
	}
	return 1 + o.place.IntN(step, "how many", 1<<o.place.IntN(step, "magnitude", 7))
}

// turnLimit is how many messages a room of a real machine handles before it flushes.
const turnLimit = 64

// plain reports whether a room handles its mail in the order in which it was sent.
func (o *order) plain(it *item) bool { return !o.mixed && it.id != o.victim.id }

// edge chooses whose message is next, of a room that has mail; -1 if all that is left is held back and some was handled.
func (o *order) edge(step uint64, n int, it *item, mail []actor.EdgeMail) int {
	best, free, held := -1, 0, -1
	for i := range mail {
		e := &mail[i]
		switch {
		case e.Count == 0:
		case it.id == o.victim.id && e.Edge == o.victim.edge:
			held = i
		case o.mixed:
			free++
		case best < 0 || e.Since < mail[best].Since:
			best = i
		}
	}
	switch {
	case best >= 0:
		return best
	case free > 0:
		return o.draw(step, n, free, it, mail)
	case n > 0:
		return -1
	}
	return held
}

func (o *order) draw(step uint64, n, free int, it *item, mail []actor.EdgeMail) int {
	k := o.place.IntN(step<<8|uint64(n), "whose", free)
	for i := range mail {
		if mail[i].Count == 0 || it.id == o.victim.id && mail[i].Edge == o.victim.edge {
			continue
		}
		if k == 0 {
			return i
		}
		k--
	}
	panic("core: one of the free edges is gone")
}

// isFused reports whether the rooms of it's connection take their steps together.
func (o *order) isFused(it *item) bool {
	of := it.connection()
	fused, known := o.fused[of]
	if !known {
		fused = o.place.Happens(o.ranks, "fused", o.Fuse)
		o.ranks++
		o.fused[of] = fused
	}
	return fused
}
