package wire

import (
	"math"
	"net/netip"
	"time"
)

// Defaults of transport parameters that are absent, and the bounds of their
// values (RFC 9000 s18.2).
const (
	// DefaultMaxUDPPayloadSize is the largest UDP payload there is, in bytes.
	DefaultMaxUDPPayloadSize = 65527
	// MinMaxUDPPayloadSize is the smallest value an endpoint may declare.
	MinMaxUDPPayloadSize = 1200
	// DefaultAckDelayExponent multiplies the ACK Delay field by 8.
	DefaultAckDelayExponent = 3
	// MaxAckDelayExponent is the largest valid exponent.
	MaxAckDelayExponent = 20
	// DefaultMaxAckDelay is how late an endpoint acknowledges at most.
	DefaultMaxAckDelay = 25 * time.Millisecond
	// DefaultActiveConnectionIDLimit is also the smallest valid limit.
	DefaultActiveConnectionIDLimit = 2

	maxAckDelayEnd = 1 << 14 // milliseconds, exclusive
)

// OptionalConnectionID is a connection ID that may be absent. A zero-length ID
// that is present differs from an absent one.
type OptionalConnectionID struct {
	ID      ConnectionID
	Present bool
}

// SomeConnectionID returns an ID that is present.
func SomeConnectionID(id ConnectionID) OptionalConnectionID {
	return OptionalConnectionID{ID: id, Present: true}
}

// PreferredAddress is where a server asks its client to migrate to
// (RFC 9000 s9.6).
type PreferredAddress struct {
	// IPv4 and IPv6 are invalid (the zero AddrPort) if not offered.
	IPv4, IPv6 netip.AddrPort
	// ID is the connection ID with sequence number 1, 1 to 20 bytes long.
	ID ConnectionID
	// Token is the stateless reset token that goes with ID.
	Token ResetToken
}

// TransportParameters is what one endpoint declares in the handshake
// (RFC 9000 s18.2, RFC 9221 s3). It is a comparable value. Build one from
// DefaultTransportParameters: zero is not valid in every field.
type TransportParameters struct {
	// OriginalDCID is the destination ID of the client's first Initial. Server
	// only.
	OriginalDCID OptionalConnectionID
	// InitialSCID is the source ID of the sender's first Initial.
	InitialSCID OptionalConnectionID
	// RetrySCID is the source ID of the Retry packet. Server only.
	RetrySCID OptionalConnectionID

	// MaxIdleTimeout is in whole milliseconds; 0 means no timeout. Values
	// beyond a time.Duration saturate at its largest whole millisecond.
	MaxIdleTimeout time.Duration
	// MaxUDPPayloadSize is the largest UDP payload accepted, in bytes, at least
	// 1200.
	MaxUDPPayloadSize uint64
	// InitialMaxData limits the bytes on the whole connection.
	InitialMaxData Offset
	// InitialMaxStreamDataBidiLocal limits each bidirectional stream that the
	// sender of the parameters opens.
	InitialMaxStreamDataBidiLocal Offset
	// InitialMaxStreamDataBidiRemote limits each bidirectional stream that the
	// receiver of the parameters opens.
	InitialMaxStreamDataBidiRemote Offset
	// InitialMaxStreamDataUni limits each unidirectional stream that the
	// receiver of the parameters opens.
	InitialMaxStreamDataUni Offset
	// InitialMaxStreamsBidi is how many bidirectional streams the receiver may
	// open, at most MaxStreamCount.
	InitialMaxStreamsBidi uint64
	// InitialMaxStreamsUni is the same for unidirectional streams.
	InitialMaxStreamsUni uint64
	// AckDelayExponent scales the sender's ACK Delay fields, at most 20.
	AckDelayExponent uint8
	// MaxAckDelay is in whole milliseconds, below 2^14.
	MaxAckDelay time.Duration
	// DisableActiveMigration forbids a new local address toward the sender's
	// handshake address.
	DisableActiveMigration bool
	// ActiveConnectionIDLimit is how many IDs the sender stores, at least 2.
	ActiveConnectionIDLimit uint64
	// MaxDatagramFrameSize is the largest DATAGRAM frame the sender takes, in
	// bytes; 0 means none (RFC 9221 s3).
	MaxDatagramFrameSize uint64

	// ResetToken goes with the handshake's connection ID, if HasResetToken.
	// Server only.
	ResetToken    ResetToken
	HasResetToken bool
	// PreferredAddress is meant if HasPreferredAddress. Server only.
	PreferredAddress    PreferredAddress
	HasPreferredAddress bool
}

