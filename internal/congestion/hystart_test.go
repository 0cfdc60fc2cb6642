package congestion

import (
	"testing"
	"time"
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
	f.wantWindow("before", 192000)
	// RFC 9406 s4.2: the threshold is an eighth of 50 ms, within 4 and 16 ms.
	f.rtt = rtt + 6250*time.Microsecond
	f.round()
	if !c.slow.conservative() {
		t.Fatal("conservative slow start was not entered")
	}
	// Eight samples of the round were acknowledged at full growth before it was: the eighth enters it.
	f.wantWindow("then a quarter", 192000+7*size+(160-7)*(size/hystartDivisor))
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
	if c.slow.conservative() || f.Window() != 192000<<5 {
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

func TestFewSamplesDecideNothing(t *testing.T) {
	c, f := steady(t)
	f.per = 40 // four frames of the next round, and then eight of the one after it, ...
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
