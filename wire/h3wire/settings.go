package h3wire

import (
	"strconv"

	"quicpro/wire"
)

// SettingID identifies a setting (RFC 9114 s7.2.4), at most 2^62-1.
type SettingID uint64

// The settings of RFC 9204 s5, RFC 9114 s7.2.4.1, RFC 9220 s5 and RFC 9297
// s2.1.1.
const (
	SettingQPACKMaxTableCapacity SettingID = 0x1
	SettingMaxFieldSectionSize   SettingID = 0x6
	SettingQPACKBlockedStreams   SettingID = 0x7
	SettingEnableConnectProtocol SettingID = 0x8
	SettingH3Datagram            SettingID = 0x33
)

// MaxSettings is the number of settings accepted in one frame. Five are defined
// here; the rest is room for extensions and grease.
const MaxSettings = 64

// MaxSettingsPayload is the size in bytes of the longest SETTINGS payload that
// can be accepted; a receiver need not buffer more.
const MaxSettingsPayload = MaxSettings * 16

// Unlimited is the initial MaxFieldSectionSize: no limit was advised.
const Unlimited = wire.MaxVarint

// Settings are what one endpoint tells the other about itself. They are not
// negotiated. DefaultSettings gives the values before a SETTINGS frame arrives.
type Settings struct {
	QPACKMaxTableCapacity uint64 // bytes; 0 forbids the dynamic table (RFC 9204 s5)
	MaxFieldSectionSize   uint64 // bytes, by the count of RFC 9114 s4.2.2
	QPACKBlockedStreams   uint64 // streams (RFC 9204 s5)
	EnableConnectProtocol bool   // extended CONNECT (RFC 9220 s3)
	H3Datagram            bool   // HTTP Datagrams (RFC 9297 s2.1.1)
}

// DefaultSettings returns the initial values (RFC 9114 s7.2.4.2).
func DefaultSettings() Settings { return Settings{MaxFieldSectionSize: Unlimited} }

// Setting is one parameter as it travels.
type Setting struct {
	ID    SettingID
	Value uint64
}

// AppendSettings appends a whole SETTINGS frame. Values equal to their defaults
// are left out. grease is one reserved setting to send along (RFC 9114
// s7.2.4.1), or zero for none; it panics if its ID is not a reserved one.
func AppendSettings(b []byte, s Settings, grease Setting) []byte {
	all := [...]Setting{
		{SettingQPACKMaxTableCapacity, s.QPACKMaxTableCapacity},
		{SettingMaxFieldSectionSize, s.MaxFieldSectionSize},
		{SettingQPACKBlockedStreams, s.QPACKBlockedStreams},
		{SettingEnableConnectProtocol, bit(s.EnableConnectProtocol)},
		{SettingH3Datagram, bit(s.H3Datagram)},
		grease,
	}
	if grease != (Setting{}) && !IsGrease(uint64(grease.ID)) {
		panic("h3wire: grease setting has a meaningful identifier")
	}
	length := 0
	for _, p := range all {
		if !p.isDefault() {
			length += wire.VarintLen(uint64(p.ID)) + wire.VarintLen(p.Value)
		}
	}
	b = AppendFrameHeader(b, FrameSettings, uint64(length))
	for _, p := range all {
		if !p.isDefault() {
			b = wire.AppendVarint(wire.AppendVarint(b, uint64(p.ID)), p.Value)
		}
	}
	return b
}

