package h3wire

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"testing"
)

// addSeeds adds the files of a folder of testdata/seeds.zip.
func addSeeds(f *testing.F, folder string) {
	f.Helper()
	z, err := zip.OpenReader("testdata/seeds.zip")
	if err != nil {
		f.Fatal(err)
	}
	defer z.Close()
	for _, entry := range z.File {
		if path.Dir(entry.Name) != folder {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			f.Fatal(err)
		}
		seed, err := io.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
}

// However the bytes are cut, the same frames come out.
func FuzzFrameReader(f *testing.F) {
	addSeeds(f, "neqo/hframe")
	f.Add(someFrames())
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, a := spansOf(t, stream, func(left int) int { return left })
		bytewise, b := spansOf(t, stream, func(int) int { return 1 })
		if fmt.Sprint(whole) != fmt.Sprint(bytewise) || a.MidFrame() != b.MidFrame() {
			t.Errorf("at once %q, in bytes %q", whole, bytewise)
		}
	})
}

// What parses survives a round trip.
func FuzzSettings(f *testing.F) {
	addSeeds(f, "neqo/hsettings")
	f.Add(AppendSettings(nil, fullSettings, Setting{SettingID(Grease(5)), 1})[2:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := ParseSettings(payload)
		if err != nil {
			return
		}
		again := AppendSettings(nil, s, Setting{})
		_, n := ConsumeFrameHeader(again)
		if back, err := ParseSettings(again[n:]); err != nil || back != s {
			t.Errorf("%+v came back as %+v, %v", s, back, err)
		}
	})
}

// The small payloads: what parses is what Append would have written, but for the
// length of its integers.
func FuzzPayloads(f *testing.F) {
	addSeeds(f, "neqo/hframe")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if id, err := ParseID(payload); err == nil {
			frame := AppendMaxPushID(nil, id)
			_, n := ConsumeFrameHeader(frame)
			if back, err := ParseID(frame[n:]); back != id || err != nil {
				t.Errorf("ID %d came back as %d, %v", id, back, err)
			}
		}
		if id, err := ParseGoaway(payload, Server); err == nil && id%4 != 0 {
			t.Errorf("GOAWAY of stream %d", id)
		}
		if id, value, err := ParsePriorityUpdate(FramePriorityUpdateRequest, payload); err == nil {
			frame := AppendPriorityUpdate(nil, FramePriorityUpdateRequest, id, string(value))
			_, n := ConsumeFrameHeader(frame)
			id2, value2, err := ParsePriorityUpdate(FramePriorityUpdateRequest, frame[n:])
			if id2 != id || string(value2) != string(value) || err != nil {
				t.Errorf("(%d, %q) came back as (%d, %q), %v", id, value, id2, value2, err)
			}
		}
		if _, n, err := ConsumePushID(payload); err == nil && (n < 1 || n > len(payload)) {
			t.Errorf("push ID of %d bytes", n)
		}
	})
}

func BenchmarkFrameReader(b *testing.B) {
	stream := someFrames()
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		var r FrameReader
		piece := stream
		for ok := true; ok; {
			var n int
			_, n, ok = r.Next(piece)
			piece = piece[n:]
		}
	}
}
