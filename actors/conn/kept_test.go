package conn

import (
	"math"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// whole pushes all that the stream will ever send, and its last word too.
func (f *fakeStream) whole(b string, ended bool) {
	f.owed.Whole, f.owed.Ended, f.owes = true, ended, true
	f.write([]byte(b), true)
}

// answered is a server that has answered a request of one packet; the room of the stream has left.
func answered(t *testing.T) (*solo, *fakeStream) {
	s := newSolo(t, wire.Server, nil)
	s.say(get)
	f := s.streams[0]
	f.whole("200", true)
	if got := s.heard(); !strings.Contains(got, "STREAM") || !f.released {
		t.Fatalf("sent %q, the stream may serve again: %v", got, f.released)
	}
	s.mark = len(s.out)
	return s, f
}

var get = wire.Frame{Type: wire.TypeStream, Stream: wire.Stream{ID: 0, Data: []byte("GET"), Fin: true}}

// over expects that nothing of the stream is left.
func (s *solo) over(why string) {
	s.t.Helper()
	if s.conn.streams.find(0) != nil || s.conn.streams.peer[0].Ended() != 1 || s.chunks.Out() != 0 {
		s.t.Errorf("%s: the stream is known: %v, ended: %d, chunks out: %d", why, s.conn.streams.find(0) != nil, s.conn.streams.peer[0].Ended(), s.chunks.Out())
	}
}

func TestAWholeMessageIsRepeatedWhenItsStreamHasLeft(t *testing.T) {
	s, f := answered(t)
	delivers := f.delivers
	s.say(get)
	s.say(wire.Frame{Type: wire.TypeMaxStreamData, MaxStreamData: wire.MaxStreamData{ID: 0, Max: 1 << 30}})
	s.mark = len(s.out)
	s.run(2 * time.Second)
	again := s.sent(s.mark, wire.TypeStream)
	if len(again) == 0 || string(again[0].Stream.Data) != "200" || !again[0].Stream.Fin {
		t.Fatalf("the peer says nothing; sent %+v", again)
	}
	if s.conn.streams.peer[0].Ended() != 0 {
		t.Error("the peer may open another stream before it has the message")
	}
	s.ackAll(0)
	s.over("acknowledged")
	if f.delivers != delivers {
		t.Error("a stream that has left gets mail")
	}
	s.home.Send(&port.CloseOrder{})
	s.gone()
}

// Twice what the path carries without queues may be in flight beside small messages, and no less than a few batches.
func TestWhatIsInFlightBesideSmallMessagesFitsThePath(t *testing.T) {
	s, _ := answered(t)
	c := s.conn
	for _, k := range []struct {
		ago, smoothed time.Duration
		inFlight      int
		want          int
	}{
		{0, time.Millisecond, 50 << 10, leastAmongSmall},
		{0, time.Millisecond, 1 << 20, 2 << 20}, // no queue
		{0, 4 * time.Millisecond, 1 << 20, 512 << 10},
		{smallWhile - 1, 4 * time.Millisecond, 1 << 20, 512 << 10},
		{0, 2 * nearPath, 1 << 20, math.MaxInt},
		{smallWhile, 4 * time.Millisecond, 1 << 20, math.MaxInt},
	} {
		rtt := c.loss.RTT()
		*rtt = recovery.NewRTT(recovery.InitialRTT)
		rtt.Update(s.now, time.Millisecond, 0)
		for rtt.Smoothed() < k.smoothed-time.Microsecond {
			rtt.Update(s.now, k.smoothed, 0)
		}
		c.streams.bulkAt = c.streams.smallAt.Add(time.Hour)
		c.now = c.streams.smallAt.Add(k.ago)
		if got := c.amongSmall(k.inFlight); got < k.want-k.want/100 || got > k.want+k.want/100 && k.want < math.MaxInt {
			t.Errorf("%v after a small message, with %v for an empty round trip of 1ms and %d in flight: %d, want %d", k.ago, k.smoothed, k.inFlight, got, k.want)
		}
	}
	if c.now, c.streams.bulkAt = c.streams.smallAt, 0; c.amongSmall(1<<20) != math.MaxInt {
		t.Error("small messages alone are held back")
	}
	if c.streams.smallAt.IsZero() {
		t.Error("a whole message is no small one")
	}
}

func TestAWholeMessageThatThePeerDoesNotWantIsReset(t *testing.T) {
	s, _ := answered(t)
	s.say(wire.Frame{Type: wire.TypeStopSending, StopSending: wire.StopSending{ID: 0, Code: 8}})
	s.run(2 * time.Second)
	resets := s.sent(s.mark, wire.TypeResetStream)
	if len(resets) < 2 || resets[1].ResetStream != (wire.ResetStream{ID: 0, Code: 8, FinalSize: 3}) {
		t.Fatalf("RFC 9000 s13.3: sent %+v, want RESET_STREAM until it is acknowledged", resets)
	}
	s.ackAll(s.mark)
	s.over("the reset is acknowledged")
	s.home.Send(&port.CloseOrder{})
	s.gone()
}

func TestAMessageThatCrossesThePeersStopIsReset(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(get, wire.Frame{Type: wire.TypeStopSending, StopSending: wire.StopSending{ID: 0, Code: 8}})
	s.streams[0].whole("200", true) // its stream has not heard of it
	s.settle()
	resets := s.sent(s.mark, wire.TypeResetStream)
	if len(resets) != 1 || resets[0].ResetStream != (wire.ResetStream{ID: 0, Code: 8}) || len(s.sent(s.mark, wire.TypeStream)) != 0 {
		t.Fatalf("RFC 9000 s3.5: sent %+v and %+v, want one RESET_STREAM", resets, s.sent(s.mark, wire.TypeStream))
	}
	s.ackAll(s.mark)
	s.over("the reset is acknowledged")
	s.home.Send(&port.CloseOrder{})
	s.gone()
}

func TestAKeptMessageGoesWithTheConnection(t *testing.T) {
	s, _ := answered(t)
	s.home.Send(&port.CloseOrder{})
	s.gone()
}

func TestAStreamHearsNothingOfAWholeMessage(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	f := s.open(0)
	f.whole("GET", false)
	s.settle()
	f.out.Reset() // what the room held
	s.run(2 * time.Second)
	s.ackAll(0)
	if f.delivers != 0 || s.chunks.Out() != 0 || len(s.sent(s.mark, wire.TypeStream)) < 2 {
		t.Errorf("%d messages to the stream, %d chunks out, sent %d times", f.delivers, s.chunks.Out(), len(s.sent(s.mark, wire.TypeStream)))
	}
	s.ackAll(0) // as if it were spurious
	s.say(wire.Frame{Type: wire.TypeStopSending, StopSending: wire.StopSending{ID: 0, Code: 8}})
	if f.delivers != 0 || len(s.sent(s.mark, wire.TypeResetStream)) != 0 {
		t.Error("a message that has arrived is stopped")
	}
	s.say(wire.Frame{Type: wire.TypeStream, Stream: wire.Stream{ID: 0, Data: []byte("200"), Fin: true}})
	f.end()
	s.settle()
	if s.conn.streams.local[0].ended != 1 {
		t.Error("the stream has not ended")
	}
	s.home.Send(&port.CloseOrder{})
	s.gone()
}
