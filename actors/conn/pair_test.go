package conn

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

// pair is a client and a server on one link.
type pair struct {
	*world
	t              *testing.T
	client, server *side
	link           link
	lost           int
}

// link is what the network does to datagrams, in percent.
type link struct {
	delay              time.Duration
	loss, reorder, dup int
	drop               func(from wire.Role, d []byte) bool
}

func newPair(t *testing.T, seed uint64, tune func(*Config)) *pair {
	w := newWorld(seed)
	p := &pair{world: w, t: t, link: link{delay: 10 * time.Millisecond}}
	p.client = newSide(w, wire.Client, tune)
	c := p.client.conn.cfg
	p.server = newSide(w, wire.Server, func(s *Config) {
		s.PeerID, s.OriginalDest = c.LocalID, c.PeerID
		if tune != nil {
			tune(s)
		}
	})
	p.client.wire = func(d []byte) { p.carry(p.client, p.server, d) }
	p.server.wire = func(d []byte) { p.carry(p.server, p.client, d) }
	return p
}

func (p *pair) carry(from, to *side, d []byte) {
	l := p.link
	if l.drop != nil && l.drop(from.role, d) || p.random.IntN(100) < l.loss {
		p.lost++
		return
	}
	delay := l.delay
	if p.random.IntN(100) < l.reorder {
		delay += time.Duration(p.random.IntN(int(l.delay)))
	}
	p.after(delay, func() { to.arrive(len(d), d) })
	if p.random.IntN(100) < l.dup {
		p.after(delay+time.Millisecond, func() { to.arrive(len(d), d) })
	}
}

// connect runs the handshake to its confirmation on both sides.
func (p *pair) connect() {
	p.t.Helper()
	p.client.cell.Ring()
	if !p.until(20*time.Second, func() bool {
		return p.client.conn.crypto.confirmed && p.server.conn.crypto.confirmed
	}) {
		p.t.Fatalf("no handshake: client %v, server %v", p.client.conn.life.cause, p.server.conn.life.cause)
	}
}

// quiet lets everything in flight be acknowledged.
func (p *pair) quiet(sides ...*side) {
	p.t.Helper()
	if len(sides) == 0 {
		sides = []*side{p.client, p.server}
	}
	p.run(3 * time.Second)
	for _, s := range sides {
		if n := s.conn.loss.BytesInFlight(); n != 0 {
			p.t.Errorf("%v has %d bytes in flight at the end", s.role, n)
		}
	}
}

// home checks that nothing is held once both sides have left.
func (p *pair) home() {
	p.t.Helper()
	p.run(time.Second)
	for _, s := range []*side{p.client, p.server} {
		if !s.left || !s.protect.gone || !s.handshake.gone || !s.h3.gone {
			p.t.Errorf("%v: conn left %v, protect %v, handshake %v, h3 %v", s.role, s.left, s.protect.gone, s.handshake.gone, s.h3.gone)
		}
		if s.ended() != len(s.order) {
			p.t.Errorf("%v: %d of %d streams left", s.role, s.ended(), len(s.order))
		}
		if n := s.chunks.Out(); n != 0 {
			p.t.Errorf("%v: %d chunks are not home", s.role, n)
		}
		if s.rx != 0 || s.pool.out != 0 {
			p.t.Errorf("%v: %d receive and %d transmit batches are not home", s.role, s.rx, s.pool.out)
		}
	}
}

// close closes from the client.
func (p *pair) close() {
	p.t.Helper()
	p.client.home.Send(&port.CloseOrder{App: true, Code: 0x100, Reason: "done"})
	p.home()
}

// pattern is n bytes that tell their place.
func pattern(n int, salt byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) ^ byte(i>>8) ^ salt
	}
	return b
}

// sent lists the frames of a type that a side sent from a packet on, with their packets.
func (s *side) sent(from int, t wire.FrameType) (all []wire.Frame) {
	for _, p := range s.out[from:] {
		for _, f := range frames(p.payload) {
			if f.Type == t {
				all = append(all, f)
			}
		}
	}
	return all
}
