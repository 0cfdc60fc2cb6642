package script

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"quicpro/sim/core"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
	"quicpro/sim/core/oracle"
)

// Run is one run to make.
type Run struct {
	Seed    uint64
	Profile Profile
	// Only, if it is not nil, is all that happens of what may happen: a replay.
	Only []draw.Decision
	// Record keeps every step, and Tap sees every datagram.
	Record bool
	Tap    func(link.Event)
}

// Outcome is what is known of a run when it is over.
type Outcome struct {
	Seed      uint64
	Hash      uint64 // equal for equal runs
	Fault     error  // the first thing that was wrong, nil if nothing was
	Elapsed   time.Duration
	Steps     uint64
	Datagrams uint64
	Links     link.Counts // of all links
	Tally
	Stats       oracle.Stats
	Occupancies map[string]core.Occupancy
	Decisions   []draw.Decision
	Recorded    []core.Step
}

// Lost is how many datagrams did not come out of a link that they went into.
func (o *Outcome) Lost() uint64 { return o.Links.Sent - o.Links.Fates[link.Delivered] }

// order is how the steps of all profiles are ordered: mostly as the seed draws it.
var order = core.Order{Shuffle: 0.5, Starve: 0.02, Fuse: 0.3}

// patience is how long requests may take, in virtual time.
const patience = 2 * time.Hour

// Do makes the run. A panic in it, of the executor or of a room's check, is its fault too.
func (r Run) Do() (out *Outcome) {
	var s setting
	source := draw.New(r.Seed)
	d := dice{source.At("profile " + r.Profile.Name)}
	clean(d, &s)
	r.Profile.part(d, &s)
	w := NewWorld(Options{Seed: r.Seed, Only: r.Only, Order: order, Slack: s.slack, Record: r.Record, Tap: r.Tap})
	out = &Outcome{Seed: r.Seed}
	defer func() {
		if v := recover(); v != nil {
			w.failf("panic: %v\n%s", v, debug.Stack())
			w.cancel()
			w.abandon()
		}
		w.outcome(out)
	}()
	if err := s.build(w); err != nil {
		w.core.Fail(err)
		return out
	}
	w.Run(patience, func() bool { return w.open == 0 })
	_ = w.Finish() // it is the outcome's
	return out
}

// abandon ends what a panic has left half done, as far as it can be.
func (w *World) abandon() {
	defer func() { _ = recover() }()
	w.core.Abandon()
}

// outcome reads what is known of the run.
func (w *World) outcome(o *Outcome) {
	o.Hash, o.Fault, o.Elapsed, o.Steps = w.core.Hash(), w.core.Fault(), w.core.Now(), w.core.StepCount()
	o.Datagrams, o.Tally, o.Stats = w.core.Datagrams(), w.tally, w.book.Stats()
	o.Occupancies, o.Decisions, o.Recorded = w.core.Occupancies(), w.core.Draw().Taken(), w.core.Steps()
	for _, l := range w.core.Network().Links() {
		addCounts(&o.Links, l.Counts())
	}
}

// build adds the hosts and gives them their work.
func (s *setting) build(w *World) error {
	s.server.Tune = s.bounds
	srv, err := w.Host("srv", s.server)
	if err != nil {
		return err
	}
	srv.Serve()
	at := w.core.Draw().At("workload")
	n := uint64(0)
	for i := range s.clients {
		cli, err := w.Host("cli"+strconv.Itoa(i+1), HostOptions{Up: s.up, Down: s.down, Tune: s.bounds})
		if err != nil {
			return err
		}
		var plans []Plan
		for range s.requests {
			if at.Happens(n, "asked", 1) {
				plans = append(plans, s.plan(at, n))
			}
			n++
		}
		cli.Crowd(srv, s.conns, s.atOnce, plans)
	}
	s.trouble(w, srv)
	return nil
}

