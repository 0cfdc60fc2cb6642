package crypto

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestPacketsOfEveryLevelAndSuiteArriveAsTheyWereSent(t *testing.T) {
	for name, suite := range allSuites {
		t.Run(name, func(t *testing.T) {
			client, server := established(t, suite)
			for _, way := range [][2]*end{{client, server}, {server, client}} {
				for _, level := range []wire.Level{wire.LevelInitial, wire.LevelHandshake, wire.LevelApp} {
					for number := range wire.PacketNumber(3) {
						payload := pad(fmt.Sprint("frames of ", level, number))
						b := way[1].get(0, way[0].one(level, payload))
						want(t, b, opened(level, 0, number, payload))
						if b.Packets[0].Dest != way[1].id() {
							t.Errorf("destination is %v", b.Packets[0].Dest)
						}
						if level != wire.LevelApp && b.Packets[0].Source != way[0].id() {
							t.Errorf("source is %v", b.Packets[0].Source)
						}
					}
				}
			}
		})
	}
}

func TestShortestPacketsAndEveryNumberLength(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	number := wire.PacketNumber(100)
	server.largest[wire.SpaceApp] = number - 1
	for n := 1; n <= 4; n++ {
		// RFC 9001 s5.4.2: number and payload are at least 4 bytes.
		payload := string(make([]byte, 4-min(n, 3)))
		client.putNumber(wire.LevelApp, payload, number, n)
		want(t, server.get(0, client.seal()), opened(wire.LevelApp, 0, number, payload))
		number++
	}
}

func TestNumbersAreDecodedAgainstTheLargestOpened(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for _, c := range []struct {
		number wire.PacketNumber
		length int
	}{{0x7f00, 2}, {0x7f80, 1}, {0x7f01, 2}, {0x8000, 1}, {0x7fff, 1}, {0x90000, 3}} {
		client.putNumber(wire.LevelApp, "ping", c.number, c.length)
		want(t, server.get(0, client.seal()), opened(wire.LevelApp, 0, c.number, "ping"))
	}
}

func TestATrainOfDatagramsWithAShorterLastOne(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for i := range 3 {
		client.put(wire.LevelApp, fmt.Sprint("full ", i))
	}
	size := len(client.tx.B) / 3
	client.put(wire.LevelApp, "tail")
	b := server.get(size, client.seal())
	want(t, b, opened(wire.LevelApp, 0, 0, "full 0"), opened(wire.LevelApp, 1, 1, "full 1"), opened(wire.LevelApp, 2, 2, "full 2"), opened(wire.LevelApp, 3, 3, "tail"))
}

func TestCoalescedPacketsOfAllLevels(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	client.put(wire.LevelInitial, pad("initial"))
	client.put(wire.LevelHandshake, "handshake")
	client.put(wire.LevelApp, "app data")
	sent := slices.Clone(client.tx.Packets)
	b := server.get(0, client.seal())
	want(t, b, opened(wire.LevelInitial, 0, 0, pad("initial")), opened(wire.LevelHandshake, 0, 0, "handshake"), opened(wire.LevelApp, 0, 0, "app data"))
	for i, p := range b.Packets {
		if p.Size != sent[i].Len {
			t.Errorf("packet %d: %d bytes sent, %d received", i, sent[i].Len, p.Size)
		}
	}
}

func TestACoalescedPacketThatFailsDoesNotSpoilTheOthers(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	client.put(wire.LevelInitial, pad("initial"))
	end := len(client.tx.B)
	client.put(wire.LevelHandshake, "handshake")
	datagram := client.seal()
	datagram[end-1] ^= 1
	want(t, server.get(0, datagram), port.RxPacket{Kind: port.RxUnopened}, opened(wire.LevelHandshake, 0, 0, "handshake"))
	if server.forged != 1 {
		t.Errorf("%d packets counted as forged, want 1", server.forged)
	}
}

func TestCoalescedPacketsForAnotherConnectionIDAreDropped(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	first := client.one(wire.LevelHandshake, "handshake")
	stray := client.one(wire.LevelHandshake, "stray packet")
	stray[6] ^= 0xff // first byte of the destination ID
	short := client.one(wire.LevelApp, "stray data")
	short[1] ^= 0xff
	last := client.one(wire.LevelHandshake, "last")
	want(t, server.get(0, first, stray, last, short), opened(wire.LevelHandshake, 0, 0, "handshake"), opened(wire.LevelHandshake, 0, 2, "last"))
	if server.forged != 0 {
		t.Errorf("a stray packet was tried")
	}
}

