package congestion

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// RFC 9438 s4.6 and s4.3: beta is 7/10, hence alpha = 3(1-beta)/(1+beta) = 9/17.
const (
	betaNumerator, betaDenominator   = 7, 10
	alphaNumerator, alphaDenominator = 9, 17
)

// What a loss without a queue does: beta is 17/20, and alpha is 1 (see the package comment).
const gentleNumerator, gentleDenominator = 17, 20

// Cubic is the controller of RFC 9438, with HyStart++ (RFC 9406) in its first slow start and a gentler answer to losses
// that are no sign of congestion. Create it with NewCubic.
type Cubic struct {
	window
	stage   stage
	slow    hystart
	backlog backlog
	undo    struct {
		bytes, threshold int
		recovery         mono.Time
		stage            stage
	}
}

// stage is one stretch of congestion avoidance, in the variables of RFC 9438 s4.1.2. Windows are in bytes.
type stage struct {
	prior int       // cwnd_prior: the window when the threshold was last set
	max   int       // W_max
	begin mono.Time // t_epoch, moved forward by the time the window was not in use; zero before the first growth
	seen  mono.Time // up to when time has been accounted for
	k     int64     // K, microseconds
	est   int       // W_est
	// gentle says that the reduction before the stage was for a loss without a queue.
	gentle bool
	// What division left of the growth of the window and of the estimate.
	windowRest, estRest uint64
}

// NewCubic returns a controller in slow start with the initial window for the datagram size, in bytes.
func NewCubic(maxDatagramSize int) *Cubic { return &Cubic{window: newWindow(maxDatagramSize)} }

// OnSent implements Controller.
func (c *Cubic) OnSent(now mono.Time, pn wire.PacketNumber, bytes, inFlight int) {
	c.sent(pn, inFlight)
	if inFlight <= bytes {
		// RFC 9438 s4.2: the elapsed time MUST NOT include idle periods.
		c.stage.pause(now)
	}
}

// OnAcked implements Controller.
func (c *Cubic) OnAcked(now mono.Time, a Ack) {
	newRound := c.acked(a)
	c.backlog.onAcked(now, a.RTT, newRound)
	// RFC 9406 s4.3: HyStart++ is for the initial slow start only.
	if c.threshold == Unlimited {
		c.measure(a, newRound)
	}
	if !c.mayGrow(a) {
		// RFC 9438 s4.2: nor periods during which the application limited the window.
		c.stage.pause(now)
		return
	}
	if c.InSlowStart() {
		c.grow(min(c.slowGrowth(a.Bytes), c.threshold-c.bytes))
		return
	}
	c.avoid(now, a)
}

// slowGrowth is by how much acknowledged bytes grow the window in slow start. A later one, after a timeout, is not careful:
// nobody measures there any more whether the queue that the first one met still stands.
func (c *Cubic) slowGrowth(acked int) int {
	if c.threshold == Unlimited {
		return c.slow.growth(acked)
	}
	return acked
}

// measure feeds HyStart++ and leaves slow start when it says so.
func (c *Cubic) measure(a Ack, newRound bool) {
	if newRound && c.slow.onRound() {
		// RFC 9438 s4.10: without a loss, W_max is undefined; cwnd_prior = cwnd, and K = 0 when the stage begins.
		c.threshold, c.touched = c.bytes, true
		c.stage = stage{prior: c.bytes}
		return
	}
	if a.RTT > 0 {
		c.slow.onSample(a.RTT)
	}
}

// avoid grows the window in congestion avoidance (RFC 9438 s4.2 to s4.5).
func (c *Cubic) avoid(now mono.Time, a Ack) {
	s := &c.stage
	if s.begin.IsZero() {
		s.start(now, c.bytes, c.datagram)
	}
	s.seen = now
	s.estimate(a.Bytes, c.bytes, c.datagram)
	elapsed := now.Sub(s.begin)
	// RFC 9438 s4.3: the Reno-friendly region.
	if s.at(elapsed, c.datagram) < s.est {
		c.grow(max(s.est-c.bytes, 0))
		return
	}
	// RFC 9438 s4.2: the target lies between cwnd and 1.5 * cwnd.
	target := s.at(elapsed+a.Smoothed, c.datagram)
	target = min(max(target, c.bytes), c.bytes+c.bytes/2)
	// RFC 9438 s4.4 and s4.5: (target - cwnd) / cwnd a segment.
	step := uint64(target-c.bytes)*uint64(a.Bytes) + s.windowRest
	s.windowRest = step % uint64(c.bytes)
	c.grow(int(step / uint64(c.bytes)))
}

