package wire

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// fullParameters has a value of its own in every field.
func fullParameters(t testing.TB) TransportParameters {
	p := DefaultTransportParameters()
	p.OriginalDCID = SomeConnectionID(cid(t, "8394c8f03e515708"))
	p.InitialSCID = SomeConnectionID(cid(t, "f067a5502a4262b5"))
	p.RetrySCID = SomeConnectionID(ConnectionID{})
	p.MaxIdleTimeout = 30 * time.Second
	p.MaxUDPPayloadSize = 1472
	p.InitialMaxData = 1 << 24
	p.InitialMaxStreamDataBidiLocal = 1 << 20
	p.InitialMaxStreamDataBidiRemote = 1 << 21
	p.InitialMaxStreamDataUni = 1 << 22
	p.InitialMaxStreamsBidi = MaxStreamCount
	p.InitialMaxStreamsUni = 3
	p.AckDelayExponent = 10
	p.MaxAckDelay = 16383 * time.Millisecond
	p.DisableActiveMigration = true
	p.ActiveConnectionIDLimit = 8
	p.MaxDatagramFrameSize = 65535
	p.HasResetToken, p.ResetToken = true, ResetToken{1, 2, 3}
	p.HasPreferredAddress = true
	p.PreferredAddress = PreferredAddress{
		IPv4:  netip.MustParseAddrPort("192.0.2.1:443"),
		IPv6:  netip.MustParseAddrPort("[2001:db8::1]:4433"),
		ID:    cid(t, "0a0b0c"),
		Token: ResetToken{9, 8, 7},
	}
	return p
}

func TestTransportParametersRoundTrip(t *testing.T) {
	p := fullParameters(t)
	b := p.Append(nil, Server, GreaseParameter{GreaseParameterID(2), []byte("grease")})
	if got, err := ParseTransportParameters(b, Server); err != nil || got != p {
		t.Errorf("%+v, %v; want %+v", got, err, p)
	}
	if !bytes.HasSuffix(b, append(unhex(t, "4059 06"), "grease"...)) {
		t.Errorf("no grease at the end of %x", b)
	}

	// A client never sends what is for servers only.
	b = p.Append(nil, Client, GreaseParameter{})
	want := p
	want.OriginalDCID, want.RetrySCID = OptionalConnectionID{}, OptionalConnectionID{}
	want.HasResetToken, want.ResetToken = false, ResetToken{}
	want.HasPreferredAddress, want.PreferredAddress = false, PreferredAddress{}
	if got, err := ParseTransportParameters(b, Client); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	mustPanic(t, "grease ID not reserved", func() { p.Append(nil, Client, GreaseParameter{ID: 28}) })
}

