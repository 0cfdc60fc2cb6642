package hostile

import (
	"strings"

	"quicpro/wire"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// http3 are lies on the streams that concern the whole connection. RFC 9114 s6.2, s7.2, RFC 9204 s4.
var http3 = []Attack{
	{Name: "settings twice", Answer: must3(h3wire.CodeFrameUnexpected), Fits: hasControl, Packet: control(settings())},
	{Name: "settings with a setting twice", Early: true, Once: true, Chance: 1, Level: wire.LevelApp, Answer: must3(h3wire.CodeSettingsError),
		Fits: beginsControl, Packet: greeting(frame(h3wire.FrameSettings, varints(6, 1000, 6, 1000)))},
	{Name: "settings of http/2", Early: true, Once: true, Chance: 1, Level: wire.LevelApp, Answer: must3(h3wire.CodeSettingsError),
		Fits: beginsControl, Packet: greeting(frame(h3wire.FrameSettings, varints(3, 100)))},
	{Name: "settings cut short", Early: true, Once: true, Chance: 1, Level: wire.LevelApp, Answer: must3(h3wire.CodeFrameError),
		Fits: beginsControl, Packet: greeting(frame(h3wire.FrameSettings, varints(6)))},
	{Name: "settings without end", Early: true, Once: true, Chance: 1, Level: wire.LevelApp, Answer: must3(h3wire.CodeExcessiveLoad),
		Fits: beginsControl, Packet: greeting(h3wire.AppendFrameHeader(nil, h3wire.FrameSettings, 1<<40))},
	{Name: "control stream without settings", Early: true, Once: true, Chance: 1, Level: wire.LevelApp, Answer: must3(h3wire.CodeMissingSettings),
		Fits: beginsControl, Packet: greeting(h3wire.AppendGoaway(nil, 0))},
	{Name: "data on the control stream", Answer: must3(h3wire.CodeFrameUnexpected), Fits: hasControl,
		Packet: control(frame(h3wire.FrameData, []byte("x")))},
	{Name: "headers on the control stream", Answer: must3(h3wire.CodeFrameUnexpected), Fits: hasControl, Packet: control(headers(requestHead))},
	{Name: "http/2 frame on the control stream", Answer: must3(h3wire.CodeFrameUnexpected), Fits: hasControl, Packet: control(frame(0x6, []byte("ping")))},
	{Name: "goaway rising", Answer: must3(h3wire.CodeIDError), Fits: hasControl,
		Packet: control(h3wire.AppendGoaway(h3wire.AppendGoaway(nil, 400), 404))},
	{Name: "goaway of no request", By: byServer, Answer: must3(h3wire.CodeIDError), Fits: hasControl, Packet: control(h3wire.AppendGoaway(nil, 3))},
	{Name: "goaway too long", Answer: must3(h3wire.CodeFrameError), Fits: hasControl,
		Packet: control(h3wire.AppendFrameHeader(nil, h3wire.FrameGoaway, 1<<30))},
	{Name: "goaway of two numbers", Answer: must3(h3wire.CodeFrameError), Fits: hasControl, Packet: control(frame(h3wire.FrameGoaway, varints(0, 0)))},
	{Name: "max_push_id falling", By: byClient, Answer: must3(h3wire.CodeIDError), Fits: hasControl,
		Packet: control(h3wire.AppendMaxPushID(h3wire.AppendMaxPushID(nil, 9), 8))},
	{Name: "max_push_id of a server", By: byServer, Answer: must3(h3wire.CodeFrameUnexpected), Fits: hasControl, Packet: control(h3wire.AppendMaxPushID(nil, 8))},
	{Name: "cancel_push of no push", Answer: must3(h3wire.CodeIDError), Fits: hasControl, Packet: control(h3wire.AppendCancelPush(nil, 7))},
	{Name: "priority_update flood", By: byClient, Chance: 0.7, Fits: hasControl, Packet: func(p *Peer, k *packet) bool {
		return p.onControl(k, []byte(strings.Repeat(string(h3wire.AppendPriorityUpdate(nil, h3wire.FramePriorityUpdateRequest, 400, "u=1")), 60)))
	}},
	{Name: "unknown frames on the control stream", Chance: 0.7, Fits: hasControl, Packet: control([]byte(strings.Repeat("\x21\x02ab", 200)))},
	{Name: "control stream finished", Answer: must3(h3wire.CodeClosedCriticalStream), Fits: hasControl, Packet: func(p *Peer, k *packet) bool {
		id := p.lastOfControl()
		return k.add(data(id, p.view.sent[id], "", true))
	}},
	// What was not read is gone with a reset: the victim may not have learned which stream this is (RFC 9114 s6.2).
	{Name: "control stream reset", Answer: may3(h3wire.CodeClosedCriticalStream), Fits: hasControl, Packet: func(p *Peer, k *packet) bool {
		id := p.lastOfControl()
		return k.add(wire.ResetStream{ID: id, FinalSize: p.view.sent[id]}.Append(nil))
	}},
	{Name: "control stream stopped", Answer: must3(h3wire.CodeClosedCriticalStream), Fits: func(p *Peer, _ *packet) bool {
		_, ok := p.view.theirs[uint64(h3wire.StreamControl)]
		return ok
	}, Packet: func(p *Peer, k *packet) bool {
		return k.add(wire.StopSending{ID: p.view.theirs[uint64(h3wire.StreamControl)]}.Append(nil))
	}},
	{Name: "second control stream", Answer: must3(h3wire.CodeStreamCreationError), Fits: freshControl, Packet: uni("\x00\x04\x00")},
	{Name: "second encoder stream", Answer: must3(h3wire.CodeStreamCreationError), Fits: freshUni, Packet: func(p *Peer, k *packet) bool {
		return uni("\x02")(p, k) && p.view.hasFresh(true) && uni("\x02")(p, k)
	}},
	{Name: "push stream of a client", By: byClient, Answer: must3(h3wire.CodeStreamCreationError), Fits: freshUni, Packet: uni("\x01\x00")},
	{Name: "push stream that nobody asked for", By: byServer, Answer: must3(h3wire.CodeIDError), Fits: freshUni, Packet: uni("\x01\x00")},
	{Name: "streams of unknown types", Chance: 0.5, Answer: may(wire.StreamLimitError), Fits: freshUni, Packet: uni("\x40\x64unknown")},
	{Name: "stream type that never comes whole", Answer: may(wire.StreamLimitError), Fits: freshUni, Packet: uni("\xc0\x00")},
	{Name: "insertion into a table of no size", Answer: must3(h3wire.CodeQPACKEncoderStreamError), Fits: freshOrQPACK(h3wire.StreamQPACKEncoder),
		Packet: onQPACK(h3wire.StreamQPACKEncoder, qpackwire.AppendInsertLiteralName(nil, "name", "value"))},
	{Name: "table capacity beyond the limit", Answer: must3(h3wire.CodeQPACKEncoderStreamError), Fits: freshOrQPACK(h3wire.StreamQPACKEncoder),
		Packet: onQPACK(h3wire.StreamQPACKEncoder, qpackwire.AppendSetCapacity(nil, 4096))},
	{Name: "acknowledgment of no section", Answer: must3(h3wire.CodeQPACKDecoderStreamError), Fits: freshOrQPACK(h3wire.StreamQPACKDecoder),
		Packet: onQPACK(h3wire.StreamQPACKDecoder, qpackwire.AppendSectionAck(nil, 0))},
	{Name: "increment of no insert count", Answer: must3(h3wire.CodeQPACKDecoderStreamError), Fits: freshOrQPACK(h3wire.StreamQPACKDecoder),
		Packet: onQPACK(h3wire.StreamQPACKDecoder, qpackwire.AppendInsertCountIncrement(nil, 3))},
	{Name: "integer without end", Answer: must3(h3wire.CodeQPACKEncoderStreamError), Fits: freshOrQPACK(h3wire.StreamQPACKEncoder),
		Packet: onQPACK(h3wire.StreamQPACKEncoder, []byte("\x3f"+strings.Repeat("\xff", 40)))},
	{Name: "cancellations flood", Chance: 0.7, Fits: freshOrQPACK(h3wire.StreamQPACKDecoder), Packet: onQPACK(h3wire.StreamQPACKDecoder, []byte(strings.Repeat("\x44", 600)))},
}

func hasUni(t h3wire.StreamType) func(p *Peer, _ *packet) bool {
	return func(p *Peer, _ *packet) bool {
		_, ok := p.view.ours[uint64(t)]
		return ok
	}
}

func hasControl(p *Peer, k *packet) bool { return hasUni(h3wire.StreamControl)(p, k) }

func freshControl(p *Peer, k *packet) bool {
	return freshUni(p, k) && hasControl(p, k)
}

func beginsControl(p *Peer, k *packet) bool { return p.view.beginning(k) }

// onUni writes behind what was sent on a unidirectional stream of the engine's, which may not say more then.
func (p *Peer) onUni(k *packet, t h3wire.StreamType, b []byte) bool {
	id := p.view.ours[uint64(t)]
	frame := wire.Stream{ID: id, Offset: p.view.sent[id], Data: b}.Append(nil)
	if len(frame) > k.room() && !p.view.concerns(k, id) {
		k.replace(nil) // but not what begins the stream: it would never come again
	}
	if !k.add(frame) {
		return false
	}
	p.view.sent[id] += wire.Offset(len(b))
	p.view.takeOverLater(id)
	return true
}

// onQPACK writes on the peer's QPACK stream of a type, which the engine has none of: the first attack opens it.
func onQPACK(t h3wire.StreamType, b []byte) func(*Peer, *packet) bool {
	return func(p *Peer, k *packet) bool {
		if hasUni(t)(p, k) {
			return p.onUni(k, t, b)
		}
		id, _ := p.view.open(true)
		first := append([]byte{byte(t)}, b...)
		if !k.add(data(id, 0, string(first), false)) {
			return false
		}
		p.view.ours[uint64(t)], p.view.sent[id] = id, wire.Offset(len(first))
		return true
	}
}

func freshOrQPACK(t h3wire.StreamType) func(*Peer, *packet) bool {
	return func(p *Peer, k *packet) bool { return hasUni(t)(p, k) || freshUni(p, k) }
}

// lastOfControl is the engine's control stream, which gets nothing more.
func (p *Peer) lastOfControl() wire.StreamID {
	id := p.view.ours[uint64(h3wire.StreamControl)]
	p.view.takeOverLater(id)
	delete(p.view.ours, uint64(h3wire.StreamControl))
	return id
}

func (p *Peer) onControl(k *packet, b []byte) bool { return p.onUni(k, h3wire.StreamControl, b) }

func control(b []byte) func(*Peer, *packet) bool {
	return func(p *Peer, k *packet) bool { return p.onControl(k, b) }
}

// greeting begins the control stream in another way.
func greeting(b []byte) func(*Peer, *packet) bool {
	return func(p *Peer, k *packet) bool {
		id := p.view.ours[uint64(h3wire.StreamControl)]
		p.view.takeOver(id, k)
		return k.add(data(id, 0, "\x00"+string(b), false))
	}
}

// uni opens a unidirectional stream.
func uni(s string) func(*Peer, *packet) bool {
	return func(p *Peer, k *packet) bool {
		id, _ := p.view.open(true)
		return k.add(data(id, 0, s, false))
	}
}

func frame(t h3wire.FrameType, payload []byte) []byte { return h3wire.AppendFrame(nil, t, payload) }

func settings() []byte { return h3wire.AppendSettings(nil, h3wire.DefaultSettings(), h3wire.Setting{}) }
