package wire

import "encoding/hex"

// Version is a QUIC version number (RFC 9000 s15).
type Version uint32

const (
	// VersionNegotiationMark marks a Version Negotiation packet (RFC 9000 s17.2.1).
	VersionNegotiationMark Version = 0
	// Version1 is QUIC as RFC 9000 defines it.
	Version1 Version = 1
)

// IsReserved reports whether v is of the form 0x?a?a?a?a, which no endpoint
// ever supports and which exercises version negotiation (RFC 9000 s15).
func (v Version) IsReserved() bool { return v&0x0f0f0f0f == 0x0a0a0a0a }

// Role says which end of a connection something belongs to.
type Role uint8

const (
	// Client is the endpoint that sent the first Initial packet.
	Client Role = iota
	// Server is the endpoint that accepted it.
	Server
)

// Peer returns the other role.
func (r Role) Peer() Role { return r ^ 1 }

// String returns "client" or "server".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// PacketNumber counts the packets of one packet number space, 0 to 2^62-1
// (RFC 9000 s12.3).
type PacketNumber int64

// NoPacketNumber stands for "none yet", for example before the first
// acknowledgement. It is one less than the first packet number.
const NoPacketNumber PacketNumber = -1

// Offset is a byte position in a stream or in the CRYPTO data of a level, or a
// flow-control limit on such positions, 0 to 2^62-1.
type Offset uint64

// StreamID names a stream of a connection, 0 to 2^62-1. Its two low bits tell
// the initiator and the direction (RFC 9000 s2.1).
type StreamID uint64

const (
	streamServerBit = 0x1
	streamUniBit    = 0x2
)

// MaxStreamCount is the largest number of streams of one kind that a limit may
// allow: a larger one could not be written as a stream ID (RFC 9000 s4.6).
const MaxStreamCount = 1 << 60

// MakeStreamID returns the ID of the stream with sequence number seq, counted
// from 0, among the streams of its kind. seq is less than MaxStreamCount.
func MakeStreamID(initiator Role, uni bool, seq uint64) StreamID {
	id := StreamID(seq<<2) | StreamID(initiator)
	if uni {
		id |= streamUniBit
	}
	return id
}

// Initiator returns the role that opens the stream.
func (id StreamID) Initiator() Role { return Role(id & streamServerBit) }

// IsUni reports whether the stream is unidirectional.
func (id StreamID) IsUni() bool { return id&streamUniBit != 0 }

// IsBidi reports whether the stream is bidirectional.
func (id StreamID) IsBidi() bool { return id&streamUniBit == 0 }

// Seq returns the sequence number among the streams of the same kind.
func (id StreamID) Seq() uint64 { return uint64(id >> 2) }

// Space is a packet number space (RFC 9000 s12.3).
type Space uint8

// The packet number spaces, in the order of their use.
const (
	SpaceInitial Space = iota
	SpaceHandshake
	SpaceApp
	// NumSpaces is the number of packet number spaces.
	NumSpaces = 3
)

// String returns the name of the space.
func (s Space) String() string {
	switch s {
	case SpaceInitial:
		return "Initial"
	case SpaceHandshake:
		return "Handshake"
	case SpaceApp:
		return "Application"
	}
	return "unknown space"
}

// Level is an encryption level (RFC 9001 s2.1).
type Level uint8

// The encryption levels, in the order of their use.
const (
	LevelInitial Level = iota
	LevelEarly
	LevelHandshake
	LevelApp
	// NumLevels is the number of encryption levels.
	NumLevels = 4
)

// Space returns the packet number space of packets at this level: 0-RTT and
// 1-RTT share one (RFC 9000 s12.3).
func (l Level) Space() Space {
	switch l {
	case LevelInitial:
		return SpaceInitial
	case LevelHandshake:
		return SpaceHandshake
	}
	return SpaceApp
}

// String returns the name of the packets protected at this level.
func (l Level) String() string {
	switch l {
	case LevelInitial:
		return "Initial"
	case LevelEarly:
		return "0-RTT"
	case LevelHandshake:
		return "Handshake"
	case LevelApp:
		return "1-RTT"
	}
	return "unknown level"
}

// MaxConnectionIDLen is the longest connection ID of version 1, in bytes
// (RFC 9000 s17.2).
const MaxConnectionIDLen = 20

// ConnectionID is a connection ID of version 1, 0 to 20 bytes. It is a
// comparable value: it can be a map key. The zero value is the zero-length ID.
type ConnectionID struct {
	bytes [MaxConnectionIDLen]byte
	size  uint8
}

// MakeConnectionID copies b into a ConnectionID. It reports false if b is
// longer than MaxConnectionIDLen.
func MakeConnectionID(b []byte) (ConnectionID, bool) {
	var id ConnectionID
	if len(b) > MaxConnectionIDLen {
		return id, false
	}
	id.size = uint8(copy(id.bytes[:], b))
	return id, true
}

// Len returns the length in bytes.
func (id ConnectionID) Len() int { return int(id.size) }

// Bytes returns the bytes of the ID, aliasing it.
func (id *ConnectionID) Bytes() []byte { return id.bytes[:id.size:id.size] }

// Append appends the bytes of the ID, without a length.
func (id ConnectionID) Append(b []byte) []byte { return append(b, id.bytes[:id.size]...) }

// String returns the ID in hexadecimal.
func (id ConnectionID) String() string { return hex.EncodeToString(id.bytes[:id.size]) }

// ResetToken is a stateless reset token (RFC 9000 s10.3).
type ResetToken [16]byte
