package recovery

import (
	"fmt"
	"math"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// Outcome is what an ACK frame or a timeout amounts to. Bytes count the current path only.
type Outcome struct {
	// Packets is how many packets were newly acknowledged, on any path.
	Packets int
	// Largest is the largest newly acknowledged number, or wire.NoPacketNumber, and LargestSent when it was sent.
	Largest     wire.PacketNumber
	LargestSent mono.Time
	// AppLimited says that this packet was sent with the AppLimited flag.
	AppLimited bool
	// Bytes are the newly acknowledged bytes in flight.
	Bytes int
	// GrowthBytes are those of packets sent after the congestion controller's recovery period began, and NewestSent is
	// when the newest of these was sent.
	GrowthBytes int
	NewestSent  mono.Time
	// PriorInFlight are the bytes in flight before.
	PriorInFlight int
	// RTT is the sample taken, zero if none.
	RTT time.Duration
	// ECNCapable is how many newly acknowledged packets were sent with an ECT codepoint (RFC 9000 s13.4.2.1).
	ECNCapable int
	// Spurious is how many packets reported lost were acknowledged after all.
	Spurious int
	// LostPackets and LostBytes are what was lost as a sign of congestion, and LostSent is when the newest of these
	// packets was sent, zero if there was none. Lost path MTU probes and packets of other paths are not among them.
	LostPackets int
	LostBytes   int
	LostSent    mono.Time
	// PersistentCongestion says that everything sent over a long period was lost (RFC 9002 s7.6).
	PersistentCongestion bool

	eliciting bool // an ack-eliciting packet was newly acknowledged
	thisPath  bool // the largest was sent on the current path
}

// OnAck processes an ACK frame. now is when it was received. delay is its ACK Delay as a duration. recoveryStart is the
// congestion controller's (zero for none): only packets sent later count as GrowthBytes.
//
// An acknowledgment of a packet that was never sent is a *wire.Error: PROTOCOL_VIOLATION.
func (l *Loss[C]) OnAck(now mono.Time, sp wire.Space, frame *wire.Ack, delay time.Duration, recoveryStart mono.Time) (Outcome, error) {
	s := &l.spaces[sp]
	o := Outcome{Largest: wire.NoPacketNumber, PriorInFlight: l.path.inFlight}
	// RFC 9000 s13.1: an acknowledgment for a packet it did not send SHOULD be a connection error.
	if frame.Largest >= s.next {
		return o, unsent(sp, frame.Largest)
	}
	for ranges := frame.Ranges(); ; {
		r, ok := ranges.Next()
		if !ok {
			break
		}
		if err := l.ackRange(now, sp, r, recoveryStart, &o); err != nil {
			return o, err
		}
	}
	s.largestAcked = max(s.largestAcked, frame.Largest)
	if o.Packets == 0 && o.Spurious == 0 {
		return o, nil
	}
	if o.Packets > 0 {
		l.sample(now, sp, frame.Largest, delay, &o)
		s.newestAcked = max(s.newestAcked, o.LargestSent)
		l.timer.acked(now, sp)
	}
	l.settleDown(now)
	l.detect(now, sp, &o)
	s.trim(now, l.keep())
	return o, nil
}

// ackRange walks one range downwards over the records it covers.
func (l *Loss[C]) ackRange(now mono.Time, sp wire.Space, r wire.AckRange, recoveryStart mono.Time, o *Outcome) error {
	s := &l.spaces[sp]
	if r.Lo <= s.lastSkipped && s.lastSkipped <= r.Hi {
		return unsent(sp, s.lastSkipped)
	}
	lo := max(r.Lo, s.low)
	for pn := r.Hi; pn >= lo; {
		p := s.at(pn)
		// The whole range is acknowledged when this walk is over.
		run := uint16(min(pn-lo+1, math.MaxUint16))
		switch p.state {
		case acked:
			// Paths are compressed as in a union-find, so that no order of ACK frames makes this walk long twice.
			step := p.run
			p.run = max(p.run, run)
			pn -= wire.PacketNumber(step)
			continue
		case outstanding:
			p.state = acked
			l.settle(s, p)
			o.count(pn, p.Sent, int(p.Size), p.Flags, p.Path == l.path.id, recoveryStart)
			l.fates.Acked(sp, pn, p)
		case lostByNumber, lostByTime:
			l.reordered(now, s, pn, p.Sent)
			p.state = acked
			o.Spurious++
			l.fates.Spurious(sp, pn, p)
		case forgotten:
			p.state = acked
		case skipped:
			return unsent(sp, pn)
		}
		p.run = run
		pn--
	}
	return nil
}

// settle takes a packet that was outstanding out of the counts.
func (l *Loss[C]) settle(s *space[C], p *Packet[C]) {
	if p.Flags&InFlight == 0 {
		return
	}
	s.inFlight--
	if p.Path == l.path.id {
		l.path.inFlight -= int(p.Size)
	}
	if p.Flags&AckEliciting != 0 {
		s.eliciting--
	}
}

// count adds a newly acknowledged packet.
func (o *Outcome) count(pn wire.PacketNumber, sent mono.Time, size int, flags Flags, thisPath bool, recoveryStart mono.Time) {
	// Ranges come largest first, and a range is walked downwards.
	if o.Packets == 0 {
		o.Largest, o.LargestSent = pn, sent
		o.AppLimited = flags&AppLimited != 0
		o.thisPath = thisPath
	}
	o.Packets++
	o.eliciting = o.eliciting || flags&AckEliciting != 0
	if flags&ECNCapable != 0 {
		o.ECNCapable++
	}
	if flags&InFlight == 0 || !thisPath {
		return
	}
	o.Bytes += size
	if sent > recoveryStart {
		o.GrowthBytes += size
		o.NewestSent = max(o.NewestSent, sent)
	}
}

// sample updates the RTT estimate if the frame allows it.
func (l *Loss[C]) sample(now mono.Time, sp wire.Space, largest wire.PacketNumber, delay time.Duration, o *Outcome) {
	// RFC 9002 s5.1: the largest acknowledged is newly acknowledged, and something newly acknowledged was ack-eliciting.
	// RFC 9000 s9.4: and packets of another path say nothing about this one.
	if o.Largest != largest || !o.eliciting || !o.thisPath {
		return
	}
	switch {
	case sp == wire.SpaceInitial:
		// RFC 9002 s5.3: MAY ignore the delay for Initial packets, which the peer does not delay.
		delay = 0
	case l.timer.confirmed:
		// RFC 9002 s5.3: MUST use the lesser of the delay and max_ack_delay after the handshake is confirmed.
		delay = min(delay, l.timer.maxAckDelay)
	}
	l.path.rtt.Update(now, now.Sub(o.LargestSent), delay)
	o.RTT = l.path.rtt.Latest()
}

// reordered raises the thresholds by which a packet was wrongly declared lost (RFC 9002 s6.1).
func (l *Loss[C]) reordered(now mono.Time, s *space[C], pn wire.PacketNumber, sent mono.Time) {
	s.losses = stretch{}
	took, p := now.Sub(sent), &l.path
	if took > l.keep() {
		return // whatever delayed it so is no measure
	}
	// largestAcked is still that of the frames before: so late the packet was at least.
	late := s.largestAcked - pn + 1
	p.packetThreshold = min(max(p.packetThreshold, late), maxPacketThreshold)
	p.late, p.reordered = max(p.late, took), now
}

// settleDown lowers the thresholds again when no packet was wrongly declared lost for long.
func (l *Loss[C]) settleDown(now mono.Time) {
	if p := &l.path; p.late > 0 && now.Sub(p.reordered) > reorderingMemory {
		p.packetThreshold, p.late = firstPacketThreshold, 0
	}
}

func unsent(sp wire.Space, pn wire.PacketNumber) error {
	return wire.NewError(wire.ProtocolViolation, wire.TypeAck, fmt.Sprintf("%v packet %d was never sent", sp, pn))
}
