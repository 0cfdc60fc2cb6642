package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

func TestUnknownVersionsAreNegotiatedInLargeDatagramsOnly(t *testing.T) {
	s := newServer(t, 0)
	large := versioned(0xbabababa, []byte("destination of any length at all"), []byte("source"), minInitial)
	s.deliver(len(large), large)
	v, err := wire.ParseVersionNegotiation(s.answer())
	if err != nil || !v.Lists(wire.Version1) || string(v.DCID) != "source" || !bytes.HasPrefix(v.SCID, []byte("destination")) {
		t.Errorf("negotiation: %+v, %v", v, err)
	}
	for name, b := range map[string][]byte{
		"small":                 versioned(0xbabababa, []byte("destination"), []byte("source"), minInitial-1),
		"a Version Negotiation": versioned(0, []byte("destination"), []byte("source"), minInitial),
		"a cut header":          {0xc0, 1, 2, 3, 4, 20, 1, 2},
		"one byte":              {0xc0},
	} {
		s.deliver(len(b), b)
		if got := s.settled(t); len(got) > 0 {
			t.Errorf("%s: answered with %d datagrams", name, len(got))
		}
	}
}

func TestResetsAreShorterThanTheirTriggerAndCarryTheToken(t *testing.T) {
	s := newServer(t, 0)
	for _, size := range []int{resetTrigger, 43, 60, 200, 1400} {
		b := short("lost one", size)
		s.deliver(len(b), b)
		got := s.answer()
		token := s.l.l.s.routes.token([]byte("lost one"))
		if len(got) >= size || len(got) < minReset || got[0]&0xc0 != 0x40 || !bytes.HasSuffix(got, token[:]) {
			t.Errorf("a datagram of %d bytes is answered with %d bytes % x", size, len(got), got)
		}
	}
	for _, size := range []int{1, 8, 9, 21, resetTrigger - 1} {
		b := short("lost one", size)[:size]
		s.deliver(len(b), b)
	}
	if got := s.settled(t); len(got) > 0 {
		t.Errorf("small datagrams are answered: %d", len(got))
	}
}

func TestTheRateOfAnswersIsBounded(t *testing.T) {
	r := rate{perSecond: 10}
	now, sent := mono.Time(1), 0
	for range 3 {
		for range 100 {
			if r.allows(now) {
				sent++
			}
		}
		now = now.Add(1e9)
	}
	if sent != 30 {
		t.Errorf("%d answers in three seconds, want 30", sent)
	}
}

func TestInitialsThatOpenNoConnection(t *testing.T) {
	s := newServer(t, 0)
	good := initial("original", "me", minInitial)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	long := bytes.Clone(good)
	long[len(long)-1200+26] |= 0x3f // somewhere in the header: a Length beyond the datagram, or a broken packet
	for name, b := range map[string][]byte{
		"not authentic":        flipped,
		"a short original ID":  initial("origina", "me", minInitial),
		"a small datagram":     initial("original", "me", minInitial-1),
		"cut off":              good[:300],
		"header only":          good[:30],
		"a broken header":      long,
		"zeros":                make([]byte, 1400),
		"as large as UDP goes": append(bytes.Clone(flipped), make([]byte, 60_000)...),
	} {
		s.deliver(len(b), b)
		if got := s.settled(t); len(got) > 0 {
			t.Errorf("%s: answered with %d datagrams", name, len(got))
		}
		if n := s.e.Outstanding().Connections; n != 0 {
			t.Fatalf("%s: %d connections", name, n)
		}
	}
}

