package oracle

import (
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

var packetStories = []story{
	{"the same number twice", NumberRises, opened,
		func(x *scene) { x.next[x.c][2]--; x.say(x.c, wire.LevelApp, wire.Ping{}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}) }},
	{"a number falls", NumberRises, opened,
		func(x *scene) {
			x.next[x.c][2] = 90
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.next[x.c][2] = 50
			x.say(x.c, wire.LevelApp, wire.Ping{})
		},
		func(x *scene) { // one is left out
			x.next[x.c][2] = 50
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.next[x.c][2] = 90
			x.say(x.c, wire.LevelApp, wire.Ping{})
		}},
	{"before there are keys", KeysLive, born,
		func(x *scene) { x.say(x.c, wire.LevelHandshake, wire.Ping{}) },
		func(x *scene) {
			x.c.Keys(x.now, wire.LevelHandshake, "write keys installed")
			x.say(x.c, wire.LevelHandshake, wire.Ping{})
		}},
	{"after they were dropped", KeysLive, met,
		func(x *scene) {
			x.c.Keys(x.now, wire.LevelHandshake, "dropped")
			x.c.Keys(x.now, wire.LevelHandshake, "write keys installed") // protect is behind
			x.say(x.c, wire.LevelHandshake, wire.Ping{})
		},
		func(x *scene) {
			x.c.Keys(x.now, wire.LevelInitial, "dropped")
			x.say(x.c, wire.LevelHandshake, wire.Ping{})
		}},
	{"used without keys", KeysLive, born,
		func(x *scene) {
			x.s.Dropped(x.now, 1000, "malformed long header")
			x.s.Keys(x.now, wire.LevelHandshake, "write keys installed")
			x.hear(x.c, x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 1}))
		},
		func(x *scene) {
			x.s.Dropped(x.now, 1000, "malformed long header")
			x.s.Keys(x.now, wire.LevelHandshake, "write keys installed")
			x.c.Keys(x.now, wire.LevelHandshake, "read keys installed")
			x.hear(x.c, x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 1}))
		}},
	{"a frame of no type", FrameWellFormed, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}, raw{0x21}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}, wire.Padding{Count: 2}) }},
	{"no frame at all", FrameWellFormed, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Padding{Count: 1}) }},
	{"STREAM in a Handshake packet", FrameAllowed, met,
		func(x *scene) { x.say(x.c, wire.LevelHandshake, data(0, 0, "x")) },
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, "x")) }},
	{"NEW_TOKEN of a client", FrameAllowed, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.NewToken{Token: []byte("x")}) },
		func(x *scene) { x.say(x.s, wire.LevelApp, wire.NewToken{Token: []byte("x")}) }},
	{"a client's datagram of 1199 bytes", InitialSize, born,
		func(x *scene) { x.say(x.c, wire.LevelInitial, wire.Padding{Count: 1179}) },
		func(x *scene) { x.say(x.c, wire.LevelInitial, wire.Padding{Count: 1180}) }},
	{"coalesced, and still too short", InitialSize, met,
		func(x *scene) {
			x.say(x.c, wire.LevelInitial, wire.Padding{Count: 300})
			x.say(x.c, wire.LevelHandshake, wire.Padding{Count: 300})
			x.now++
			x.say(x.c, wire.LevelApp, wire.Padding{Count: 1000})
		},
		func(x *scene) {
			x.say(x.c, wire.LevelInitial, wire.Padding{Count: 300})
			x.say(x.c, wire.LevelHandshake, wire.Padding{Count: 300})
			x.say(x.c, wire.LevelApp, wire.Padding{Count: 1000})
		}},
	{"an ack-eliciting one of a server", InitialSize, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Padding{Count: 1200})
			x.say(x.s, wire.LevelInitial, acks(0, 0), wire.Ping{})
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Padding{Count: 1200})
			x.say(x.s, wire.LevelInitial, acks(0, 0))
		}},
	{"a byte too many", Amplification, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Padding{Count: 1180})
			x.s.Dropped(x.now, 100, "packet failed authentication")
			x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 3881})
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Padding{Count: 1180})
			x.s.Dropped(x.now, 100, "packet failed authentication")
			x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 3880})
		}},
	{"not before a Handshake packet came", Amplification, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Padding{Count: 1180})
			x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 9000})
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Padding{Count: 1})
			x.say(x.s, wire.LevelHandshake, wire.Padding{Count: 9000})
		}},
	{"twice the same packet", NumberFresh, opened,
		func(x *scene) { x.hear(x.s, x.app(wire.Ping{})) },
		func(x *scene) { x.app(wire.Ping{}); x.app(wire.Ping{}) }},
	{"another payload", PacketGenuine, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, data(0, 0, "hello"))
			p.Payload = append([]byte(nil), p.Payload...)
			p.Payload[len(p.Payload)-1] ^= 1
			x.hear(x.s, p)
		},
		func(x *scene) {
			x.c.Hostile() // somebody rewrites its packets
			p := x.say(x.c, wire.LevelApp, data(0, 0, "hello"))
			p.Payload = append([]byte(nil), p.Payload...)
			p.Payload[len(p.Payload)-1] ^= 1
			x.hear(x.s, p)
		}},
	{"a number that was never sent", PacketGenuine, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			p.Number++
			x.hear(x.s, p)
		},
		func(x *scene) { x.app(wire.Ping{}) }},
	{"a number that was left out", PacketGenuine, opened,
		func(x *scene) {
			x.next[x.c][2] += 2
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			p.Number--
			x.hear(x.s, p)
		},
		func(x *scene) { x.next[x.c][2] += 2; x.app(wire.Ping{}) }},
	{"read differently", ParametersAgree, born,
		func(x *scene) {
			p := declared(wire.Server)
			p.InitialMaxData++
			x.c.Parameters(x.now, false, p)
		},
		func(x *scene) { x.c.Parameters(x.now, false, declared(wire.Server)) }},
}

