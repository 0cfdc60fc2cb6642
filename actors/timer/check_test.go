package timer

import (
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(t *Timer)
	}{
		{"", func(*Timer) {}},
		{"5 deadlines after the end", func(t *Timer) { t.left = true }},
		{"the earliest deadline is 1000000001, the alarm is set to 0", func(t *Timer) { t.set = 0 }},
		{"the alarm is set to 1000000002", func(t *Timer) { t.set++ }},
		{"entry 3 is due at 5, the one above it at 2000000001", func(t *Timer) { t.deadlines[3].at = 5 }},
		{"entry 2 has no cell that knows it", func(t *Timer) { t.deadlines[2].cell.Index = 0 }},
		{"entry 4 is due at 5000000001, its cell believes at 0", func(t *Timer) { t.deadlines[4].cell.Popped() }},
		{"entry 1: cell: the deadline is 7", func(t *Timer) {
			c := t.deadlines[1].cell
			c.Arm(7) // the post is lost on its way
			c.Taken()
			c.Heaped(t.deadlines[1].at)
		}},
	} {
		w := newWorld()
		open := true
		for i := range 5 {
			actor.NewCell(func(c *actor.Cell) {
				if open {
					w.timer.Handle(w.now, &port.Posted{Cell: c})
					w.timer.Flush(w.now)
				}
			}, func() {}).Arm(w.now.Add(time.Duration(i+1) * time.Second))
		}
		open = false
		c.harm(w.timer)
		for _, err := range []error{w.timer.Check(), w.timer.CheckAll()} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		}
	}
}

func TestOnlyCheckAllWalksTheWholeHeap(t *testing.T) {
	w := newWorld()
	for i := range 40 {
		w.cell().Arm(w.now.Add(time.Duration(i+1) * time.Second))
	}
	w.timer.deadlines[30].at = 5
	if err := w.timer.Check(); err != nil {
		t.Errorf("Check walked further than its window: %v", err)
	}
	if err := w.timer.CheckAll(); err == nil {
		t.Error("CheckAll did not walk to the end")
	}
}

func BenchmarkCheck(b *testing.B) {
	w := newWorld()
	for i := range 40 {
		w.cell().Arm(w.now.Add(time.Duration(i+1) * time.Second))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.timer.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
