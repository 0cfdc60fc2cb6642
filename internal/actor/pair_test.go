package actor_test

import (
	"sync"
	"testing"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

func TestPairFillsOneRecordWhileTheOtherIsInFlight(t *testing.T) {
	var p actor.Pair[[]int]
	send := func(want ...int) *[]int {
		t.Helper()
		m, next, ok := p.Ready()
		if ok != (want != nil) {
			t.Fatalf("ready: %v, want %v", ok, want != nil)
		}
		if !ok {
			return nil
		}
		if next != nil {
			*next = (*next)[:0]
		}
		if len(*m) != len(want) || next != p.Filled() || m == p.Filling() {
			t.Fatalf("sends %v, want %v", *m, want)
		}
		return m
	}
	fill := func(n int) { *p.Filling() = append(*p.Filling(), n) }

	fill(1)
	first := send(1)
	if !p.InFlight() {
		t.Fatal("a sent record is not in flight")
	}
	fill(2)
	send()
	fill(3)
	send()
	if len(*first) != 1 {
		t.Fatal("the record in flight changed")
	}
	if !p.Free() {
		t.Fatal("the sender waits, but no wake is asked for")
	}
	send() // until the wake is handled
	p.Woken()
	if second := send(2, 3); second == first {
		t.Fatal("the pair has one record")
	}
	if p.Free() || p.InFlight() {
		t.Fatal("nobody waits, but a wake is asked for")
	}
}

func TestPairMergesEverythingUnderRace(t *testing.T) {
	// Two rooms, one edge that merges: every fact arrives once and in order.
	const facts = 5000
	sys := newLive(0)
	b := &merger{sum: make(chan string, 2)}
	from := actor.Spawn(sys, actor.Spec{Name: "sender", Capacity: 2, Supervisor: b}, &mergeSender{b: b, facts: facts})
	to := actor.Spawn(sys, actor.Spec{Name: "receiver", Capacity: 1, Supervisor: b}, &mergeReceiver{b: b, facts: facts})
	b.self, b.wake, b.out = from.Port("self", 1), from.Port("wake", 1), to.Port("out", 1)
	b.self.Send("go")
	select {
	case bad := <-b.sum:
		if bad != "" {
			t.Fatal(bad)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a wake-up was lost")
	}
	sys.wg.Wait()
}

type merger struct {
	pair            actor.Pair[[]int]
	self, wake, out port
	sum             chan string
}

func (b *merger) Left(string)        {}
func (b *merger) Died(d actor.Death) { b.sum <- d.Room + " died of " + d.Message }

type mergeSender struct {
	b     *merger
	made  int
	facts int
}

func (s *mergeSender) Handle(_ mono.Time, m any) {
	if m == "wake" {
		s.b.pair.Woken()
		return
	}
	if s.made < s.facts {
		*s.b.pair.Filling() = append(*s.b.pair.Filling(), s.made)
		s.made++
		s.b.self.Send("go")
	}
}

func (s *mergeSender) Flush(mono.Time) {
	if f := s.b.pair.Filled(); f == nil || len(*f) == 0 {
		return
	}
	if m, next, ok := s.b.pair.Ready(); ok {
		if next != nil {
			*next = (*next)[:0]
		}
		s.b.out.Send(m)
	}
}

type mergeReceiver struct {
	b     *merger
	next  int
	facts int
}

func (r *mergeReceiver) Handle(_ mono.Time, m any) {
	for _, n := range *m.(*[]int) {
		if n != r.next {
			panic("a fact is missing")
		}
		r.next++
	}
	if r.b.pair.Free() {
		r.b.wake.Send("wake")
	}
	if r.next == r.facts {
		r.b.sum <- ""
	}
}

func (r *mergeReceiver) Flush(mono.Time) {}

// A sender that finds the one record away is woken once it is back, and not before it has said Woken.
func TestASingleRecordComesBack(t *testing.T) {
	var s actor.Single[int]
	m, ok := s.Ready()
	if !ok || m != s.Record() {
		t.Fatal("the record is not ready at birth")
	}
	if _, ok := s.Ready(); ok || !s.InFlight() {
		t.Fatal("the record was given out twice")
	}
	if !s.Free() {
		t.Fatal("the sender wanted it, and is not woken")
	}
	if _, ok := s.Ready(); ok {
		t.Fatal("the record was ready before the wake was handled")
	}
	s.Woken()
	if !s.Quiet() || s.InFlight() {
		t.Fatal("nothing is in flight, and it is not quiet")
	}
	if _, ok := s.Ready(); !ok || s.Free() {
		t.Fatal("the record is not ready again, or someone wants it")
	}
}

func TestMailboxNeverBlocksTheRoom(t *testing.T) {
	var b actor.Mailbox[int]
	b.Init(3, nil, nil)
	b.Send(1)
	b.Send(2)
	b.Send(3)
	wantPanic(t, func() { b.Send(4) }, "credit is broken")
	if got := <-b.C(); got != 1 {
		t.Errorf("received %d, want 1", got)
	}
}

func TestCellPostsOnlyWhatTheTimerWouldMiss(t *testing.T) {
	posts, rings := 0, 0
	c := actor.NewCell(func(*actor.Cell) { posts++ }, func() { rings++ })
	expect := func(what string, wantPosts, wantRings int) {
		t.Helper()
		if posts != wantPosts || rings != wantRings {
			t.Fatalf("%s: %d posts and %d rings, want %d and %d", what, posts, rings, wantPosts, wantRings)
		}
	}
	c.Arm(0)
	expect("disarmed", 0, 0)
	c.Arm(100)
	c.Arm(50)
	expect("a post is on its way", 1, 0)
	if d := c.Taken(); d != 50 {
		t.Fatalf("the timer reads %d, want 50", d)
	}
	c.Heaped(50)
	c.Arm(80)
	c.Arm(50)
	expect("the timer looks in time", 1, 0)
	c.Arm(20)
	expect("the timer would look too late", 2, 0)
	c.Ring()
	c.Ring()
	expect("rung twice before it was heard", 2, 1)
	c.Heard()
	c.Ring()
	expect("rung again", 2, 2)
}

func TestCellPoppedWhileItsPostIsOnItsWay(t *testing.T) {
	posts := 0
	c := actor.NewCell(func(*actor.Cell) { posts++ }, func() {})
	c.Arm(100)
	c.Taken()
	c.Heaped(100)
	c.Arm(50) // the post waits in the timer's inbox
	if d := c.Popped(); d != 50 {
		t.Fatalf("the timer reads %d, want 50", d)
	}
	c.Arm(40)
	if posts != 2 {
		t.Fatalf("%d posts, want the first and the one on its way: there is one place", posts)
	}
	if d := c.Taken(); d != 40 {
		t.Fatalf("the timer reads %d, want 40", d)
	}
}

// Of an edge that carries one message there is one record.
func TestTheSecondRecordIsMadeWhenItIsWritten(t *testing.T) {
	var p actor.Pair[[]int]
	*p.Filling() = append(*p.Filling(), 1)
	if _, next, _ := p.Ready(); next != nil || p.Filled() != nil {
		t.Fatal("there is a second record that nobody has written")
	}
	if _, second := p.Both(); second != nil {
		t.Fatal("there is a second record that nobody has written")
	}
	*p.Filling() = append(*p.Filling(), 2)
	first, second := p.Both()
	if second == nil || second != p.Filled() || second == first || len(*first) != 1 {
		t.Fatal("what was written is not the second record")
	}
}

// Nothing is made for mail that never comes, and none is lost, whoever is there first.
func TestAQuietMailboxIsMadeWithItsFirstMail(t *testing.T) {
	var quiet actor.QuietMailbox[int]
	quiet.Empty()
	if quiet.Came() != nil || quiet.Waiting() != 0 {
		t.Error("a mailbox that nobody has used has a channel")
	}
	for range 200 {
		var b actor.QuietMailbox[int]
		heard := make(chan int, 2)
		b.Hear(func(n int) { heard <- n })
		var sides sync.WaitGroup
		sides.Go(func() { b.Send(1); b.Send(2) })
		sides.Go(func() {
			if first, second := <-b.C(), <-b.C(); first != 1 || second != 2 {
				t.Errorf("received %d and %d, want 1 and 2", first, second)
			}
		})
		sides.Wait()
		if len(heard) != 2 {
			t.Errorf("heard of %d, want 2", len(heard))
		}
	}
	quiet.Offer(1)
	quiet.Offer(2)
	quiet.Offer(3) // there is no place: it was said before
	wantPanic(t, func() { quiet.Send(3) }, "credit is broken")
	if got := <-quiet.Came(); got != 1 || quiet.Waiting() != 1 {
		t.Errorf("received %d, %d wait; want 1 and 1", got, quiet.Waiting())
	}
}

// The first message needs no channel, and whoever is there first, they come in their order.
func TestAMailboxKeepsTheOrder(t *testing.T) {
	one, two, three := new(int), new(int), new(int)
	var b actor.Mailbox[*int]
	b.Send(one)
	b.Send(two)
	wantPanic(t, func() { b.Send(three) }, "credit is broken")
	if m, ok := b.Take(); !ok || m != one || b.Waiting() != 1 {
		t.Error("the first message is not taken first")
	}
	b.Empty()
	if _, ok := b.Take(); ok {
		t.Error("an empty mailbox gives something")
	}
	for range 200 {
		var b actor.Mailbox[*int]
		var sides sync.WaitGroup
		sides.Go(func() { b.Send(one); b.Send(two) })
		sides.Go(func() {
			if first, second := <-b.C(), <-b.C(); first != one || second != two {
				t.Error("the order is not that of sending")
			}
		})
		sides.Wait()
	}
}
