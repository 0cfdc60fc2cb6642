package oracle

import (
	"quicpro/actors/port"
	"quicpro/wire"
)

func newID(seq, prior uint64, n byte) wire.NewConnectionID {
	return wire.NewConnectionID{Seq: seq, RetirePriorTo: prior, ID: id(n)}
}

var idStories = []story{
	{"one number, two IDs", IDIssue, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(1, 0, 2)) },
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(1, 0, 1)) }},
	{"one ID, two numbers", IDIssue, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(2, 0, 1)) },
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(2, 0, 2)) }},
	{"another token", IDIssue, opened,
		func(x *scene) {
			f := newID(1, 0, 1)
			f.Token[3] = 1
			x.say(x.c, wire.LevelApp, newID(1, 0, 1), f)
		},
		func(x *scene) {
			f := newID(2, 0, 2)
			f.Token[3] = 1
			x.say(x.c, wire.LevelApp, newID(1, 0, 1), f)
		}},
	{"the number of the handshake's", IDIssue, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(0, 0, 1)) },
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1)) }},
	{"Retire Prior To falls", IDPrior, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(2, 1, 2), newID(3, 0, 3)) },
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(2, 1, 2), newID(1, 0, 1)) }},
	{"one ID too many", IDLimit, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(2, 0, 2), newID(3, 0, 3)) },
		func(x *scene) {
			x.say(x.c, wire.LevelApp, newID(1, 0, 1), newID(2, 0, 2), newID(3, 1, 3)) // one is to go
		}},
	{"one too many after all", IDLimit, opened,
		func(x *scene) { x.app(newID(1, 0, 1), newID(2, 0, 2)); x.say(x.c, wire.LevelApp, newID(3, 0, 3)) },
		func(x *scene) {
			x.app(newID(1, 0, 1), newID(2, 0, 2))
			x.reply(wire.RetireConnectionID{Seq: 1})
			x.say(x.c, wire.LevelApp, newID(3, 0, 3), newID(1, 0, 1))
		}},
	{"an ID that was never issued", IDRetire, opened,
		func(x *scene) { x.app(newID(1, 0, 1)); x.say(x.s, wire.LevelApp, wire.RetireConnectionID{Seq: 2}) },
		func(x *scene) {
			x.app(newID(1, 0, 1))
			x.say(x.s, wire.LevelApp, wire.RetireConnectionID{Seq: 1}, wire.RetireConnectionID{Seq: 0})
		}},
	{"other data", PathEcho, opened,
		func(x *scene) {
			x.app(wire.PathChallenge{Data: [8]byte{1}})
			x.say(x.s, wire.LevelApp, wire.PathResponse{Data: [8]byte{2}})
		},
		func(x *scene) {
			x.app(wire.PathChallenge{Data: [8]byte{1}})
			x.say(x.s, wire.LevelApp, wire.PathResponse{Data: [8]byte{1}})
		}},
	{"twice", PathEcho, opened,
		func(x *scene) {
			x.app(wire.PathChallenge{Data: [8]byte{1}})
			x.say(x.s, wire.LevelApp, wire.PathResponse{Data: [8]byte{1}}, wire.PathResponse{Data: [8]byte{1}})
		},
		func(x *scene) {
			x.app(wire.PathChallenge{Data: [8]byte{1}}, wire.PathChallenge{Data: [8]byte{1}})
			x.say(x.s, wire.LevelApp, wire.PathResponse{Data: [8]byte{1}}, wire.PathResponse{Data: [8]byte{1}})
		}},
}

var bye = wire.ConnectionClose{App: true}

var lifeStories = []story{
	{"before the end", DoneLate, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Ping{})
			x.say(x.s, wire.LevelApp, wire.HandshakeDone{})
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Ping{})
			x.s.State(x.now, "connected")
			x.say(x.s, wire.LevelApp, wire.HandshakeDone{})
		}},
	{"backwards", StateOrder, met,
		func(x *scene) { x.c.State(x.now, "confirmed"); x.c.State(x.now, "connected") },
		func(x *scene) {
			x.c.State(x.now, "connected")
			x.c.State(x.now, "confirmed")
			x.c.State(x.now, "resting")
		}},
	{"twice", StateOrder, met,
		func(x *scene) { x.c.State(x.now, "connected"); x.c.State(x.now, "connected") },
		func(x *scene) { x.c.State(x.now, "closing"); x.c.State(x.now, "draining") }},
	{"a PING while closing", ClosingQuiet, opened,
		func(x *scene) { x.c.State(x.now, "closing"); x.say(x.c, wire.LevelApp, wire.Ping{}) },
		func(x *scene) { x.c.State(x.now, "closing"); x.say(x.c, wire.LevelApp, bye) }},
	{"more than the close", ClosingQuiet, opened,
		func(x *scene) {
			x.c.Closed(x.now, &port.Cause{Why: port.Ours})
			x.say(x.c, wire.LevelApp, bye, wire.Ping{})
		},
		func(x *scene) {
			x.c.Closed(x.now, &port.Cause{Why: port.Ours})
			x.say(x.c, wire.LevelApp, acks(0, 0), bye, wire.Padding{Count: 9})
		}},
	{"again and again", ClosingQuiet, opened,
		func(x *scene) {
			x.c.State(x.now, "closing")
			for range 5 {
				x.say(x.c, wire.LevelApp, bye)
			}
		},
		func(x *scene) {
			x.c.State(x.now, "closing")
			for range 5 {
				x.reply(wire.Padding{Count: 1})
				x.say(x.c, wire.LevelApp, bye)
			}
		}},
	{"a PING after the peer's close", ClosingQuiet, opened,
		func(x *scene) { x.reply(bye); x.say(x.c, wire.LevelApp, wire.Ping{}) },
		func(x *scene) { x.reply(bye); x.say(x.c, wire.LevelApp, bye) }},
	{"the last word", DrainingSilent, opened,
		func(x *scene) { x.reply(bye); x.c.State(x.now, "draining"); x.say(x.c, wire.LevelApp, bye) },
		func(x *scene) { x.reply(bye); x.c.State(x.now, "draining") }},
}
