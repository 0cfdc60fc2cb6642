package wire

import "encoding/binary"

// RetryTagLen is the length of the Retry Integrity Tag in bytes.
const RetryTagLen = 16

// Retry is a Retry packet of version 1 (RFC 9000 s17.2.5).
type Retry struct {
	DCID ConnectionID
	SCID ConnectionID
	// Token is never empty; it aliases the packet after parsing.
	Token []byte
	// Tag is the Retry Integrity Tag (RFC 9001 s5.8).
	Tag [RetryTagLen]byte
}

// ParseRetry parses the Retry packet that fills b. It does not verify the tag:
// the input for that is AppendRetryPseudo(nil, originalDCID, b[:len(b)-RetryTagLen]).
func ParseRetry(b []byte) (r Retry, err error) {
	h, err := ParseLongHeader(b)
	if err != nil {
		return r, err
	}
	if h.Type != PacketRetry {
		return r, ErrNotRetry
	}
	r.DCID, r.SCID = h.DCID, h.SCID
	rest := b[1+4+1+h.DCID.Len()+1+h.SCID.Len():]
	if len(rest) < RetryTagLen {
		return Retry{}, ErrTruncated
	}
	split := len(rest) - RetryTagLen
	if split == 0 {
		// RFC 9000 s17.2.5.2: a Retry with an empty token is discarded.
		return Retry{}, ErrEmptyToken
	}
	r.Token = rest[:split:split]
	copy(r.Tag[:], rest[split:])
	return r, nil
}

// AppendRetryHeader appends a Retry packet of version 1 without its integrity
// tag, which must follow. unused gives the four low bits of the first byte,
// which have no meaning.
func AppendRetryHeader(b []byte, unused byte, dcid, scid ConnectionID, token []byte) []byte {
	b = append(b, LongHeaderBit|FixedBit|byte(PacketRetry)<<longTypeShift|unused&0x0f)
	b = appendLongIDs(b, Version1, dcid, scid)
	return append(b, token...)
}

// AppendRetryPseudo appends the Retry Pseudo-Packet, the additional data that
// the integrity tag authenticates: the destination connection ID of the
// client's first Initial, and the Retry packet without its tag
// (RFC 9001 s5.8).
func AppendRetryPseudo(b []byte, originalDCID ConnectionID, packet []byte) []byte {
	b = originalDCID.Append(append(b, originalDCID.size))
	return append(b, packet...)
}

// VersionNegotiation is a Version Negotiation packet (RFC 8999 s6). All slices
// alias the packet.
type VersionNegotiation struct {
	// DCID and SCID repeat the client's source and destination IDs, which may
	// be up to 255 bytes long.
	DCID, SCID []byte

	versions []byte
}

// ParseVersionNegotiation parses the Version Negotiation packet that fills b.
func ParseVersionNegotiation(b []byte) (v VersionNegotiation, err error) {
	h, ok := ParseInvariant(b)
	switch {
	case !ok:
		return v, ErrTruncated
	case !h.Long || h.Version != VersionNegotiationMark:
		return v, ErrNotNegotiation
	case len(h.Rest) == 0 || len(h.Rest)%4 != 0:
		// RFC 8999 s6: a packet without a whole Supported Version is ignored.
		return v, ErrVersionList
	}
	return VersionNegotiation{DCID: h.DCID, SCID: h.SCID, versions: h.Rest}, nil
}

// Count returns the number of versions listed, at least 1.
func (v *VersionNegotiation) Count() int { return len(v.versions) / 4 }

// At returns the i-th version listed, counted from 0.
func (v *VersionNegotiation) At(i int) Version {
	return Version(binary.BigEndian.Uint32(v.versions[4*i:]))
}

// Lists reports whether the packet lists this version.
func (v *VersionNegotiation) Lists(version Version) bool {
	for i := range v.Count() {
		if v.At(i) == version {
			return true
		}
	}
	return false
}

// AppendVersionNegotiation appends a Version Negotiation packet. dcid and scid
// are the source and the destination ID of the packet that it answers, each up
// to 255 bytes. unused gives the low bits of the first byte, which have no
// meaning; there is at least one version.
func AppendVersionNegotiation(b []byte, unused byte, dcid, scid []byte, versions ...Version) []byte {
	if len(versions) == 0 || len(dcid) > 255 || len(scid) > 255 {
		panic("wire: Version Negotiation without versions or with an oversized connection ID")
	}
	// RFC 9000 s17.2.1: the fixed bit should be set, for multiplexing with
	// other protocols.
	b = append(b, LongHeaderBit|FixedBit|unused)
	b = binary.BigEndian.AppendUint32(b, uint32(VersionNegotiationMark))
	b = append(append(b, byte(len(dcid))), dcid...)
	b = append(append(b, byte(len(scid))), scid...)
	for _, version := range versions {
		b = binary.BigEndian.AppendUint32(b, uint32(version))
	}
	return b
}
