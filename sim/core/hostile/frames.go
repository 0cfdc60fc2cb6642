package hostile

import (
	"slices"
	"strings"

	"quicpro/wire"
)

// credit is lies about limits. RFC 9000 s4.1, s4.6, s19.9 to s19.14.
var credit = []Attack{
	{Name: "limits lowered", Packet: func(p *Peer, k *packet) bool {
		b := wire.MaxData{}.Append(nil)
		b = wire.MaxStreams{Uni: true}.Append(wire.MaxStreams{}.Append(b))
		for _, id := range p.view.streams(true) {
			b = wire.MaxStreamData{ID: id}.Append(b)
		}
		return k.add(b)
	}},
	{Name: "credit withheld", Chance: 0.9, Fits: func(p *Peer, k *packet) bool { return p.view.has(k, credits...) },
		Packet: func(p *Peer, k *packet) bool {
			k.frames = p.view.without(k.frames, func(f *wire.Frame) bool { return slices.Contains(credits, f.Type) })
			return true
		}},
	{Name: "limits without end", Packet: adding(wire.MaxData{Max: wire.MaxVarint}, wire.MaxStreams{Max: wire.MaxStreamCount},
		wire.MaxStreams{Uni: true, Max: wire.MaxStreamCount})},
	{Name: "max_streams beyond 2^60", Answer: must(wire.FrameEncodingError),
		Packet: adding(varints(uint64(wire.TypeMaxStreamsBidi), wire.MaxStreamCount+1))},
	{Name: "streams_blocked beyond 2^60", Answer: must(wire.FrameEncodingError, wire.StreamLimitError),
		Packet: adding(varints(uint64(wire.TypeStreamsBlockedUni), wire.MaxStreamCount+1))},
	{Name: "credit for a stream that only the attacker sends on", Answer: must(wire.StreamStateError), Fits: freshUni,
		Packet: func(p *Peer, k *packet) bool {
			id, _ := p.view.open(true)
			return k.add(wire.MaxStreamData{ID: id, Max: 1 << 30}.Append(nil))
		}},
	{Name: "credit for a stream that the victim has not opened", Answer: must(wire.StreamStateError), Packet: func(p *Peer, k *packet) bool {
		return k.add(wire.MaxStreamData{ID: wire.MakeStreamID(p.cfg.Role.Peer(), true, 5000), Max: 1}.Append(nil))
	}},
	{Name: "data_blocked flood", Chance: 0.7, Packet: filling(wire.DataBlocked{Limit: 1})},
	{Name: "streams_blocked flood", Chance: 0.7, Packet: filling(wire.StreamsBlocked{Limit: 1})},
	{Name: "stream_data_blocked flood", Chance: 0.7, Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		f := wire.StreamDataBlocked{ID: p.made(), Limit: 1}
		return k.fill(f.Append)
	}},
}

// credits are the frames that let a victim send.
var credits = []wire.FrameType{wire.TypeMaxData, wire.TypeMaxStreamData, wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni}

