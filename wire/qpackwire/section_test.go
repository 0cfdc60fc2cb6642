package qpackwire

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"quicpro/wire/h3wire"
)

var getRequest = []Field{
	{Name: ":method", Value: "GET"},
	{Name: ":scheme", Value: "https"},
	{Name: ":authority", Value: "www.example.com"},
	{Name: ":path", Value: "/static/js/main.4f2a9c.js?v=12"},
	{Name: "user-agent", Value: "quicpro/1.0 (linux; amd64)"},
	{Name: "accept", Value: "*/*"},
}

var okResponse = []Field{
	{Name: ":status", Value: "200"},
	{Name: "content-type", Value: "text/html; charset=utf-8"},
	{Name: "content-length", Value: "48213"},
	{Name: "date", Value: "Mon, 21 Oct 2013 20:13:21 GMT"},
	{Name: "etag", Value: "\"5f2c-5a1b0c2d3e4f5\""},
	{Name: "cache-control", Value: "public, max-age=31536000"},
	{Name: "server", Value: "quicpro"},
	{Name: "x-request-id", Value: "7f3c2a1e-9d4b-4c8a-b1f0-2e6d5a7c9b3f"},
}

func TestSectionsRoundTrip(t *testing.T) {
	var d SectionDecoder
	for name, fields := range map[string][]Field{
		"GET":        getRequest,
		"200":        okResponse,
		"no fields":  {},
		"empty text": {{Name: "", Value: ""}, {Name: "x", Value: ""}, {Name: "etag", Value: ""}},
		"sensitive":  {{"authorization", "Basic Zm9v", true}, {":path", "/", true}, {"x-key", "1", true}},
		"binary":     {{Name: "x-bin", Value: "\x00\x01\xfe\xff\r\n"}},
	} {
		section := AppendSection(nil, fields)
		got, err := d.Decode(nil, section, sectionSize(fields))
		if err != nil || !slices.Equal(got, fields) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// sectionSize counts as RFC 9114 s4.2.2 does.
func sectionSize(fields []Field) (size uint64) {
	for _, f := range fields {
		size += uint64(len(f.Name) + len(f.Value) + 32)
	}
	return size
}

func TestTheSizeLimitIsExact(t *testing.T) {
	var d SectionDecoder
	for _, fields := range [][]Field{getRequest, okResponse, {{Name: ":method", Value: "GET"}}, {{Name: "x-long-literal-name"}}} {
		section := AppendSection(nil, fields)
		size := sectionSize(fields)
		for limit := range size {
			if got, err := d.Decode(nil, section, limit); !errors.Is(err, ErrSectionTooLarge) || got != nil {
				t.Fatalf("limit %d of %d: %v, %v", limit, size, got, err)
			}
		}
		if _, err := d.Decode(nil, section, size); err != nil {
			t.Errorf("limit %d: %v", size, err)
		}
	}
}

func TestExpansionStopsAtTheLimit(t *testing.T) {
	// 160,000 bytes in 100,000, beside a limit of 1,000.
	section := AppendFieldLine(AppendSectionPrefix(nil), "x", strings.Repeat("0", 160_000), false)
	r, err := NewSectionReader(section, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := r.Next(); ok || !errors.Is(err, ErrSectionTooLarge) {
		t.Errorf("%v, %v", ok, err)
	}
	if cap(r.Literals()) > 2000 {
		t.Errorf("%d bytes were allocated", cap(r.Literals()))
	}
	// The cheapest line to repeat counts 32 bytes and more, too.
	flood := append(AppendSectionPrefix(nil), strings.Repeat("\xc0", 1000)...)
	var d SectionDecoder
	if _, err := d.Decode(nil, flood, 42*999); !errors.Is(err, ErrSectionTooLarge) {
		t.Errorf("1000 lines: %v", err)
	}
	if fields, err := d.Decode(nil, flood, 42*1000); len(fields) != 1000 || err != nil {
		t.Errorf("1000 lines within the limit: %d, %v", len(fields), err)
	}
}

func TestWithoutATableDynamicReferencesFail(t *testing.T) {
	for name, section := range map[string][]byte{
		"insert count":     {0x02, 0x00},
		"indexed":          AppendIndexedDynamic([]byte{0, 0}, 0),
		"post-base":        AppendIndexedPostBase([]byte{0, 0}, 0),
		"name":             AppendLiteralDynamicName([]byte{0, 0}, 0, "v", false),
		"post-base name":   AppendLiteralPostBaseName([]byte{0, 0}, 0, "v", false),
		"after other ones": AppendIndexedDynamic(AppendSection(nil, getRequest), 0),
		"bad static index": AppendIndexedStatic([]byte{0, 0}, 99),
		"empty":            {},
		"truncated line":   {0, 0, 0x51},
		"bad Huffman":      {0, 0, 0x51, 0x81, 0xff},
		"bad Huffman name": {0, 0, 0x29, 0xff, 0x00},
		"Base of a ghost":  {0, 0x80},
	} {
		t.Run(name, func(t *testing.T) {
			var d SectionDecoder
			kept := []Field{{Name: "kept"}}
			got, err := d.Decode(kept, section, 1<<20)
			wantCode(t, err, h3wire.CodeQPACKDecompressionFailed)
			if !slices.Equal(got, kept) {
				t.Errorf("fields %v", got)
			}
		})
	}
}

func TestSpansKeepWhatTheBufferHeld(t *testing.T) {
	section := AppendSection(nil, okResponse)
	r, err := NewSectionReader(section, []byte("before"), h3wire.Unlimited)
	if err != nil {
		t.Fatal(err)
	}
	var lines []FieldLine
	for {
		f, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		lines = append(lines, f)
	}
	text := string(r.Literals())
	for i, f := range okResponse {
		l := lines[i]
		if l.Name.In(text) != f.Name || l.Value.In(text) != f.Value {
			t.Errorf("line %d is %q: %q", i, l.Name.In(text), l.Value.In(text))
		}
		_, match := StaticIndex(f.Name, f.Value)
		if b, ok := l.Value.Bytes(r.Literals()); ok != (match != FullMatch) || ok && string(b) != f.Value {
			t.Errorf("the value of line %d is %q, %v in the buffer", i, b, ok)
		}
	}
	if !strings.HasPrefix(text, "before") {
		t.Errorf("the buffer now begins with %.10q", text)
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	var d SectionDecoder
	section := AppendFieldLine(AppendSectionPrefix(nil), "x", strings.Repeat("\x00", 200_000), false)
	section = append(section, strings.Repeat("\xc0", 2000)...)
	if _, err := d.Decode(nil, section, h3wire.Unlimited); err != nil {
		t.Fatal(err)
	}
	if cap(d.literals) > maxKeptLiterals || cap(d.lines) > maxKeptLines {
		t.Errorf("kept %d bytes and %d lines", cap(d.literals), cap(d.lines))
	}
}

func TestAllocations(t *testing.T) {
	var d SectionDecoder
	buf := make([]byte, 0, 1024)
	fields := make([]Field, 0, 16)
	section := AppendSection(nil, okResponse)
	static := AppendSection(nil, []Field{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}})
	literals := make([]byte, 0, 1024)
	decode := func(section []byte) func() {
		return func() {
			if _, err := d.Decode(fields, section, 1<<16); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		want float64
		f    func()
	}{
		{"encode", 0, func() { buf = AppendSection(buf[:0], okResponse) }},
		{"decode", 1, decode(section)},
		{"decode static lines", 0, decode(static)},
		{"read", 0, func() {
			r, err := NewSectionReader(section, literals, 1<<16)
			for ok := err == nil; ok; {
				_, ok, err = r.Next()
			}
			if err != nil {
				t.Error(err)
			}
		}},
		{"refuse", 0, func() {
			if _, err := NewSectionReader([]byte{2, 0}, nil, 100); err == nil {
				t.Error("accepted")
			}
		}},
		{"instructions", 0, func() {
			buf = AppendInsertLiteralName(AppendSetCapacity(buf[:0], 4096), "name", "value")
			for rest := buf; len(rest) > 0; {
				_, n, err := ConsumeEncoderInstruction(rest, 100)
				if err != nil || n == 0 {
					t.Fatal(n, err)
				}
				rest = rest[n:]
			}
			buf = AppendSectionAck(buf[:0], 1<<20)
			if _, n, err := ConsumeDecoderInstruction(buf); err != nil || n == 0 {
				t.Error(n, err)
			}
		}},
	} {
		c.f()
		if got := testing.AllocsPerRun(100, c.f); got != c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, fields := range map[string][]Field{"request": getRequest, "response": okResponse} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendSection(buf[:0], fields)
			}
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, fields := range map[string][]Field{"request": getRequest, "response": okResponse} {
		b.Run(name, func(b *testing.B) {
			section := AppendSection(nil, fields)
			var d SectionDecoder
			dst := make([]Field, 0, 16)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(dst, section, 1<<16); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHuffman(b *testing.B) {
	const s = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:58.0) Gecko/20100101 Firefox/58.0"
	coded := AppendHuffman(nil, s)
	buf := make([]byte, 0, 256)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(s)))
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendHuffman(buf[:0], s)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(s)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AppendHuffmanDecoded(buf[:0], coded); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkInteger(b *testing.B) {
	buf := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendInt(buf[:0], 0x40, 6, 1337)
		if v, n := ConsumeInt(buf, 6); v != 1337 || n != len(buf) {
			b.Fatal(v, n)
		}
	}
}

// One of each kind, there and back.
func BenchmarkInstructions(b *testing.B) {
	buf := make([]byte, 0, 256)
	b.Run("encoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendInsertLiteralName(AppendSetCapacity(buf[:0], 4096), "name", "value")
			buf = AppendDuplicate(AppendInsertDynamicName(AppendInsertStaticName(buf, 17, "PATCH"), 3, "value"), 5)
			for rest := buf; len(rest) > 0; {
				_, n, err := ConsumeEncoderInstruction(rest, 100)
				if err != nil || n == 0 {
					b.Fatal(n, err)
				}
				rest = rest[n:]
			}
		}
	})
	b.Run("decoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendInsertCountIncrement(AppendStreamCancellation(AppendSectionAck(buf[:0], 1<<20), 8), 3)
			for rest := buf; len(rest) > 0; {
				_, n, err := ConsumeDecoderInstruction(rest)
				if err != nil || n == 0 {
					b.Fatal(n, err)
				}
				rest = rest[n:]
			}
		}
	})
}
