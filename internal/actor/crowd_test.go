package actor_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// inCrowd makes a room of a crowd.
func inCrowd(c *actor.Crowd[any], spec actor.Spec, b actor.Behaviour[any]) *actor.Room[any] {
	r := new(actor.Room[any])
	c.Init(r, spec, b)
	return r
}

// member is a room of a crowd, with what it has heard.
type member struct {
	script
	seen witness
	room *actor.Room[any]
	in   actor.Port[any]
}

func crowdOf(sys actor.System, n int) (*actor.Crowd[any], []*member) {
	c := actor.NewCrowd[any](sys, "crowd", 100*n)
	var all []*member
	for i := range n {
		m := &member{}
		m.room = inCrowd(c, actor.Spec{Name: fmt.Sprint("room ", i), Capacity: 101, Supervisor: &m.seen}, m)
		m.in = m.room.Port("in", 100)
		all = append(all, m)
	}
	return c, all
}

func (m *member) heard() string { return strings.Join(m.log, " ") }

func TestACrowdTakesItsTurnTogether(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		_, m := crowdOf(sys, 3)
		for i := range 4 {
			m[i%2].in.Send(i)
		}
		if sys.launched != 1 {
			t.Errorf("%d launches for one turn", sys.launched)
		}
		sys.run()
		if a, b, c := m[0].heard(), m[1].heard(), m[2].heard(); a != "0 2 flush" || b != "1 3 flush" || c != "" {
			t.Errorf("heard %q, %q, %q", a, b, c)
		}
	})
}

// counting is a System that counts hand-overs.
type counting struct {
	byHand
	handed []string
}

func (c *counting) HandedOver(edge string) { c.handed = append(c.handed, edge) }

func TestWhatIsGatheredIsHandedOverAsOne(t *testing.T) {
	for _, stepping := range []bool{false, true} {
		sys := &counting{byHand: byHand{stepping: stepping}}
		c, m := crowdOf(sys, 3)
		b := &script{}
		room := actor.Spawn[any](sys, actor.Spec{Name: "sender", Capacity: 10}, b)
		down, up := actor.NewCrowdOutbox(c), actor.NewOutbox(room)
		room.Collect(down)
		c.Collect(up)
		start, answers := room.Port("start", 1), room.Port("answers", 3).Via(up)
		var ports []actor.Port[any]
		for i := range m {
			ports = append(ports, m[i].room.Port("down", 1).Via(down))
			m[i].flush = func() { answers.Send(i) }
		}
		b.handle = func(x any) {
			if x == "go" {
				for i := range ports {
					ports[i].Send(i)
				}
			}
		}
		start.Send("go")
		if sys.run(); strings.Join(b.log, " ") != "go flush 0 1 2 flush" {
			t.Errorf("stepping %v: the sender heard %v", stepping, b.log)
		}
		if want := []string{"start", "down", "answers"}; stepping && !reflect.DeepEqual(sys.handed, want) {
			t.Errorf("handed over: %v, want %v", sys.handed, want)
		}
		if sys.launched != 3 {
			t.Errorf("stepping %v: %d launches", stepping, sys.launched)
		}
	}
}

func TestARoomLeavesItsCrowd(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		_, m := crowdOf(sys, 2)
		m[0].left = true
		m[0].in.Send("bye")
		m[1].in.Send("stay")
		sys.run()
		late := &letter{}
		m[0].in.Send(late)
		m[1].in.Send("still here")
		sys.run()
		m[0].seen.check(t, 1, 0)
		if late.released != 1 || m[0].heard() != "bye flush" || m[1].heard() != "stay flush still here flush" || !m[0].room.AtRest() {
			t.Errorf("released %d times; heard %q and %q", late.released, m[0].heard(), m[1].heard())
		}
	})
}

// A room that is at rest may serve again at once, while the crowd that it has left is in the turn that released its last mail.
func TestARoomAtRestIsNoLongerItsCrowds(t *testing.T) {
	sys := &byHand{}
	_, m := crowdOf(sys, 2)
	m[0].left = true
	m[0].in.Send("bye")
	sys.run()
	again := &script{}
	m[1].handle = func(any) {
		if !m[0].room.AtRest() {
			t.Fatal("the room's last mail was released, and it is not at rest")
		}
		actor.NewCrowd[any](sys, "another", 10).Reuse(m[0].room, actor.Spec{Name: "again", Capacity: 1}, again)
	}
	m[0].in.Send("late")
	m[1].in.Send("now")
	if sys.run(); len(again.log) > 0 {
		t.Errorf("in the turn of the crowd that it has left it heard %v", again.log)
	}
}

