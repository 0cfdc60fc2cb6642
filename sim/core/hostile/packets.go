package hostile

import (
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
	{Name: "bit flipped", Answer: Answer{Any: true}, Packet: func(p *Peer, k *packet) bool {
		k.frames[p.draw("byte", len(k.frames))] ^= 1 << p.draw("bit", 8)
		return true
	}},
	{Name: "bytes replaced", Answer: Answer{Any: true}, Packet: func(p *Peer, k *packet) bool {
		at := p.draw("byte", len(k.frames))
		for i := at; i < min(at+8, len(k.frames)); i++ {
			k.frames[i] = byte(p.cfg.Place.Uint64(p.n, "replaced"+string(rune('0'+i-at))))
		}
		return true
	}},
	{Name: "packet cut short", Answer: Answer{Any: true}, Packet: func(p *Peer, k *packet) bool {
		k.frames = k.frames[:p.draw("cut", len(k.frames))]
		return true
	}},
	{Name: "noise behind the frames", Answer: Answer{Any: true}, Packet: func(p *Peer, k *packet) bool {
		for i := range min(k.room(), 40) {
			k.frames = append(k.frames, byte(p.cfg.Place.Uint64(p.n+uint64(i)<<32, "noise")))
		}
		return true
	}},
	{Name: "initial garbled", Level: wire.LevelInitial, Early: true, Once: true, Chance: 1, Answer: Answer{Any: true},
		Packet: func(p *Peer, k *packet) bool {
			k.frames[p.draw("byte", min(len(k.frames), 300))] ^= 1 << p.draw("bit", 8)
			return true
		}},
	{Name: "frames in another order", Packet: func(p *Peer, k *packet) bool {
		all := p.view.list(k.frames)
		slices.Reverse(all)
		k.frames = slices.Concat(all...) // a byte or two longer
		return len(all) > 1
	}},
	{Name: "frames twice", Packet: func(p *Peer, k *packet) bool { return k.add(slices.Concat(p.view.list(k.frames)...)) }},
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
	{Name: "datagram behind the next", Datagram: func(p *Peer, d *datagram) []*datagram {
		held := p.held
		p.held = d
		if held == nil {
			return nil
		}
		return []*datagram{held}
	}},
}
