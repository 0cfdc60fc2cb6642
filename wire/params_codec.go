package wire

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The transport parameter IDs (RFC 9000 s18.2, RFC 9221 s3).
const (
	paramOriginalDCID       = 0x00
	paramMaxIdleTimeout     = 0x01
	paramResetToken         = 0x02
	paramMaxUDPPayloadSize  = 0x03
	paramMaxData            = 0x04
	paramStreamDataLocal    = 0x05
	paramStreamDataRemote   = 0x06
	paramStreamDataUni      = 0x07
	paramMaxStreamsBidi     = 0x08
	paramMaxStreamsUni      = 0x09
	paramAckDelayExponent   = 0x0a
	paramMaxAckDelay        = 0x0b
	paramDisableMigration   = 0x0c
	paramPreferredAddress   = 0x0d
	paramActiveCIDLimit     = 0x0e
	paramInitialSCID        = 0x0f
	paramRetrySCID          = 0x10
	paramMaxDatagramFrame   = 0x20
	numTrackedParams        = 64
	maxTrackedUnknownParams = 32
)

const serverOnlyParams = 1<<paramOriginalDCID | 1<<paramResetToken |
	1<<paramPreferredAddress | 1<<paramRetrySCID

// GreaseParameter is a parameter that means nothing, sent so that peers keep
// ignoring what they do not know (RFC 9000 s18.1).
type GreaseParameter struct {
	// ID is 31*N + 27 for some N; 0 stands for no parameter at all.
	ID    uint64
	Value []byte
}

// GreaseParameterID returns the reserved parameter ID 31*n + 27.
func GreaseParameterID(n uint32) uint64 { return 31*uint64(n) + 27 }

// Append appends the parameters as an endpoint of this role sends them. Values
// equal to the default are left out, and a client never sends the fields that
// are for servers only.
func (p *TransportParameters) Append(b []byte, from Role, grease GreaseParameter) []byte {
	if from == Server {
		b = p.appendServerOnly(b)
	}
	b = appendParamCID(b, paramInitialSCID, p.InitialSCID)
	b = appendParam(b, paramMaxIdleTimeout, uint64(p.MaxIdleTimeout/time.Millisecond), 0)
	b = appendParam(b, paramMaxUDPPayloadSize, p.MaxUDPPayloadSize, DefaultMaxUDPPayloadSize)
	b = appendParam(b, paramMaxData, uint64(p.InitialMaxData), 0)
	b = appendParam(b, paramStreamDataLocal, uint64(p.InitialMaxStreamDataBidiLocal), 0)
	b = appendParam(b, paramStreamDataRemote, uint64(p.InitialMaxStreamDataBidiRemote), 0)
	b = appendParam(b, paramStreamDataUni, uint64(p.InitialMaxStreamDataUni), 0)
	b = appendParam(b, paramMaxStreamsBidi, p.InitialMaxStreamsBidi, 0)
	b = appendParam(b, paramMaxStreamsUni, p.InitialMaxStreamsUni, 0)
	b = appendParam(b, paramAckDelayExponent, uint64(p.AckDelayExponent), DefaultAckDelayExponent)
	b = appendParam(b, paramMaxAckDelay, uint64(p.MaxAckDelay/time.Millisecond), uint64(DefaultMaxAckDelay/time.Millisecond))
	if p.DisableActiveMigration {
		b = append(b, paramDisableMigration, 0)
	}
	b = appendParam(b, paramActiveCIDLimit, p.ActiveConnectionIDLimit, DefaultActiveConnectionIDLimit)
	b = appendParam(b, paramMaxDatagramFrame, p.MaxDatagramFrameSize, 0)
	if grease.ID != 0 {
		if grease.ID%31 != 27 {
			panic("wire: grease parameter ID is not reserved")
		}
		b = AppendBytes(AppendVarint(b, grease.ID), grease.Value)
	}
	return b
}

