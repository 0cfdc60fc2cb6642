package recovery

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// maxBackoff bounds the doublings of the probe timeout so that no duration overflows; the idle timeout comes first.
const maxBackoff = 20

// timer decides when to probe (RFC 9002 s6.2).
type timer struct {
	client         bool
	handshakeKeys  bool
	handshakeAcked bool // a Handshake packet was acknowledged
	confirmed      bool
	amplified      bool // blocked by the anti-amplification limit
	maxAckDelay    time.Duration
	backoff        uint8     // pto_count
	base           mono.Time // from when an anti-deadlock probe counts
}

// TimeoutKind says what a timeout asks for.
type TimeoutKind uint8

const (
	// NoTimeout: it was not yet time.
	NoTimeout TimeoutKind = iota
	// LossTimeout: packets were declared lost; see the Outcome.
	LossTimeout
	// ProbeTimeout: send ack-eliciting probes, whatever the congestion window says (RFC 9002 s6.2.4).
	ProbeTimeout
)

// Timeout is what is due.
type Timeout struct {
	Kind TimeoutKind
	// Space is where packets were lost or where to probe.
	Space wire.Space
	// Probes is how many datagrams to send: two, or one if it only keeps the server from being blocked. Such a client
	// datagram is padded to 1200 bytes if it holds an Initial packet (RFC 9002 s6.2.2.1).
	Probes int
}

// SetMaxAckDelay tells the peer's max_ack_delay.
func (l *Loss[C]) SetMaxAckDelay(d time.Duration) { l.timer.maxAckDelay = d }

// SetHandshakeKeys says that Handshake packets can be sent from now on.
func (l *Loss[C]) SetHandshakeKeys() { l.timer.handshakeKeys = true }

// ConfirmHandshake says that the handshake is confirmed (RFC 9001 s4.1.2).
func (l *Loss[C]) ConfirmHandshake() { l.timer.confirmed = true }

// SetAmplificationLimited says whether a server may send nothing until it receives more (RFC 9002 s6.2.2.1). After it
// was unblocked, the deadline may lie in the past: then the timeout is due at once.
func (l *Loss[C]) SetAmplificationLimited(limited bool) { l.timer.amplified = limited }

// PTO returns the probe timeout period of the application space without backoff.
func (l *Loss[C]) PTO() time.Duration { return l.path.rtt.PTO(l.timer.maxAckDelay) }

// Backoff returns how often in a row the probe timeout has expired (pto_count).
func (l *Loss[C]) Backoff() int { return int(l.timer.backoff) }

// Deadline returns when OnTimeout is due, or zero for never. It changes with every input.
func (l *Loss[C]) Deadline() mono.Time {
	// RFC 9002 s6.2.1: the PTO timer MUST NOT be set if a timer is set for time threshold loss detection.
	if t, _ := l.lossTime(); !t.IsZero() {
		return t
	}
	t, _ := l.probeTime()
	return t
}

// OnTimeout says what is due now.
func (l *Loss[C]) OnTimeout(now mono.Time) (Timeout, Outcome) {
	o := Outcome{Largest: wire.NoPacketNumber, PriorInFlight: l.path.inFlight}
	if t, sp := l.lossTime(); !t.IsZero() {
		if now < t {
			return Timeout{}, o
		}
		l.detect(now, sp, &o)
		l.spaces[sp].trim(now, l.keep())
		l.timer.base = now
		return Timeout{Kind: LossTimeout, Space: sp}, o
	}
	t, due := l.probeTime()
	if t.IsZero() || now < t {
		return Timeout{}, o
	}
	// RFC 9002 s6.2.1: the backoff MUST be increased.
	l.timer.backoff = min(l.timer.backoff+1, maxBackoff)
	l.timer.base = now
	l.spaces[due.Space].probed = now
	return due, o
}

// lossTime returns the earliest loss by time and its space (RFC 9002 A.8).
func (l *Loss[C]) lossTime() (t mono.Time, sp wire.Space) {
	for i := range l.spaces {
		if at := l.spaces[i].lossTime; !at.IsZero() && (t.IsZero() || at < t) {
			t, sp = at, wire.Space(i)
		}
	}
	return t, sp
}

// probeTime returns when to probe and how, or zero for never (RFC 9002 A.8).
func (l *Loss[C]) probeTime() (t mono.Time, due Timeout) {
	// RFC 9002 s6.2.2.1: the timer MUST NOT be armed while nothing can be sent.
	if l.timer.amplified {
		return 0, Timeout{}
	}
	period := l.path.rtt.PTO(0) << l.timer.backoff
	for i := range l.spaces {
		s, sp := &l.spaces[i], wire.Space(i)
		if s.eliciting == 0 {
			continue
		}
		wait := period
		if sp == wire.SpaceApp {
			// RFC 9002 s6.2.1: MUST NOT set the timer for application data until the handshake is confirmed.
			if !l.timer.confirmed {
				break
			}
			wait += l.timer.maxAckDelay << l.timer.backoff
		}
		// From the last expiry on, though its probes are not sent yet: a machine that slept for many periods has waited once.
		if at := max(s.lastSent, s.probed).Add(wait); t.IsZero() || at < t {
			t, due = at, Timeout{Kind: ProbeTimeout, Space: sp, Probes: 2}
		}
	}
	if !t.IsZero() || l.timer.peerValidated() || l.timer.base.IsZero() {
		return t, due
	}
	// RFC 9002 s6.2.2.1: the client MUST set the timer even if there is nothing in flight: the server may be blocked.
	due = Timeout{Kind: ProbeTimeout, Space: wire.SpaceInitial, Probes: 1}
	if l.timer.handshakeKeys {
		due.Space = wire.SpaceHandshake
	}
	return l.timer.base.Add(period), due
}

// peerValidated reports whether the peer has certainly validated this endpoint's address (RFC 9002 A.8,
// PeerCompletedAddressValidation).
func (t *timer) peerValidated() bool { return !t.client || t.handshakeAcked || t.confirmed }

// acked notes that packets were newly acknowledged.
func (t *timer) acked(now mono.Time, sp wire.Space) {
	t.base = now
	t.handshakeAcked = t.handshakeAcked || sp == wire.SpaceHandshake
	// RFC 9002 s6.2.1: a client does not reset the backoff on acknowledgments in Initial packets, before it is certain
	// that the server has validated its address.
	if t.peerValidated() {
		t.backoff = 0
	}
}
