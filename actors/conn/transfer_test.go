package conn

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"quicpro/internal/race"
	"quicpro/wire"
)

func TestHandshakeThenOneRequest(t *testing.T) {
	p := newPair(t, 1, nil)
	p.server.handshake.flight = 3000
	p.connect()
	if p.client.h3.connected == nil || p.server.h3.connected == nil {
		t.Fatal("h3 was not told")
	}
	p.run(100 * time.Millisecond)
	if c := p.client.h3.credit; c.Bidi != 16 || c.Uni != 4 {
		t.Fatalf("stream credit %+v, want what the server allows", c)
	}
	s := p.client.open(0)
	s.write([]byte("GET /"), true)
	p.run(50 * time.Millisecond)
	r := p.server.streams[0]
	if r == nil || string(r.got) != "GET /" || !r.in.Complete() {
		t.Fatalf("the server got %+v", r)
	}
	r.write(pattern(100_000, 1), true)
	p.run(2 * time.Second)
	if !bytes.Equal(s.got, pattern(100_000, 1)) || !s.in.Complete() || !r.out.AllAcked() || !s.out.AllAcked() {
		t.Fatalf("the client got %d bytes", len(s.got))
	}
	p.quiet()
	s.end()
	r.end()
	p.run(time.Second)
	if !s.released || !r.released {
		t.Error("the streams were not released")
	}
	p.close()
}

func TestHandshakeCompletesWhateverDatagramIsLost(t *testing.T) {
	for lost := range 14 {
		t.Run(fmt.Sprint("datagram ", lost), func(t *testing.T) {
			p := newPair(t, uint64(lost), nil)
			p.server.handshake.flight = 5000
			n := 0
			p.link.drop = func(wire.Role, []byte) bool { n++; return n == lost+1 }
			p.connect()
			p.quiet()
			p.close()
		})
	}
}

func TestClientDatagramsWithInitialsAreExpanded(t *testing.T) {
	p := newPair(t, 3, nil)
	p.connect()
	for _, x := range p.client.out {
		if x.level == wire.LevelInitial && x.size < 1200 {
			t.Errorf("Initial %d in a datagram of %d bytes", x.number, x.size)
		}
	}
	for _, x := range p.server.out {
		if x.level == wire.LevelInitial && x.size < 1200 {
			for _, f := range frames(x.payload) {
				if f.Type.IsAckEliciting() {
					t.Errorf("eliciting Initial %d in a datagram of %d bytes", x.number, x.size)
				}
			}
		}
	}
}

func TestKeysComeAndGoInOrder(t *testing.T) {
	p := newPair(t, 4, nil)
	p.connect()
	p.run(100 * time.Millisecond)
	want := "[initial keys install Handshake false install Handshake true drop Initial install 1-RTT false install 1-RTT true drop Handshake]"
	if got := fmt.Sprint(p.client.protect.orders); got != want && got != "[initial keys install Handshake false install Handshake true install 1-RTT false install 1-RTT true drop Initial drop Handshake]" {
		t.Errorf("client's keys: %v", got)
	}
	want = "[initial keys install Handshake false install Handshake true install 1-RTT true drop Initial install 1-RTT false drop Handshake]"
	if got := fmt.Sprint(p.server.protect.orders); got != want {
		t.Errorf("server's keys: %v", got)
	}
}

// Whatever the link does, five streams carry one megabyte in full, nothing stays in flight, and all memory comes home.
func TestTransferSurvivesALossyLink(t *testing.T) {
	for seed := range uint64(race.Fewer(t, 4, 1)) {
		for _, l := range []link{
			{delay: 10 * time.Millisecond},
			{delay: 5 * time.Millisecond, loss: 5, reorder: 10, dup: 5},
			{delay: 20 * time.Millisecond, loss: 15, reorder: 30, dup: 10},
			{delay: 5 * time.Millisecond, loss: 30, reorder: 5, dup: 2},
		} {
			t.Run(fmt.Sprintf("seed %d loss %d reorder %d dup %d", seed, l.loss, l.reorder, l.dup), func(t *testing.T) {
				transfer(t, seed, l)
			})
		}
	}
}

