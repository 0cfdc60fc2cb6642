package picture

import (
	"net/netip"
	"time"

	"quicpro/sim/core/link"
	"quicpro/wire"
)

// class is what a datagram is drawn as: that of its first packet, and of what is in it if that is a 1-RTT packet.
type class uint8

const (
	initialClass class = iota
	earlyClass
	handshakeClass
	dataClass    // 1-RTT with stream data
	ackClass     // 1-RTT with acknowledgements only
	controlClass // 1-RTT with other frames
	serviceClass // Retry, Version Negotiation
	otherClass   // unknown: no packet of a known connection
	closeClass   // with CONNECTION_CLOSE
)

// packet is one QUIC packet of a datagram.
type packet struct {
	level  wire.Level
	number wire.PacketNumber
	size   int
	text   string // its frames
	class  class

	lostAt time.Duration // declared lost by its sender; 0: never
	why    int           // words
}

// attribute finds the connection of a datagram and the side that sends it: -1 and nil if it is unknown.
func (r *Recorder) attribute(host int, to netip.AddrPort, b []byte) (int, *side) {
	c := r.connectionOf(to, b)
	if c == nil {
		return -1, nil
	}
	for i := len(c.sides) - 1; i >= 0; i-- {
		if s := c.sides[i]; s.host == host && len(s.queue) > 0 {
			return c.index, s
		}
	}
	return c.index, nil
}

// idLen is how long the connection IDs of short headers to a server are; those to a client have none.
const idLen = 8

// connectionOf knows a connection by its IDs, and learns new ones from long headers. What has none goes to a client, whose
// address, as the server sees it, is no other connection's.
func (r *Recorder) connectionOf(to netip.AddrPort, b []byte) *connection {
	inv, ok := wire.ParseInvariant(b)
	if !ok {
		return nil
	}
	id := inv.DCID
	if !inv.Long {
		id = inv.Rest[:min(idLen, len(inv.Rest))]
	}
	c := r.byID[string(id)]
	if c == nil {
		c = r.byPeer[to]
	}
	if c != nil && inv.Long && len(inv.SCID) > 0 {
		r.byID[string(inv.SCID)] = c
	}
	return c
}

// contents moves the packets of a datagram from its side's queue to the list, and classes it.
func (r *Recorder) contents(s *side, b []byte) class {
	kinds := link.Kinds(b)
	what := classOf(kinds)
	closes := false
	first := len(r.packets)
	for len(b) > 0 {
		level, size := wire.LevelApp, len(b)
		if b[0]&wire.LongHeaderBit != 0 {
			h, err := wire.ParseLongHeader(b)
			if err != nil || h.Type == wire.PacketRetry {
				break
			}
			level, size = h.Type.Level(), h.PacketLen
		}
		p := s.take(level, size)
		if p == nil {
			break
		}
		r.packets = append(r.packets, *p)
		s.byNumber[numbered{p.level.Space(), p.number}] = len(r.packets) - 1
		if closes = closes || p.class == closeClass; len(r.packets) == first+1 && level == wire.LevelApp {
			what = p.class
		}
		b = b[size:]
	}
	switch {
	case closes:
		return closeClass
	case kinds == link.OneRTT && len(r.packets) == first:
		return otherClass // a stateless reset, perhaps
	}
	return what
}

func classOf(k link.Kind) class {
	switch {
	case k&link.Initial != 0:
		return initialClass
	case k&link.ZeroRTT != 0:
		return earlyClass
	case k&link.Handshake != 0:
		return handshakeClass
	case k&(link.Retry|link.VersionNegotiation) != 0:
		return serviceClass
	case k&link.OneRTT != 0:
		return controlClass
	}
	return otherClass
}

// take removes a packet of that level and size from the queue, and those in front of it, which were never sent.
func (s *side) take(level wire.Level, size int) *packet {
	if s == nil {
		return nil
	}
	for i := range s.queue[:min(len(s.queue), maxSkipped)] {
		if p := s.queue[i]; p.level == level && p.size == size {
			s.queue = s.queue[i+1:]
			return &p
		}
	}
	return nil
}

const (
	maxSkipped = 200    // how many packets may be missing between two datagrams of a side
	maxQueued  = 10_000 // how many may be on their way from a side to its socket
)