// OnCongestion implements Controller.
func (c *Cubic) OnCongestion(now mono.Time, l Loss) {
	before := c.recovery
	if !c.enterRecovery(now, l) {
		return
	}
	// RFC 9438 s4.9.2: save what the reduction changes.
	u := &c.undo
	u.bytes, u.threshold, u.recovery, u.stage = c.bytes, c.threshold, before, c.stage
	if c.random(l) {
		c.stage = stage{prior: c.bytes, max: c.bytes, gentle: true}
		c.reduce(gentleNumerator, gentleDenominator)
		return
	}
	top := c.bytes
	if c.bytes < c.stage.max {
		// RFC 9438 s4.7: fast convergence, cwnd * (1 + beta) / 2.
		top = int(int64(c.bytes) * (betaDenominator + betaNumerator) / (2 * betaDenominator))
	}
	c.stage = stage{prior: c.bytes, max: top}
	// RFC 9438 s4.6: multiplicative decrease.
	c.reduce(betaNumerator, betaDenominator)
}

// random reports whether a loss is hardly a sign of congestion: no queue stands. A mark always is one, and in slow
// start the window outruns what the round trips tell of the queue.
func (c *Cubic) random(l Loss) bool {
	return !l.ECN && !c.InSlowStart() && !c.backlog.stands(c.bytes, c.datagram)
}

// reduce scales the window down; the threshold follows.
func (c *Cubic) reduce(numerator, denominator int) {
	reduced := int(int64(c.bytes) * int64(numerator) / int64(denominator))
	c.bytes = max(reduced, MinWindow(c.datagram))
	c.threshold = c.bytes
}

// OnPersistentCongestion implements Controller.
func (c *Cubic) OnPersistentCongestion(mono.Time) {
	c.collapse()
	// RFC 9438 s4.8: in the stage after a timeout, K is 0 and W_max is the window at its beginning.
	c.stage = stage{prior: c.stage.prior}
}

// OnSpurious implements Controller.
func (c *Cubic) OnSpurious(_, sent mono.Time) {
	// RFC 9438 s4.9.2: restore only while cwnd is below cwnd_prior.
	if c.foundAlive(sent) && c.bytes < c.stage.prior {
		u := &c.undo
		c.bytes, c.threshold, c.recovery, c.stage = u.bytes, u.threshold, u.recovery, u.stage
	}
}

// SetMaxDatagramSize implements Controller.
func (c *Cubic) SetMaxDatagramSize(bytes int) {
	if c.resize(bytes) {
		// The curve is drawn in segments: begin a new stage, of the new size, towards the same W_max.
		c.stage = stage{prior: c.stage.prior, max: c.stage.max, gentle: c.stage.gentle}
	}
}

// start begins the stage at the window's present size.
func (s *stage) start(now mono.Time, bytes, datagram int) {
	s.begin, s.est = now, bytes
	if bytes >= s.max {
		s.max, s.k = bytes, 0
		return
	}
	s.k = cubicK(s.max-bytes, datagram)
}

// pause takes the time since the last accounting out of the stage.
func (s *stage) pause(now mono.Time) {
	if s.begin.IsZero() {
		return
	}
	s.begin = s.begin.Add(now.Sub(s.seen))
	s.seen = now
}

// estimate advances W_est, the window Reno would have (RFC 9438 s4.3).
func (s *stage) estimate(acked, bytes, datagram int) {
	numerator := uint64(alphaNumerator)
	if s.gentle || s.est >= s.prior {
		// RFC 9438 s4.3: once W_est has reached cwnd_prior, alpha is 1.
		numerator = alphaDenominator
	}
	divisor := alphaDenominator * uint64(bytes)
	step := numerator*uint64(datagram)*uint64(acked) + s.estRest
	s.estRest = step % divisor
	s.est = min(s.est+int(step/divisor), MaxWindow)
}

// at is W_cubic(t) in bytes: C * (t - K)^3 + W_max (RFC 9438 s4.2, figure 1).
func (s *stage) at(elapsed time.Duration, datagram int) int {
	w := int64(s.max) + cubicOffset(elapsed.Microseconds()-s.k, datagram)
	return int(min(max(w, 0), MaxWindow))
}
