package timer

import (
	"math/rand/v2"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// world is a timer room, its alarm, and cells whose rings are counted.
type world struct {
	timer *Timer
	now   mono.Time
	alarm mono.Time
	rings map[*actor.Cell]int
}

func newWorld() *world {
	w := &world{now: 1, rings: map[*actor.Cell]int{}}
	w.timer = New(w)
	return w
}

func (w *world) Set(at mono.Time) { w.alarm = at }

func (w *world) cell() *actor.Cell {
	var c *actor.Cell
	c = actor.NewCell(func(c *actor.Cell) {
		w.timer.Handle(w.now, &port.Posted{Cell: c})
		w.timer.Flush(w.now)
	}, func() { w.rings[c]++ })
	return c
}

// pass lets time go by, ticking whenever the alarm's time has come.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for w.alarm != 0 && w.alarm <= end {
		w.now, w.alarm = w.alarm, 0
		w.timer.Handle(w.now, &port.Tick{})
		w.timer.Flush(w.now)
	}
	w.now = end
}

func (w *world) wants(t *testing.T, why string, c *actor.Cell, rings int) {
	t.Helper()
	if w.rings[c] != rings {
		t.Fatalf("%s: got %d rings, want %d", why, w.rings[c], rings)
	}
}

func TestRingsAtTheDeadline(t *testing.T) {
	w := newWorld()
	c := w.cell()
	c.Arm(w.now.Add(time.Second))
	w.pass(999 * time.Millisecond)
	w.wants(t, "before the deadline", c, 0)
	w.pass(time.Millisecond)
	w.wants(t, "at the deadline", c, 1)
	w.pass(time.Hour)
	w.wants(t, "a ring is one ring", c, 1)
}

func TestADeadlineThatMovesLaterIsNotDelivered(t *testing.T) {
	w := newWorld()
	c := w.cell()
	c.Arm(w.now.Add(time.Second))
	c.Arm(w.now.Add(3 * time.Second))
	w.pass(2 * time.Second)
	w.wants(t, "the first deadline was given up", c, 0)
	w.pass(time.Second)
	w.wants(t, "the second came", c, 1)
}

func TestADeadlineThatMovesEarlierIsPosted(t *testing.T) {
	w := newWorld()
	c := w.cell()
	c.Arm(w.now.Add(3 * time.Second))
	c.Arm(w.now.Add(time.Second))
	w.pass(time.Second)
	w.wants(t, "the earlier deadline counts", c, 1)
}

func TestADisarmedCellIsSilent(t *testing.T) {
	w := newWorld()
	c := w.cell()
	c.Arm(w.now.Add(time.Second))
	c.Arm(0)
	w.pass(time.Hour)
	w.wants(t, "disarmed", c, 0)
	c.Arm(w.now.Add(time.Second))
	w.pass(time.Second)
	w.wants(t, "armed again", c, 1)
}

func TestAForgottenCellIsLetGo(t *testing.T) {
	w := newWorld()
	c, never := w.cell(), w.cell()
	c.Arm(w.now.Add(time.Second))
	c.Forget()
	never.Forget()
	if len(w.timer.deadlines) != 0 || c.Index != 0 || c.Due() != 0 {
		t.Errorf("the timer still has it: %d deadlines, due at %d", len(w.timer.deadlines), c.Due())
	}
	w.pass(time.Hour)
	w.wants(t, "forgotten", c, 0)

	// The timer has read the deadline and not said so yet, when the room is gone.
	var late *actor.Cell
	late = actor.NewCell(func(*actor.Cell) {
		at := late.Taken()
		late.Forget()
		w.timer.look(late, at, w.now)
	}, func() { w.rings[late]++ })
	late.Arm(w.now.Add(time.Second))
	if len(w.timer.deadlines) != 0 || late.Due() != 0 {
		t.Errorf("the timer keeps a cell that nobody will arm again, due at %d", late.Due())
	}
}

func TestARingThatWasNotHeardIsNotRepeated(t *testing.T) {
	w := newWorld()
	c := w.cell()
	c.Arm(w.now.Add(time.Second))
	w.pass(time.Second)
	c.Arm(w.now.Add(time.Second))
	w.pass(time.Second)
	w.wants(t, "one place is reserved for the ring", c, 1)
	c.Heard()
	c.Arm(w.now.Add(time.Second))
	w.pass(time.Second)
	w.wants(t, "heard, so it rings again", c, 2)
}

func TestManyCellsRingInTime(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := newWorld()
		cells := make([]*actor.Cell, 40)
		due := map[*actor.Cell]mono.Time{}
		for i := range cells {
			cells[i] = w.cell()
		}
		for range 400 {
			c := cells[rng.IntN(len(cells))]
			switch rng.IntN(4) {
			case 0:
				c.Arm(0)
				delete(due, c)
			default:
				at := w.now.Add(time.Duration(1 + rng.IntN(1000)))
				c.Arm(at)
				due[c] = at
			}
			w.pass(time.Duration(rng.IntN(100)))
			if err := w.timer.CheckAll(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for c, at := range due {
				if late := at <= w.now; late != (w.rings[c] == 1) {
					t.Fatalf("seed %d: deadline %d at %d: %d rings", seed, at, w.now, w.rings[c])
				} else if late {
					delete(due, c)
					w.rings[c] = 0
					c.Heard()
				}
			}
		}
		w.timer.Handle(w.now, &port.Stop{})
		w.timer.Flush(w.now)
		if !w.timer.Left() || w.alarm != 0 {
			t.Fatalf("seed %d: a stopped timer leaves and silences its alarm", seed)
		}
	}
}

// Most deadlines move later again and again before they come: that is no message to the timer. Now and then one comes.
func BenchmarkDeadlines(b *testing.B) {
	w := newWorld()
	cells := make([]*actor.Cell, 1000)
	for i := range cells {
		cells[i] = w.cell()
		cells[i].Arm(w.now.Add(time.Duration(i+1) * time.Millisecond))
	}
	moves := func(each time.Duration) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w.pass(each)
				c := cells[i%len(cells)]
				c.Heard()
				c.Arm(w.now.Add(time.Second))
			}
		}
	}
	b.Run("moving", moves(time.Microsecond))
	b.Run("coming", moves(2*time.Millisecond)) // each waits for two seconds to be moved, and has rung by then
}
