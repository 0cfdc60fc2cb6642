package congestion

import (
	"testing"
	"time"

	"quicpro/wire"
)

const rtt = 50 * time.Millisecond

func TestInitialWindow(t *testing.T) {
	for datagram, want := range map[int]int{1200: 38400, 1452: 46464, 1472: 47104, 1500: 47104, 23552: 47104, 60000: 120000} {
		if got := InitialWindow(datagram); got != want {
			t.Errorf("datagram %d: window %d, want %d", datagram, got, want)
		}
		if got := NewCubic(datagram).Window(); got != want {
			t.Errorf("datagram %d: CUBIC begins with %d, want %d", datagram, got, want)
		}
	}
}

func TestSlowStartDoublesEveryRound(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		f := newFlow(t, create(), rtt)
		if !f.InSlowStart() || f.SlowStartThreshold() != Unlimited {
			t.Fatal("a path begins in slow start")
		}
		for want := 2 * initial; want < 1_000_000; want *= 2 {
			f.round()
			f.wantWindow("slow start", want)
		}
	})
}

func TestWindowShrinksOnceARoundTrip(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, beta float64) {
		f := newFlow(t, create(), rtt)
		for range 4 {
			f.round()
		}
		want := int(16 * initial * beta)
		before := f.now
		f.lose(1)
		f.wantWindow("loss", want)
		if f.InSlowStart() || f.SlowStartThreshold() != want || f.RecoveryStart() != f.now {
			t.Fatalf("threshold %d, recovery %v", f.SlowStartThreshold(), f.RecoveryStart())
		}
		f.OnCongestion(f.now+ms, Loss{Sent: before + 10*ms, Packets: 3})
		f.OnCongestion(f.now+ms, Loss{Sent: f.now, ECN: true})
		f.wantWindow("losses of packets sent before the reduction", want)
		f.OnAcked(f.now+ms, Ack{Bytes: 50 * size, Sent: f.now, Largest: f.next, PriorInFlight: f.Window(), Smoothed: rtt})
		f.wantWindow("acknowledgments of such packets", want)
		f.OnCongestion(f.now.Add(2*rtt), Loss{Sent: f.now + ms, ECN: true})
		f.wantWindow("a mark on a later packet", int(float64(want)*beta))
	})
}

func TestWindowNeverFallsBelowTwoDatagrams(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		f := newFlow(t, create(), rtt)
		for range 20 {
			f.now += ms
			f.lose(1)
		}
		f.wantWindow("many losses", 2*size)
	})
}

func TestPersistentCongestion(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, beta float64) {
		f := newFlow(t, create(), rtt)
		for range 4 {
			f.round()
		}
		sent := f.lose(100)
		f.OnPersistentCongestion(f.now)
		f.wantWindow("RFC 9002 s7.6.2", 2*size)
		threshold := int(16 * initial * beta)
		if !f.InSlowStart() || f.SlowStartThreshold() != threshold || f.RecoveryStart() != 0 {
			t.Fatalf("threshold %d, recovery %v", f.SlowStartThreshold(), f.RecoveryStart())
		}
		for range 100 {
			f.OnSpurious(f.now, sent)
		}
		f.wantWindow("it is not undone", 2*size)
		for range 8 {
			f.now += ms
			f.round()
		}
		if got := f.Window(); got < threshold || got > threshold+size {
			t.Fatalf("slow start ended at %d, want about %d", got, threshold)
		}
	})
}

func TestUnderusedWindowDoesNotGrow(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		f := newFlow(t, create(), rtt)
		for range 10 {
			f.send(4)
		}
		f.wantWindow("application-limited in slow start", initial)
		for range 4 {
			f.round()
		}
		f.lose(1)
		f.now += ms
		window := f.Window()
		for range 20 {
			f.send(10)
		}
		f.wantWindow("application-limited in congestion avoidance", window)
		// A sender that never says so does not fool it for longer than the last full round.
		for range 5 {
			sent := f.now
			f.OnSent(sent, f.next, size, size)
			f.now = f.now.Add(rtt)
			f.OnAcked(f.now, Ack{Bytes: size, Sent: sent, Largest: f.next, PriorInFlight: size, RTT: rtt, Smoothed: rtt})
			f.next++
		}
		f.wantWindow("hardly used", window)
	})
}

