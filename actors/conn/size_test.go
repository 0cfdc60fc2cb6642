package conn

import (
	"bytes"
	"testing"
	"time"

	"quicpro/wire"
)

const jumbo = 8848

// searching is a pair whose sides search for jumbo datagrams, on a path that carries so many bytes.
func searching(t *testing.T, carries *int, tune func(*Config)) *pair {
	p := newPair(t, 1, func(c *Config) {
		c.SearchDatagrams = []int{jumbo}
		if tune != nil {
			tune(c)
		}
	})
	p.link.drop = func(_ wire.Role, d []byte) bool { return len(d) > *carries }
	p.connect()
	return p
}

// upload sends bytes from the client, until the server has them all.
func (p *pair) upload(id wire.StreamID, n int) {
	p.t.Helper()
	s := p.client.open(id)
	s.write(pattern(n, byte(id)), true)
	if !p.until(time.Minute, func() bool { r := p.server.streams[id]; return r != nil && len(r.got) == n }) {
		p.t.Fatalf("%d of %d bytes came", len(p.server.streams[id].got), n)
	}
	if !bytes.Equal(p.server.streams[id].got, pattern(n, byte(id))) {
		p.t.Error("other bytes came")
	}
}

// sized counts the datagrams of a size that a side sent.
func (s *side) sized(size int) (n int) {
	for _, x := range s.out {
		if x.size == size {
			n++
		}
	}
	return n
}

func TestJumboDatagramsAreUsedWhereTheyAreCarried(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, nil)
	p.upload(0, worthAProbe/2)
	if n := p.client.sized(jumbo); n != 0 || p.client.conn.path.datagram != 1452 {
		t.Fatalf("%d jumbo datagrams for few bytes, and now %d bytes", n, p.client.conn.path.datagram)
	}
	p.upload(4, 2<<20)
	if n := p.client.sized(jumbo); n < 150 || p.client.conn.path.datagram != jumbo {
		t.Errorf("%d jumbo datagrams, and now %d bytes", n, p.client.conn.path.datagram)
	}
	if p.server.conn.path.datagram != safeDatagram {
		t.Errorf("the server, which sends acknowledgments only, changed to %d bytes", p.server.conn.path.datagram)
	}
	p.quiet()
	p.close()
}

// RFC 9000 s14.4: the loss of a probe is no reason for a congestion control reaction. RFC 8899: three are enough.
func TestLostProbesEndTheSearchAndNothingElse(t *testing.T) {
	carries := 1500
	p := searching(t, &carries, nil)
	p.upload(0, 4<<20)
	p.quiet()
	if n := p.client.sized(jumbo); n != maxProbes {
		t.Errorf("%d probes", n)
	}
	if c := p.client.conn; !c.cc.InSlowStart() || c.path.datagram != 1452 {
		t.Errorf("slow start %v, datagrams of %d bytes", c.cc.InSlowStart(), c.path.datagram)
	}
	p.close()
}

// The sizes are a ladder: the path is asked for the next one only, and a larger one that it does not carry takes nothing away.
func TestTheSearchClimbsAsFarAsThePathCarries(t *testing.T) {
	for carries, want := range map[int]int{1 << 16: 3 * jumbo, 2*jumbo + 1: 2 * jumbo, jumbo + 1: jumbo, 1500: 1452} {
		p := searching(t, &carries, func(c *Config) { c.SearchDatagrams = []int{jumbo, 2 * jumbo, 3 * jumbo} })
		p.upload(0, 6<<20)
		p.quiet()
		if c := p.client.conn; c.path.datagram != want || !c.cc.InSlowStart() {
			t.Errorf("a path of %d bytes: datagrams of %d, slow start: %v", carries, c.path.datagram, c.cc.InSlowStart())
		}
		for lost := range 3 {
			if n := p.client.sized((lost + 1) * jumbo); want < (lost+1)*jumbo && n > maxProbes || want < lost*jumbo && n > 0 {
				t.Errorf("a path of %d bytes: %d datagrams of %d", carries, n, (lost+1)*jumbo)
			}
		}
		p.close()
	}
}

func TestTheSearchBeginsAgainLater(t *testing.T) {
	carries := 1500
	p := searching(t, &carries, func(c *Config) { c.Limits.IdleTimeout, c.Params.MaxIdleTimeout = 2*raiseAfter, 2*raiseAfter })
	p.upload(0, 2<<20)
	p.quiet()
	carries = 1 << 16
	p.upload(4, 2<<20)
	if n := p.client.sized(jumbo); n != maxProbes {
		t.Errorf("%d probes at once", n)
	}
	p.run(raiseAfter)
	p.upload(8, 2<<20)
	if p.client.conn.path.datagram != jumbo {
		t.Errorf("datagrams of %d bytes after %v", p.client.conn.path.datagram, raiseAfter)
	}
	p.quiet()
	p.close()
}

func TestTheSocketsWordEndsTheSearchAtOnce(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, nil)
	p.client.protect.tooLong = 1500
	p.upload(0, 4<<20)
	p.quiet()
	if n := p.client.sized(jumbo); n != 0 || p.client.protect.refused != 1 || p.client.conn.path.datagram != 1452 {
		t.Errorf("%d datagrams were refused, %d jumbo ones sent; now %d bytes", p.client.protect.refused, n, p.client.conn.path.datagram)
	}
	p.close()
}

func TestAPeerThatTakesNoJumboDatagramsGetsNoProbe(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, func(c *Config) { c.Params.MaxUDPPayloadSize = 1472 })
	p.upload(0, 2<<20)
	for _, x := range p.client.out {
		if x.size > 1452 {
			t.Fatalf("a datagram of %d bytes", x.size)
		}
	}
	p.quiet()
	p.close()
}

