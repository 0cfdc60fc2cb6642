package conn

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// The sizes of datagrams are the rungs of a ladder: minDatagram, which every path carries; safeDatagram, which nearly every does; the
// usual size, and larger ones. Each of those needs a probe that comes back; the usual one is probed as soon as there is bulk to send.
const (
	// minDatagram is what a path must carry, in bytes (RFC 9000 s14).
	minDatagram = 1200
	// safeDatagram is what is sent before the handshake is complete, and when the usual size is too long: what IPv6 carries at least
	// (1,280 bytes, RFC 8200 s5), less its header and UDP's. RFC 9000 s14 assumes as much of IPv4.
	safeDatagram = 1232
)

// size is how large the datagrams of a path are: path MTU discovery by packets alone (RFC 9000 s14.3, RFC 8899).
type size struct {
	datagram int   // the largest to send
	usual    int   // what an Ethernet carries
	most     int   // what the peer takes
	larger   []int // in rising order: what is searched for
	search   search
	hole     hole
}

// search is the search for a larger size: one probe at a time, and only while bulk is sent.
type search struct {
	batch   *port.TxBatch // of the probe, until the socket has it
	flying  bool          // a probe is neither acknowledged nor lost
	lost    int8          // probes in a row
	carried int           // bytes acknowledged since the last answer, up to worthAProbe
	from    mono.Time     // no probe before
}

const (
	// worthAProbe is how many bytes a path must have carried before a probe of more than the usual size, and again before the next.
	worthAProbe = 256 << 10
	// maxProbes is how many lost probes end a search (RFC 8899 s5.1.2, MAX_PROBES).
	maxProbes = 3
	// raiseAfter is how long after the end of a search another begins (RFC 8899 s5.1.1, PMTU_RAISE_TIMER).
	raiseAfter = 10 * time.Minute
	// mendedAfter is how long after a black hole it is looked for again: it may have been an outage.
	mendedAfter = time.Minute
)

// hole is the evidence that the path carries no datagrams of the present size, and does not say so.
type hole struct {
	carried int  // the largest that was acknowledged, and
	missed  bool // one was lost, since the last judgement
	largest int  // of those that were lost since one as large was acknowledged
	count   int  // judgements that found losses, since then
}

// maxHoles is how many rounds of losses are the path's limit, and no longer chance. An outage looks the same: to err costs a few percent of the
// rate until the size is found again, not to tell a hole the connection.
const maxHoles = 3

func newSize(cfg *Config) size {
	return size{datagram: min(safeDatagram, cfg.MaxDatagram), usual: cfg.MaxDatagram, most: wire.DefaultMaxUDPPayloadSize, larger: cfg.SearchDatagrams}
}

// taken bounds all sizes by what the peer takes (RFC 9000 s18.2, max_udp_payload_size).
func (s *size) taken(most uint64) {
	s.most = int(min(uint64(s.most), most))
	s.usual = min(s.usual, s.most)
	s.datagram = min(s.datagram, s.usual)
}

// smaller is the next size below the present one, or the same.
func (s *size) smaller() int {
	for i := len(s.larger) - 1; i >= 0; i-- {
		if s.larger[i] < s.datagram {
			return s.larger[i]
		}
	}
	switch {
	case s.datagram > s.usual:
		return s.usual
	case s.datagram > safeDatagram:
		return safeDatagram
	}
	return min(s.datagram, minDatagram)
}

// next is the next size above the present one, or zero if the peer takes no larger one.
func (s *size) next() int {
	if s.datagram < s.usual {
		return s.usual
	}
	for _, n := range s.larger {
		if n > s.datagram && n <= s.most {
			return n
		}
	}
	return 0
}

// large reports whether a packet tells whether the path carries more than the next smaller size. What is left of a size that was given up does not.
func (s *size) large(sp wire.Space, p *recovery.Packet[content]) bool {
	return sp == wire.SpaceApp && int(p.Size) > s.smaller() && int(p.Size) <= s.datagram && p.Flags&recovery.SizeProbe == 0
}

