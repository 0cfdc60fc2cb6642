package link

import (
	"testing"
	"time"

	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

// lossy is a usual link of a run.
var lossy = Config{Delay: 25 * ms, Jitter: 2 * ms, Rate: 20 * Mbit, Loss: 0.03, Duplicate: 0.01, Reorder: 0.01, Corrupt: 0.001}

func BenchmarkSend(b *testing.B) {
	l := sample(b, lossy)
	d := Datagram{Bytes: make([]byte, 1200)}
	b.ReportAllocs()
	for i := range b.N {
		l.Send(at(time.Duration(i)*500*time.Microsecond), d)
	}
}

// BenchmarkNetwork is a datagram from host to host: two links, two queues, all copies.
func BenchmarkNetwork(b *testing.B) {
	n := star(b, draw.New(1), lossy)
	payload := make([]byte, 1200)
	b.ReportAllocs()
	for i := range b.N {
		now := at(time.Duration(i+1) * 500 * time.Microsecond)
		for _, d := range n.Advance(now) {
			n.Release(d.Bytes)
		}
		n.Send(now, cli, srv, udp.ECT0, payload)
	}
}

// In a steady state a network without faults allocates nothing.
func TestASteadyNetworkDoesNotAllocate(t *testing.T) {
	n := star(t, draw.New(1), Config{Delay: 25 * ms, Jitter: 2 * ms, Rate: 20 * Mbit})
	payload, i := make([]byte, 1200), 0
	step := func() {
		i++
		now := at(time.Duration(i) * 500 * time.Microsecond)
		for _, d := range n.Advance(now) {
			n.Release(d.Bytes)
		}
		n.Send(now, cli, srv, udp.ECT0, payload)
	}
	for range 2000 {
		step()
	}
	if got := testing.AllocsPerRun(2000, step); got > 0 {
		t.Errorf("%v allocations a datagram", got)
	}
}
