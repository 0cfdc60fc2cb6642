package flow

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	start = mono.Time(time.Hour)
	rtt   = 20 * time.Millisecond
)

func code(err error) wire.ErrorCode {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return wire.NoError
}

func mustReceive(t *testing.T, w *RecvWindow, n wire.Offset) {
	t.Helper()
	if err := w.Received(n); err != nil {
		t.Fatal(err)
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestMoreThanTheLimitIsAFlowControlError(t *testing.T) {
	w := NewRecvWindow(1000, 1000)
	mustReceive(t, &w, 999)
	if err := w.Received(2); code(err) != wire.FlowControlError {
		t.Errorf("one byte too many: %v", err)
	}
	mustReceive(t, &w, 1)
	if err := w.Received(wire.MaxVarint); code(err) != wire.FlowControlError {
		t.Errorf("as many as a frame can say: %v", err)
	}
	mustReceive(t, &w, 0)
	if w.Unread() != 1000 {
		t.Errorf("%d bytes unread", w.Unread())
	}
	if !panics(func() { w.Consumed(1001) }) {
		t.Error("more was consumed than received")
	}
}

// Credit is owed when a quarter of the window is used. A small window waits for more, at most for a half: on a thin link a few
// hundred bytes at a time cost more in headers than they carry.
func TestCreditIsOwedWhenAQuarterOfTheWindowIsUsed(t *testing.T) {
	for size, step := range map[wire.Offset]wire.Offset{1000: 500, 8 << 10: 4 << 10, 12 << 10: 4 << 10, 16 << 10: 4 << 10, 100_000: 25_000} {
		w := NewRecvWindow(size, size)
		if _, ok := w.Owed(start, rtt); ok {
			t.Error("owed before anything came")
		}
		mustReceive(t, &w, size)
		if _, ok := w.Owed(start, rtt); ok {
			t.Error("owed for bytes that nobody read")
		}
		w.Consumed(step - 1)
		if _, ok := w.Owed(start, rtt); ok {
			t.Errorf("window %d: owed before %d were read", size, step)
		}
		w.Consumed(1)
		if limit, ok := w.Owed(start, rtt); !ok || limit != size+step || w.Limit() != size+step {
			t.Errorf("window %d: owed %d, %v; want %d", size, limit, ok, size+step)
		}
		if _, ok := w.Owed(start, rtt); ok {
			t.Error("owed twice")
		}
		mustReceive(t, &w, step)
		if err := w.Received(1); code(err) != wire.FlowControlError {
			t.Errorf("beyond the raised limit: %v", err)
		}
	}
}

func TestTheLimitEndsWhereOffsetsEnd(t *testing.T) {
	w := NewRecvWindow(wire.MaxVarint-10, wire.MaxVarint)
	mustReceive(t, &w, wire.MaxVarint-10)
	w.Consumed(wire.MaxVarint - 10)
	if limit, ok := w.Owed(start, rtt); !ok || limit != wire.MaxVarint {
		t.Errorf("owed %d, %v", limit, ok)
	}
	if _, ok := w.Owed(start, rtt); ok {
		t.Error("owed beyond 2^62-1")
	}
}

// world is a peer that sends as the window lets it, and a reader.
type world struct {
	w   RecvWindow
	now mono.Time
}

// flow runs for d in steps of a millisecond: rate bytes come in each, if there is credit, and are read at once.
func (x *world) flow(t *testing.T, d time.Duration, rate wire.Offset) {
	t.Helper()
	for end := x.now.Add(d); x.now.Before(end); x.now = x.now.Add(time.Millisecond) {
		n := min(rate, x.w.Limit()-x.w.consumed-x.w.Unread())
		mustReceive(t, &x.w, n)
		x.w.Consumed(n)
		x.w.Owed(x.now, rtt)
	}
}

func TestAFastReaderGetsALargerWindow(t *testing.T) {
	x := world{NewRecvWindow(100_000, 3_000_000), start}
	x.flow(t, 2*time.Second, 1_000_000) // 1 GB/s and 20 ms: any window is too small
	if x.w.Size() != 3_000_000 {
		t.Errorf("window %d, want the maximum", x.w.Size())
	}
}

func TestASlowPathKeepsItsWindow(t *testing.T) {
	x := world{NewRecvWindow(100_000, 3_000_000), start}
	x.flow(t, 10*time.Second, 1_000) // 40 KB in two round trips
	if x.w.Size() != 100_000 {
		t.Errorf("window %d, want 100000", x.w.Size())
	}
}

// A sender that has more uses a small window up at once, and hears of the next one a round trip later.
func TestAWindowThatIsUsedUpAtOnceGrows(t *testing.T) {
	w := NewRecvWindow(1000, 100_000)
	now := start
	for range 20 {
		n := w.Limit() - w.consumed
		mustReceive(t, &w, n)
		w.Consumed(n)
		w.Owed(now, rtt)
		now = now.Add(rtt + time.Millisecond)
	}
	if w.Size() < 50_000 {
		t.Errorf("window %d after 20 round trips in which all of it was used", w.Size())
	}
}

func TestTheWindowFitsThePath(t *testing.T) {
	x := world{NewRecvWindow(10_000, 100_000_000), start}
	x.flow(t, 10*time.Second, 10_000) // 200 KB a round trip
	if x.w.Size() < 400_000 || x.w.Size() > 1_600_000 {
		t.Errorf("window %d for 200000 bytes a round trip", x.w.Size())
	}
}

// A sender in slow start never stands still for want of credit. It doubles what it has sent each round trip; what is read
// now was sent half a round trip ago, and what is granted now is heard half a round trip from now: then twice as much as
// is read has been sent.
func TestTheWindowKeepsAheadOfSlowStart(t *testing.T) {
	w := NewRecvWindow(512<<10, 8<<20)
	const steps = 40 // a round trip
	read := 14_520.0
	for step := time.Duration(0); read < 4<<20; step++ {
		n := wire.Offset(read) - w.consumed
		mustReceive(t, &w, n)
		w.Consumed(n)
		w.Owed(start.Add(step*rtt/steps), rtt)
		if w.Limit() < 2*w.consumed {
			t.Fatalf("%d bytes are read, and with a window of %d the limit is %d", w.consumed, w.Size(), w.Limit())
		}
		read *= math.Exp2(1.0 / steps)
	}
}

// Where round trips are microseconds, what the scheduler makes a reader take in a hurry says nothing of the path: it is the
// rate over some milliseconds that counts, here 1 GB/s, of which two round trips are at most a window of a megabyte.
func TestAHurryAfterAPauseIsNoFastPath(t *testing.T) {
	const step, short = 50 * time.Microsecond, 50 * time.Microsecond
	w := NewRecvWindow(512<<10, 8<<20)
	now := start
	for range 200 {
		now = now.Add(3 * time.Millisecond)
		for range 20 { // a millisecond at 4 GB/s
			mustReceive(t, &w, w.Limit()-w.received) // the peer is as fast
			w.Consumed(min(w.Unread(), 200_000))
			w.Owed(now, short)
			now = now.Add(step)
		}
	}
	if w.Size() != 1<<20 {
		t.Errorf("window %d, want %d", w.Size(), 1<<20)
	}
}

func TestAReaderThatSleptDoesNotGetALargerWindow(t *testing.T) {
	for _, bite := range []wire.Offset{1_000, 25_000, 50_000, 60_000, 100_000} {
		w := NewRecvWindow(100_000, 3_000_000)
		now := start
		for range 50 { // the peer fills the window, the reader sleeps, then reads all of it in no time
			mustReceive(t, &w, w.Limit()-w.received)
			now = now.Add(2 * rtt)
			for w.Unread() > 0 {
				w.Consumed(min(bite, w.Unread()))
				w.Owed(now, rtt)
			}
		}
		if w.Size() != 100_000 {
			t.Errorf("in bites of %d: window %d, want 100000", bite, w.Size())
		}
	}
}

func TestAReaderThatWokeUpIsTunedAgain(t *testing.T) {
	x := world{NewRecvWindow(100_000, 3_000_000), start}
	mustReceive(t, &x.w, 100_000)
	x.now = x.now.Add(time.Second)
	x.w.Consumed(100_000)
	x.w.Owed(x.now, rtt)
	x.flow(t, time.Second, 1_000_000)
	if x.w.Size() != 3_000_000 {
		t.Errorf("window %d, want the maximum", x.w.Size())
	}
}

func TestWithoutARoundTripTimeTheWindowStays(t *testing.T) {
	w := NewRecvWindow(1000, 10_000)
	for range 20 {
		mustReceive(t, &w, 500)
		w.Consumed(500)
		if _, ok := w.Owed(start, 0); !ok {
			t.Fatal("not owed")
		}
	}
	if w.Size() != 1000 {
		t.Errorf("window %d", w.Size())
	}
}

func TestTheConnectionWindowFollowsTheLargestStream(t *testing.T) {
	w := NewRecvWindow(1000, 1500)
	w.EnsureAtLeast(500)
	if _, ok := w.Owed(start, rtt); ok || w.Size() != 1000 {
		t.Errorf("window %d: it must not shrink", w.Size())
	}
	w.EnsureAtLeast(4000)
	if limit, ok := w.Owed(start, rtt); !ok || limit != 4000 {
		t.Errorf("owed %d, %v: a larger window is credit at once", limit, ok)
	}
}

func TestThePeerNeverStallsAndNeverExceedsTheWindow(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := NewRecvWindow(wire.Offset(1+rng.IntN(5000)), 20_000)
		now := start
		for range 3000 {
			now = now.Add(time.Duration(rng.Int64N(int64(3 * rtt))))
			n := wire.Offset(rng.IntN(3000))
			if over := n > w.limit-w.received; (w.Received(n) != nil) != over {
				t.Fatalf("seed %d: %d bytes at %d of %d", seed, n, w.received, w.limit)
			}
			w.Consumed(wire.Offset(rng.Uint64N(uint64(w.Unread()) + 1)))
			before := w.Limit()
			limit, ok := w.Owed(now, rtt)
			if ok != (limit > before) || w.Limit() < before {
				t.Fatalf("seed %d: owed %d, %v after %d", seed, limit, ok, before)
			}
			if w.limit-w.consumed > w.size || w.size > 20_000 {
				t.Fatalf("seed %d: %d bytes may be unread, window %d", seed, w.limit-w.consumed, w.size)
			}
			if err := w.Check(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if w.limit-w.consumed <= w.size/2 && w.size > 1 {
				t.Fatalf("seed %d: %d bytes of %d left and no credit owed", seed, w.limit-w.consumed, w.size)
			}
		}
	}
}

func TestSendWindow(t *testing.T) {
	w := NewSendWindow(100)
	if _, ok := w.BlockedAt(); ok {
		t.Error("blocked with credit left")
	}
	w.Spend(60)
	if w.Available() != 40 || w.Spent() != 60 {
		t.Errorf("available %d, spent %d", w.Available(), w.Spent())
	}
	if w.Raise(100) || w.Raise(50) || w.Limit() != 100 {
		t.Error("a limit that is no higher had an effect")
	}
	w.Spend(40)
	if limit, ok := w.BlockedAt(); !ok || limit != 100 {
		t.Errorf("blocked at %d, %v", limit, ok)
	}
	if _, ok := w.BlockedAt(); ok {
		t.Error("blocked is reported twice")
	}
	w.BlockedLost(99)
	if _, ok := w.BlockedAt(); ok {
		t.Error("an old report that was lost is repeated")
	}
	w.BlockedLost(100)
	if limit, ok := w.BlockedAt(); !ok || limit != 100 {
		t.Errorf("a lost report is not repeated: %d, %v", limit, ok)
	}
	if !w.Raise(150) || w.Available() != 50 {
		t.Errorf("available %d after a raise", w.Available())
	}
	if _, ok := w.BlockedAt(); ok {
		t.Error("blocked after a raise")
	}
	w.Spend(50)
	if limit, ok := w.BlockedAt(); !ok || limit != 150 {
		t.Errorf("blocked at %d, %v", limit, ok)
	}
	if !panics(func() { w.Spend(1) }) {
		t.Error("more was spent than allowed")
	}
}

func TestASendWindowOfNothingIsBlockedAtOnce(t *testing.T) {
	var w SendWindow
	if limit, ok := w.BlockedAt(); !ok || limit != 0 {
		t.Errorf("%d, %v", limit, ok)
	}
}

func TestPeerStreams(t *testing.T) {
	s := NewPeerStreams(4)
	open := func(seq uint64, opened bool, want wire.ErrorCode) {
		t.Helper()
		if got, err := s.Open(seq); got != opened || code(err) != want {
			t.Errorf("Open(%d) = %v, %v", seq, got, err)
		}
	}
	owed := func(want uint64) {
		t.Helper()
		if limit, ok := s.Owed(); ok != (want != 0) || limit != want {
			t.Errorf("owed %d, %v; want %d", limit, ok, want)
		}
	}
	open(0, true, wire.NoError)
	open(0, false, wire.NoError)
	open(2, true, wire.NoError)
	open(1, false, wire.NoError)
	if s.Opened() != 3 || s.Live() != 3 {
		t.Errorf("opened %d, live %d", s.Opened(), s.Live())
	}
	open(4, false, wire.StreamLimitError)
	owed(0)
	s.End()
	owed(0) // one of four: the peer can still open one
	s.End()
	owed(6)
	owed(0)
	open(5, true, wire.NoError)
	open(6, false, wire.StreamLimitError)
	s.End()
	owed(7) // only one, but the peer has no other
	open(6, true, wire.NoError)
	if s.Live() != 4 || s.Limit() != 7 {
		t.Errorf("live %d, limit %d", s.Live(), s.Limit())
	}
	for range 4 {
		s.End()
	}
	if !panics(s.End) {
		t.Error("more streams ended than opened")
	}
}

func TestPeerStreamsNeverExceedTheirWindow(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 6))
		window := 1 + rng.Uint64N(40)
		s := NewPeerStreams(window)
		total := uint64(0)
		for range 3000 {
			if rng.IntN(2) == 0 {
				if opened, err := s.Open(total); opened {
					total++
				} else if code(err) != wire.StreamLimitError || s.Limit() != total {
					t.Fatalf("seed %d: stream %d of %d: %v", seed, total, s.Limit(), err)
				}
			} else if s.Live() > 0 {
				s.End()
			}
			s.Owed()
			if err := s.Check(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if s.Live() > window || s.Limit() > s.Opened()-s.Live()+window {
				t.Fatalf("seed %d: %d live, limit %d", seed, s.Live(), s.Limit())
			}
			if s.Opened() == s.Limit() && s.Live() < window {
				t.Fatalf("seed %d: the peer stalls with %d of %d live", seed, s.Live(), window)
			}
		}
		if total < 3*window {
			t.Fatalf("seed %d: only %d streams", seed, total)
		}
	}
}