// acknowledged notes that the path carried a packet. If it was a probe, it reports true.
func (s *size) acknowledged(sp wire.Space, p *recovery.Packet[content]) (probe bool) {
	if s.large(sp, p) {
		s.hole.carried = max(s.hole.carried, int(p.Size))
	}
	if s.search.carried < worthAProbe {
		s.search.carried += int(p.Size)
	}
	return p.Flags&recovery.SizeProbe != 0
}

// missed notes that a packet was lost.
func (s *size) missed(now mono.Time, sp wire.Space, p *recovery.Packet[content]) {
	s.miss(sp, p)
	if p.Flags&recovery.SizeProbe != 0 {
		x := &s.search
		x.flying, x.carried = false, 0
		if x.lost++; x.lost >= maxProbes {
			x.lost, x.from = 0, now.Add(raiseAfter)
		}
	}
}

// miss notes that nothing was heard of a packet.
func (s *size) miss(sp wire.Space, p *recovery.Packet[content]) {
	if h := &s.hole; s.large(sp, p) {
		h.missed, h.largest = true, max(h.largest, int(p.Size))
	}
}

// fits judges the size after an ACK frame or a timeout. It reports false when the path carries smaller datagrams only: RFC
// 8899 s4.3 calls it a black hole. ICMP does not tell us, since the socket lets the kernel ignore it (RFC 9000 s14.2.1).
func (s *size) fits() bool {
	h := &s.hole
	switch {
	case h.carried >= h.largest:
		*h = hole{} // a path may carry small ones of these only
	case h.missed:
		h.count++
	}
	h.carried, h.missed = 0, false
	return h.count < maxHoles
}

// judgeSize goes back to smaller datagrams when those of the present size vanish.
func (c *Conn) judgeSize() {
	if s := &c.path.size; !s.fits() {
		c.resize(s.smaller())
		s.search.from = c.now.Add(mendedAfter)
	}
}

// resize changes how large datagrams are.
func (c *Conn) resize(bytes int) {
	s := &c.path.size
	s.datagram, s.hole = bytes, hole{}
	s.search.carried, s.search.lost = 0, 0
	c.cc.SetMaxDatagramSize(bytes)
	c.pacer.SetMaxDatagramSize(bytes)
}

// found takes the acknowledgment of a probe.
func (c *Conn) found(bytes int) {
	c.path.size.search.flying = false
	if bytes > c.path.datagram {
		c.resize(bytes)
	}
}

// tooLong takes the socket's word that a datagram of a batch is longer than the first link carries. What was too long counts as lost, by
// loss detection (RFC 9000 s14.3).
func (c *Conn) tooLong(b *port.TxBatch) {
	s := &c.path.size
	if b == s.search.batch {
		s.search.lost = maxProbes - 1 // its loss will be the last
		return
	}
	for i := range b.Runs {
		if n := b.Runs[i].SegmentSize; n > s.smaller() && n <= s.datagram { // others are of a size that was given up, or not to blame
			c.resize(s.smaller())
			s.search.from = c.now.Add(raiseAfter)
			return
		}
	}
}

// seek sends a probe of the next larger size if it is time, and bulk is about to follow (RFC 9000 s14.4): a PING, and padding.
func (c *Conn) seek() {
	s, k := &c.path.size, &c.packing
	x := &s.search
	if x.carried < worthAProbe && s.datagram >= s.usual || x.flying || c.now < x.from || !c.crypto.complete || c.loss.Full(wire.SpaceApp) || c.spaces[wire.SpaceApp].probes > 0 {
		return
	}
	bytes := s.next()
	if bytes == 0 || min(k.allowance, c.backlog()) < bytes {
		return // what fits is found in front of more bytes, not behind the last
	}
	b := c.tx.take(c.cfg.TxPool, true)
	if b == nil {
		return
	}
	if !b.Big {
		c.tx.put(b) // there is no big one now; a small one does not come home
		return
	}
	k.begin(b)
	c.openPacket(wire.LevelApp, bytes)
	k.p.eliciting, k.p.sizing = true, true
	k.b = wire.Ping{}.Append(k.b)
	c.closePacket(bytes)
	appendRun(b, c.path.addr, 0, bytes)
	b.B = k.b
	x.batch, x.flying = b, true
	c.ship(b)
}
