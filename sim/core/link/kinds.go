package link

import "quicpro/wire"

// Kind is a set of packet kinds that an observer can tell apart in a datagram, since long headers are not encrypted.
type Kind uint8

// The kinds of packets. A datagram may contain several (RFC 9000 s12.2).
const (
	Initial Kind = 1 << iota
	ZeroRTT
	Handshake
	Retry
	VersionNegotiation
	OneRTT

	// Any is every datagram, also one that is not QUIC.
	Any Kind = 1<<8 - 1
)

// Kinds says which packets of version 1 the datagram b contains; 0 if none is recognised. It reads the headers only: what
// follows one that does not parse, padding for instance, is nothing.
func Kinds(b []byte) (found Kind) {
	for len(b) > 0 {
		if b[0]&wire.LongHeaderBit == 0 {
			// RFC 9000 s12.2: a short header has no length, so that its packet is the last.
			if b[0]&wire.FixedBit != 0 {
				found |= OneRTT
			}
			return found
		}
		if inv, ok := wire.ParseInvariant(b); ok && inv.Version == wire.VersionNegotiationMark {
			return found | VersionNegotiation
		}
		h, err := wire.ParseLongHeader(b)
		if err != nil {
			return found
		}
		found |= [...]Kind{wire.PacketInitial: Initial, wire.Packet0RTT: ZeroRTT, wire.PacketHandshake: Handshake,
			wire.PacketRetry: Retry}[h.Type]
		b = b[h.PacketLen:]
	}
	return found
}
