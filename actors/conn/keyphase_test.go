package conn

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"quicpro/wire"
)

// updatesAfter makes keys last for so many packets.
func updatesAfter(packets int) func(*Config) {
	return func(c *Config) {
		l := *c.Limits
		l.KeyPhasePackets = packets
		c.Limits = &l
	}
}

// updates lists the key updates that a side has ordered.
func (s *side) updates() (all []string) {
	for _, o := range s.protect.orders {
		if phase, ok := strings.CutPrefix(o, "update keys "); ok {
			all = append(all, phase)
		}
	}
	return all
}

func (s *solo) wantUpdates(when string, want ...string) {
	s.t.Helper()
	if got := s.updates(); !slices.Equal(got, want) {
		s.t.Fatalf("%s: key updates %v, want %v", when, got, want)
	}
}

// chat has us send n packets: ACKs, which nobody acknowledges.
func (s *solo) chat(n int) {
	for range n {
		s.say(ping)
		s.say(ping)
	}
}

// newest is an acknowledgement of the last packet that we sent.
func (s *solo) newest() wire.Frame {
	last := s.out[len(s.out)-1].number
	return s.ack(last, last)
}

func TestKeysAreUpdatedAtTheCountOncePerAcknowledgedPhase(t *testing.T) {
	for _, role := range []wire.Role{wire.Client, wire.Server} {
		s := newSolo(t, role, updatesAfter(100))
		s.chat(99 - int(s.conn.loss.Next(wire.SpaceApp)))
		s.wantUpdates("99 packets")
		s.chat(3)
		s.wantUpdates("100 packets", "1")

		first := s.conn.crypto.phase.first
		s.chat(200)
		s.wantUpdates("nothing of the new phase is acknowledged", "1")
		s.say(s.ack(first-1, first-1))
		s.chat(1)
		s.wantUpdates("a packet of the phase before is acknowledged", "1")

		s.keys = 1
		s.say(s.newest())
		pto := s.conn.loss.PTO()
		s.run(3*pto - 10*time.Millisecond)
		s.chat(1)
		s.wantUpdates("within three PTO of the acknowledgement", "1")
		s.run(10 * time.Millisecond)
		s.chat(1)
		s.wantUpdates("three PTO later", "1", "2")

		s.keys = 2
		s.say(s.newest())
		s.run(3 * pto)
		s.chat(90)
		s.wantUpdates("90 packets of the second phase", "1", "2")
		s.chat(10)
		s.wantUpdates("100 packets of the second phase", "1", "2", "3")
	}
}

// The server's word that the handshake is confirmed does not come, however much does.
func TestKeysAreNotUpdatedBeforeTheHandshakeIsConfirmed(t *testing.T) {
	p := newPair(t, 5, func(c *Config) {
		if c.Role == wire.Client {
			updatesAfter(10)(c)
		}
	})
	done := func(d []byte) bool {
		if d[0]&wire.LongHeaderBit != 0 {
			return false
		}
		head := 1 + 8 + int(d[0]&wire.NumberLenMask) + 1
		return slices.ContainsFunc(frames(d[head:len(d)-16]), func(f wire.Frame) bool { return f.Type == wire.TypeHandshakeDone })
	}
	p.link.drop = func(from wire.Role, d []byte) bool { return from == wire.Server && done(d) }
	p.client.cell.Ring()
	if !p.until(time.Second, func() bool { return p.client.conn.crypto.complete }) {
		t.Fatal("no handshake")
	}
	s := p.client.open(0)
	s.write(pattern(200_000, 0), true)
	p.run(900 * time.Millisecond)
	if n := p.client.conn.loss.Next(wire.SpaceApp); p.client.conn.crypto.confirmed || n < 50 {
		t.Fatalf("%d packets were sent, confirmed %v: this is no test", n, p.client.conn.crypto.confirmed)
	}
	if got := p.client.updates(); len(got) > 0 {
		t.Errorf("key updates %v of an unconfirmed handshake", got)
	}
	p.link.drop = nil
	p.run(5 * time.Second)
	s = p.client.open(4)
	s.write(pattern(200_000, 0), true)
	p.run(5 * time.Second)
	if got := p.client.updates(); len(got) == 0 {
		t.Error("no key update once it is confirmed")
	}
	p.quiet()
	p.close()
}

func TestTransfersBothWaysUnderManyKeys(t *testing.T) {
	for seed := range uint64(10) {
		p := newPair(t, seed, updatesAfter(20))
		p.link.loss, p.link.reorder, p.link.dup = int(seed%7), int(seed%3)*30, int(seed%5)
		p.connect()
		up, down := p.client.open(0), p.server.open(1)
		for from, n := 0, 20_000; from < 400_000; from += n { // three PTO must pass between
			up.write(pattern(400_000, 0)[from:from+n], from+n == 400_000)
			down.write(pattern(400_000, 1)[from:from+n], from+n == 400_000)
			p.run(400 * time.Millisecond)
		}
		p.run(30 * time.Second)
		if r := p.server.streams[0]; r == nil || !bytes.Equal(r.got, pattern(400_000, 0)) {
			t.Errorf("seed %d: the upload did not arrive: %v, %v", seed, p.client.conn.life.cause, p.server.conn.life.cause)
		}
		if r := p.client.streams[1]; r == nil || !bytes.Equal(r.got, pattern(400_000, 1)) {
			t.Errorf("seed %d: the download did not arrive: %v, %v", seed, p.client.conn.life.cause, p.server.conn.life.cause)
		}
		c, s := &p.client.conn.crypto.phase, &p.server.conn.crypto.phase
		if c.write < 3 || s.write < 3 || c.write != s.write || c.read != c.write || s.read != s.write {
			t.Errorf("seed %d: at the end the client sends in phase %d and receives in %d, the server in %d and %d", seed, c.write, c.read, s.write, s.read)
		}
		if c.write != p.client.protect.phases.write || s.write != p.server.protect.phases.write {
			t.Errorf("seed %d: conn counts %d and %d updates, protect %d and %d", seed, c.write, s.write, p.client.protect.phases.write, p.server.protect.phases.write)
		}
		p.quiet()
		p.link = link{} // the close must not be lost
		p.close()
	}
}