func TestStreamCountsEndWhereIDsEnd(t *testing.T) {
	s := NewPeerStreams(1 << 62)
	if s.Limit() != wire.MaxStreamCount {
		t.Errorf("limit %d", s.Limit())
	}
	s.Open(wire.MaxStreamCount - 1)
	s.End()
	if limit, ok := s.Owed(); ok {
		t.Errorf("owed %d", limit)
	}
}

func TestNoPeerStreams(t *testing.T) {
	s := NewPeerStreams(0)
	if _, err := s.Open(0); code(err) != wire.StreamLimitError {
		t.Errorf("a stream of a kind that we refuse: %v", err)
	}
	if limit, ok := s.Owed(); ok {
		t.Errorf("owed %d", limit)
	}
}

func TestLocalStreams(t *testing.T) {
	s := NewLocalStreams(2)
	for want := range uint64(2) {
		if seq, ok := s.Open(); !ok || seq != want {
			t.Errorf("opened %d, %v; want %d", seq, ok, want)
		}
	}
	if _, ok := s.Open(); ok || s.Available() != 0 || s.Opened() != 2 {
		t.Errorf("available %d, opened %d", s.Available(), s.Opened())
	}
	if limit, ok := s.BlockedAt(); !ok || limit != 2 {
		t.Errorf("blocked at %d, %v", limit, ok)
	}
	if _, ok := s.BlockedAt(); ok {
		t.Error("blocked is reported twice")
	}
	s.BlockedLost(2)
	if _, ok := s.BlockedAt(); !ok {
		t.Error("a lost report is not repeated")
	}
	if s.Raise(2) || !s.Raise(3) || s.Limit() != 3 {
		t.Errorf("limit %d", s.Limit())
	}
	if seq, ok := s.Open(); !ok || seq != 2 {
		t.Errorf("opened %d, %v", seq, ok)
	}
}

// turn returns what flow control does for one packet of 400 bytes each way, and a stream that begins and ends.
func turn() func() {
	w, s, p := NewRecvWindow(1000, 10_000), NewSendWindow(0), NewPeerStreams(10)
	now, seq := start, uint64(0)
	return func() {
		now = now.Add(time.Millisecond)
		w.Received(400)
		w.Consumed(400)
		w.Owed(now, rtt)
		s.Raise(s.Limit() + 10)
		s.Spend(10)
		s.BlockedAt()
		p.Open(seq)
		p.End()
		p.Owed()
		seq++
	}
}

func TestFlowAllocatesNothing(t *testing.T) {
	if allocs := testing.AllocsPerRun(1000, turn()); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkTurn(b *testing.B) {
	step := turn()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
