package crypto

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// update moves the sending keys of e as an endpoint that begins a key update does (RFC 9001 s6.1), and its reading keys
// too, so that the answer is understood.
func (e *end) update() {
	f, k := &e.phases, &e.levels[wire.LevelApp]
	f.prepare()
	f.writeSecret = f.suite.nextSecret(f.writeSecret)
	k.write, k.sealed = f.suite.newPacketKey(f.writeSecret), 0
	f.bit ^= wire.KeyPhaseBit
	f.previous, k.read, f.next = k.read, f.next, nil
	f.low = wire.MaxPacketNumber
	f.updates++
	f.prepare()
}

func TestAPeersKeyUpdateIsAnswered(t *testing.T) {
	for name, suite := range allSuites {
		client, server := established(t, suite)
		server.get(0, client.one(wire.LevelApp, "phase 0"))
		client.get(0, server.one(wire.LevelApp, "phase 0"))
		for n := wire.PacketNumber(1); n < 6; n++ {
			client.update()
			b := server.get(0, client.one(wire.LevelApp, "new phase"))
			want(t, b, opened(wire.LevelApp, 0, n, "new phase"))
			if !b.PhaseChanged {
				t.Errorf("%s: update %d was not reported", name, n)
			}
			// The answer is under the new keys, and so is what follows.
			b = client.get(0, server.one(wire.LevelApp, "answer"))
			want(t, b, opened(wire.LevelApp, 0, n, "answer"))
			if server.phases.bit != client.phases.bit || b.Fault != nil {
				t.Errorf("%s: the answer has another phase; fault %v", name, b.Fault)
			}
		}
	}
}

func TestPacketsReorderedAroundAKeyUpdateAreOpenedUntilThePreviousKeysGo(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	client.get(0, server.one(wire.LevelApp, "ack"))
	var packets [][]byte
	for range 6 {
		packets = append(packets, client.one(wire.LevelApp, "frames"))
	}
	client.update()
	for range 6 {
		packets = append(packets, client.one(wire.LevelApp, "frames"))
	}
	for seed := range uint64(50) {
		_, server := established(t, allSuites["AES-128-GCM"])
		changes := 0
		for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(len(packets)) {
			b := server.get(0, packets[i])
			want(t, b, opened(wire.LevelApp, 0, wire.PacketNumber(i), "frames"))
			if b.PhaseChanged {
				changes++
			}
		}
		if changes != 1 || server.fault != nil {
			t.Fatalf("seed %d: %d phase changes, fault %v", seed, changes, server.fault)
		}
	}

	late, onTime := packets[0], packets[1]
	server.get(0, packets[6])
	want(t, server.get(0, onTime), opened(wire.LevelApp, 0, 1, "frames"))
	server.tell(&port.DropPrevious{})
	want(t, server.get(0, late), port.RxPacket{Kind: port.RxUnopened})
	want(t, server.get(0, packets[7]), opened(wire.LevelApp, 0, 7, "frames"))
}

func TestAForgedKeyPhaseBitChangesNothing(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	server.get(0, client.one(wire.LevelApp, "phase 0"))
	forged := client.one(wire.LevelApp, "forged")
	forged[0] ^= wire.KeyPhaseBit // whatever the mask, the bit it hides is turned
	b := server.get(0, forged)
	want(t, b, port.RxPacket{Kind: port.RxUnopened})
	if b.PhaseChanged || server.phases.updates != 0 || server.phases.next == nil {
		t.Error("a forged packet moved the keys")
	}
	want(t, server.get(0, client.one(wire.LevelApp, "goes on")), opened(wire.LevelApp, 0, 2, "goes on"))
}

func TestUpdatesOneAfterTheOtherBeforeThePreviousKeysAreDropped(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	zero := client.one(wire.LevelApp, "phase 0")
	client.update()
	one := client.one(wire.LevelApp, "phase 1")
	server.get(0, one)
	server.one(wire.LevelApp, "ack of phase 1")
	client.update()
	b := server.get(0, client.one(wire.LevelApp, "phase 2"))
	want(t, b, opened(wire.LevelApp, 0, 2, "phase 2"))
	if !b.PhaseChanged || b.Fault != nil {
		t.Errorf("changed %v, fault %v", b.PhaseChanged, b.Fault)
	}
	// The keys of phase 0 are gone, those of phase 1 are the previous ones.
	want(t, server.get(0, zero), port.RxPacket{Kind: port.RxUnopened})
	b = server.get(0, one)
	want(t, b, port.RxPacket{Kind: port.RxOpened, Level: wire.LevelApp, Number: 1})
}

