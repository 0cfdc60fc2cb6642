package congestion

import (
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	size    = 1200      // maximum datagram size
	initial = 32 * size // the window a path begins with
	ms      = mono.Time(time.Millisecond)
	epoch   = 1000 * ms
)

// flow is a sender that fills its window once a round trip and has all of it acknowledged, in frames of so many packets.
type flow struct {
	t *testing.T
	Controller
	now  mono.Time
	rtt  time.Duration
	next wire.PacketNumber
	per  int // packets a frame
}

func newFlow(t *testing.T, c Controller, rtt time.Duration) *flow {
	return &flow{t: t, Controller: c, now: epoch, rtt: rtt, per: 1}
}

// round sends a full window and acknowledges it a round trip later, spread over one millisecond.
func (f *flow) round() { f.send(f.Window() / size) }

// send sends so many packets at once and acknowledges them a round trip later.
func (f *flow) send(packets int) {
	sent, inFlight := f.now, 0
	for range packets {
		inFlight += size
		f.OnSent(sent, f.next, size, inFlight)
		f.next++
	}
	limited := packets < f.Window()/size-nearlyFull
	largest := f.next - wire.PacketNumber(packets) - 1
	f.now = sent.Add(f.rtt)
	for left := packets; left > 0; {
		n := min(left, f.per)
		largest += wire.PacketNumber(n)
		f.OnAcked(f.now, Ack{
			Bytes: n * size, Sent: sent, Largest: largest, PriorInFlight: left * size,
			RTT: f.rtt, Smoothed: f.rtt, AppLimited: limited,
		})
		left -= n
	}
}

// lose reports packets sent just now as lost a round trip later.
func (f *flow) lose(packets int) (sent mono.Time) {
	sent = f.now
	f.now = f.now.Add(f.rtt)
	f.OnCongestion(f.now, Loss{Sent: sent, Packets: packets})
	return sent
}

func (f *flow) wantWindow(why string, want int) {
	f.t.Helper()
	if got := f.Window(); got != want {
		f.t.Fatalf("%s: window %d, want %d", why, got, want)
	}
	if err := f.Controller.(interface{ Check() error }).Check(); err != nil {
		f.t.Fatalf("%s: %v", why, err)
	}
}

// both runs a test for both controllers.
func both(t *testing.T, test func(t *testing.T, create func() Controller, beta float64)) {
	t.Run("cubic", func(t *testing.T) { test(t, func() Controller { return NewCubic(size) }, 0.7) })
	t.Run("newreno", func(t *testing.T) { test(t, func() Controller { return NewNewReno(size) }, 0.5) })
}
