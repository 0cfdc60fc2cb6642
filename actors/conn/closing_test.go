package conn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestCloseReachesThePeer(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	s := p.client.open(0)
	s.write([]byte("never ends"), false)
	p.run(50 * time.Millisecond)
	p.client.home.Send(&port.CloseOrder{App: true, Code: 0x102, Reason: "enough"})
	p.home()
	c, v := p.client.h3.cause, p.server.h3.cause
	if c.Why != port.Ours || !c.App || c.Code != 0x102 {
		t.Errorf("client: %v", c)
	}
	if v.Why != port.Theirs || !v.App || v.Code != 0x102 || v.Reason != "enough" {
		t.Errorf("server: %v", v)
	}
	if p.server.streams[0].stopped != v || s.stopped != c {
		t.Error("a stream was not told")
	}
	last := p.client.protect.batches[len(p.client.protect.batches)-1]
	if !last.Closing {
		t.Error("the batch with the close is not marked")
	}
	if o := p.client.protect.orders; o[len(o)-1] != "stop" {
		t.Errorf("protect heard %v", o)
	}
	if _, until := p.client.conn.Ended(); until <= p.client.conn.now {
		t.Error("a close is answered for 3 PTO")
	}
}

// The close of a goodbye waits for the last bidirectional stream, not for others.
func TestACloseBehindTheRequestsWaitsForThem(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	s := p.client.open(0)
	s.write([]byte("request"), true)
	p.client.open(2).write([]byte("control"), false)
	p.run(50 * time.Millisecond)
	p.server.home.Send(&port.CloseOrder{App: true, Code: 0x100, Behind: true})
	p.run(50 * time.Millisecond)
	if p.server.h3.cause != nil {
		t.Fatalf("closed under a request: %v", p.server.h3.cause)
	}
	p.server.streams[0].write([]byte("answer"), true)
	p.run(50 * time.Millisecond)
	s.end()
	p.server.streams[0].end()
	p.home()
	if c := p.client.h3.cause; c.Why != port.Theirs || c.Code != 0x100 || string(s.got) != "answer" {
		t.Errorf("client: %v after %q", c, s.got)
	}
}

func TestApplicationCloseInTheHandshakeHidesItsCode(t *testing.T) {
	p := newPair(t, 1, nil)
	p.client.cell.Ring()
	p.run(5 * time.Millisecond)
	p.client.home.Send(&port.CloseOrder{App: true, Code: 0x102, Reason: "secret"})
	p.home()
	x := p.client.out[len(p.client.out)-1]
	f := frames(x.payload)[0]
	if x.level != wire.LevelInitial || x.size < 1200 || f.Type != wire.TypeConnectionClose || f.ConnectionClose.Code != uint64(wire.ApplicationError) || len(f.ConnectionClose.Reason) > 0 {
		t.Errorf("%v packet of %d bytes with %+v", x.level, x.size, f.ConnectionClose)
	}
	if c := p.server.h3.cause; c == nil || c.Why != port.Theirs || c.App {
		t.Errorf("server: %v", c)
	}
}

func TestHandshakeFailureClosesWithItsAlert(t *testing.T) {
	p := newPair(t, 1, nil)
	p.server.handshake.fail = wire.NewError(wire.CryptoError(120), wire.TypeCrypto, "no ALPN")
	p.client.cell.Ring()
	p.home()
	if c := p.client.h3.cause; c.Why != port.Theirs || c.Code != 0x178 || c.Reason != "no ALPN" {
		t.Errorf("client: %v", c)
	}
}

func TestIdleConnectionsEndSilently(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	before := len(s.out)
	s.run(20 * time.Second)
	s.say(ping)
	s.run(29 * time.Second)
	if s.left {
		t.Fatal("ended within 30 s of a packet")
	}
	s.run(2 * time.Second)
	s.gone()
	if c := s.h3.cause; c.Why != port.Idle {
		t.Errorf("cause %v", c)
	}
	for _, x := range s.out[before:] {
		for _, f := range frames(x.payload) {
			if f.Type == wire.TypeConnectionClose {
				t.Error("an idle connection said goodbye")
			}
		}
	}
	if _, until := s.conn.Ended(); until != 0 {
		t.Error("nobody answers for an idle connection")
	}
}

