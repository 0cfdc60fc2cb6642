package qlog

import (
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// FuzzPayload: whatever a packet contains, the log stays a sequence of JSON records with their required members.
func FuzzPayload(f *testing.F) {
	ack, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 9, Hi: 9}, {Lo: 2, Hi: 5}}, 125, &wire.ECNCounts{ECT0: 7, CE: 1}, 100)
	for _, seed := range [][]byte{
		nil, {0, 0, 1}, ack, {0x30}, {0xff}, {0x40, 0x01}, {0x02, 0x00, 0x00, 0xff},
		wire.Stream{ID: 1 << 61, Offset: 1 << 61, Data: []byte("\x1e\n"), Fin: true}.Append(nil),
		wire.ConnectionClose{Code: 1 << 60, FrameType: 1 << 60, Reason: []byte("\x1e\"\\\x00\xff")}.Append(nil),
		wire.NewToken{Token: make([]byte, 200)}.Append([]byte{1}),
		wire.NewConnectionID{ID: original()}.Append(nil),
	} {
		f.Add(seed, "reason \x1e\xff")
	}
	f.Fuzz(func(t *testing.T, payload []byte, text string) {
		all := events(t, wire.Server, func(l *Log) {
			l.Packet(at(0), port.PacketEvent{Level: wire.LevelApp, Payload: payload, Size: len(payload)})
			l.Dropped(at(0), len(payload), text)
			l.State(at(0), text)
			l.H3Frame(at(0), true, 4, uint64(len(text)), 0, []port.Field{{Name: text, Value: string(payload)}})
			l.Closed(at(0), &port.Cause{Why: port.Theirs, App: true, Code: uint64(len(payload)), Reason: text})
		})
		if len(all) != 5 {
			t.Fatalf("%d events, want 5", len(all))
		}
	})
}
