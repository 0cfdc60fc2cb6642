package h3wire

import (
	"bytes"
	"fmt"
	"testing"

	"quicpro/wire"
)

// A stream of frames with every size of varint, empty payloads included.
func someFrames() []byte {
	b := AppendFrame(nil, FrameHeaders, []byte("header"))
	b = AppendFrame(b, FrameData, nil)
	b = AppendFrame(b, FrameData, bytes.Repeat([]byte("d"), 100))
	b = AppendFrame(b, FrameType(Grease(1<<40)), []byte("grease"))
	b = wire.AppendVarintLen(b, uint64(FrameData), 8)
	b = wire.AppendVarintLen(b, 3, 8)
	b = append(b, "end"...)
	return AppendFrame(b, FramePriorityUpdatePush, nil)
}

// spansOf feeds stream in pieces cut by next and returns the story: one entry a
// frame, its payload put together.
func spansOf(t testing.TB, stream []byte, next func(left int) int) (frames []string, r FrameReader) {
	t.Helper()
	var payload []byte
	for len(stream) > 0 {
		size := min(max(next(len(stream)), 1), len(stream))
		piece := stream[:size]
		stream = stream[size:]
		for {
			span, n, ok := r.Next(piece)
			piece = piece[n:]
			if !ok {
				break
			}
			if span.Start {
				payload = payload[:0]
			}
			payload = append(payload, span.Payload...)
			if span.End {
				if uint64(len(payload)) != span.Length {
					t.Fatalf("frame %#x ended after %d of %d bytes", uint64(span.Type), len(payload), span.Length)
				}
				frames = append(frames, fmt.Sprintf("%#x:%x", uint64(span.Type), payload))
			}
		}
		if len(piece) != 0 {
			t.Fatalf("%d bytes left though nothing was to tell", len(piece))
		}
	}
	return frames, r
}

func TestFramesReadTheSameHoweverTheirBytesArrive(t *testing.T) {
	stream := someFrames()
	want, _ := spansOf(t, stream, func(left int) int { return left })
	if len(want) != 6 {
		t.Fatalf("read %d frames, want 6: %q", len(want), want)
	}
	for size := 1; size <= 20; size++ {
		got, r := spansOf(t, stream, func(int) int { return size })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
		if r.MidFrame() {
			t.Errorf("in pieces of %d: not at the end of a frame", size)
		}
	}
}

func TestStartComesWithTheHeaderBeforeAnyPayload(t *testing.T) {
	var r FrameReader
	if span, n, ok := r.Next([]byte{0x01}); ok || n != 1 {
		t.Fatalf("half a header told %+v, %d, %v", span, n, ok)
	}
	span, n, ok := r.Next([]byte{0x03})
	if !ok || n != 1 || !span.Start || span.End || len(span.Payload) != 0 || span.FrameHeader != (FrameHeader{FrameHeaders, 3}) {
		t.Fatalf("the header told %+v, %d, %v", span, n, ok)
	}
	if _, n, ok := r.Next(nil); ok || n != 0 {
		t.Fatal("no bytes told something")
	}
	span, n, ok = r.Next([]byte("abcXY"))
	if !ok || n != 3 || span.Start || !span.End || string(span.Payload) != "abc" {
		t.Fatalf("the payload told %+v, %d, %v", span, n, ok)
	}
}

func TestAStreamThatEndsWithinAFrameIsKnown(t *testing.T) {
	stream := someFrames()
	ends := map[int]bool{0: true}
	for at := 0; at < len(stream); {
		h, n := ConsumeFrameHeader(stream[at:])
		at += n + int(h.Length)
		ends[at] = true
	}
	for cut := range stream {
		_, r := spansOf(t, stream[:cut], func(left int) int { return left })
		if r.MidFrame() == ends[cut] {
			t.Errorf("after %d bytes MidFrame is %v", cut, r.MidFrame())
		}
	}
}

func TestVarintReaderStopsAtItsLastByte(t *testing.T) {
	for _, v := range []uint64{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, wire.MaxVarint} {
		b := append(wire.AppendVarint(nil, v), 0xee)
		var whole, single VarintReader
		if n, done := whole.Feed(b); !done || n != len(b)-1 || whole.Value() != v {
			t.Errorf("%d at once: %d bytes, %v, value %d", v, n, done, whole.Value())
		}
		if n, done := whole.Feed(b); n != 0 || !done {
			t.Errorf("%d: took %d bytes more", v, n)
		}
		for i := range len(b) - 1 {
			if _, done := single.Feed(nil); done || single.Begun() != (i > 0) {
				t.Fatalf("%d: wrong state before byte %d", v, i)
			}
			if n, done := single.Feed(b[i : i+1]); n != 1 || done != (i == len(b)-2) {
				t.Fatalf("%d: byte %d took %d, done %v", v, i, n, done)
			}
		}
		if single.Value() != v {
			t.Errorf("%d in bytes reads %d", v, single.Value())
		}
	}
}

func TestFrameHeaderReaderLeavesThePayload(t *testing.T) {
	b := append(AppendFrameHeader(nil, FramePriorityUpdateRequest, 500), "payload"...)
	for cut := range len(b) - len("payload") {
		var r FrameHeaderReader
		n, done := r.Feed(b[:cut])
		if n != cut || done {
			t.Fatalf("%d bytes: took %d, done %v", cut, n, done)
		}
		n, done = r.Feed(b[cut:])
		if !done || string(b[cut+n:]) != "payload" || r.Header() != (FrameHeader{FramePriorityUpdateRequest, 500}) {
			t.Errorf("cut at %d: %+v, %q left", cut, r.Header(), b[cut+n:])
		}
	}
}

func TestReadingFramesAllocatesNothing(t *testing.T) {
	stream := someFrames()
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		var r FrameReader
		for at := 0; at < len(stream); at += 7 {
			piece := stream[at:min(at+7, len(stream))]
			for ok := true; ok; {
				var n int
				_, n, ok = r.Next(piece)
				piece = piece[n:]
			}
		}
		buf = AppendFrameHeader(buf[:0], FrameData, 1<<20)
		buf = AppendGoaway(buf[:0], 4)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
