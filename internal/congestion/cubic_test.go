package congestion

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

func TestCubeRoot(t *testing.T) {
	check := func(x uint64) {
		r := cubeRoot(x)
		// (r+1)^3 may not fit: the largest root is 2642245.
		if r*r*r > x || r < 2642245 && (r+1)*(r+1)*(r+1) <= x {
			t.Fatalf("cubeRoot(%d) = %d", x, r)
		}
	}
	for x := range uint64(5000) {
		check(x)
	}
	rng := rand.New(rand.NewPCG(9438, 1))
	for range 20000 {
		check(rng.Uint64() >> rng.UintN(64))
		r := rng.Uint64N(2642245) + 1
		check(r * r * r)
		check(r*r*r - 1)
	}
	check(math.MaxUint64)
}

// reference is W_cubic(t) of RFC 9438 s4.2 in segments, in floating point.
func reference(t, max, start float64) float64 {
	k := math.Cbrt((max - start) / 0.4)
	return 0.4*math.Pow(t-k, 3) + max
}

// The integer curve stays within two segments of figure 1, from the smallest window to the largest.
func TestCubicCurve(t *testing.T) {
	for _, datagram := range []int{1200, 1452, 9000, 65527} {
		for _, segments := range []int{4, 10, 100, 1000, 10000, MaxWindow / datagram} {
			top := segments * datagram
			start := int(int64(top) * betaNumerator / betaDenominator) // 32 bits hold no seven of the largest
			s := stage{max: top}
			s.start(epoch, start, datagram)
			for millis := 0; millis < 300_000; millis += 7 {
				elapsed := time.Duration(millis) * time.Millisecond
				got := float64(s.at(elapsed, datagram)) / float64(datagram)
				want := reference(elapsed.Seconds(), float64(top)/float64(datagram), float64(start)/float64(datagram))
				want = min(want, MaxWindow/float64(datagram))
				if math.Abs(got-want) > 2 {
					t.Fatalf("datagram %d, W_max %d: W(%v) = %.2f segments, want %.2f", datagram, segments, elapsed, got, want)
				}
			}
		}
	}
}

// After a loss, a flow on a long fat path follows the curve: concave up to W_max, then convex.
func TestFlowFollowsTheCurve(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, 100*time.Millisecond)
	f.per = 44
	for f.Window() < 2000*size {
		f.round()
	}
	top := float64(f.Window()) / size
	f.lose(1)
	f.now += ms
	f.round() // the first acknowledgment begins the stage
	begin := c.stage.begin
	for f.now.Sub(begin) < 20*time.Second {
		f.round()
		// The target of each acknowledgment is the curve a round trip ahead; a whole window of them gets there.
		want := reference(f.now.Sub(begin).Seconds()+0.1, top, 0.7*top)
		got := float64(f.Window()) / size
		// Each step moves by (target-cwnd)/cwnd, so the window trails the target by what compounding leaves.
		behind := (want - reference(f.now.Sub(begin).Seconds()-0.1, top, 0.7*top)) + 2
		if got > want+2 || got < want-behind {
			t.Fatalf("%v: window %.1f segments, want %.1f less %.1f at most", f.now.Sub(begin), got, want, behind)
		}
	}
	if f.Window() < int(top)*size {
		t.Fatal("the flow never came to the convex region")
	}
}

// On a short path with a small window CUBIC is as fast as Reno with alpha 9/17, and then 1 (RFC 9438 s4.3).
func TestRenoFriendlyRegion(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, 5*time.Millisecond)
	for f.Window() < 90*size {
		f.round()
	}
	prior := f.Window()
	f.lose(1)
	f.now += ms
	est := float64(f.Window())
	for range 400 {
		acked := f.Window() / size
		window := float64(f.Window())
		f.round()
		alpha := 9.0 / 17
		if est >= float64(prior) {
			alpha = 1
		}
		for range acked {
			// The window grows while it is acknowledged; within a round that is a fraction of a segment.
			est += alpha * size * size / window
		}
		if got := float64(f.Window()); math.Abs(got-est) > 2*size {
			t.Fatalf("window %.1f segments, want %.1f", got/size, est/size)
		}
		est = float64(f.Window())
	}
	if f.Window() < prior {
		t.Fatal("the flow never regained its window")
	}
}

