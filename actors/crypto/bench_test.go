package crypto

import (
	"crypto/tls"
	"encoding/binary"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

const (
	trainPackets = 44
	packetSize   = 1452
)

// train puts a full batch of 1-RTT packets.
func (e *end) train() {
	e.tx.Reset()
	payload := string(make([]byte, packetSize-1-idLen-4-tagLen))
	for range trainPackets {
		e.put(wire.LevelApp, payload)
	}
}

// bare is what sealing and opening costs without QUIC.
func bare(b *testing.B, open bool) {
	key := aes128.newPacketKey(make([]byte, 32))
	buf := make([]byte, trainPackets*packetSize)
	b.SetBytes(int64(len(buf)))
	const head = 1 + idLen + 4
	b.ReportAllocs()
	for b.Loop() {
		for i := range trainPackets {
			pkt := buf[i*packetSize : (i+1)*packetSize]
			binary.BigEndian.PutUint64(key.nonce[4:], uint64(i))
			key.aead.Seal(pkt[head:head], key.nonce[:], pkt[head:packetSize-tagLen], pkt[:head])
		}
		for i := 0; open && i < trainPackets; i++ {
			pkt := buf[i*packetSize : (i+1)*packetSize]
			binary.BigEndian.PutUint64(key.nonce[4:], uint64(i))
			if _, err := key.aead.Open(pkt[head:head], key.nonce[:], pkt[head:], pkt[:head]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBareSeal(b *testing.B)        { bare(b, false) }
func BenchmarkBareSealAndOpen(b *testing.B) { bare(b, true) }

func BenchmarkSealBatch(b *testing.B) { benchmarkBatch(b, "AES-128-GCM", false) }

// BenchmarkSealAndOpenBatch: an opened packet is in plaintext again, so that the same memory can be sealed once more.
func BenchmarkSealAndOpenBatch(b *testing.B)       { benchmarkBatch(b, "AES-128-GCM", true) }
func BenchmarkSealAndOpenBatchChaCha(b *testing.B) { benchmarkBatch(b, "ChaCha20-Poly1305", true) }

func benchmarkBatch(b *testing.B, suite string, open bool) {
	client, server := established(b, allSuites[suite])
	client.train()
	rx := port.NewRxBatch(client.tx.B, nil)
	rx.SegmentSize = packetSize
	b.SetBytes(int64(len(client.tx.B)))
	b.ReportAllocs()
	for b.Loop() {
		client.levels[wire.LevelApp].sealed = 0
		client.sealBatch(&client.tx)
		if open {
			server.openBatch(arrival, rx)
			if len(rx.Packets) != trainPackets || rx.Packets[trainPackets-1].Kind != port.RxOpened {
				b.Fatalf("batch lists %d packets", len(rx.Packets))
			}
		} else {
			client.tx.B[0] = 0x43
		}
	}
}

// A key update and its answer: both sides, and the two packets.
func BenchmarkKeyUpdate(b *testing.B) {
	begin, answer := established(b, tls.TLS_AES_128_GCM_SHA256)
	b.ReportAllocs()
	for b.Loop() {
		begin.update()
		answer.get(0, begin.one(wire.LevelApp, "a packet of the new phase"))
		begin.get(0, answer.one(wire.LevelApp, "and its answer"))
		answer.get(0, begin.one(wire.LevelApp, "an acknowledgement"))
		begin, answer = answer, begin
	}
}

// A whole handshake: both sides, their certificates included.
func BenchmarkHandshake(b *testing.B) {
	c, s := clientTLS(), serverTLS()
	b.ReportAllocs()
	for b.Loop() {
		client, server := newPeer(b, wire.Client, c), newPeer(b, wire.Server, s)
		pump(client, server, 1<<20)
		if client.event(port.HandshakeComplete, 0) == nil || server.event(port.HandshakeComplete, 0) == nil {
			b.Fatal(client.cause, server.cause)
		}
	}
}

// Keys of one level and direction, from TLS's secret.
func BenchmarkInstallKeys(b *testing.B) {
	client, _ := ends(b)
	m := &port.InstallKeys{Level: wire.LevelHandshake, Write: true, Suite: tls.TLS_AES_128_GCM_SHA256, Secret: make([]byte, 32)}
	b.ReportAllocs()
	for b.Loop() {
		client.tell(m)
	}
}

// What anybody's first datagram costs a server before it knows whether it is one.
func BenchmarkOpenInitial(b *testing.B) {
	client, _ := ends(b)
	client.tell(&port.InitialKeys{Version: wire.Version1, Dest: client.peerID()})
	datagram := client.one(wire.LevelInitial, pad("hello"))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := OpenInitial(datagram); !ok {
			b.Fatal("refused")
		}
	}
}

func TestNoAllocationPerBatch(t *testing.T) {
	for name, suite := range allSuites {
		client, server := established(t, suite)
		client.cfg.Trace, server.cfg.Trace = nil, nil
		client.train()
		rx := port.NewRxBatch(client.tx.B, nil)
		rx.SegmentSize = packetSize
		if n := testing.AllocsPerRun(20, func() {
			client.tell(&client.tx)
			client.writer.take()
			rx.Reuse(client.tx.B)
			rx.SegmentSize = packetSize
			server.tell(rx)
			server.conn.take()
		}); n != 0 {
			t.Errorf("%s: %v allocations for a batch of 1-RTT packets", name, n)
		}
		if len(rx.Packets) != trainPackets || rx.Packets[7].Kind != port.RxOpened {
			t.Fatalf("%s: batch lists %+v", name, rx.Packets)
		}

		client.tx.Reset()
		client.put(wire.LevelInitial, pad("initial"))
		client.put(wire.LevelHandshake, "handshake")
		if n := testing.AllocsPerRun(20, func() {
			client.tell(&client.tx)
			client.writer.take()
			rx.Reuse(client.tx.B)
			server.tell(rx)
			server.conn.take()
		}); n != 0 {
			t.Errorf("%s: %v allocations for long headers", name, n)
		}
		if len(rx.Packets) != 2 || rx.Packets[1].Kind != port.RxOpened {
			t.Fatalf("%s: batch lists %+v", name, rx.Packets)
		}
	}
}

// What the keys of a level, both ways, cost at birth.
func BenchmarkInitialKeys(b *testing.B) {
	dest, _ := wire.MakeConnectionID([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	b.ReportAllocs()
	for b.Loop() {
		client, server := initialSecrets(dest)
		var k levelKeys
		k.setRead(aes128, client)
		k.setWrite(aes128, server)
	}
}
