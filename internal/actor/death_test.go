package actor_test

import (
	"strings"
	"testing"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

func TestDeathInHandle(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		sup, b, other := &witness{}, &script{}, &script{}
		b.handle = func(m any) {
			if m.(*letter).n == 2 {
				explode()
			}
		}
		p := actor.Spawn(sys, actor.Spec{Name: "stream 4", Capacity: 5, Supervisor: sup}, b).Port("e", 5)
		q := actor.Spawn(sys, actor.Spec{Name: "stream 8", Capacity: 5, Supervisor: sup}, other).Port("e", 5)
		mail := make([]letter, 5)
		for i := range mail {
			mail[i].n = i
			p.Send(&mail[i])
		}
		q.Send("unaffected")
		sys.run()
		checkDeath(t, sup, "stream 4", "*actor_test.letter", "explode")
		for i, l := range mail {
			if want := min(i/2, 1); l.released != want {
				t.Errorf("letter %d was released %d times, want %d", i, l.released, want)
			}
		}
		var late letter
		p.Send(&late)
		sys.run()
		if late.released != 1 || len(b.log) != 3 {
			t.Errorf("mail to a dead room: released %d times, room saw %v", late.released, b.log)
		}
		if got := strings.Join(other.log, " "); got != "unaffected flush" {
			t.Errorf("the other room saw %q", got)
		}
	})
}

func explode() { panic("boom") }

func checkDeath(t *testing.T, sup *witness, room, message, frame string) {
	t.Helper()
	sup.check(t, 0, 1)
	if t.Failed() {
		return
	}
	d := sup.deaths[0]
	if d.Room != room || d.Message != message || d.Value != "boom" || !strings.Contains(string(d.Stack), frame) {
		t.Errorf("died: room %q, message %q, value %v, stack:\n%s", d.Room, d.Message, d.Value, d.Stack)
	}
}

func TestDeathInFlush(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		sup := &witness{}
		b := &script{flush: explode}
		p := actor.Spawn(sys, actor.Spec{Name: "conn", Capacity: 2, Supervisor: sup}, b).Port("e", 2)
		first, late := &letter{}, &letter{}
		p.Send(first)
		sys.run()
		checkDeath(t, sup, "conn", "flush", "explode")
		p.Send(late)
		sys.run()
		if first.released != 0 || late.released != 1 {
			t.Errorf("released: handled mail %d times, late mail %d times; want 0 and 1", first.released, late.released)
		}
		sup.check(t, 0, 1)
	})
}

// typed is a behaviour whose inbox is not of an interface type.
type typed[M any] struct{ handle, flush func() }

func (b typed[M]) Handle(mono.Time, M) { b.handle() }
func (b typed[M]) Flush(mono.Time)     { b.flush() }

func TestDeathWithTypedInboxes(t *testing.T) {
	// A flush that panics handles no message, whatever the zero message of the inbox looks like.
	t.Run("pointer", func(t *testing.T) { typedDeath[*letter](t, &letter{}, "*actor_test.letter") })
	t.Run("struct", func(t *testing.T) { typedDeath[struct{ X int }](t, struct{ X int }{1}, "struct { X int }") })
	t.Run("nil in an interface", func(t *testing.T) { typedDeath[any](t, nil, "<nil>") })
}

func typedDeath[M any](t *testing.T, m M, name string) {
	nothing := func() {}
	bothWays(t, func(t *testing.T, sys *byHand) {
		for _, c := range []struct {
			b       typed[M]
			message string
		}{{typed[M]{explode, nothing}, name}, {typed[M]{nothing, explode}, "flush"}} {
			sup := &witness{}
			actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 1, Supervisor: sup}, c.b).Port("e", 1).Send(m)
			sys.run()
			checkDeath(t, sup, "r", c.message, "explode")
		}
	})
}

// bomb is mail whose Release breaks an invariant.
type bomb struct{}

func (*bomb) Release() { explode() }

func TestDeathIsReportedOnceEvenIfReleasePanics(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		sup := &witness{}
		b := &script{handle: func(any) { explode() }}
		p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 4, Supervisor: sup}, b).Port("e", 4)
		p.Send(&bomb{}) // the handler may have released a part before it panicked
		if !sys.stepping {
			p.Send(&bomb{}) // and this one is released by the dead room
		}
		sys.run()
		last := &letter{}
		p.Send(last)
		sys.run()
		checkDeath(t, sup, "r", "*actor_test.bomb", "explode")
		if last.released != 1 {
			t.Error("the dead room no longer releases")
		}
	})
}

func TestLeftRoomReleasesItsMail(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		sup, b := &witness{}, &script{}
		b.handle = func(m any) { b.left = m.(*letter).n == 1 }
		p := actor.Spawn(sys, actor.Spec{Name: "stream 4", Capacity: 3, Supervisor: sup}, b).Port("e", 3)
		mail := make([]letter, 3)
		mail[1].n = 1
		p.Send(&mail[0])
		sys.run()
		sup.check(t, 0, 0)
		p.Send(&mail[1])
		sys.run()
		p.Send(&mail[2])
		p.Send("owns nothing")
		sys.run()
		sup.check(t, 1, 0)
		if mail[0].released != 0 || mail[1].released != 0 || mail[2].released != 1 || len(b.log) != 4 {
			t.Errorf("released %v, the room saw %v", mail, b.log)
		}
	})
}

func TestNobodySupervises(t *testing.T) {
	bothWays(t, func(t *testing.T, sys *byHand) {
		for _, b := range []*script{{left: true}, {flush: explode}} {
			p := actor.Spawn(sys, actor.Spec{Name: "r", Capacity: 1}, b).Port("e", 1)
			l := &letter{}
			p.Send("end")
			sys.run()
			p.Send(l)
			sys.run()
			if l.released != 1 {
				t.Error("mail was not released")
			}
		}
	})
}
