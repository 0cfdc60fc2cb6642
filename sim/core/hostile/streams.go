package hostile

import "quicpro/wire"

// streams are lies with STREAM frames. RFC 9000 s4, s19.8.
var streams = []Attack{
	{Name: "stream data beyond credit", Answer: must(wire.FlowControlError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		return k.add(data(p.made(), 1<<40, "x", false))
	}},
	{Name: "stream data beyond 2^62", Answer: must(wire.FrameEncodingError, wire.FlowControlError), Fits: freshAny,
		Packet: func(p *Peer, k *packet) bool {
			b := varints(0x0e, uint64(p.made()), wire.MaxVarint, 10) // STREAM with offset and length
			return k.add(append(b, make([]byte, 10)...))
		}},
	{Name: "stream data beyond its final size", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(append(data(id, 50, "the end", true), data(id, 60, "more", false)...))
	}},
	{Name: "final size changed", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(append(data(id, 50, "", true), data(id, 51, "", true)...))
	}},
	{Name: "final size falling", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(append(data(id, 50, "", true), data(id, 40, "", true)...))
	}},
	{Name: "final size below data", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(append(data(id, 50, "data", false), data(id, 20, "", true)...))
	}},
	{Name: "other bytes at the same offset", Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(append(data(id, 5, "aaaaaaaa", false), data(id, 3, "bbbbbb", false)...))
	}},
	{Name: "data of a stream that the victim has not opened", Answer: must(wire.StreamStateError), Packet: func(p *Peer, k *packet) bool {
		return k.add(data(wire.MakeStreamID(p.cfg.Role.Peer(), false, 5000), 0, "x", false))
	}},
	{Name: "data of a stream that only the victim sends on", Answer: must(wire.StreamStateError), Packet: func(p *Peer, k *packet) bool {
		return k.add(data(wire.MakeStreamID(p.cfg.Role.Peer(), true, 0), 0, "x", false))
	}},
	{Name: "stream far away", Answer: must(wire.StreamLimitError), Packet: func(p *Peer, k *packet) bool {
		return k.add(data(wire.MakeStreamID(p.cfg.Role, p.draw("uni", 2) == 1, 1<<59), 0, "x", false))
	}},
	{Name: "bidirectional stream of a server", By: byServer, Answer: must(wire.StreamLimitError), Packet: func(p *Peer, k *packet) bool {
		return k.add(data(wire.MakeStreamID(wire.Server, false, 0), 0, "x", false))
	}},
	{Name: "tiny pieces", Chance: 0.8, Answer: may(wire.InternalError), Fits: freshOrPieces, Packet: func(p *Peer, k *packet) bool {
		return p.pieces(k, 0)
	}},
	{Name: "tiny pieces of many streams", Chance: 0.8, Answer: may(wire.InternalError), Fits: freshOrPieces,
		Packet: func(p *Peer, k *packet) bool { return p.pieces(k, 100) }},
	{Name: "empty stream frames", Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.fill(func(b []byte) []byte { return append(b, data(id, 0, "", false)...) })
	}},
	{Name: "streams that stay open", By: byClient, Chance: 0.8, Answer: may(wire.StreamLimitError), Fits: freshBidi,
		Packet: func(p *Peer, k *packet) bool {
			var b []byte
			for range 20 {
				if p.view.hasFresh(false) {
					b = append(b, data(p.made(), 0, "\x01", false)...)
				}
			}
			return k.add(b)
		}},
	{Name: "rapid reset", By: byClient, Chance: 0.8, Answer: may(wire.StreamLimitError), Fits: freshBidi,
		Packet: func(p *Peer, k *packet) bool {
			var b []byte
			for range 20 {
				if !p.view.hasFresh(false) {
					break
				}
				id, head := p.made(), headers(requestHead)
				b = append(b, data(id, 0, string(head), false)...)
				b = wire.ResetStream{ID: id, Code: 0x10c, FinalSize: wire.Offset(len(head))}.Append(b)
			}
			return k.replace(b)
		}},
}

// resets are lies about the ends of streams. RFC 9000 s4.5, s19.4, s19.5.
var resets = []Attack{
	{Name: "reset below data", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(wire.ResetStream{ID: id, FinalSize: 5}.Append(data(id, 50, "data", false)))
	}},
	{Name: "reset at another final size", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(wire.ResetStream{ID: id, FinalSize: 60}.Append(data(id, 50, "", true)))
	}},
	{Name: "two resets", Answer: must(wire.FinalSizeError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		id := p.made()
		return k.add(wire.ResetStream{ID: id, FinalSize: 7}.Append(wire.ResetStream{ID: id, FinalSize: 6}.Append(nil)))
	}},
	{Name: "reset beyond credit", Answer: must(wire.FlowControlError), Fits: freshAny, Packet: func(p *Peer, k *packet) bool {
		return k.add(wire.ResetStream{ID: p.made(), FinalSize: 1 << 50}.Append(nil))
	}},
	{Name: "reset of a stream that only the victim sends on", Answer: must(wire.StreamStateError), Packet: func(p *Peer, k *packet) bool {
		return k.add(wire.ResetStream{ID: wire.MakeStreamID(p.cfg.Role.Peer(), true, 0)}.Append(nil))
	}},
	{Name: "stop of a stream that only the attacker sends on", Answer: must(wire.StreamStateError), Fits: freshUni,
		Packet: func(p *Peer, k *packet) bool {
			id, _ := p.view.open(true)
			return k.add(wire.StopSending{ID: id}.Append(nil))
		}},
	{Name: "stop of a stream that the victim has not opened", Answer: must(wire.StreamStateError), Packet: func(p *Peer, k *packet) bool {
		return k.add(wire.StopSending{ID: wire.MakeStreamID(p.cfg.Role.Peer(), true, 5000)}.Append(nil))
	}},
	{Name: "stop sending storm", Fits: func(p *Peer, _ *packet) bool { return len(p.view.streams(true)) > 0 },
		Packet: func(p *Peer, k *packet) bool {
			all, i := p.view.streams(true), 0
			return k.fill(func(b []byte) []byte {
				i++
				return wire.StopSending{ID: all[i%len(all)], Code: wire.AppErrorCode(i)}.Append(b)
			})
		}},
}

// made makes up a stream: a bidirectional one of a client, else a unidirectional one.
func (p *Peer) made() wire.StreamID {
	id, ok := p.view.open(false)
	if !ok {
		id, _ = p.view.open(true)
	}
	return id
}

func freshAny(p *Peer, _ *packet) bool  { return p.view.hasFresh(false) || p.view.hasFresh(true) }
func freshBidi(p *Peer, _ *packet) bool { return p.view.hasFresh(false) }
func freshUni(p *Peer, _ *packet) bool  { return p.view.hasFresh(true) }

func freshOrPieces(p *Peer, k *packet) bool { return len(p.pieced) > 0 || freshAny(p, k) }

// pieces fills a packet with single bytes that never meet, of one stream or of more.
func (p *Peer) pieces(k *packet, more int) bool {
	for freshAny(p, k) && len(p.pieced) <= more {
		p.pieced = append(p.pieced, p.made())
	}
	return k.fill(func(b []byte) []byte {
		id := p.pieced[p.piece%len(p.pieced)]
		off := 2 + 2*(p.piece/len(p.pieced))
		p.piece++
		return append(b, data(id, wire.Offset(off), "x", false)...)
	})
}

// data is a STREAM frame.
func data(id wire.StreamID, off wire.Offset, s string, fin bool) []byte {
	return wire.Stream{ID: id, Offset: off, Data: []byte(s), Fin: fin}.Append(nil)
}
