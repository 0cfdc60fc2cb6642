package crypto

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// minInitialDatagram is the smallest datagram in which a server accepts an Initial packet (RFC 9000 s14.1).
const minInitialDatagram = 1200

// scan is the walk through one datagram.
type scan struct {
	now   mono.Time
	batch *port.RxBatch
	index int32
	size  int               // of the datagram as it arrived
	dest  wire.ConnectionID // of its first packet
	later bool              // a packet was seen
}

// openBatch opens all packets of all datagrams and lists them in the batch.
func (p *Protect) openBatch(now mono.Time, b *port.RxBatch) {
	b.Packets = b.Packets[:0]
	size := b.SegmentSize
	if size <= 0 {
		size = len(b.B)
	}
	s := scan{now: now, batch: b}
	for rest := b.B; len(rest) > 0; s.index++ {
		n := min(size, len(rest))
		s.size, s.later = n, false
		p.openDatagram(&s, rest[:n:n])
		rest = rest[n:]
	}
	b.Fault = p.fault
}

func (p *Protect) openDatagram(s *scan, rest []byte) {
	// RFC 9001 s6.6: once a limit is reached, no more packets are processed.
	for len(rest) > 0 && p.fault == nil {
		if rest[0]&wire.LongHeaderBit == 0 {
			p.short(s, rest) // RFC 9000 s12.2: nothing can follow a short header packet
			return
		}
		rest = rest[p.long(s, rest):]
	}
}

func (p *Protect) short(s *scan, pkt []byte) {
	dest, numberAt, err := wire.ParseShortHeader(pkt, p.cfg.IDLen)
	switch {
	case err != nil:
		p.unopened(s, pkt, "malformed short header")
		return
	case s.later && dest != s.dest:
		p.dropped(s, len(pkt), "coalesced packet of another connection ID")
		return
	case p.levels[wire.LevelApp].read == nil:
		p.late(s, wire.LevelApp, pkt, dest, wire.ConnectionID{})
		return
	}
	p.open(s, wire.LevelApp, pkt, numberAt, pkt, dest, wire.ConnectionID{})
}

// long handles the long header packet at the start of rest and returns how many bytes it took.
func (p *Protect) long(s *scan, rest []byte) int {
	h, err := wire.ParseLongHeader(rest)
	switch {
	case err == wire.ErrVersion:
		// RFC 9000 s5.2: packets of a version that was not negotiated are dropped; they tell no length.
		p.otherVersion(s, rest)
		return len(rest)
	case err != nil:
		p.unopened(s, rest, "malformed long header")
		return len(rest)
	case s.later && h.DCID != s.dest:
		// RFC 9000 s12.2: a coalesced packet with another connection ID should be ignored.
		p.dropped(s, h.PacketLen, "coalesced packet of another connection ID")
		return h.PacketLen
	}
	first := !s.later
	s.dest, s.later = h.DCID, true
	server, level, pkt := p.cfg.Role == wire.Server, h.Type.Level(), rest[:h.PacketLen:h.PacketLen]
	switch {
	case h.Type == wire.PacketRetry:
		p.openRetry(s, pkt, first)
	case h.Type == wire.PacketInitial && server && s.size < minInitialDatagram:
		// RFC 9000 s14.1: a server must discard it.
		p.dropped(s, len(pkt), "Initial in a datagram below 1200 bytes")
	case h.Type == wire.PacketInitial && !server && len(h.Token) > 0:
		// RFC 9000 s17.2.2: a server sends no token in an Initial; discarding is one of the two answers.
		p.dropped(s, len(pkt), "Initial of a server with a token")
	case h.Type == wire.Packet0RTT && !server:
		p.dropped(s, len(pkt), "0-RTT packet of a server")
	case p.levels[level].read == nil:
		p.late(s, level, pkt, h.DCID, h.SCID)
	default:
		p.open(s, level, pkt, h.NumberAt, rest, h.DCID, h.SCID)
	}
	return h.PacketLen
}

// open removes both protections of pkt in place and lists it. rest is pkt and what follows it in the datagram.
func (p *Protect) open(s *scan, level wire.Level, pkt []byte, numberAt int, rest []byte, dest, source wire.ConnectionID) {
	if len(pkt) < numberAt+sampleGap+sampleLen {
		p.unopened(s, rest, "packet too short for a header protection sample")
		return
	}
	k, space := &p.levels[level], level.Space()
	mask := k.readHeader.maskFor(pkt[numberAt+sampleGap : numberAt+sampleGap+sampleLen])
	pkt[0] = maskFirst(pkt[0], mask)
	n := int(pkt[0]&wire.NumberLenMask) + 1
	at := numberAt + n
	for i := range n {
		pkt[numberAt+i] ^= mask[1+i]
	}
	number := wire.DecodeNumber(p.largest[space], wire.ReadNumber(pkt[numberAt:at], n), n)
	key := k.read
	if level == wire.LevelApp && pkt[0]&wire.KeyPhaseBit != phaseBit(p.phases.read) {
		key = p.phases.other(number)
	}
	payload, err := key.aead.Open(pkt[at:at], key.nonceFor(number), pkt[at:], pkt[:at])
	if err != nil {
		p.forge(k)
		p.unopened(s, rest, "packet failed authentication")
		return
	}
	if fault := p.authentic(level, key, pkt[0], number); fault != nil {
		p.fault = fault
		return
	}
	p.largest[space] = max(p.largest[space], number)
	phase := p.phases.read
	if key != k.read {
		phase-- // it was the previous key
	}
	s.batch.Packets = append(s.batch.Packets, port.RxPacket{
		Kind: port.RxOpened, Level: level, Datagram: s.index, Number: number, Size: len(pkt), Payload: payload,
		Phase: phase, Source: source, Dest: dest,
	})
}

// authentic judges what only an authenticated header can be blamed for.
func (p *Protect) authentic(level wire.Level, key *packetKey, first byte, number wire.PacketNumber) *wire.Error {
	if level != wire.LevelApp {
		if first&wire.LongReservedMask != 0 {
			return reservedBits()
		}
		p.retry.shut = true
		return nil
	}
	// RFC 9000 s17.3.1: non-zero reserved bits, after removing both protections, are a PROTOCOL_VIOLATION.
	if first&wire.ShortReservedMask != 0 {
		return reservedBits()
	}
	k := &p.levels[level]
	update, fault := p.phases.accept(key, k.read, number)
	if fault != nil || !update {
		return fault
	}
	return p.phases.rotate(k, number)
}

func reservedBits() *wire.Error {
	return wire.NewError(wire.ProtocolViolation, 0, "reserved header bits are not zero")
}

// forge counts a packet that failed authentication.
func (p *Protect) forge(k *levelKeys) {
	p.forged++
	// RFC 9001 s6.6: the limit counts all such packets of the connection, under all its keys.
	if p.forged > k.suite.forgeLimit {
		p.fault = wire.NewError(wire.AEADLimitReached, 0, "too many packets failed authentication")
	}
}

// unopened lists what could not be opened. Only the last 16 bytes are sure to be as they arrived: those of a stateless
// reset that matter (RFC 9000 s10.3.1).
func (p *Protect) unopened(s *scan, rest []byte, why string) {
	p.dropped(s, len(rest), why)
	s.batch.Packets = append(s.batch.Packets, port.RxPacket{Kind: port.RxUnopened, Datagram: s.index, Size: len(rest), Payload: rest})
}

func (p *Protect) dropped(s *scan, size int, why string) {
	if p.cfg.Trace != nil {
		p.cfg.Trace.Dropped(s.now, size, why)
	}
}