// ParseSettings decodes the payload of a SETTINGS frame. Settings left out have
// their default values, unknown ones are ignored. The error is H3_FRAME_ERROR
// for a payload that ends within a parameter, H3_EXCESSIVE_LOAD for more than
// MaxSettings, else H3_SETTINGS_ERROR.
func ParseSettings(payload []byte) (Settings, error) {
	s := DefaultSettings()
	var seen [MaxSettings]SettingID
	for count := 0; len(payload) > 0; count++ {
		id, n := wire.ConsumeVarint(payload)
		value, m := wire.ConsumeVarint(payload[n:])
		if n == 0 || m == 0 {
			return Settings{}, errSettingsTruncated
		}
		payload = payload[n+m:]
		if count == MaxSettings {
			return Settings{}, errSettingsTooMany
		}
		p := Setting{SettingID(id), value}
		// RFC 9114 s7.2.4: the same identifier MUST NOT occur more than once.
		for _, earlier := range seen[:count] {
			if earlier == p.ID {
				return Settings{}, settingError(p, "occurs twice")
			}
		}
		seen[count] = p.ID
		if err := s.set(p); err != nil {
			return Settings{}, err
		}
	}
	return s, nil
}

// CheckResumed returns nil if fresh, a server's settings on a connection whose
// 0-RTT was accepted, keep every promise of remembered, the settings it gave
// when it issued the ticket. It serves the client to judge and the server to
// decide whether to accept 0-RTT (RFC 9114 s7.2.4.2).
func CheckResumed(remembered, fresh Settings) error {
	// RFC 9204 s3.2.3: a remembered non-zero capacity MUST be repeated exactly.
	if remembered.QPACKMaxTableCapacity != 0 && fresh.QPACKMaxTableCapacity != remembered.QPACKMaxTableCapacity {
		return errResumedCapacity
	}
	if fresh.QPACKBlockedStreams < remembered.QPACKBlockedStreams ||
		fresh.MaxFieldSectionSize < remembered.MaxFieldSectionSize {
		return errResumedLimit
	}
	// RFC 8441 s3, RFC 9297 s2.1.1: neither may go from 1 back to 0.
	if remembered.EnableConnectProtocol && !fresh.EnableConnectProtocol ||
		remembered.H3Datagram && !fresh.H3Datagram {
		return errResumedFeature
	}
	return nil
}

func (s *Settings) set(p Setting) error {
	switch p.ID {
	case SettingQPACKMaxTableCapacity:
		s.QPACKMaxTableCapacity = p.Value
	case SettingMaxFieldSectionSize:
		s.MaxFieldSectionSize = p.Value
	case SettingQPACKBlockedStreams:
		s.QPACKBlockedStreams = p.Value
	case SettingEnableConnectProtocol:
		return p.setBit(&s.EnableConnectProtocol)
	case SettingH3Datagram:
		return p.setBit(&s.H3Datagram)
	case 0x0, 0x2, 0x3, 0x4, 0x5:
		// RFC 9114 s7.2.4.1, s11.2.2: reserved because HTTP/2 used them.
		return settingError(p, "is reserved for HTTP/2")
	}
	return nil
}

// RFC 8441 s3, RFC 9297 s2.1.1: the value MUST be 0 or 1.
func (p Setting) setBit(to *bool) error {
	if p.Value > 1 {
		return settingError(p, "is neither 0 nor 1")
	}
	*to = p.Value == 1
	return nil
}

func (p Setting) isDefault() bool {
	if p.ID == SettingMaxFieldSectionSize {
		return p.Value == Unlimited
	}
	return p.Value == 0 && !IsGrease(uint64(p.ID))
}

func bit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

var (
	errSettingsTruncated = &Error{CodeFrameError, "SETTINGS ends within a parameter"}
	errSettingsTooMany   = &Error{CodeExcessiveLoad, "SETTINGS has more than 64 parameters"}
	errResumedCapacity   = &Error{CodeQPACKDecoderStreamError, "table capacity differs from the one 0-RTT used"}
	errResumedLimit      = &Error{CodeSettingsError, "SETTINGS reduces a limit that 0-RTT used"}
	errResumedFeature    = &Error{CodeSettingsError, "SETTINGS withdraws a feature that 0-RTT could use"}
)

func settingError(p Setting, what string) error {
	return &Error{CodeSettingsError, "setting 0x" + strconv.FormatUint(uint64(p.ID), 16) + " " + what}
}