func TestASecondUpdateBeforeAnyAcknowledgementIsAFault(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	server.one(wire.LevelApp, "something in phase 0")
	client.update()
	server.get(0, client.one(wire.LevelApp, "phase 1"))
	client.update()
	// In one batch with the first update it would be the same: the server sent nothing in between.
	wantFault(t, server.get(0, client.one(wire.LevelApp, "phase 2")), wire.KeyUpdateError)
}

func TestAnUpdateBeforeWeCanSendIsAFault(t *testing.T) {
	client, _ := established(t, allSuites["AES-128-GCM"])
	server := newEnd(t, wire.Server)
	server.installRead(wire.LevelApp, allSuites["AES-128-GCM"])
	client.update()
	wantFault(t, server.get(0, client.one(wire.LevelApp, "too early")), wire.KeyUpdateError)
}

// sealWith seals a 1-RTT packet with any key and phase bit, as only a peer that breaks the rules does.
func (e *end) sealWith(secret []byte, bit byte, number wire.PacketNumber) []byte {
	s := e.phases.suite
	e.putNumber(wire.LevelApp, "frames", number, 4)
	pkt := bytes.Clone(e.tx.B)
	q := e.tx.Packets[0]
	e.tx.Reset()
	pkt[0] |= bit
	protect(s.newPacketKey(secret), e.levels[wire.LevelApp].writeHeader, pkt, q.NumberOff, 4, number)
	return pkt
}

func TestOlderKeysForALaterPacketAreAFault(t *testing.T) {
	suite := allSuites["AES-128-GCM"]
	zero := secretOf(suite, wire.Client, wire.LevelApp)
	one := aes128.nextSecret(zero)
	two := aes128.nextSecret(one)
	const bit = wire.KeyPhaseBit
	type packet struct {
		secret []byte
		bit    byte
		number wire.PacketNumber
	}
	for _, c := range []struct {
		name    string
		drop    bool // the previous keys before the last packet
		packets []packet
	}{
		{"previous keys between packets of the current phase", false, []packet{{zero, 0, 0}, {one, bit, 5}, {one, bit, 9}, {zero, 0, 7}}},
		{"current keys below a packet of the previous phase", false, []packet{{zero, 0, 5}, {one, bit, 9}, {one, bit, 3}}},
		{"current keys below a late packet of the previous phase", false, []packet{{one, bit, 9}, {zero, 0, 5}, {one, bit, 3}}},
		{"next keys below a packet of the current phase", false, []packet{{zero, 0, 5}, {one, bit, 3}}},
		{"next keys between packets of the current phase", true, []packet{{one, bit, 5}, {one, bit, 9}, {two, 0, 7}}},
	} {
		client, server := established(t, suite)
		for i, p := range c.packets {
			if i == len(c.packets)-1 && c.drop {
				server.one(wire.LevelApp, "ack")
				server.tell(&port.DropPrevious{})
			}
			b := server.get(0, client.sealWith(p.secret, p.bit, p.number))
			if i < len(c.packets)-1 {
				want(t, b, opened(wire.LevelApp, 0, p.number, "frames"))
				continue
			}
			want(t, b)
			if b.Fault == nil || b.Fault.Code != wire.KeyUpdateError {
				t.Errorf("%s: fault %v, want KEY_UPDATE_ERROR", c.name, b.Fault)
			}
		}
	}
}

func TestTheNextKeysAreReadyOutsideThePackets(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for n := range wire.PacketNumber(youth + 1) {
		if server.phases.next != nil {
			t.Fatalf("a next key before packet %d", n)
		}
		server.get(0, client.one(wire.LevelApp, "phase 0"))
	}
	if server.phases.next == nil {
		t.Fatalf("no next key after packet %d", youth)
	}
	client.update()
	b := port.NewRxBatch(client.one(wire.LevelApp, "phase 1"), nil)
	server.Handle(arrival, b)
	if server.phases.next != nil {
		t.Error("the key after next was derived beside the packet")
	}
	server.Flush(arrival)
	if server.phases.next == nil {
		t.Error("no next key after the flush")
	}
}