// plan draws a request.
func (s *setting) plan(at draw.Place, n uint64) Plan {
	sizes := []int{0, 1, 1000, s.most / 10, s.most, s.most/2 + at.IntN(n, "odd", s.most)}
	p := Plan{
		How: How(at.IntN(n, "how", int(hows))), Up: sizes[at.IntN(n, "up", len(sizes))], Down: sizes[at.IntN(n, "down", len(sizes))],
		Trailers: at.IntN(n, "trailers", 5) == 0, Bite: 1 << (4 + at.IntN(n, "bite", 14)),
	}
	if at.IntN(n, "hints", 10) == 0 {
		p.Hints = 1 + at.IntN(n, "how many hints", 3)
	}
	// Small orders make large bodies dear: at most about 500 for each.
	p.Bite = max(p.Bite, max(p.Up, p.Down)/250)
	if at.IntN(n, "pause", 3) == 0 {
		p.Start = at.Duration(n, "start", 300*time.Millisecond)
	}
	if at.Happens(n, "cancelled", s.cancels) {
		p.Cancel = 1 + at.Duration(n, "cancel", 300*time.Millisecond)
	}
	if at.Happens(n, "slow", s.slows) {
		p.Slow = 1 + at.Duration(n, "slow", 20*time.Millisecond)
		if at.IntN(n, "who is slow", 2) == 0 {
			p.Slow, p.Drag = 0, p.Slow
		}
	}
	if at.Happens(n, "stalled", s.stalls) {
		p.Stall = 1 + at.Duration(n, "stall", 2*time.Second)
	}
	return p
}

// trouble plans what happens to the server.
func (s *setting) trouble(w *World, srv *Host) {
	crashes, goodbyes := w.core.Draw().At("crashes"), w.core.Draw().At("goodbyes")
	for n := range uint64(3) {
		if crashes.Happens(n, "crash", s.crashes) {
			down := crashes.Duration(n, "down", 3*time.Second)
			keys := crashes.IntN(n, "keys", 2) == 0
			w.At(crashes.Duration(n, "when", 2*time.Second), func() { srv.Crash(down, keys) })
		}
		if crashes.Happens(n, "pause", s.pauses) {
			d := crashes.Duration(n, "pause", 800*time.Millisecond)
			w.At(crashes.Duration(n, "pause when", 2*time.Second), func() { srv.Pause(d) })
		}
		if goodbyes.Happens(n, "goodbye", s.goodbyes) {
			w.At(goodbyes.Duration(n, "when", 2*time.Second), srv.Goodbye)
		}
	}
}

// Add sums up runs: what can be counted.
func (o *Outcome) Add(p *Outcome) {
	o.Elapsed += p.Elapsed
	o.Steps += p.Steps
	o.Datagrams += p.Datagrams
	o.Tally.add(&p.Tally)
	addCounts(&o.Links, p.Links)
	o.Stats.Add(&p.Stats)
}

// Harms is how often links did what, beside delivering: the fates, and what does not lose a datagram.
func (o *Outcome) Harms() []oracle.NamedCount {
	var list []oracle.NamedCount
	for _, f := range link.Fates()[1:] {
		list = append(list, oracle.NamedCount{Name: f.String(), N: o.Links.Fates[f]})
	}
	c := &o.Links
	return append(list, oracle.NamedCount{Name: "late", N: c.Late}, oracle.NamedCount{Name: "early", N: c.Early},
		oracle.NamedCount{Name: "twice", N: c.Twice}, oracle.NamedCount{Name: "corrupt", N: c.Corrupt}, oracle.NamedCount{Name: "marked", N: c.Marked})
}

func addCounts(sum *link.Counts, c link.Counts) {
	sum.Sent += c.Sent
	for i := range c.Fates {
		sum.Fates[i] += c.Fates[i]
	}
	sum.Late, sum.Early, sum.Twice = sum.Late+c.Late, sum.Early+c.Early, sum.Twice+c.Twice
	sum.Corrupt, sum.Marked = sum.Corrupt+c.Corrupt, sum.Marked+c.Marked
}

// String is one line about the outcome.
func (o *Outcome) String() string {
	return fmt.Sprintf("seed %d: hash %016x, %d requests, %d bytes, %v, %d datagrams, %d lost", o.Seed, o.Hash, o.Requests, o.Bytes,
		o.Elapsed, o.Datagrams, o.Lost())
}
