package oracle

import (
	"hash/maphash"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// receivedSpace is what a side has received in a packet number space.
type receivedSpace struct {
	seen  spans
	count uint64
	owed  owedAcks
}

// packetReceived judges a packet that this side has received, and learns from it.
func (s *Side) packetReceived(now mono.Time, p *port.PacketEvent) {
	if k := s.keys[p.Level]; !k.read || k.dropped {
		s.violate(now, KeysLive, "used %v packet %d %s", p.Level, p.Number, whichKeys(k.dropped))
	}
	s.endDatagram()
	r := &s.received[p.Level.Space()]
	if !r.seen.add(p.Number, p.Number) {
		s.violate(now, NumberFresh, "used %v packet %d twice", p.Level, p.Number)
	}
	r.count++
	s.path.received += max(p.Size, 0)
	// RFC 9000 s8.1: a packet under Handshake keys shows that the client has our Initial.
	s.path.validated = s.path.validated || p.Level == wire.LevelHandshake || p.Level == wire.LevelApp
	s.recovery.lastHeard = s.last
	if s.life.over() {
		s.life.arrived++
	}
	s.judgeGenuine(now, p)
	kinds := s.framesReceived(now, p)
	s.stats.received(p.Level, p.Size)
	if kinds&^kindsQuiet != 0 {
		// RFC 9000 s13.2.1: one that waited for its keys is acknowledged when they are there. It is told with the time at
		// which it came.
		r.owed.add(p.Number, s.last)
	}
}

// judgeGenuine looks for a packet in what the peer has sent.
func (s *Side) judgeGenuine(now mono.Time, p *port.PacketEvent) {
	if s.tampered() {
		return
	}
	if p.Level == wire.LevelInitial && s.role == wire.Client && len(p.Payload) > 0 && p.Payload[0] == byte(wire.TypeConnectionClose) {
		return // RFC 9000 s5.2.2: a server's endpoint refuses without a connection that could be traced
	}
	hash, peers, differs := uint64(0), 0, false
	for _, o := range s.pair.sides {
		if o.role == s.role {
			continue
		}
		sent, known := o.sent[p.Level.Space()].find(p.Number)
		if !known {
			return
		}
		peers++
		if sent == nil {
			continue
		}
		if hash == 0 {
			hash = maphash.Bytes(hashSeed, p.Payload)
		}
		if sent.hash == hash {
			return
		}
		differs = true
	}
	switch {
	case differs:
		s.violate(now, PacketGenuine, "%v packet %d with %d bytes of payload is not what the peer has sent", p.Level, p.Number, len(p.Payload))
	case peers > 0:
		s.violate(now, PacketGenuine, "%v packet %d was never sent", p.Level, p.Number)
	}
}

// framesReceived learns from the frames of a packet and returns their kinds. It stops where the side must close.
func (s *Side) framesReceived(now mono.Time, p *port.PacketEvent) (kinds uint32) {
	f := &s.book.frame
	s.recovery.acks = 0
	for b := p.Payload; len(b) > 0; {
		n, err := wire.NextFrame(b, f)
		if err != nil || !f.Type.AllowedAt(p.Level) || !f.Type.AllowedFrom(s.role.Peer()) {
			return kinds
		}
		b = b[n:]
		kinds |= 1 << f.Type
		s.frameReceived(now, p.Level, f)
	}
	return kinds
}

// frameReceived learns from a frame.
func (s *Side) frameReceived(now mono.Time, level wire.Level, f *wire.Frame) {
	switch f.Type {
	case wire.TypeStream:
		s.streamReceived(now, f.Stream.ID, f.Stream.Offset+wire.Offset(len(f.Stream.Data)))
	case wire.TypeAck, wire.TypeAckECN:
		s.ackReceived(now, level.Space(), &f.Ack)
	case wire.TypeResetStream:
		s.streamReceived(now, f.ResetStream.ID, f.ResetStream.FinalSize)
	case wire.TypeStopSending:
		s.named(now, f.StopSending.ID)
	case wire.TypeStreamDataBlocked:
		s.named(now, f.StreamDataBlocked.ID)
	case wire.TypeMaxData:
		s.streams.maxData = max(s.streams.maxData, f.MaxData.Max)
	case wire.TypeMaxStreamData:
		s.maxStreamDataReceived(now, &f.MaxStreamData)
	case wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni:
		l := &s.streams.allowed[way(f.MaxStreams.Uni)]
		*l = max(*l, f.MaxStreams.Max)
	case wire.TypeNewConnectionID:
		s.ids.learn(f.NewConnectionID.Seq)
	case wire.TypeRetireConnectionID:
		s.ids.retired(f.RetireConnectionID.Seq)
	case wire.TypePathChallenge:
		s.ids.challenged(f.PathChallenge.Data)
	case wire.TypeHandshakeDone:
		s.recovery.validated = true
	case wire.TypeConnectionClose, wire.TypeConnectionCloseApp:
		s.life.heard = true
	}
}
