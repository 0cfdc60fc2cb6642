package oracle

import (
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

var recoveryStories = []story{
	{"a byte too many", InFlight, opened,
		func(x *scene) { p := x.say(x.c, wire.LevelApp, wire.Ping{}); x.metrics(x.c, p.Size+1, 0) },
		func(x *scene) { p := x.say(x.c, wire.LevelApp, wire.Ping{}); x.metrics(x.c, p.Size, 0) }},
	{"an ACK alone does not count", InFlight, opened,
		func(x *scene) { p := x.say(x.c, wire.LevelApp, acks(0, 0)); x.metrics(x.c, p.Size, 0) },
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, acks(0, 0), wire.Padding{Count: 1})
			x.metrics(x.c, p.Size, 0)
		}},
	{"what was acknowledged is gone", InFlight, opened,
		func(x *scene) { p := x.app(wire.Ping{}); x.reply(acks(0, 1)); x.metrics(x.c, p.Size, 0) },
		func(x *scene) { x.app(wire.Ping{}); x.reply(acks(0, 1)); x.metrics(x.c, 0, 0) }},
	{"what was lost is gone", InFlight, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.c.Lost(x.now, p.Level, p.Number, "time threshold")
			x.metrics(x.c, p.Size, 0)
		},
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.c.Lost(x.now, p.Level, p.Number, "time threshold")
			x.metrics(x.c, 0, 0)
		}},
	{"what was discarded is gone", InFlight, met,
		func(x *scene) {
			p := x.say(x.c, wire.LevelHandshake, wire.Ping{})
			x.c.Keys(x.now, wire.LevelHandshake, "dropped")
			x.metrics(x.c, p.Size, 0)
		},
		func(x *scene) {
			x.say(x.c, wire.LevelHandshake, wire.Ping{})
			x.c.Keys(x.now, wire.LevelHandshake, "dropped")
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.metrics(x.c, p.Size, 0)
		}},
	{"two ACK frames in one packet", InFlight, opened,
		func(x *scene) {
			x.app(wire.Ping{})
			p := x.app(wire.Ping{})
			x.reply(acks(1, 1), acks(2, 2))
			x.metrics(x.c, p.Size, 0)
			x.metrics(x.c, p.Size, 0)
		},
		func(x *scene) {
			x.app(wire.Ping{})
			p := x.app(wire.Ping{})
			x.reply(acks(1, 1), acks(2, 2))
			x.metrics(x.c, p.Size, 0)
			x.metrics(x.c, 0, 0)
		}},
	{"below two datagrams", Window, opened,
		func(x *scene) { x.c.Metrics(x.now, port.Metrics{Window: 2399}) },
		func(x *scene) { x.c.Metrics(x.now, port.Metrics{Window: 2400}) }},
	{"twice", LostOnce, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.c.Lost(x.now, p.Level, p.Number, "time threshold")
			x.c.Lost(x.now, p.Level, p.Number, "packet threshold")
		},
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			q := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.c.Lost(x.now, p.Level, p.Number, "time threshold")
			x.c.Lost(x.now, p.Level, q.Number, "packet threshold")
		}},
	{"after it was acknowledged", LostOnce, opened,
		func(x *scene) { p := x.app(wire.Ping{}); x.reply(acks(0, 1)); x.c.Lost(x.now, p.Level, p.Number, "") },
		func(x *scene) { // the other way round: it was only late
			p := x.app(wire.Ping{})
			x.c.Lost(x.now, p.Level, p.Number, "")
			x.reply(acks(0, 1))
		}},
	{"and never sent", LostOnce, opened,
		func(x *scene) { x.c.Lost(x.now, wire.LevelApp, 1, "") },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.Ping{}); x.c.Lost(x.now, wire.LevelApp, 1, "") }},
	{"not in flight", LostOnce, opened,
		func(x *scene) { p := x.say(x.c, wire.LevelApp, acks(0, 0)); x.c.Lost(x.now, p.Level, p.Number, "") },
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, acks(0, 0), wire.Padding{Count: 1})
			x.c.Lost(x.now, p.Level, p.Number, "")
		}},
	{"the backoff stays", BackoffResets, opened,
		func(x *scene) { x.app(wire.Ping{}); x.reply(acks(0, 1)); x.metrics(x.c, 0, 1) },
		func(x *scene) { x.app(wire.Ping{}); x.reply(acks(0, 0)); x.metrics(x.c, 21, 1) }},
	{"a client does not trust an Initial", BackoffResets, met,
		func(x *scene) {
			x.tell(x.c, wire.LevelHandshake, wire.Ping{})
			x.tell(x.s, wire.LevelHandshake, acks(0, 0))
			x.metrics(x.c, 0, 2)
		},
		func(x *scene) {
			x.tell(x.c, wire.LevelInitial, wire.Ping{}, wire.Padding{Count: 1200})
			x.tell(x.s, wire.LevelInitial, acks(0, 0))
			x.metrics(x.c, 0, 2)
		}},
	{"no probe comes", ProbeInTime, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.metrics(x.c, p.Size, 0)
			x.wait(198 * time.Millisecond) // one and a half times 65 ms, and 100 ms
		},
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.metrics(x.c, p.Size, 0)
			x.wait(197 * time.Millisecond)
		}},
	{"the next one may take twice as long", ProbeInTime, opened,
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.metrics(x.c, p.Size, 1)
			x.wait(296 * time.Millisecond)
		},
		func(x *scene) {
			p := x.say(x.c, wire.LevelApp, wire.Ping{})
			x.metrics(x.c, p.Size, 1)
			x.wait(295 * time.Millisecond)
		}},
	{"an ACK alone is not probed for", ProbeInTime, opened,
		func(x *scene) {
			x.metrics(x.c, 0, 0)
			x.say(x.c, wire.LevelApp, wire.Ping{})
			x.wait(time.Second)
		},
		func(x *scene) {
			x.metrics(x.c, 0, 0)
			x.say(x.c, wire.LevelApp, acks(0, 0), wire.Padding{Count: 1})
			x.wait(time.Second)
		}},
}