func TestInitialsInSmallDatagramsAreDroppedByServersOnly(t *testing.T) {
	client, server := ends(t)
	want(t, server.get(0, client.one(wire.LevelInitial, "small")))
	want(t, client.get(0, server.one(wire.LevelInitial, "small")), opened(wire.LevelInitial, 0, 0, "small"))

	// What counts is the datagram, coalesced packets included.
	client.put(wire.LevelInitial, "small")
	client.put(wire.LevelHandshake, pad("later"))
	client.levels[wire.LevelHandshake].setWrite(aes128, make([]byte, 32))
	want(t, server.get(0, client.seal()), opened(wire.LevelInitial, 0, 1, "small"), port.RxPacket{Kind: port.RxLate, Level: wire.LevelHandshake})
}

func TestWhatFollowsTheLastPacketIsReportedAndHarmless(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for _, tail := range []string{"\x00\x00\x00", "\xc0\x00\x00\x00\x01", "\xe0\x00\x00\x00\x01\x08\x5e\x5e\x5e\x5e\x5e\x5e\x5e\x5e\x00\x44\x00", "\x40"} {
		b := server.get(0, client.one(wire.LevelHandshake, "frames"), []byte(tail))
		want(t, b, opened(wire.LevelHandshake, 0, client.next[wire.LevelHandshake]-1, "frames"), port.RxPacket{Kind: port.RxUnopened, Payload: []byte(tail)})
	}
	unknown := "\xc0\x00\x00\x00\x02\x00\x00"
	want(t, server.get(0, client.one(wire.LevelHandshake, "frames"), []byte(unknown)), opened(wire.LevelHandshake, 0, 4, "frames"))
}

func TestEveryTruncationAndEveryFlippedByteIsRefused(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for _, level := range []wire.Level{wire.LevelHandshake, wire.LevelApp} {
		packet := client.one(level, "some frames")
		for i := range packet {
			b := server.get(0, packet[:i])
			if i > 0 && (len(b.Packets) != 1 || b.Packets[0].Kind != port.RxUnopened) {
				t.Errorf("%v truncated to %d: %+v", level, i, b.Packets)
			}
			flipped := bytes.Clone(packet)
			flipped[i] ^= 0x10
			b = server.get(0, flipped)
			if slices.ContainsFunc(b.Packets, func(p port.RxPacket) bool { return p.Kind == port.RxOpened }) || b.Fault != nil {
				t.Errorf("%v with byte %d flipped: %+v, fault %v", level, i, b.Packets, b.Fault)
			}
		}
		want(t, server.get(0, packet), opened(level, 0, 0, "some frames"))
	}
}

func TestTheEndOfAnUnopenedDatagramIsLeftForTheResetCheck(t *testing.T) {
	_, server := established(t, allSuites["AES-128-GCM"])
	token := "sixteen bytes ok"
	for n := 5; n < 60; n++ {
		reset := append(append([]byte{0x40}, bytes.Repeat([]byte{0x77}, n-1)...), token...)
		b := server.get(0, reset)
		want(t, b, port.RxPacket{Kind: port.RxUnopened})
		if !bytes.HasSuffix(b.Packets[0].Payload, []byte(token)) {
			t.Errorf("a reset of %d bytes lost its token", len(reset))
		}
	}
}

func TestReservedBitsAreAFaultOnlyWhenAuthenticated(t *testing.T) {
	for _, c := range []struct {
		level wire.Level
		bits  byte
	}{{wire.LevelInitial, 0x04}, {wire.LevelHandshake, 0x08}, {wire.LevelApp, 0x08}, {wire.LevelApp, 0x10}} {
		client, server := established(t, allSuites["AES-128-GCM"])
		client.put(c.level, pad("frames"))
		client.tx.B[0] |= c.bits
		packet := client.seal()
		forged := bytes.Clone(packet)
		forged[len(forged)-1] ^= 1
		if b := server.get(0, forged); b.Fault != nil {
			t.Errorf("%v: a forged packet closed the connection", c.level)
		}
		b := server.get(0, packet)
		want(t, b)
		wantFault(t, b, wire.ProtocolViolation)
		b = server.get(0, client.one(c.level, pad("after")))
		want(t, b) // nothing is opened after a fault
		wantFault(t, b, wire.ProtocolViolation)
	}
}