var ackStories = []story{
	{"of a packet that never came", AckSeen, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}); x.say(x.s, wire.LevelApp, acks(0, 1)) },
		func(x *scene) { x.app(wire.Ping{}); x.say(x.s, wire.LevelApp, acks(0, 1)) }},
	{"over a gap", AckSeen, opened,
		func(x *scene) {
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acks(0, 2))
		},
		func(x *scene) {
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acks(2, 2, 0, 0))
		}},
	{"the largest falls", AckLargest, opened,
		func(x *scene) {
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acks(0, 1))
			x.say(x.s, wire.LevelApp, acks(0, 0))
		},
		func(x *scene) {
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acks(0, 1))
			x.say(x.s, wire.LevelApp, acks(1, 1))
		}},
	{"a count falls", AckECN, opened,
		func(x *scene) {
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 2}, 0, 1))
			x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 1, CE: 1}, 0, 1))
		},
		func(x *scene) {
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 1}, 0, 1))
			x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 1, CE: 1}, 0, 1))
		}},
	{"more marks than packets", AckECN, opened,
		func(x *scene) { x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 2}, 0, 0)) },
		func(x *scene) { x.say(x.s, wire.LevelApp, acksECN(&wire.ECNCounts{ECT0: 1}, 0, 0)) }},
	{"late", AckInTime, opened,
		func(x *scene) {
			x.app(wire.Ping{})
			x.now = x.now.Add(126 * time.Millisecond)
			x.say(x.s, wire.LevelApp, acks(0, 1))
		},
		func(x *scene) {
			x.app(wire.Ping{})
			x.now = x.now.Add(125 * time.Millisecond)
			x.say(x.s, wire.LevelApp, acks(0, 1))
		}},
	{"never", AckInTime, opened,
		func(x *scene) {
			x.app(wire.Ping{})
			x.say(x.s, wire.LevelApp, acks(0, 0))
			x.wait(126 * time.Millisecond)
		},
		func(x *scene) {
			x.app(acks(0, 0))
			x.say(x.s, wire.LevelApp, acks(0, 0))
			x.wait(126 * time.Millisecond)
		}},
	{"of a packet that was never sent", AckSent, opened,
		func(x *scene) { x.hearAlone(acks(0, 7)) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}); x.hearAlone(acks(0, 1)) }},
	{"of a number that was left out", AckSent, opened,
		func(x *scene) {
			x.next[x.c][2]++
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.hearAlone(acks(0, 2))
		},
		func(x *scene) {
			x.next[x.c][2]++
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.hearAlone(acks(2, 2, 0, 0))
		}},
}

// hearAlone lets the client receive what no model sent: its peer is of another make.
func (x *scene) hearAlone(frames ...appender) {
	x.c.pair.sides = x.c.pair.sides[:1]
	p := port.PacketEvent{Level: wire.LevelApp, Number: x.next[x.s][wire.SpaceApp]}
	for _, f := range frames {
		p.Payload = f.Append(p.Payload)
	}
	x.hear(x.c, p)
}
