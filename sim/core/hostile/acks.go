package hostile

import "quicpro/wire"

// acks are lies about what has arrived. RFC 9000 s13.1, s19.3, s21.4.
var acks = []Attack{
	{Name: "ack of packets never sent", Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool {
		return k.add(ack(p.heard(k)+1<<20, 3, 0))
	}},
	{Name: "ack of handshake packets never sent", Level: wire.LevelHandshake, Early: true, Once: true, Chance: 1,
		Answer: must(wire.ProtocolViolation), Packet: func(p *Peer, k *packet) bool { return k.add(ack(1<<20, 0, 0)) }},
	// RFC 9001 s6.2: where it names the first packet of a key phase that the attacker has not seen, it is a KEY_UPDATE_ERROR.
	{Name: "optimistic ack", Answer: may(wire.ProtocolViolation, wire.KeyUpdateError), Fits: hasHeard, Packet: func(p *Peer, k *packet) bool {
		return k.add(ack(p.heard(k)+1+uint64(p.draw("ahead", 4)), 0, 0))
	}},
	{Name: "ack of all below", Answer: may(wire.ProtocolViolation), Fits: hasHeard, Packet: func(p *Peer, k *packet) bool {
		return k.add(ack(p.heard(k), p.heard(k), 0)) // numbers that were skipped among them
	}},
	{Name: "ack with a huge delay", Fits: hasHeard, Packet: func(p *Peer, k *packet) bool {
		return k.add(ack(p.heard(k), 0, wire.MaxVarint))
	}},
	{Name: "ack below zero", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.add(ack(3, 4, 0))
	}},
	{Name: "ack with ranges below zero", Answer: must(wire.FrameEncodingError), Packet: adding(
		varints(uint64(wire.TypeAck), 5, 0, 1, 0, 9, 0))},
	{Name: "ack with endless ranges", Answer: must(wire.FrameEncodingError), Packet: func(p *Peer, k *packet) bool {
		return k.replace(varints(uint64(wire.TypeAck), 5, 0, 1<<60, 0))
	}},
	{Name: "ecn counts that lie", Fits: hasHeard, Packet: func(p *Peer, k *packet) bool {
		b := ack(p.heard(k), 0, 0)
		b[0] = byte(wire.TypeAckECN)
		return k.add(append(b, varints(uint64(p.draw("ect0", 1<<30)), uint64(p.draw("ect1", 3)), uint64(p.draw("ce", 1<<20)))...))
	}},
	{Name: "the same ack many times", Fits: hasHeard, Packet: func(p *Peer, k *packet) bool {
		return k.fill(func(b []byte) []byte { return append(b, ack(p.heard(k), 0, 0)...) })
	}},
	{Name: "acks withheld", Chance: 0.9, Fits: func(p *Peer, k *packet) bool { return p.view.has(k, wire.TypeAck, wire.TypeAckECN) },
		Packet: func(p *Peer, k *packet) bool {
			k.frames = p.view.without(k.frames, func(f *wire.Frame) bool { return f.Type == wire.TypeAck || f.Type == wire.TypeAckECN })
			return true
		}},
}

func hasHeard(p *Peer, k *packet) bool { return p.view.largest[k.level.Space()] >= 0 }

// heard is the largest number that the victim has used, as far as is known.
func (p *Peer) heard(k *packet) uint64 { return uint64(max(p.view.largest[k.level.Space()], 0)) }

// ack is an ACK of largest and what is directly below it.
func ack(largest, below, delay uint64) raw {
	return varints(uint64(wire.TypeAck), largest, delay, 0, below)
}
