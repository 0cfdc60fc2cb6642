package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quicpro/sim/core/oracle"
	"quicpro/wire"
)

// Report is what happened in one run, or in all runs of a sweep: for finding out what they have exercised.
type Report struct {
	Seeds  int
	Failed []Seed
	Shrunk []Shrunk // of the failed ones
	// Faults says how often each decision fell, by its word ("lost", "crash"), and Frames what became of each type of frame.
	Faults map[string]Tally
	Frames map[string]FrameTally
	// KeyUpdates are those that a side has begun, those that it has followed, and those that both have begun at once.
	KeyUpdates [3]Tally
	// Edges is how full each edge between rooms has been.
	Edges map[string]EdgeTally
	// Apps is what the programs counted with World.Count.
	Apps  map[string]Tally
	Steps uint64
	Bytes uint64 // of datagrams sent
}

// Tally counts something: in how many runs it happened, and how often in all.
type Tally struct{ Runs, Times int }

// FrameTally counts a type of frame.
type FrameTally struct{ Sent, Lost, Renewed Tally }

// EdgeTally says how full an edge was at most, of its quota, and in how many runs it was at least half full.
type EdgeTally struct{ Most, Quota, HalfFull int }

func newReport() *Report {
	return &Report{
		Faults: map[string]Tally{}, Frames: map[string]FrameTally{}, Edges: map[string]EdgeTally{}, Apps: map[string]Tally{},
	}
}

func (t Tally) plus(o Tally) Tally { return Tally{t.Runs + o.Runs, t.Times + o.Times} }

// once is the tally of one run in which something happened n times.
func once(n uint64) Tally {
	if n == 0 {
		return Tally{}
	}
	return Tally{1, int(n)}
}

// Add adds what other runs have counted.
func (r *Report) Add(o *Report) {
	r.Seeds += o.Seeds
	r.Failed = append(r.Failed, o.Failed...)
	r.Steps += o.Steps
	r.Bytes += o.Bytes
	for _, word := range slices.Sorted(maps.Keys(o.Faults)) {
		r.Faults[word] = r.Faults[word].plus(o.Faults[word])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Frames)) {
		a, b := r.Frames[name], o.Frames[name]
		r.Frames[name] = FrameTally{a.Sent.plus(b.Sent), a.Lost.plus(b.Lost), a.Renewed.plus(b.Renewed)}
	}
	for i, t := range o.KeyUpdates {
		r.KeyUpdates[i] = r.KeyUpdates[i].plus(t)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Edges)) {
		a, b := r.Edges[name], o.Edges[name]
		if b.Most*max(a.Quota, 1) > a.Most*max(b.Quota, 1) {
			a.Most, a.Quota = b.Most, b.Quota
		}
		a.HalfFull += b.HalfFull
		r.Edges[name] = a
	}
	for _, name := range slices.Sorted(maps.Keys(o.Apps)) {
		r.Apps[name] = r.Apps[name].plus(o.Apps[name])
	}
}

// of makes the report of one run.
func (w *World) report() *Report {
	r := newReport()
	r.Seeds, r.Steps, r.Bytes = 1, w.core.StepCount(), w.core.Bytes()
	for _, d := range w.run.taken() {
		t := r.Faults[d.What]
		r.Faults[d.What] = Tally{1, t.Times + 1}
	}
	stats := w.book.Stats()
	r.frames(&stats)
	u := stats.KeyUpdates
	r.KeyUpdates = [3]Tally{once(u.Begun), once(u.Followed), once(u.Crossed)}
	for name, o := range w.core.Occupancies() { // into another map
		e := EdgeTally{Most: o.Most, Quota: o.Quota}
		if 2*o.Most >= o.Quota {
			e.HalfFull = 1
		}
		r.Edges[name] = e
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.counts { // into another map
		r.Apps[name] = once(n)
	}
	return r
}

func (r *Report) frames(s *oracle.Stats) {
	for i, f := range s.Frames {
		if f.Sent > 0 {
			r.Frames[wire.FrameType(i).String()] = FrameTally{once(f.Sent), once(f.Lost), once(f.Renewed)}
		}
	}
}

// Count counts something that a program did, for the report of a sweep. Any goroutine may call it.
func (w *World) Count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts == nil {
		w.counts = make(map[string]uint64)
	}
	w.counts[what]++
}

// String is a table: what happened in how many runs, and how often.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d failed; %d steps, %d MB of datagrams\n", r.Seeds, len(r.Failed), r.Steps, r.Bytes/1_000_000)
	fmt.Fprintf(&b, "\n%-32s %8s %10s\n", "decision", "seeds", "times")
	tallies(&b, r.Faults)
	fmt.Fprintf(&b, "\n%-32s %8s %8s %8s\n", "frame", "sent", "lost", "renewed")
	for _, name := range slices.Sorted(maps.Keys(r.Frames)) {
		f := r.Frames[name]
		fmt.Fprintf(&b, "%-32s %8d %8d %8d\n", name, f.Sent.Runs, f.Lost.Runs, f.Renewed.Runs)
	}
	fmt.Fprintf(&b, "\n%-32s %8s %10s\n", "key updates", "seeds", "times")
	for i, what := range keyUpdateWords {
		fmt.Fprintf(&b, "%-32s %8d %10d\n", what, r.KeyUpdates[i].Runs, r.KeyUpdates[i].Times)
	}
	fmt.Fprintf(&b, "\n%-32s %8s %8s %14s\n", "edge", "most", "quota", "half full in")
	for _, name := range slices.SortedFunc(maps.Keys(r.Edges), func(x, y string) int {
		return cmp.Or(cmp.Compare(r.Edges[y].HalfFull, r.Edges[x].HalfFull), cmp.Compare(x, y))
	}) {
		e := r.Edges[name]
		fmt.Fprintf(&b, "%-32s %8d %8d %14d\n", name, e.Most, e.Quota, e.HalfFull)
	}
	if len(r.Apps) > 0 {
		fmt.Fprintf(&b, "\n%-32s %8s %10s\n", "program", "seeds", "times")
		tallies(&b, r.Apps)
	}
	return b.String()
}

// keyUpdateWords are what Report.KeyUpdates counts.
var keyUpdateWords = [...]string{"begun", "followed", "begun by both sides"}

func tallies(b *strings.Builder, m map[string]Tally) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(b, "%-32s %8d %10d\n", name, m[name].Runs, m[name].Times)
	}
}