func TestTheSmallerIdleTimeoutCounts(t *testing.T) {
	first := true
	p := newPair(t, 1, func(c *Config) {
		if !first {
			c.Params.MaxIdleTimeout = 5 * time.Second
		}
		first = false
	})
	p.connect()
	p.run(6 * time.Second)
	p.home()
	if c := p.client.h3.cause; c.Why != port.Idle {
		t.Errorf("cause %v", c)
	}
}

func TestSendingKeepsAliveOnceUntilAnAnswer(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.run(20 * time.Second)
	f := s.open(0)
	f.write([]byte("hello?"), false)
	s.run(20 * time.Second)
	if s.left {
		t.Fatal("ended within 30 s of the first packet sent")
	}
	f.write([]byte("hello?"), false)
	s.run(20 * time.Second)
	s.gone()
}

func TestNobodyAnswers(t *testing.T) {
	p := newPair(t, 1, nil)
	p.link.loss = 100
	p.client.cell.Ring()
	p.run(9 * time.Second)
	if p.client.left {
		t.Fatal("gave up too early")
	}
	if n := len(p.client.out); n < 5 || n > 20 {
		t.Errorf("%d packets in 9 s", n)
	}
	p.run(2 * time.Second)
	if c := p.client.h3.cause; c == nil || c.Why != port.TimedOut || !p.client.left {
		t.Errorf("cause %v", c)
	}
	last := p.client.out[len(p.client.out)-1]
	if f := frames(last.payload); f[0].Type != wire.TypeConnectionClose || last.size < minDatagram {
		t.Errorf("the last datagram has %d bytes with %v", last.size, f[0].Type)
	}
}

func TestAHandshakeThatTakesTooLongIsClosed(t *testing.T) {
	for _, c := range []struct {
		name string
		stop func(p *pair) // what keeps the handshake from its end
	}{
		// The client's second flight does not arrive: the server has keys of all levels and sends what it may.
		{"the client is silent after its Initial", func(p *pair) {
			n := 0
			p.link.drop = func(from wire.Role, _ []byte) bool {
				n++
				return from == wire.Client && n > 1
			}
		}},
		{"TLS is silent", func(p *pair) { p.server.handshake.mute = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, 1, func(k *Config) {
				if k.Role == wire.Server {
					k.Limits.Handshake = 2 * time.Second
				}
			})
			c.stop(p)
			p.client.cell.Ring()
			p.run(3 * time.Second)
			s := p.server
			if v := s.h3.cause; v == nil || v.Why != port.TimedOut || !s.left {
				t.Fatalf("server: %v", v)
			}
			closes := s.sent(0, wire.TypeConnectionClose)
			if len(closes) == 0 || closes[0].ConnectionClose.Code != uint64(wire.NoError) {
				t.Fatalf("closes sent: %v", closes)
			}
			if v := p.client.h3.cause; v == nil || v.Why != port.Theirs || v.Reason == "" {
				t.Errorf("client: %v", v)
			}
			sent := 0
			for _, b := range s.protect.batches {
				sent += len(b.B)
			}
			if sent > amplification*s.conn.path.received && !s.conn.path.validated {
				t.Errorf("%d bytes sent for %d", sent, s.conn.path.received)
			}
			if _, until := s.conn.Ended(); until <= s.conn.now {
				t.Error("a close is answered for 3 PTO")
			}
		})
	}
}

func TestTheCloseKeepsTheAmplificationLimit(t *testing.T) {
	// Whatever the limit leaves, from nothing to a datagram.
	for left := -100; left <= 1300; left += 7 {
		p := newPair(t, 1, nil)
		p.link.drop = func(from wire.Role, _ []byte) bool { return from == wire.Server }
		p.client.cell.Ring()
		p.run(15 * time.Millisecond)
		p.client.wire = func([]byte) {}
		s := p.server
		s.conn.path.sent = amplification*s.conn.path.received - left
		before := len(s.protect.batches)
		s.home.Send(&port.CloseOrder{Reason: strings.Repeat("why ", 100)})
		p.settle()
		sent := 0
		for _, b := range s.protect.batches[before:] {
			sent += len(b.B)
		}
		if sent > max(left, 0) || left >= 1200 && sent == 0 {
			t.Errorf("%d bytes sent where %d may be", sent, left)
		}
		if !s.left {
			t.Fatal("the server has not left")
		}
	}
}

