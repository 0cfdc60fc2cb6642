package crypto

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// update has e begin a key update, as conn does.
func (e *end) update() { e.tell(&port.UpdateKeys{Phase: e.phases.write + 1}) }

// wantPhases checks in which phase e seals and opens.
func (e *end) wantPhases(write, read uint32, when string) {
	e.t.Helper()
	if f := &e.phases; f.write != write || f.read != read || e.fault != nil {
		e.t.Errorf("%s: the %v seals in phase %d and opens in %d, want %d and %d; fault: %v", when, e.role, f.write, f.read, write, read, e.fault)
	}
}

// wantPhase checks of which phase the last packet of a batch is.
func wantPhase(t testing.TB, b *port.RxBatch, phase uint32) {
	t.Helper()
	if got := b.Packets[len(b.Packets)-1].Phase; got != phase || b.Fault != nil {
		t.Errorf("conn hears of phase %d, want %d; fault: %v", got, phase, b.Fault)
	}
}

func TestAKeyUpdateIsAnsweredInTheSamePhase(t *testing.T) {
	for name, suite := range allSuites {
		client, server := established(t, suite)
		server.get(0, client.one(wire.LevelApp, "phase 0"))
		client.get(0, server.one(wire.LevelApp, "phase 0"))
		begin, answer := client, server
		for n := uint32(1); n < 9; n++ {
			header := begin.levels[wire.LevelApp].writeHeader
			begin.update()
			begin.wantPhases(n, n-1, name+", begun")
			// What the peer sealed before it knew is still opened.
			wantPhase(t, begin.get(0, answer.one(wire.LevelApp, "not yet")), n-1)
			b := answer.get(0, begin.one(wire.LevelApp, "new phase"))
			want(t, b, opened(wire.LevelApp, 0, begin.next[wire.LevelApp]-1, "new phase"))
			wantPhase(t, b, n)
			answer.wantPhases(n, n, name+", answered")
			b = begin.get(0, answer.one(wire.LevelApp, "answer"))
			want(t, b, opened(wire.LevelApp, 0, answer.next[wire.LevelApp]-1, "answer"))
			wantPhase(t, b, n)
			begin.wantPhases(n, n, name+", complete")
			if begin.levels[wire.LevelApp].writeHeader != header {
				t.Errorf("%s: the header protection key was updated (RFC 9001 s6.1: it is not)", name)
			}
			if n != 3 { // one side may begin several times, or both by turns
				begin, answer = answer, begin
			}
		}
	}
}

func TestTheNextPhaseIsThatOfTheRFC(t *testing.T) {
	v, suite := vectors.ChaCha, allSuites["ChaCha20-Poly1305"]
	client, server := newEnd(t, wire.Client), newEnd(t, wire.Server)
	client.tell(&port.InstallKeys{Level: wire.LevelApp, Write: true, Suite: suite, Secret: unhex(v.Secret)})
	client.installRead(wire.LevelApp, suite)
	server.tell(&port.InstallKeys{Level: wire.LevelApp, Write: true, Suite: suite, Secret: secretOf(suite, wire.Server, wire.LevelApp)})
	server.tell(&port.InstallKeys{Level: wire.LevelApp, Suite: suite, Secret: unhex(v.Secret)})
	client.update()
	same(t, "secret after an update of ours", client.levels[wire.LevelApp].write.secret, v.NextSecret)
	pkt := client.one(wire.LevelApp, "frames")
	server.get(0, bytes.Clone(pkt))
	same(t, "secret after the peer's update", server.levels[wire.LevelApp].read.secret, v.NextSecret)
	same(t, "header protection key", server.levels[wire.LevelApp].readHeader.key[:], v.HP)
	const numberAt = 1 + idLen
	mask := chacha.newHeaderKey(unhex(v.Secret)).maskFor(pkt[numberAt+sampleGap : numberAt+sampleGap+sampleLen])
	if first := maskFirst(pkt[0], mask); first&wire.KeyPhaseBit == 0 {
		t.Errorf("the first byte of a packet in phase 1 is %#x, without the Key Phase bit", first)
	}
}

// Both begin at the same time, and each takes the other's for an answer.
func TestBothBeginAKeyUpdateAtOnce(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	for n := uint32(1); n < 4; n++ {
		client.update()
		server.update()
		from, to := client.one(wire.LevelApp, "mine"), server.one(wire.LevelApp, "and mine")
		wantPhase(t, server.get(0, from), n)
		wantPhase(t, client.get(0, to), n)
		client.wantPhases(n, n, "both began")
		server.wantPhases(n, n, "both began")
	}
}

