package recovery

import (
	"fmt"

	"quicpro/wire"
)

// checkWindow is how many records Check walks of a space, the oldest that may be outstanding first. If there are no
// more, the sums are compared too.
const checkWindow = 16

// Check says whether the books are in order; see actor.Checker. It is for between two inputs.
func (l *Loss[C]) Check() error { return l.check(checkWindow) }

// CheckAll is Check over every record.
func (l *Loss[C]) CheckAll() error { return l.check(l.most) }

func (l *Loss[C]) check(most int) error {
	bytes, packets, whole := 0, 0, true
	for i := range l.spaces {
		s, sp := &l.spaces[i], wire.Space(i)
		packets += s.inFlight
		if err := s.check(l.most); err != nil {
			return fmt.Errorf("recovery: %v space: %w", sp, err)
		}
		n, all, err := s.checkRecords(most, l.path.id)
		if err != nil {
			return fmt.Errorf("recovery: %v space: %w", sp, err)
		}
		bytes, whole = bytes+n, whole && all
	}
	switch in := l.path.inFlight; {
	case in < 0 || in > 0 && packets == 0:
		return fmt.Errorf("recovery: %d bytes in flight, in %d packets", in, packets)
	case whole && in != bytes:
		return fmt.Errorf("recovery: %d bytes in flight, the outstanding packets of path %d have %d", in, l.path.id, bytes)
	}
	if err := l.path.check(); err != nil {
		return err
	}
	return l.checkTimer()
}

// check compares what a space knows without its records.
func (s *space[C]) check(most int) error {
	n := len(s.slots)
	switch {
	case s.low > s.cursor || s.cursor > s.next:
		return fmt.Errorf("ring: low %d, cursor %d, next %d are not in order", s.low, s.cursor, s.next)
	case s.held() > n || n&(n-1) != 0 || n > most:
		return fmt.Errorf("ring: %d records in %d slots of at most %d", s.held(), n, most)
	case s.largestAcked >= s.next && s.largestAcked != wire.NoPacketNumber:
		return fmt.Errorf("packet %d was acknowledged, the next to be sent is %d", s.largestAcked, s.next)
	case s.lastSkipped >= s.next && s.lastSkipped != wire.NoPacketNumber:
		return fmt.Errorf("packet %d was skipped, the next to be sent is %d", s.lastSkipped, s.next)
	case s.eliciting < 0 || s.eliciting > s.inFlight || s.inFlight > int(s.next-s.cursor):
		return fmt.Errorf("%d ack-eliciting packets of %d in flight of %d records", s.eliciting, s.inFlight, s.next-s.cursor)
	case s.eliciting > 0 && s.lastSent.IsZero():
		return fmt.Errorf("%d ack-eliciting packets are in flight, and none was ever sent", s.eliciting)
	case s.lossTime != 0 && s.inFlight == 0:
		return fmt.Errorf("the loss timer is armed for %d, and nothing is in flight", s.lossTime)
	}
	return nil
}

// checkRecords walks at most `most` records from the cursor on, and as many below it. It returns the bytes in flight on
// a path, and whether those were all records.
func (s *space[C]) checkRecords(most int, path uint8) (bytes int, all bool, err error) {
	to := min(s.next, s.cursor+wire.PacketNumber(most))
	inFlight, eliciting, late := 0, 0, false
	for pn := s.cursor; pn < to; pn++ {
		p := s.at(pn)
		if pn > s.cursor {
			if before := s.at(pn - 1); p.state != skipped && before.state != skipped && p.Sent < before.Sent {
				return 0, false, fmt.Errorf("packet %d was sent at %d, the one before at %d", pn, p.Sent, before.Sent)
			}
		}
		switch {
		case p.pending():
			inFlight++
			late = late || pn <= s.largestAcked
			if p.Path == path {
				bytes += int(p.Size)
			}
			if p.Flags&AckEliciting != 0 {
				eliciting++
			}
		case p.state == acked && (p.run == 0 || pn > s.largestAcked):
			return 0, false, fmt.Errorf("packet %d is acknowledged, in a run of %d; the largest is %d", pn, p.run, s.largestAcked)
		case p.state == lostByNumber || p.state == lostByTime:
			if pn > s.largestAcked {
				return 0, false, fmt.Errorf("packet %d is lost, the largest acknowledged is %d", pn, s.largestAcked)
			}
		}
	}
	all = to == s.next
	switch {
	case all && (inFlight != s.inFlight || eliciting != s.eliciting):
		return 0, false, fmt.Errorf("%d packets in flight, %d of them ack-eliciting; the records have %d, %d", s.inFlight, s.eliciting, inFlight, eliciting)
	case all && late != !s.lossTime.IsZero():
		// RFC 9002 s6.1.2: what is older than the largest acknowledged is lost in time, and nothing else is.
		return 0, false, fmt.Errorf("the loss timer is armed for %d; packets below the largest acknowledged in flight: %v", s.lossTime, late)
	}
	return bytes, all, s.checkSettled(most)
}

