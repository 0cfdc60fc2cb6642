package conn

import (
	"math"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// timerSlack is what a deadline for an ACK keeps off max_ack_delay: RFC 9000 s18.2 counts the delay of alarms in.
const timerSlack = time.Millisecond

// space is one packet number space.
type space struct {
	received received
	keys     bool // we can write
	dropped  bool
	probes   int     // packets that may ignore the congestion window (RFC 9002 s6.2.4)
	pinged   bool    // one of them was a PING, for want of better
	skip     skipper // numbers left out
}

func newSpace(ackRanges int) space { return space{received: newReceived(ackRanges)} }

// sendable reports whether packets can be written.
func (s *space) sendable() bool { return s.keys && !s.dropped }

// received knows which packets of a space have arrived and when the peer must be told.
type received struct {
	ranges    buffer.RangeSet[wire.PacketNumber]
	floor     wire.PacketNumber // all below count as received: their range was forgotten
	known     wire.PacketNumber // the peer knows our word on all below: ACKs leave them out
	largest   wire.PacketNumber
	at        mono.Time         // when largest arrived
	eliciting wire.PacketNumber // the largest ack-eliciting one
	waiting   int               // ack-eliciting packets that no ACK has covered
	fresh     bool              // some packet was not covered by an ACK
	lowest    wire.PacketNumber // the lowest such packet, if fresh
	urgent    bool              // an ACK is due now
	deadline  mono.Time         // when it is due
	ecn       wire.ECNCounts
}

func newReceived(limit int) received {
	return received{
		ranges:    buffer.NewRangeSet[wire.PacketNumber](limit),
		largest:   wire.NoPacketNumber,
		eliciting: wire.NoPacketNumber,
	}
}

// duplicate reports whether the packet was processed before, or is so old that nobody knows.
func (r *received) duplicate(pn wire.PacketNumber) bool {
	// RFC 9000 s12.3: a packet MUST be discarded unless it is certain that its number was not processed before.
	return pn < r.floor || r.ranges.Contains(pn)
}

// add notes a packet that was processed, with the ECN bits of its datagram.
func (r *received) add(pn wire.PacketNumber, at mono.Time, ecn uint8) {
	if forgotten := r.ranges.Add(pn, pn+1); !forgotten.Empty() {
		r.floor = max(r.floor, forgotten.Hi)
	}
	if !r.fresh || pn < r.lowest {
		r.lowest = pn
	}
	r.fresh = true
	if pn > r.largest {
		r.largest, r.at = pn, at
	}
	switch ecn & 3 {
	case 1:
		r.ecn.ECT1++
	case 2:
		r.ecn.ECT0++
	case 3:
		r.ecn.CE++
	}
}

// elicited notes that packet pn, just added, asks for an ACK. Handshake packets and the second of two are acknowledged
// at once, others within maxDelay.
func (r *received) elicited(pn wire.PacketNumber, at mono.Time, atOnce bool, maxDelay time.Duration) {
	r.waiting++
	// RFC 9000 s13.2.1: immediately for packets in Initial and Handshake; when one arrives out of order, or after a gap.
	late := pn < r.eliciting
	gap := pn == r.largest && pn > 0 && r.ranges.Len() > 1 && r.ranges.Last().Lo == pn
	r.eliciting = max(r.eliciting, pn)
	// RFC 9000 s13.2.2: after at least two ack-eliciting packets.
	if atOnce || late || gap || r.waiting >= 2 {
		r.urgent = true
		return
	}
	if r.deadline.IsZero() {
		r.deadline = at.Add(max(maxDelay-timerSlack, 0))
	}
}

// due reports whether an ACK must be sent now. Otherwise it rides on the next packet.
func (r *received) due(now mono.Time) bool {
	return r.urgent || !r.deadline.IsZero() && r.deadline <= now
}

// append writes an ACK frame into at most budget bytes and forgets that one was owed.
func (r *received) append(b []byte, now mono.Time, exponent uint8, budget int) []byte {
	var ranges [maxAckRanges]wire.AckRange
	set := r.ranges.Ranges()
	known := r.known
	if r.fresh {
		// RFC 9000 s13.2.1: one that was overtaken is below what the peer knows, and MUST be acknowledged all the same.
		known = min(known, r.lowest)
	}
	n := 0
	for i := len(set) - 1; i >= 0 && n < len(ranges); i-- {
		// RFC 9000 s13.2.4: what the peer has seen acknowledged can be left out; never the newest range.
		if n > 0 && set[i].Hi <= known {
			break
		}
		ranges[n] = wire.AckRange{Lo: set[i].Lo, Hi: set[i].Hi - 1}
		n++
	}
	if n == 0 {
		return b
	}
	delay := uint64(max(now.Sub(r.at), 0)/time.Microsecond) >> exponent
	var ecn *wire.ECNCounts
	if r.ecn != (wire.ECNCounts{}) {
		ecn = &r.ecn // RFC 9000 s13.4.1: the marks that were seen are reported
	}
	out, fit := wire.AppendAck(b, ranges[:n], min(delay, math.MaxInt32), ecn, budget)
	if fit > 0 {
		r.fresh, r.urgent, r.waiting, r.deadline = false, false, 0, 0
	}
	return out
}

// acknowledged notes that the peer has an ACK frame of ours whose largest number was largest.
func (r *received) acknowledged(largest wire.PacketNumber) { r.known = max(r.known, largest+1) }

// maxAckRanges bounds the ranges of one ACK frame.
const maxAckRanges = 64

// skipper leaves out packet numbers at random, so that a peer which acknowledges packets that it never received is
// found out (RFC 9000 s21.4).
type skipper struct {
	at     wire.PacketNumber // the number to leave out; 0: not drawn yet
	period uint64
}

const (
	firstSkipPeriod = 128
	lastSkipPeriod  = 1 << 16
)

// next returns the number to use when the lowest usable one is pn.
func (s *skipper) next(pn wire.PacketNumber, random port.Random) wire.PacketNumber {
	const purpose = "skipped packet number"
	if s.at == 0 {
		s.period = firstSkipPeriod
		s.at = pn + 1 + wire.PacketNumber(random.Uint64(purpose)%s.period)
	}
	if pn < s.at {
		return pn
	}
	s.period = min(2*s.period, lastSkipPeriod)
	s.at = pn + 2 + wire.PacketNumber(s.period/2+random.Uint64(purpose)%s.period)
	return pn + 1
}