// conn's order and the peer's first packet of the same update may cross: it is one update.
func TestAnOrderThatThePeerHasForestalled(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	client.update()
	server.get(0, client.one(wire.LevelApp, "the peer's update"))
	write := server.levels[wire.LevelApp].write
	server.tell(&port.UpdateKeys{Phase: 1})
	server.wantPhases(1, 1, "conn was late")
	if server.levels[wire.LevelApp].write != write {
		t.Error("the write key moved without its phase")
	}
	want(t, client.get(0, server.one(wire.LevelApp, "answer")), opened(wire.LevelApp, 0, 0, "answer"))
}

func TestAnUpdateBeforeTheAnswerToTheLastIsABugOfOurs(t *testing.T) {
	client, _ := established(t, allSuites["AES-128-GCM"])
	client.update()
	defer func() {
		if recover() == nil {
			t.Error("protect has updated the keys twice without an answer")
		}
	}()
	client.update()
}

func TestAKeyUpdateBeginsTheCountToTheConfidentialityLimitAnew(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	k := &client.levels[wire.LevelApp]
	k.sealed = 1<<23 - sealMargin - 1
	client.one(wire.LevelApp, "last")
	client.update()
	want(t, server.get(0, client.one(wire.LevelApp, "goes on")), opened(wire.LevelApp, 0, 1, "goes on"))
	if k.sealed != 1 || client.fault != nil {
		t.Errorf("%d packets sealed with a new key, fault %v", k.sealed, client.fault)
	}
}

func TestKeyUpdatesDoNotMakeSealingAllocate(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	client.update()
	client.train()
	rx := port.NewRxBatch(client.tx.B, nil)
	rx.SegmentSize = packetSize
	turn := func() {
		client.sealBatch(&client.tx)
		server.openBatch(arrival, rx) // in plaintext again
	}
	turn()
	if n := testing.AllocsPerRun(20, turn); n != 0 {
		t.Errorf("%v allocations for %d packets in a later phase", n, trainPackets)
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
		for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(len(packets)) {
			b := server.get(0, packets[i])
			want(t, b, opened(wire.LevelApp, 0, wire.PacketNumber(i), "frames"))
			wantPhase(t, b, uint32(i/6))
		}
		server.wantPhases(1, 1, "all came")
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
	server.wantPhases(0, 0, "forged")
	if server.phases.next == nil {
		t.Error("the key that a forged packet made was not kept")
	}
	want(t, server.get(0, client.one(wire.LevelApp, "goes on")), opened(wire.LevelApp, 0, 2, "goes on"))
}

func TestUpdatesOneAfterTheOtherBeforeThePreviousKeysAreDropped(t *testing.T) {
	client, server := established(t, allSuites["AES-128-GCM"])
	zero := client.one(wire.LevelApp, "phase 0")
	client.update()
	one := client.one(wire.LevelApp, "phase 1")
	server.get(0, one)
	client.get(0, server.one(wire.LevelApp, "ack of phase 1"))
	client.update()
	b := server.get(0, client.one(wire.LevelApp, "phase 2"))
	want(t, b, opened(wire.LevelApp, 0, 2, "phase 2"))
	wantPhase(t, b, 2)
	// The keys of phase 0 are gone, those of phase 1 are the previous ones.
	want(t, server.get(0, zero), port.RxPacket{Kind: port.RxUnopened})
	b = server.get(0, one)
	want(t, b, port.RxPacket{Kind: port.RxOpened, Level: wire.LevelApp, Number: 1})
}

func TestASecondUpdateBeforeAnyAcknowledgementIsAFault(t *testing.T) {
	suite := allSuites["AES-128-GCM"]
	one := aes128.nextSecret(secretOf(suite, wire.Client, wire.LevelApp))
	two := aes128.nextSecret(one)
	for _, ours := range []bool{false, true} { // whoever began the first
		client, server := established(t, suite)
		server.one(wire.LevelApp, "something in phase 0")
		if ours {
			server.update()
			server.one(wire.LevelApp, "something in phase 1")
		}
		server.get(0, client.sealWith(one, wire.KeyPhaseBit, 1))
		// In one batch with the first update it would be the same: the server sent nothing in between.
		wantFault(t, server.get(0, client.sealWith(two, 0, 2)), wire.KeyUpdateError)
	}
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
