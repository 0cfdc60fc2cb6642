package oracle

import (
	"strings"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Side is the model of one side of a connection: a port.Trace.
type Side struct {
	book *Book
	pair *pair
	name string
	role wire.Role

	hostile bool
	last    mono.Time // of the newest event
	life    life
	keys    [wire.NumLevels]keyState
	phase   keyPhase
	ours    parameters
	theirs  parameters

	sent     [wire.NumSpaces]sentSpace
	received [wire.NumSpaces]receivedSpace
	datagram datagram
	path     pathModel
	recovery recovery
	crypto   [wire.NumLevels]memory
	streams  streams
	ids      ids
	h3       h3
	stats    Stats
	cause    *port.Cause
}

var _ port.Trace = (*Side)(nil)

// parameters are transport parameters, once known.
type parameters struct {
	p     wire.TransportParameters
	known bool
}

// keyState is what became of the keys of a level.
type keyState struct{ read, write, dropped bool }

// life is how far the connection is.
type life struct {
	rank     int // of its last state
	complete bool
	closing  bool
	draining bool
	heard    bool // a CONNECTION_CLOSE was received
	closes   int  // packets sent with CONNECTION_CLOSE
	arrived  int  // packets received since closing
}

func (l *life) over() bool { return l.closing || l.draining || l.heard }

func newSide(b *Book, p *pair, name string, role wire.Role) *Side {
	s := &Side{book: b, pair: p, name: name, role: role}
	s.stats.Sides = 1
	// The Initial keys follow from a connection ID: conn may use them before protect has said that it has them.
	s.keys[wire.LevelInitial] = keyState{read: true, write: true}
	s.path.validated = role == wire.Client
	s.streams.init()
	s.ids.init()
	return s
}

// Hostile says that what this side sends is rewritten under valid keys on its way, or that it breaks the rules by intent:
// it is not judged, its peer is not blamed for what it received, and what both sides say is not compared.
func (s *Side) Hostile() { s.hostile = true }

// Role is the side's.
func (s *Side) Role() wire.Role { return s.role }

// Cause is why the side has ended the connection, nil if it has not.
func (s *Side) Cause() *port.Cause { return s.cause }

// tampered reports that what this side receives is not what its peer has sent.
func (s *Side) tampered() bool {
	for _, o := range s.pair.sides {
		if o.role != s.role && o.hostile {
			return true
		}
	}
	return false
}

// Packet implements port.Trace.
func (s *Side) Packet(now mono.Time, p port.PacketEvent) {
	s.last = max(s.last, now)
	switch {
	case p.Level >= wire.NumLevels || p.Number < 0 || p.Number > wire.MaxPacketNumber:
		s.violate(now, FrameWellFormed, "packet %d at level %d", p.Number, p.Level)
	case p.Sent:
		s.packetSent(now, &p)
	default:
		s.packetReceived(now, &p)
	}
}

// Dropped implements port.Trace.
func (s *Side) Dropped(now mono.Time, size int, reason string) {
	s.last = max(s.last, now)
	s.stats.drop(reason)
	// RFC 9000 s8.1: every datagram that is attributed to the connection counts.
	s.path.received += max(size, 0)
}

// Parameters implements port.Trace.
func (s *Side) Parameters(now mono.Time, ours bool, p *wire.TransportParameters) {
	s.last = max(s.last, now)
	switch {
	case p == nil:
	case ours:
		s.ours = parameters{*p, true}
		s.streams.advertise(p)
		if s.role == wire.Server && p.RetrySCID.Present {
			s.path.validated = true // RFC 9000 s8.1.2
		}
		if p.HasPreferredAddress {
			s.ids.issued = append(s.ids.issued, issuedID{seq: 1, id: p.PreferredAddress.ID, token: p.PreferredAddress.Token, exact: true})
		}
	default:
		s.theirs = parameters{*p, true}
		if p.HasPreferredAddress {
			s.ids.known = append(s.ids.known, 1)
		}
	}
}

// ranks are the states in the order of a life. Those of the same rank are ways to the same.
var ranks = [...]struct {
	state string
	rank  int
}{{"handshake", 1}, {"retry", 2}, {"connected", 3}, {"confirmed", confirmed}, {"closing", 5}, {"draining", 6}}

// State implements port.Trace.
func (s *Side) State(now mono.Time, state string) {
	s.last = max(s.last, now)
	for _, r := range ranks {
		if r.state != state {
			continue
		}
		if r.rank <= s.life.rank {
			s.violate(now, StateOrder, "state %q after %q", state, stateOf(s.life.rank))
		}
		s.life.rank = max(s.life.rank, r.rank)
	}
	switch state {
	case "connected":
		s.life.complete = true
	case "closing":
		s.life.closing = true
	case "draining":
		s.life.draining = true
	}
}

// confirmed is the rank of a confirmed handshake (RFC 9001 s4.1.2).
const confirmed = 4

func stateOf(rank int) string {
	for _, r := range ranks {
		if r.rank == rank {
			return r.state
		}
	}
	return "nothing"
}

// Keys implements port.Trace. conn says that it orders a change, protect that it has made it: so each is heard twice, and
// only the first counts.
func (s *Side) Keys(now mono.Time, level wire.Level, what string) {
	s.last = max(s.last, now)
	if level >= wire.NumLevels {
		return
	}
	k := &s.keys[level]
	switch {
	case strings.Contains(what, "updated"):
		s.keysUpdated(now, what)
	case strings.Contains(what, "dropped"):
		if !k.dropped && (level == wire.LevelInitial || level == wire.LevelHandshake) {
			s.discard(level.Space())
		}
		k.dropped = true
	case strings.Contains(what, "read"):
		k.read = true
	case strings.Contains(what, "write"):
		k.write = true
	case strings.Contains(what, "installed"):
		k.read, k.write = true, true
	}
}

// discard forgets what is outstanding in a space (RFC 9002 s6.4).
func (s *Side) discard(sp wire.Space) {
	s.sent[sp].settleAll()
	s.received[sp].owed.n = 0
}

// Closed implements port.Trace.
func (s *Side) Closed(now mono.Time, c *port.Cause) {
	s.last = max(s.last, now)
	s.cause = c
	if !s.life.draining {
		s.life.closing = true
	}
}

// checkTime judges what has not happened by now.
func (s *Side) checkTime(now mono.Time) {
	s.endDatagram()
	if s.life.over() {
		return
	}
	s.checkOwed(now)
	s.checkProbe(now)
}

// maxAckDelay is how long this side may take to acknowledge.
func (s *Side) maxAckDelay() time.Duration {
	if s.ours.known {
		return s.ours.p.MaxAckDelay
	}
	return wire.DefaultMaxAckDelay
}