// Nothing declared is nothing sent, and reads as the defaults of s18.2.
func TestTransportParameterDefaults(t *testing.T) {
	p := DefaultTransportParameters()
	if b := p.Append(nil, Server, GreaseParameter{}); len(b) != 0 {
		t.Errorf("defaults append as %x", b)
	}
	got, err := ParseTransportParameters(nil, Client)
	if err != nil || got != p || got.MaxUDPPayloadSize != 65527 || got.AckDelayExponent != 3 ||
		got.MaxAckDelay != 25*time.Millisecond || got.ActiveConnectionIDLimit != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTransportParameterBytes(t *testing.T) {
	address := "0d 2c c0000201 01bb" + strings.Repeat("00", 18) + "03 0a0b0c" + strings.Repeat("07", 16)
	for _, c := range []struct {
		what, hex string
		from      Role
		check     func(p TransportParameters) bool
	}{
		{"idle timeout", "01 04 80007530", Client, func(p TransportParameters) bool { return p.MaxIdleTimeout == 30*time.Second }},
		{"endless idle timeout", "01 08 ffffffffffffffff", Client, func(p TransportParameters) bool {
			return p.MaxIdleTimeout > 292*365*24*time.Hour && p.MaxIdleTimeout <= math.MaxInt64
		}},
		{"varint longer than needed", "04 04 80000001", Client, func(p TransportParameters) bool { return p.InitialMaxData == 1 }},
		{"payload of 1200", "03 02 44b0", Client, func(p TransportParameters) bool { return p.MaxUDPPayloadSize == 1200 }},
		{"payload beyond 65527", "03 04 80010000", Client, func(p TransportParameters) bool { return p.MaxUDPPayloadSize == 65536 }},
		{"empty source ID", "0f 00", Client, func(p TransportParameters) bool { return p.InitialSCID.Present && p.InitialSCID.ID.Len() == 0 }},
		{"unknown", "4abc 03 010203 1b 00", Client, func(p TransportParameters) bool { return p == DefaultTransportParameters() }},
		{"ID in more bytes than needed", "4001 01 05", Client, func(p TransportParameters) bool { return p.MaxIdleTimeout == 5*time.Millisecond }},
		{"IPv4 only", address, Server, func(p TransportParameters) bool {
			a := p.PreferredAddress
			return p.HasPreferredAddress && a.IPv4 == netip.MustParseAddrPort("192.0.2.1:443") && !a.IPv6.IsValid() && a.ID.Len() == 3 && a.Token[15] == 7
		}},
	} {
		p, err := ParseTransportParameters(unhex(t, c.hex), c.from)
		if err != nil || !c.check(p) {
			t.Errorf("%s: %+v, %v", c.what, p, err)
		}
	}
}

func TestMalformedTransportParameters(t *testing.T) {
	zeros24, token := strings.Repeat("00", 24), strings.Repeat("07", 16)
	for _, c := range []struct {
		what, hex string
		from      Role
	}{
		{"ID cut", "40", Server},
		{"length missing", "01", Server},
		{"value cut", "01 02 05", Server},
		{"duplicate", "01 01 05 01 01 05", Server},
		{"duplicate in another encoding", "01 01 05 4001 01 05", Server},
		{"duplicate of an unknown one", "4abc 00 4abc 00", Server},
		{"integer empty", "04 00", Server},
		{"integer followed by more", "04 02 0505", Server},
		{"integer cut", "04 01 40", Server},
		{"payload of 1199", "03 02 44af", Server},
		{"bidi streams above 2^60", "08 08 d000000000000001", Server},
		{"uni streams above 2^60", "09 08 d000000000000001", Server},
		{"exponent of 21", "0a 01 15", Server},
		{"exponent of 2^62-1", "0a 08 ffffffffffffffff", Server},
		{"ack delay of 2^14", "0b 04 80004000", Server},
		{"migration flag with a value", "0c 01 00", Server},
		{"ID limit of 1", "0e 01 01", Server},
		{"datagram size empty", "20 00", Server},
		{"source ID of 21 bytes", "0f 15" + strings.Repeat("aa", 21), Client},
		{"reset token of 15 bytes", "02 0f" + token[2:], Server},
		{"reset token of 17 bytes", "02 11 00" + token, Server},
		{"preferred address cut", "0d 10" + token, Server},
		{"preferred address with an empty ID", "0d 29" + zeros24 + "00" + token, Server},
		{"preferred address with an ID of 21 bytes", "0d 3e" + zeros24 + "15" + strings.Repeat("aa", 21) + token, Server},
		{"preferred address with one byte more", "0d 2b" + zeros24 + "01 aa" + token + "00", Server},
		{"preferred address of a server without IDs", "0f 00 0d 2a" + zeros24 + "01 aa" + token, Server},
		{"original_destination_connection_id from a client", "00 00", Client},
		{"stateless_reset_token from a client", "02 10" + token, Client},
		{"preferred_address from a client", "0d 2a" + zeros24 + "01 aa" + token, Client},
		{"retry_source_connection_id from a client", "10 00", Client},
	} {
		_, err := ParseTransportParameters(unhex(t, c.hex), c.from)
		if err == nil {
			t.Errorf("%s: accepted", c.what)
			continue
		}
		wantCode(t, err, TransportParameterError)
	}
}

// More unknown parameters than are tracked do no harm.
func TestManyUnknownParameters(t *testing.T) {
	var b []byte
	for i := range 1000 {
		b = append(AppendVarint(b, uint64(1000+i)), 0)
	}
	if _, err := ParseTransportParameters(append(b, 1, 1, 5), Client); err != nil {
		t.Error(err)
	}
}

// RFC 9000 s7.3, figures 7 and 8, and each way to break them.
func TestValidateCIDs(t *testing.T) {
	s1, s2, s3, c1 := cid(t, "01"), cid(t, "02"), cid(t, "03"), cid(t, "0c")
	plain := TransportParameters{OriginalDCID: SomeConnectionID(s1), InitialSCID: SomeConnectionID(s3)}
	retried := plain
	retried.RetrySCID = SomeConnectionID(s2)
	client := TransportParameters{InitialSCID: SomeConnectionID(c1)}
	seen := ConnectionIDs{PeerInitialSCID: s3, OriginalDCID: s1}
	seenRetry := seen
	seenRetry.RetrySCID = SomeConnectionID(s2)

	with := func(p TransportParameters, change func(*TransportParameters)) TransportParameters {
		change(&p)
		return p
	}
	for _, c := range []struct {
		what string
		p    TransportParameters
		from Role
		seen ConnectionIDs
		ok   bool
	}{
		{"server", plain, Server, seen, true},
		{"server after Retry", retried, Server, seenRetry, true},
		{"client", client, Client, ConnectionIDs{PeerInitialSCID: c1}, true},
		{"client, other ID", client, Client, ConnectionIDs{PeerInitialSCID: s1}, false},
		{"client, none", TransportParameters{}, Client, ConnectionIDs{}, false},
		{"no source ID", with(plain, func(p *TransportParameters) { p.InitialSCID.Present = false }), Server, seen, false},
		{"other source ID", with(plain, func(p *TransportParameters) { p.InitialSCID.ID = s2 }), Server, seen, false},
		{"no original ID", with(plain, func(p *TransportParameters) { p.OriginalDCID = OptionalConnectionID{} }), Server, seen, false},
		{"other original ID", with(plain, func(p *TransportParameters) { p.OriginalDCID.ID = s2 }), Server, seen, false},
		{"Retry ID without Retry", retried, Server, seen, false},
		{"Retry without its ID", plain, Server, seenRetry, false},
		{"other Retry ID", with(retried, func(p *TransportParameters) { p.RetrySCID.ID = s3 }), Server, seenRetry, false},
	} {
		err := c.p.ValidateCIDs(c.from, c.seen)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil {
			wantCode(t, err, TransportParameterError)
		}
	}
}

// For 0-RTT a client keeps the limits, which must not shrink, and nothing that
// belongs to one connection.
func TestResumption(t *testing.T) {
	p := fullParameters(t)
	kept := p.Remembered()
	want := DefaultTransportParameters()
	want.MaxIdleTimeout, want.MaxUDPPayloadSize = p.MaxIdleTimeout, p.MaxUDPPayloadSize
	want.InitialMaxData = p.InitialMaxData
	want.InitialMaxStreamDataBidiLocal = p.InitialMaxStreamDataBidiLocal
	want.InitialMaxStreamDataBidiRemote = p.InitialMaxStreamDataBidiRemote
	want.InitialMaxStreamDataUni = p.InitialMaxStreamDataUni
	want.InitialMaxStreamsBidi, want.InitialMaxStreamsUni = p.InitialMaxStreamsBidi, p.InitialMaxStreamsUni
	want.DisableActiveMigration = true
	want.ActiveConnectionIDLimit, want.MaxDatagramFrameSize = p.ActiveConnectionIDLimit, p.MaxDatagramFrameSize
	if kept != want {
		t.Errorf("%+v, want %+v", kept, want)
	}
	if err := p.CheckResumed(kept); err != nil {
		t.Errorf("unchanged parameters: %v", err)
	}
	for name, shrink := range map[string]func(*TransportParameters){
		"data":        func(p *TransportParameters) { p.InitialMaxData-- },
		"bidi local":  func(p *TransportParameters) { p.InitialMaxStreamDataBidiLocal-- },
		"bidi remote": func(p *TransportParameters) { p.InitialMaxStreamDataBidiRemote-- },
		"uni":         func(p *TransportParameters) { p.InitialMaxStreamDataUni-- },
		"streams":     func(p *TransportParameters) { p.InitialMaxStreamsBidi-- },
		"uni streams": func(p *TransportParameters) { p.InitialMaxStreamsUni-- },
		"IDs":         func(p *TransportParameters) { p.ActiveConnectionIDLimit-- },
		"datagrams":   func(p *TransportParameters) { p.MaxDatagramFrameSize-- },
	} {
		smaller := p
		shrink(&smaller)
		err := smaller.CheckResumed(kept)
		if err == nil {
			t.Errorf("%s: a smaller value was accepted", name)
			continue
		}
		wantCode(t, err, ProtocolViolation)
	}
}

func FuzzTransportParameters(f *testing.F) {
	for _, seed := range loadSeeds(f, "tparams.hex") {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	p := fullParameters(f)
	f.Add(p.Append(nil, Server, GreaseParameter{ID: 27, Value: []byte{1}}), true)
	f.Add(p.Append(nil, Client, GreaseParameter{}), false)
	f.Fuzz(func(t *testing.T, b []byte, server bool) {
		from := Client
		if server {
			from = Server
		}
		p, err := ParseTransportParameters(b, from)
		if err != nil {
			wantCode(t, err, TransportParameterError)
			return
		}
		again, err := ParseTransportParameters(p.Append(nil, from, GreaseParameter{}), from)
		if err != nil || again != p {
			t.Fatalf("%+v\nreads again as\n%+v, %v", p, again, err)
		}
	})
}
