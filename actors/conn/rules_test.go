package conn

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/congestion"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// newHalf is a server in the middle of its handshake, with Initial and Handshake keys, whose client is the test.
func newHalf(t *testing.T) *solo {
	t.Helper()
	p := newPair(t, 5, nil)
	p.link.drop = func(from wire.Role, d []byte) bool { return from == wire.Client && holds(d, wire.PacketHandshake) }
	p.client.cell.Ring()
	p.run(50 * time.Millisecond)
	s := &solo{side: p.server, world: p.world, t: t, mark: len(p.server.out)}
	p.client.wire, p.server.wire = func([]byte) {}, func([]byte) {}
	for i := range s.next {
		s.next[i] = s.conn.spaces[i].received.largest + 1
	}
	if sp := &s.conn.spaces; !sp[wire.SpaceInitial].sendable() || !sp[wire.SpaceHandshake].sendable() || s.conn.path.validated {
		t.Fatal("the handshake is not in its middle")
	}
	return s
}

// holds reports whether a datagram has a long-header packet of a type.
func holds(d []byte, t wire.PacketType) bool {
	for len(d) > 0 && d[0]&wire.LongHeaderBit != 0 {
		h, err := wire.ParseLongHeader(d)
		if err != nil {
			return false
		}
		if h.Type == t {
			return true
		}
		d = d[h.PacketLen:]
	}
	return false
}

// RFC 9000 s12.4 and table 3: before 1-RTT only the handshake's frames.
func TestFramesThatTheirPacketMustNotCarry(t *testing.T) {
	for _, level := range []wire.Level{wire.LevelInitial, wire.LevelHandshake} {
		for _, f := range []wire.Frame{
			stream(0, 0, "early", true),
			{Type: wire.TypeMaxData, MaxData: wire.MaxData{Max: 1}},
			{Type: wire.TypeResetStream},
			{Type: wire.TypePathChallenge},
			{Type: wire.TypeConnectionCloseApp, ConnectionClose: wire.ConnectionClose{App: true}},
			newID(1, 0),
		} {
			s := newHalf(t)
			s.batch(nil, s.packet(level, f))
			if c := s.conn.life.cause; c == nil || wire.ErrorCode(c.Code) != wire.ProtocolViolation {
				t.Errorf("%v in a packet of %v: %v", f.Type, level, c)
				continue
			}
			s.closed(wire.ProtocolViolation)
		}
		s := newHalf(t)
		s.batch(nil, s.packet(level, ping, wire.Frame{Type: wire.TypePadding, Padding: wire.Padding{Count: 3}}))
		if c := s.conn.life.cause; c != nil {
			t.Errorf("PING and PADDING in a packet of %v: %v", level, c)
		}
	}
	s := newSolo(t, wire.Server, nil)
	s.say(wire.Frame{Type: wire.TypeNewToken, NewToken: wire.NewToken{Token: []byte("t")}})
	s.closed(wire.ProtocolViolation)
}

// RFC 9000 s7.2: once an endpoint has seen the peer's first Initial, packets with another source ID are discarded.
func TestPacketsOfAnotherSourceAreDropped(t *testing.T) {
	s := newHalf(t)
	x := s.packet(wire.LevelHandshake, ping)
	x.Source = s.routes.id()
	s.batch(nil, x)
	if s.conn.path.validated || s.conn.spaces[wire.SpaceHandshake].received.largest != wire.NoPacketNumber {
		t.Error("a packet of another source validated the address")
	}
	x.Source = s.conn.ids.initial
	s.batch(nil, x)
	if !s.conn.path.validated {
		t.Error("a packet of the right source did not")
	}
}

// RFC 9001 s4.9.1: a client discards its Initial keys when it first sends a Handshake packet.
func TestAClientDropsItsInitialKeysWithItsFirstHandshakePacket(t *testing.T) {
	p := newPair(t, 4, nil)
	p.server.handshake.flight = 5000 // more than one round trip
	p.client.cell.Ring()
	sent := func() bool {
		for _, x := range p.client.out {
			if x.level == wire.LevelHandshake {
				return true
			}
		}
		return false
	}
	if !p.until(time.Second, sent) {
		t.Fatal("no Handshake packet was sent")
	}
	if p.client.conn.crypto.complete || !p.client.conn.spaces[wire.SpaceInitial].dropped {
		t.Errorf("complete %v, Initial dropped %v", p.client.conn.crypto.complete, p.client.conn.spaces[wire.SpaceInitial].dropped)
	}
}

