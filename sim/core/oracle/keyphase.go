package oracle

import (
	"strings"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// keyPhase is what a side has said of its 1-RTT keys (RFC 9001 s6). Packets are told in plaintext, so that the model knows their phase by
// their numbers.
type keyPhase struct {
	read, write uint64
	begun       uint64            // the last phase that the side has begun by itself
	first       wire.PacketNumber // of the write phase
	acked       mono.Time         // when one from there on was first acknowledged; zero: none was
}

// keysUpdated judges a key update of this side.
func (s *Side) keysUpdated(now mono.Time, what string) {
	k := &s.phase
	if strings.Contains(what, "write") {
		s.judgeUpdate(now)
		k.begun = k.write + 1
		k.renew(s)
		s.stats.KeyUpdates.Begun++
		return
	}
	k.read++
	known, both := false, false // the peer, and that it has begun this phase
	for _, o := range s.pair.sides {
		if o.role != s.role {
			known, both = true, both || o.phase.begun >= k.read
		}
	}
	switch {
	case k.write >= k.read:
		if both {
			s.stats.KeyUpdates.Crossed++
		}
		return
	case known && !both && !s.tampered():
		s.violate(now, KeyPhase, "received a packet in key phase %d, which the peer has not begun", k.read)
	}
	k.renew(s)
	s.stats.KeyUpdates.Followed++
}

// renew begins a write phase.
func (k *keyPhase) renew(s *Side) {
	k.write, k.first, k.acked = k.write+1, s.sent[wire.SpaceApp].next, 0
}

// judgeUpdate judges a key update that this side begins.
func (s *Side) judgeUpdate(now mono.Time) {
	k := &s.phase
	switch wait := 3 * s.probeTimeout(); {
	case s.life.rank < confirmed:
		s.violate(now, KeyUpdate, "began key phase %d before the handshake was confirmed", k.write+1)
	case k.acked.IsZero():
		s.violate(now, KeyUpdate, "began key phase %d, and none of the packets from %d on was acknowledged", k.write+1, k.first)
	case k.write > 0 && now.Sub(k.acked) < wait:
		s.violate(now, KeyUpdate, "began key phase %d %v after the one before was acknowledged, not %v", k.write+1, now.Sub(k.acked).Round(time.Microsecond), wait)
	case k.write != k.read:
		s.violate(now, KeyPhase, "began key phase %d, and receives in %d", k.write+1, k.read)
	}
}

// acknowledged learns that the packets up to largest may be acknowledged, of which largest is.
func (k *keyPhase) acknowledged(now mono.Time, largest wire.PacketNumber) {
	if largest >= k.first && k.acked.IsZero() {
		k.acked = now
	}
}
