package oracle

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// acksSent is what the ACK frames of a side in a space have said.
type acksSent struct {
	any     bool
	largest wire.PacketNumber
	ecn     wire.ECNCounts
}

// owedAcks are ack-eliciting packets that no ACK frame has covered, oldest first. The oldest are what counts: when there
// are too many, newer ones are not noted.
type owedAcks struct {
	list [32]owedAck
	n    int
}

type owedAck struct {
	number wire.PacketNumber
	at     mono.Time
}

func (o *owedAcks) add(pn wire.PacketNumber, at mono.Time) {
	if o.n < len(o.list) {
		o.list[o.n] = owedAck{pn, at}
		o.n++
	}
}

// ackSent judges an ACK frame of this side.
func (s *Side) ackSent(now mono.Time, space wire.Space, f *wire.Ack) {
	r, a := &s.received[space], &s.sent[space].acks
	for walk := f.Ranges(); ; {
		g, ok := walk.Next()
		if !ok {
			break
		}
		if !r.seen.covers(g.Lo, g.Hi) {
			s.violate(now, AckSeen, "acknowledged %v packets %d to %d, not all of which it received", space, g.Lo, g.Hi)
			break
		}
		r.owed.cover(s, now, space, g)
	}
	if a.any && f.Largest < a.largest {
		s.violate(now, AckLargest, "largest acknowledged of %v is %d after %d", space, f.Largest, a.largest)
	}
	a.any, a.largest = true, max(a.largest, f.Largest)
	if e := f.ECN; f.HasECN {
		if e.ECT0 < a.ecn.ECT0 || e.ECT1 < a.ecn.ECT1 || e.CE < a.ecn.CE {
			s.violate(now, AckECN, "counts of %v are %+v after %+v", space, e, a.ecn)
		} else if e.ECT0+e.ECT1+e.CE > r.count {
			s.violate(now, AckECN, "counts of %v are %+v with %d packets received", space, e, r.count)
		}
		a.ecn = e
	}
}

// cover takes out what a range acknowledges, and judges how late that is.
func (o *owedAcks) cover(s *Side, now mono.Time, space wire.Space, g wire.AckRange) {
	kept := 0
	for i := range o.n {
		w := o.list[i]
		if w.number < g.Lo || w.number > g.Hi {
			o.list[kept] = w
			kept++
			continue
		}
		s.judgeDelay(now, space, w, "acknowledged")
	}
	o.n = kept
}

// checkOwed judges the ACKs that are due by now.
func (s *Side) checkOwed(now mono.Time) {
	if !s.path.validated {
		return // it may be unable to send
	}
	for sp := range s.received {
		o := &s.received[sp].owed
		if o.n == 0 || !s.judgeDelay(now, wire.Space(sp), o.list[0], "not acknowledged") {
			continue
		}
		o.n = copy(o.list[:], o.list[1:o.n])
	}
}

func (s *Side) judgeDelay(now mono.Time, space wire.Space, w owedAck, what string) (late bool) {
	limit := s.maxAckDelay() + s.book.options.AckMargin
	if s.book.options.AckMargin == 0 || now.Sub(w.at) <= limit || !s.path.validated || s.life.over() {
		return false
	}
	s.violate(now, AckInTime, "%v packet %d was %s %v after it came, limit %v", space, w.number, what, now.Sub(w.at).Round(time.Microsecond), limit)
	return true
}

// ackReceived learns what became of the packets of this side.
func (s *Side) ackReceived(now mono.Time, space wire.Space, f *wire.Ack) {
	sp := &s.sent[space]
	s.recovery.acks++
	if f.Largest >= sp.next {
		s.blame(now, AckSent, "%v packet %d was acknowledged, of %d sent", space, f.Largest, sp.next)
		return
	}
	if space == wire.SpaceApp {
		s.phase.acknowledged(now, f.Largest)
	}
	fresh := 0
	for walk := f.Ranges(); ; {
		g, ok := walk.Next()
		if !ok {
			break
		}
		if pn, never := sp.gaps.overlaps(g.Lo, g.Hi); never {
			s.blame(now, AckSent, "%v packet %d was acknowledged and never sent", space, pn)
			if !s.tampered() {
				return
			}
			// A side need not remember numbers that it has left out for ever; where it does, it closes.
		}
		fresh += sp.ack(g.Lo, g.Hi)
	}
	sp.advance()
	if fresh == 0 {
		return
	}
	r := &s.recovery
	r.validated = r.validated || space == wire.SpaceHandshake
	// RFC 9002 s6.2.1: a client keeps its backoff until it is certain that the server has validated its address.
	r.progress = r.progress || r.validated || s.role == wire.Server
}

// blame notes what the peer did wrong, unless it is meant to.
func (s *Side) blame(now mono.Time, rule Rule, format string, args ...any) {
	if !s.tampered() {
		s.violate(now, rule, format, args...)
	}
}