// RFC 9002 s6.2.4: a probe for the Initial space brings the Handshake flight along, for which no timer may be left.
func TestAnInitialProbeBringsTheHandshakeFlight(t *testing.T) {
	p := newPair(t, 6, nil)
	p.server.handshake.flight = 500
	p.link.drop = func(from wire.Role, _ []byte) bool { return from == wire.Server }
	p.client.cell.Ring()
	p.run(15 * time.Millisecond)
	first := len(p.server.out)
	if first == 0 || !p.until(5*time.Second, func() bool { return len(p.server.out) > first }) {
		t.Fatal("no probe was sent")
	}
	p.settle()
	at := p.server.out[first].at
	var levels [wire.NumLevels]bool
	for _, x := range p.server.out[first:] {
		for _, f := range frames(x.payload) {
			levels[x.level] = levels[x.level] || x.at == at && f.Type == wire.TypeCrypto
		}
	}
	if !levels[wire.LevelInitial] || !levels[wire.LevelHandshake] {
		t.Errorf("CRYPTO in the first probe: Initial %v, Handshake %v", levels[wire.LevelInitial], levels[wire.LevelHandshake])
	}
}

// RFC 9000 s5.1.1, s19.15, s19.16: rules of IDs that only some peers can break.
func TestRulesOfConnectionIDs(t *testing.T) {
	if err := (&peerIDs{list: make([]peerID, 1), limit: 4}).add(&newIDFrame(1, 0).NewConnectionID); err == nil || err.Code != wire.ProtocolViolation {
		t.Errorf("an ID from a peer that uses zero-length ones: %v", err)
	}
	ours := localIDs{list: make([]localID, 1), next: 1, most: 4, empty: true}
	if ours.lacks() {
		t.Error("an endpoint with zero-length IDs issues others")
	}
	if _, _, err := ours.retire(0, wire.ConnectionID{}); err == nil || err.Code != wire.ProtocolViolation {
		t.Errorf("retiring a zero-length ID: %v", err)
	}
	s := newSolo(t, wire.Client, nil)
	f := newID(10, 10)
	s.say(f)
	s.say(f) // a copy is no offence
	if s.conn.life.cause != nil {
		t.Fatal(s.conn.life.cause)
	}
	f.NewConnectionID.Token[0]++
	s.say(f)
	s.closed(wire.ProtocolViolation)
}

func newIDFrame(seq, below uint64) *wire.Frame {
	f := newID(seq, below)
	return &f
}

// RFC 9000 s4.5: a final size cannot change, even between two frames that the stream has not seen yet.
func TestTwoFinalSizesInOneRead(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	reset := func(size wire.Offset) wire.Frame {
		return wire.Frame{Type: wire.TypeResetStream, ResetStream: wire.ResetStream{ID: 0, FinalSize: size}}
	}
	s.batch(nil, s.packet(wire.LevelApp, reset(10)), s.packet(wire.LevelApp, reset(20)))
	s.closed(wire.FinalSizeError)
}

// What a server declares is followed: its reset token, its preferred address's ID, its largest datagram.
func TestTheServersParametersAreFollowed(t *testing.T) {
	token := wire.ResetToken{1, 2, 3}
	preferred := newID(1, 0).NewConnectionID
	s := newSolo(t, wire.Client, func(c *Config) {
		if c.Role != wire.Server {
			return
		}
		c.Limits.ConnectionIDs = 1 // it issues none by itself: the preferred address's has number 1
		p := &c.Params
		p.ResetToken, p.HasResetToken = token, true
		p.PreferredAddress = wire.PreferredAddress{IPv4: addr(9), ID: preferred.ID, Token: preferred.Token}
		p.HasPreferredAddress = true
		p.MaxUDPPayloadSize = 1300
		p.AckDelayExponent, p.MaxAckDelay = 10, 200*time.Millisecond
	})
	if !s.routes.watched[token] {
		t.Error("the stateless reset token is not watched")
	}
	f := s.open(0)
	f.write(pattern(20_000, 1), false)
	s.settle()
	for _, x := range s.out[s.mark:] {
		if x.size > 1300 {
			t.Fatalf("a datagram of %d bytes, and the server takes 1300", x.size)
		}
	}
	// RFC 9000 s19.3: ACK Delay is scaled by the exponent of who sent the frame.
	before := s.conn.loss.RTT().Smoothed()
	last := s.out[len(s.out)-1].number
	s.run(100 * time.Millisecond)
	b, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 0, Hi: last}}, 60, nil, 100) // 60 * 2^10 us = 61.44 ms
	var ack wire.Frame
	if _, err := wire.NextFrame(b, &ack); err != nil {
		t.Fatal(err)
	}
	last = s.out[len(s.out)-1].number // probes went out meanwhile
	s.say(ack)
	rtt := s.conn.loss.RTT()
	if want := (7*before + rtt.Latest() - 60<<10*time.Microsecond) / 8; rtt.Smoothed() != want {
		t.Errorf("smoothed RTT %v after a sample of %v, want %v", rtt.Smoothed(), rtt.Latest(), want)
	}
	// RFC 9000 s5.1.1: the preferred address's ID counts as number 1.
	s.say(newID(2, 1))
	if s.conn.life.cause != nil || s.conn.ids.peer.current().id != preferred.ID || s.routes.watched[token] || !s.routes.watched[preferred.Token] {
		t.Errorf("cause %v, ID %v", s.conn.life.cause, s.conn.ids.peer.current().id)
	}
}