func TestSpuriousLossIsUndone(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, beta float64) {
		f := newFlow(t, create(), rtt)
		for range 4 {
			f.round()
		}
		sent := f.lose(2)
		f.OnCongestion(f.now+ms, Loss{Sent: sent + 1, Packets: 1})
		f.OnSpurious(f.now+ms, sent)
		f.OnSpurious(f.now+ms, sent)
		f.wantWindow("one packet is still lost", int(16*initial*beta))
		f.OnSpurious(f.now+ms, sent+1)
		f.wantWindow("none is", 16*initial)
		if !f.InSlowStart() || f.SlowStartThreshold() != Unlimited || f.RecoveryStart() != 0 {
			t.Fatalf("threshold %d, recovery %v", f.SlowStartThreshold(), f.RecoveryStart())
		}
		f.OnSpurious(f.now+ms, sent)
		f.wantWindow("and that was it", 16*initial)
	})
}

func TestWhatIsNotUndone(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, beta float64) {
		f := newFlow(t, create(), rtt)
		f.round()
		reduced := int(2 * initial * beta)
		sent := f.now
		f.now = f.now.Add(rtt)
		f.OnCongestion(f.now, Loss{Sent: sent, ECN: true})
		f.OnSpurious(f.now, sent)
		f.wantWindow("an ECN mark", reduced)

		f = newFlow(t, create(), rtt)
		f.round()
		sent = f.lose(1)
		f.OnCongestion(f.now, Loss{Sent: sent, ECN: true})
		f.OnSpurious(f.now, sent)
		f.wantWindow("a loss with a mark beside it", reduced)

		f = newFlow(t, create(), rtt)
		f.round()
		first := f.lose(1)
		f.now += ms
		f.lose(1)
		twice := f.Window()
		f.OnSpurious(f.now, first)
		f.wantWindow("a loss older than the last reduction", twice)

		f = newFlow(t, create(), rtt)
		f.round()
		sent = f.lose(1)
		f.now += ms
		for f.Window() < 2*initial {
			f.round()
		}
		window := f.Window()
		f.OnSpurious(f.now, sent)
		f.wantWindow("when the window has recovered by itself", window)
	})
}

func TestMaxDatagramSize(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, beta float64) {
		f := newFlow(t, create(), rtt)
		f.SetMaxDatagramSize(1452)
		f.wantWindow("before it was used, the initial window is recalculated", 32*1452)
		f.SetMaxDatagramSize(100)
		f.wantWindow("a path carries at least 1200 bytes", initial)
		f.round()
		f.SetMaxDatagramSize(1452)
		f.wantWindow("later it stays", 2*initial)
		for range 20 {
			f.now += ms
			f.lose(1)
		}
		f.wantWindow("minimum", 2*1452)
		f.SetMaxDatagramSize(9000)
		f.wantWindow("the minimum grows with the size", 18000)
	})
}

func TestNewRenoGrowsOneDatagramAWindow(t *testing.T) {
	f := newFlow(t, NewNewReno(size), rtt)
	for range 4 {
		f.round()
	}
	f.lose(1)
	f.now += ms
	for want := 8*initial + size; want < 8*initial+20*size; want += size {
		f.round()
		// RFC 9002 s7.3.3: at most one datagram for each window acknowledged.
		f.wantWindow("additive increase", want)
	}
}

func TestHandshakePacketsGrowTheWindow(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		c := create()
		for i := range initial / size {
			c.OnSent(epoch, wire.NoPacketNumber, size, (i+1)*size)
		}
		c.OnAcked(epoch+50*ms, Ack{
			Bytes: initial, Sent: epoch, Largest: wire.NoPacketNumber, PriorInFlight: initial, RTT: rtt, Smoothed: rtt,
		})
		if c.Window() != 2*initial {
			t.Fatalf("window %d", c.Window())
		}
	})
}

func TestWindowIsBounded(t *testing.T) {
	both(t, func(t *testing.T, create func() Controller, _ float64) {
		c := create()
		now := epoch
		for i := range wire.PacketNumber(40) {
			now += 10 * ms
			c.OnSent(now, i, size, c.Window())
			c.OnAcked(now+5*ms, Ack{
				Bytes: c.Window(), Sent: now, Largest: i, PriorInFlight: c.Window(), RTT: time.Millisecond, Smoothed: rtt,
			})
		}
		if c.Window() != MaxWindow {
			t.Fatalf("window %d, want %d", c.Window(), MaxWindow)
		}
	})
}
