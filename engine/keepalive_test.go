package engine

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
)

// pause is a handler that says nothing for a while after the request's head came.
type pause struct {
	*reply
	silent time.Duration
	until  mono.Time
}

func (p *pause) poll() bool {
	w := p.s.w
	switch {
	case p.how == "":
		return p.reply.poll()
	case p.until.IsZero():
		p.until = w.now.Add(p.silent)
		w.at(p.until, func() {})
		return true
	}
	return w.now >= p.until && p.reply.poll()
}

// pausing makes the handlers that have been born pause.
func (s *scene) pausing(silent time.Duration) {
	for i, have := range s.w.scripts {
		if r, ok := have.(*reply); ok {
			s.w.scripts[i] = &pause{reply: r, silent: silent}
		}
	}
}

// RFC 9114 s5.1: a client is expected to keep the connection open while responses are outstanding.
func TestAHandlerMayBeSilentForLongerThanTheIdleTimeout(t *testing.T) {
	for seed := range uint64(20) {
		n := weather{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, loss: int(seed%2) * 5, queue: 200}
		s := newScene(t, seed, n, func(_ *steppingWorld, l *port.Limits) { l.IdleTimeout = time.Second })
		h := s.dial()
		s.ask(h, "read", 1000, 1000, 0)
		s.ask(h, "read", 0, 100_000, 0)
		began := s.w.now
		s.w.run(began.Add(steppingPatience), func() bool {
			s.pausing(3 * time.Second)
			return s.answered()
		})
		if took := s.w.now.Sub(began); took < 3*time.Second {
			t.Fatalf("seed %d: answered after %v", seed, took)
		}
		s.finish()
	}
}

func TestAnIdleConnectionStillEnds(t *testing.T) {
	s := newScene(t, 1, weather{delay: 5 * time.Millisecond, jitter: time.Millisecond, queue: 200}, func(_ *steppingWorld, l *port.Limits) { l.IdleTimeout = time.Second })
	h := s.dial()
	s.ask(h, "read", 1000, 1000, 0)
	s.w.run(s.w.now.Add(steppingPatience), s.answered)
	idle := s.w.now
	if !s.w.run(idle.Add(steppingPatience), func() bool { return s.e.Outstanding().Connections == 0 }) {
		s.fail("an idle connection does not end")
	}
	if took := s.w.now.Sub(idle); took < time.Second/2 || took > 2*time.Second {
		t.Errorf("it ended after %v", took)
	}
	s.finish()
}