func TestPacketsBeforeTheirKeysAreReplayed(t *testing.T) {
	_, server := established(t, allSuites["AES-128-GCM"])
	early := newEnd(t, wire.Client)
	early.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})

	server.put(wire.LevelInitial, "hello")
	server.put(wire.LevelHandshake, "certificate")
	b := early.get(0, server.seal())
	want(t, b, opened(wire.LevelInitial, 0, 0, "hello"), port.RxPacket{Kind: port.RxLate, Level: wire.LevelHandshake})
	two, three := server.one(wire.LevelHandshake, "finished!!"), server.one(wire.LevelApp, "data before keys")
	late := port.NewRxBatch(slices.Concat(two, three), nil)
	late.SegmentSize, late.At, late.ECN = len(two), 99, 2
	early.tell(late)
	want(t, early.got(), port.RxPacket{Kind: port.RxLate, Level: wire.LevelHandshake}, port.RxPacket{Kind: port.RxLate, Level: wire.LevelApp, Datagram: 1})

	early.installRead(wire.LevelHandshake, allSuites["AES-128-GCM"])
	b = early.got()
	want(t, b, opened(wire.LevelHandshake, 0, 0, "certificate"), opened(wire.LevelHandshake, 1, 1, "finished!!"))
	if !b.Replay || b.At != 99 || b.ECN != 2 {
		t.Errorf("replay %v, at %d, ECN %d: want those of the newest packet", b.Replay, b.At, b.ECN)
	}
	early.installRead(wire.LevelApp, allSuites["AES-128-GCM"])
	want(t, early.got(), opened(wire.LevelApp, 0, 0, "data before keys"))
	if len(early.early) != 0 {
		t.Error("packets are kept after their replay")
	}
}

func TestAStrangersEarlyPacketDoesNotTakeTheOthersWithIt(t *testing.T) {
	client, _ := ends(t)
	server := newEnd(t, wire.Server)
	here := port.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1")}
	for i, remote := range []string{"192.0.2.1:1", "198.51.100.9:9", "192.0.2.1:1"} {
		b := port.NewRxBatch(client.one(wire.LevelInitial, pad(fmt.Sprint("hello ", i))), nil)
		b.SegmentSize, b.At, b.Path.Remote = len(b.B), 1, netip.MustParseAddrPort(remote)
		server.tell(b)
		server.got()
	}
	server.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})
	b := server.got()
	want(t, b, opened(wire.LevelInitial, 0, 0, pad("hello 0")), opened(wire.LevelInitial, 1, 2, pad("hello 2")))
	if b.Path != here {
		t.Errorf("replayed on path %v, want %v", b.Path, here)
	}
}

func TestAServersFirstBatchMayOvertakeTheInitialKeys(t *testing.T) {
	client, _ := ends(t)
	server := newEnd(t, wire.Server)
	want(t, server.get(0, client.one(wire.LevelInitial, pad("hello"))), port.RxPacket{Kind: port.RxLate})
	server.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})
	want(t, server.got(), opened(wire.LevelInitial, 0, 0, pad("hello")))
}

func TestAServerIsBornWithTheKeysOfTheFirstInitial(t *testing.T) {
	client, _ := ends(t)
	datagrams := [][]byte{client.one(wire.LevelInitial, pad("hello")), client.one(wire.LevelInitial, pad("again"))}
	first, ok := OpenInitial(unhex(vectors.ClientInitial.Packet)) // to firstDest
	if !ok {
		t.Fatal("the first Initial is not opened")
	}
	server := bornWith(t, wire.Server, first.Keys)
	want(t, server.get(0, datagrams[0]), opened(wire.LevelInitial, 0, 0, pad("hello")))
	server.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})
	want(t, server.get(0, datagrams[1]), opened(wire.LevelInitial, 0, 1, pad("again")))
	want(t, client.get(0, server.one(wire.LevelInitial, pad("answer"))), opened(wire.LevelInitial, 0, 0, pad("answer")))
	if !slices.Equal(server.events, []string{"Initial installed"}) {
		t.Errorf("trace is %q", server.events)
	}
}

