package crypto

import (
	"crypto/tls"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func wantCheck(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("Check says %v, want %q", err, want)
	}
}

func TestCheckOfProtect(t *testing.T) {
	app := func(harm func(k *levelKeys)) func(p *Protect) {
		return func(p *Protect) { harm(&p.levels[wire.LevelApp]) }
	}
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(p *Protect)
	}{
		{"", func(*Protect) {}},
		{"half of the keys of 1-RTT", app(func(k *levelKeys) { k.readHeader = nil })},
		{"half of the keys of 1-RTT", app(func(k *levelKeys) { k.write = nil })},
		{"half of the keys of 1-RTT", app(func(k *levelKeys) { k.suite = nil })},
		{"keys of Handshake, which are gone", func(p *Protect) { p.levels[wire.LevelHandshake].gone = true }},
		{"keys of 0-RTT", func(p *Protect) { p.levels[wire.LevelEarly] = p.levels[wire.LevelApp] }},
		{"Initial keys of one direction", func(p *Protect) {
			k := &p.levels[wire.LevelInitial]
			k.write, k.writeHeader, k.sealed = nil, nil, 0
		}},
		{"the 1-RTT keys are gone", app(func(k *levelKeys) { *k = levelKeys{gone: true} })},
		{"8388609 packets sealed with one key of 1-RTT, at most 8388608", app(func(k *levelKeys) { k.sealed = gcmSealLimit + 1 })},
		{"1 packets sealed at Handshake without a key", func(p *Protect) {
			k := &p.levels[wire.LevelHandshake]
			k.write, k.writeHeader, k.sealed = nil, nil, 1
		}},
		{"1-RTT keys: read true, write true; secrets: false, true", func(p *Protect) { p.phases.readSecret = nil }},
		{"1-RTT keys: read true, write true; secrets: true, false", func(p *Protect) { p.phases.writeSecret = nil }},
		{"1-RTT read keys: true, of the next phase: false", func(p *Protect) { p.largest[wire.SpaceApp] = youth }},
		{"packets are sealed in phase 2, and were opened in 0", func(p *Protect) { p.phases.write = 2; p.phases.prepare() }},
		{"packets are sealed in phase 0, and were opened in 1", func(p *Protect) { p.phases.read = 1; p.phases.prepare() }},
		{"1-RTT read keys: true, of the next phase: false", func(p *Protect) { p.phases.write = 1 }},
		{"two phases share a read key", func(p *Protect) {
			p.phases.previous = p.levels[wire.LevelApp].read
			p.phases.write, p.phases.read = 2, 2
			p.phases.prepare()
		}},
		{"two phases share a read key", func(p *Protect) { p.phases.next = p.levels[wire.LevelApp].read }},
		{"packets 1 to 0 in this phase", func(p *Protect) { p.phases.low = 1 }},
		{"up to 5 in those before", func(p *Protect) { p.phases.older = 5 }},
		{"the largest opened is -1", func(p *Protect) { p.largest[wire.SpaceApp] = -1 }},
		{"5 packets wait for their keys, at most 4", func(p *Protect) { p.early = make([]earlyPacket, 5) }},
		{"a packet of 1501 bytes waits", func(p *Protect) { p.early = []earlyPacket{{b: make([]byte, 1501)}} }},
		{"a packet waits for the keys of 1-RTT; installed: true", func(p *Protect) { p.early = []earlyPacket{{level: wire.LevelApp, b: []byte{1}}} }},
	} {
		client, server := established(t, tls.TLS_AES_128_GCM_SHA256)
		server.get(0, client.one(wire.LevelApp, "hello"))
		c.harm(server.Protect)
		wantCheck(t, server.Check(), c.want)
	}
}

func TestCheckOfHandshake(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(h *handshake)
	}{
		{"", func(*handshake) {}},
		{"TLS is kept; started: false", func(h *handshake) { h.started = false }},
		{"TLS is kept", func(h *handshake) { h.receives = wire.LevelApp }},
		{"TLS is gone, without a fault, and reads at Initial", func(h *handshake) { h.close() }},
		{"bytes of a message at Handshake, at most", func(h *handshake) { h.unread[wire.LevelHandshake].b = make([]byte, 1<<20) }},
		{"3 bytes at Initial are not consumed, TLS reads at Handshake", func(h *handshake) {
			h.unread[wire.LevelInitial].b = make([]byte, 3)
			h.receives = wire.LevelHandshake
		}},
	} {
		p := newPeer(t, wire.Client, clientTLS())
		p.start()
		c.harm(&p.tls)
		wantCheck(t, p.Check(), c.want)
	}
}

func BenchmarkCheck(b *testing.B) {
	client, _ := established(b, tls.TLS_AES_128_GCM_SHA256)
	client.tell(&port.DropKeys{Level: wire.LevelInitial})
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