func TestAPeersKeyUpdateIsTheNextOfOurs(t *testing.T) {
	s := newSolo(t, wire.Server, updatesAfter(50))
	s.keys = 1
	s.chat(1)
	k := &s.conn.crypto.phase
	if k.write != 1 || k.read != 1 || !k.acked.IsZero() {
		t.Errorf("sends in phase %d, receives in %d, acknowledged at %d", k.write, k.read, k.acked)
	}
	s.chat(60)
	s.wantUpdates("nothing of the peer's phase is acknowledged")
	s.say(s.newest())
	s.run(3 * s.conn.loss.PTO())
	s.chat(1)
	s.wantUpdates("it is", "2")

	// The peer began the same update before it saw ours.
	s.keys = 2
	s.chat(1)
	if k.write != 2 || k.read != 2 {
		t.Errorf("after both began one: sends in phase %d, receives in %d", k.write, k.read)
	}
}

// Of a packet that was overtaken, the phase is the one before.
func TestAnOlderPhaseAfterANewerIsNoUpdate(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	late := s.packet(wire.LevelApp, s.newest())
	s.keys = 1
	s.chat(1)
	s.batch(nil, late)
	if k := &s.conn.crypto.phase; k.read != 1 || k.write != 1 || s.conn.life.state != alive {
		t.Errorf("sends in phase %d, receives in %d, cause %v", k.write, k.read, s.conn.life.cause)
	}
}

func TestAnAcknowledgementInAnOlderPhaseIsAKeyUpdateError(t *testing.T) {
	s := newSolo(t, wire.Server, updatesAfter(50))
	s.chat(60)
	s.wantUpdates("60 packets", "1")
	first := s.conn.crypto.phase.first
	s.say(s.ack(first-1, first-1))
	if s.conn.life.state != alive {
		t.Fatalf("of an older packet: %v", s.conn.life.cause)
	}
	s.say(s.newest())
	s.closed(wire.KeyUpdateError)
}

func TestOldKeysAreForgottenThreePTOLater(t *testing.T) {
	for _, ours := range []bool{false, true} {
		s := newSolo(t, wire.Server, updatesAfter(50))
		if ours {
			s.chat(60)
		}
		s.keys = 1
		s.say(ping)
		s.run(3*s.conn.loss.PTO() - time.Millisecond)
		if slices.Contains(s.protect.orders, "drop previous") {
			t.Errorf("ours %v: too early", ours)
		}
		s.run(2 * time.Millisecond)
		if !slices.Contains(s.protect.orders, "drop previous") {
			t.Errorf("ours %v: protect heard %v", ours, s.protect.orders)
		}
	}
}

func TestTheTraceTellsWhoUpdatedTheKeys(t *testing.T) {
	var rs []*tracer
	s := newSolo(t, wire.Client, func(c *Config) {
		updatesAfter(50)(c)
		traced(&rs)(c)
	})
	told := &rs[0].keys
	*told = nil
	s.chat(60)
	s.keys = 1
	s.chat(1)
	s.keys = 2
	s.chat(1)
	if want := []string{"write keys updated", "read keys updated", "updated by the peer"}; !slices.Equal(*told, want) {
		t.Errorf("the trace says %q, want %q", *told, want)
	}
}

func TestAskingForAKeyUpdateCostsNoMemory(t *testing.T) {
	s := newSolo(t, wire.Client, updatesAfter(50))
	s.chat(200) // it is due, and the phase not acknowledged
	s.wantUpdates("200 packets", "1")
	if n := testing.AllocsPerRun(100, s.conn.updateKeys); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckOfTheKeyPhase(t *testing.T) {
	for _, c := range []struct {
		want string
		harm func(*keyPhase)
	}{
		{"", func(*keyPhase) {}},
		{"sent in key phase 3, and have come in 1", func(k *keyPhase) { k.write = 3 }},
		{"sent in key phase 1, and have come in 2", func(k *keyPhase) { k.read = 2 }},
		{"key phase 1 begins with packet 10000", func(k *keyPhase) { k.first = 10_000 }},
		{"key phase 0 begins with packet", func(k *keyPhase) { k.write, k.read = 0, 0 }},
		{"key phase 2 was acknowledged; packets have come in 1", func(k *keyPhase) { k.write = 2 }},
		{"the largest acknowledged is", func(k *keyPhase) { k.first += 100 }},
	} {
		s := newSolo(t, wire.Server, updatesAfter(50))
		s.chat(60)
		s.keys = 1
		s.say(s.newest())
		s.chat(200)
		c.harm(&s.conn.crypto.phase)
		if err := s.conn.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check says %v, want %q", err, c.want)
		}
	}
}
