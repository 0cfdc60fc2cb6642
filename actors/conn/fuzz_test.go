package conn

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

// Whatever an authenticated peer writes into its packets, conn lives on or closes; and every receive batch goes home.
func FuzzPayload(f *testing.F) {
	var all []byte
	id, _ := wire.MakeConnectionID([]byte("12345678"))
	for _, x := range []wire.Frame{
		{Type: wire.TypePing},
		{Type: wire.TypeResetStream, ResetStream: wire.ResetStream{ID: 4, FinalSize: 9}},
		{Type: wire.TypeStopSending, StopSending: wire.StopSending{ID: 8}},
		{Type: wire.TypeCrypto, Crypto: wire.Crypto{Offset: 3, Data: []byte("abc")}},
		{Type: wire.TypeStream, Stream: wire.Stream{ID: 0, Offset: 5, Data: []byte("hello"), Fin: true}},
		{Type: wire.TypeMaxData, MaxData: wire.MaxData{Max: 1 << 30}},
		{Type: wire.TypeMaxStreamData, MaxStreamData: wire.MaxStreamData{ID: 4, Max: 1 << 20}},
		{Type: wire.TypeMaxStreamsBidi, MaxStreams: wire.MaxStreams{Max: 100}},
		{Type: wire.TypeStreamDataBlocked, StreamDataBlocked: wire.StreamDataBlocked{ID: 4, Limit: 1}},
		{Type: wire.TypeNewConnectionID, NewConnectionID: wire.NewConnectionID{Seq: 3, RetirePriorTo: 1, ID: id}},
		{Type: wire.TypeRetireConnectionID, RetireConnectionID: wire.RetireConnectionID{Seq: 1}},
		{Type: wire.TypePathChallenge},
		{Type: wire.TypeConnectionClose, ConnectionClose: wire.ConnectionClose{Code: 1, Reason: []byte("why")}},
	} {
		b := x.Append(nil)
		f.Add(byte(3), b, b)
		all = append(all, b...)
	}
	ack, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 0, Hi: 3}}, 10, &wire.ECNCounts{ECT0: 1}, 100)
	f.Add(byte(3), all, ack)
	f.Add(byte(0), ack, wire.Crypto{Data: []byte("early")}.Append(nil))
	f.Add(byte(2), []byte{1}, []byte{0, 0})
	f.Fuzz(func(t *testing.T, lv byte, first, second []byte) {
		level := wire.Level(lv & 3)
		var g *rig
		if level == wire.LevelApp {
			g = newRig(0)
		} else {
			// In the middle of a handshake.
			g = newBareRig(0)
			g.home.Send(&port.Answer{Events: []port.HandshakeEvent{
				{Kind: port.HandshakeCrypto, Data: make([]byte, 2000)},
				{Kind: port.HandshakeWriteKeys, Level: wire.LevelHandshake},
				{Kind: port.HandshakeCrypto, Level: wire.LevelHandshake, Data: make([]byte, 2000)},
			}})
		}
		if level == wire.LevelEarly {
			level = wire.LevelHandshake
		}
		home := 0
		for i, payload := range [][]byte{first, second} {
			b := port.NewRxBatch(make([]byte, 1200), func(*port.RxBatch) { home++ })
			b.Path, b.At = g.conn.path.addr, g.now
			b.Packets = []port.RxPacket{{Level: level, Number: wire.PacketNumber(2 * i), Source: g.conn.ids.initial, Payload: payload}}
			g.home.Send(b)
			g.settle()
			g.now = g.now.Add(time.Second)
			g.home.Send(&port.Fired{})
			g.settle()
		}
		if home != 2 {
			t.Fatalf("%d of 2 batches came home", home)
		}
	})
}
