package oracle

import (
	"cmp"
	"math/bits"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// recovery is what the model knows besides the packets.
type recovery struct {
	acks      int  // ACK frames of the packet that was received last; each brings Metrics
	progress  bool // the Metrics that come now must have no backoff
	validated bool // the server is known to have validated the client's address (RFC 9002 A.8)

	metrics   port.Metrics // the last
	asked     mono.Time    // when something ack-eliciting was sent last
	lastHeard mono.Time    // when a packet came last

	lostKinds [numKinds]uint32 // lost and not sent again since
}

const numKinds = 32

// Lost implements port.Trace.
func (s *Side) Lost(now mono.Time, level wire.Level, number wire.PacketNumber, reason string) {
	s.last = max(s.last, now)
	if level >= wire.NumLevels {
		return
	}
	sp := &s.sent[level.Space()]
	p, known := sp.find(number)
	switch {
	case p == nil && known:
		s.violate(now, LostOnce, "%v packet %d is lost and was never sent", level, number)
	case p == nil:
	case p.fate == acked && s.recovery.acks > 1: // the second ACK frame of this packet is still to be read
	case p.fate == acked:
		s.violate(now, LostOnce, "%v packet %d is lost after it was acknowledged", level, number)
	case p.fate == lost:
		s.violate(now, LostOnce, "%v packet %d is lost twice", level, number)
	case number < sp.low || !p.flight:
		s.violate(now, LostOnce, "%v packet %d is lost and was not in flight", level, number)
		p.fate = lost
	default:
		sp.settle(p)
		p.fate = lost
		sp.advance()
		s.stats.lost(level, p.kinds)
		s.recovery.lose(p.kinds)
	}
}

// Metrics implements port.Trace.
func (s *Side) Metrics(now mono.Time, m port.Metrics) {
	s.last = max(s.last, now)
	r := &s.recovery
	r.metrics = m
	if m.Window < 2*minDatagram {
		s.violate(now, Window, "the congestion window is %d bytes", m.Window)
	}
	if r.acks > 1 {
		r.acks-- // the model has read the whole packet, the side only this ACK frame
		return
	}
	if bytes, known := s.inFlight(); known && bytes != m.InFlight {
		s.violate(now, InFlight, "%d bytes in flight by its metrics, %d by what it sent", m.InFlight, bytes)
	}
	if r.progress && m.PTOCount != 0 {
		s.violate(now, BackoffResets, "pto_count is %d after an acknowledgment", m.PTOCount)
	}
	r.progress = false
}

// inFlight is the bytes in flight by the model (RFC 9002 A.1).
func (s *Side) inFlight() (bytes int, known bool) {
	for i := range s.sent {
		if s.sent[i].blind {
			return 0, false
		}
		bytes += s.sent[i].inFlight
	}
	return bytes, true
}

// lose remembers the kinds of frames that were lost, for the statistics.
func (r *recovery) lose(kinds uint32) {
	for ; kinds != 0; kinds &= kinds - 1 {
		r.lostKinds[bits.TrailingZeros32(kinds)]++
	}
}

// renew counts the frames that are sent again. What is sent again of streams and CRYPTO shows by its offset.
func (r *recovery) renew(t *Stats, kinds uint32) {
	const byOffset = 1<<wire.TypeStream | 1<<wire.TypeCrypto
	for kinds &^= byOffset | kindPadding | kindAcks; kinds != 0; kinds &= kinds - 1 {
		if k := bits.TrailingZeros32(kinds); r.lostKinds[k] > 0 {
			r.lostKinds[k]--
			t.Frames[k].Renewed++
		}
	}
}

// checkProbe judges whether a side with something ack-eliciting in flight has been silent for too long.
func (s *Side) checkProbe(now mono.Time) {
	r := &s.recovery
	waits := false
	for i := range s.sent {
		// RFC 9002 s6.2.1: the application space has no timer until the handshake is confirmed.
		if s.sent[i].eliciting > 0 && (wire.Space(i) != wire.SpaceApp || s.life.rank >= confirmed) {
			waits = true
		}
	}
	if s.book.options.ProbeMargin == 0 || !waits || !s.path.validated {
		return
	}
	since := now.Sub(max(r.asked, r.lastHeard))
	if limit := s.silence(); since > limit {
		s.violate(now, ProbeInTime, "silent for %v with ack-eliciting packets in flight, limit %v", since.Round(time.Microsecond), limit)
		r.asked = now
	}
}

// silence is how long a side may be silent: the probe timeout with its backoff (RFC 9002 s6.2.1), and half of it more.
func (s *Side) silence() time.Duration {
	r := &s.recovery
	rtt, pto := cmp.Or(r.metrics.SmoothedRTT, initialRTT), s.probeTimeout()
	pto <<= min(max(r.metrics.PTOCount, 0), maxBackoff)
	// RFC 9002 A.8: while a packet waits for the time threshold (s6.1.2) there is no probe timeout.
	loss := max(rtt, r.metrics.LatestRTT) * 9 / 8
	return max(pto, loss) + pto/2 + s.book.options.ProbeMargin
}

// probeTimeout is that of the application space, without its backoff (RFC 9002 s6.2.1).
func (s *Side) probeTimeout() time.Duration {
	rtt, variation, delay := s.recovery.metrics.SmoothedRTT, s.recovery.metrics.RTTVariance, wire.DefaultMaxAckDelay
	if rtt == 0 {
		rtt, variation = initialRTT, initialRTT/2
	}
	if s.theirs.known {
		delay = s.theirs.p.MaxAckDelay
	}
	return rtt + max(4*variation, time.Millisecond) + delay
}

// initialRTT is kInitialRtt (RFC 9002 s6.2.2).
const initialRTT = 333 * time.Millisecond

// maxBackoff keeps a timeout from overflowing.
const maxBackoff = 16
