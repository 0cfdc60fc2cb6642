package core

import (
	"fmt"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// step lets one item go on. It reports whether there was one.
func (w *World) step() bool {
	if w.ready.len() == 0 {
		return false
	}
	i := w.order.next(w.journal.steps, &w.ready)
	if i < 0 {
		return false
	}
	it := w.ready.remove(i)
	w.take(it)
	if it.runner != nil && w.order.isFused(it) {
		w.takeFused(it)
	}
	return true
}

// take lets one item take its step.
func (w *World) take(it *item) {
	w.stepping = it
	w.journal.step(w.now, it)
	switch {
	case it.runner != nil:
		w.stepRoom(it)
	case it.loop != nil:
		w.running = it.loop
		it.loop.ready = false
		it.loop.next()
		w.running = nil
	default:
		w.stirred.Store(true)
		it.queue.pop().f()
		if it.queue.len() > 0 {
			w.ready.add(it)
		} else {
			it.queue.forget()
		}
	}
	w.stepping = nil
}

// fusedSteps bounds the steps that the rooms of a fused connection take in one go.
const fusedSteps = 1000

// takeFused lets the other rooms of a connection go on until none has mail.
func (w *World) takeFused(it *item) {
	for range fusedSteps {
		i := 0
		for i < w.ready.len() && w.ready.items[i].connection() != it.connection() {
			i++
		}
		if i == w.ready.len() || w.stirred.Load() {
			return // the app's turn comes first: it may have been woken
		}
		w.take(w.ready.remove(i))
	}
}

// stepRoom gives a room some of its mail, has it flush, and looks whether it is in order.
func (w *World) stepRoom(it *item) {
	r, step := it.runner, w.journal.steps
	most, mail := w.order.most(step), r.Waiting()
	w.quotas.note(mail)
	if w.order.plain(it) {
		r.StepInOrder(most)
	} else {
		for n := range most {
			e := w.order.edge(step, n, it, mail)
			if e < 0 {
				break
			}
			r.Step(e, 1)
			mail = r.Waiting()
		}
	}
	if r.StepFlush() {
		w.ready.add(it)
	}
	w.checks.after(w, it)
}

// checks is what is looked at after every step of a room.
type checks struct {
	extra func(room string) error
	turns uint64
	off   bool // a fault was found
}

// thorough is how many steps of rooms lie between two looks that go to the end of every list.
const thorough = 32

func (c *checks) after(w *World, it *item) {
	if c.off {
		return
	}
	check := it.runner.Check
	if c.turns++; c.turns%thorough == 0 {
		check = it.runner.CheckAll
	}
	err := check()
	if err == nil && c.extra != nil {
		err = c.extra(it.name)
	}
	if err == nil && w.pace.Now() != w.now {
		err = fmt.Errorf("time passed while room %s took a step: a TLS callback slept, or waited for a timer; "+
			"in a simulation it must return at once", it.name)
	}
	if err != nil {
		c.off = true
		w.Fail(fmt.Errorf("host %s, after a step of room %s: %w", it.host.name, it.name, err))
	}
}

// Occupancy is how full an edge has been.
type Occupancy struct{ Most, Quota int }

// quotas notes how full edges get.
type quotas struct{ edges map[string]Occupancy }

func (q *quotas) note(mail []actor.EdgeMail) {
	for i := range mail {
		e := &mail[i]
		if e.Count == 0 {
			continue
		}
		if o := q.edges[e.Edge]; e.Count > o.Most {
			q.edges[e.Edge] = Occupancy{e.Count, e.Quota}
		}
	}
}

// Occupancies is how full each kind of edge has been, by its name.
func (w *World) Occupancies() map[string]Occupancy { return w.quotas.edges }

// instant turns the world's age into the clock of its network.
func instant(t time.Duration) mono.Time { return mono.Time(t) }
