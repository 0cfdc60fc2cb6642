package sim

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"quicpro/sim/core"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/picture"
)

// Seed decides everything that is left to chance in a run.
type Seed uint64

// Run makes a world of the seed, calls body in it, and then closes every client and server that body left open and checks
// that nothing remains: no connection, no buffer, no goroutine. Violations of the engine's own rules fail the test too, and so
// does a world that lives for a day.
func Run(t *testing.T, seed Seed, body func(*World), options ...Option) {
	t.Helper()
	first := newRun(seed, body, options)
	first.run(t)
	if !first.verify || t.Failed() {
		return
	}
	second := newRun(seed, body, options)
	second.out = ""
	second.run(t)
	if difference := compare(first.steps, second.steps); difference != "" {
		t.Errorf("sim: seed %d: two runs differ: %s", seed, difference)
	}
}

func newRun(seed Seed, body func(*World), options []Option) *run {
	r := &run{seed: seed, body: body, order: DefaultOrder, out: *outFlag}
	r.decide(func() *draw.Source { return draw.New(uint64(seed)) })
	for _, o := range options {
		o(r)
	}
	return r
}

// compare finds the first step in which two runs differ; it returns "" if they do not.
func compare(a, b []core.Step) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case i == len(a) && i == len(b):
		return ""
	case i == len(a) || i == len(b):
		return fmt.Sprintf("they have %d and %d steps, and are equal up to there", len(a), len(b))
	case i > 0 && a[i].Hash != b[i].Hash:
		return fmt.Sprintf("step %d, %v, did something else the second time", i, a[i-1])
	}
	return fmt.Sprintf("step %d was %v, and then %v", i+1, a[i], b[i])
}

// Option shapes a run.
type Option func(*run)

// Order says how the steps of rooms are ordered.
type Order = core.Order

// DefaultOrder is how steps are ordered unless an option says otherwise: mostly as the seed draws it.
var DefaultOrder = Order{Shuffle: 0.5, Starve: 0.02, Fuse: 0.3}

// WithOrder orders the steps of rooms as o says. The zero Order is the plain one, first come, first served.
func WithOrder(o Order) Option { return func(r *run) { r.order = o } }

// Replay makes exactly the listed decisions happen, of all that the seed could have decided. They are written as a failed
// run prints them: "cli>net #14 lost".
func Replay(decisions ...string) Option {
	return func(r *run) {
		list := make([]draw.Decision, len(decisions))
		for i, s := range decisions {
			d, err := draw.Parse(s)
			if err != nil {
				r.broken = err
			}
			list[i] = d
		}
		r.replayed = list
		r.decide(func() *draw.Source { return draw.Replay(uint64(r.seed), list) })
	}
}

// Verify runs the world twice and fails the test at the first step in which the two runs differ: something in the test's
// programs is left to chance then, the order of a map for instance.
func Verify() Option { return func(r *run) { r.verify, r.record = true, true } }

// Result puts the run's outcome into o when it is over.
func Result(o *Outcome) Option { return func(r *run) { r.outcome = o } }

// Outcome is what is known of a run when it is over.
type Outcome struct {
	Hash      uint64 // equal for equal runs
	Steps     uint64
	Messages  uint64        // between rooms
	Elapsed   time.Duration // virtual
	Decisions []string
	Fault     error // what the world found wrong, nil if nothing
}

// run is one call of Run.
type run struct {
	seed     Seed
	body     func(*World)
	draw     *draw.Source    // of the world; the executor's
	replayed []draw.Decision // by the option Replay
	apps     *draw.Source    // of the test's function and its goroutines
	chance   sync.Mutex      // guards apps
	order    Order
	outcome  *Outcome
	broken   error
	verify   bool
	record   bool
	steps    []core.Step
	report   *Report
	hash     uint64

	out     string // the folder of pictures; "": none is made
	again   string // how a go test runs it again; "": by the test's name
	picture *picture.Recorder
	world   *World
}

// decide gives the run its chance.
func (r *run) decide(source func() *draw.Source) { r.draw, r.apps = source(), source() }

// taken lists the decisions: the world's in the order in which they fell, then those of the test's goroutines, sorted.
func (r *run) taken() []draw.Decision {
	r.chance.Lock()
	defer r.chance.Unlock()
	apps := r.apps.Taken()
	slices.SortFunc(apps, draw.Decision.Compare)
	return append(r.draw.Taken(), apps...)
}

// idle lists the decisions of a replay that were never asked for.
func (r *run) idle() (words []string) {
	taken := map[draw.Decision]bool{}
	for _, d := range r.taken() {
		taken[d] = true
	}
	for _, d := range r.replayed {
		if !taken[d] {
			words = append(words, d.String())
		}
	}
	return words
}

// patience is how much real time may pass without a step.
var patience = 30 * time.Second

func (r *run) run(t *testing.T) {
	t.Helper()
	if r.broken != nil {
		t.Fatal(r.broken)
	}
	defer r.paint(t, t.Failed())
	seedTLS(t, r.seed)
	pulse := make(chan *bubble, 1)
	over := make(chan struct{})
	defer close(over)
	go watch(t.Name(), pulse, over)
	defer func() {
		if v := recover(); v != nil {
			t.Fatal(explain(v))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, r)
		pulse <- w.pace
		defer w.end()
		go w.execute()
		r.body(w)
	})
}

