package qpackwire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// The strings of RFC 7541 Appendix C.4 and C.6.
func TestHuffmanExamplesOfTheRFC(t *testing.T) {
	for s, coded := range map[string]string{
		"www.example.com":               "f1e3c2e5f23a6ba0ab90f4ff",
		"no-cache":                      "a8eb10649cbf",
		"custom-key":                    "25a849e95ba97d7f",
		"custom-value":                  "25a849e95bb8e8b4bf",
		"302":                           "6402",
		"private":                       "aec3771a4b",
		"Mon, 21 Oct 2013 20:13:21 GMT": "d07abe941054d444a8200595040b8166e082a62d1bff",
		"https://www.example.com":       "9d29ad171863c78f0b97c8e9ae82ae43d3",
		"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1": "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
		"": "",
	} {
		want, err := hex.DecodeString(coded)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendHuffman(nil, s); !bytes.Equal(got, want) {
			t.Errorf("%q codes as %x, want %x", s, got, want)
		}
		if got, err := AppendHuffmanDecoded(nil, want); string(got) != s || err != nil {
			t.Errorf("%x decodes as %q, %v", want, got, err)
		}
		if HuffmanLen(s) != len(want) {
			t.Errorf("HuffmanLen(%q) = %d", s, HuffmanLen(s))
		}
	}
}

// Codes of RFC 7541 Appendix B, one at least of every length, right-aligned.
func TestCodesFollowFromTheirLengths(t *testing.T) {
	for symbol, want := range map[byte]uint32{
		'0': 0x0, 't': 0x9, ' ': 0x14, 'u': 0x2d, ':': 0x5c, 'z': 0x7b, '&': 0xf8, 'Z': 0xfd, '!': 0x3f8, '?': 0x3fc,
		'\'': 0x7fa, '|': 0x7fc, '#': 0xffa, '>': 0xffb, 0: 0x1ff8, '~': 0x1ffd, '^': 0x3ffc, '}': 0x3ffd, '<': 0x7ffc, '{': 0x7ffe,
		'\\': 0x7fff0, 208: 0x7fff2, 128: 0xfffe6, 226: 0xfffed, 153: 0x1fffdc, 230: 0x1fffe8, 129: 0x3fffd2, 233: 0x3fffeb,
		1: 0x7fffd8, 239: 0x7ffff4, 9: 0xffffea, 237: 0xfffff5, 199: 0x1ffffec, 235: 0x1ffffef, 192: 0x3ffffe0, 255: 0x3ffffee,
		203: 0x7ffffde, 254: 0x7fffff0, 2: 0xfffffe2, 249: 0xffffffe, 10: 0x3ffffffc, 13: 0x3ffffffd, 22: 0x3ffffffe,
	} {
		if huffmanCodes[symbol] != want {
			t.Errorf("symbol %d has code %#x, want %#x", symbol, huffmanCodes[symbol], want)
		}
	}
	if symbol, n := longSymbol(1<<32 - 1); symbol != eos || n != 30 {
		t.Errorf("all ones decode as %d with %d bits", symbol, n)
	}
}

// plainDecode is RFC 7541 s5.2 bit by bit, with a map for a table.
func plainDecode(src []byte) (string, bool) {
	type key struct{ code, length uint32 }
	table := map[key]byte{}
	for s := range 256 {
		table[key{huffmanCodes[s], uint32(huffmanLengths[s])}] = byte(s)
	}
	var out []byte
	var k key
	for i := range len(src) * 8 {
		k = key{k.code<<1 | uint32(src[i/8]>>(7-i%8)&1), k.length + 1}
		if s, ok := table[k]; ok {
			out, k = append(out, s), key{}
		}
		if k.length >= 30 {
			return "", false
		}
	}
	return string(out), k.length <= 7 && k.code == 1<<k.length-1
}

