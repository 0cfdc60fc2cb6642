package wire

import (
	"encoding/binary"
	"errors"
)

// The bits of a packet's first byte (RFC 9000 s17.2 and s17.3.1).
const (
	// LongHeaderBit is set in long headers, clear in short ones.
	LongHeaderBit = 0x80
	// FixedBit is set in every valid packet of version 1.
	FixedBit = 0x40
	// SpinBit is the latency spin bit of a short header.
	SpinBit = 0x20
	// KeyPhaseBit tells the key phase of a short header, once unprotected.
	KeyPhaseBit = 0x04
	// NumberLenMask holds the packet number's length less one, once
	// unprotected.
	NumberLenMask = 0x03
	// LongReservedMask holds the bits of an unprotected long header that must
	// be zero, or the connection ends with PROTOCOL_VIOLATION.
	LongReservedMask = 0x0c
	// ShortReservedMask is the same for a short header.
	ShortReservedMask = 0x18
	// LongProtectedMask holds the bits of a long header that header protection
	// covers (RFC 9001 s5.4.1).
	LongProtectedMask = 0x0f
	// ShortProtectedMask is the same for a short header.
	ShortProtectedMask = 0x1f

	longTypeShift = 4
	longTypeMask  = 0x30
)

// Why a packet cannot be parsed. Such packets are dropped, not answered
// (RFC 9000 s5.2): the errors are fixed values that cost nothing.
var (
	// ErrTruncated means that the datagram ends inside the packet.
	ErrTruncated = errors.New("wire: truncated packet")
	// ErrNotLong means a short header where a long one was expected.
	ErrNotLong = errors.New("wire: not a long header")
	// ErrNotShort means a long header where a short one was expected.
	ErrNotShort = errors.New("wire: not a short header")
	// ErrFixedBit means that the fixed bit is zero.
	ErrFixedBit = errors.New("wire: fixed bit is zero")
	// ErrVersion means that the packet is not of version 1.
	ErrVersion = errors.New("wire: not a version 1 packet")
	// ErrConnectionID means a connection ID of more than 20 bytes.
	ErrConnectionID = errors.New("wire: connection ID longer than 20 bytes")
	// ErrNotRetry means another packet where a Retry was expected.
	ErrNotRetry = errors.New("wire: not a Retry packet")
	// ErrEmptyToken means a Retry packet without a token.
	ErrEmptyToken = errors.New("wire: Retry token is empty")
	// ErrNotNegotiation means another packet where Version Negotiation was
	// expected.
	ErrNotNegotiation = errors.New("wire: not a Version Negotiation packet")
	// ErrVersionList means a list of versions that is empty or truncated.
	ErrVersionList = errors.New("wire: malformed list of versions")
)

// PacketType is the type in a long header (RFC 9000 s17.2, table 5).
type PacketType uint8

// The long packet types of version 1.
const (
	PacketInitial PacketType = iota
	Packet0RTT
	PacketHandshake
	PacketRetry
)

// String returns the name of the type.
func (t PacketType) String() string {
	return [...]string{"Initial", "0-RTT", "Handshake", "Retry"}[t&3]
}

// Level returns the encryption level of the packets of this type. A Retry
// packet has none; its answer means nothing.
func (t PacketType) Level() Level { return Level(t) }

// Invariant is what the packets of all versions share (RFC 8999 s5). The
// slices alias the packet.
type Invariant struct {
	// Long tells the header form. A short header says nothing more: its Rest
	// starts with the destination connection ID, whose length only the
	// receiver knows.
	Long bool
	// Version is VersionNegotiationMark in a Version Negotiation packet.
	Version Version
	// DCID and SCID are 0 to 255 bytes long; unknown versions may use it all.
	DCID, SCID []byte
	// Rest is all after SCID, or after the first byte of a short header.
	Rest []byte
}

// ParseInvariant reads what RFC 8999 fixes of the packet at the start of the
// datagram b. ok is false if b is too short for that.
func ParseInvariant(b []byte) (h Invariant, ok bool) {
	if len(b) == 0 {
		return h, false
	}
	if b[0]&LongHeaderBit == 0 {
		h.Rest = b[1:]
		return h, true
	}
	if len(b) < 5 {
		return h, false
	}
	h.Long = true
	h.Version = Version(binary.BigEndian.Uint32(b[1:]))
	if h.DCID, h.Rest, ok = cutConnectionID(b[5:]); !ok {
		return Invariant{}, false
	}
	if h.SCID, h.Rest, ok = cutConnectionID(h.Rest); !ok {
		return Invariant{}, false
	}
	return h, true
}

// cutConnectionID splits off an ID preceded by its length in one byte.
func cutConnectionID(b []byte) (id, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end:end], b[end:], true
}

// LongHeader is the header of an Initial, 0-RTT or Handshake packet of version
// 1 as received, before header protection is removed.
type LongHeader struct {
	Type    PacketType
	Version Version
	DCID    ConnectionID
	SCID    ConnectionID
	// Token is the token of an Initial, often empty. It aliases the packet.
	Token []byte
	// Length is the Length field: packet number and protected payload.
	Length int
	// NumberAt is where the packet number starts in the datagram given to
	// ParseLongHeader.
	NumberAt int
	// PacketLen is NumberAt + Length; a coalesced packet may follow there.
	PacketLen int
}

