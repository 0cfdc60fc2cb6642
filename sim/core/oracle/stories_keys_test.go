package oracle

import (
	"testing"
	"time"

	"quicpro/wire"
)

// chat has both sides send a packet that the other acknowledges, and lets three probe timeouts pass.
func (x *scene) chat() {
	for _, s := range []*Side{x.c, x.s} {
		p := x.tell(s, wire.LevelApp, wire.Ping{})
		x.tell(x.peer(s), wire.LevelApp, acks(p.Number, p.Number))
		bytes, _ := s.inFlight()
		x.metrics(s, bytes, 0)
	}
	x.wait(3 * (20 + 4*5 + 25) * time.Millisecond)
}

// begin has a side begin a key update, and follow has its peer follow.
func (x *scene) begin(s *Side) { s.Keys(x.now, wire.LevelApp, "write keys updated") }
func (x *scene) follow(s *Side) {
	p := x.say(x.peer(s), wire.LevelApp, wire.Padding{Count: 4})
	s.Keys(x.now, wire.LevelApp, "updated by the peer")
	x.hear(s, p)
	p = x.say(s, wire.LevelApp, wire.Padding{Count: 4})
	x.peer(s).Keys(x.now, wire.LevelApp, "read keys updated")
	x.hear(x.peer(s), p)
}

var keyStories = []story{
	{"before the handshake is confirmed", KeyUpdate, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Padding{Count: 10})
			x.c.State(x.now, "connected")
			x.chat()
			x.begin(x.c)
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Padding{Count: 10})
			x.c.State(x.now, "connected")
			x.chat()
			x.c.State(x.now, "confirmed")
			x.begin(x.c)
		}},
	{"of a phase that was not acknowledged", KeyUpdate, opened,
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.wait(time.Second)
			x.begin(x.c)
		},
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.chat()
			x.begin(x.c)
		}},
	{"the peer's phase was not acknowledged either", KeyUpdate, opened,
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.wait(time.Second)
			x.begin(x.s)
		},
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.chat()
			x.begin(x.s)
		}},
	{"within three probe timeouts", KeyUpdate, opened,
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.chat()
			x.now -= 10_000_000
			x.begin(x.s)
		},
		func(x *scene) {
			x.chat()
			x.now -= 10_000_000 // but for the first
			x.begin(x.c)
			x.follow(x.s)
			x.now += 10_000_000
			x.chat()
			x.begin(x.s)
		}},
	{"a second one without an answer", KeyPhase, opened,
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.chat() // acknowledged by one who does not follow
			x.begin(x.c)
		},
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.begin(x.s) // at the same time
			x.c.Keys(x.now, wire.LevelApp, "read keys updated")
			x.s.Keys(x.now, wire.LevelApp, "read keys updated")
			x.chat()
			x.begin(x.c)
		}},
	{"a phase that the peer has not begun", KeyPhase, opened,
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.c.Keys(x.now, wire.LevelApp, "updated by the peer") // it goes on without an order
		},
		func(x *scene) {
			x.chat()
			x.begin(x.c)
			x.follow(x.s)
			x.chat()
			x.begin(x.s)
			x.c.Keys(x.now, wire.LevelApp, "updated by the peer")
		}},
}

func TestKeyUpdatesAreCounted(t *testing.T) {
	x := opened(t)
	x.chat()
	x.begin(x.c)
	x.follow(x.s)
	x.chat()
	x.begin(x.c)
	x.begin(x.s)
	x.c.Keys(x.now, wire.LevelApp, "read keys updated")
	x.s.Keys(x.now, wire.LevelApp, "read keys updated")
	if got, want := x.b.Stats().KeyUpdates, (UpdateCount{Begun: 3, Followed: 1, Crossed: 2}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if err := x.b.Fault(); err != nil {
		t.Error(err)
	}
}
