package crypto

import (
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// Keys at rest have no ciphers; the first packet in either direction brings them back, of whichever phase.
func TestKeysAtRestOpenAndSealAsBefore(t *testing.T) {
	for name, suite := range allSuites {
		client, server := established(t, suite)
		say := func(from, to *end, why string) {
			t.Helper()
			want(t, to.get(0, from.one(wire.LevelApp, why)), opened(wire.LevelApp, 0, from.next[wire.LevelApp]-1, why))
		}
		talk := func(why string) {
			t.Helper()
			say(client, server, why)
			say(server, client, why)
		}
		rest := func() {
			t.Helper()
			for _, e := range []*end{client, server} {
				e.tell(&port.Rest{})
				if k := &e.levels[wire.LevelApp]; !e.resting || k.read.aead != nil || k.write.aead != nil || k.readHeader.block != nil {
					t.Errorf("%s: at rest the keys have ciphers", name)
				}
				if err := e.Check(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		talk("before")
		rest()
		rest() // twice is once
		talk("behind a rest")
		for range 2 {
			client.update()
			rest()
			talk("behind a rest, in another phase")
			say(client, server, "acknowledged")
			rest()
			server.update() // awakes it: the packet comes next
			if server.resting {
				t.Errorf("%s: at rest, with packets to seal", name)
			}
			say(server, client, "an update behind a rest")
			talk("its answer, and the acknowledgement of that")
		}
		client.wantPhases(4, 4, name)
		server.wantPhases(4, 4, name)
		if server.resting || server.Check() != nil {
			t.Errorf("%s: at rest %v, %v", name, server.resting, server.Check())
		}
	}
}

// A packet of the next phase may come in the same turn as the word that the connection is at rest.
func TestAKeyUpdateInTheTurnOfARest(t *testing.T) {
	for name, suite := range allSuites {
		client, server := established(t, suite)
		client.update()
		b := port.NewRxBatch(client.one(wire.LevelApp, "in another phase"), nil)
		server.Handle(arrival, b)
		server.Handle(arrival, &port.Rest{})
		server.Flush(arrival)
		if err := server.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		server.got()
		want(t, client.get(0, server.one(wire.LevelApp, "awake")), opened(wire.LevelApp, 0, 0, "awake"))
		if err := server.Check(); err != nil || server.phases.next == nil {
			t.Errorf("%s: %v; next phase %v", name, err, server.phases.next)
		}
	}
}
