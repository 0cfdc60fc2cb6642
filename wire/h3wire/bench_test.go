package h3wire

import "testing"

func BenchmarkFrameHeader(b *testing.B) {
	buf := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendFrameHeader(buf[:0], FrameData, 16_000)
		if h, n := ConsumeFrameHeader(buf); h.Length != 16_000 || n != len(buf) {
			b.Fatal(h, n)
		}
	}
}

func BenchmarkSettings(b *testing.B) {
	s := Settings{MaxFieldSectionSize: 64 << 10, QPACKMaxTableCapacity: 4096, QPACKBlockedStreams: 100, EnableConnectProtocol: true, H3Datagram: true}
	grease := Setting{ID: SettingID(Grease(7)), Value: 1}
	frame := AppendSettings(nil, s, grease)
	_, n := ConsumeFrameHeader(frame)
	payload, buf := frame[n:], make([]byte, 0, 2*len(frame))
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendSettings(buf[:0], s, grease)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseSettings(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The frames of a control stream that carry one ID, or a priority.
func BenchmarkControlFrames(b *testing.B) {
	buf := make([]byte, 0, 64)
	for name, step := range map[string]func() error{
		"GOAWAY": func() error {
			buf = AppendGoaway(buf[:0], 1<<20)
			_, n := ConsumeFrameHeader(buf)
			_, err := ParseGoaway(buf[n:], Server)
			return err
		},
		"MAX_PUSH_ID": func() error {
			buf = AppendMaxPushID(buf[:0], 100)
			_, n := ConsumeFrameHeader(buf)
			_, err := ParseID(buf[n:])
			return err
		},
		"PRIORITY_UPDATE": func() error {
			buf = AppendPriorityUpdate(buf[:0], FramePriorityUpdateRequest, 1<<20, "u=2, i")
			_, n := ConsumeFrameHeader(buf)
			_, _, err := ParsePriorityUpdate(FramePriorityUpdateRequest, buf[n:])
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := step(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkValidFields(b *testing.B) {
	name, value := []byte("content-security-policy"), []byte("default-src 'self'; img-src *; script-src scripts.example.com")
	b.ReportAllocs()
	for b.Loop() {
		if !ValidFieldName(name) || !ValidFieldValue(value) || ForbiddenField(name, value) {
			b.Fatal("misjudged")
		}
	}
}
