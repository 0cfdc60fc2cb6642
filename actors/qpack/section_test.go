package qpack

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

var request = []port.Field{
	{Name: ":method", Value: "GET"},
	{Name: ":scheme", Value: "https"},
	{Name: ":authority", Value: "example.org"},
	{Name: ":path", Value: "/a/b?c=d"},
	{Name: "accept", Value: "*/*"},
	{Name: "authorization", Value: "Basic Zm9vOmJhcg==", Sensitive: true},
	{Name: "x-own", Value: ""},
}

// What is encoded comes back, the mark of a sensitive line included.
func TestSectionRoundTrip(t *testing.T) {
	b := Encode(nil, request)
	if len(b) > MaxLen(request) {
		t.Errorf("%d bytes, more than the bound of %d", len(b), MaxLen(request))
	}
	var d Decoder
	back, err := d.Decode(b, int(Size(request)), nil)
	if err != nil || !slices.Equal(back, request) {
		t.Errorf("got %v, %v", back, err)
	}
}

// No encoding is longer than the bound, long strings included.
func TestMaxLenIsABound(t *testing.T) {
	for _, n := range []int{0, 1, 126, 127, 128, 300, 70000} {
		for _, c := range []string{"a", "\xff", "\\"} {
			fields := []port.Field{{Name: strings.Repeat("x", n+1), Value: strings.Repeat(c, n)}}
			if got := len(Encode(nil, fields)); got > MaxLen(fields) {
				t.Errorf("%d bytes of %q: %d, bound %d", n, c, got, MaxLen(fields))
			}
		}
	}
}

// A section over the limit is refused as such, one that names a dynamic entry as one that cannot be decoded; what the
// caller had stays.
func TestDecodeRefuses(t *testing.T) {
	had := []port.Field{{Name: "had"}}
	b := Encode(nil, request)
	var d Decoder
	got, err := d.Decode(b, int(Size(request))-1, had)
	if err != qpackwire.ErrSectionTooLarge || !slices.Equal(got, had) {
		t.Errorf("too large: %v, %v", got, err)
	}
	for _, section := range [][]byte{{}, {0}, {2, 0}, {0, 0, 0x80}, {0, 0, 0x10}, {0, 0, 0xff, 0xff}, {0, 0, 0x51, 5, 'a'}} {
		got, err := d.Decode(section, 1000, had)
		var failed *h3wire.Error
		if !errors.As(err, &failed) || failed.Code != h3wire.CodeQPACKDecompressionFailed || !slices.Equal(got, had) {
			t.Errorf("%x: %v, %v", section, got, err)
		}
	}
}

// A request costs its strings and its slice of fields.
func TestDecodeAllocates(t *testing.T) {
	b := Encode(nil, request)
	var d Decoder
	fields := make([]port.Field, 0, 16)
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Decode(b, 1000, fields) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
	space := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { Encode(space, request) }); n > 0 {
		t.Errorf("encoding takes %v allocations", n)
	}
}

// Whatever decodes within a limit counts no more than it, and comes back the same.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, request), 1000)
	f.Add([]byte{0, 0, 0xd1, 0x51, 1, 'x'}, 80)
	f.Fuzz(func(t *testing.T, section []byte, limit int) {
		var d Decoder
		fields, err := d.Decode(section, limit, nil)
		if err != nil {
			return
		}
		if Size(fields) > uint64(max(limit, 0)) {
			t.Errorf("%d bytes within a limit of %d", Size(fields), limit)
		}
		back, err := d.Decode(Encode(nil, fields), limit, nil)
		if err != nil || !slices.Equal(back, fields) {
			t.Errorf("%v came back as %v, %v", fields, back, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	section := Encode(nil, request)
	var d Decoder
	b.ReportAllocs()
	for b.Loop() {
		_, _ = d.Decode(section, 1000, nil)
	}
}

func BenchmarkEncode(b *testing.B) {
	space := make([]byte, 0, MaxLen(request))
	b.ReportAllocs()
	for b.Loop() {
		_ = Encode(space, request)
	}
}
