package script

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/sim/core"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
	"quicpro/sim/core/oracle"
	"quicpro/wire"
)

// World is one run: its hosts, and all that the scripts on them do.
type World struct {
	core    *core.World
	seed    uint64
	book    *oracle.Book
	trace   func(host string, role wire.Role, odcid wire.ConnectionID) port.Trace
	hosts   []*Host
	asks    []*Ask
	replies []*reply
	open    int // requests that have not ended
	closing bool
	checked time.Duration
	context context.Context
	cancel  context.CancelFunc
	tally   Tally
}

// Tally is what is counted of requests.
type Tally struct {
	Requests  int   // that have ended
	Cancelled int   // of them, by the client
	Reset     int   // of them, by the handler
	Broken    int   // of them, with a server that crashed
	Turned    int   // of them, by a server that had said goodbye
	Again     int   // that were asked again on another connection
	Bytes     int64 // of bodies that arrived, both ways
	Dials     int
	Crashes   int
}

func (t *Tally) add(o *Tally) {
	t.Requests, t.Cancelled, t.Reset = t.Requests+o.Requests, t.Cancelled+o.Cancelled, t.Reset+o.Reset
	t.Broken, t.Turned = t.Broken+o.Broken, t.Turned+o.Turned
	t.Again, t.Bytes = t.Again+o.Again, t.Bytes+o.Bytes
	t.Dials, t.Crashes = t.Dials+o.Dials, t.Crashes+o.Crashes
}

// Options shape a world.
type Options struct {
	Seed uint64
	// Only, if it is not nil, is all that happens of what may happen: a replay.
	Only []draw.Decision
	// Order is how steps are ordered.
	Order core.Order
	// Slack is what hosts may be late, beyond what the RFCs let them; 0: 100 ms.
	Slack time.Duration
	// Trace makes traces that are told beside the model peer's; nil makes none. It may return nil.
	Trace func(host string, role wire.Role, odcid wire.ConnectionID) port.Trace
	// Tap sees every datagram at both ends of every link. It may be nil.
	Tap func(link.Event)
	// Record keeps every step.
	Record bool
}

// NewWorld makes an empty world.
func NewWorld(o Options) *World {
	source := draw.New(o.Seed)
	if o.Only != nil {
		source = draw.Replay(o.Seed, o.Only)
	}
	if o.Slack == 0 {
		o.Slack = 100 * time.Millisecond
	}
	w := &World{seed: o.Seed, trace: o.Trace, book: oracle.New(oracle.Options{AckMargin: o.Slack, ProbeMargin: o.Slack})}
	w.core = core.New(core.Options{
		Draw: source, Pace: core.Scripted(), Order: o.Order, Record: o.Record, Tap: o.Tap,
		Check: func(string) error { return w.book.Fault() },
	})
	w.context, w.cancel = context.WithCancel(context.Background())
	return w
}

// Core is the world beneath.
func (w *World) Core() *core.World { return w.core }

// Now is how long the world has existed.
func (w *World) Now() time.Duration { return w.core.Now() }

// Book is the model peer.
func (w *World) Book() *oracle.Book { return w.book }

// Tally is what was counted.
func (w *World) Tally() Tally { return w.tally }

// At has f called when the world is that old, or now if it is older.
func (w *World) At(at time.Duration, f func()) { w.core.After(max(at-w.core.Now(), 0), f) }

// failf makes the first thing that is wrong the run's fault.
func (w *World) failf(format string, args ...any) { w.core.Fail(fmt.Errorf(format, args...)) }

// Run takes steps until done reports true, which it asks before each, or something is wrong. Nobody waits for longer than
// the limit: what is open then is wedged.
func (w *World) Run(limit time.Duration, done func() bool) {
	late := false
	w.core.At(w.core.Now()+limit, func() { late = true })
	ended := false
	going := w.core.Run(func() bool {
		if now := w.core.Now(); now != w.checked {
			w.checked = now
			w.book.Check(w.clock())
		}
		ended = done()
		return ended || late || w.core.Fault() != nil
	})
	switch {
	case ended || w.core.Fault() != nil:
	case !going:
		w.failf("nothing can happen any more: %s", w.pending())
	default:
		w.failf("wedged: nothing ended within %v: %s", limit, w.pending())
	}
}

// clock is what the hosts' clocks show, but for their drift.
func (w *World) clock() mono.Time {
	if len(w.hosts) == 0 {
		return 0
	}
	return w.hosts[0].core.Now()
}

// pending says what has not ended.
func (w *World) pending() string {
	var open []string
	for _, a := range w.asks {
		if !a.done {
			open = append(open, a.String())
		}
	}
	for _, h := range w.hosts {
		if left := h.left(); left != "" {
			open = append(open, "host "+h.name+" has "+left)
		}
	}
	return strings.Join(open, "; ")
}

// windUp is how long a world has to come to rest: a closed connection's endpoint answers for three probe timeouts.
const windUp = 5 * time.Minute

// Finish closes everything, waits until nothing is left, and returns the run's fault.
func (w *World) Finish() error {
	w.closing = true // who is down stays down
	if w.core.Fault() == nil {
		for _, h := range w.hosts {
			h.engine.StartClose(h.name)
		}
		w.Run(windUp, w.empty)
	}
	if w.core.Fault() == nil {
		w.book.Finish()
		w.judge()
	}
	w.cancel()
	if w.core.Fault() != nil {
		w.core.Abandon()
	}
	return w.core.Fault()
}

// empty reports whether nothing is left.
func (w *World) empty() bool {
	for _, h := range w.hosts {
		if h.left() != "" {
			return false
		}
	}
	for _, r := range w.replies {
		if !r.ended() {
			return false // it is asleep
		}
	}
	return w.core.Quiet()
}

// judge finds what should not be at the end.
func (w *World) judge() {
	if err := w.book.Fault(); err != nil {
		w.core.Fail(err)
	}
	if n := w.core.Network().Lent(); n > 0 {
		w.failf("%d datagrams have not come home", n)
	}
	for _, r := range w.replies {
		if !r.ended() {
			w.failf("a handler has not ended: %v", r)
		}
	}
	if w.core.Datagrams() == 0 {
		w.failf("nothing happened in this world: no request was made")
	}
}

// log is an engine's log, which should stay empty: it hears of panics and of sockets that failed.
type log struct {
	w    *World
	host string
}

func (l *log) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *log) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *log) WithGroup(string) slog.Handler                    { return l }

func (l *log) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.w.failf("the engine of %s logged: %s", l.host, line)
	return nil
}
