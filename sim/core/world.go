package core

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
)

// World is one run: its hosts, its network, and the executor that takes every step.
type World struct {
	draw  *draw.Source
	pace  Pace
	order order
	net   *link.Network
	cal   calendar

	now      time.Duration // since the world began; it stands still while steps are taken
	hosts    []*Host
	nobody   *Host // whose the run's own orders are
	names    map[string]*Host
	addrs    map[netip.Addr]*Host
	ready    ready
	stepping *item // whose step it is
	loops    []*loop
	running  *loop // the coroutine that runs in it
	orders   queues[string]
	mail     queues[any]
	scripts  map[any]func() // what is called behind mail, by its key

	datagrams uint64 // sent
	watch     Watch  // may be nil
	bytes     uint64 // of them

	journal journal
	checks  checks
	quotas  quotas

	mu    sync.Mutex
	posts []post  // of app tasks, not yet in order
	tasks []*task // that have not ended
	fault error

	stirred atomic.Bool // an app task may be at work
}

// Options shape a run.
type Options struct {
	Draw  *draw.Source // every decision
	Pace  Pace         // Scripted, or a bubble's
	Order Order        // how steps are ordered
	// Check is asked after every step of a room, with the room's name. It may be nil. The first error is the run's Fault.
	Check func(room string) error
	// Record keeps every step for Steps, at 40 bytes each.
	Record bool
	// Tap sees every datagram at both ends of every link. It may be nil.
	Tap func(link.Event)
	// Watch is told what happens to datagrams and hosts outside the links. It may be nil.
	Watch Watch
}

// New makes an empty world.
func New(o Options) *World {
	w := &World{
		draw: o.Draw, pace: o.Pace, names: make(map[string]*Host), addrs: make(map[netip.Addr]*Host),
	}
	w.stirred.Store(true)
	w.nobody = &Host{w: w}
	w.order = newOrder(o.Order, o.Draw)
	w.net = link.NewNetwork(o.Draw)
	w.net.Tap, w.watch = o.Tap, o.Watch
	w.orders, w.mail = newQueues[string](), newQueues[any]()
	w.journal = newJournal(o.Record)
	w.checks.extra = o.Check
	w.quotas.edges = make(map[string]Occupancy)
	return w
}

// Now is how long the world has existed.
func (w *World) Now() time.Duration { return w.now }

// Network is what connects the hosts. Links are attached before the first step.
func (w *World) Network() *link.Network { return w.net }

// Draw is where the world's decisions come from.
func (w *World) Draw() *draw.Source { return w.draw }

// At has f called on the executor when the world is that old; at once if it is older. f must not block.
func (w *World) At(at time.Duration, f func()) { w.cal.add(max(at, w.now), f) }

// Run takes steps until done, which it asks before each. It returns false if nothing can ever happen again; only a scripted
// world finds that out by itself.
func (w *World) Run(done func() bool) bool {
	for !done() {
		w.collect()
		w.happen()
		if w.step() || w.stirred.Load() {
			continue
		}
		if !w.pass() {
			return false
		}
	}
	return true
}

// happen does what is due: timers ring, datagrams arrive.
func (w *World) happen() {
	for {
		if w.net.Next() <= instant(w.now) {
			for _, d := range w.net.Advance(instant(w.now)) {
				w.arrive(d)
			}
			continue
		}
		a := w.cal.due(w.now)
		if a == nil {
			return
		}
		a.f()
	}
}

// pass lets time pass until something is due, or an app task wants something.
func (w *World) pass() bool {
	until := time.Duration(-1)
	if at, ok := w.cal.next(); ok {
		until = at
	}
	if next := w.net.Next(); next != mono.Never && (until < 0 || next < instant(until)) {
		until = time.Duration(next)
	}
	if _, ok := w.pace.(*scripted); ok && until < 0 {
		return false
	}
	w.pace.Wait(until)
	w.now = w.pace.Now()
	w.stirred.Store(true) // the app tasks' own timers
	return true
}

// Fail makes err the run's fault, unless it has one. Any goroutine may call it.
func (w *World) Fail(err error) {
	w.mu.Lock()
	if w.fault == nil {
		w.fault = fmt.Errorf("after %v and %d steps: %w", w.pace.Now(), w.journal.steps, err)
	}
	w.mu.Unlock()
	w.pace.Kick()
}

// Fault is the first thing that went wrong, nil if nothing did.
func (w *World) Fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// Hash is a function of every step so far: when it was, whose, over which edge, what kind of message, every byte that any
// host sent, and what app tasks reported.
func (w *World) Hash() uint64 { return w.journal.hash }

// Datagrams is how many the hosts have sent.
func (w *World) Datagrams() uint64 { return w.datagrams }

// Bytes is how many bytes they had.
func (w *World) Bytes() uint64 { return w.bytes }

// Quiet reports whether no room has mail, no app task's order waits, and no datagram is on its way.
func (w *World) Quiet() bool { return w.ready.len() == 0 && w.net.InFlight() == 0 }