func TestADeathInACrowdIsOneRooms(t *testing.T) {
	for _, in := range []string{"string", "flush"} {
		bothWays(t, func(t *testing.T, sys *byHand) {
			_, m := crowdOf(sys, 3)
			if in == "flush" {
				m[1].flush = explode
			} else {
				m[1].handle = func(any) { explode() }
			}
			for range 2 {
				for i := range m {
					m[i].in.Send("x")
				}
				sys.run()
			}
			checkDeath(t, &m[1].seen, "room 1", in, "explode")
			if m[0].heard() != "x flush x flush" || m[2].heard() != "x flush x flush" {
				t.Errorf("the others heard %q and %q", m[0].heard(), m[2].heard())
			}
		})
	}
}

// A quota that is broken kills who spoke in that turn, and only those.
func TestABrokenQuotaBehindAnOutboxIsADeath(t *testing.T) {
	sys := &byHand{}
	c, m := crowdOf(sys, 2)
	small := actor.Spawn[any](sys, actor.Spec{Name: "small", Capacity: 1}, &script{})
	up := actor.NewOutbox(small)
	c.Collect(up)
	many := small.Port("up", 1).Via(up)
	m[0].flush = func() { many.Send(1); many.Send(2) }
	m[0].in.Send("speak")
	sys.run()
	m[0].flush = nil
	m[0].seen.check(t, 0, 1)
	m[1].in.Send("x")
	sys.run()
	if m[1].seen.check(t, 0, 0); m[1].heard() != "x flush" {
		t.Errorf("the other heard %q", m[1].heard())
	}
}

// In a stepping System each edge keeps its order, and StepInOrder takes what arrived first.
func TestACrowdStepsEdgeByEdge(t *testing.T) {
	sys := &byHand{stepping: true}
	c, m := crowdOf(sys, 2)
	other := m[0].room.Port("other", 0)
	other.Close()
	m[0].in.Send("a")
	m[1].in.Send("b")
	m[0].in.Send("c")
	m[1].in.Send("d")
	if mail := c.Waiting(); len(mail) != 2 || mail[0].Count != 2 || mail[1].Since != 2 {
		t.Fatalf("%+v", mail)
	}
	c.StepInOrder(1)
	if mail := c.Waiting(); mail[0].Since != 2 || mail[1].Since != 3 {
		t.Fatalf("after the first: %+v", mail)
	}
	c.Step(1, 1)
	c.Step(0, 2)
	if c.StepFlush() || m[0].heard() != "a c flush" || m[1].heard() != "b d flush" {
		t.Errorf("heard %q, %q", m[0].heard(), m[1].heard())
	}
}

// Batches that are longer than a turn, from several goroutines at once: each message is heard once, in its sender's order.
func TestNoMessageOfABatchIsForgotten(t *testing.T) {
	const senders, rounds, batch = 3, 300, 100
	sys := newLive(0)
	crowd := actor.NewCrowd[any](sys, "crowd", senders*rounds*batch)
	done := make(chan string, 1)
	left := senders * rounds * batch
	var heard [senders]int
	note := func(x any) {
		s, n := x.(int)%senders, x.(int)/senders
		if n != heard[s] {
			select {
			case done <- fmt.Sprintf("sender %d: %d came as %d", s, n, heard[s]):
			default:
			}
		}
		heard[s]++
		if left--; left == 0 {
			close(done)
		}
	}
	// Two hops: to rooms of the crowd, and from them all to one room.
	end := actor.Spawn[any](sys, actor.Spec{Name: "end", Capacity: senders * rounds * batch}, &script{handle: note})
	up := actor.NewOutbox(end)
	crowd.Collect(up)
	out := end.Port("up", senders*rounds*batch).Via(up)
	var starting sync.WaitGroup
	for s := range senders {
		relay := inCrowd(crowd, actor.Spec{Name: "relay"}, relay{out})
		down := actor.NewCrowdOutbox(crowd)
		n := 0
		b := &script{handle: func(any) {}}
		r := actor.Spawn[any](sys, actor.Spec{Name: "sender", Capacity: rounds}, b)
		r.Collect(down)
		in, to := r.Port("in", rounds), relay.Port("down", rounds*batch).Via(down)
		b.handle = func(any) {
			for range batch {
				to.Send(n*senders + s)
				n++
			}
		}
		starting.Go(func() {
			for range rounds {
				in.Send(0)
			}
		})
	}
	select {
	case bad := <-done:
		if bad != "" {
			t.Fatal(bad)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a message waits, and nobody runs")
	}
	starting.Wait()
	sys.wg.Wait()
}

// relay passes on what it hears.
type relay struct{ to actor.Port[any] }

func (r relay) Handle(_ mono.Time, m any) { r.to.Send(m) }
func (r relay) Flush(mono.Time)           {}
