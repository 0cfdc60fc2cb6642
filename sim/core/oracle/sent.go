package oracle

import (
	"hash/maphash"
	"math"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// hashSeed is that of the payload hashes, which are compared and never shown.
var hashSeed = maphash.MakeSeed()

// datagram is the packets that were probably sent in one datagram: those written at one instant, at rising levels, from an
// Initial on.
type datagram struct {
	open  bool
	must  bool // be 1200 bytes
	at    mono.Time
	level wire.Level // of the last one
	bytes int
}

// pathModel counts what passes before the client's address is validated.
type pathModel struct {
	validated      bool
	sent, received int
}

const (
	minDatagram   = 1200
	amplification = 3
)

// The bits of frame types in a set of kinds.
const (
	kindPadding = 1 << wire.TypePadding
	kindAcks    = 1<<wire.TypeAck | 1<<wire.TypeAckECN
	kindCloses  = 1<<wire.TypeConnectionClose | 1<<wire.TypeConnectionCloseApp
	// kindsQuiet do not make a packet ack-eliciting (RFC 9002 s2).
	kindsQuiet = kindPadding | kindAcks | kindCloses
)

// packetSent judges a packet of this side.
func (s *Side) packetSent(now mono.Time, p *port.PacketEvent) {
	sp := &s.sent[p.Level.Space()]
	if k := s.keys[p.Level]; !k.write || k.dropped {
		s.violate(now, KeysLive, "sent %v packet %d %s", p.Level, p.Number, whichKeys(k.dropped))
	}
	kinds := s.framesSent(now, p)
	s.judgeClosing(now, p, kinds)
	s.count(now, p, kinds)
	s.stats.sent(p.Level, p.Size, kinds)
	s.recovery.renew(&s.stats, kinds)
	if p.Number < sp.next {
		s.violate(now, NumberRises, "sent %v packet %d after %d", p.Level, p.Number, sp.next-1)
		return
	}
	eliciting := kinds&^kindsQuiet != 0
	if eliciting {
		s.recovery.asked = now
	}
	sp.push(sentPacket{
		number: p.Number, hash: maphash.Bytes(hashSeed, p.Payload), kinds: kinds, size: uint16(min(max(p.Size, 0), math.MaxUint16)),
		// RFC 9002 s2: ack-eliciting, or with PADDING.
		flight: kinds&^(kindAcks|kindCloses) != 0, eliciting: eliciting, used: true,
	})
}

func whichKeys(dropped bool) string {
	if dropped {
		return "after the keys were dropped"
	}
	return "before there were keys"
}

// framesSent judges the frames of a packet of this side and returns their kinds.
func (s *Side) framesSent(now mono.Time, p *port.PacketEvent) (kinds uint32) {
	f := &s.book.frame
	if len(p.Payload) == 0 {
		s.violate(now, FrameWellFormed, "%v packet %d has no frames", p.Level, p.Number)
	}
	for b := p.Payload; len(b) > 0; {
		n, err := wire.NextFrame(b, f)
		if err != nil {
			s.violate(now, FrameWellFormed, "%v packet %d, %d bytes before its end: %v", p.Level, p.Number, len(b), err)
			return kinds
		}
		b = b[n:]
		kinds |= 1 << f.Type
		if !f.Type.AllowedAt(p.Level) || !f.Type.AllowedFrom(s.role) {
			s.violate(now, FrameAllowed, "%v packet %d of the %v has %v", p.Level, p.Number, s.role, f.Type)
			continue
		}
		s.frameSent(now, p.Level, f)
	}
	return kinds
}

// frameSent judges a frame of this side.
func (s *Side) frameSent(now mono.Time, level wire.Level, f *wire.Frame) {
	switch f.Type {
	case wire.TypeStream:
		s.streamSent(now, &f.Stream)
	case wire.TypeAck, wire.TypeAckECN:
		s.ackSent(now, level.Space(), &f.Ack)
	case wire.TypeCrypto:
		s.cryptoSent(now, level, &f.Crypto)
	case wire.TypeResetStream:
		s.resetSent(now, &f.ResetStream)
	case wire.TypeStopSending:
		s.mayName(now, f.StopSending.ID, f.Type, receiving)
	case wire.TypeMaxData:
		s.maxDataSent(now, f.MaxData.Max)
	case wire.TypeMaxStreamData:
		s.maxStreamDataSent(now, &f.MaxStreamData)
	case wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni:
		s.maxStreamsSent(now, &f.MaxStreams)
	case wire.TypeStreamDataBlocked:
		s.mayName(now, f.StreamDataBlocked.ID, f.Type, sending)
	case wire.TypeNewConnectionID:
		s.newIDSent(now, &f.NewConnectionID)
	case wire.TypeRetireConnectionID:
		s.retireSent(now, f.RetireConnectionID.Seq)
	case wire.TypePathResponse:
		s.pathResponseSent(now, f.PathResponse.Data)
	case wire.TypeHandshakeDone:
		if !s.life.complete {
			s.violate(now, DoneLate, "HANDSHAKE_DONE before the handshake was complete")
		}
	}
}

// judgeClosing judges whether a packet may be sent at this stage of life.
func (s *Side) judgeClosing(now mono.Time, p *port.PacketEvent, kinds uint32) {
	l := &s.life
	closes := kinds&kindCloses != 0
	switch {
	case l.draining:
		s.violate(now, DrainingSilent, "sent %v packet %d while draining", p.Level, p.Number)
	case l.closing || l.heard:
		// RFC 9000 s10.2.3: at first one at every level; s10.2.1: then at most one for each packet that comes.
		if closes {
			l.closes++
		}
		if !closes || kinds&^kindsQuiet != 0 {
			s.violate(now, ClosingQuiet, "sent %v packet %d with %s while closing", p.Level, p.Number, kindNames(kinds))
		} else if l.closes > wire.NumLevels+l.arrived {
			s.violate(now, ClosingQuiet, "%d packets with CONNECTION_CLOSE after %d were received", l.closes, l.arrived)
		}
	}
}

// count adds a packet to its datagram and to the bytes of the path.
func (s *Side) count(now mono.Time, p *port.PacketEvent, kinds uint32) {
	d := &s.datagram
	if d.open && (d.at != now || p.Level <= d.level) {
		s.endDatagram()
	}
	if p.Level == wire.LevelInitial {
		d.open, d.at, d.bytes = true, now, 0
		// RFC 9000 s14.1: a server expands those that elicit an ACK.
		d.must = s.role == wire.Client || kinds&^kindsQuiet != 0
	}
	if d.open {
		d.bytes, d.level = d.bytes+p.Size, p.Level
	}
	if s.path.validated {
		return
	}
	s.path.sent += p.Size
	if s.path.sent > amplification*(s.path.received+s.unseen()) {
		s.violate(now, Amplification, "sent %d bytes after %d were received", s.path.sent, s.path.received)
	}
}

// endDatagram judges the size of the datagram that is open.
func (s *Side) endDatagram() {
	d := &s.datagram
	if d.open && d.must && d.bytes < minDatagram {
		s.violate(d.at, InitialSize, "a datagram of %d bytes with an Initial packet", d.bytes)
	}
	d.open = false
}

// unseen bounds the bytes that a server may have received and not told: packets that wait for their keys are reported when
// those have come. A network may have doubled them.
func (s *Side) unseen() (bytes int) {
	if s.stats.Packets[wire.LevelInitial].Received == 0 {
		bytes = minDatagram // RFC 9000 s14.1: what the connection was born of, which waits for the room to make its keys
	}
	for _, o := range s.pair.sides {
		if o.role == wire.Client {
			bytes += 2 * int(o.stats.Packets[wire.LevelHandshake].SentBytes+o.stats.Packets[wire.LevelApp].SentBytes)
		}
	}
	return bytes
}
