package recovery

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Discard drops the Initial or Handshake space together with its keys. Its packets leave the bytes in flight; no fate
// is reported (RFC 9002 s6.4).
func (l *Loss[C]) Discard(now mono.Time, sp wire.Space) {
	s := &l.spaces[sp]
	for pn := s.cursor; pn < s.next; pn++ {
		if p := s.at(pn); p.pending() {
			l.settle(s, p)
		}
	}
	s.clear()
	// RFC 9002 s6.2.2: the PTO and loss detection timers MUST be reset: it is forward progress.
	l.timer.backoff = 0
	l.timer.base = now
}

// Retry restarts loss recovery after a Retry packet: everything sent is reported Lost, so that it is sent again, and
// the estimates begin anew (RFC 9002 s6.3). Packet numbers go on (RFC 9000 s17.2.5.3).
func (l *Loss[C]) Retry(now mono.Time, rtt RTT) {
	l.abandon(wire.SpaceInitial, 0)
	l.abandon(wire.SpaceApp, 0)
	l.path = newPathState(l.path.id, rtt)
	l.timer.backoff = 0
	l.timer.base = now
}

// RejectEarly reports all 0-RTT packets in flight as Lost, without congestion (RFC 9002 s6.4): the server has refused
// them.
func (l *Loss[C]) RejectEarly() { l.abandon(wire.SpaceApp, Early) }

// SwitchPath makes another path the current one. Its estimate is a new one, unless only the peer's port changed
// (RFC 9000 s9.4). Packets of the old path still meet their fate, but no longer count in bytes, samples and congestion.
func (l *Loss[C]) SwitchPath(now mono.Time, path uint8, rtt RTT) {
	l.path = newPathState(path, rtt)
	for i := range l.spaces {
		s := &l.spaces[i]
		s.losses = stretch{}
		for pn := s.cursor; pn < s.next; pn++ {
			if p := s.at(pn); p.pending() && p.Path == path {
				l.path.inFlight += int(p.Size)
			}
		}
	}
	l.timer.backoff = 0
	l.timer.base = now
}

// abandon reports the packets in flight that have the flags as Lost; an acknowledgment for them is ignored.
func (l *Loss[C]) abandon(sp wire.Space, flags Flags) {
	s := &l.spaces[sp]
	var o Outcome
	for pn := s.cursor; pn < s.next; pn++ {
		if p := s.at(pn); p.pending() && p.Flags&flags == flags {
			l.lose(sp, pn, forgotten, &o)
		}
	}
	if s.inFlight == 0 {
		s.lossTime = 0
	}
}