func TestFewPacketsMayWaitForTheirKeys(t *testing.T) {
	client, _ := established(t, allSuites["AES-128-GCM"])
	_, server := ends(t)
	server.get(0, client.one(wire.LevelHandshake, string(make([]byte, 1500)))) // too long to keep
	for range 10 {
		want(t, server.get(0, client.one(wire.LevelHandshake, "handshake")), port.RxPacket{Kind: port.RxLate, Level: wire.LevelHandshake})
	}
	server.installRead(wire.LevelHandshake, allSuites["AES-128-GCM"])
	b := server.got()
	if len(b.Packets) != server.cfg.Limits.EarlyPackets || b.Packets[0].Number != 1 {
		t.Errorf("%d packets replayed from number %d, want %d from 1", len(b.Packets), b.Packets[0].Number, server.cfg.Limits.EarlyPackets)
	}
}

func TestPacketsOfADroppedLevelAreLateAndNotKept(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	server.tell(&port.DropKeys{Level: wire.LevelInitial})
	want(t, server.get(0, client.one(wire.LevelInitial, pad("late"))), port.RxPacket{Kind: port.RxLate})
	zero := client.one(wire.LevelHandshake, "0-RTT, says its type")
	zero[0] = zero[0]&^0x30 | 0x10
	want(t, server.get(0, zero), port.RxPacket{Kind: port.RxLate, Level: wire.LevelEarly})
	if len(server.early) != 0 {
		t.Error("a packet whose keys never come was kept")
	}
	_, waiting := ends(t)
	waiting.get(0, client.one(wire.LevelHandshake, "waits"))
	waiting.tell(&port.DropKeys{Level: wire.LevelHandshake})
	if len(waiting.early) != 0 {
		t.Error("a packet outlived its level")
	}
}

func TestAClientDropsWhatNoServerSends(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	zero := server.one(wire.LevelHandshake, "0-RTT, says its type")
	zero[0] = zero[0]&^0x30 | 0x10
	want(t, client.get(0, zero))

	var lengthAt int
	server.tx.B, lengthAt = wire.AppendLongHeader(nil, wire.PacketInitial, clientID, serverID, []byte("token"), 4)
	server.tx.Packets = append(server.tx.Packets, port.TxPacket{NumberOff: len(server.tx.B), NumberLen: 4})
	server.tx.B = append(server.tx.B, make([]byte, 4+10+tagLen)...)
	server.tx.Packets[0].Len = len(server.tx.B)
	wire.PatchLength(server.tx.B, lengthAt, 4+10+tagLen)
	want(t, client.get(0, server.seal()))
}

func retryFor(original wire.ConnectionID) []byte {
	b := wire.AppendRetryHeader(nil, 0, clientID, serverID, []byte("a token"))
	tag := RetryIntegrityTag(original, b)
	return append(b, tag[:]...)
}

func TestRetryIsTakenOnceAndOnlyByAClient(t *testing.T) {
	client, server := ends(t)
	want(t, server.get(0, retryFor(firstDest)))
	want(t, client.get(0, retryFor(serverID))) // in answer to another Initial
	for i := range retryFor(firstDest) {
		forged := retryFor(firstDest)
		forged[i] ^= 1
		for _, p := range client.get(0, forged).Packets {
			if p.Kind == port.RxRetry {
				t.Errorf("a Retry with byte %d changed was accepted", i)
			}
		}
	}
	want(t, client.get(0, retryFor(firstDest)), port.RxPacket{Kind: port.RxRetry, Payload: []byte("a token")})
	// conn asks for the keys of the new destination; a second Retry answers nothing.
	client.tell(&port.InitialKeys{Version: wire.Version1, Dest: serverID})
	want(t, client.get(0, retryFor(firstDest)))
	want(t, client.get(0, retryFor(serverID)))
	server.tell(&port.InitialKeys{Version: wire.Version1, Dest: serverID})
	want(t, server.get(0, client.one(wire.LevelInitial, pad("again"))), opened(wire.LevelInitial, 0, 0, pad("again")))
}

func TestRetryAfterAnInitialOfTheServerIsDropped(t *testing.T) {
	client, server := ends(t)
	client.get(0, server.one(wire.LevelInitial, "hello"))
	want(t, client.get(0, retryFor(firstDest)))
}

