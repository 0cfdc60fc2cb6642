package recovery

import (
	"testing"
	"time"

	"quicpro/wire"
)

// exampleEndpoint has smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay = 2 s, as RFC 9002 s7.6.3 assumes:
// a steady round trip of 200 ms, and the rest in max_ack_delay.
func exampleEndpoint(t *testing.T) (e *endpoint, next wire.PacketNumber) {
	e = newEndpoint(t, wire.Client, 0)
	e.ConfirmHandshake()
	for ; next < 100; next++ {
		e.send(int64(next)*1000-200_000, app, next)
		e.ack(int64(next)*1000-199_800, app, next, next)
	}
	e.SetMaxAckDelay(2*time.Second - e.RTT().PTO(0))
	if e.PTO() != 2*time.Second {
		t.Fatalf("PTO %v", e.PTO())
	}
	return e, next - 1 // so that next+1 is packet #1
}

// RFC 9002 s7.6.3, with the times of its table.
func TestPersistentCongestionExample(t *testing.T) {
	e, base := exampleEndpoint(t)
	e.send(0, app, base+1)
	e.send(1000, app, base+2)
	e.ack(1200, app, base+1, base+1)
	// That was a sample of 1.2 s, which the example leaves out.
	e.SetMaxAckDelay(2*time.Second - e.RTT().PTO(0))
	for i, millis := range []int64{2000, 3000, 4000, 5000, 6000, 8000, 12000} {
		e.send(millis, app, base+3+wire.PacketNumber(i))
	}
	o := e.ack(12200, app, base+9, base+9, base+1, base+1)
	e.wantLost("packets 2 through 8", base+2, base+3, base+4, base+5, base+6, base+7, base+8)
	if !o.PersistentCongestion {
		t.Fatal("persistent congestion was not found")
	}
	if e.RTT().Min() != e.RTT().Latest() {
		t.Fatal("RFC 9002 s5.2: min_rtt SHOULD be set to the newest sample")
	}
}

func TestNoPersistentCongestion(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(e *endpoint, base wire.PacketNumber) Outcome
	}{
		{"when the period is too short", func(e *endpoint, base wire.PacketNumber) Outcome {
			e.send(1000, app, base+1)
			e.send(7000, app, base+2) // exactly 6 s: must exceed
			e.send(8000, app, base+3)
			return e.ack(8200, app, base+3, base+3)
		}},
		{"when a packet between was acknowledged in the same frame", func(e *endpoint, base wire.PacketNumber) Outcome {
			e.send(1000, app, base+1)
			e.send(4000, app, base+2)
			e.send(8000, app, base+3)
			e.send(8100, app, base+4)
			e.send(9000, app, base+5)
			return e.ack(9200, app, base+5, base+5, base+2, base+2)
		}},
		{"when a packet between was acknowledged late", func(e *endpoint, base wire.PacketNumber) Outcome {
			e.send(1000, app, base+1)
			e.send(4000, app, base+2)
			e.send(4100, app, base+3)
			e.ack(4300, app, base+3, base+3)
			e.OnTimeout(at(5000))
			e.ack(5001, app, base+2, base+3)
			e.send(8000, app, base+4)
			e.send(9000, app, base+5)
			return e.ack(9200, app, base+5, base+5)
		}},
		{"when a packet between was acknowledged in another space", func(e *endpoint, base wire.PacketNumber) Outcome {
			e.send(1000, app, base+1)
			e.send(4000, wire.SpaceHandshake, 0)
			e.send(8000, app, base+2)
			e.send(9000, app, base+3)
			e.ack(9100, wire.SpaceHandshake, 0, 0)
			return e.ack(9200, app, base+3, base+3)
		}},
		{"when the packets are not ack-eliciting", func(e *endpoint, base wire.PacketNumber) Outcome {
			e.sendFlags(1000, app, base+1, InFlight)
			e.send(4000, app, base+2)
			e.sendFlags(8000, app, base+3, InFlight)
			e.send(9000, app, base+4)
			return e.ack(9200, app, base+4, base+4)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, base := exampleEndpoint(t)
			if o := c.run(e, base); o.PersistentCongestion || o.LostPackets == 0 {
				t.Fatalf("outcome %+v", o)
			}
		})
	}
}

func TestPersistentCongestionNeedsAPriorSample(t *testing.T) {
	e := newEndpoint(t, wire.Client, 10*time.Millisecond)
	e.ConfirmHandshake()
	e.send(0, app, 0)
	e.send(5000, app, 1)
	e.send(5001, app, 2)
	if o := e.ack(5002, app, 2, 2); o.PersistentCongestion {
		t.Fatal("RFC 9002 s7.6.2: before the first sample there is no persistent congestion")
	}
}

func TestPersistentCongestionAcrossFrames(t *testing.T) {
	e, base := exampleEndpoint(t)
	e.send(1000, app, base+1)
	e.send(7990, app, base+2)
	e.send(8000, app, base+3)
	e.send(8001, app, base+4)
	if o := e.ack(8100, app, base+4, base+4); o.LostPackets != 1 || o.PersistentCongestion {
		t.Fatalf("one packet is lost: %+v", o)
	}
	if _, o := e.OnTimeout(e.Deadline()); o.LostPackets != 1 || !o.PersistentCongestion {
		t.Fatalf("the second completes the period: %+v", o)
	}
}
