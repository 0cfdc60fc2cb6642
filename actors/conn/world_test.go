package conn

import (
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// world is a stepping System with a virtual clock: rooms run one after another, and time moves when nothing is left to
// do.
type world struct {
	now    mono.Time
	ready  []actor.Runner
	queued map[actor.Runner]bool
	events []event // in the order of their times
	turns  int
	random *rand.Rand
	deaths []actor.Death
	check  func() // may be nil: looks at everything whenever nothing is left to do
}

type event struct {
	at mono.Time
	do func()
}

func newWorld(seed uint64) *world {
	return &world{now: mono.Time(time.Hour), queued: map[actor.Runner]bool{}, random: rand.New(rand.NewPCG(seed, 1))}
}

func (w *world) Now() mono.Time { return w.now }
func (w *world) Stepping() bool { return true }
func (w *world) Launch(r actor.Runner) {
	if !w.queued[r] {
		w.queued[r] = true
		w.ready = append(w.ready, r)
	}
}

// Left and Died make the world the Supervisor of all rooms.
func (w *world) Left(string)        {}
func (w *world) Died(d actor.Death) { w.deaths = append(w.deaths, d) }
func (w *world) after(d time.Duration, do func()) {
	at := w.now.Add(d)
	i := sort.Search(len(w.events), func(i int) bool { return w.events[i].at > at })
	w.events = slices.Insert(w.events, i, event{at, do})
}

// settle runs rooms until none has mail.
func (w *world) settle() {
	for len(w.ready) > 0 {
		i := w.random.IntN(len(w.ready))
		r := w.ready[i]
		w.ready = append(w.ready[:i], w.ready[i+1:]...)
		delete(w.queued, r)
		for edge, mail := range w.waiting(r) {
			if mail > 0 {
				r.Step(edge, mail)
			}
		}
		if r.StepFlush() {
			w.Launch(r)
		}
		check := r.Check
		if w.turns++; w.turns%8 == 0 {
			check = r.CheckAll
		}
		if err := check(); err != nil {
			panic(err)
		}
		for _, d := range w.deaths {
			panic(d.Room + " died: " + string(d.Stack))
		}
	}
}

func (w *world) waiting(r actor.Runner) (counts []int) {
	for _, e := range r.Waiting() {
		counts = append(counts, e.Count)
	}
	return counts
}

// run lets d pass.
func (w *world) run(d time.Duration) { w.until(d, func() bool { return false }) }

// until lets time pass until done, at most d. It reports whether done came.
func (w *world) until(d time.Duration, done func() bool) bool {
	end := w.now.Add(d)
	for {
		w.settle()
		if w.check != nil {
			w.check()
		}
		if done() {
			return true
		}
		if len(w.events) == 0 || w.events[0].at > end {
			w.now = end
			return false
		}
		e := w.events[0]
		w.events = w.events[1:]
		w.now = max(w.now, e.at)
		e.do()
	}
}

// cell makes a cell that the world itself watches.
func (w *world) cell(ring func()) *actor.Cell {
	var look func(c *actor.Cell)
	look = func(c *actor.Cell) {
		switch at := c.Taken(); {
		case at == 0:
		case at <= w.now:
			c.Ring()
		default:
			c.Heaped(at)
			w.after(at.Sub(w.now), func() { look(c) })
		}
	}
	return actor.NewCell(look, ring)
}

// randomness is port.Random from a seed.
type randomness struct{ r *rand.Rand }

func (r randomness) Bytes(_ string, b []byte) {
	for i := range b {
		b[i] = byte(r.r.Uint32())
	}
}
func (r randomness) Uint64(string) uint64 { return r.r.Uint64() }

// txPool is port.TxPool that counts.
type txPool struct {
	most, out int
	waiting   []*port.BatchFree
}

func (p *txPool) Small() *port.TxBatch { return &port.TxBatch{B: make([]byte, 0, port.SmallBatch)} }
func (p *txPool) Big(w *port.BatchFree) *port.TxBatch {
	if p.out >= p.most {
		p.waiting = append(p.waiting, w)
		return nil
	}
	p.out++
	return &port.TxBatch{B: make([]byte, 0, port.BigBatch), Big: true}
}
func (p *txPool) Return(b *port.TxBatch) {
	if !b.Big {
		return
	}
	p.out--
	if len(p.waiting) > 0 {
		w := p.waiting[0]
		p.waiting = p.waiting[1:]
		w.Port.Send(w)
	}
}

// routes is port.Routes that remembers.
type routes struct {
	random  randomness
	issued  map[wire.ConnectionID]bool
	watched map[wire.ResetToken]bool
}

func (r *routes) Issue() (wire.ConnectionID, wire.ResetToken) {
	id := r.id()
	var token wire.ResetToken
	r.random.Bytes("", token[:])
	r.issued[id] = true
	return id, token
}
func (r *routes) id() wire.ConnectionID {
	var b [8]byte
	r.random.Bytes("", b[:])
	id, _ := wire.MakeConnectionID(b[:])
	return id
}
func (r *routes) Retire(id wire.ConnectionID)    { delete(r.issued, id) }
func (r *routes) WatchReset(t wire.ResetToken)   { r.watched[t] = true }
func (r *routes) UnwatchReset(t wire.ResetToken) { delete(r.watched, t) }
