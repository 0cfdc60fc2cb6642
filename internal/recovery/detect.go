package recovery

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// persistentCongestionThreshold is kPersistentCongestionThreshold (RFC 9002 s7.6.1).
const persistentCongestionThreshold = 3

// keptPTOs is for how many probe timeouts after sending the record of a lost packet is kept.
const keptPTOs = 4

// detect declares packets lost and sets the time of the next loss (RFC 9002 s6.1, A.10). Send times and numbers rise
// together, so that the lost ones are the first ones, and the cursor passes each record once.
func (l *Loss[C]) detect(now mono.Time, sp wire.Space, o *Outcome) {
	s := &l.spaces[sp]
	delay := l.lossDelay()
	pn := s.cursor
walk:
	for ; pn <= s.largestAcked; pn++ {
		p := s.at(pn)
		switch {
		case p.state == acked:
			s.losses = stretch{}
		case p.state != outstanding:
		case s.largestAcked >= pn+l.path.packetThreshold:
			l.lose(sp, pn, lostByNumber, o)
		case now.Sub(p.Sent) >= delay:
			l.lose(sp, pn, lostByTime, o)
		default:
			break walk
		}
	}
	s.cursor = pn
	s.lossTime = 0
	// Not further than the packet threshold: what is older has been declared lost.
	for ; pn <= s.largestAcked; pn++ {
		if p := s.at(pn); p.pending() {
			s.lossTime = p.Sent.Add(delay)
			return
		}
	}
}

// lossDelay is how long after sending a packet is lost if a later one was acknowledged (RFC 9002 s6.1.2): 9/8 of the round
// trip, or of what the acknowledgment of a packet took that was wrongly declared lost, up to two probe timeouts. On a path that
// reorders much the estimate of the round trip is no measure: an overtaken packet gives no sample, so it knows the fast ones.
func (l *Loss[C]) lossDelay() time.Duration {
	rtt := &l.path.rtt
	return max(9*max(rtt.latest, rtt.smoothed)/8, min(9*l.path.late/8, 2*l.PTO()), Granularity)
}

// keep is how long after sending the record of a lost packet tells spurious losses.
func (l *Loss[C]) keep() time.Duration { return keptPTOs * l.PTO() }

// lose settles an outstanding packet as lost. why becomes its state.
func (l *Loss[C]) lose(sp wire.Space, pn wire.PacketNumber, why state, o *Outcome) {
	s := &l.spaces[sp]
	p := s.at(pn)
	if p.Flags&InFlight == 0 {
		// RFC 9002 s7: a lost packet of ACK frames alone is no congestion, and there is nothing to send again.
		p.state = forgotten
		return
	}
	p.state = why
	l.settle(s, p)
	if p.Path == l.path.id && p.Flags&SizeProbe == 0 && why != forgotten {
		o.LostPackets++
		o.LostBytes += int(p.Size)
		o.LostSent = max(o.LostSent, p.Sent)
		if p.Flags&AckEliciting != 0 {
			l.stretchBy(sp, p.Sent, o)
		}
	}
	l.fates.Lost(sp, pn, p)
}

// stretchBy prolongs the stretch of losses, and finds persistent congestion when it is long enough (RFC 9002 s7.6.2).
func (l *Loss[C]) stretchBy(sp wire.Space, sent mono.Time, o *Outcome) {
	s := &l.spaces[sp]
	rtt := &l.path.rtt
	// A prior RTT sample existed when these packets were sent.
	if !rtt.HasSample() || sent <= rtt.firstSample {
		return
	}
	if s.losses.first.IsZero() {
		s.losses.first = sent
	}
	s.losses.last = sent
	// RFC 9002 s7.6.1: the duration includes max_ack_delay whatever the space.
	if s.losses.last.Sub(s.losses.first) <= persistentCongestionThreshold*l.PTO() {
		return
	}
	// Across all spaces, none of the packets sent between may have been acknowledged. Of another space only the newest
	// acknowledged packet is known; if it is not older than the stretch, there might be one inside.
	for i := range l.spaces {
		if wire.Space(i) != sp && l.spaces[i].newestAcked >= s.losses.first {
			return
		}
	}
	o.PersistentCongestion = true
	s.losses = stretch{}
	// RFC 9002 s5.2: SHOULD set min_rtt to the newest sample after persistent congestion is established.
	rtt.restartMin()
}
