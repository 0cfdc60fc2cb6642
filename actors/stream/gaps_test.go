package stream

import (
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// A peer that leaves a few gaps in each of many streams makes us hold a chunk for every byte (sim's attack "tiny pieces of
// many streams"): the streams of a connection share a bound.
func TestTheGapsOfAllStreamsHaveABound(t *testing.T) {
	limits := testLimits
	limits.ConnGaps = 5
	var all actor.Count
	var desks []*desk
	for range 3 {
		d := newDesk(t, theirBidi)
		d.s.Reuse(Config{Link: d.link, Role: wire.Client, Options: testOptions, Common: &Common{Chunks: &d.chunks, Limits: &limits, Gaps: &all}})
		d.connect()
		desks = append(desks, d)
	}
	faulted := func(d *desk) bool { return d.s.fault != nil }
	gap := func(d *desk, i int) { d.data(2+2*i, "x", false) }
	for i := range 3 {
		gap(desks[0], i)
	}
	gap(desks[1], 0)
	gap(desks[1], 1)
	if all.Load() != 5 || faulted(desks[0]) || faulted(desks[1]) {
		t.Fatalf("%d gaps of 5; faults: %v, %v", all.Load(), desks[0].s.fault, desks[1].s.fault)
	}
	desks[0].data(0, "ab", false) // closes one
	gap(desks[2], 0)
	if all.Load() != 5 || faulted(desks[2]) {
		t.Fatalf("%d gaps, one closed and one made; fault: %v", all.Load(), desks[2].s.fault)
	}
	gap(desks[2], 1)
	if f := desks[2].s.fault; f == nil || f.Code != wire.InternalError || f.FrameType != wire.TypeStream {
		t.Fatalf("a sixth gap: %v", f)
	}
	for _, d := range desks {
		d.turn(&port.Stop{})
	}
	if all.Load() != 0 {
		t.Errorf("%d gaps of streams that are gone", all.Load())
	}
}
