package conn

import (
	"encoding/binary"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// minReset is the size of the smallest stateless reset (RFC 9000 s10.3).
const minReset = 21

// receive takes one read of the socket.
func (c *Conn) receive(m *port.RxBatch) {
	if c.life.state == alive && c.path.carries(m.Path) {
		c.use(m)
	}
	m.Release()
}

func (c *Conn) use(m *port.RxBatch) {
	if !m.Replay && !c.path.validated {
		// RFC 9000 s8.1: every datagram that is attributed to the connection counts, whatever becomes of its packets.
		c.path.received += len(m.B)
	}
	at := m.At
	if at.IsZero() || at > c.now {
		at = c.now
	}
	for i := range m.Packets {
		if c.life.state != alive {
			return
		}
		switch p := &m.Packets[i]; p.Kind {
		case port.RxOpened:
			c.opened(m, p, at)
		case port.RxRetry:
			c.retried(p)
		case port.RxVersionNegotiation:
			c.negotiated(p)
		case port.RxUnopened:
			c.unopened(p)
		case port.RxLate: // protect keeps it for its keys, or has reported it
		}
	}
	if m.Fault != nil && c.life.state == alive {
		c.fail(m.Fault)
	}
}

// opened takes one authenticated packet.
func (c *Conn) opened(m *port.RxBatch, p *port.RxPacket, at mono.Time) {
	sp := p.Level.Space()
	s := &c.spaces[sp]
	if sp == wire.SpaceApp {
		c.keyPhaseSeen(p.Phase)
	}
	switch {
	case s.dropped:
		c.dropped(p, "level discarded")
		return
	case s.received.duplicate(p.Number):
		c.dropped(p, "duplicate")
		return
	case p.Level != wire.LevelApp && !c.knows(p):
		c.dropped(p, "unknown source connection ID")
		return
	}
	if t := c.cfg.Trace; t != nil {
		t.Packet(at, port.PacketEvent{Level: p.Level, Number: p.Number, Size: p.Size, Payload: p.Payload})
	}
	eliciting, err := c.frames(m, p, at)
	if err != nil {
		c.fail(err)
		return
	}
	c.life.heard(at)
	if s.dropped { // by a frame of this packet
		return
	}
	s.received.add(p.Number, at, m.ECN)
	if eliciting {
		s.received.elicited(p.Number, at, sp != wire.SpaceApp, c.cfg.Params.MaxAckDelay)
	}
	if p.Level == wire.LevelHandshake && c.cfg.Role == wire.Server {
		// RFC 9000 s8.1: a Handshake packet validates the client's address.
		c.path.validated = true
		// RFC 9001 s4.9.1: a server MUST discard Initial keys when it first processes a Handshake packet.
		c.dropLevel(wire.LevelInitial)
	}
}

// knows checks the source of a long-header packet; the first one of the server gives the client its new DCID.
func (c *Conn) knows(p *port.RxPacket) bool {
	if !c.ids.adopted {
		// RFC 9000 s7.2: a client MUST change the DCID to the server's SCID on its first Initial.
		c.ids.adopted = true
		c.ids.initial = p.Source
		c.ids.peer.current().id = p.Source
		return true
	}
	// RFC 9000 s7.2: subsequent packets with another source MUST be discarded.
	return p.Source == c.ids.initial
}

// frames reads the frames of a packet.
func (c *Conn) frames(m *port.RxBatch, p *port.RxPacket, at mono.Time) (eliciting bool, err error) {
	f := &c.frame
	for b := p.Payload; ; {
		n, err := wire.NextFrame(b, f)
		if err != nil {
			return eliciting, err
		}
		// RFC 9000 s12.4: a frame in a packet type that does not permit it is a PROTOCOL_VIOLATION.
		if !f.Type.AllowedAt(p.Level) || !f.Type.AllowedFrom(c.cfg.Role.Peer()) {
			return eliciting, wire.NewError(wire.ProtocolViolation, f.Type, "frame is not permitted here")
		}
		eliciting = eliciting || f.Type.IsAckEliciting()
		if err := c.dispatch(m, p, at); err != nil {
			return eliciting, err
		}
		if b = b[n:]; len(b) == 0 || c.life.state != alive {
			return eliciting, nil
		}
	}
}

// retried takes a Retry packet (RFC 9000 s17.2.5.2).
func (c *Conn) retried(p *port.RxPacket) {
	// At most one, before any other packet, from another ID than the Initial went to.
	if c.cfg.Role != wire.Client || c.life.processed || c.ids.retry.Present || p.Source == c.ids.peer.current().id || len(p.Payload) == 0 {
		c.dropped(p, "unexpected Retry")
		return
	}
	c.ids.retry = wire.SomeConnectionID(p.Source)
	c.ids.keyed = p.Source
	c.ids.peer.current().id = p.Source
	c.cfg.Token = append([]byte(nil), p.Payload...)
	c.ports.ToProtect.Send(&port.InitialKeys{Version: c.cfg.Version, Dest: p.Source})
	// RFC 9002 s6.3: the client starts over, with new estimates; RFC 9000 s17.2.5.3: packet numbers go on.
	c.loss.Retry(c.now, recovery.NewRTT(recovery.InitialRTT))
	c.restartPath()
	if t := c.cfg.Trace; t != nil {
		t.State(c.now, "retry")
	}
}

// negotiated takes a Version Negotiation packet (RFC 9000 s6.2).
func (c *Conn) negotiated(p *port.RxPacket) {
	if c.cfg.Role != wire.Client || c.life.processed || c.ids.retry.Present || p.Dest != c.cfg.LocalID || p.Source != c.ids.peer.current().id {
		c.dropped(p, "unexpected Version Negotiation")
		return
	}
	var offers []wire.Version
	for b := p.Payload; len(b) >= 4 && len(offers) < maxOffers; b = b[4:] {
		v := wire.Version(binary.BigEndian.Uint32(b))
		if v == c.cfg.Version {
			// RFC 9000 s6.2: MUST discard a packet that lists the version in use.
			c.dropped(p, "Version Negotiation lists our version")
			return
		}
		offers = append(offers, v)
	}
	c.die(&port.Cause{Why: port.NoVersion, Offers: offers})
}

// maxOffers bounds the versions that are remembered of a Version Negotiation packet.
const maxOffers = 64

// unopened looks for a stateless reset in what could not be opened, and what protect has reported as dropped.
func (c *Conn) unopened(p *port.RxPacket) {
	// RFC 9000 s10.3.1: the last 16 bytes of a datagram of at least 21.
	if n := len(p.Payload); n >= minReset && c.ids.peer.isReset(p.Payload[n-16:]) {
		c.die(&port.Cause{Why: port.Reset})
	}
}

func (c *Conn) dropped(p *port.RxPacket, why string) {
	if t := c.cfg.Trace; t != nil {
		t.Dropped(c.now, p.Size, why)
	}
}
