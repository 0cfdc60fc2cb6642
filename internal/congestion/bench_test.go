package congestion

import (
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// congested returns a CUBIC sender in congestion avoidance.
func congested() *Cubic {
	c := NewCubic(size)
	c.grow(2 << 20)
	c.OnCongestion(epoch, Loss{Sent: epoch - 1, Packets: 1})
	return c
}

// burst sends and acknowledges 44 packets.
func burst(c Controller, p *Pacer, now mono.Time, pn wire.PacketNumber) {
	p.Budget(now)
	for i := range wire.PacketNumber(44) {
		c.OnSent(now, pn+i, size, c.Window())
	}
	p.OnSent(now, 44*size)
	now = now.Add(time.Millisecond)
	c.OnAcked(now, Ack{
		Bytes: 44 * size, Sent: now - 1, Largest: pn + 43, PriorInFlight: c.Window(), RTT: time.Millisecond,
		Smoothed: time.Millisecond,
	})
	p.Update(now, c.Window(), time.Millisecond, c.InSlowStart())
	p.Quantum()
}

func BenchmarkBurstOf44(b *testing.B) {
	for name, c := range map[string]Controller{"cubic": congested(), "newreno": NewNewReno(size)} {
		b.Run(name, func(b *testing.B) {
			p := NewPacer(epoch, size, time.Millisecond)
			now, pn := epoch, wire.PacketNumber(0)
			b.ReportAllocs()
			for b.Loop() {
				burst(c, &p, now, pn)
				now, pn = now.Add(100*time.Microsecond), pn+44
			}
		})
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	for name, c := range map[string]Controller{"cubic": congested(), "newreno": NewNewReno(size)} {
		p := NewPacer(epoch, size, time.Millisecond)
		now, pn := epoch, wire.PacketNumber(0)
		if got := testing.AllocsPerRun(200, func() {
			burst(c, &p, now, pn)
			now, pn = now.Add(100*time.Microsecond), pn+44
		}); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