func transfer(t *testing.T, seed uint64, l link) {
	p := newPair(t, seed, nil)
	p.link = l
	p.connect()
	var senders []*fakeStream
	const size = 200 << 10
	for i := range 5 {
		id := wire.MakeStreamID(wire.Client, i == 4, uint64(i)%4)
		s := p.client.open(id)
		s.write(pattern(size, byte(i)), true)
		senders = append(senders, s)
	}
	done := func() bool {
		for _, s := range senders {
			if !s.out.AllAcked() {
				return false
			}
		}
		return true
	}
	if !p.until(10*time.Minute, done) {
		t.Fatalf("not done: client %v server %v, in flight %d", p.client.conn.life.cause, p.server.conn.life.cause, p.client.conn.loss.BytesInFlight())
	}
	for i, s := range senders {
		if r := p.server.streams[s.link.ID]; !bytes.Equal(r.got, pattern(size, byte(i))) || !r.in.Complete() {
			t.Errorf("stream %d arrived with %d bytes", s.link.ID, len(r.got))
		}
	}
	p.link = link{delay: l.delay}
	p.quiet()
	for _, s := range senders {
		s.end()
		p.server.streams[s.link.ID].end()
	}
	p.run(time.Second)
	if p.client.conn.streams.live != 0 || p.server.conn.streams.live != 0 {
		t.Error("rows of ended streams are left")
	}
	p.close()
}

// Hundreds of small requests, many to a packet, all arrive and are all answered, whatever is lost.
func TestManySmallRequestsSurviveALossyLink(t *testing.T) {
	for seed := range uint64(race.Fewer(t, 6, 1)) {
		p := newPair(t, seed, nil)
		p.link = link{delay: 3 * time.Millisecond, loss: 20, reorder: 10}
		p.connect()
		p.manyRequests(300)
		p.link = link{delay: p.link.delay}
		p.quiet()
		p.close()
	}
}

// manyRequests makes n small requests, as credit permits, and lets each be answered.
func (p *pair) manyRequests(n uint64) {
	p.t.Helper()
	next := uint64(0)
	for range n {
		for next < p.client.h3.credit.Bidi && next < n {
			id := wire.MakeStreamID(wire.Client, false, next)
			p.client.open(id).write(pattern(40+int(next%90), byte(next)), true)
			next++
		}
		p.until(20*time.Second, func() bool {
			p.answerAll()
			return next < n && p.client.h3.credit.Bidi > next || next == n && p.client.conn.streams.live+p.server.conn.streams.live == 0
		})
	}
	if next != n || p.client.conn.streams.live != 0 || p.server.conn.streams.live != 0 {
		p.t.Fatalf("%d requests, %d and %d left", next, p.client.conn.streams.live, p.server.conn.streams.live)
	}
}

// answerAll lets the server answer each complete request, and both sides end what is done.
func (p *pair) answerAll() {
	for _, f := range p.server.order {
		if f.in.Complete() && !f.answered {
			f.answered = true
			f.write(append(f.got, pattern(2000, 0)...), true)
		}
	}
	for _, s := range []*side{p.client, p.server} {
		for _, f := range s.order {
			if f.in.Complete() && f.out.AllAcked() && !f.ended && !f.owed.Ended && f.in.Finished() {
				f.end()
			}
		}
	}
	p.settle()
}

// Requests follow the client's last handshake flight at once. If that is lost they fill the window, and the server cannot
// acknowledge them before it has the flight.
func TestALostLastFlightDoesNotWaitForTheRequestsBehindIt(t *testing.T) {
	for lost := range 6 {
		t.Run(fmt.Sprint(lost, " lost"), func(t *testing.T) {
			p := newPair(t, uint64(lost), nil)
			n := 0
			p.link.drop = func(from wire.Role, d []byte) bool {
				if from != wire.Client || !finishes(d) || n == lost {
					return false
				}
				n++
				return true
			}
			p.client.cell.Ring()
			p.until(5*time.Second, func() bool { return p.client.conn.crypto.complete })
			p.client.open(0).write(pattern(100_000, 1), true)
			if !p.until(5*time.Second, func() bool { return p.client.conn.crypto.confirmed }) {
				c := p.client.conn
				t.Fatalf("no handshake: %d bytes in flight, window %d, deadline %v", c.loss.BytesInFlight(), c.cc.Window(), c.loss.Deadline())
			}
			p.run(5 * time.Second)
			if r := p.server.streams[0]; r == nil || !bytes.Equal(r.got, pattern(100_000, 1)) {
				t.Error("the request did not arrive")
			}
		})
	}
}

// finishes reports whether a datagram has CRYPTO bytes in a Handshake packet.
func finishes(d []byte) bool {
	for len(d) > 0 && d[0]&wire.LongHeaderBit != 0 {
		h, err := wire.ParseLongHeader(d)
		if err != nil {
			return false
		}
		if h.Type == wire.PacketHandshake {
			n := int(d[0]&wire.NumberLenMask) + 1
			for _, f := range frames(d[h.NumberAt+n : h.PacketLen-16]) {
				if f.Type == wire.TypeCrypto {
					return true
				}
			}
		}
		d = d[h.PacketLen:]
	}
	return false
}
