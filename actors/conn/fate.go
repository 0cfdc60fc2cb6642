package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/congestion"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// factKind says what a fact is about.
type factKind uint8

const (
	factAck            factKind = iota // at: the largest number that our ACK frame acknowledged
	factCrypto                         // CRYPTO bytes [at, at+size)
	factStream                         // STREAM bytes [at, at+size) of a row, and its FIN
	factReset                          // RESET_STREAM of a row
	factStop                           // STOP_SENDING of a row
	factMaxStreamData                  // MAX_STREAM_DATA of a row
	factStreamBlocked                  // STREAM_DATA_BLOCKED of a row
	factMaxData                        // at: the limit
	factMaxStreamsBidi                 // at: the limit
	factMaxStreamsUni                  // at: the limit
	factDataBlocked                    // at: the limit
	factNewID                          // at: the sequence number
	factRetireID                       // at: the sequence number
	factHandshakeDone
)

// fact is one thing that a sent packet carried and whose fate somebody wants to know.
type fact struct {
	at   uint64
	row  uint32
	gen  uint32
	size uint32
	kind factKind
	fin  bool
}

const (
	inlineFacts = 4
	spillFacts  = 8
	// maxFacts bounds the frames that are remembered of one packet.
	maxFacts = 200
)

// content is what the record of a sent packet keeps: a few facts in place, more in a chain of spills.
type content struct {
	facts [inlineFacts]fact
	spill int32 // 1 + the index of the first spill
	n     uint8 // facts in all
	again bool  // its facts were reported lost already, for a probe
}

// spill holds more facts of one packet.
type spill struct {
	facts [spillFacts]fact
	next  int32
}

// spills is the memory of all spills of a connection; they return to a free list.
type spills struct {
	nodes []spill
	free  int32
}

// take returns 1 + the index of an empty spill.
func (s *spills) take() int32 {
	if at := s.free; at != 0 {
		s.free = s.nodes[at-1].next
		s.nodes[at-1].next = 0
		return at
	}
	s.nodes = append(s.nodes, spill{})
	return int32(len(s.nodes))
}

// release frees a packet's chain; the facts in place remain.
func (s *spills) release(p *content) {
	for at := p.spill; at != 0; {
		node := &s.nodes[at-1]
		next := node.next
		node.next, s.free = s.free, at
		at = next
	}
	p.spill, p.n = 0, min(p.n, inlineFacts)
}

// forget frees the chains of a space whose packets will have no fate.
func (c *Conn) forget(sp wire.Space) {
	for pn, p, ok := c.loss.Outstanding(sp, 0); ok; pn, p, ok = c.loss.Outstanding(sp, pn+1) {
		c.sent.release(&p.Content)
	}
}

// fates is the Conn as recovery.Fates.
type fates Conn

// Acked implements recovery.Fates.
func (f *fates) Acked(sp wire.Space, _ wire.PacketNumber, p *recovery.Packet[content]) {
	c := (*Conn)(f)
	if c.path.size.acknowledged(sp, p) {
		c.found(int(p.Size))
	}
	c.each(&p.Content, sp, (*Conn).factAcked)
	c.sent.release(&p.Content)
}

// Lost implements recovery.Fates.
func (f *fates) Lost(sp wire.Space, pn wire.PacketNumber, p *recovery.Packet[content]) {
	c := (*Conn)(f)
	c.path.size.missed(c.now, sp, p)
	if !p.Content.again {
		c.each(&p.Content, sp, (*Conn).factLost)
	}
	c.sent.release(&p.Content)
	if t := c.cfg.Trace; t != nil {
		t.Lost(c.now, level(sp), pn, p.LossRule())
	}
}

// Spurious implements recovery.Fates.
func (f *fates) Spurious(sp wire.Space, _ wire.PacketNumber, p *recovery.Packet[content]) {
	c := (*Conn)(f)
	if p.Flags&recovery.SizeProbe != 0 {
		c.found(int(p.Size)) // it was no loss to the controller
		return
	}
	c.cc.OnSpurious(c.now, p.Sent)
	c.each(&p.Content, sp, (*Conn).factAcked)
}

// each calls what for every fact of a packet.
func (c *Conn) each(p *content, sp wire.Space, what func(*Conn, wire.Space, *fact)) {
	for i := range min(int(p.n), inlineFacts) {
		what(c, sp, &p.facts[i])
	}
	at := p.spill
	for left := int(p.n) - inlineFacts; left > 0; left -= spillFacts {
		node := &c.sent.nodes[at-1]
		for i := range min(left, spillFacts) {
			what(c, sp, &node.facts[i])
		}
		at = node.next
	}
}

// level is the encryption level of a space's packets; 0-RTT is not sent.
func level(sp wire.Space) wire.Level {
	return [...]wire.Level{wire.LevelInitial, wire.LevelHandshake, wire.LevelApp}[sp]
}

func (c *Conn) factAcked(sp wire.Space, f *fact) {
	switch f.kind {
	case factAck:
		c.spaces[sp].received.acknowledged(wire.PacketNumber(f.at))
	case factCrypto:
		c.crypto.levels[sp].out.Acked(wire.Offset(f.at), wire.Offset(f.at)+wire.Offset(f.size))
	case factRetireID:
		c.ids.peer.settled(f.at, true)
	case factStream:
		switch r := c.streams.at(f.row, f.gen); {
		case r == nil:
		case r.whole:
			c.keptAcked(r, f)
		default:
			d := c.streams.filling(r)
			d.Fates = appendRange(d.Fates, f, false)
		}
	case factReset:
		switch r := c.streams.at(f.row, f.gen); {
		case r == nil:
		case r.whole:
			c.arrived(r)
		default:
			c.streams.filling(r).AckedReset = true
		}
	}
}