func TestVersionNegotiationIsForClients(t *testing.T) {
	client, server := ends(t)
	vn := wire.AppendVersionNegotiation(nil, 0, clientID.Bytes(), serverID.Bytes(), 0x1a2a3a4a, 0xff00001d)
	b := client.get(0, vn)
	want(t, b, port.RxPacket{Kind: port.RxVersionNegotiation, Payload: vn[len(vn)-8:]})
	if p := b.Packets[0]; p.Source != serverID || p.Dest != clientID {
		t.Errorf("from %v to %v", p.Source, p.Dest)
	}
	want(t, client.get(0, vn[:len(vn)-1]))
	want(t, client.get(0, vn[:len(vn)-8]))
	want(t, server.get(0, vn))
	want(t, client.get(0, server.one(wire.LevelInitial, "hello"), vn), opened(wire.LevelInitial, 0, 0, "hello"))
}

func TestForgedPacketsAreCountedToTheIntegrityLimit(t *testing.T) {
	for name, limit := range map[string]uint64{"AES-128-GCM": 1 << 52, "AES-256-GCM": 1 << 52, "ChaCha20-Poly1305": 1 << 36} {
		client, server := established(t, allSuites[name])
		server.forged = limit - 1
		forge := func() *port.RxBatch {
			forged := client.one(wire.LevelApp, "forged")
			forged[len(forged)-1] ^= 1
			return server.get(0, forged)
		}
		if b := forge(); b.Fault != nil {
			t.Errorf("%s: fault at the limit: %v", name, b.Fault)
		}
		wantFault(t, forge(), wire.AEADLimitReached)
		b := server.get(0, client.one(wire.LevelApp, "good"))
		want(t, b)
		wantFault(t, b, wire.AEADLimitReached)
	}
}

func TestSealedPacketsAreCountedToTheConfidentialityLimit(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	k := &client.levels[wire.LevelApp]
	k.sealed = 1<<23 - sealMargin - 1
	client.get(0, server.one(wire.LevelApp, "ping"))
	client.one(wire.LevelApp, "last")
	if b := client.get(0, server.one(wire.LevelApp, "ping")); b.Fault != nil {
		t.Errorf("fault too early: %v", b.Fault)
	}
	next := client.one(wire.LevelApp, "near")
	wantFault(t, client.get(0, server.one(wire.LevelApp, "ping")), wire.AEADLimitReached)
	want(t, server.get(0, next), opened(wire.LevelApp, 0, 1, "near"))

	k.sealed = 1<<23 - 1
	want(t, server.get(0, client.one(wire.LevelApp, "close")), opened(wire.LevelApp, 0, 2, "close"))
	if b := client.one(wire.LevelApp, "beyond"); !bytes.Equal(b, make([]byte, len(b))) {
		t.Errorf("a packet beyond the limit left as %x", b)
	}

	client, _ = established(t, allSuites["ChaCha20-Poly1305"])
	client.levels[wire.LevelApp].sealed = 1 << 62
	client.one(wire.LevelApp, "no limit")
	if client.fault != nil {
		t.Errorf("ChaCha20-Poly1305 has no confidentiality limit, but: %v", client.fault)
	}
}

func TestStopReleasesWhatStillArrives(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	homes := 0
	b := port.NewRxBatch(client.one(wire.LevelApp, "late"), func(*port.RxBatch) { homes++ })
	server.Handle(arrival, &port.Stop{})
	server.Handle(arrival, b)
	server.Handle(arrival, &port.DropPrevious{})
	server.Flush(arrival)
	if !server.Left() || homes != 1 || len(server.conn.mail) != 0 {
		t.Errorf("left %v, batches home %d, mail %d", server.Left(), homes, len(server.conn.mail))
	}
}

func TestTheTraceTellsKeysAndDrops(t *testing.T) {
	client, server := ends(t)
	server.get(0, client.one(wire.LevelInitial, "small"))
	server.tell(&port.DropKeys{Level: wire.LevelInitial})
	want := []string{"Initial installed", "Initial in a datagram below 1200 bytes", "Initial dropped"}
	if !slices.Equal(server.events, want) {
		t.Errorf("trace is %q, want %q", server.events, want)
	}
}
