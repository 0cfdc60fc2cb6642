package hostile

import (
	"bytes"
	"slices"

	"quicpro/wire"
)

// packets are attacks on whole packets and datagrams.
var packets = []Attack{
	{Name: "packet without frames", Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool {
		k.width, k.frames = samples, nil
		return true
	}},
	{Name: "packet of padding", Chance: 0.7, Packet: func(p *Peer, k *packet) bool { return k.fill(wire.Padding{Count: 1}.Append) }},
	{Name: "packet of pings", Chance: 0.7, Packet: func(p *Peer, k *packet) bool { return k.fill(wire.Ping{}.Append) }},
	{Name: "bit flipped", Answer: Answer{Any: true}, Fits: hasFrames, Packet: func(p *Peer, k *packet) bool {
		k.frames[p.draw("byte", len(k.frames))] ^= 1 << p.draw("bit", 8)
		return true
	}},
	{Name: "bytes replaced", Answer: Answer{Any: true}, Fits: hasFrames, Packet: func(p *Peer, k *packet) bool {
		at := p.draw("byte", len(k.frames))
		for i := at; i < min(at+8, len(k.frames)); i++ {
			k.frames[i] = byte(p.cfg.Place.Uint64(p.n, "replaced"+string(rune('0'+i-at))))
		}
		return true
	}},
	{Name: "packet cut short", Answer: Answer{Any: true}, Fits: hasFrames, Packet: func(p *Peer, k *packet) bool {
		k.frames = k.frames[:p.draw("cut", len(k.frames))]
		return true
	}},
	{Name: "noise behind the frames", Answer: Answer{Any: true}, Packet: func(p *Peer, k *packet) bool {
		for i := range min(k.room(), 40) {
			k.frames = append(k.frames, byte(p.cfg.Place.Uint64(p.n+uint64(i)<<32, "noise")))
		}
		return true
	}},
	{Name: "initial garbled", Fits: hasFrames, Level: wire.LevelInitial, Early: true, Once: true, Chance: 1, Answer: Answer{Any: true},
		Packet: func(p *Peer, k *packet) bool {
			k.frames[p.draw("byte", min(len(k.frames), 300))] ^= 1 << p.draw("bit", 8)
			return true
		}},
	{Name: "reserved bits of a short header", Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool {
		k.header[0] |= 0x18 // RFC 9000 s17.3.1
		return true
	}},
	{Name: "reserved bits of a long header", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1, Answer: must(wire.ProtocolViolation),
		Packet: func(p *Peer, k *packet) bool {
			k.header[0] |= 0x0c // RFC 9000 s17.2
			return true
		}},
	{Name: "packet number far ahead", Answer: olderKeys, Once: true, Packet: func(p *Peer, k *packet) bool {
		k.number, k.width = k.number+1<<20, samples
		return true
	}},
	{Name: "initial without its padding", By: byClient, Level: wire.LevelInitial, Early: true, Once: true, Chance: 1,
		Answer: may(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool { // RFC 9000 s14.1
			k.frames = p.view.without(k.frames, func(f *wire.Frame) bool { return f.Type == wire.TypePadding })
			k.frames = k.frames[:min(len(k.frames), 600)]
			return true
		}},
	{Name: "transport parameters garbled", By: byClient, Level: wire.LevelInitial, Early: true, Once: true, Chance: 1, Answer: Answer{Any: true},
		Fits: func(p *Peer, k *packet) bool { return parametersAt(k) > 0 }, Packet: func(p *Peer, k *packet) bool {
			at := parametersAt(k)
			k.frames[at+p.draw("byte", min(len(k.frames)-at, 60))] ^= 1 << p.draw("bit", 8)
			return true
		}},
	{Name: "frames in another order", Packet: func(p *Peer, k *packet) bool {
		all := p.view.list(k.frames)
		if len(all) < 2 {
			return false
		}
		slices.Reverse(all)
		k.frames = slices.Concat(all...) // a byte or two longer
		return true
	}},
	{Name: "frames twice", Packet: func(p *Peer, k *packet) bool { return k.add(slices.Concat(p.view.list(k.frames)...)) }},
	{Name: "1-RTT packet during the handshake", Data: true, Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1,
		Answer: may(wire.ProtocolViolation), Fits: finishes, Datagram: func(p *Peer, d *datagram) []*datagram {
			frames := data(p.made(), 0, "\x21", false)
			if p.cfg.Role == wire.Server {
				frames = wire.HandshakeDone{}.Append(frames)
			}
			early := &datagram{path: d.path, ecn: d.ecn}
			early.packets = []*packet{{level: wire.LevelApp, number: 0, width: samples, header: shortHeader(d.packets[0]), frames: frames}}
			return []*datagram{early, d, early}
		}},
	{Name: "finished withheld", Level: wire.LevelHandshake, Early: true, Chance: 1, Fits: finishes, Packet: func(p *Peer, k *packet) bool {
		k.frames = p.view.without(k.frames, func(f *wire.Frame) bool { return f.Type == wire.TypeCrypto })
		return true
	}},
	{Name: "datagram dropped", Datagram: func(p *Peer, d *datagram) []*datagram { return nil }},
	{Name: "datagram twice", Datagram: func(p *Peer, d *datagram) []*datagram { return []*datagram{d, d} }},
	{Name: "number used again for other frames", Datagram: func(p *Peer, d *datagram) []*datagram {
		again := &datagram{path: d.path, ecn: d.ecn}
		for _, k := range d.packets {
			other := *k
			other.frames = wire.Ping{}.Append(nil)
			again.packets = append(again.packets, &other)
		}
		return []*datagram{again, d}
	}},
	{Name: "datagram behind the next", Answer: olderKeys, Datagram: func(p *Peer, d *datagram) []*datagram {
		held := p.held
		p.held = d
		if held == nil {
			return nil
		}
		return []*datagram{held}
	}},
}

// olderKeys is the answer to packets that are sealed in another order than that of their numbers: between two key phases it is a fault
// (RFC 9001 s6.4).
var olderKeys = may(wire.KeyUpdateError)

// parametersAt finds the transport parameters in a ClientHello that is not encrypted: an extension of type 57 (RFC 9001
// s8.2) with max_idle_timeout, which every engine of ours declares, near its front. It returns 0 if they are not there.
func parametersAt(k *packet) int {
	for at := 0; ; {
		i := bytes.Index(k.frames[at:], []byte{0, 57, 0})
		if i < 0 || at+i+4 >= len(k.frames) {
			return 0
		}
		at += i + 4
		if k.frames[at-1] > 30 { // its length: in one byte
			return at
		}
	}
}

// hasFrames reports whether another attack has left anything in a packet.
func hasFrames(_ *Peer, k *packet) bool { return len(k.frames) > 0 }

// finishes reports whether a packet carries a part of the handshake.
func finishes(p *Peer, k *packet) bool { return p.view.has(k, wire.TypeCrypto) }

// shortHeader is for another packet to where one with a long header goes.
func shortHeader(k *packet) []byte {
	inv, _ := wire.ParseInvariant(k.header)
	id, _ := wire.MakeConnectionID(inv.DCID)
	return wire.AppendShortHeader(nil, id, false, false, samples)
}