// ParseLongHeader parses the Initial, 0-RTT or Handshake packet of version 1 at
// the start of b, which is the rest of a datagram. A Retry packet yields its
// type and connection IDs only: ParseRetry reads it. The packet lies fully
// within b, but its Length may be too small for a header protection sample:
// that is left to the unprotecting code, like the reserved bits.
func ParseLongHeader(b []byte) (h LongHeader, err error) {
	inv, ok := ParseInvariant(b)
	switch {
	case !ok:
		return h, ErrTruncated
	case !inv.Long:
		return h, ErrNotLong
	case inv.Version != Version1:
		return h, ErrVersion
	case b[0]&FixedBit == 0:
		// RFC 9000 s17.2: packets with a zero fixed bit are discarded.
		return h, ErrFixedBit
	}
	h.Type = PacketType(b[0] & longTypeMask >> longTypeShift)
	h.Version = inv.Version
	if h.DCID, ok = MakeConnectionID(inv.DCID); ok {
		h.SCID, ok = MakeConnectionID(inv.SCID)
	}
	if !ok {
		// RFC 9000 s17.2: version 1 packets with longer IDs are dropped.
		return LongHeader{}, ErrConnectionID
	}
	if h.Type == PacketRetry {
		h.PacketLen = len(b)
		return h, nil
	}
	rest := inv.Rest
	if h.Type == PacketInitial {
		token, n := ConsumeBytes(rest)
		if n == 0 {
			return LongHeader{}, ErrTruncated
		}
		h.Token, rest = token, rest[n:]
	}
	length, n := ConsumeVarint(rest)
	if n == 0 || length > uint64(len(rest)-n) {
		return LongHeader{}, ErrTruncated
	}
	h.Length = int(length)
	h.NumberAt = len(b) - len(rest) + n
	h.PacketLen = h.NumberAt + h.Length
	return h, nil
}

// ParseShortHeader parses the short header at the start of b, given the length
// of the connection IDs that the receiver chose. The packet number starts at
// numberAt, and the packet fills b.
func ParseShortHeader(b []byte, dcidLen int) (dcid ConnectionID, numberAt int, err error) {
	switch {
	case len(b) < 1+dcidLen:
		return dcid, 0, ErrTruncated
	case b[0]&LongHeaderBit != 0:
		return dcid, 0, ErrNotShort
	case b[0]&FixedBit == 0:
		// RFC 9000 s17.3.1: packets with a zero fixed bit are discarded.
		return dcid, 0, ErrFixedBit
	}
	dcid, ok := MakeConnectionID(b[1 : 1+dcidLen])
	if !ok {
		return dcid, 0, ErrConnectionID
	}
	return dcid, 1 + dcidLen, nil
}

// The Length field of the long headers written here is always two bytes wide.
const (
	lengthWidth = 2
	// MaxLength is the largest Length that PatchLength can write, in bytes.
	MaxLength = 1<<14 - 1
)

// AppendLongHeader appends the unprotected header of a version 1 Initial, 0-RTT
// or Handshake packet up to the packet number, which is to be numberLen bytes
// long and must follow. The two bytes of Length, just before it, are left for
// PatchLength: lengthAt is where they are in the returned slice. token is for
// Initial packets only.
func AppendLongHeader(b []byte, t PacketType, dcid, scid ConnectionID, token []byte, numberLen int) (out []byte, lengthAt int) {
	b = append(b, LongHeaderBit|FixedBit|byte(t)<<longTypeShift|numberLenBits(numberLen))
	b = appendLongIDs(b, Version1, dcid, scid)
	if t == PacketInitial {
		b = AppendBytes(b, token)
	}
	lengthAt = len(b)
	return AppendVarintLen(b, 0, lengthWidth), lengthAt
}

// LongHeaderLen returns the size in bytes that AppendLongHeader adds.
func LongHeaderLen(t PacketType, dcid, scid ConnectionID, token []byte) int {
	n := 1 + 4 + 1 + dcid.Len() + 1 + scid.Len() + lengthWidth
	if t == PacketInitial {
		n += VarintLen(uint64(len(token))) + len(token)
	}
	return n
}

// PatchLength writes the Length field at lengthAt of b: the number of bytes of
// packet number, payload and AEAD tag, at most MaxLength.
func PatchLength(b []byte, lengthAt, length int) {
	if length < 0 || length > MaxLength {
		panic("wire: Length does not fit in two bytes")
	}
	AppendVarintLen(b[lengthAt:lengthAt], uint64(length), lengthWidth)
}

// AppendShortHeader appends the unprotected short header up to the packet
// number, which is to be numberLen bytes long and must follow.
func AppendShortHeader(b []byte, dcid ConnectionID, spin, keyPhase bool, numberLen int) []byte {
	first := FixedBit | numberLenBits(numberLen)
	if spin {
		first |= SpinBit
	}
	if keyPhase {
		first |= KeyPhaseBit
	}
	return dcid.Append(append(b, first))
}

// ShortHeaderLen returns the size in bytes that AppendShortHeader adds.
func ShortHeaderLen(dcid ConnectionID) int { return 1 + dcid.Len() }

func numberLenBits(numberLen int) byte {
	if numberLen < 1 || numberLen > 4 {
		panic("wire: packet number length is not 1 to 4")
	}
	return byte(numberLen - 1)
}

func appendLongIDs(b []byte, v Version, dcid, scid ConnectionID) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(v))
	b = dcid.Append(append(b, dcid.size))
	return scid.Append(append(b, scid.size))
}