// The round-trip time that receive windows are fitted to is the path's, not that of the queues which they fill.
func TestWindowsAreNotFittedToQueues(t *testing.T) {
	s := newHalf(t)
	rtt := s.conn.loss.RTT()
	for _, c := range []struct{ sample, want time.Duration }{
		{100 * time.Microsecond, 100 * time.Microsecond},
		{time.Second, 400 * time.Microsecond},
	} {
		*rtt = recovery.NewRTT(recovery.InitialRTT)
		rtt.Update(s.now, 100*time.Microsecond, 0)
		rtt.Update(s.now, c.sample, 0)
		if got := s.conn.windowRTT(); got != c.want {
			t.Errorf("%v for windows after samples of 100us and %v, want %v", got, c.sample, c.want)
		}
	}
	*rtt = recovery.NewRTT(recovery.InitialRTT)
	if got := s.conn.windowRTT(); got != 0 {
		t.Errorf("%v for windows without a sample", got)
	}
}

// RFC 9002 s7.6: when all that was sent over a long time is lost, the window falls to its minimum. The one packet that
// arrived lets it grow again at once.
func TestPersistentCongestionEmptiesTheWindow(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "question", true))
	s.streams[0].write(pattern(100_000, 1), false)
	s.run(5 * time.Second)
	n := len(s.out)
	s.until(20*time.Second, func() bool { return len(s.out) > n }) // the next probe
	s.run(20 * time.Millisecond)
	last := s.out[len(s.out)-1].number
	s.say(s.ack(last, last))
	if got, want := s.conn.cc.Window(), congestion.MinWindow(s.conn.path.datagram)+s.conn.path.datagram; got > want {
		t.Errorf("a window of %d bytes after seconds of loss, want %d", got, want)
	}
}

// RFC 9000 s13.2.4: ranges that the peer knows of are left out of later ACK frames.
func TestAnACKLeavesOutWhatThePeerKnows(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	ranges := func() int {
		for i := len(s.out) - 1; i >= 0; i-- {
			for _, f := range frames(s.out[i].payload) {
				if f.Type == wire.TypeAck {
					return f.Ack.Count
				}
			}
		}
		return 0
	}
	for range 3 {
		s.next[wire.SpaceApp]++ // one is missing
		s.say(ping)
	}
	if n := ranges(); n != 4 {
		t.Fatalf("an ACK of %d ranges, want 4", n)
	}
	last := s.out[len(s.out)-1].number
	s.next[wire.SpaceApp]++
	s.say(s.ack(last, last), ping)
	if n := ranges(); n != 1 {
		t.Errorf("an ACK of %d ranges after the peer had the one before, want 1", n)
	}
}

// The connection's window is at least twice a stream's: one stream must not lock the others out.
func TestTheConnectionsWindowFollowsAStreams(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "x", false))
	s.streams[0].push(func(p *port.Push) { p.MaxData, p.MaxWindow = 3<<20, 3<<20 })
	s.settle()
	if n := s.conn.flow.recv.Size(); n < 6<<20 {
		t.Errorf("a connection window of %d bytes, want 6 MiB", n)
	}
}
