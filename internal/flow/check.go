package flow

import (
	"fmt"

	"quicpro/wire"
)

// Check says whether the window's books are in order; see actor.Checker.
func (w *RecvWindow) Check() error {
	switch {
	case w.consumed > w.received || w.received > w.limit:
		return fmt.Errorf("flow: %d bytes consumed, %d received, %d allowed", w.consumed, w.received, w.limit)
	case w.limit-w.consumed > w.size:
		return fmt.Errorf("flow: %d bytes allowed beyond those consumed, the window is %d", w.limit-w.consumed, w.size)
	case w.size > w.maxSize || w.limit > max(w.size, wire.MaxVarint):
		return fmt.Errorf("flow: a window of %d with limit %d, at most %d", w.size, w.limit, w.maxSize)
	case w.seen > w.consumed || w.from > w.received:
		return fmt.Errorf("flow: %d of %d consumed bytes were seen, measured from %d of %d", w.seen, w.consumed, w.from, w.received)
	}
	return nil
}

// Check says whether the credit's books are in order; see actor.Checker.
func (w *SendWindow) Check() error {
	if w.spent > w.limit || w.told && w.spent < w.limit {
		return fmt.Errorf("flow: %d of %d bytes sent; blocked: %v", w.spent, w.limit, w.told)
	}
	return nil
}

// Check says whether the counts are in order; see actor.Checker.
func (s *PeerStreams) Check() error {
	switch {
	case s.ended > s.opened || s.opened > s.limit || s.limit > wire.MaxStreamCount:
		return fmt.Errorf("flow: %d streams ended, %d opened, %d allowed", s.ended, s.opened, s.limit)
	case s.limit-s.ended > s.window:
		return fmt.Errorf("flow: %d streams may be alive, at most %d", s.limit-s.ended, s.window)
	}
	return nil
}

// Ended is how many of the streams that the peer opened have ended.
func (s *PeerStreams) Ended() uint64 { return s.ended }

// Check says whether the counts are in order; see actor.Checker.
func (s *LocalStreams) Check() error { return s.credit.Check() }
