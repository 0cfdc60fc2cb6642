package qpack

import (
	"errors"
	"slices"
	"strconv"
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
	back, err := d.Decode(b, int(Size(request)))
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

// A section over the limit is refused as such, one that names a dynamic entry as one that cannot be decoded.
func TestDecodeRefuses(t *testing.T) {
	b := Encode(nil, request)
	var d Decoder
	got, err := d.Decode(b, int(Size(request))-1)
	if err != qpackwire.ErrSectionTooLarge || got != nil {
		t.Errorf("too large: %v, %v", got, err)
	}
	for _, section := range [][]byte{{}, {0}, {2, 0}, {0, 0, 0x80}, {0, 0, 0x10}, {0, 0, 0xff, 0xff}, {0, 0, 0x51, 5, 'a'}} {
		got, err := d.Decode(section, 1000)
		var failed *h3wire.Error
		if !errors.As(err, &failed) || failed.Code != h3wire.CodeQPACKDecompressionFailed || got != nil {
			t.Errorf("%x: %v, %v", section, got, err)
		}
	}
}

// variants are sections that differ in a line. None has a sensitive one.
func variants(n int) (sections [][]byte) {
	like := slices.DeleteFunc(slices.Clone(request), func(f port.Field) bool { return f.Sensitive })
	for i := range n {
		sections = append(sections, Encode(nil, append(slices.Clip(like), port.Field{Name: "n", Value: strconv.Itoa(i)})))
	}
	return sections
}

// A request costs its strings and its slice of fields, and nothing if it is like one of late.
func TestDecodeAllocates(t *testing.T) {
	var d Decoder
	sections := variants(100)
	next := 0
	if n := testing.AllocsPerRun(50, func() { _, _ = d.Decode(sections[next], 1000); next++ }); n > 2 {
		t.Errorf("%v allocations for a new one", n)
	}
	if n := testing.AllocsPerRun(50, func() { _, _ = d.Decode(sections[next-1], 1000); _, _ = d.Decode(sections[next-3], 1000) }); n > 0 {
		t.Errorf("%v allocations for a known one", n)
	}
	space := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { Encode(space, request) }); n > 0 {
		t.Errorf("encoding takes %v allocations", n)
	}
}

func TestADecoderRemembersNoSecrets(t *testing.T) {
	var d Decoder
	for range 2 {
		if _, err := d.Decode(Encode(nil, []port.Field{{Name: "authorization", Value: "secret", Sensitive: true}}), 1000); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range d.recent {
		if k.fields != nil {
			t.Errorf("%v is kept", k.fields)
		}
	}
}

// What is remembered counts against the limit of the message that says it again.
func TestAKnownSectionHasALimitToo(t *testing.T) {
	var d Decoder
	b := variants(1)[0]
	want, err := d.Decode(b, 1000)
	if err != nil {
		t.Fatal(err)
	}
	size := int(Size(want))
	for _, limit := range []int{size, size - 1, 1000} {
		fields, err := d.Decode(b, limit)
		if limit < size && err != qpackwire.ErrSectionTooLarge || limit >= size && !slices.Equal(fields, want) {
			t.Errorf("limit %d: %v, %v", limit, fields, err)
		}
	}
}

// Whatever decodes within a limit counts no more than it, and comes back the same.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, request), 1000)
	f.Add([]byte{0, 0, 0xd1, 0x51, 1, 'x'}, 80)
	f.Fuzz(func(t *testing.T, section []byte, limit int) {
		var d Decoder
		fields, err := d.Decode(section, limit)
		if err != nil {
			return
		}
		if Size(fields) > uint64(max(limit, 0)) {
			t.Errorf("%d bytes within a limit of %d", Size(fields), limit)
		}
		back, err := d.Decode(Encode(nil, fields), limit)
		if err != nil || !slices.Equal(back, fields) {
			t.Errorf("%v came back as %v, %v", fields, back, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		var d Decoder
		section := variants(1)[0]
		b.ReportAllocs()
		for b.Loop() {
			_, _ = d.Decode(section, 1000)
		}
	})
	b.Run("new", func(b *testing.B) {
		sections := variants(8) // more than are remembered
		var d Decoder
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, _ = d.Decode(sections[i%len(sections)], 1000)
		}
	})
}
