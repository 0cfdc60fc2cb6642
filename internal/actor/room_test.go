package actor_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// byHand is a System that runs rooms when the test says so, stepless or stepping.
type byHand struct {
	stepping bool
	now      mono.Time
	ready    []actor.Runner
	launched int
}

func (s *byHand) Now() mono.Time { s.now++; return s.now }
func (s *byHand) Stepping() bool { return s.stepping }
func (s *byHand) Launch(r actor.Runner) {
	s.launched++
	s.ready = append(s.ready, r)
}

// run gives every room all its turns.
func (s *byHand) run() {
	for len(s.ready) > 0 {
		r := s.ready[0]
		s.ready = s.ready[:copy(s.ready, s.ready[1:])]
		if !s.stepping {
			r.Run()
			continue
		}
		for more := true; more; more = r.StepFlush() {
			for i, e := range r.Waiting() {
				r.Step(i, e.Count)
			}
		}
	}
}

// bothWays runs a test in a stepless and in a stepping System.
func bothWays(t *testing.T, f func(t *testing.T, sys *byHand)) {
	for _, stepping := range []bool{false, true} {
		t.Run(fmt.Sprintf("stepping=%v", stepping), func(t *testing.T) { f(t, &byHand{stepping: stepping}) })
	}
}

// letter is mail that owns memory.
type letter struct {
	n        int
	released int
}

func (l *letter) Release() { l.released++ }

// script is a behaviour made of functions.
type script struct {
	handle func(m any)
	flush  func()
	left   bool
	log    []string
}

func (s *script) Handle(_ mono.Time, m any) {
	s.log = append(s.log, fmt.Sprint(m))
	if s.handle != nil {
		s.handle(m)
	}
}

func (s *script) Flush(mono.Time) {
	s.log = append(s.log, "flush")
	if s.flush != nil {
		s.flush()
	}
}

func (s *script) Left() bool { return s.left }

// witness is a supervisor that remembers.
type witness struct {
	left   []string
	deaths []actor.Death
}

func (w *witness) Left(room string)   { w.left = append(w.left, room) }
func (w *witness) Died(d actor.Death) { w.deaths = append(w.deaths, d) }
func (w *witness) check(t *testing.T, left, died int) {
	t.Helper()
	if len(w.left) != left || len(w.deaths) != died {
		t.Errorf("%d rooms left and %d died, want %d and %d", len(w.left), len(w.deaths), left, died)
	}
}

func TestRoomHandlesInOrderAndFlushesOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		b := &script{}
		p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 4}, b).Port("e", 4)
		if sys.launched != 0 {
			t.Fatal("a room without mail was launched")
		}
		for i := range 4 {
			p.Send(i)
		}
		if sys.launched != 1 {
			t.Fatalf("launched %d times for one burst", sys.launched)
		}
		sys.run()
		if got := strings.Join(b.log, " "); got != "0 1 2 3 flush" {
			t.Fatalf("got %s", got)
		}
		p.Send(4)
		sys.run()
		if got := strings.Join(b.log[5:], " "); got != "4 flush" || sys.launched != 2 {
			t.Fatalf("got %s after %d launches", got, sys.launched)
		}
	})
}

func TestRoomFlushesAfterSixtyFourMessages(t *testing.T) {
	sys := &byHand{}
	b := &script{}
	p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 150}, b).Port("e", 150)
	for i := range 150 {
		p.Send(i)
	}
	sys.run()
	var flushes []int
	for i, l := range b.log {
		if l == "flush" {
			flushes = append(flushes, i)
		}
	}
	if want := []int{64, 129, 152}; !reflect.DeepEqual(flushes, want) {
		t.Fatalf("flushes at %v, want %v", flushes, want)
	}
}

func TestRoomMayMailItself(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		b := &script{}
		p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 2}, b).Port("e", 2)
		b.handle = func(m any) {
			if n := m.(int); n < 5 {
				p.Send(n + 1)
			}
		}
		p.Send(0)
		sys.run()
		if got := strings.ReplaceAll(strings.Join(b.log, " "), " flush", ""); got != "0 1 2 3 4 5" {
			t.Fatalf("got %s", got)
		}
	})
}

func TestFullInboxNamesTheMessage(t *testing.T) {
	p := actor.Spawn(&byHand{}, actor.Spec{Name: "conn 7", Capacity: 2}, &script{}).Port("stream>conn", 2)
	p.Send(1)
	p.Send(2)
	wantPanic(t, func() { p.Send(3) }, "conn 7", "full at int")
}