// h3 lets a side say that it wrote a frame.
func (x *scene) h3(s *Side, id wire.StreamID, t h3wire.FrameType, fields ...port.Field) {
	s.H3Frame(x.now, true, id, uint64(t), 3, fields)
}

// control lets a side write its control stream, and say so: SETTINGS, then more.
func (x *scene) control(s *Side, id wire.StreamID, more ...[]byte) {
	x.h3(s, id, h3wire.FrameSettings)
	b := h3wire.AppendFrame([]byte{byte(h3wire.StreamControl)}, h3wire.FrameSettings, nil)
	for _, m := range more {
		b = append(b, m...)
	}
	for i := 0; i < len(b); i += 3 { // in small pieces
		x.say(s, wire.LevelApp, wire.Stream{ID: id, Offset: wire.Offset(i), Data: b[i:min(i+3, len(b))]})
	}
}

func goaway(id uint64) []byte {
	return h3wire.AppendFrame(nil, h3wire.FrameGoaway, wire.AppendVarint(nil, id))
}

var h3Stories = []story{
	{"GOAWAY first", H3Settings, opened,
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameGoaway); x.h3(x.c, 2, h3wire.FrameSettings) },
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 2, h3wire.FrameGoaway) }},
	{"SETTINGS twice", H3Settings, opened,
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 2, h3wire.FrameSettings) },
		func(x *scene) {
			x.h3(x.c, 2, h3wire.FrameSettings)
			x.c.H3Frame(x.now, false, 3, uint64(h3wire.FrameSettings), 0, nil)
		}},
	{"what is written begins with something else", H3Settings, opened,
		func(x *scene) {
			x.h3(x.c, 2, h3wire.FrameSettings)
			x.say(x.c, wire.LevelApp, wire.Stream{ID: 2, Data: append([]byte{0}, goaway(0)...)})
		},
		func(x *scene) { x.control(x.c, 2, goaway(0)) }},
	{"a second control stream", H3Control, opened,
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 6, h3wire.FrameGoaway) },
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 2, h3wire.FrameMaxPushID) }},
	{"the other side's", H3Control, opened,
		func(x *scene) { x.h3(x.c, 3, h3wire.FrameSettings) },
		func(x *scene) { x.h3(x.s, 3, h3wire.FrameSettings) }},
	{"DATA on the control stream", H3Frame, opened,
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 2, h3wire.FrameData) },
		func(x *scene) { x.h3(x.c, 2, h3wire.FrameSettings); x.h3(x.c, 2, h3wire.FrameType(h3wire.Grease(5))) }},
	{"SETTINGS on a request is accepted", H3Frame, opened,
		func(x *scene) { x.s.H3Frame(x.now, false, 0, uint64(h3wire.FrameSettings), 0, nil) },
		func(x *scene) { x.s.H3Frame(x.now, false, 0, uint64(h3wire.FrameHeaders), 0, nil) }},
	{"MAX_PUSH_ID of a server", H3Frame, opened,
		func(x *scene) { x.h3(x.s, 3, h3wire.FrameSettings); x.h3(x.s, 3, h3wire.FrameMaxPushID) },
		func(x *scene) { x.h3(x.s, 3, h3wire.FrameSettings); x.h3(x.s, 3, h3wire.FrameCancelPush) }},
	{"a request on a server's stream", H3Frame, opened,
		func(x *scene) { x.h3(x.s, 1, h3wire.FrameHeaders) },
		func(x *scene) { x.h3(x.s, 0, h3wire.FrameHeaders) }},
	{"DATA before HEADERS", H3Order, opened,
		func(x *scene) { x.h3(x.c, 0, h3wire.FrameData) },
		func(x *scene) { x.h3(x.c, 0, h3wire.FrameHeaders); x.h3(x.c, 0, h3wire.FrameData) }},
	{"DATA after trailers", H3Order, opened,
		func(x *scene) {
			x.h3(x.c, 0, h3wire.FrameHeaders)
			x.h3(x.c, 0, h3wire.FrameHeaders)
			x.h3(x.c, 0, h3wire.FrameData)
		},
		func(x *scene) { // an informational response comes first
			x.h3(x.s, 0, h3wire.FrameHeaders, port.Field{Name: ":status", Value: "103"})
			x.h3(x.s, 0, h3wire.FrameHeaders, port.Field{Name: ":status", Value: "200"})
			x.h3(x.s, 0, h3wire.FrameData)
		}},
	{"trailers twice", H3Order, opened,
		func(x *scene) {
			x.h3(x.c, 0, h3wire.FrameHeaders)
			x.h3(x.c, 0, h3wire.FrameHeaders)
			x.h3(x.c, 0, h3wire.FrameHeaders)
		},
		func(x *scene) { x.h3(x.c, 0, h3wire.FrameHeaders); x.h3(x.c, 0, h3wire.FrameHeaders) }},
	{"an identifier rises", H3Goaway, opened,
		func(x *scene) { x.control(x.s, 3, goaway(8), goaway(12)) },
		func(x *scene) {
			x.control(x.s, 3, goaway(8), h3wire.AppendFrame(nil, 0x21, make([]byte, 300)), goaway(8), goaway(4))
		}},
	{"no request's stream", H3Goaway, opened,
		func(x *scene) { x.control(x.s, 3, goaway(3)) },
		func(x *scene) { x.control(x.c, 2, goaway(3)) }}, // a client's is a push ID
	{"of no length", H3Goaway, opened,
		func(x *scene) { x.control(x.s, 3, h3wire.AppendFrame(nil, h3wire.FrameGoaway, nil)) },
		func(x *scene) { x.control(x.s, 3, h3wire.AppendFrame(nil, h3wire.FrameGoaway, []byte{0})) }},
}
