// Package recovery is QUIC loss detection (RFC 9002): what was sent, what became of it, and when to look again.
//
// It is pure: time is an argument, nothing waits, nothing allocates per packet. Each packet number space keeps its sent
// packets in a ring indexed by packet number. What became of a packet goes to the one Fates given at birth; what an ACK
// frame or a timeout amounts to comes back as an Outcome, which is what a congestion controller wants to know.
//
// The bytes in flight of RFC 9002 Appendix B are counted here, over all spaces and for the current path only
// (RFC 9000 s9.4).
package recovery

import (
	"fmt"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	// firstPacketThreshold is kPacketThreshold (RFC 9002 s6.1.1); reordering raises it up to maxPacketThreshold, which
	// also bounds how far one ACK frame is searched for lost packets.
	firstPacketThreshold = 3
	maxPacketThreshold   = 1024
	// probesReserve is how many records of a full ring are kept for probes.
	probesReserve = 16
	// reorderingMemory is for how long thresholds stay raised behind the last packet that was wrongly declared lost: one odd
	// delay shall not slow the repair of losses down for the rest of a connection.
	reorderingMemory = 10 * time.Second
	// defaultMaxPackets bounds the records of a space: with packets of 1200 bytes, 78 MB in flight.
	defaultMaxPackets = 1 << 16
)

// Fates hears what became of packets, one call each, while an input to Loss runs. It must not call that Loss; the
// record is valid during the call only.
type Fates[C any] interface {
	// Acked: the packet was acknowledged for the first time.
	Acked(space wire.Space, pn wire.PacketNumber, p *Packet[C])
	// Lost: the packet, which was in flight, is taken as lost, or its content must be sent again for another reason
	// (Retry, rejected 0-RTT, a full ring).
	Lost(space wire.Space, pn wire.PacketNumber, p *Packet[C])
	// Spurious: a packet reported Lost was acknowledged after all. What its content names may have ended meanwhile.
	Spurious(space wire.Space, pn wire.PacketNumber, p *Packet[C])
}

// Config is what a Loss is born with.
type Config[C any] struct {
	// Role is this endpoint's. A client probes until it knows that its address is validated.
	Role wire.Role
	// Fates hears what became of packets.
	Fates Fates[C]
	// InitialRTT is assumed before the first sample; zero means the constant InitialRTT.
	InitialRTT time.Duration
	// MaxPackets bounds the records of a space and is rounded up to a power of two; zero means 65,536.
	MaxPackets int
}

// Loss detects lost packets and decides when to probe, over all packet number spaces of a connection. Create it with
// NewLoss.
type Loss[C any] struct {
	fates  Fates[C]
	spaces [wire.NumSpaces]space[C]
	path   pathState
	timer  timer
	most   int // records a space may hold
}

// pathState is what belongs to the current path.
type pathState struct {
	id              uint8
	rtt             RTT
	inFlight        int // bytes
	packetThreshold wire.PacketNumber
	reordered       mono.Time     // when one was, last
	late            time.Duration // the longest time from the sending of a packet that was wrongly declared lost to its acknowledgment
}

// space is one packet number space.
type space[C any] struct {
	ring[C]
	cursor       wire.PacketNumber // every number below is settled: no record there is outstanding
	largestAcked wire.PacketNumber
	lastSkipped  wire.PacketNumber
	inFlight     int       // packets outstanding and in flight
	eliciting    int       // of these, ack-eliciting
	lastSent     mono.Time // of an ack-eliciting packet
	probed       mono.Time // when its probe timeout expired last
	lossTime     mono.Time // when the next packet is lost by time
	newestAcked  mono.Time // latest send time of an acknowledged packet
	losses       stretch
}

// stretch is a run of lost ack-eliciting packets without an acknowledged one between them, by send time.
type stretch struct{ first, last mono.Time }

// NewLoss returns the state of a connection that has sent nothing, on path 0.
func NewLoss[C any](c Config[C]) *Loss[C] {
	l := new(Loss[C])
	l.Init(c)
	return l
}

// Init is NewLoss in memory that is zero.
func (l *Loss[C]) Init(c Config[C]) {
	if c.InitialRTT == 0 {
		c.InitialRTT = InitialRTT
	}
	if c.MaxPackets == 0 {
		c.MaxPackets = defaultMaxPackets
	}
	l.fates, l.most = c.Fates, firstSlots*2
	for l.most < c.MaxPackets {
		l.most *= 2
	}
	l.timer.client = c.Role == wire.Client
	l.path = newPathState(0, NewRTT(c.InitialRTT))
	for i := range l.spaces {
		l.spaces[i].largestAcked = wire.NoPacketNumber
		l.spaces[i].lastSkipped = wire.NoPacketNumber
	}
}

func newPathState(id uint8, rtt RTT) pathState {
	return pathState{id: id, rtt: rtt, packetThreshold: firstPacketThreshold}
}

