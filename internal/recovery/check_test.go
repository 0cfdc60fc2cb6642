package recovery

import (
	"strings"
	"testing"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// traffic is a server in the middle of a transfer: 0 to 2 acknowledged, 3 and 4 lost by number, 5 skipped, 6 in flight below
// the largest acknowledged, 7, and 8 to 11 beyond.
func traffic(t *testing.T) *endpoint {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 11; pn++ {
		if pn != 5 {
			e.send(100+int64(pn), wire.SpaceApp, pn)
		}
	}
	e.ack(150, wire.SpaceApp, 7, 7, 1, 2)
	return e
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is
		harm func(l *Loss[int], s *space[int])
	}{
		{"", func(*Loss[int], *space[int]) {}},
		{"5999 bytes in flight, the outstanding packets of path 0 have 6000", func(l *Loss[int], _ *space[int]) { l.path.inFlight-- }},
		{"-1 bytes in flight", func(l *Loss[int], _ *space[int]) { l.path.inFlight = -1 }},
		{"low 12, cursor", func(_ *Loss[int], s *space[int]) { s.low = s.next }},
		{"12 records in 7 slots", func(_ *Loss[int], s *space[int]) { s.low, s.slots = 0, s.slots[:7] }},
		{"packet 12 was acknowledged, the next to be sent is 12", func(_ *Loss[int], s *space[int]) { s.largestAcked = 12 }},
		{"packet 13 was skipped", func(_ *Loss[int], s *space[int]) { s.lastSkipped = 13 }},
		{"6 ack-eliciting packets of 5 in flight", func(_ *Loss[int], s *space[int]) { s.eliciting++ }},
		{"none was ever sent", func(_ *Loss[int], s *space[int]) { s.lastSent = 0 }},
		{"6 packets in flight, 5 of them ack-eliciting; the records have 5, 5", func(_ *Loss[int], s *space[int]) { s.inFlight++ }},
		{"packet 9 was sent at", func(_ *Loss[int], s *space[int]) { s.at(9).Sent = 1 }},
		{"packet 7 is acknowledged, in a run of 0", func(_ *Loss[int], s *space[int]) { s.at(7).run = 0 }},
		{"packet 8 is acknowledged, in a run of 1; the largest is 7", func(_ *Loss[int], s *space[int]) { s.at(8).state, s.at(8).run = acked, 1 }},
		{"packet 8 is lost, the largest acknowledged is 7", func(_ *Loss[int], s *space[int]) { s.at(8).state = lostByTime }},
		{"the loss timer is armed for 0; packets below the largest acknowledged in flight: true", func(_ *Loss[int], s *space[int]) { s.lossTime = 0 }},
		{"packet 3 is outstanding, the cursor stands at", func(_ *Loss[int], s *space[int]) { s.at(3).state = outstanding }},
		{"packet 2 claims a run of 3 acknowledged ones, there are 2", func(_ *Loss[int], s *space[int]) { s.low, s.at(2).run = 1, 3; s.at(0).state = forgotten; s.low = 0 }},
		{"the packet threshold is 2", func(l *Loss[int], _ *space[int]) { l.path.packetThreshold = 2 }},
		{"an acknowledgment took -1ns", func(l *Loss[int], _ *space[int]) { l.path.late = -1 }},
		{"smoothed round trip 0s", func(l *Loss[int], _ *space[int]) { l.path.rtt.smoothed = 0 }},
		{"smallest round trip 0s", func(l *Loss[int], _ *space[int]) { l.path.rtt.min = 0 }},
		{"backoff 21 of at most 20", func(l *Loss[int], _ *space[int]) { l.timer.backoff = maxBackoff + 1 }},
		{"the loss timer is armed for 5, and nothing is in flight", func(l *Loss[int], _ *space[int]) { l.spaces[0].lossTime = 5 }},
	} {
		e := traffic(t)
		c.harm(e.Loss, &e.spaces[wire.SpaceApp])
		err := e.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check says %v, want %q", err, c.want)
		}
	}
}

func TestCheckAllWalksToTheEnd(t *testing.T) {
	e := established(t)
	for pn := range wire.PacketNumber(100) {
		e.send(100, wire.SpaceApp, pn+1)
	}
	s := &e.spaces[wire.SpaceApp]
	s.at(90).state = forgotten
	if err := e.Check(); err != nil {
		t.Errorf("Check walked further than its window: %v", err)
	}
	if err := e.CheckAll(); err == nil || !strings.Contains(err.Error(), "100 packets in flight") {
		t.Errorf("CheckAll says %v", err)
	}
}

// What damages no record damages the timer: here PTO and loss timers are asked for where none may be, and the reverse.
func TestCheckOfTheTimer(t *testing.T) {
	e := newEndpoint(t, wire.Server, 0)
	e.send(0, wire.SpaceApp, 0)
	e.wantNoDeadline("before the handshake is confirmed")
	e.ConfirmHandshake()
	e.wantOrder()
	e.timer.amplified = true
	e.wantNoDeadline("while the amplification limit blocks")
	e.timer.amplified = false
	s := &e.spaces[wire.SpaceApp]
	s.lastSent, s.probed = -mono.Time(e.PTO()), -mono.Time(e.PTO())
	if err := e.Check(); err == nil || !strings.Contains(err.Error(), "the timer is set for 0; ack-eliciting packets in flight: 0, 0, 1") {
		t.Errorf("a timer that is not armed for a packet in flight: %v", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	e := &endpoint{}
	e.Loss = NewLoss(Config[int]{Role: wire.Server, Fates: &e.heard})
	e.ConfirmHandshake()
	for pn := range wire.PacketNumber(40) {
		*e.OnSent(at(int64(pn)), wire.SpaceApp, pn, 1200, AckEliciting, 0) = 0
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