func TestSteppingEnforcesTheQuotaOfEachEdge(t *testing.T) {
	room := actor.Spawn(&byHand{stepping: true}, actor.Spec{Name: "conn 7", Capacity: 3}, &script{})
	a, b := room.Port("a", 1), room.Port("b", 2)
	a.Send(1)
	wantPanic(t, func() { a.Send(2) }, "conn 7", "edge a", "quota of 1")
	b.Send(1)
	b.Send(2)
	wantPanic(t, func() { b.Send(3) }, "edge b", "quota of 2")
}

// Who sends to a room that serves again has kept a port for too long.
func TestSteppingForgetsThePortsOfARoomThatServesAgain(t *testing.T) {
	sys := &byHand{stepping: true}
	room := actor.Spawn(sys, actor.Spec{Name: "stream 4", Capacity: 1}, &script{})
	kept := room.Port("conn>stream", 1)
	again := &script{}
	room.Reuse(sys, actor.Spec{Name: "stream 8", Capacity: 1}, again)
	room.Port("conn>stream", 1).Send("mine")
	kept.Close() // nobody counts its quota any more
	wantPanic(t, func() { kept.Send("late") }, "string on edge conn>stream", "serves again, as stream 8")
	wantPanic(t, func() { room.Port("h3>stream", 1) }, "may carry 2")
	if sys.run(); !reflect.DeepEqual(again.log, []string{"mine", "flush"}) {
		t.Errorf("the room heard %q", again.log)
	}
}

func TestSteppingEnforcesTheCapacityOfTheInbox(t *testing.T) {
	room := actor.Spawn(&byHand{stepping: true}, actor.Spec{Name: "conn 7", Capacity: 3}, &script{})
	a := room.Port("a", 2)
	wantPanic(t, func() { room.Port("b", 2) }, "conn 7", "up to b", "carry 4")
	room = actor.Spawn(&byHand{stepping: true}, actor.Spec{Name: "conn 7", Capacity: 3}, &script{})
	a = room.Port("a", 2)
	a.Close()
	a.Close() // twice is once
	if b := room.Port("b", 3); !b.Connected() {
		t.Error("a closed edge keeps its quota")
	}
	wantPanic(t, func() { a.Send(1) }, "edge a", "quota of 0")
}

func TestClosedEdgesDisappear(t *testing.T) {
	sys := &byHand{stepping: true}
	b := &script{}
	room := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 3}, b)
	x, y, z := room.Port("x", 1), room.Port("y", 1), room.Port("z", 1)
	x.Send("x")
	z.Send("z")
	y.Close()
	if got, want := room.Waiting(), []actor.EdgeMail{{Edge: "x", Count: 1, Quota: 1, Since: 1}, {Edge: "z", Count: 1, Quota: 1, Since: 2}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("waiting %v, want %v", got, want)
	}
	room.Step(1, 1)
	room.Step(0, 1)
	room.StepFlush()
	if got := strings.Join(b.log, " "); got != "z x flush" {
		t.Fatalf("got %s", got)
	}
}

func TestStepInOrderKeepsTheOrderOfArrivalAcrossEdges(t *testing.T) {
	b := &script{}
	room := actor.Spawn(&byHand{stepping: true}, actor.Spec{Name: "r", Capacity: 6}, b)
	x, y := room.Port("x", 3), room.Port("y", 3)
	y.Send("1")
	x.Send("2")
	x.Send("3")
	y.Send("4")
	room.StepInOrder(3)
	x.Send("5")
	room.StepInOrder(9) // of which there are two
	room.StepFlush()
	if got := strings.Join(b.log, " "); got != "1 2 3 4 5 flush" {
		t.Fatalf("got %s", got)
	}
}

func TestZeroPortIsNotConnected(t *testing.T) {
	var p port
	if p.Connected() {
		t.Error("the zero port says it is connected")
	}
	if panics(func() { p.Send(1) }) == "" {
		t.Error("a send on the zero port went somewhere")
	}
}

// polite yields when it is told to.
type polite struct {
	script
	yield        bool
	rooms        bool // for those on the same goroutine alone
	onYield      func()
	began, ended mono.Time
}

func (p *polite) Yields(mono.Time) actor.Wait {
	p.log = append(p.log, "yields?")
	if !p.yield {
		return actor.NoWait
	}
	if p.onYield != nil {
		p.onYield()
	}
	if p.rooms {
		return actor.ForRooms
	}
	return actor.ForAll
}

