package hostile

import (
	"strings"

	"quicpro/wire"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// messages are requests and responses that are none. RFC 9114 s4.1, s4.3, s7.1, RFC 9204 s2.2.
var messages = []Attack{
	message("data before the head", must3(h3wire.CodeFrameUnexpected), frame(h3wire.FrameData, []byte("x")), true),
	message("settings on a request stream", must3(h3wire.CodeFrameUnexpected), settings(), false),
	message("goaway on a request stream", must3(h3wire.CodeFrameUnexpected), h3wire.AppendGoaway(nil, 0), false),
	message("http/2 frame on a request stream", must3(h3wire.CodeFrameUnexpected), frame(0x8, []byte("wind")), false),
	message("priority_update on a request stream", must3(h3wire.CodeFrameUnexpected),
		h3wire.AppendPriorityUpdate(nil, h3wire.FramePriorityUpdateRequest, 0, "u=1"), false),
	message("frame cut by the end of its stream", must3(h3wire.CodeFrameError), []byte("\x01\x20ab"), true),
	message("frame type cut by the end of its stream", must3(h3wire.CodeFrameError), []byte("\x80\x00"), true),
	message("reference to a table that does not exist", must3(h3wire.CodeQPACKDecompressionFailed),
		frame(h3wire.FrameHeaders, append(qpackwire.AppendInt(qpackwire.AppendInt(nil, 0, 8, 3), 0, 7, 0), 0x80)), false),
	message("dynamic line without an insert count", must3(h3wire.CodeQPACKDecompressionFailed),
		frame(h3wire.FrameHeaders, qpackwire.AppendIndexedDynamic(qpackwire.AppendSectionPrefix(nil), 0)), false),
	message("static line that does not exist", must3(h3wire.CodeQPACKDecompressionFailed),
		frame(h3wire.FrameHeaders, qpackwire.AppendIndexedStatic(qpackwire.AppendSectionPrefix(nil), 400)), false),
	message("field section cut short", must3(h3wire.CodeQPACKDecompressionFailed), frame(h3wire.FrameHeaders, []byte("\x00\x00\x51\x7f")), false),
	message("huffman that ends wrongly", must3(h3wire.CodeQPACKDecompressionFailed), frame(h3wire.FrameHeaders, []byte("\x00\x00\x51\x81\x00")), false),
	message("unknown frames without end", Answer{}, []byte(strings.Repeat("\x21\x03abc", 200)), false),
	message("field section too large", Answer{}, h3wire.AppendFrameHeader(nil, h3wire.FrameHeaders, 1<<40), false),
	message("field section that expands", Answer{}, frame(h3wire.FrameHeaders,
		append(qpackwire.AppendSectionPrefix(nil), strings.Repeat("\xff\x16", 640)...)), false),
	message("head without end", Answer{}, append(h3wire.AppendFrameHeader(nil, h3wire.FrameHeaders, 60_000), make([]byte, 900)...), false),
	clients(message("request of no size", Answer{}, headers(nil), true)),
	servers(message("response of no size", Answer{}, headers(nil), true)),
	clients(message("request with a name in upper case", Answer{}, headers(with(requestHead, "X-Upper", "1")), true)),
	servers(message("response with a name in upper case", Answer{}, headers(with(responseHead, "X-Upper", "1")), true)),
	clients(message("request with a line break in a value", Answer{}, headers(with(requestHead, "x", "a\r\nb: c")), true)),
	servers(message("response with a line break in a value", Answer{}, headers(with(responseHead, "x", "a\r\nb: c")), true)),
	clients(message("request with a connection field", Answer{}, headers(with(requestHead, "connection", "close")), true)),
	servers(message("response with a connection field", Answer{}, headers(with(responseHead, "connection", "close")), true)),
	clients(message("request with a pseudo field twice", Answer{}, headers(with(requestHead, ":path", "/other")), true)),
	servers(message("response with a pseudo field twice", Answer{}, headers(with(responseHead, ":status", "200")), true)),
	clients(message("body shorter than declared", Answer{}, append(headers(with(requestHead, "content-length", "100")), frame(h3wire.FrameData, []byte("short"))...), true)),
	clients(message("body longer than declared", Answer{}, append(headers(with(requestHead, "content-length", "2")), frame(h3wire.FrameData, []byte("longer"))...), true)),
	clients(message("push_promise of a client", must3(h3wire.CodeFrameUnexpected), frame(h3wire.FramePushPromise, []byte("\x00\x00\x00")), false)),
	clients(message("headers behind the trailers", must3(h3wire.CodeFrameUnexpected), repeat(headers(requestHead), headers(trailer), headers(trailer)), false)),
	clients(message("data behind the trailers", must3(h3wire.CodeFrameUnexpected),
		repeat(headers(requestHead), headers(trailer), frame(h3wire.FrameData, []byte("x"))), false)),
	clients(message("trailers with a pseudo field", Answer{}, repeat(headers(requestHead), headers(requestHead)), true)),
	clients(message("request without a path", Answer{}, headers(requestHead[:2]), true)),
	clients(message("end before the head", Answer{}, nil, true)),
	servers(message("response shorter than declared", Answer{}, append(headers(with(responseHead, "content-length", "100")), frame(h3wire.FrameData, []byte("short"))...), true)),
	servers(message("response longer than declared", Answer{}, append(headers(with(responseHead, "content-length", "2")), frame(h3wire.FrameData, []byte("longer"))...), true)),
	servers(message("push_promise", must3(h3wire.CodeIDError), frame(h3wire.FramePushPromise, []byte("\x00\x00\x00")), false)),
	servers(message("response head behind the trailers", must3(h3wire.CodeFrameUnexpected),
		repeat(headers(responseHead), headers(trailer), headers(trailer)), false)),
	servers(message("interim responses flood", Answer{}, []byte(strings.Repeat(string(headers([]qpackwire.Field{{Name: ":status", Value: "103"}})), 80)), false)),
	servers(message("data behind an interim response", must3(h3wire.CodeFrameUnexpected),
		append(headers([]qpackwire.Field{{Name: ":status", Value: "103"}}), frame(h3wire.FrameData, []byte("x"))...), false)),
	servers(message("status that is no number", Answer{}, headers([]qpackwire.Field{{Name: ":status", Value: "2x0"}}), true)),
	servers(message("end before the response", Answer{}, nil, true)),
}

// message is an attack that sends one message, as the client on a stream of its own, as the server for another response.
func message(name string, a Answer, b []byte, fin bool) Attack {
	return Attack{
		Name: name, Answer: a, Early: true, Level: wire.LevelApp, Chance: 0.9, // a server has few occasions
		Fits: func(p *Peer, k *packet) bool {
			if p.cfg.Role == wire.Client {
				return p.view.hasFresh(false)
			}
			_, ok := p.view.message(k)
			return ok
		},
		Packet: func(p *Peer, k *packet) bool {
			var id wire.StreamID
			if p.cfg.Role == wire.Client {
				id, _ = p.view.open(false)
			} else {
				id, _ = p.view.message(k)
				p.view.takeOver(id, k)
			}
			f := data(id, 0, string(b), fin)
			return k.add(f) || p.cfg.Role == wire.Server && k.replace(f)
		},
	}
}

func clients(a Attack) Attack {
	a.By = byClient
	return a
}

func servers(a Attack) Attack {
	a.By = byServer
	return a
}

var (
	requestHead = []qpackwire.Field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "srv"}, {Name: ":path", Value: "/echo/hostile"},
	}
	responseHead = []qpackwire.Field{{Name: ":status", Value: "200"}}
	trailer      = []qpackwire.Field{{Name: "x-trailer", Value: "1"}}
)

// with is a head with another field.
func with(head []qpackwire.Field, name, value string) []qpackwire.Field {
	return append(head[:len(head):len(head)], qpackwire.Field{Name: name, Value: value})
}

// headers is a HEADERS frame.
func headers(fields []qpackwire.Field) []byte {
	return frame(h3wire.FrameHeaders, qpackwire.AppendSection(nil, fields))
}

func repeat(all ...[]byte) (b []byte) {
	for _, x := range all {
		b = append(b, x...)
	}
	return b
}