func checkHuffman(t *testing.T, src []byte) {
	t.Helper()
	want, valid := plainDecode(src)
	got, err := AppendHuffmanDecoded([]byte("kept"), src)
	if valid != (err == nil) || valid && string(got) != "kept"+want || !valid && string(got) != "kept" {
		t.Fatalf("%x decodes as %q, %v; plainly as %q, %v", src, got, err, want, valid)
	}
	if !valid {
		return
	}
	if again := AppendHuffman(nil, want); !bytes.Equal(again, src) {
		t.Fatalf("%q codes as %x, not as %x", want, again, src)
	}
}

func TestHuffmanDecodesAsBitByBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for a := range 256 {
		for b := range 256 {
			s := string([]byte{byte(a), byte(b), byte(a)})
			coded := AppendHuffman(nil, s)
			if got, err := AppendHuffmanDecoded(nil, coded); string(got) != s || err != nil || HuffmanLen(s) != len(coded) {
				t.Fatalf("%q came back as %q, %v", s, got, err)
			}
		}
	}
	for range 3000 {
		src := make([]byte, rng.IntN(24))
		for i := range src {
			// Many ones, so that long codes and EOS occur.
			src[i] = byte(rng.Uint32() | rng.Uint32()&0xff)
		}
		checkHuffman(t, src)
		text := make([]byte, rng.IntN(40))
		for i := range text {
			text[i] = byte(rng.Uint32())
		}
		coded := AppendHuffman(nil, string(text))
		checkHuffman(t, coded)
		if len(coded) > 0 {
			checkHuffman(t, coded[:len(coded)-1])
			coded[rng.IntN(len(coded))] ^= 1 << rng.IntN(8)
			checkHuffman(t, coded)
		}
	}
}

func TestBadHuffmanStringsAreRefused(t *testing.T) {
	for name, coded := range map[string][]byte{
		"eight bits of padding":      {0xff},
		"padding after a whole byte": append(AppendHuffman(nil, "&"), 0xff), // '&' has 8 bits
		"padding of zeros":           {0x00 | 0x18>>2},
		"EOS alone":                  {0xff, 0xff, 0xff, 0xff},
		"EOS before more":            {0xff, 0xff, 0xff, 0xfc, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
		"EOS within":                 append(AppendHuffman(nil, "&&"), 0xff, 0xff, 0xff, 0xff, 0xff),
		"an unfinished long code":    AppendHuffman(nil, "\n")[:3],
	} {
		if _, valid := plainDecode(coded); valid {
			t.Fatalf("%s: %x is valid", name, coded)
		}
		if got, err := AppendHuffmanDecoded([]byte("kept"), coded); !errors.Is(err, ErrHuffman) || string(got) != "kept" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTheLimitHoldsWhileDecoding(t *testing.T) {
	s := strings.Repeat("0", 1000) // five bits each: the largest expansion
	coded := AppendHuffman(nil, s)
	for _, max := range []int{0, 1, 2, 998, 999} {
		got, err := Literal{coded, true}.AppendTo([]byte("kept"), max)
		if !errors.Is(err, ErrTooLong) || string(got) != "kept" || cap(got) > 2*(max+8) {
			t.Errorf("limit %d: %d bytes in %d, %v", max, len(got), cap(got), err)
		}
		if _, err := (Literal{[]byte(s), false}).AppendTo(nil, max); !errors.Is(err, ErrTooLong) {
			t.Errorf("limit %d, plain: %v", max, err)
		}
	}
	if got, err := (Literal{coded, true}).AppendTo(nil, 1000); string(got) != s || err != nil {
		t.Errorf("exactly at the limit: %v", err)
	}
	for n := range 30 {
		short := AppendHuffman(nil, s[:n])
		if got, err := (Literal{short, true}).AppendTo(nil, n); len(got) != n || err != nil {
			t.Errorf("%d bytes with a limit of %d: %v", n, n, err)
		}
		if n > 0 {
			if _, err := (Literal{short, true}).AppendTo(nil, n-1); !errors.Is(err, ErrTooLong) {
				t.Errorf("%d bytes with a limit of %d: %v", n, n-1, err)
			}
		}
	}
}