func TestStatelessResetEndsTheConnection(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.say(newID(50, 50)) // its token is known
	token := wire.ResetToken{50, 1}
	try := func(n int, tail []byte) {
		b := append(bytes.Repeat([]byte{0x40}, n-len(tail)), tail...)
		s.batch(nil, port.RxPacket{Kind: port.RxUnopened, Payload: b})
	}
	other := token
	other[15] ^= 1
	try(40, other[:])
	try(20, token[:])
	if s.left {
		t.Fatal("no reset, but the connection ended")
	}
	try(21, token[:])
	s.gone()
	if s.h3.cause.Why != port.Reset {
		t.Errorf("cause %v", s.h3.cause)
	}
}

func TestNotices(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.home.Send(&port.Notice{Kind: port.SawRefusal, Err: errors.New("ICMP")})
	s.settle()
	if s.left {
		t.Fatal("a refusal ended an established connection")
	}
	s.home.Send(&port.Notice{Kind: port.SawReset})
	s.gone()

	p := newPair(t, 1, nil)
	p.link.loss = 100
	p.client.cell.Ring()
	p.settle()
	p.client.home.Send(&port.Notice{Kind: port.SawRefusal, Err: errors.New("ICMP")})
	p.settle()
	if c := p.client.h3.cause; c == nil || c.Why != port.Refused || c.Err == nil {
		t.Errorf("cause %v", c)
	}
}

func TestStopEndsWithoutAWord(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "x", false))
	s.heard()
	s.home.Send(&port.Stop{})
	s.settle()
	s.expect("", "after Stop")
	s.gone()
	if s.h3.cause.Why != port.Abandoned {
		t.Errorf("cause %v", s.h3.cause)
	}
}

func TestAStreamThatSpeaksAfterTheEndIsStopped(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	f := s.open(0)
	s.batch(nil, s.packet(wire.LevelApp, ping))
	// The close is under way, but not all batches are home, when the new stream's first push arrives.
	s.conn.tx.away, s.conn.tx.big = s.conn.tx.away+1, s.conn.tx.big+1
	s.home.Send(&port.CloseOrder{})
	s.settle()
	f.write([]byte("too late"), true)
	s.settle()
	s.conn.tx.away, s.conn.tx.big = s.conn.tx.away-1, s.conn.tx.big-1
	if f.stopped == nil {
		t.Error("the stream was not stopped")
	}
	s.home.Send(&port.CreditTaken{})
	s.gone()
}

func TestRetryStartsOverWithAToken(t *testing.T) {
	p := newPair(t, 1, nil)
	p.link.drop = func(from wire.Role, _ []byte) bool { return from == wire.Server }
	p.client.cell.Ring()
	p.settle()
	c := p.client
	retryID, _ := wire.MakeConnectionID([]byte("retry-id"))
	s := &solo{side: c, world: p.world, t: t}
	retry := port.RxPacket{Kind: port.RxRetry, Source: retryID, Dest: c.conn.cfg.LocalID, Payload: []byte("token")}
	same := retry
	same.Source = c.conn.ids.original
	s.batch(nil, same)
	if len(c.protect.initial) != 1 {
		t.Fatal("a Retry that keeps the ID was taken")
	}
	s.batch(nil, retry)
	if k := c.protect.initial; len(k) != 2 || k[1].Dest != retryID {
		t.Fatalf("Initial keys %v", k)
	}
	x := c.out[len(c.out)-1]
	if string(x.token) != "token" || x.dest != retryID || x.number == 0 || frames(x.payload)[0].Type != wire.TypeCrypto {
		t.Errorf("after the Retry: token %q to %v, number %d", x.token, x.dest, x.number)
	}
	s.batch(nil, port.RxPacket{Kind: port.RxRetry, Source: c.conn.ids.original, Payload: []byte("again")})
	if len(c.protect.initial) != 2 {
		t.Error("a second Retry was taken")
	}
}

func TestRetryIsAuthenticatedByTheParameters(t *testing.T) {
	for _, c := range []struct {
		name string
		tell bool
		want port.Why
	}{{"told", true, port.Idle}, {"not told", false, port.Ours}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(1)
			p := &pair{world: w, t: t, link: link{delay: time.Millisecond}}
			p.client = newSide(w, wire.Client, nil)
			retryID, _ := wire.MakeConnectionID([]byte("retry-id"))
			k := p.client.conn.cfg
			p.server = newSide(w, wire.Server, func(s *Config) {
				s.PeerID, s.OriginalDest = k.LocalID, k.PeerID
				if c.tell {
					s.RetrySource = wire.SomeConnectionID(retryID)
				}
			})
			p.client.cell.Ring()
			w.settle()
			s := &solo{side: p.client, world: w, t: t}
			p.client.wire = func(d []byte) { p.carry(p.client, p.server, d) }
			p.server.wire = func(d []byte) { p.carry(p.server, p.client, d) }
			s.batch(nil, port.RxPacket{Kind: port.RxRetry, Source: retryID, Payload: []byte("token")})
			w.run(200 * time.Millisecond)
			if c.tell != p.client.conn.crypto.confirmed {
				t.Errorf("confirmed %v", p.client.conn.crypto.confirmed)
			}
			if v := p.client.h3.cause; !c.tell && (v == nil || wire.ErrorCode(v.Code) != wire.TransportParameterError) {
				t.Errorf("cause %v", v)
			}
		})
	}
}

