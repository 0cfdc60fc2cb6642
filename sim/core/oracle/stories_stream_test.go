package oracle

import "quicpro/wire"

var streamStories = []story{
	{"data on the peer's unidirectional stream", StreamExists, opened,
		func(x *scene) { x.reply(data(3, 0, "x")); x.say(x.c, wire.LevelApp, data(3, 0, "x")) },
		func(x *scene) { x.reply(data(1, 0, "x")); x.say(x.c, wire.LevelApp, data(1, 0, "x")) }},
	{"an answer to nothing", StreamExists, opened,
		func(x *scene) { x.app(data(0, 0, "x")); x.say(x.s, wire.LevelApp, data(4, 0, "x")) },
		func(x *scene) { x.app(data(4, 0, "x")); x.say(x.s, wire.LevelApp, data(0, 0, "x")) }},
	{"credit for a stream that only we write", StreamExists, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 2, Max: 900}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 900}) }},
	{"STOP_SENDING of our own direction", StreamExists, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.StopSending{ID: 2}) },
		func(x *scene) { x.reply(data(3, 0, "x")); x.say(x.c, wire.LevelApp, wire.StopSending{ID: 3}) }},
	{"blocked where we only read", StreamExists, opened,
		func(x *scene) { x.reply(data(3, 0, "x")); x.say(x.c, wire.LevelApp, wire.StreamDataBlocked{ID: 3}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.StreamDataBlocked{ID: 2}) }},
	{"one stream too many", StreamCount, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, data(16, 0, "x")) },
		func(x *scene) { x.say(x.c, wire.LevelApp, data(12, 0, "x")) }},
	{"the limit is still on its way", StreamCount, opened,
		func(x *scene) {
			x.say(x.s, wire.LevelApp, wire.MaxStreams{Uni: true, Max: 4})
			x.say(x.c, wire.LevelApp, data(14, 0, "x"))
		},
		func(x *scene) {
			x.tell(x.s, wire.LevelApp, wire.MaxStreams{Uni: true, Max: 4})
			x.say(x.c, wire.LevelApp, data(14, 0, "x"))
		}},
	{"a byte beyond, bidirectional", StreamCredit, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, zeros(401))) },
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, zeros(400))) }},
	{"a byte beyond, the peer's stream", StreamCredit, opened,
		func(x *scene) { x.app(data(0, 0, "x")); x.say(x.s, wire.LevelApp, data(0, 0, zeros(301))) },
		func(x *scene) { x.app(data(0, 0, "x")); x.say(x.s, wire.LevelApp, data(0, 0, zeros(300))) }},
	{"credit on its way", StreamCredit, opened,
		func(x *scene) {
			x.app(data(0, 0, "\x00"))
			x.say(x.s, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 600})
			x.say(x.c, wire.LevelApp, data(0, 0, zeros(600)))
		},
		func(x *scene) {
			x.app(data(0, 0, "\x00"))
			x.reply(wire.MaxStreamData{ID: 0, Max: 600})
			x.say(x.c, wire.LevelApp, data(0, 0, zeros(600)))
		}},
	{"a reset beyond", StreamCredit, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.ResetStream{ID: 0, FinalSize: 401}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.ResetStream{ID: 0, FinalSize: 400}) }},
	{"all together", DataCredit, opened,
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, zeros(400)), data(2, 0, zeros(500)), data(4, 0, zeros(101)))
		},
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, zeros(400)), data(2, 0, zeros(500)), data(4, 0, zeros(100)))
			x.say(x.c, wire.LevelApp, data(2, 0, zeros(500))) // again
		}},
	{"data beyond the FIN", FinalSize, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), data(0, 3, "d")) },
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), data(0, 2, "c")) }},
	{"a FIN before the end", FinalSize, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, "abc"), fin(0, 0, "ab")) },
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, "abc"), fin(0, 3, "")) }},
	{"two FINs", FinalSize, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), fin(0, 0, "ab")) },
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), fin(0, 1, "bc")) }},
	{"a reset within", FinalSize, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 2}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, data(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 3}) }},
	{"a reset that says otherwise", FinalSize, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 4}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, fin(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 3}) }},
	{"data again", AfterReset, opened,
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 3})
			x.say(x.c, wire.LevelApp, data(0, 0, "abc"))
		},
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, "abc"), wire.ResetStream{ID: 0, FinalSize: 3})
			x.say(x.c, wire.LevelApp, wire.ResetStream{ID: 0, FinalSize: 3}, data(4, 0, "abc"))
		}},
	{"another byte", StreamContent, opened,
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, "abcdef"))
			x.say(x.c, wire.LevelApp, data(0, 3, "dEfg"))
		},
		func(x *scene) {
			x.say(x.c, wire.LevelApp, data(0, 0, "abcdef"))
			x.say(x.c, wire.LevelApp, data(0, 3, "defg"))
		}},
	{"another byte of CRYPTO", CryptoContent, opened,
		func(x *scene) {
			x.say(x.s, wire.LevelApp, wire.Crypto{Data: []byte("abc")}, wire.Crypto{Offset: 1, Data: []byte("Bcd")})
		},
		func(x *scene) {
			x.say(x.s, wire.LevelApp, wire.Crypto{Data: []byte("abc")}, wire.Crypto{Offset: 1, Data: []byte("bcd")})
		}},
	{"MAX_DATA", LimitRises, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxData{Max: 999}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxData{Max: 1000}) }},
	{"MAX_STREAM_DATA", LimitRises, opened,
		func(x *scene) {
			x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 900}, wire.MaxStreamData{ID: 0, Max: 899})
		},
		func(x *scene) {
			x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 899}, wire.MaxStreamData{ID: 0, Max: 900})
		}},
	{"MAX_STREAM_DATA below the parameters", LimitRises, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 299}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreamData{ID: 0, Max: 300}) }},
	{"MAX_STREAMS", LimitRises, opened,
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreams{Uni: true, Max: 2}) },
		func(x *scene) { x.say(x.c, wire.LevelApp, wire.MaxStreams{Uni: true, Max: 3}) }},
	{"a stream too many is used", CreditHeld, opened,
		func(x *scene) { x.hearAlone(data(17, 0, "x")) },
		func(x *scene) { x.hearAlone(data(13, 0, "x")) }},
	{"too much is used of a stream", CreditHeld, opened,
		func(x *scene) { x.hearAlone(data(3, 1, zeros(500))) },
		func(x *scene) { x.hearAlone(data(3, 0, zeros(500))) }},
	{"too much is used of all", CreditHeld, opened,
		func(x *scene) { x.hearAlone(data(1, 0, zeros(400)), data(3, 0, zeros(500)), data(5, 0, zeros(101))) },
		func(x *scene) {
			x.say(x.c, wire.LevelApp, wire.MaxData{Max: 1001})
			x.hearAlone(data(1, 0, zeros(400)), data(3, 0, zeros(500)), data(5, 0, zeros(101)))
		}},
}