func TestEveryInitialOfOneClientReachesTheSameConnection(t *testing.T) {
	s := newServer(t, 0)
	first := initial("original", "me", minInitial)
	// The first two are with the endpoint before there is a route, the third is routed by the reader.
	s.deliver(len(first), first, first)
	s.deliver(len(first), first)
	s.settled(t)
	s.deliver(len(first), first)
	s.settled(t)
	if n := s.e.Outstanding().Connections; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	other := initial("another one", "me", minInitial)
	s.deliver(len(other), other)
	s.settled(t)
	if n := s.e.Outstanding().Connections; n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestBeyondMaxConnsClientsAreRefused(t *testing.T) {
	s := newServer(t, 2)
	for i := range 3 {
		b := initial(fmt.Sprintf("client %d", i), "me", minInitial)
		s.deliver(len(b), b)
		s.settled(t)
	}
	if n := s.e.Outstanding().Connections; n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestHalfOpenConnectionsAreBounded(t *testing.T) {
	s := newServer(t, 0)
	s.l.l.half.Add(halfOpen)
	b := initial("original", "me", minInitial)
	s.deliver(len(b), b)
	if got := s.settled(t); len(got) != 0 {
		t.Errorf("an Initial beyond the bound is answered")
	}
	s.l.l.half.Add(-1)
	s.deliver(len(b), b)
	s.settled(t)
	if n := s.e.Outstanding().Connections; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	s.l.l.half.Add(1 - halfOpen)
}

// RFC 9000 s10.2.1, s8.1: the close is repeated, but never as more than three times what asked for it.
func TestTheCloseIsRepeatedWithinThreeTimesWhatCame(t *testing.T) {
	s := newServer(t, 0)
	bad := initialOf(wire.HandshakeDone{}.Append(nil), "original", "me", minInitial)
	s.deliver(len(bad), bad)
	closing := s.answer()
	for range 2000 { // until the endpoint answers for it
		if s.e.Outstanding().Connections == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if len(closing) == 0 || s.e.Outstanding().Connections != 0 {
		t.Fatalf("closed with %d bytes, %d connections", len(closing), s.e.Outstanding().Connections)
	}
	small := versioned(wire.Version1, []byte("original"), nil, 0)
	if 3*len(small) >= len(closing) {
		t.Fatalf("%d bytes are not small beside a close of %d", len(small), len(closing))
	}
	s.deliver(len(small), small)
	if got := s.settled(t); len(got) > 0 {
		t.Errorf("%d bytes are answered with %d", len(small), len(got[0]))
	}
	s.deliver(len(bad), bad)
	if got := s.settled(t); len(got) != 1 || !bytes.Equal(got[0], closing) {
		t.Errorf("a datagram of %d bytes got %d answers, want the close", len(bad), len(got))
	}
}

func TestAClosedConnectionRepeatsItsCloseEverMoreRarely(t *testing.T) {
	c := newClosed()
	id, _ := wire.MakeConnectionID([]byte("some one"))
	other, _ := wire.MakeConnectionID([]byte("another1"))
	c.add(&port.Closed{IDs: []wire.ConnectionID{id}, Packet: []byte("close"), Until: 100})
	c.add(&port.Closed{IDs: []wire.ConnectionID{other}, Until: closedGrain + 1})
	var answered []int
	for i := 1; i <= 20; i++ {
		if c.find([]byte("some one")).answers() {
			answered = append(answered, i)
		}
		if c.find([]byte("another1")).answers() {
			t.Fatal("a draining connection answers")
		}
	}
	if fmt.Sprint(answered) != "[1 2 4 8 16]" {
		t.Errorf("answered %v", answered)
	}
	if c.next() != closedGrain {
		t.Errorf("next is %d", c.next())
	}
	c.expire(closedGrain)
	if c.find([]byte("some one")) != nil || c.find([]byte("another1")) == nil || c.next() != 2*closedGrain {
		t.Error("the wrong one was forgotten")
	}
	for i := range closedKept + 10 {
		id, _ := wire.MakeConnectionID(fmt.Appendf(nil, "%08d", i))
		c.add(&port.Closed{IDs: []wire.ConnectionID{id}, Until: 1000})
	}
	if len(c.queue) != closedKept || len(c.byID) != closedKept {
		t.Errorf("%d closed connections are kept", len(c.queue))
	}
}