// OnSent records a packet and returns its content for the caller to fill in, which holds whatever the slot held before
// and stays valid until the next call. pn is larger than all numbers of the space before it; numbers left out are
// remembered as never sent. Send times never go backwards. size is at most 65,535 bytes.
func (l *Loss[C]) OnSent(now mono.Time, sp wire.Space, pn wire.PacketNumber, size int, flags Flags, path uint8) *C {
	s := &l.spaces[sp]
	if pn < s.next {
		panic(fmt.Sprintf("recovery: %v packet %d sent after %d", sp, pn, s.next-1))
	}
	for s.next < pn {
		// RFC 9000 s21.4: a skipped number catches a peer that acknowledges what it has not received.
		s.lastSkipped = s.next
		l.slot(now, sp).state = skipped
	}
	if flags&AckEliciting != 0 {
		flags |= InFlight
	}
	p := l.slot(now, sp)
	p.Sent, p.Size, p.Path, p.Flags, p.state, p.run = now, uint16(size), path, flags, outstanding, 0
	if flags&InFlight != 0 {
		s.inFlight++
		if path == l.path.id {
			l.path.inFlight += size
		}
	}
	if flags&AckEliciting != 0 {
		s.eliciting++
		s.lastSent = now
		l.timer.base = now
	}
	return &p.Content
}

// BytesInFlight returns the bytes in flight on the current path, over all spaces.
func (l *Loss[C]) BytesInFlight() int { return l.path.inFlight }

// ElicitingInFlight returns how many ack-eliciting packets of the space are outstanding.
func (l *Loss[C]) ElicitingInFlight(sp wire.Space) int { return l.spaces[sp].eliciting }

// LargestAcked returns the largest acknowledged number of the space, or wire.NoPacketNumber.
func (l *Loss[C]) LargestAcked(sp wire.Space) wire.PacketNumber { return l.spaces[sp].largestAcked }

// Next returns the lowest number the next packet of the space may have.
func (l *Loss[C]) Next(sp wire.Space) wire.PacketNumber { return l.spaces[sp].next }

// RTT returns the estimate for the current path.
func (l *Loss[C]) RTT() *RTT { return &l.path.rtt }

// PacketThreshold returns the present reordering threshold in packets, 3 to 1024.
func (l *Loss[C]) PacketThreshold() int { return int(l.path.packetThreshold) }

// Full reports that the space holds nearly as many records as it may: only probes should be sent in it until an
// acknowledgment comes. Sending on regardless gives up the oldest packets as lost.
func (l *Loss[C]) Full(sp wire.Space) bool {
	s := &l.spaces[sp]
	return s.inFlight > 0 && int(s.next-s.cursor) >= l.most-probesReserve
}

// Outstanding returns the first packet in flight whose number is from or larger; what a probe may send again. ok is
// false if there is none.
func (l *Loss[C]) Outstanding(sp wire.Space, from wire.PacketNumber) (pn wire.PacketNumber, p *Packet[C], ok bool) {
	s := &l.spaces[sp]
	for pn = max(from, s.cursor); pn < s.next; pn++ {
		if p = s.at(pn); p.pending() {
			return pn, p, true
		}
	}
	return wire.NoPacketNumber, nil, false
}

// Compact gives back the memory of the spaces that have nothing in flight. Call it when the connection becomes idle.
// Acknowledgments of the packets that were kept besides are ignored then.
func (l *Loss[C]) Compact() {
	for i := range l.spaces {
		if s := &l.spaces[i]; s.inFlight == 0 {
			s.clear()
		}
	}
}

// slot takes the slot of the next number and makes room for it: by forgetting old records, by growing, and at the bound
// by giving up the oldest packet.
func (l *Loss[C]) slot(now mono.Time, sp wire.Space) *Packet[C] {
	s := &l.spaces[sp]
	if s.full() {
		s.forget(now, l.keep())
		if len(s.slots) < l.most && s.held() >= len(s.slots)/4*3 {
			s.grow()
		}
		if s.full() {
			s.forget(now, keepNone)
		}
		if s.full() {
			var o Outcome
			l.lose(sp, s.low, forgotten, &o)
			s.forget(now, keepNone)
		}
	}
	return s.push()
}

// pending reports whether the packet counts as in flight.
func (p *Packet[C]) pending() bool { return p.state == outstanding && p.Flags&InFlight != 0 }

// keepNone keeps no record of a lost packet, not even of one that was sent in this instant.
const keepNone = -1

// mayLive reports whether an acknowledgment of a packet that was declared lost would still be news: keep has not passed since
// it was sent.
func (p *Packet[C]) mayLive(now mono.Time, keep time.Duration) bool {
	return (p.state == lostByNumber || p.state == lostByTime) && now.Sub(p.Sent) <= keep
}

// forget drops the oldest records until half of the ring is free, but none that is in flight or may live.
func (s *space[C]) forget(now mono.Time, keep time.Duration) {
	for s.held() > len(s.slots)/2 && !s.at(s.low).pending() && !s.at(s.low).mayLive(now, keep) {
		s.low++
	}
	if s.cursor < s.low {
		// An acknowledged packet may be among those passed over.
		s.cursor, s.losses = s.low, stretch{}
	}
}

// trim drops the settled records that can tell nothing any more: lost ones once keep has passed since they were sent.
func (s *space[C]) trim(now mono.Time, keep time.Duration) {
	for ; s.low < s.cursor; s.low++ {
		if s.at(s.low).mayLive(now, keep) {
			return
		}
	}
	if s.low == s.next {
		s.drained()
	}
}

// clear forgets every record.
func (s *space[C]) clear() {
	s.release()
	s.cursor, s.inFlight, s.eliciting = s.next, 0, 0
	s.lastSent, s.probed, s.lossTime, s.losses = 0, 0, 0, stretch{}
}
