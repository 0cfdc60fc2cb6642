package congestion

import (
	"testing"
	"time"

	"quicpro/wire"
)

// steady returns a flow after four rounds of slow start at 50 ms.
func steady(t *testing.T) (*Cubic, *flow) {
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	for range 4 {
		f.round()
	}
	return c, f
}

func TestRisingDelayEndsSlowStart(t *testing.T) {
	c, f := steady(t)
	f.wantWindow("before", 16*initial)
	// RFC 9406 s4.2: the threshold is an eighth of 50 ms, within 4 and 16 ms.
	f.rtt = rtt + 6250*time.Microsecond
	f.round()
	if !c.slow.conservative() {
		t.Fatal("conservative slow start was not entered")
	}
	// Eight samples of the round were acknowledged at full growth before it was: the eighth enters it.
	f.wantWindow("then a quarter", 16*initial+7*size+(16*initial/size-7)*(size/hystartDivisor))
	rounds := 1
	for ; f.InSlowStart(); rounds++ {
		before := f.Window()
		f.round()
		if f.InSlowStart() && f.Window() != before+before/size*(size/hystartDivisor) {
			t.Fatalf("window %d after %d in conservative slow start", f.Window(), before)
		}
	}
	// The first acknowledgment of the sixth round ends the fifth.
	if rounds != hystartRounds+1 {
		t.Fatalf("slow start ended in round %d", rounds)
	}
	if f.SlowStartThreshold() == Unlimited || c.stage.max != f.SlowStartThreshold() || c.stage.k != 0 {
		t.Fatalf("threshold %d, stage %+v", f.SlowStartThreshold(), c.stage)
	}
}

func TestSmallRiseDoesNotEndSlowStart(t *testing.T) {
	c, f := steady(t)
	for range 5 {
		f.rtt += 6 * time.Millisecond // each less than an eighth
		f.round()
	}
	if c.slow.conservative() || f.Window() != 16*initial<<5 {
		t.Fatalf("window %d", f.Window())
	}
}

func TestFallingDelayResumesSlowStart(t *testing.T) {
	c, f := steady(t)
	f.rtt = rtt + 10*time.Millisecond
	f.round()
	if !c.slow.conservative() {
		t.Fatal("conservative slow start was not entered")
	}
	f.rtt = rtt
	f.round()
	if c.slow.conservative() {
		t.Fatal("slow start was not resumed")
	}
	before := f.Window()
	f.round()
	f.wantWindow("doubling again", before/size*size+before)
}

// A queue that rises within a round is seen there, and not when the window has doubled once more.
func TestDelayThatRisesWithinARoundEndsSlowStart(t *testing.T) {
	var h hystart
	groups := func(n int, rtt time.Duration) {
		for range n * hystartSamples {
			h.onSample(rtt)
		}
	}
	groups(1, rtt)
	h.onRound()
	groups(3, rtt)
	groups(1, rtt+rtt/8-1)
	if h.conservative() {
		t.Fatal("entered for less than an eighth of a round trip")
	}
	groups(1, rtt+rtt/8)
	if !h.conservative() {
		t.Fatal("conservative slow start was not entered")
	}
}

// A pause makes samples late, and exchanges of a few packets follow: none of those rounds has enough samples to judge by,
// but together they have, and say that the queue has gone.
func TestAPauseBeforeShortExchangesEndsNoSlowStart(t *testing.T) {
	var h hystart
	round := func(samples int, rtt time.Duration) (exit bool) {
		for range samples {
			h.onSample(rtt)
		}
		return h.onRound()
	}
	round(hystartSamples, rtt)
	if round(hystartSamples, 2*rtt); !h.conservative() {
		t.Fatal("conservative slow start was not entered")
	}
	for i := range 3 * hystartRounds {
		if round(3, rtt) {
			t.Fatalf("slow start ended after %d short exchanges", i+1)
		}
	}
	if h.conservative() {
		t.Error("slow start was not resumed")
	}
}

// After a timeout slow start doubles, whatever the first one had found: a path that was away for seconds in the middle of a
// queue must not keep a window of two datagrams for ever.
func TestSlowStartAfterATimeoutIsNotCareful(t *testing.T) {
	c, f := steady(t)
	f.rtt = 2 * rtt
	f.round()
	f.round()
	if !c.slow.conservative() || !c.slow.full {
		t.Fatal("slow start met no queue")
	}
	f.lose(100)
	f.OnPersistentCongestion(f.now)
	f.rtt = rtt
	f.now = f.now.Add(3 * rtt)
	f.round()
	before := f.Window()
	f.round()
	f.wantWindow("doubled", 2*before)
}

// Conservative slow start grows while the queue is short of a quarter of the round trip.
func TestAQueuePausesConservativeSlowStart(t *testing.T) {
	c, f := steady(t)
	f.rtt = rtt + rtt/8
	f.round()
	f.rtt = rtt + rtt/hystartFull
	f.round()
	before := f.Window()
	f.round()
	f.wantWindow("with a queue", before)
	f.rtt = rtt + rtt/8
	f.round()
	if !c.slow.conservative() || f.Window() <= before {
		t.Fatalf("window %d, and %d with the queue", f.Window(), before)
	}
}

func TestFewSamplesDecideNothing(t *testing.T) {
	c, f := steady(t)
	f.per = 128 // four frames of the next round
	f.rtt = rtt + 20*time.Millisecond
	f.round()
	if c.slow.conservative() {
		t.Fatal("four samples decided")
	}
}

func TestLossEndsHyStartForGood(t *testing.T) {
	c, f := steady(t)
	f.lose(1)
	f.OnPersistentCongestion(f.now)
	f.now += ms
	slow := c.slow
	f.rtt = 10 * rtt
	f.round()
	if c.slow != slow {
		t.Fatal("RFC 9406 s4.3: HyStart++ is for the initial slow start")
	}
}

// Rounds of many small packets end slow start, though they never grew the window: from then on it is the path's, and not
// the initial one that a new datagram size recalculates. Found by quicpro sim -profile lossy -seeds 342.
func TestSlowStartEndsBeforeTheWindowEverGrew(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	small := func() {
		const packets, bytes = 10, 50
		sent := f.now
		for range packets {
			f.OnSent(sent, f.next, bytes, packets*bytes)
			f.next++
		}
		f.now = sent.Add(f.rtt)
		for i := range packets {
			f.OnAcked(f.now, Ack{
				Bytes: bytes, Sent: sent, Largest: f.next - wire.PacketNumber(packets-i), PriorInFlight: packets * bytes, RTT: f.rtt, Smoothed: f.rtt,
				AppLimited: true,
			})
		}
	}
	small()
	small()
	for f.rtt += 20 * time.Millisecond; c.threshold == Unlimited; {
		small()
	}
	f.wantWindow("after slow start", InitialWindow(size))
	f.SetMaxDatagramSize(2 * size)
	f.wantWindow("with larger datagrams", InitialWindow(size))
}
