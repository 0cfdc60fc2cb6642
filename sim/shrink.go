package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"quicpro/sim/core/draw"
)

// shrinkTime is how long one reduction may take.
const shrinkTime = 3 * time.Minute

// shrinkFailed reduces the first failed seeds, each in a process of its own: a run that fails may end it.
func (s *sweep) shrinkFailed() {
	s.t.Helper()
	for i, seed := range s.report.Failed {
		if i == *shrinkFlag {
			return
		}
		out, _ := s.command(Seeds{seed, seed}, fmt.Sprintf("shrink %d", seed)).Output() // it fails: that is the point
		_, found, ok := strings.Cut(string(out), "\n"+lineShrunk)
		if !ok {
			s.t.Logf("sim: seed %d could not be reduced:\n%s", seed, tail(string(out)))
			continue
		}
		found, _, _ = strings.Cut(found, "\n")
		var decisions []string
		if err := json.Unmarshal([]byte(found), &decisions); err != nil {
			s.t.Errorf("sim: %v in %.200s", err, found)
			continue
		}
		s.t.Logf("sim: seed %d fails with %d decisions:\n%s", seed, len(decisions), regression(s.t.Name(), seed, decisions))
		s.report.Shrunk = append(s.report.Shrunk, Shrunk{seed, decisions})
	}
}

// Shrunk is a failed seed with the decisions that it takes to fail.
type Shrunk struct {
	Seed      Seed
	Decisions []string
}

// regression writes a reduced run as a Go test.
func regression(test string, seed Seed, decisions []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "func %sSeed%d(t *testing.T) {\n\tsim.Run(t, %d, body, sim.Replay(", test, seed, seed)
	for _, d := range decisions {
		fmt.Fprintf(&b, "\n\t\t%s,", strconv.Quote(d))
	}
	b.WriteString("\n\t)) // with the body that the test gives to sim.Sweep\n}\n")
	return b.String()
}

// shrinkChild reduces one seed and says what is left.
func (s *sweep) shrinkChild(number string) {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	x := &shrinker{s: s, seed: Seed(n), until: time.Now().Add(shrinkTime)}
	all, failed := x.attempt(func() *draw.Source { return draw.New(n) })
	if !failed {
		s.t.Logf("sim: seed %d does not fail", n)
		return
	}
	left := x.shrink(all)
	words := make([]string, len(left))
	for i, d := range left {
		words[i] = d.String()
	}
	line, err := json.Marshal(words)
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Printf("\n%s%s\n", lineShrunk, line)
}

// shrinker looks for the few decisions of a failed run that matter.
type shrinker struct {
	s     *sweep
	seed  Seed
	tries int
	until time.Time
}

// attempt runs the world with the decisions of a source and reports which were taken, and whether it failed.
func (x *shrinker) attempt(source func() *draw.Source) (taken []draw.Decision, failed bool) {
	x.tries++
	r := newRun(x.seed, x.s.body, x.s.options)
	r.decide(source)
	r.out = "" // only runs that are not reduced are drawn
	ok := x.s.t.Run(fmt.Sprintf("try=%d", x.tries), func(t *testing.T) { r.run(t) })
	return r.taken(), !ok
}

// shrink reduces the decisions: the order of steps first, all at once, since most failures do not need one; then the faults,
// then what the programs do, and then whatever is left.
func (x *shrinker) shrink(all []draw.Decision) []draw.Decision {
	fails := func(list []draw.Decision) bool {
		if time.Now().After(x.until) {
			return false
		}
		_, failed := x.attempt(func() *draw.Source { return draw.Replay(uint64(x.seed), list) })
		return failed
	}
	kinds := []func(draw.Decision) bool{
		func(d draw.Decision) bool { return d.Where == "schedule" },
		func(d draw.Decision) bool { return d.Where != "schedule" && d.Where != Workload },
		func(d draw.Decision) bool { return d.Where == Workload },
	}
	left := slices.Clone(all)
	if rest := without(left, kinds[0]); fails(rest) {
		left = rest
	}
	for range 2 { // what the programs no longer do may make a fault superfluous
		before := len(left)
		for _, kind := range []func(draw.Decision) bool{kinds[1], kinds[2], kinds[0]} {
			fixed := without(left, kind)
			some := without(left, func(d draw.Decision) bool { return !kind(d) })
			some = reduce(some, func(list []draw.Decision) bool { return fails(append(slices.Clone(fixed), list...)) })
			left = append(fixed, some...)
		}
		if len(left) == before {
			break
		}
	}
	slices.SortFunc(left, draw.Decision.Compare)
	return left
}

// Workload is the place of the decisions about what programs do: by convention, and the last to be taken away.
const Workload = "workload"

func without(list []draw.Decision, drop func(draw.Decision) bool) []draw.Decision {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

// reduce finds a part of list, in order, with which fails still reports true, so that no single element can be left out:
// delta debugging. It takes for granted that the whole list does.
func reduce[T any](list []T, fails func([]T) bool) []T {
	if len(list) > 0 && fails(nil) {
		return nil
	}
	for parts := 2; len(list) > 1; {
		size := (len(list) + parts - 1) / parts
		smaller := false
		for from := 0; from < len(list); from += size {
			rest := append(slices.Clone(list[:from]), list[min(from+size, len(list)):]...)
			if len(rest) < len(list) && fails(rest) {
				list, smaller = rest, true
				parts = max(parts-1, 2)
				break
			}
		}
		switch {
		case smaller:
		case size == 1:
			return list
		default:
			parts = min(2*parts, len(list))
		}
	}
	return list
}
