package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"quicpro/sim/core/script"
)

// sweep is the run of many seeds.
type sweep struct {
	*app
	*simFlags
	began time.Time
	bar   *progressbar.ProgressBar // nil: nobody would see it
	gate  *gate

	failed  []*script.Outcome
	runs    int
	elapsed time.Duration // virtual
	sum     script.Outcome
}

// mostFailures is how many failures are told.
const mostFailures = 10

// sweep runs the seeds and tells what came of them.
func (a *app) sweep(ctx context.Context, f *simFlags) int {
	s := &sweep{app: a, simFlags: f, began: time.Now()}
	total := f.last - f.first + 1
	if !f.hashes && isTerminal(a.stderr) {
		s.gate = &gate{w: a.stderr, opens: time.Now().Add(meterDelay / 4)}
		s.bar = progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(s.gate), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("seeds"), progressbar.OptionSetSpinnerChangeInterval(0))
	}
	s.runAll(ctx)
	if s.bar != nil {
		_ = s.bar.Exit()
		s.gate.newline()
	}
	if ctx.Err() != nil {
		return exitInterrupt
	}
	if !f.hashes {
		s.table()
	}
	return s.verdict()
}

// runAll runs the seeds on the workers. What came of them is told in the order of the seeds.
func (s *sweep) runAll(ctx context.Context) {
	type result struct {
		seed uint64
		out  *script.Outcome
	}
	seeds, results := make(chan uint64), make(chan result, s.workers)
	go func() {
		defer close(seeds)
		for seed := s.first; ; seed++ {
			select {
			case seeds <- seed:
			case <-ctx.Done():
				return
			}
			if seed == s.last {
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(func() {
			for seed := range seeds {
				results <- result{seed, script.Run{Seed: seed, Profile: s.profile, Only: s.replay}.Do()}
			}
		})
	}
	go func() {
		workers.Wait()
		close(results)
	}()
	early := map[uint64]*script.Outcome{}
	next := s.first
	for r := range results {
		for early[r.seed] = r.out; early[next] != nil; next++ {
			s.add(early[next])
			delete(early, next)
		}
	}
}

// add counts a run.
func (s *sweep) add(o *script.Outcome) {
	s.runs++
	if s.hashes {
		fmt.Fprintf(s.stdout, "%d %016x\n", o.Seed, o.Hash)
	}
	if s.bar != nil {
		_ = s.bar.Add(1)
	}
	s.sum.Add(o)
	if o.Fault == nil {
		return
	}
	if s.failed = append(s.failed, o); len(s.failed) <= mostFailures {
		if s.gate != nil {
			s.gate.newline()
		}
		s.tell(o)
	}
}

// tell says what is wrong with a run, and how to see it again.
func (s *sweep) tell(o *script.Outcome) {
	fmt.Fprintf(s.stderr, "seed %d FAILED %v\n  again: %s\n", o.Seed, o.Fault, s.command(o.Seed))
	if !s.verbose {
		return
	}
	for _, d := range o.Decisions {
		fmt.Fprintf(s.stderr, "  decision: %v\n", d)
	}
}

// command is one that replays a seed.
func (s *sweep) command(seed uint64) string {
	c := fmt.Sprintf("quicpro sim -profile %s -seeds %d -v", s.profile.Name, seed)
	for _, d := range s.replay {
		c += " -replay '" + d.String() + "'"
	}
	return c
}

// table says what was done.
func (s *sweep) table() {
	o, wall := &s.sum, time.Since(s.began)
	fmt.Fprintf(s.stdout, "profile      %s: %s\n", s.profile.Name, s.profile.What)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(s.stdout, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("seeds", "%d, on %d workers", s.runs, s.workers)
	row("requests", "%d: %d cancelled, %d reset, %d broken by a crash, %d turned away by a goodbye; %d asked again", o.Requests, o.Cancelled, o.Reset,
		o.Broken, o.Turned, o.Again)
	row("bytes", "%d of bodies", o.Bytes)
	row("connections", "%d dialled, %d server crashes", o.Dials, o.Crashes)
	row("datagrams", "%d: %s", o.Datagrams, losses(o))
	row("virtual time", "%v", o.Elapsed.Round(time.Millisecond))
	row("wall time", "%v: %.1f seeds/s, %.0f steps/s, %.0f virtual seconds a second", wall.Round(time.Millisecond),
		float64(s.runs)/wall.Seconds(), float64(o.Steps)/wall.Seconds(), o.Elapsed.Seconds()/wall.Seconds())
	row("failures", "%d", len(s.failed))
	if s.verbose {
		fmt.Fprintf(s.stdout, "\n%s", o.Stats.String())
	}
}

// losses says what the links did.
func losses(o *script.Outcome) string {
	parts := []string{fmt.Sprintf("%d did not arrive", o.Lost())}
	for _, c := range o.Harms() {
		if c.N > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.N, c.Name))
		}
	}
	return strings.Join(parts, ", ")
}

// verdict is the exit code, with the last words.
func (s *sweep) verdict() int {
	if len(s.failed) == 0 {
		return exitOK
	}
	return s.fail(failf(exitProtocol, "%d of %d seeds failed, the first is %d; again: %s", len(s.failed), s.runs, s.failed[0].Seed,
		s.command(s.failed[0].Seed)))
}