// checkSettled walks the records below the cursor: none is outstanding, and no run of acknowledged ones is said to be
// longer than it is.
func (s *space[C]) checkSettled(most int) error {
	streak := wire.PacketNumber(0)
	from := max(s.low, s.cursor-wire.PacketNumber(min(most, s.held())))
	for pn := from; pn < s.cursor; pn++ {
		p := s.at(pn)
		switch p.state {
		case outstanding:
			return fmt.Errorf("packet %d is outstanding, the cursor stands at %d", pn, s.cursor)
		case acked:
			streak++
			if claim := min(wire.PacketNumber(p.run), pn-from+1); p.run == 0 || claim > streak {
				return fmt.Errorf("packet %d claims a run of %d acknowledged ones, there are %d", pn, p.run, streak)
			}
		default:
			streak = 0
		}
	}
	return nil
}

func (p *pathState) check() error {
	switch r := &p.rtt; {
	case p.packetThreshold < firstPacketThreshold || p.packetThreshold > maxPacketThreshold:
		return fmt.Errorf("recovery: the packet threshold is %d, not in %d to %d", p.packetThreshold, firstPacketThreshold, maxPacketThreshold)
	case p.late < 0:
		return fmt.Errorf("recovery: an acknowledgment took %v", p.late)
	case r.smoothed <= 0 || r.variation < 0:
		return fmt.Errorf("recovery: smoothed round trip %v, variation %v", r.smoothed, r.variation)
	case r.HasSample() && (r.min <= 0 || r.min > r.latest && r.latest <= 0):
		return fmt.Errorf("recovery: smallest round trip %v, latest %v", r.min, r.latest)
	}
	return nil
}

// checkTimer says whether the timer is armed exactly when it must be (RFC 9002 s6.2, A.8).
func (l *Loss[C]) checkTimer() error {
	t, must := &l.timer, false
	for i := range l.spaces {
		s := &l.spaces[i]
		if !s.lossTime.IsZero() {
			must = true
		}
		// RFC 9002 s6.2.2.1: not while the amplification limit blocks; s6.2.1: not for application data before the
		// handshake is confirmed.
		if s.eliciting > 0 && !t.amplified && (wire.Space(i) != wire.SpaceApp || t.confirmed) {
			must = true
		}
	}
	// RFC 9002 s6.2.2.1: a client's timer stays armed until it knows that the server has validated its address.
	if t.client && !t.handshakeAcked && !t.confirmed && !t.amplified && !t.base.IsZero() {
		must = true
	}
	if at := l.Deadline(); !at.IsZero() != must {
		return fmt.Errorf("recovery: the timer is set for %d; ack-eliciting packets in flight: %d, %d, %d, amplification limit: %v, confirmed: %v",
			at, l.spaces[0].eliciting, l.spaces[1].eliciting, l.spaces[2].eliciting, t.amplified, t.confirmed)
	}
	if t.backoff > maxBackoff {
		return fmt.Errorf("recovery: backoff %d of at most %d", t.backoff, maxBackoff)
	}
	return nil
}