// DefaultTransportParameters returns what an endpoint declares that declares
// nothing (RFC 9000 s18.2).
func DefaultTransportParameters() TransportParameters {
	return TransportParameters{
		MaxUDPPayloadSize:       DefaultMaxUDPPayloadSize,
		AckDelayExponent:        DefaultAckDelayExponent,
		MaxAckDelay:             DefaultMaxAckDelay,
		ActiveConnectionIDLimit: DefaultActiveConnectionIDLimit,
	}
}

// ConnectionIDs are the IDs an endpoint saw in the handshake's packets, as far
// as its peer must confirm them (RFC 9000 s7.3).
type ConnectionIDs struct {
	// PeerInitialSCID is the source ID of the first Initial from the peer.
	PeerInitialSCID ConnectionID
	// OriginalDCID is the destination ID of the client's very first Initial.
	// Only a client sets it.
	OriginalDCID ConnectionID
	// RetrySCID is the source ID of the Retry packet, if the client took one.
	RetrySCID OptionalConnectionID
}

// ValidateCIDs checks the IDs that the peer, whose role is from, put into its
// parameters against those seen on the wire. The error, an *Error, is a
// TRANSPORT_PARAMETER_ERROR; nil means that they match.
func (p *TransportParameters) ValidateCIDs(from Role, seen ConnectionIDs) error {
	// RFC 9000 s7.3: both sides send initial_source_connection_id, servers send
	// original_destination_connection_id, and retry_source_connection_id is
	// there exactly if a Retry was.
	switch {
	case !p.InitialSCID.Present:
		return paramError("initial_source_connection_id is missing")
	case p.InitialSCID.ID != seen.PeerInitialSCID:
		return paramError("initial_source_connection_id does not match")
	case from == Client:
		return nil
	case !p.OriginalDCID.Present:
		return paramError("original_destination_connection_id is missing")
	case p.OriginalDCID.ID != seen.OriginalDCID:
		return paramError("original_destination_connection_id does not match")
	case p.RetrySCID.Present && !seen.RetrySCID.Present:
		return paramError("retry_source_connection_id without a Retry")
	case !p.RetrySCID.Present && seen.RetrySCID.Present:
		return paramError("retry_source_connection_id is missing")
	case p.RetrySCID != seen.RetrySCID:
		return paramError("retry_source_connection_id does not match")
	}
	return nil
}

// Remembered returns what a client keeps of a server's parameters, with the
// session ticket, for 0-RTT on a later connection (RFC 9000 s7.4.1).
func (p *TransportParameters) Remembered() TransportParameters {
	// RFC 9000 s7.4.1: these must not be remembered; the defaults stand in.
	kept := *p
	kept.AckDelayExponent = DefaultAckDelayExponent
	kept.MaxAckDelay = DefaultMaxAckDelay
	kept.OriginalDCID = OptionalConnectionID{}
	kept.InitialSCID = OptionalConnectionID{}
	kept.RetrySCID = OptionalConnectionID{}
	kept.ResetToken, kept.HasResetToken = ResetToken{}, false
	kept.PreferredAddress, kept.HasPreferredAddress = PreferredAddress{}, false
	return kept
}

// CheckResumed compares a server's parameters on a connection with 0-RTT to
// those remembered from an earlier one. A client that gets an error, a
// PROTOCOL_VIOLATION, after the server accepted 0-RTT closes the connection; a
// server that would cause one must not accept 0-RTT.
func (p *TransportParameters) CheckResumed(remembered TransportParameters) error {
	// RFC 9000 s7.4.1: none of these limits may shrink. RFC 9221 s3: nor may
	// max_datagram_frame_size.
	old := remembered
	if p.ActiveConnectionIDLimit < old.ActiveConnectionIDLimit ||
		p.InitialMaxData < old.InitialMaxData ||
		p.InitialMaxStreamDataBidiLocal < old.InitialMaxStreamDataBidiLocal ||
		p.InitialMaxStreamDataBidiRemote < old.InitialMaxStreamDataBidiRemote ||
		p.InitialMaxStreamDataUni < old.InitialMaxStreamDataUni ||
		p.InitialMaxStreamsBidi < old.InitialMaxStreamsBidi ||
		p.InitialMaxStreamsUni < old.InitialMaxStreamsUni ||
		p.MaxDatagramFrameSize < old.MaxDatagramFrameSize {
		return NewError(ProtocolViolation, 0, "transport parameter below its value remembered for 0-RTT")
	}
	return nil
}

// milliseconds converts a count that a peer sent, saturating.
func milliseconds(count uint64) time.Duration {
	const most = math.MaxInt64 / uint64(time.Millisecond)
	return time.Duration(min(count, most)) * time.Millisecond
}

func paramError(reason string) error {
	return NewError(TransportParameterError, 0, reason)
}