func (p *TransportParameters) appendServerOnly(b []byte) []byte {
	b = appendParamCID(b, paramOriginalDCID, p.OriginalDCID)
	b = appendParamCID(b, paramRetrySCID, p.RetrySCID)
	if p.HasResetToken {
		b = append(b, paramResetToken, byte(len(p.ResetToken)))
		b = append(b, p.ResetToken[:]...)
	}
	if p.HasPreferredAddress {
		b = append(b, paramPreferredAddress, byte(preferredFixedLen+p.PreferredAddress.ID.Len()))
		b = p.PreferredAddress.append(b)
	}
	return b
}

func appendParam(b []byte, id byte, value, absent uint64) []byte {
	if value == absent {
		return b
	}
	return AppendVarint(append(b, id, byte(VarintLen(value))), value)
}

func appendParamCID(b []byte, id byte, cid OptionalConnectionID) []byte {
	if !cid.Present {
		return b
	}
	return cid.ID.Append(append(b, id, cid.ID.size))
}

// ParseTransportParameters decodes and checks the parameters that a peer of
// role from sent (RFC 9000 s18). Unknown ones are ignored. The error is an
// *Error of code TRANSPORT_PARAMETER_ERROR. Whether the connection IDs fit is
// ValidateCIDs' question.
func ParseTransportParameters(b []byte, from Role) (TransportParameters, error) {
	p := DefaultTransportParameters()
	var seen paramSet
	for len(b) > 0 {
		id, n := ConsumeVarint(b)
		if n == 0 {
			return p, paramError("truncated parameter ID")
		}
		value, m := ConsumeBytes(b[n:])
		if m == 0 {
			return p, paramError("truncated parameter")
		}
		b = b[n+m:]
		if !seen.add(id) {
			// RFC 9000 s7.4: no parameter may appear twice.
			return p, paramError("duplicate parameter")
		}
		if reason := p.set(id, value, from); reason != "" {
			return p, paramError(reason)
		}
	}
	// RFC 9000 s18.2: a server with zero-length IDs has no preferred address.
	if p.HasPreferredAddress && p.InitialSCID.Present && p.InitialSCID.ID.Len() == 0 {
		return p, paramError("preferred_address with a zero-length connection ID")
	}
	return p, nil
}

// set stores one parameter and returns what is wrong with it, if anything.
func (p *TransportParameters) set(id uint64, value []byte, from Role) (fault string) {
	// RFC 9000 s18.2: a client must not send a server-only parameter.
	if from == Client && id <= paramRetrySCID && serverOnlyParams>>id&1 != 0 {
		return "server-only parameter from a client"
	}
	switch id {
	case paramOriginalDCID:
		return setParamCID(&p.OriginalDCID, value)
	case paramInitialSCID:
		return setParamCID(&p.InitialSCID, value)
	case paramRetrySCID:
		return setParamCID(&p.RetrySCID, value)
	case paramResetToken:
		p.HasResetToken = true
		if copy(p.ResetToken[:], value) != len(p.ResetToken) || len(value) != len(p.ResetToken) {
			return "stateless_reset_token is not 16 bytes long"
		}
		return ""
	case paramPreferredAddress:
		p.HasPreferredAddress = true
		return p.PreferredAddress.parse(value)
	case paramDisableMigration:
		p.DisableActiveMigration = true
		if len(value) != 0 {
			return "disable_active_migration is not empty"
		}
		return ""
	}
	return p.setInteger(id, value)
}

