package qpackwire

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"quicpro/wire/h3wire"
)

func addSeeds(f *testing.F, add func(seed []byte)) {
	f.Helper()
	files := archive(f, "seeds.zip")
	names := make([]string, 0, len(files))
	for name := range files {
		if strings.Count(name, "/") == 2 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(files[name])
	}
}

// What is read is written back at most as long, and reads the same.
func FuzzInt(f *testing.F) {
	f.Add([]byte{0xff, 0x9a, 0x0a}, uint8(5))
	f.Add(bytes.Repeat([]byte{0xff}, 12), uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, prefix uint8) {
		prefix = prefix%8 + 1
		v, n := ConsumeInt(b, prefix)
		if n <= 0 {
			return
		}
		again := AppendInt(nil, 0, prefix, v)
		if back, m := ConsumeInt(again, prefix); v > MaxInt || len(again) > n || back != v || m != len(again) {
			t.Errorf("%x is %d, which is %x", b[:n], v, again)
		}
	})
}

func FuzzHuffman(f *testing.F) {
	f.Add(AppendHuffman(nil, "Mozilla/5.0 (Windows NT 10.0)"), 100)
	f.Add(AppendHuffman(nil, "\n\x00\xff{"), 2)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 0)
	f.Fuzz(func(t *testing.T, src []byte, max int) {
		checkHuffman(t, src[:min(len(src), 200)])
		max &= 0xff
		full, err := AppendHuffmanDecoded(nil, src)
		if err != nil {
			return
		}
		got, err := Literal{src, true}.AppendTo(nil, max)
		if (err == nil) != (len(full) <= max) || err == nil && !bytes.Equal(got, full) {
			t.Errorf("limit %d for %d bytes: %d, %v", max, len(full), len(got), err)
		}
	})
}

// A section that decodes within a limit encodes to one that decodes the same,
// and the limit is kept.
func FuzzSection(f *testing.F) {
	addSeeds(f, func(seed []byte) { f.Add(seed, uint16(4096)) })
	f.Add(AppendSection(nil, getRequest), uint16(1000))
	f.Add(AppendSection(nil, okResponse), uint16(1000))
	f.Fuzz(func(t *testing.T, section []byte, limit uint16) {
		var d SectionDecoder
		fields, err := d.Decode(nil, section, uint64(limit))
		if err != nil {
			if _, ok := err.(*h3wire.Error); !ok {
				t.Errorf("error of type %T: %v", err, err)
			}
			return
		}
		if sectionSize(fields) > uint64(limit) {
			t.Fatalf("%d bytes within %d", sectionSize(fields), limit)
		}
		again, err := d.Decode(nil, AppendSection(nil, fields), uint64(limit))
		if err != nil || !slices.Equal(again, fields) {
			t.Errorf("%v came back as %v, %v", fields, again, err)
		}
	})
}

func FuzzSectionPrefix(f *testing.F) {
	f.Add([]byte{4, 0x82}, uint64(3), uint64(10))
	f.Add([]byte{0xff, 0, 0xff, 0}, uint64(1<<40), uint64(1<<50))
	f.Fuzz(func(t *testing.T, b []byte, entries, inserts uint64) {
		entries, inserts = entries&(1<<57-1), inserts&(1<<61-1)
		p, n, err := ConsumeSectionPrefix(b, entries, inserts)
		if err != nil {
			return
		}
		if p.RequiredInsertCount > inserts+entries {
			t.Fatalf("%+v after %d inserts into %d entries", p, inserts, entries)
		}
		again := AppendDynamicPrefix(nil, p, entries)
		if back, m, err := ConsumeSectionPrefix(again, entries, inserts); back != p || err != nil || m != len(again) || m > n {
			t.Errorf("%x is %+v, which is %x", b[:n], p, again)
		}
	})
}

// A line is consumed entire: one byte less is not enough, more changes nothing.
func FuzzLine(f *testing.F) {
	addSeeds(f, func(seed []byte) { f.Add(seed) })
	f.Fuzz(func(t *testing.T, b []byte) {
		line, n, err := ConsumeLine(b)
		if err != nil {
			return
		}
		if exact, m, err := ConsumeLine(b[:n]); err != nil || m != n || !sameLine(exact, line) {
			t.Errorf("%x alone: %+v, %d, %v", b[:n], exact, m, err)
		}
		if _, _, err := ConsumeLine(b[:n-1]); err == nil {
			t.Errorf("%x is complete without its last byte", b[:n])
		}
	})
}

// Instructions read the same whole and byte by byte, until the first error.
func FuzzInstructions(f *testing.F) {
	addSeeds(f, func(seed []byte) { f.Add(seed) })
	f.Add(AppendInsertLiteralName(AppendSetCapacity(nil, 220), "custom-key", "custom-value"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		stream = stream[:min(len(stream), 1000)]
		const maxLiteral = 300
		rest, pending := stream, []byte(nil)
		for {
			in, n, err := ConsumeEncoderInstruction(rest, maxLiteral)
			if err != nil || n == 0 {
				if err == nil && len(rest) > 2*maxLiteral+MaxInstructionOverhead {
					t.Errorf("%d bytes make no instruction", len(rest))
				}
				break
			}
			for i := range n {
				pending = append(pending, rest[i])
				again, m, err := ConsumeEncoderInstruction(pending, maxLiteral)
				if err != nil || (m != 0) != (i == n-1) {
					t.Fatalf("%x of %x: %d, %v", pending, rest[:n], m, err)
				}
				if m != 0 && (again.Kind != in.Kind || again.Index != in.Index || !sameLiteral(again.Value, in.Value)) {
					t.Fatalf("%x reads %+v, in bytes %+v", rest[:n], in, again)
				}
			}
			rest, pending = rest[n:], pending[:0]
		}
		for rest = stream; len(rest) > 0; {
			in, n, err := ConsumeDecoderInstruction(rest)
			if err != nil || n == 0 {
				if err == nil && len(rest) > maxContinuation {
					t.Errorf("%x makes no instruction", rest)
				}
				break
			}
			if in.Value > MaxInt || in.Kind == InsertCountIncrement && in.Value == 0 {
				t.Errorf("%x reads %+v", rest[:n], in)
			}
			rest = rest[n:]
		}
	})
}
