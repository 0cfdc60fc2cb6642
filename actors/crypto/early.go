package crypto

import (
	"bytes"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// maxEarlyPacket is the largest packet that is kept for its keys, in bytes: more than any handshake packet needs.
const maxEarlyPacket = 1500

// earlyPacket is a copy of a packet that came before its keys.
type earlyPacket struct {
	level wire.Level
	b     []byte
	size  int // of its datagram
	path  port.Path
	ecn   uint8
	at    mono.Time
}

// late lists a packet without keys and keeps a copy if its keys may still come.
//
// RFC 9001 s5.7: received packets may be stored and later decrypted. 0-RTT is never accepted, so its keys never come.
func (p *Protect) late(s *scan, level wire.Level, pkt []byte, dest, source wire.ConnectionID) {
	b := s.batch
	b.Packets = append(b.Packets, port.RxPacket{Kind: port.RxLate, Level: level, Datagram: s.index, Size: len(pkt), Source: source, Dest: dest})
	switch {
	case p.levels[level].gone || level == wire.LevelEarly:
		p.dropped(s, len(pkt), "keys are gone")
	case len(p.early) >= p.cfg.Limits.EarlyPackets || len(pkt) > maxEarlyPacket:
		p.dropped(s, len(pkt), "no room to wait for keys")
	default:
		p.early = append(p.early, earlyPacket{level: level, b: bytes.Clone(pkt), size: s.size, path: b.Path, ecn: b.ECN, at: b.At})
	}
}

// replay opens what waited for the read keys of a level, each packet where it was kept, and sends it to conn as a batch of its
// own, in which every packet counts as a datagram. A batch has one path, that of the first: whoever knows the connection's ID and sends a packet
// from another address must not take the others with it.
func (p *Protect) replay(now mono.Time, level wire.Level) {
	var b *port.RxBatch
	var s scan
	for i := range p.early {
		e := &p.early[i]
		if e.level != level {
			continue
		}
		if b == nil {
			b = port.NewRxBatch(nil, nil)
			b.Replay, b.Path = true, e.path
			s = scan{now: now, batch: b}
		}
		if e.path.Remote != b.Path.Remote {
			p.dropped(&s, len(e.b), "waited for keys with others of another address")
			continue
		}
		b.ECN, b.At = e.ecn, e.at
		s.size, s.later = e.size, false
		p.openDatagram(&s, e.b)
		s.index++
	}
	if b == nil {
		return
	}
	p.dropEarly(level)
	b.Fault = p.fault
	p.ports.ToConn.Send(b)
}

func (p *Protect) dropEarly(level wire.Level) {
	kept := p.early[:0]
	for _, e := range p.early {
		if e.level != level {
			kept = append(kept, e)
		}
	}
	clear(p.early[len(kept):])
	if p.early = kept; len(kept) == 0 {
		p.early = nil
	}
}
