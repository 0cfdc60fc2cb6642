package link

import (
	"slices"
	"testing"

	"quicpro/wire"
)

// packet is a long-header packet with n bytes behind its Length.
func packet(t wire.PacketType, n int) []byte {
	id, _ := wire.MakeConnectionID([]byte{1, 2, 3, 4})
	b, at := wire.AppendLongHeader(nil, t, id, id, nil, 2)
	b = append(b, make([]byte, n)...)
	wire.PatchLength(b, at, n)
	return b
}

func samples() map[string]struct {
	b    []byte
	want Kind
} {
	initial, handshake, early := packet(wire.PacketInitial, 40), packet(wire.PacketHandshake, 50), packet(wire.Packet0RTT, 30)
	short := append([]byte{0x40}, make([]byte, 30)...)
	id, _ := wire.MakeConnectionID([]byte{1, 2, 3, 4})
	retry := append(wire.AppendRetryHeader(nil, 0, id, id, []byte("token")), make([]byte, wire.RetryTagLen)...)
	other := slices.Clone(initial)
	other[4] = 9
	type row = struct {
		b    []byte
		want Kind
	}
	return map[string]row{
		"nothing":                          {nil, 0},
		"an Initial":                       {initial, Initial},
		"a 0-RTT packet":                   {early, ZeroRTT},
		"a Handshake packet":               {handshake, Handshake},
		"a Retry":                          {retry, Retry},
		"a Version Negotiation":            {wire.AppendVersionNegotiation(nil, 0, id.Bytes(), id.Bytes(), wire.Version1), VersionNegotiation},
		"a short header":                   {short, OneRTT},
		"a short header, fixed bit zero":   {make([]byte, 30), 0},
		"a server's first flight":          {slices.Concat(initial, handshake, short), Initial | Handshake | OneRTT},
		"a client's first flight, padded":  {slices.Concat(initial, early, make([]byte, 1000)), Initial | ZeroRTT},
		"an Initial and half a Handshake":  {slices.Concat(initial, handshake[:30]), Initial},
		"an Initial of another version":    {other, 0},
		"a Handshake packet behind 1-RTT":  {slices.Concat(short, handshake), OneRTT},
		"a Handshake packet behind 0-RTT,": {slices.Concat(early, handshake), ZeroRTT | Handshake},
	}
}

func TestKindsAreSeenInCoalescedDatagrams(t *testing.T) {
	for name, c := range samples() {
		if got := Kinds(c.b); got != c.want {
			t.Errorf("%s: %06b, want %06b", name, got, c.want)
		}
	}
}

// Of a handshake's datagrams, I, IH, IH1, H1, 1, a target names the n-th that contains its kind.
func TestTargetsHitTheNthOfTheirKind(t *testing.T) {
	initial, handshake, short := packet(wire.PacketInitial, 40), packet(wire.PacketHandshake, 50), append([]byte{0x40}, make([]byte, 30)...)
	flight := [][]byte{initial, slices.Concat(initial, handshake), slices.Concat(initial, handshake, short), slices.Concat(handshake, short), short}
	for _, c := range []struct {
		drop []Target
		want []int
	}{
		{[]Target{{Handshake, 2}}, []int{2}},
		{[]Target{{Handshake, 3}}, []int{3}},
		{[]Target{{Handshake, 4}}, nil},
		{[]Target{{Initial, 1}, {OneRTT, 3}}, []int{0, 4}},
		{[]Target{{Any, 4}}, []int{3}},
		{[]Target{{Initial | OneRTT, 4}}, []int{3}},
		{[]Target{{Handshake, 2}, {OneRTT, 1}}, []int{2}}, // one datagram
		{[]Target{{Retry, 1}}, nil},
	} {
		l := sample(t, Config{Drop: c.drop})
		var hit []int
		for i, b := range flight {
			if _, v := l.Send(at(ms), Datagram{Bytes: b}); v.Fate == Targeted {
				hit = append(hit, i)
			}
		}
		if !slices.Equal(hit, c.want) {
			t.Errorf("%v: lost are %v, want %v", c.drop, hit, c.want)
		}
	}
}

func FuzzKinds(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k := Kinds(b); k&^(Initial|ZeroRTT|Handshake|Retry|VersionNegotiation|OneRTT) != 0 {
			t.Errorf("kinds %08b", k)
		}
	})
}
