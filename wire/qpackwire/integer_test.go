package qpackwire

import (
	"bytes"
	"testing"
)

func TestIntegersOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefix uint8
		first  byte
		v      uint64
		want   []byte
	}{
		// The examples of RFC 7541 Appendix C.1.
		{"10 with 5 bits", 5, 0xa0, 10, []byte{0xaa}},
		{"1337 with 5 bits", 5, 0xe0, 1337, []byte{0xff, 0x9a, 0x0a}},
		{"42 with 8 bits", 8, 0, 42, []byte{42}},
		{"the prefix just full", 3, 0, 7, []byte{7, 0}},
		{"the prefix just not full", 3, 0xf8, 6, []byte{0xfe}},
		{"one bit", 1, 0, 1, []byte{1, 0}},
		{"largest", 7, 0x80, MaxInt, []byte{0xff, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AppendInt(nil, c.first, c.prefix, c.v)
			if !bytes.Equal(got, c.want) {
				t.Fatalf("appended %x, want %x", got, c.want)
			}
			if v, n := ConsumeInt(append(got, 0xff), c.prefix); v != c.v || n != len(got) {
				t.Errorf("consumed %d in %d bytes", v, n)
			}
			for cut := range got {
				if _, n := ConsumeInt(got[:cut], c.prefix); n != 0 {
					t.Errorf("%d bytes of %d: n = %d", cut, len(got), n)
				}
			}
		})
	}
}

func TestIntegersRoundTripInEveryPrefix(t *testing.T) {
	for prefix := uint8(1); prefix <= 8; prefix++ {
		for shift := range 62 {
			for _, v := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
				b := AppendInt(nil, 0, prefix, v)
				if got, n := ConsumeInt(b, prefix); got != v || n != len(b) {
					t.Fatalf("%d bits: %d came back as %d, %d of %d bytes", prefix, v, got, n, len(b))
				}
			}
		}
	}
}

func TestOversizedIntegersAreRefused(t *testing.T) {
	over := AppendInt(nil, 0, 8, MaxInt)
	over[1]++ // 2^62
	for name, b := range map[string][]byte{
		"2^62":                    over,
		"all ones":                bytes.Repeat([]byte{0xff}, 11),
		"overflow of 64 bits":     append(bytes.Repeat([]byte{0xff}, 9), 0x7f),
		"zeros without end":       append([]byte{0xff}, bytes.Repeat([]byte{0x80}, 9)...),
		"zeros with a late end":   append(append([]byte{0xff}, bytes.Repeat([]byte{0x80}, 9)...), 0),
		"nine bytes and no end":   append([]byte{0xff}, bytes.Repeat([]byte{0xff}, 9)...),
		"ten bytes, last of many": bytes.Repeat([]byte{0xff}, 100),
	} {
		if v, n := ConsumeInt(b, 8); n != -1 {
			t.Errorf("%s: value %d, n = %d", name, v, n)
		}
	}
	// RFC 7541 s5.1 allows padding; it is bounded, not forbidden.
	if v, n := ConsumeInt([]byte{0xff, 0x80, 0x80, 0}, 8); v != 255 || n != 4 {
		t.Errorf("padded 255 reads %d, %d", v, n)
	}
}
