package conn

import (
	"testing"
	"time"

	"quicpro/wire"
)

// rests is how often the connection has come to rest.
func (p *fakeProtect) rests() (n int) {
	for _, o := range p.orders {
		if o == "rest" {
			n++
		}
	}
	return n
}

// A connection comes to rest a second after the last packet, once, and again after the next.
func TestAConnectionComesToRest(t *testing.T) {
	for _, role := range []wire.Role{wire.Client, wire.Server} {
		s := newSolo(t, role, nil)
		s.run(time.Second)
		before := s.protect.rests()
		if before == 0 {
			t.Errorf("%v: no rest after the handshake", role)
		}
		s.say(ping)
		s.run(restAfter - time.Millisecond)
		if n := s.protect.rests(); n != before {
			t.Errorf("%v: %d rests within a second of a packet", role, n-before)
		}
		s.run(time.Minute / 10)
		if n := s.protect.rests(); n != before+1 {
			t.Errorf("%v: %d rests after a packet, want 1", role, n-before)
		}
		if err := s.conn.CheckAll(); err != nil {
			t.Error(err)
		}
	}
}

// One that waits for an acknowledgement does not, however long it takes.
func TestAConnectionWithPacketsInFlightDoesNotRest(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.run(restAfter)
	before := s.protect.rests()
	s.open(0).write([]byte("question"), true)
	s.run(5 * time.Second)
	if n := s.protect.rests(); n != before {
		t.Errorf("%d rests while nobody answers", n-before)
	}
	s.say(s.ack(0, s.conn.loss.Next(wire.SpaceApp)-1))
	s.run(restAfter + time.Millisecond)
	if n := s.protect.rests(); n != before+1 {
		t.Errorf("%d rests when everything is acknowledged, want 1", n-before)
	}
}
