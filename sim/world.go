package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/sim/core"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
	"quicpro/sim/core/oracle"
	"quicpro/wire"
)

// World is one run: hosts, the links between them, and a clock of its own. Its methods are for the goroutine of Run's
// function.
type World struct {
	t    *testing.T
	run  *run
	core *core.World
	pace *bubble
	book *oracle.Book // judges every connection by its packets

	context context.Context
	cancel  context.CancelFunc
	hosts   []*Host
	over    chan struct{} // the executor has ended

	// the executor's
	faulted  bool           // and the test knows
	hopeless bool           // the test's function will not return
	watches  []func() error // asked after every step

	deadline time.Duration // the end of windUp

	mu     sync.Mutex
	left   bool // body has returned and all was told to close
	counts map[string]uint64
}

// Link is one direction of a way through the network, or both. Its zero value delivers everything at once.
type Link = link.Config

// Rates of links.
const (
	Kbit = link.Kbit
	Mbit = link.Mbit
	Gbit = link.Gbit
)

func newWorld(t *testing.T, r *run) *World {
	w := &World{t: t, run: r, pace: newBubble(), over: make(chan struct{})}
	w.book = oracle.New(oracle.Options{})
	o := core.Options{
		Draw: r.draw, Pace: w.pace, Order: r.order, Record: r.record,
		Check: w.check,
	}
	w.watch(&o)
	w.core = core.New(o)
	w.context, w.cancel = context.WithCancel(t.Context())
	w.pace.idle = w.idle
	return w
}

// idle is called when nothing has happened for long, and nothing can.
func (w *World) idle() {
	switch {
	case w.leaving():
	case w.faulted:
		w.hopeless = true // closing everything has not helped
	default:
		w.core.Fail(fmt.Errorf("nothing can happen any more, and the test waits for something all the same; app tasks that have not "+
			"ended: [%s]", strings.Join(w.core.Tasks(), ", ")))
	}
}

// Place is where a world's own chance is drawn: which faults it has, what its programs do. What Happens there is a decision
// of the run, which a shrinker can take away.
func (w *World) Place(name string) Place { return Place{w.run.apps.At(name), &w.run.chance} }

// Place is one place of a world's own chance. Any goroutine may ask there.
type Place struct {
	draw.Place
	mu *sync.Mutex
}

// Happens decides whether what happens to item n, with the given probability, and notes it if it does.
func (p Place) Happens(n uint64, what string, probability float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Place.Happens(n, what, probability)
}

// T is the test of the world's bubble.
func (w *World) T() *testing.T { return w.t }

// Now is how long the world has existed.
func (w *World) Now() time.Duration { return w.pace.Now() }

// Context is a context with an identity, which orders what is done under it: each goroutine that makes requests at the same
// time as others needs one of its own. It ends with Run's function.
func (w *World) Context(identity string) context.Context { return engine.Named(w.context, identity) }

// Host is one machine of the world. It can have servers, clients, or an engine for embedding.
type Host struct {
	w       *World
	name    string
	core    *core.Host
	engine  *engine.Engine
	log     log
	drawn   func(wire.Role, wire.ConnectionID) port.Trace // by the picture of the run; nil: not at all
	tune    func(*engine.Limits)
	attacks *Attacker
	crashed bool
	servers []*Server
	closes  []func() error // clients' first
}

// Clock is what a host's clocks show, compared with the world's.
type Clock = core.Clock

// HostConfig shapes a host.
type HostConfig struct {
	Name     string
	Up, Down Link // its way to the others, and back
	Clock    Clock
	Tune     func(*engine.Limits) // changes the bounds of the host's connections; may be nil
	Attacker *Attacker            // makes the host's connections attacks; may be nil
}

// Host adds a machine that is connected to the others by links: none is a perfect one, one serves both directions, two are
// the way up and the way down.
func (w *World) Host(name string, links ...Link) *Host {
	w.t.Helper()
	c := HostConfig{Name: name}
	switch len(links) {
	case 0:
	case 1:
		c.Up, c.Down = links[0], links[0]
	case 2:
		c.Up, c.Down = links[0], links[1]
	default:
		w.t.Fatalf("sim: host %s has %d links: give it none, one for both directions, or one up and one down", name, len(links))
	}
	return w.HostOf(c)
}

// HostOf adds a machine of that configuration.
func (w *World) HostOf(c HostConfig) *Host {
	w.t.Helper()
	inner, err := w.core.AddHost(c.Name, core.HostOptions{
		Clock: c.Clock, Up: c.Up, Down: c.Down, Context: w.context,
		Reseed: func(seed uint64) { cryptotest.SetGlobalRandom(w.t, seed) },
	})
	if err != nil {
		w.t.Fatalf("sim: %v", err)
	}
	h := &Host{w: w, name: c.Name, core: inner, log: log{w: w}}
	w.addLane(h)
	h.tune, h.attacks = c.Tune, c.Attacker
	h.engine = h.newEngine()
	w.hosts = append(w.hosts, h)
	return h
}

func (h *Host) newEngine() *engine.Engine {
	o := engine.Options{World: h.core, Logger: slog.New(&h.log), Tune: h.tune, Trace: h.trace}
	if h.attacks != nil {
		h.attacks.arm(h, &o)
	}
	return engine.New(o)
}

// Engine is the host's, for channel-level embedding. It is closed with the world.
func (h *Host) Engine() *engine.Engine { return h.engine }

// close ends what the host has, clients first.
func (h *Host) close() {
	for _, f := range h.closes {
		if err := f(); err != nil {
			h.w.core.Fail(fmt.Errorf("closing host %s: %w", h.name, err))
		}
	}
	if err := h.engine.Close(); err != nil {
		h.w.core.Fail(fmt.Errorf("closing host %s: %w", h.name, err))
	}
}

// left says what the host's engine still has.
func (h *Host) left() string {
	o := h.engine.Outstanding()
	switch {
	case o == engine.Outstanding{}:
		return ""
	case o == engine.Outstanding{Chunks: o.Chunks}:
		return fmt.Sprintf("%d pieces of payload are held: a response's body was neither read to its end nor closed, or a Received not released", o.Chunks)
	}
	return fmt.Sprintf("%+v", o)
}

// log is an engine's log, which should stay empty: it hears of panics and of sockets that failed.
type log struct{ w *World }

func (l *log) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *log) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *log) WithGroup(string) slog.Handler                    { return l }

func (l *log) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.w.core.Fail(fmt.Errorf("an engine logged: %s", line))
	return nil
}
