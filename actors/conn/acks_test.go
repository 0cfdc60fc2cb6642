package conn

import (
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// RFC 9000 s13.2.1: every ack-eliciting packet MUST be acknowledged at least once. One that was overtaken, by a packet whose
// ACK the peer has confirmed before the next ACK is due, is no exception. Found by sim/core/oracle, rule ack.intime.
func TestAnOvertakenPacketIsAcknowledgedThoughThePeerKnowsALaterOne(t *testing.T) {
	now := mono.Time(time.Second)
	r := newReceived(64)
	for _, pn := range []wire.PacketNumber{0, 1, 3} {
		r.add(pn, now, 0)
	}
	r.append(nil, now, 3, 1200)
	r.add(2, now, 0)
	r.elicited(2, now, false, 25*time.Millisecond)
	r.acknowledged(3) // the ACK above has arrived
	r.add(6, now, 0)
	if got := acked(t, r.append(nil, now, 3, 1200)); !got[2] || !got[6] {
		t.Errorf("acknowledged %v, want 2 and 6 among them", got)
	}
	// What was acknowledged, and is known to be, is left out again.
	r.acknowledged(6)
	r.add(8, now, 0)
	if got := acked(t, r.append(nil, now, 3, 1200)); len(got) != 1 || !got[8] {
		t.Errorf("acknowledged %v, want 8 alone", got)
	}
}

// acked lists what an ACK frame acknowledges.
func acked(t *testing.T, frame []byte) map[wire.PacketNumber]bool {
	t.Helper()
	f, _, err := wire.ParseAck(frame)
	if err != nil {
		t.Fatal(err)
	}
	all := map[wire.PacketNumber]bool{}
	for walk := f.Ranges(); ; {
		g, ok := walk.Next()
		if !ok {
			return all
		}
		for pn := g.Lo; pn <= g.Hi; pn++ {
			all[pn] = true
		}
	}
}
