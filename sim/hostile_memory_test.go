package sim

import (
	"runtime"
	"testing"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/race"
	"quicpro/sim/core/hostile"
	"quicpro/wire"
)

// TestFloodsCostLittleMemory compares what is alive in the middle of a flood with a run in which nobody attacks. Both hosts
// are in it, but only the victim has a reason to hold more.
func TestFloodsCostLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it collects garbage often")
	}
	if race.Enabled {
		t.Skip("the race detector has memory of its own; TestHostile has the same floods")
	}
	quiet, _ := alive(t, "")
	for _, a := range hostile.For(wire.Client) {
		if a.Once || a.Early || a.Answer.Must {
			continue // it does not go on for long
		}
		flood, limits := alive(t, a.Name)
		bytes, objects := flood.bytes-quiet.bytes, flood.objects-quiet.objects
		mostBytes, mostObjects := limits.bytes, limits.objects
		if bytes > mostBytes || objects > mostObjects {
			t.Errorf("%s: %d KiB and %d objects more than without, at most %d KiB and %d", a.Name, bytes>>10, objects, mostBytes>>10, mostObjects)
		} else if bytes > mostBytes/8 {
			t.Logf("%s: %d KiB and %d objects more than without", a.Name, bytes>>10, objects)
		}
	}
}

// holding is what is alive.
type holding struct{ bytes, objects int }

// alive runs an attack that does not end by itself and measures in its middle.
func alive(t *testing.T, attack string) (most, bound holding) {
	t.Helper()
	Run(t, 1, func(w *World) {
		s := &siege{story: story{w: w, faults: w.Place("faults"), work: w.Place(Workload)}, place: w.Place("siege"), perfect: true, bulk: 300_000}
		s.attacker = &Attacker{Chance: 1, After: 20}
		if attack != "" {
			s.attacker.Menu = []string{attack}
		}
		s.against(wire.Server)
		for range 8 {
			time.Sleep(60 * time.Millisecond)
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.bytes, most.objects = max(most.bytes, int(m.HeapAlloc)), max(most.objects, int(m.HeapObjects))
		}
		s.all.Wait()
		l := s.known()
		// Chunks, receive buffers, what waits in order; and as much again for what names them.
		chunks := mostChunks(l)
		bound.bytes = 2 * (chunks*actor.ChunkSmall + l.RxTrains*64<<10 + l.RxBatches*2<<10 + 2*l.ConnWindow)
		bound.objects = 4*chunks + 40*l.Streams
	})
	return most, bound
}
