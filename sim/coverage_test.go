package sim

import (
	"testing"

	"quicpro/wire"
)

// leastRuns is in how many of a thousand runs each fault and each type of frame must occur.
const leastRuns = 20

// faultWords are all that the swarm can do to a world. CE marks and bleaching of the ECN field are not among them: the
// engine does not send ECT yet.
var faultWords = []string{
	"lost", "burst", "late", "twice", "corrupt", "outage", "target", "jitter", "mtu", "rebind", // of links
	"rate", "policing", "small mtu", "jumbo", "narrow", "short keys", // of sizes
	"crash", "restart", "freezes", "drifting", "skewed", "late timers", // of hosts
	"shuffled", "starved", "fused", // of the order of steps
}

// frameTypes are all that the engine sends, and whether one that is lost is sent again.
var frameTypes = map[wire.FrameType]bool{
	wire.TypePadding: false, wire.TypePing: false, wire.TypeAck: false, wire.TypeCrypto: true, wire.TypeStream: true,
	wire.TypeResetStream: true, wire.TypeStopSending: true, wire.TypeMaxData: true, wire.TypeMaxStreamData: true,
	wire.TypeMaxStreamsBidi: true, wire.TypeDataBlocked: true, wire.TypeStreamDataBlocked: true,
	wire.TypeNewConnectionID: true, wire.TypeHandshakeDone: true, wire.TypeConnectionClose: false, wire.TypeConnectionCloseApp: false,
}

// judgeCoverage fails a large sweep that has left something out.
func judgeCoverage(t *testing.T, r *Report) {
	t.Helper()
	least := leastRuns * r.Seeds / 1000
	for _, word := range faultWords {
		if n := r.Faults[word].Runs; n < least {
			t.Errorf("%q in %d of %d seeds, want %d", word, n, r.Seeds, least)
		}
	}
	for typ, again := range frameTypes {
		f := r.Frames[typ.String()]
		if f.Sent.Runs < least {
			t.Errorf("%v was sent in %d of %d seeds, want %d", typ, f.Sent.Runs, r.Seeds, least)
		}
		if again && (f.Lost.Runs < least || f.Renewed.Runs < least) {
			t.Errorf("%v was lost in %d and sent again in %d of %d seeds, want %d", typ, f.Lost.Runs, f.Renewed.Runs, r.Seeds, least)
		}
	}
	for i, what := range keyUpdateWords {
		if n := r.KeyUpdates[i].Runs; n < least {
			t.Errorf("key updates %s in %d of %d seeds, want %d", what, n, r.Seeds, least)
		}
	}
	for name := range r.Frames {
		known := false
		for typ := range frameTypes {
			known = known || typ.String() == name
		}
		if !known {
			t.Errorf("%s is sent, and in no list of the engine's frames", name)
		}
	}
}