// seedTLS makes crypto/rand a function of the seed.
func seedTLS(t *testing.T, seed Seed) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("sim: the test is parallel, or one that it is part of: %v. The random numbers of TLS are the process's, "+
				"so that one run at a time can have them: leave t.Parallel out", v)
		}
	}()
	cryptotest.SetGlobalRandom(t, uint64(seed))
}

// explain turns a panic of the bubble into a sentence.
func explain(v any) string {
	s := fmt.Sprint(v)
	if strings.Contains(s, "deadlock") {
		return "sim: " + s + ": a goroutine of the test waits for something that nobody in its world will ever do. " +
			"Let everything end, or wait for a context of World.Context, before the function given to Run returns"
	}
	buf := make([]byte, 64<<10)
	return fmt.Sprintf("sim: panic: %s\n%s", s, buf[:runtime.Stack(buf, false)])
}

// watch ends the process if a world makes no step for long: a goroutine of it spins, or holds a lock while it waits.
func watch(test string, pulse <-chan *bubble, over <-chan struct{}) {
	var b *bubble
	select {
	case b = <-pulse:
	case <-over:
		return
	}
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for seen := int64(-1); ; {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		steps := b.steps.Load()
		if steps != seen {
			seen = steps
			continue
		}
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "sim: %s: the world has made no step for %v of real time: one of its goroutines spins, or waits for a "+
			"sync.Mutex whose owner waits for the world, or for something outside it. All goroutines:\n\n%s\n", test, patience, buf[:runtime.Stack(buf, true)])
		os.Exit(2)
	}
}

// execute is the world's executor.
func (w *World) execute() {
	defer close(w.over)
	w.core.Run(func() bool {
		w.look()
		return w.hopeless || w.leaving() && (w.empty() || w.core.Now() > w.deadline)
	})
}

// oldest is how long a world may live before its body has returned. One in which connections keep each other alive, and programs
// wait for what never comes, would go on for ever.
const oldest = 24 * time.Hour

// look reports a fault when there is one, and lets the test's goroutines go.
func (w *World) look() {
	if w.core.Now() > oldest && w.core.Fault() == nil && !w.leaving() {
		w.core.Fail(fmt.Errorf("the world is a day old, and the test waits for something all the same; app tasks that have not ended: [%s]",
			strings.Join(w.core.Tasks(), ", ")))
	}
	if w.faulted || w.core.Fault() == nil {
		return
	}
	w.faulted = true
	w.t.Errorf("sim: seed %d: %v", w.run.seed, w.core.Fault())
	w.cancel()
	for _, h := range w.hosts {
		go func() { _ = h.engine.Close() }()
	}
}

// windUp is how much virtual time a world has to come to rest after its body has returned.
const windUp = 2 * time.Minute

// end closes what body left open and waits until nothing remains.
func (w *World) end() {
	w.cancel()
	for _, h := range w.hosts {
		h.close()
	}
	w.do("end", func() {
		w.deadline = w.core.Now() + windUp
		w.core.At(w.deadline+1, func() {})
	})
	w.mu.Lock()
	w.left = true
	w.mu.Unlock()
	w.pace.Kick()
	<-w.over
	r := w.run
	w.book.Finish()
	if w.core.Fault() == nil {
		w.judge()
	}
	if idle := r.idle(); len(idle) > 0 {
		w.t.Errorf("sim: seed %d: these decisions of the replay never fell: %s. The test's hosts or programs have changed since; find the "+
			"run again by its seed, without Replay", r.seed, strings.Join(idle, "; "))
	}
	r.steps, r.hash, r.report = w.core.Steps(), w.core.Hash(), w.report()
	if r.outcome != nil {
		*r.outcome = Outcome{Hash: w.core.Hash(), Steps: w.core.StepCount(), Messages: w.core.Messages(), Elapsed: w.core.Now(), Fault: w.core.Fault()}
		for _, d := range r.taken() {
			r.outcome.Decisions = append(r.outcome.Decisions, d.String())
		}
	}
	if w.core.Fault() != nil && !w.faulted {
		w.t.Errorf("sim: seed %d: %v", r.seed, w.core.Fault())
	}
}

// judge finds what should not have remained.
func (w *World) judge() {
	if err := w.book.Fault(); err != nil {
		w.core.Fail(err)
	}
	for _, h := range w.hosts {
		if h.attacks != nil {
			h.attacks.judge()
		}
		if left := h.left(); left != "" {
			w.core.Fail(fmt.Errorf("host %s has not come to rest: %s", h.name, left))
		}
	}
	if tasks := w.core.Tasks(); len(tasks) > 0 {
		w.core.Fail(fmt.Errorf("these app tasks have not ended, though their contexts have: %s", strings.Join(tasks, ", ")))
	}
	if w.core.Datagrams() == 0 && !w.t.Failed() {
		w.core.Fail(fmt.Errorf("nothing happened in this world: its function made no request, or returned without waiting for the " +
			"goroutines that make them"))
	}
}

func (w *World) leaving() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}

// empty reports whether nothing remains.
func (w *World) empty() bool {
	for _, h := range w.hosts {
		if h.left() != "" {
			return false
		}
	}
	return w.core.Quiet() && len(w.core.Tasks()) == 0
}
