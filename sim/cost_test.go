package sim

import (
	"flag"
	"runtime"
	"testing"
	"time"

	"quicpro/internal/race"
)

var costFlag = flag.Bool("sim.cost", false, "TestCost fails beyond its targets, which are those of a machine at rest")

// TestCost is what a run costs with every check on: 16 requests of 64 KiB at once, half of them uploads that come back, over
// 20 Mbit/s, 25 ms each way, 3 % loss. A sweep's processes have one processor each.
func TestCost(t *testing.T) {
	if race.Enabled {
		t.Skip("what a run costs under the race detector nobody asks; TestManyRequestsAtOnceAreTheSameEveryTime has such runs")
	}
	const runs = 20
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{2, 1} {
		runtime.GOMAXPROCS(processors)
		var messages uint64
		var virtual time.Duration
		began := time.Now()
		for seed := range Seed(runs) {
			var o Outcome
			crowd(t, seed, 16, 1, 64<<10, &o)
			messages += o.Messages
			virtual += o.Elapsed
		}
		wall := time.Since(began)
		run, message := wall/runs, wall/time.Duration(messages)
		t.Logf("GOMAXPROCS=%d: %v a run, %v a message (%d a run), %.0f virtual seconds a second", processors, run, message, messages/runs, virtual.Seconds()/wall.Seconds())
		if *costFlag && processors == 1 && (run > 60*time.Millisecond || message > 2*time.Microsecond) {
			t.Errorf("want at most 60 ms a run and 2 us a message")
		}
	}
}

// What programs see does not depend on how the rooms' steps are ordered: fused or not, one message at a time or all.
func TestWhatProgramsSeeDoesNotDependOnTheOrderOfSteps(t *testing.T) {
	for _, o := range []Option{
		WithOrder(Order{}), WithOrder(Order{Fuse: 1}), WithOrder(Order{Shuffle: 1}), WithOrder(Order{Shuffle: 1, Starve: 0.2}), WithOrder(Order{Shuffle: 1, Fuse: 1}),
	} {
		for seed := range Seed(race.Fewer(t, 5, 1)) {
			crowdOf(t, seed, 8, 2, 20_000, o) // compares every byte
		}
	}
}