// A path that shrinks is a black hole: the connection finds the way down, and up again when the path has grown.
func TestThePathShrinksAndGrows(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, func(c *Config) {
		c.SearchDatagrams = []int{jumbo, 2 * jumbo}
		c.Limits.IdleTimeout, c.Params.MaxIdleTimeout = 2*raiseAfter, 2*raiseAfter
	})
	p.upload(0, 2<<20)
	for i, step := range []struct {
		carries int
		after   time.Duration
		want    int
	}{{1 << 16, 0, 2 * jumbo}, {9000, 0, jumbo}, {1500, 0, 1452}, {1300, 0, 1232}, {1500, mendedAfter, 1452}, {9000, raiseAfter, jumbo}} {
		carries = step.carries
		p.quiet()
		p.run(step.after)
		p.upload(wire.StreamID(4+4*i), 1<<20)
		if got := p.client.conn.path.datagram; got != step.want {
			t.Errorf("a path of %d bytes: datagrams of %d", carries, got)
		}
	}
	p.quiet()
	p.close()
}

// A path that shrinks to what is between two sizes carries the small ones of the large datagrams. They are no reason to go on with
// those that vanish.
func TestAPathBetweenTwoSizesIsABlackHole(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, nil)
	p.upload(0, 2<<20)
	p.quiet()
	carries = 4000
	const n = 2 << 20
	p.client.open(4).write(pattern(n, 4), true)
	messages, over := p.client.open(8), false
	var message func()
	message = func() {
		if !over {
			messages.write(pattern(2500, 8), false)
			p.after(50*time.Millisecond, message)
		}
	}
	message()
	over = p.until(10*time.Second, func() bool { r := p.server.streams[4]; return r != nil && len(r.got) == n })
	if size := p.client.conn.path.datagram; !over || size != 1452 {
		t.Errorf("over %v, datagrams of %d bytes", over, size)
	}
}

// What was sent before the path shrank says nothing about the size that was chosen then.
func TestOldLossesDoNotShrinkTheNewSize(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, nil)
	p.upload(0, 2<<20)
	p.quiet()
	carries = 1472
	large, small := p.client.open(4), p.client.open(8)
	for i := range 400 {
		if i < 40 {
			large.write(pattern(5000, 4), false)
			p.run(500 * time.Microsecond)
			small.write(pattern(100, 8), false)
			p.run(500 * time.Microsecond)
		} else {
			p.run(10 * time.Millisecond)
		}
		if size := p.client.conn.path.datagram; size < 1452 {
			t.Fatalf("datagrams of %d bytes", size)
		}
	}
	if size := p.client.conn.path.datagram; size != 1452 {
		t.Errorf("datagrams of %d bytes at the end", size)
	}
}

// A large path whose first link shrinks: the socket refuses also datagrams that are not full.
func TestTheSocketsWordAboutDatagramsThatAreNotFull(t *testing.T) {
	for _, size := range []int{1500, 1900, 5000, 8000} {
		carries := 1 << 16
		p := searching(t, &carries, nil)
		p.upload(0, 2<<20)
		p.quiet()
		p.client.protect.tooLong = 1472
		p.upload(4, size)
		if now, refused := p.client.conn.path.datagram, p.client.protect.refused; now != 1452 || refused != 1 {
			t.Errorf("%d bytes: %d datagrams refused, now %d bytes", size, refused, now)
		}
	}
}

// Small messages have no use for large datagrams, and do not wait behind a probe.
func TestSmallMessagesLookForNoLargerSize(t *testing.T) {
	carries := 1 << 16
	p := searching(t, &carries, nil)
	s := p.client.open(0)
	for range 800 {
		s.write(pattern(1000, 0), false)
		p.run(30 * time.Millisecond)
	}
	if n := p.client.sized(jumbo); n != 0 || p.client.conn.path.search.carried < worthAProbe {
		t.Errorf("%d probes; %d bytes carried", n, p.client.conn.path.search.carried)
	}
}

// Both directions of a path change, and lose what they carry besides: all bytes come, and no search ends in the air.
func TestAPathThatChangesAllTheTime(t *testing.T) {
	sizes := []int{1472, 1 << 16, 1300, 4000, 1 << 16, 1472, jumbo, jumbo - 1, 1250}
	for seed := range uint64(6) {
		carries := [2]int{1 << 16, 1 << 16}
		p := newPair(t, seed, func(c *Config) { c.SearchDatagrams = []int{jumbo} })
		p.link.drop = func(from wire.Role, d []byte) bool { return len(d) > carries[from] }
		p.connect()
		p.link.delay, p.link.loss, p.link.dup = time.Duration(1+seed)*time.Millisecond, int(seed%4), int(seed%2)
		const n = 3 << 20
		p.client.open(0).write(pattern(n, 0), true)
		p.server.open(1).write(pattern(n, 1), true)
		over := false
		var change func()
		change = func() {
			if !over {
				carries = [2]int{sizes[p.random.IntN(len(sizes))], sizes[p.random.IntN(len(sizes))]}
				p.after(time.Duration(20+p.random.IntN(500))*time.Millisecond, change)
			}
		}
		p.after(50*time.Millisecond, change)
		over = p.until(2*time.Minute, func() bool {
			up, down := p.server.streams[0], p.client.streams[1]
			return up != nil && down != nil && len(up.got) == n && len(down.got) == n
		})
		if !over {
			t.Fatalf("seed %d: datagrams of %d and %d bytes, the end of the connection: %v", seed, p.client.conn.path.datagram, p.server.conn.path.datagram, p.client.conn.life.cause)
		}
		p.run(time.Minute)
		if p.client.conn.path.search.flying || p.server.conn.path.search.flying {
			t.Errorf("seed %d: a probe has no fate", seed)
		}
	}
}
