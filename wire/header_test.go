package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"strings"
	"testing"
)

// The packets of RFC 9001 appendix A parse before protection is removed, and
// their headers come out of the encoders byte for byte.
func TestLongHeaderVectors(t *testing.T) {
	v := loadVectors(t)
	none := ConnectionID{}
	for _, c := range []struct {
		name       string
		packet     packetVector
		dcid, scid ConnectionID
	}{
		{"client", v.ClientInitial, cid(t, "8394c8f03e515708"), none},
		{"server", v.ServerInitial, none, cid(t, "f067a5502a4262b5")},
	} {
		h, err := ParseLongHeader(c.packet.Packet)
		if err != nil || h.Type != PacketInitial || h.Version != Version1 || h.DCID != c.dcid || h.SCID != c.scid || len(h.Token) != 0 {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
		if h.PacketLen != len(c.packet.Packet) || h.NumberAt != len(c.packet.Header)-c.packet.NumberLen {
			t.Errorf("%s: number at %d, packet of %d bytes", c.name, h.NumberAt, h.PacketLen)
		}
		b, lengthAt := AppendLongHeader(nil, PacketInitial, c.dcid, c.scid, nil, c.packet.NumberLen)
		if size := LongHeaderLen(PacketInitial, c.dcid, c.scid, nil); size != len(b) {
			t.Errorf("%s: LongHeaderLen %d, appended %d", c.name, size, len(b))
		}
		b = AppendNumber(b, c.packet.PacketNumber, c.packet.NumberLen)
		PatchLength(b, lengthAt, h.Length)
		if !bytes.Equal(b, c.packet.Header) {
			t.Errorf("%s: header %x, want %x", c.name, b, c.packet.Header)
		}
	}
}

// The CRYPTO and ACK frames inside those packets decode and encode too.
func TestPayloadVectors(t *testing.T) {
	v := loadVectors(t)
	for name, payload := range map[string][]byte{
		"client": append(bytes.Clone(v.ClientInitial.CryptoFrame), make([]byte, 917)...),
		"server": v.ServerInitial.Payload,
	} {
		frames, err := decodeAll(payload)
		if err != nil || len(frames) != 2 {
			t.Fatalf("%s: %d frames, %v", name, len(frames), err)
		}
		var out []byte
		for i := range frames {
			out = frames[i].Append(out)
		}
		// Both wrote their CRYPTO length, below 16384, in two bytes.
		if !bytes.Equal(out, payload) {
			t.Errorf("%s: payload %x, want %x", name, out, payload)
		}
	}
}

func TestShortHeader(t *testing.T) {
	v := loadVectors(t).Short
	b := AppendShortHeader(nil, ConnectionID{}, false, false, v.NumberLen)
	if b = AppendNumber(b, v.PacketNumber, v.NumberLen); !bytes.Equal(b, v.Header) {
		t.Errorf("header %x, want %x", b, v.Header)
	}
	if _, at, err := ParseShortHeader(v.Packet, 0); at != 1 || err != nil {
		t.Errorf("number at %d, %v", at, err)
	}

	id := cid(t, "0102030405")
	b = AppendShortHeader(nil, id, true, true, 4)
	if b[0] != FixedBit|SpinBit|KeyPhaseBit|3 || len(b) != ShortHeaderLen(id) {
		t.Errorf("header %x", b)
	}
	if got, at, err := ParseShortHeader(b, id.Len()); got != id || at != 6 || err != nil {
		t.Errorf("reads %v at %d, %v", got, at, err)
	}
	mustPanic(t, "number length 0", func() { AppendShortHeader(nil, id, false, false, 0) })

	for _, c := range []struct {
		hex  string
		size int
		want error
	}{
		{"", 0, ErrTruncated}, {"40 0102", 3, ErrTruncated}, {"c0 0102", 2, ErrNotShort}, {"00 0102", 2, ErrFixedBit},
		{"40" + strings.Repeat("00", 21), 21, ErrConnectionID},
	} {
		if _, _, err := ParseShortHeader(unhex(t, c.hex), c.size); err != c.want {
			t.Errorf("%q: %v, want %v", c.hex, err, c.want)
		}
	}
}

// Three packets in one datagram are found one after the other.
func TestCoalescedPackets(t *testing.T) {
	dcid, scid := cid(t, "aaaa"), cid(t, "bbbbbb")
	types := []PacketType{PacketInitial, Packet0RTT, PacketHandshake}
	var datagram []byte
	for i, typ := range types {
		var at int
		datagram, at = AppendLongHeader(datagram, typ, dcid, scid, []byte("token"), 2)
		datagram = AppendNumber(datagram, PacketNumber(i), 2)
		datagram = append(datagram, make([]byte, 30+i)...)
		PatchLength(datagram, at, 2+30+i)
	}
	rest := datagram
	for i, typ := range types {
		h, err := ParseLongHeader(rest)
		if err != nil || h.Type != typ || h.DCID != dcid || h.SCID != scid || h.Length != 32+i {
			t.Fatalf("packet %d: %+v, %v", i, h, err)
		}
		if (string(h.Token) == "token") != (typ == PacketInitial) {
			t.Errorf("packet %d: token %q", i, h.Token)
		}
		if h.NumberAt != LongHeaderLen(typ, dcid, scid, []byte("token")) || ReadNumber(rest[h.NumberAt:], 2) != uint32(i) {
			t.Errorf("packet %d: number at %d", i, h.NumberAt)
		}
		rest = rest[h.PacketLen:]
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes left", len(rest))
	}
	mustPanic(t, "Length beyond two bytes", func() { PatchLength(datagram, 0, MaxLength+1) })
}

func TestMalformedLongHeaders(t *testing.T) {
	long := strings.Repeat("00", 21)
	for _, c := range []struct {
		what, hex string
		want      error
	}{
		{"nothing", "", ErrTruncated},
		{"short header", "40 00000001 00 00", ErrNotLong},
		{"version cut", "c0 000000", ErrTruncated},
		{"DCID cut", "c0 00000001 02 aa", ErrTruncated},
		{"SCID missing", "c0 00000001 00", ErrTruncated},
		{"version 2", "d0 6b3343cf 00 00 00 01 00", ErrVersion},
		{"Version Negotiation", "c0 00000000 00 00 00000001", ErrVersion},
		{"fixed bit", "80 00000001 00 00 00 01 00", ErrFixedBit},
		{"DCID of 21 bytes", "c0 00000001 15" + long + "00 00 01 00", ErrConnectionID},
		{"SCID of 21 bytes", "c0 00000001 00 15" + long + "00 01 00", ErrConnectionID},
		{"token cut", "c0 00000001 00 00 05 aa", ErrTruncated},
		{"length missing", "e0 00000001 00 00", ErrTruncated},
		{"length too large", "e0 00000001 00 00 02 00", ErrTruncated},
		{"length of 2^62-1", "e0 00000001 00 00 ffffffffffffffff 00", ErrTruncated},
	} {
		if h, err := ParseLongHeader(unhex(t, c.hex)); err != c.want || h.PacketLen != 0 {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

// Versions nobody knows may use connection IDs of up to 255 bytes.
func TestInvariant(t *testing.T) {
	dcid, scid := bytes.Repeat([]byte{1}, 255), bytes.Repeat([]byte{2}, 254)
	b := unhex(t, "80 1a2a3a4a")
	b = append(append(b, 255), dcid...)
	b = append(append(b, 254), scid...)
	b = append(b, "rest"...)
	h, ok := ParseInvariant(b)
	if !ok || !h.Long || h.Version != 0x1a2a3a4a || !bytes.Equal(h.DCID, dcid) || !bytes.Equal(h.SCID, scid) || string(h.Rest) != "rest" {
		t.Errorf("%+v, %v", h, ok)
	}
	for cut := range len(b) - len("rest") {
		if _, ok := ParseInvariant(b[:cut]); ok {
			t.Errorf("accepted when cut to %d bytes", cut)
		}
	}
	h, ok = ParseInvariant([]byte{0x40, 1, 2})
	if !ok || h.Long || !bytes.Equal(h.Rest, []byte{1, 2}) {
		t.Errorf("short header: %+v, %v", h, ok)
	}
}

// The pseudo-packet is right if AES-GCM over it yields the tag of RFC 9001 A.4.
func TestRetryVector(t *testing.T) {
	v := loadVectors(t)
	r, err := ParseRetry(v.Retry.Packet)
	if err != nil || r.DCID != (ConnectionID{}) || r.SCID != cid(t, "f067a5502a4262b5") || string(r.Token) != "token" || !bytes.Equal(r.Tag[:], v.Retry.Tag) {
		t.Fatalf("%+v, %v", r, err)
	}
	b := AppendRetryHeader(nil, 0x0f, r.DCID, r.SCID, r.Token)
	if !bytes.Equal(append(bytes.Clone(b), r.Tag[:]...), v.Retry.Packet) {
		t.Errorf("packet %x, want %x", b, v.Retry.Packet)
	}
	odcid, _ := MakeConnectionID(v.OriginalDCID)
	block, err := aes.NewCipher(v.Retry.IntegrityKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	if tag := gcm.Seal(nil, v.Retry.IntegrityNonce, nil, AppendRetryPseudo(nil, odcid, b)); !bytes.Equal(tag, v.Retry.Tag) {
		t.Errorf("tag %x, want %x", tag, v.Retry.Tag)
	}
}

func TestMalformedRetry(t *testing.T) {
	tag := strings.Repeat("ee", 16)
	for _, c := range []struct {
		what, hex string
		want      error
	}{
		{"Initial", "c0 00000001 00 00 00 01 00", ErrNotRetry},
		{"no token", "f0 00000001 00 00" + tag, ErrEmptyToken},
		{"tag cut", "f0 00000001 00 00" + tag[2:], ErrTruncated},
		{"version 2", "c0 6b3343cf 00 00 aa" + tag, ErrVersion},
		{"fixed bit", "b0 00000001 00 00 aa" + tag, ErrFixedBit},
	} {
		if _, err := ParseRetry(unhex(t, c.hex)); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

func TestVersionNegotiation(t *testing.T) {
	dcid, scid := bytes.Repeat([]byte{1}, 255), []byte{2}
	b := AppendVersionNegotiation(nil, 0x2a, dcid, scid, 0x1a2a3a4a, Version1)
	if b[0] != 0xea {
		t.Errorf("first byte %x", b[0])
	}
	v, err := ParseVersionNegotiation(b)
	if err != nil || !bytes.Equal(v.DCID, dcid) || !bytes.Equal(v.SCID, scid) || v.Count() != 2 || v.At(0) != 0x1a2a3a4a || v.At(1) != Version1 {
		t.Errorf("%+v, %v", v, err)
	}
	if !v.Lists(Version1) || v.Lists(2) {
		t.Error("Lists is wrong about version 1 or 2")
	}
	for _, c := range []struct {
		what, hex string
		want      error
	}{
		{"short header", "40 00000000", ErrNotNegotiation},
		{"version 1", "c0 00000001 00 00 00000001", ErrNotNegotiation},
		{"cut", "80 00000000 00", ErrTruncated},
		{"no versions", "80 00000000 00 00", ErrVersionList},
		{"half a version", "80 00000000 00 00 00000001 0000", ErrVersionList},
	} {
		if _, err := ParseVersionNegotiation(unhex(t, c.hex)); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	mustPanic(t, "no versions", func() { AppendVersionNegotiation(nil, 0, nil, nil) })
}

func addPackets(f *testing.F) {
	for _, seed := range loadSeeds(f, "packets.hex") {
		f.Add(seed)
	}
	v := loadVectors(f)
	for _, b := range []hexBytes{v.ClientInitial.Packet, v.ServerInitial.Packet, v.Retry.Packet, v.Short.Packet} {
		f.Add([]byte(b))
	}
	f.Add(AppendVersionNegotiation(nil, 0x15, []byte{1, 2}, []byte{3}, Version1, 0x1a2a3a4a))
}

// A datagram falls into whole packets, and each header survives a round trip.
func FuzzHeader(f *testing.F) {
	addPackets(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if inv, ok := ParseInvariant(b); ok && inv.Long && 7+len(inv.DCID)+len(inv.SCID)+len(inv.Rest) != len(b) {
			t.Fatalf("%x falls apart into %+v", b, inv)
		}
		for size := range 22 {
			id, at, err := ParseShortHeader(b, size)
			if err == nil && (at != 1+size || !bytes.Equal(id.Append(nil), b[1:at]) || b[0]&0xc0 != FixedBit) {
				t.Fatalf("short header %x: %v at %d", b, id, at)
			}
		}
		for len(b) > 0 {
			h, err := ParseLongHeader(b)
			if err != nil || h.Type == PacketRetry {
				return
			}
			if h.NumberAt < 7 || h.PacketLen != h.NumberAt+h.Length || h.PacketLen > len(b) {
				t.Fatalf("%x: number at %d, length %d, packet of %d", b, h.NumberAt, h.Length, h.PacketLen)
			}
			if h.Length <= MaxLength {
				checkHeaderRoundTrip(t, h, b[h.NumberAt:h.PacketLen])
			}
			b = b[h.PacketLen:]
		}
	})
}

func checkHeaderRoundTrip(t *testing.T, h LongHeader, body []byte) {
	out, at := AppendLongHeader(nil, h.Type, h.DCID, h.SCID, h.Token, 1)
	PatchLength(out, at, h.Length)
	again, err := ParseLongHeader(append(out, body...))
	if err != nil || again.Type != h.Type || again.DCID != h.DCID || again.SCID != h.SCID ||
		!bytes.Equal(again.Token, h.Token) || again.Length != h.Length || again.NumberAt != at+2 {
		t.Fatalf("%+v reads again as %+v, %v", h, again, err)
	}
}

func FuzzRetry(f *testing.F) {
	addPackets(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRetry(b)
		if err != nil {
			return
		}
		out := AppendRetryHeader(nil, b[0], r.DCID, r.SCID, r.Token)
		if out = append(out, r.Tag[:]...); !bytes.Equal(out, b) {
			t.Fatalf("%x appends as %x", b, out)
		}
	})
}

func FuzzVersionNegotiation(f *testing.F) {
	addPackets(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVersionNegotiation(b)
		if err != nil {
			if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotNegotiation) && !errors.Is(err, ErrVersionList) {
				t.Fatal(err)
			}
			return
		}
		versions := make([]Version, v.Count())
		for i := range versions {
			versions[i] = v.At(i)
			if !v.Lists(versions[i]) {
				t.Fatalf("%x is not among its own versions", versions[i])
			}
		}
		out := AppendVersionNegotiation(nil, b[0], v.DCID, v.SCID, versions...)
		if len(versions) == 0 || !bytes.Equal(out[1:], b[1:]) || out[0] != b[0]|FixedBit {
			t.Fatalf("%x appends as %x", b, out)
		}
	})
}