// cryptos are lies with CRYPTO frames. RFC 9000 s7.5, RFC 9001 s4.1.3, s6.
var cryptos = []Attack{
	{Name: "crypto beyond the buffer", Answer: must(wire.CryptoBufferExceeded), Packet: adding(wire.Crypto{Offset: 1 << 24, Data: []byte("x")})},
	{Name: "crypto beyond 2^62", Answer: must(wire.FrameEncodingError, wire.CryptoBufferExceeded),
		Packet: adding(append(varints(uint64(wire.TypeCrypto), wire.MaxVarint, 4), "abcd"...))},
	{Name: "crypto pieces", Chance: 0.8, Answer: may(wire.CryptoBufferExceeded), Packet: func(p *Peer, k *packet) bool {
		return k.fill(func(b []byte) []byte {
			p.piece++
			return wire.Crypto{Offset: p.view.crypto[wire.LevelApp] + wire.Offset(10+2*p.piece%60_000), Data: []byte("x")}.Append(b)
		})
	}},
	{Name: "initial crypto beyond the buffer", Level: wire.LevelInitial, Early: true, Once: true, Chance: 1, Answer: must(wire.CryptoBufferExceeded),
		Packet: adding(wire.Crypto{Offset: 1 << 24, Data: []byte("x")})},
	{Name: "initial crypto pieces", Level: wire.LevelInitial, Early: true, Once: true, Chance: 1, Answer: may(wire.CryptoBufferExceeded),
		Packet: func(p *Peer, k *packet) bool {
			off := p.view.crypto[wire.LevelInitial] + 5000
			return k.fill(func(b []byte) []byte {
				off += 2
				return wire.Crypto{Offset: off, Data: []byte("x")}.Append(b)
			})
		}},
	{Name: "handshake crypto garbled", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1, Answer: Answer{Must: true, TLS: true},
		Fits: finishes, Packet: func(p *Peer, k *packet) bool {
			k.frames[len(k.frames)/2] ^= 0x55
			return true
		}},
	{Name: "tls key update", Once: true, Answer: Answer{Must: true, TLS: true}, Packet: tls("\x18\x00\x00\x01\x00")},
	{Name: "tls message of no known type", Once: true, Answer: Answer{Must: true, TLS: true}, Packet: tls("\xfe\x00\x00\x02ab")},
	{Name: "tls message without an end", Once: true, Answer: tooLong, Packet: tls("\x04\xff\xff\xff" + strings.Repeat("x", 500))},
	{Name: "finished again", Once: true, Answer: Answer{Must: true, TLS: true}, Packet: tls("\x14\x00\x00\x20" + strings.Repeat("f", 32))},
}

// tooLong is the answer to a message that says to be longer than any can be.
var tooLong = Answer{Must: true, TLS: true, Codes: must(wire.CryptoBufferExceeded).Codes}

// tls writes a message behind the CRYPTO bytes of 1-RTT packets.
func tls(message string) func(p *Peer, k *packet) bool {
	return func(p *Peer, k *packet) bool {
		return k.add(wire.Crypto{Offset: p.view.crypto[wire.LevelApp], Data: []byte(message)}.Append(nil))
	}
}

// ids are lies with connection IDs. RFC 9000 s5.1, s19.15, s19.16.
var ids = []Attack{
	{Name: "new connection ids flood", Answer: must(wire.ConnectionIDLimitError), Packet: func(p *Peer, k *packet) bool {
		var b []byte
		for i := range uint64(20) {
			b = p.newID(1000+i, 0).Append(b)
		}
		return k.replace(b)
	}},
	{Name: "retirements flood", Chance: 0.7, Answer: may(wire.ConnectionIDLimitError), Packet: func(p *Peer, k *packet) bool {
		return k.fill(func(b []byte) []byte {
			p.piece++
			return p.newID(uint64(1000+p.piece), uint64(1000+p.piece)).Append(b)
		})
	}},
	{Name: "connection id again under another number", Answer: must(wire.ProtocolViolation),
		Fits: func(p *Peer, _ *packet) bool { return p.view.issued != nil }, Packet: func(p *Peer, k *packet) bool {
			f := *p.view.issued
			f.Seq += 50
			return k.add(f.Append(nil))
		}},
	{Name: "another connection id under the same number", Answer: must(wire.ProtocolViolation),
		Fits: func(p *Peer, _ *packet) bool { return p.view.issued != nil }, Packet: func(p *Peer, k *packet) bool {
			return k.add(p.newID(p.view.issued.Seq, 0).Append(nil))
		}},
	{Name: "retire prior to beyond the number", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.add(p.newID(5, 6).Append(nil))
	}},
	{Name: "connection id of no bytes", Answer: must(wire.FrameEncodingError),
		Packet: adding(append(varints(uint64(wire.TypeNewConnectionID), 9, 0, 0), make([]byte, 16)...))},
	{Name: "connection id of 21 bytes", Answer: must(wire.FrameEncodingError),
		Packet: adding(append(varints(uint64(wire.TypeNewConnectionID), 9, 0, 21), make([]byte, 37)...))},
	{Name: "retirement of an id never issued", Answer: must(wire.ProtocolViolation), Packet: adding(wire.RetireConnectionID{Seq: 1 << 30})},
	{Name: "retirement of every id", Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool {
		var b []byte
		for i := range uint64(12) { // the one in use is among them, or one never issued
			b = wire.RetireConnectionID{Seq: i}.Append(b)
		}
		return k.add(b)
	}},
	{Name: "retirement of spare ids", Chance: 0.5, Answer: may(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool {
		p.retired++
		return k.add(wire.RetireConnectionID{Seq: p.retired}.Append(nil))
	}},
}

