package congestion

import (
	"testing"
	"time"

	"quicpro/internal/mono"
)

// drive sends packets of one datagram for a time, waiting where the pacer says, and returns the bytes sent.
func drive(p *Pacer, now mono.Time, length time.Duration, each func(wait time.Duration)) int {
	total := 0
	for end := now.Add(length); now < end; {
		if p.Budget(now) >= size {
			p.OnSent(now, size)
			total += size
			continue
		}
		next := p.NextSend(now, size)
		if each != nil {
			each(next.Sub(now))
		}
		now = next
	}
	return total
}

func TestPacerKeepsItsRate(t *testing.T) {
	for _, c := range []struct {
		window    int
		smoothed  time.Duration
		slowStart bool
		rate      int // bytes a second
	}{
		{100_000, 100 * time.Millisecond, false, 1_250_000},
		{100_000, 100 * time.Millisecond, true, 2_000_000},
		{2400, time.Second, false, 3000},
		{10_000_000, 20 * time.Millisecond, false, 625_000_000},
	} {
		p := NewPacer(epoch, size, 333*time.Millisecond)
		p.Update(epoch, c.window, c.smoothed, c.slowStart)
		if p.Rate() != c.rate {
			t.Fatalf("%+v: rate %d", c, p.Rate())
		}
		const length = 20 * time.Second
		got := drive(&p, epoch, length, func(wait time.Duration) {
			if wait < Granularity {
				t.Fatalf("%+v: a wait of %v is finer than the timers", c, wait)
			}
		})
		// At most a bucket and a debt more than the rate.
		want := c.rate * int(length/time.Second)
		if slack := p.burst + p.earns(Granularity) + 2*size; got < want-size || got > want+slack {
			t.Fatalf("%+v: %d bytes sent, want %d to %d", c, got, want, want+slack)
		}
	}
}

func TestPacerLosesNothingToFrequentCalls(t *testing.T) {
	p := NewPacer(epoch, size, 333*time.Millisecond)
	p.Update(epoch, 12_000, time.Second, false) // 15,000 bytes a second: one in 66 us
	p.OnSent(epoch, 12_000)
	for now := epoch; now < epoch.Add(100*time.Millisecond); now += 777 {
		p.Budget(now)
	}
	if p.Budget(epoch.Add(100 * time.Millisecond)); p.tokens != 1500 {
		t.Fatalf("%d tokens after 100 ms, want 1500", p.tokens)
	}
}

func TestBurstIsLimited(t *testing.T) {
	p := NewPacer(epoch, size, 333*time.Millisecond)
	sent := 0
	for ; p.Budget(epoch) >= size; sent += size {
		p.OnSent(epoch, size)
	}
	if sent != burstDatagrams*size {
		t.Errorf("%d bytes leave at once, want ten datagrams", sent)
	}
	p.Update(epoch, 1_000_000, 100*time.Millisecond, false)
	later := epoch.Add(time.Hour)
	if got, most := p.Budget(later), 2*12_500+12_500; got != most {
		t.Errorf("%d bytes after an hour, want %d: two granularities and a debt of one", got, most)
	}
}

// The first sample of a short round trip must not leave the sender waiting for the long one that was assumed.
func TestRateChangeKeepsTheBytesNotTheWait(t *testing.T) {
	p := NewPacer(epoch, size, 333*time.Millisecond)
	p.OnSent(epoch, 12_000)
	if wait := p.NextSend(epoch, size).Sub(epoch); wait < 5*time.Millisecond {
		t.Fatalf("wait %v at the assumed rate", wait)
	}
	p.Update(epoch+ms, 24_000, time.Millisecond, true)
	if p.Budget(epoch+ms) < size {
		t.Fatal("blocked after the first sample")
	}
}

func TestPacerNeverBlocksOnLoopback(t *testing.T) {
	for _, smoothed := range []time.Duration{50 * time.Microsecond, 200 * time.Microsecond, time.Millisecond} {
		p := NewPacer(epoch, size, 333*time.Millisecond)
		const window = 2 << 20
		now := epoch
		p.Update(now, window, smoothed, false)
		if got := p.Quantum(); got != MaxQuantum {
			t.Fatalf("quantum %d, want a full batch", got)
		}
		for range 10_000 {
			// A window every round trip.
			now = now.Add(smoothed)
			for left := window; left > 0; left -= MaxQuantum {
				if p.NextSend(now, MaxQuantum) != now || p.Budget(now) < MaxQuantum {
					t.Fatalf("blocked at a round trip of %v", smoothed)
				}
				p.OnSent(now, MaxQuantum)
			}
			p.Update(now, window, smoothed, false)
		}
	}
}

func TestQuantum(t *testing.T) {
	for _, c := range []struct {
		name     string
		window   int
		smoothed time.Duration
		want     int
	}{
		{"slow path: two datagrams", 12_000, 100 * time.Millisecond, 2 * size},
		{"what a millisecond earns", 1_000_000, 100 * time.Millisecond, 12_500},
		{"fast path: a batch", 10_000_000, 10 * time.Millisecond, MaxQuantum},
		{"never more than a quarter of the window", 100_000, time.Millisecond, 25_000},
		{"and never less than two datagrams", 2 * size, time.Microsecond, 2 * size},
	} {
		p := NewPacer(epoch, size, 333*time.Millisecond)
		p.Update(epoch, c.window, c.smoothed, false)
		if got := p.Quantum(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	p := NewPacer(epoch, size, time.Second)
	p.SetMaxDatagramSize(1452)
	if got := p.Quantum(); got != 2*1452 {
		t.Errorf("quantum %d after a change of the datagram size", got)
	}
}

func TestPacerTakesExtremes(t *testing.T) {
	p := NewPacer(epoch, 65527, 1)
	p.Update(epoch, MaxWindow, 1, true)
	if p.rate != maxRate {
		t.Errorf("rate %d", p.rate)
	}
	p.Budget(mono.Never)
	p = NewPacer(epoch, size, time.Hour)
	p.Update(epoch, 2*size, 1<<62, false)
	for range 1000 {
		p.OnSent(epoch, 60_000) // probes are not held back, but their debt is bounded
	}
	if p.Rate() != 1 || p.tokens < -p.burst {
		t.Errorf("rate %d, %d tokens", p.Rate(), p.tokens)
	}
	if wait := p.NextSend(epoch, MaxQuantum).Sub(epoch); wait != 24_000*time.Second {
		t.Errorf("wait %v", wait)
	}
}

// A sender that wants less than a datagram's budget is told once when that is there.
func TestWhoWantsLittleWaitsOnce(t *testing.T) {
	for _, size := range []int{1452, 8848} {
		p := NewPacer(epoch, size, time.Second)
		p.Update(epoch, 2*size, time.Second, false)
		p.OnSent(epoch, p.Budget(epoch))
		now, rings := epoch, 0
		for ; p.Budget(now) < 100; rings++ {
			now = p.NextSend(now, 100)
		}
		if rings != 1 {
			t.Errorf("datagrams of %d bytes: %d timers for 100 bytes", size, rings)
		}
	}
}
