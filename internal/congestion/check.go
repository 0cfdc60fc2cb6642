package congestion

import "fmt"

// Check says whether the controller's numbers are possible; see actor.Checker.
func (c *Cubic) Check() error {
	if err := c.window.check(); err != nil {
		return err
	}
	s := &c.stage
	switch {
	case s.prior < 0 || s.max < 0 || s.est < 0 || s.prior > MaxWindow || s.max > MaxWindow || s.est > MaxWindow:
		return fmt.Errorf("congestion: a stage from %d towards %d, Reno-friendly at %d; at most %d", s.prior, s.max, s.est, MaxWindow)
	case s.k < 0 || !s.begin.IsZero() && s.seen < s.begin:
		return fmt.Errorf("congestion: a stage that began at %d was seen at %d, K is %d us", s.begin, s.seen, s.k)
	case c.threshold == Unlimited && c.slow.conservative() && c.slow.rounds >= hystartRounds:
		// RFC 9406 s4.2: conservative slow start ends after so many rounds.
		return fmt.Errorf("congestion: %d rounds of conservative slow start, at most %d", c.slow.rounds, hystartRounds)
	}
	return nil
}

// Check says whether the controller's numbers are possible; see actor.Checker.
func (r *NewReno) Check() error {
	if err := r.window.check(); err != nil {
		return err
	}
	if r.credit < 0 || r.credit >= r.bytes {
		return fmt.Errorf("congestion: %d acknowledged bytes have not grown a window of %d", r.credit, r.bytes)
	}
	return nil
}

func (w *window) check() error {
	switch e := &w.event; {
	case w.datagram < MinDatagramSize:
		return fmt.Errorf("congestion: datagrams of %d bytes, at least %d", w.datagram, MinDatagramSize)
	case w.bytes < MinWindow(w.datagram) || w.bytes > MaxWindow:
		// RFC 9002 s7.2.
		return fmt.Errorf("congestion: the window is %d, not within %d and %d", w.bytes, MinWindow(w.datagram), MaxWindow)
	case w.threshold != Unlimited && (w.threshold < MinWindow(MinDatagramSize) || w.threshold > MaxWindow):
		return fmt.Errorf("congestion: the slow start threshold is %d, not within %d and %d", w.threshold, MinWindow(MinDatagramSize), MaxWindow)
	case !w.touched && (w.bytes != InitialWindow(w.datagram) || w.threshold != Unlimited):
		return fmt.Errorf("congestion: nothing has changed the window, and it is %d, threshold %d", w.bytes, w.threshold)
	case w.recovery < 0 || e.open && (e.lost <= 0 || w.recovery.IsZero() || e.after >= w.recovery):
		return fmt.Errorf("congestion: a reduction at %d for %d packets sent after %d", w.recovery, e.lost, e.after)
	case w.peak.current < 0 || w.peak.last < 0:
		return fmt.Errorf("congestion: %d and %d bytes in flight at most", w.peak.current, w.peak.last)
	}
	return nil
}

// Check says whether the bucket is within its bounds; see actor.Checker.
func (p *Pacer) Check() error {
	switch {
	case p.rate < 1 || p.rate > maxRate:
		return fmt.Errorf("pacer: %d bytes a second, not within 1 and %d", p.rate, uint64(maxRate))
	case p.burst <= 0 || p.tokens > p.burst || p.tokens < -p.burst:
		return fmt.Errorf("pacer: %d bytes in a bucket of %d", p.tokens, p.burst)
	case p.rest >= 1e9:
		return fmt.Errorf("pacer: a fraction of %d billionths", p.rest)
	}
	return nil
}