func (p *polite) Yielded(began, ended mono.Time) {
	p.log = append(p.log, "yielded")
	p.began, p.ended = began, ended
}

func TestYielderSharesItsFlush(t *testing.T) {
	sys := &byHand{}
	b := &polite{yield: true}
	p := actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 2}, b).Port("e", 2)
	b.onYield = func() { // as a room on another goroutine would
		b.onYield = nil
		p.Send("while it yields")
	}
	p.Send("first")
	sys.run()
	b.yield = false
	p.Send("alone")
	sys.run()
	if got := strings.Join(b.log, ", "); got != "first, yields?, yielded, while it yields, flush, alone, yields?, flush" {
		t.Fatalf("got %s", got)
	}
	if b.began == 0 || b.ended <= b.began {
		t.Errorf("yielded from %d to %d", b.began, b.ended)
	}
}

func TestARoomThatSharesItsGoroutineWithNobodyWaitsForNoRoom(t *testing.T) {
	sys := &byHand{}
	b := &polite{yield: true, rooms: true}
	actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 1}, b).Port("e", 1).Send("mail")
	sys.run()
	if got := strings.Join(b.log, ", "); got != "mail, yields?, flush" {
		t.Fatalf("got %s", got)
	}
}

func TestAFlushWaitsAsOftenAsItsRoomWants(t *testing.T) {
	sys := &deferring{}
	b := &polite{yield: true, rooms: true}
	p := actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 3}, b).Port("e", 3)
	p.Send("bytes")
	sys.run()
	p.Send("keys")
	sys.late.Run()
	b.yield = false
	p.Send("packets")
	sys.late.Run()
	if got := strings.Join(b.log, ", "); got != "bytes, yields?, keys, yielded, yields?, packets, yielded, yields?, flush" {
		t.Fatalf("got %s", got)
	}
	if sys.launched != 1 {
		t.Errorf("launched %d times, want once", sys.launched)
	}
}

func TestSteppingNeverYields(t *testing.T) {
	sys := &byHand{stepping: true}
	b := &polite{yield: true}
	actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 1}, b).Port("e", 1).Send(1)
	sys.run()
	if got := strings.Join(b.log, ", "); got != "1, flush" {
		t.Fatalf("got %s", got)
	}
}

type counter struct{ n int }

func (c *counter) Handle(mono.Time, any) { c.n++ }
func (c *counter) Flush(mono.Time)       {}

// keeper is a System that remembers the launched room and allocates nothing.
type keeper struct{ r actor.Runner }

func (k *keeper) Now() mono.Time        { return 1 }
func (k *keeper) Stepping() bool        { return false }
func (k *keeper) Launch(r actor.Runner) { k.r = r }

func TestSendAllocatesNothing(t *testing.T) {
	sys := &keeper{}
	p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 8}, &counter{}).Port("e", 8)
	m := &letter{}
	if n := testing.AllocsPerRun(200, func() {
		for range 8 {
			p.Send(m)
		}
		sys.r.Run()
	}); n != 0 {
		t.Errorf("8 sends and a turn allocate %v times, want never", n)
	}
}

// deferring is a System that runs a room again for its flush, when the test says so.
type deferring struct {
	byHand
	late actor.Runner
}

func (s *deferring) Later(r actor.Runner, _ actor.Wait) bool {
	s.late = r
	return true
}

func TestAFlushThatIsPutOffTakesWhatCameMeanwhile(t *testing.T) {
	sys := &deferring{}
	b := &polite{yield: true}
	p := actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 2}, b).Port("e", 2)
	p.Send("first")
	sys.run()
	if got := strings.Join(b.log, ", "); got != "first, yields?" {
		t.Fatalf("before the others have worked: %s", got)
	}
	p.Send("meanwhile")
	if sys.launched != 1 {
		t.Fatalf("launched %d times, want once: the room has a turn to end", sys.launched)
	}
	b.yield = false
	sys.late.Run()
	if got := strings.Join(b.log, ", "); got != "first, yields?, meanwhile, yielded, yields?, flush" {
		t.Fatalf("got %s", got)
	}
	p.Send("alone")
	if sys.run(); sys.launched != 2 || !strings.HasSuffix(strings.Join(b.log, ", "), "alone, yields?, flush") {
		t.Errorf("launched %d times, %s", sys.launched, b.log)
	}
}