func TestFastConvergence(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	for range 5 {
		f.round()
	}
	w := f.Window()
	f.lose(1)
	if c.stage.max != w || c.stage.prior != w {
		t.Fatalf("W_max %d, cwnd_prior %d, want %d", c.stage.max, c.stage.prior, w)
	}
	f.now += ms
	second := f.Window()
	c.backlog = backlog{} // no round trip is known: RFC 9438 unchanged
	f.lose(1)
	// RFC 9438 s4.7: the window was below W_max, so W_max falls to cwnd * (1 + 0.7) / 2.
	if c.stage.max != second*17/20 || c.stage.prior != second {
		t.Fatalf("W_max %d, cwnd_prior %d, want %d and %d", c.stage.max, c.stage.prior, second*17/20, second)
	}
}

// RFC 9438 s4.2: the elapsed time MUST NOT include periods without updates of the window.
func TestIdleTimeDoesNotCount(t *testing.T) {
	prepare := func() (*Cubic, *flow) {
		c := NewCubic(size)
		f := newFlow(t, c, rtt)
		for range 6 {
			f.round()
		}
		f.lose(1)
		f.now += ms
		for range 5 {
			f.round()
		}
		return c, f
	}
	grow := func(pause func(f *flow)) int {
		_, f := prepare()
		before := f.Window()
		pause(f)
		f.round()
		return f.Window() - before
	}
	busy := grow(func(*flow) {})
	idle := grow(func(f *flow) { f.now += 3600_000 * ms })
	limited := grow(func(f *flow) {
		for range 1000 {
			f.send(3)
		}
	})
	if math.Abs(float64(idle-busy)) > size || math.Abs(float64(limited-busy)) > 2*size {
		t.Fatalf("the window grew by %d after work, %d after idling, %d after little work", busy, idle, limited)
	}
}

func TestStageAfterPersistentCongestion(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	for range 5 {
		f.round()
	}
	f.lose(10)
	f.OnPersistentCongestion(f.now)
	f.now += ms
	for f.InSlowStart() {
		f.round()
	}
	start := f.SlowStartThreshold()
	f.round()
	// RFC 9438 s4.8: K is 0 and W_max is the window at the beginning.
	if c.stage.k != 0 || c.stage.max != start {
		t.Fatalf("K %d, W_max %d, want 0 and %d", c.stage.k, c.stage.max, start)
	}
}

func TestDatagramSizeInCongestionAvoidance(t *testing.T) {
	c := NewCubic(size)
	f := newFlow(t, c, rtt)
	for range 6 {
		f.round()
	}
	top := f.Window()
	f.lose(1)
	f.now += ms
	f.round()
	f.SetMaxDatagramSize(1452)
	f.round()
	if want := cubicK(top-f.Window(), 1452); c.stage.max != top || math.Abs(float64(c.stage.k-want)) > 1e5 {
		t.Fatalf("K %d us towards %d, want about %d towards %d", c.stage.k, c.stage.max, want, top)
	}
}

// Whatever happens, the window stays between its bounds and an acknowledgment never shrinks it.
func TestPropertyWindowStaysWithinBounds(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		for seed := range uint64(30) {
			rng := rand.New(rand.NewPCG(seed, 7))
			c, now := create(), epoch
			var pn wire.PacketNumber
			for range 3000 {
				now += mono.Time(rng.Int64N(1 << rng.UintN(34)))
				before := c.Window()
				switch rng.IntN(16) {
				case 0:
					c.OnCongestion(now, Loss{Sent: now - mono.Time(rng.Int64N(1e9)), Packets: 1 + rng.IntN(8), ECN: rng.IntN(9) == 0})
				case 1:
					c.OnSpurious(now, c.RecoveryStart()-mono.Time(rng.Int64N(1e6)))
				case 2:
					if rng.IntN(50) == 0 {
						c.OnPersistentCongestion(now)
					}
				case 3, 4, 5, 6, 7:
					c.OnSent(now, pn, size, rng.IntN(2*c.Window()))
					pn++
				default:
					c.OnAcked(now, Ack{
						Bytes: rng.IntN(c.Window()), Sent: now - mono.Time(rng.Int64N(1e8)), Largest: pn - 1,
						PriorInFlight: c.Window() - rng.IntN(c.Window()), RTT: time.Duration(rng.Int64N(1 << 28)),
						Smoothed: time.Duration(1 + rng.Int64N(1<<30)), AppLimited: rng.IntN(3) == 0,
					})
					if c.Window() < before {
						t.Fatalf("seed %d: an acknowledgment shrank the window from %d to %d", seed, before, c.Window())
					}
				}
				if w := c.Window(); w < 2*size || w > MaxWindow {
					t.Fatalf("seed %d: window %d", seed, w)
				}
				if err := c.(interface{ Check() error }).Check(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
	})
}