func TestVersionNegotiation(t *testing.T) {
	p := newPair(t, 1, nil)
	p.client.wire = func([]byte) {}
	p.client.cell.Ring()
	p.settle()
	c := p.client
	s := &solo{side: c, world: p.world, t: t}
	offer := func(vs ...uint32) port.RxPacket {
		x := port.RxPacket{Kind: port.RxVersionNegotiation, Source: c.conn.ids.original, Dest: c.conn.cfg.LocalID}
		for _, v := range vs {
			x.Payload = binary.BigEndian.AppendUint32(x.Payload, v)
		}
		return x
	}
	stranger := offer(0x709a50c4)
	stranger.Source = c.conn.cfg.LocalID
	s.batch(nil, stranger)
	s.batch(nil, offer(0x709a50c4, 1))
	if c.left {
		t.Fatal("it was not for us, or lists our version")
	}
	s.batch(nil, offer(0x709a50c4, 0xff00001d))
	s.gone()
	if v := c.h3.cause; v.Why != port.NoVersion || len(v.Offers) != 2 || v.Offers[0] != 0x709a50c4 {
		t.Errorf("cause %v %v", v, v.Offers)
	}
}

func TestServerSendsThreeTimesWhatItReceived(t *testing.T) {
	p := newPair(t, 1, nil)
	p.server.handshake.flight = 12000
	received, sent := 0, 0
	lossy := true
	p.client.wire = func(d []byte) {
		if lossy && received > 0 {
			return // only the first datagram arrives
		}
		received += len(d)
		p.carry(p.client, p.server, d)
	}
	p.server.wire = func(d []byte) {
		sent += len(d)
		if !p.server.conn.path.validated && sent > 3*received {
			t.Fatalf("sent %d bytes for %d received", sent, received)
		}
		p.carry(p.server, p.client, d)
	}
	p.client.cell.Ring()
	p.run(3 * time.Second)
	if sent == 0 {
		t.Fatal("the server said nothing")
	}
	lossy = false
	p.connect()
	p.server.wire = func(d []byte) { p.carry(p.server, p.client, d) }
	p.quiet()
	p.close()
}

func TestAnotherAddressIsNotFollowed(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.batch(func(b *port.RxBatch) { b.Path.Remote = addr(9) }, s.packet(wire.LevelApp, ping), s.packet(wire.LevelApp, ping))
	s.expect("", "a packet from elsewhere")
}

func TestFaultOfProtectCloses(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.batch(func(b *port.RxBatch) { b.Fault = wire.NewError(wire.AEADLimitReached, 0, "") })
	s.closed(wire.AEADLimitReached)
}

func TestFaultOfAStreamCloses(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "x", false))
	s.streams[0].push(func(p *port.Push) { p.Fault = wire.NewError(wire.FinalSizeError, wire.TypeStream, "it changed") })
	s.closed(wire.FinalSizeError)
}

func TestDatagramsThatAreTooLongShrink(t *testing.T) {
	p := newPair(t, 1, nil)
	p.client.protect.tooLong, p.server.protect.tooLong = 1300, 1300
	p.connect()
	s := p.client.open(0)
	s.write(pattern(100_000, 0), true)
	p.run(5 * time.Second)
	if r := p.server.streams[0]; r == nil || !bytes.Equal(r.got, pattern(100_000, 0)) {
		t.Error("the bytes did not arrive")
	}
	p.quiet()
	p.close()
}

func TestReasonsAreCutBetweenCharacters(t *testing.T) {
	if got := phrase(strings.Repeat("é", 150)); len(got) > maxPhrase || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("%d bytes", len(got))
	}
	if got := phrase("short"); got != "short" {
		t.Error(got)
	}
}
