package congestion

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBacklogIsCountedInDatagrams(t *testing.T) {
	const (
		base  = 50 * time.Millisecond
		few   = 51500 * time.Microsecond // 1.5 ms of 51.5 hold 2.9 of a hundred datagrams
		three = 51547 * time.Microsecond
		long  = 80 * time.Millisecond
	)
	for _, c := range []struct {
		name    string
		window  int // datagrams
		samples []time.Duration
		after   time.Duration // between two round trips of these samples
		want    bool
	}{
		{"nothing is known", 100, nil, rtt, true},
		{"the round trip is the base", 100, []time.Duration{base, base}, rtt, false},
		{"just below three datagrams", 100, []time.Duration{base, few, few}, rtt, false},
		{"three datagrams", 100, []time.Duration{base, three, three}, rtt, true},
		{"the same delay of a small window", 10, []time.Duration{base, 52 * time.Millisecond, 52 * time.Millisecond}, rtt, false},
		{"a small window in a long queue", 10, []time.Duration{base, long, long}, rtt, true},
		{"a window that is no queue at all", 2, []time.Duration{base, time.Hour, time.Hour}, rtt, false},
		{"one late round trip is no queue", 100, []time.Duration{base, base, long}, rtt, false},
		{"two are", 100, []time.Duration{base, base, long, long}, rtt, true},
		{"a queue that has drained", 100, []time.Duration{base, long, long, base}, rtt, false},
		{"the base is remembered for ten seconds", 100, []time.Duration{base, long, long, long}, 3300 * time.Millisecond, true},
		{"and forgotten after twenty", 100, []time.Duration{base, long, long, long}, 10 * time.Second, false},
		{"hours do not overflow", MaxWindow / size, []time.Duration{base, 3 * time.Hour, 3 * time.Hour}, rtt, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b backlog
			now := epoch
			for _, sample := range c.samples {
				b.onAcked(now, sample, true)
				b.onAcked(now, 2*sample, false) // what came later in the round trip waited
				b.onAcked(now, 0, false)
				now = now.Add(c.after)
			}
			if got := b.stands(c.window*size, size); got != c.want {
				t.Fatalf("a queue stands: %v, want %v", got, c.want)
			}
		})
	}
}

// avoiding returns a flow in congestion avoidance without a queue, at 112 datagrams of 5 ms: the Reno-friendly region.
func avoiding(t *testing.T) (*Cubic, *flow) {
	c := NewCubic(size)
	f := newFlow(t, c, 5*time.Millisecond)
	for range 4 {
		f.round()
	}
	f.lose(1)
	f.now += ms
	f.round()
	return c, f
}

// A loss while no queue stands shrinks the window by 15 %, and the window regains a datagram a round trip.
func TestLossWithoutQueue(t *testing.T) {
	c, f := avoiding(t)
	before := f.Window()
	f.lose(1)
	f.wantWindow("beta 0.85", before*17/20)
	if c.stage.max != before || c.stage.prior != before || f.SlowStartThreshold() != before*17/20 {
		t.Fatalf("the window was %d; threshold %d, stage %+v", before, f.SlowStartThreshold(), c.stage)
	}
	f.now += ms
	for range 10 {
		w := f.Window()
		f.round()
		if grown := f.Window() - w; grown < size*9/10 || grown > size {
			t.Fatalf("the window grew by %d in a round trip, want about %d: alpha is 1", grown, size)
		}
	}
}

// Whatever speaks of congestion gets the answer of RFC 9438.
func TestLossThatMeansCongestion(t *testing.T) {
	for _, c := range []struct {
		name string
		loss func(c *Cubic, f *flow)
	}{
		{"a standing queue", func(_ *Cubic, f *flow) {
			f.rtt += time.Millisecond
			f.round()
			f.round()
			f.lose(1)
		}},
		{"an ECN mark", func(_ *Cubic, f *flow) {
			sent := f.now
			f.now = f.now.Add(f.rtt)
			f.OnCongestion(f.now, Loss{Sent: sent, ECN: true})
		}},
		{"slow start", func(c *Cubic, f *flow) {
			c.threshold = Unlimited
			f.lose(1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, f := avoiding(t)
			c.loss(k, f)
			before := k.stage.prior
			f.wantWindow("beta 0.7", before*7/10)
			if k.stage.gentle {
				t.Fatal("the stage after it is gentle")
			}
		})
	}
}

func TestGentleLossIsUndone(t *testing.T) {
	c, f := avoiding(t)
	before, stage := f.Window(), c.stage
	sent := f.lose(1)
	f.OnSpurious(f.now+ms, sent)
	f.wantWindow("the packet was only late", before)
	if c.stage != stage {
		t.Fatalf("stage %+v, want %+v", c.stage, stage)
	}
}

// Over a link that loses 2 % at random, a flow holds more than 1.5 times the window that RFC 9438 alone does there, and
// not more than the bound that the package comment gives.
func TestRandomLoss(t *testing.T) {
	mean := func(discriminates bool) float64 {
		const rounds, probability = 20_000, 0.02
		c := NewCubic(size)
		f := newFlow(t, c, rtt)
		rng := rand.New(rand.NewPCG(5681, 2))
		sum := 0
		for range rounds {
			packets, lost := f.Window()/size, false
			for range packets {
				lost = lost || rng.Float64() < probability
			}
			sum += packets
			f.round()
			if !lost {
				continue
			}
			if !discriminates {
				c.backlog = backlog{}
			}
			f.OnCongestion(f.now, Loss{Sent: f.now.Add(-f.rtt), Packets: 1})
			f.now += ms
		}
		return float64(sum) / rounds
	}
	plain, gentle := mean(false), mean(true)
	if gentle < 1.5*plain || gentle > 2.03*plain {
		t.Fatalf("%.1f datagrams in flight on average, want 1.5 to 2.03 times %.1f", gentle, plain)
	}
}

// At a bottleneck with a queue of its bandwidth-delay product, which only this flow fills, every loss means congestion:
// not one is answered gently, for minutes.
func TestFullQueueIsAlwaysCongestion(t *testing.T) {
	const bandwidthDelay = 80 // datagrams
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	losses := 0
	for f.now < 300_000*ms {
		over := max(f.Window()/size-bandwidthDelay, 0)
		f.rtt = rtt + time.Duration(min(over, bandwidthDelay))*rtt/bandwidthDelay
		f.round()
		if over <= bandwidthDelay {
			continue
		}
		before := f.Window()
		f.OnCongestion(f.now, Loss{Sent: f.now.Add(-f.rtt), Packets: over - bandwidthDelay})
		f.wantWindow("beta 0.7", before*7/10)
		f.now += ms
		losses++
	}
	if losses < 20 {
		t.Fatalf("only %d losses", losses)
	}
}
