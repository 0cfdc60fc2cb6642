package crypto

import (
	"bytes"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// FuzzOpenBatch feeds arbitrary datagrams to both roles, with all keys and with Initial keys only: whatever they hold, the
// batch goes on to conn once, its packets lie within it, and nothing is opened that was not sealed.
func FuzzOpenBatch(f *testing.F) {
	client, server := established(f, allSuites["AES-128-GCM"])
	f.Add(client.one(wire.LevelInitial, pad("initial")), uint16(0))
	f.Add(bytes.Join([][]byte{client.one(wire.LevelApp, "same size"), client.one(wire.LevelApp, "same size")}, nil), uint16(38))
	f.Add(append(server.one(wire.LevelHandshake, "handshake"), server.one(wire.LevelApp, "app data")...), uint16(0))
	f.Add(unhex(vectors.ClientInitial.Packet), uint16(1200))
	f.Add(unhex(vectors.Retry.Packet), uint16(0))
	f.Add(wire.AppendVersionNegotiation(nil, 0, clientID.Bytes(), serverID.Bytes(), 1, 0x1a2a3a4a), uint16(0))
	f.Add([]byte("\xc0\x00\x00\x00\x01\x00\x00\x00\x40\x00"), uint16(3))
	f.Add([]byte{0x40}, uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, segment uint16) {
		for _, role := range []wire.Role{wire.Client, wire.Server} {
			full, waiting := newEnd(t, role), newEnd(t, role)
			for _, e := range []*end{full, waiting} {
				e.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})
			}
			full.install(wire.LevelHandshake, allSuites["AES-128-GCM"])
			full.install(wire.LevelApp, allSuites["AES-128-GCM"])
			for _, e := range []*end{full, waiting} {
				got := e.get(int(segment), b)
				datagrams := int32(1)
				if segment > 0 {
					datagrams = int32((len(b) + int(segment) - 1) / int(segment))
				}
				for _, p := range got.Packets {
					if p.Datagram < 0 || p.Datagram >= datagrams || len(p.Payload) > len(b) {
						t.Fatalf("packet %+v of %d datagrams, %d bytes", p, datagrams, len(b))
					}
					if p.Kind == port.RxOpened && p.Number < 0 {
						t.Fatalf("packet number %d", p.Number)
					}
				}
				if len(e.early) > e.cfg.Limits.EarlyPackets {
					t.Fatalf("%d packets wait", len(e.early))
				}
			}
			waiting.installRead(wire.LevelHandshake, allSuites["AES-128-GCM"])
			for _, m := range waiting.conn.take() {
				if !m.(*port.RxBatch).Replay {
					t.Fatal("conn got something else than a replay")
				}
			}
		}
		OpenInitial(b)
	})
}

// FuzzHandshake feeds arbitrary CRYPTO bytes to a server: every order is answered, and after an error nothing happens.
func FuzzHandshake(f *testing.F) {
	s := serverTLS()
	client := newPeer(f, wire.Client, clientTLS())
	client.start()
	hello := client.out[wire.LevelInitial]
	f.Add(hello, []byte{}, []byte{})
	f.Add(hello, []byte{20, 0, 0, 0}, []byte{24, 0, 0, 1, 0})
	f.Add(hello[:100], hello[100:], []byte{4})
	f.Add([]byte{1, 0, 0, 0}, []byte{11, 255, 255, 255}, []byte{})
	f.Fuzz(func(t *testing.T, initial, handshake, app []byte) {
		server := newPeer(t, wire.Server, s)
		server.start()
		for _, o := range []*port.Order{order(wire.LevelInitial, initial...), order(wire.LevelHandshake, handshake...), order(wire.LevelApp, app...)} {
			before := server.fault
			a := server.order(o)
			if before != nil && (a.Err != before || len(a.Events) > 0) {
				t.Fatalf("after %v came %+v", before, a)
			}
		}
		if server.event(port.HandshakeComplete, 0) != nil {
			t.Fatal("a handshake without a client completed")
		}
	})
}