// newID makes up a connection ID.
func (p *Peer) newID(seq, retire uint64) wire.NewConnectionID {
	f := wire.NewConnectionID{Seq: seq, RetirePriorTo: retire}
	b := []byte{0xee, byte(seq >> 16), byte(seq >> 8), byte(seq), 1, 2, 3, byte(p.cfg.Role)}
	f.ID, _ = wire.MakeConnectionID(b)
	copy(f.Token[:], b)
	return f
}

// frames are frames that must not be there, or make no sense. RFC 9000 s12.4, s19.
var frames = []Attack{
	{Name: "path challenge flood", Chance: 0.7, Packet: filling(wire.PathChallenge{Data: [8]byte{1, 2, 3}})},
	{Name: "path response that nobody asked for", Packet: adding(wire.PathResponse{Data: [8]byte{1, 2, 3}})},
	{Name: "handshake_done of a client", By: byClient, Answer: must(wire.ProtocolViolation), Packet: adding(wire.HandshakeDone{})},
	{Name: "handshake_done many times", By: byServer, Packet: filling(wire.HandshakeDone{})},
	{Name: "new_token of a client", By: byClient, Answer: must(wire.ProtocolViolation), Packet: adding(wire.NewToken{Token: []byte("token")})},
	{Name: "new_token flood", By: byServer, Packet: filling(wire.NewToken{Token: []byte("a token of some length")})},
	{Name: "new_token of no bytes", By: byServer, Answer: must(wire.FrameEncodingError), Packet: adding(varints(uint64(wire.TypeNewToken), 0))},
	{Name: "frame of an unknown type", Answer: must(wire.FrameEncodingError), Packet: adding(varints(0x2f, 1, 2, 3))},
	{Name: "frame of an unknown long type", Answer: must(wire.FrameEncodingError), Packet: adding(varints(0x123456789))},
	{Name: "frame type in too many bytes", Answer: must(wire.ProtocolViolation), Packet: adding(raw{0x40, byte(wire.TypePing)})},
	{Name: "frame cut short", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.replace([]byte{byte(wire.TypePing), byte(wire.TypeMaxStreamData), 0})
	}},
	{Name: "frame type cut short", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.replace([]byte{byte(wire.TypePing), byte(wire.TypePing), byte(wire.TypePing), 0x80})
	}},
	{Name: "data longer than its packet", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.replace(append(varints(0x0a, 0, 5000), "short"...))
	}},
	{Name: "close with an odd code", Once: true, Packet: adding(
		wire.ConnectionClose{Code: wire.MaxVarint, FrameType: 0x77, Reason: []byte(strings.Repeat("\xff\xfe\x00", 30))})},
	{Name: "close with a huge reason", Once: true, Packet: func(p *Peer, k *packet) bool {
		return k.replace(wire.ConnectionClose{App: true, Code: wire.MaxVarint, Reason: []byte(strings.Repeat("why? ", 200))}.Append(nil))
	}},
	{Name: "close with more frames behind", Once: true, Packet: adding(wire.ConnectionClose{Code: 0x0a}, wire.Ping{},
		varints(0x2f, 0x2f))},
	{Name: "close with a reason cut short", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.replace(varints(uint64(wire.TypeConnectionClose), 1, 0, 900))
	}},
	{Name: "application close during the handshake", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1,
		Answer: must(wire.ProtocolViolation), Packet: adding(wire.ConnectionClose{App: true, Code: 1})},
	{Name: "stream data during the handshake", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1,
		Answer: must(wire.ProtocolViolation), Packet: adding(wire.Stream{ID: 0, Data: []byte("x")})},
	{Name: "handshake_done during the handshake", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1,
		Answer: must(wire.ProtocolViolation), Packet: adding(wire.HandshakeDone{})},
	{Name: "new connection id in an initial packet", Level: wire.LevelInitial, Early: true, Once: true, Chance: 1,
		Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool { return k.add(p.newID(1, 0).Append(nil)) }},
}

// filling is a Packet that has nothing but one frame, many times.
func filling(f interface{ Append([]byte) []byte }) func(*Peer, *packet) bool {
	return func(_ *Peer, k *packet) bool { return k.fill(f.Append) }
}
