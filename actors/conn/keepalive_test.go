package conn

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

// idle makes both sides declare an idle timeout; zero is none.
func idle(d time.Duration) func(*Config) {
	return func(c *Config) { c.Params.MaxIdleTimeout = d }
}

func TestASilentServerDoesNotLoseTheRequest(t *testing.T) {
	for name, link := range map[string]link{
		"a good path": {delay: 10 * time.Millisecond},
		"a lossy one": {delay: 10 * time.Millisecond, loss: 10},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, 1, idle(time.Second))
			p.connect()
			p.link = link
			from := len(p.client.out)
			q := p.client.open(0)
			q.write([]byte("question"), true)
			p.run(10 * time.Second)
			if p.client.left || p.server.left {
				t.Fatalf("the connection ended: client %v, server %v", p.client.h3.cause, p.server.h3.cause)
			}
			// One each 500 ms and round trip, more only where a probe timeout repeats it.
			if n := len(p.client.sent(from, wire.TypePing)); n < 15 || link.loss == 0 && n > 20 {
				t.Errorf("%d PINGs in 10 s", n)
			}
			if n := len(p.server.sent(0, wire.TypePing)); n != 0 && link.loss == 0 {
				t.Errorf("the server sent %d PINGs: it waits for nobody", n)
			}
			p.server.streams[0].write([]byte("answer"), true)
			p.run(500 * time.Millisecond)
			if string(q.got) != "answer" {
				t.Errorf("got %q", q.got)
			}
		})
	}
}

func TestWithoutARequestTheConnectionEndsIdle(t *testing.T) {
	p := newPair(t, 1, idle(time.Second))
	p.connect()
	control := p.client.open(2)
	control.write([]byte("settings"), false)
	p.run(50 * time.Millisecond)
	p.client.open(0).write([]byte("question"), true)
	p.run(3 * time.Second)
	p.server.streams[0].write([]byte("answer"), true)
	p.run(50 * time.Millisecond)
	p.client.streams[0].end()
	p.run(100 * time.Millisecond)
	if p.client.left || !p.client.streams[0].left {
		t.Fatalf("left %v, the request's stream %v", p.client.left, p.client.streams[0].left)
	}
	from := len(p.client.out)
	p.run(1500 * time.Millisecond)
	if n := len(p.client.sent(from, wire.TypePing)); n != 0 {
		t.Errorf("%d PINGs for a control stream", n)
	}
	p.home()
	if c := p.client.h3.cause; c == nil || c.Why != port.Idle {
		t.Errorf("cause %v", c)
	}
}

func TestAServerThatIsGoneEndsTheRequest(t *testing.T) {
	p := newPair(t, 1, idle(time.Second))
	p.connect()
	p.client.open(0).write([]byte("question"), true)
	p.run(100 * time.Millisecond)
	p.server.protect.mute = true
	from := len(p.client.out)
	p.run(3 * time.Second)
	// One PING, then the probe timeout's, ever more rarely.
	if n := len(p.client.out) - from; n < 3 || n > 12 {
		t.Errorf("%d packets to a server that is gone", n)
	}
	p.home()
	if c := p.client.h3.cause; c == nil || c.Why != port.Idle {
		t.Errorf("cause %v", c)
	}
}

func TestHowLongAClientIsSilent(t *testing.T) {
	for _, c := range []struct {
		name       string
		idle       time.Duration
		from, till time.Duration // since the last packet
	}{
		{"half of the idle timeout", 8 * time.Second, 4 * time.Second, 4 * time.Second},
		{"at most 15 s", 5 * time.Minute, 15 * time.Second, 15 * time.Second},
		{"without an idle timeout too", 0, 15 * time.Second, 15 * time.Second},
		{"half of three PTOs where those are longer", 10 * time.Millisecond, 45 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, 1, idle(c.idle))
			p.connect()
			p.run(100 * time.Millisecond)
			p.client.open(0).write([]byte("question"), true)
			at := len(p.client.out)
			if !p.until(time.Minute, func() bool { return len(p.client.sent(at, wire.TypePing)) > 0 || p.client.left }) || p.client.left {
				t.Fatal("no PING")
			}
			out := p.client.out[at:]
			waited := out[len(out)-1].at.Sub(out[0].at)
			// The answer to the question came up to a round trip and an ACK's delay after it.
			if waited < c.from || waited > c.till+50*time.Millisecond {
				t.Errorf("PING after %v", waited)
			}
		})
	}
}

func TestAPTOLongerThanAllIsWaitedFor(t *testing.T) {
	p := newPair(t, 1, idle(0))
	p.connect()
	p.client.open(0).write([]byte("question"), true)
	p.run(100 * time.Millisecond)
	c := p.client.conn
	for range 50 {
		c.loss.RTT().Update(p.now, 20*time.Second, 0)
	}
	if d := c.keepAliveDeadline().Sub(c.life.active); d != c.loss.PTO() || d < maxQuiet {
		t.Errorf("PING after %v, the PTO is %v", d, c.loss.PTO())
	}
}

func TestNoPINGWhileBytesAreInFlight(t *testing.T) {
	p := newPair(t, 1, idle(time.Second))
	p.connect()
	q := p.client.open(0)
	q.write([]byte("question"), false)
	p.run(100 * time.Millisecond)
	p.server.protect.mute = true
	from := len(p.client.out)
	// Each write puts the probe timeout off.
	for range 40 {
		q.write([]byte("more"), false)
		p.run(20 * time.Millisecond)
	}
	if n := len(p.client.sent(from, wire.TypePing)); n != 0 {
		t.Errorf("%d PINGs", n)
	}
}