func (c *Conn) factLost(sp wire.Space, f *fact) {
	switch f.kind {
	case factCrypto:
		c.crypto.levels[sp].out.Lost(wire.Offset(f.at), wire.Offset(f.at)+wire.Offset(f.size))
	case factStream, factReset, factStop, factMaxStreamData, factStreamBlocked:
		switch r := c.streams.at(f.row, f.gen); {
		case r == nil:
		case r.whole && (f.kind == factStream || f.kind == factReset):
			c.keptLost(r, f)
		case r.link != nil:
			tellLost(c.streams.filling(r), f)
		}
	case factMaxData:
		// RFC 9000 s13.3: the latest limit is sent again; an older one was replaced.
		c.owed.maxData = c.owed.maxData || f.at == uint64(c.flow.recv.Limit())
	case factMaxStreamsBidi:
		c.owed.maxStreams[0] = c.owed.maxStreams[0] || f.at == c.streams.peer[0].Limit()
	case factMaxStreamsUni:
		c.owed.maxStreams[1] = c.owed.maxStreams[1] || f.at == c.streams.peer[1].Limit()
	case factDataBlocked:
		c.flow.send.BlockedLost(wire.Offset(f.at))
	case factNewID:
		c.ids.local.lost(f.at)
	case factRetireID:
		c.ids.peer.settled(f.at, false)
	case factHandshakeDone:
		c.owed.handshakeDone = true
	case factAck: // a later ACK says more
	}
}

func tellLost(d *port.Deliver, f *fact) {
	switch f.kind {
	case factStream:
		d.Fates = appendRange(d.Fates, f, true)
	case factReset:
		d.LostReset = true
	case factStop:
		d.LostStop = true
	case factMaxStreamData:
		d.LostMaxData = true
	case factStreamBlocked:
		d.LostBlocked = true
	}
}

// appendRange adds the bytes of a fact, merged with a neighbour that came just before: ACK ranges are walked downwards.
func appendRange(to []port.SentRange, f *fact, lost bool) []port.SentRange {
	r := port.SentRange{Lo: wire.Offset(f.at), Hi: wire.Offset(f.at) + wire.Offset(f.size), Fin: f.fin, Lost: lost}
	if n := len(to); n > 0 && to[n-1].Lost == lost {
		switch last := &to[n-1]; {
		case last.Hi == r.Lo && !last.Fin:
			last.Hi, last.Fin = r.Hi, r.Fin
			return to
		case last.Lo == r.Hi && !r.Fin:
			last.Lo = r.Lo
			return to
		}
	}
	return append(to, r)
}

// ackFrame takes an ACK frame of a packet, received at the given time.
func (c *Conn) ackFrame(f *wire.Ack, p *port.RxPacket, at mono.Time) error {
	sp := p.Level.Space()
	exponent := uint8(wire.DefaultAckDelayExponent)
	if sp == wire.SpaceApp && c.crypto.params != nil {
		exponent = c.crypto.params.AckDelayExponent
	}
	o, err := c.loss.OnAck(at, sp, f, f.DelayTime(exponent), c.cc.RecoveryStart())
	if err != nil {
		return err
	}
	if sp == wire.SpaceApp {
		if err := c.keyPhaseAcked(f.Largest, p.Phase, at); err != nil {
			return err
		}
	}
	if o.Packets > 0 {
		// RFC 9002 s6.2.1: the PTO begins anew; what was to be probed is known.
		c.spaces[sp].probes = 0
	}
	c.congest(&o, sp)
	return nil
}

// congest tells the congestion controller what an ACK frame or a timeout amounted to.
func (c *Conn) congest(o *recovery.Outcome, sp wire.Space) {
	c.judgeSize()
	if o.LostPackets > 0 {
		c.cc.OnCongestion(c.now, congestion.Loss{Sent: o.LostSent, Packets: o.LostPackets})
	}
	if o.PersistentCongestion {
		c.cc.OnPersistentCongestion(c.now)
	}
	if o.Packets > 0 {
		largest := wire.NoPacketNumber
		if sp == wire.SpaceApp {
			largest = o.Largest
		}
		c.cc.OnAcked(c.now, congestion.Ack{
			Bytes: o.GrowthBytes, Sent: o.NewestSent, Largest: largest, PriorInFlight: o.PriorInFlight,
			RTT: o.RTT, Smoothed: c.loss.RTT().Smoothed(), AppLimited: o.AppLimited,
		})
	}
	c.pacer.Update(c.now, c.cc.Window(), c.loss.RTT().Smoothed(), c.cc.InSlowStart())
	c.traceMetrics()
}

func (c *Conn) traceMetrics() {
	if t := c.cfg.Trace; t != nil {
		t.Metrics(c.now, c.metrics())
	}
}

func (c *Conn) metrics() port.Metrics {
	rtt := c.loss.RTT()
	return port.Metrics{
		MinRTT: rtt.Min(), SmoothedRTT: rtt.Smoothed(), LatestRTT: rtt.Latest(), RTTVariance: rtt.Variation(),
		Window: c.cc.Window(), Threshold: c.cc.SlowStartThreshold(), InFlight: c.loss.BytesInFlight(),
		PTOCount: c.loss.Backoff(), SlowStart: c.cc.InSlowStart(), Datagram: c.path.datagram,
	}
}