// setInteger stores one parameter whose value is a varint.
func (p *TransportParameters) setInteger(id uint64, value []byte) (fault string) {
	if id > paramMaxStreamsUni && id != paramAckDelayExponent && id != paramMaxAckDelay &&
		id != paramActiveCIDLimit && id != paramMaxDatagramFrame {
		// RFC 9000 s7.4.2: unknown parameters are ignored.
		return ""
	}
	v, n := ConsumeVarint(value)
	if n == 0 || n != len(value) {
		return "integer parameter is not one varint"
	}
	switch id {
	case paramMaxIdleTimeout:
		p.MaxIdleTimeout = milliseconds(v)
	case paramMaxUDPPayloadSize:
		p.MaxUDPPayloadSize = v
		return faultIf(v < MinMaxUDPPayloadSize, "max_udp_payload_size below 1200")
	case paramMaxData:
		p.InitialMaxData = Offset(v)
	case paramStreamDataLocal:
		p.InitialMaxStreamDataBidiLocal = Offset(v)
	case paramStreamDataRemote:
		p.InitialMaxStreamDataBidiRemote = Offset(v)
	case paramStreamDataUni:
		p.InitialMaxStreamDataUni = Offset(v)
	case paramMaxStreamsBidi:
		// RFC 9000 s4.6: more than 2^60 streams cannot be numbered.
		p.InitialMaxStreamsBidi = v
		return faultIf(v > MaxStreamCount, "initial_max_streams_bidi above 2^60")
	case paramMaxStreamsUni:
		p.InitialMaxStreamsUni = v
		return faultIf(v > MaxStreamCount, "initial_max_streams_uni above 2^60")
	case paramAckDelayExponent:
		p.AckDelayExponent = uint8(min(v, MaxAckDelayExponent))
		return faultIf(v > MaxAckDelayExponent, "ack_delay_exponent above 20")
	case paramMaxAckDelay:
		p.MaxAckDelay = milliseconds(v)
		return faultIf(v >= maxAckDelayEnd, "max_ack_delay of 2^14 ms or more")
	case paramActiveCIDLimit:
		p.ActiveConnectionIDLimit = v
		return faultIf(v < DefaultActiveConnectionIDLimit, "active_connection_id_limit below 2")
	case paramMaxDatagramFrame:
		p.MaxDatagramFrameSize = v
	}
	return ""
}

func faultIf(bad bool, fault string) string {
	if bad {
		return fault
	}
	return ""
}

func setParamCID(to *OptionalConnectionID, value []byte) (fault string) {
	to.ID, to.Present = MakeConnectionID(value)
	return faultIf(!to.Present, "connection ID longer than 20 bytes")
}

// preferredFixedLen is the size of a preferred_address less its connection ID.
const preferredFixedLen = 4 + 2 + 16 + 2 + 1 + 16

func (a *PreferredAddress) append(b []byte) []byte {
	var v4 [4]byte
	if a.IPv4.IsValid() {
		v4 = a.IPv4.Addr().As4()
	}
	b = append(b, v4[:]...)
	b = binary.BigEndian.AppendUint16(b, a.IPv4.Port())
	var v6 [16]byte
	if a.IPv6.IsValid() {
		v6 = a.IPv6.Addr().As16()
	}
	b = append(b, v6[:]...)
	b = binary.BigEndian.AppendUint16(b, a.IPv6.Port())
	b = a.ID.Append(append(b, a.ID.size))
	return append(b, a.Token[:]...)
}

func (a *PreferredAddress) parse(b []byte) (fault string) {
	if len(b) < preferredFixedLen || len(b) != preferredFixedLen+int(b[24]) {
		return "preferred_address has the wrong length"
	}
	// RFC 9000 s18.2: an all-zero address and port means none of that family.
	v4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), binary.BigEndian.Uint16(b[4:]))
	if v4 != netip.AddrPortFrom(netip.IPv4Unspecified(), 0) {
		a.IPv4 = v4
	}
	v6 := netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[6:22])), binary.BigEndian.Uint16(b[22:]))
	if v6 != netip.AddrPortFrom(netip.IPv6Unspecified(), 0) {
		a.IPv6 = v6
	}
	end := 25 + int(b[24])
	id, ok := MakeConnectionID(b[25:end])
	if !ok || id.Len() == 0 {
		return "preferred_address connection ID length is not 1 to 20"
	}
	a.ID = id
	copy(a.Token[:], b[end:])
	return ""
}

// paramSet remembers which parameters were seen: all IDs below 64 and, so that
// its size is bounded, the first 32 others.
type paramSet struct {
	small    uint64
	large    [maxTrackedUnknownParams]uint64
	numLarge int
}

// add reports false if id is known to be in the set already.
func (s *paramSet) add(id uint64) bool {
	if id < numTrackedParams {
		bit := uint64(1) << id
		fresh := s.small&bit == 0
		s.small |= bit
		return fresh
	}
	for _, other := range s.large[:s.numLarge] {
		if other == id {
			return false
		}
	}
	if s.numLarge < len(s.large) {
		s.large[s.numLarge] = id
		s.numLarge++
	}
	return true
}
