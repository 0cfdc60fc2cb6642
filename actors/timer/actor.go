package timer

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// Timer is the timer room: Behaviour[port.ToTimer].
type Timer struct {
	alarm port.Alarm

	deadlines deadlines
	set       mono.Time // what the alarm is set to; 0: silent
	left      bool
}

// New makes a timer room that is woken by alarm, which sends it one Tick when the time has come.
func New(alarm port.Alarm) *Timer { return &Timer{alarm: alarm} }

// Handle takes one message.
func (t *Timer) Handle(now mono.Time, m port.ToTimer) {
	switch m := m.(type) {
	case *port.Posted:
		t.look(m.Cell, m.Cell.Taken(), now)
	case *port.Tick:
		t.set = 0
	case *port.Stop:
		t.stop()
	}
}

// Flush rings every cell whose deadline has come and sets the alarm to the next.
func (t *Timer) Flush(now mono.Time) {
	for len(t.deadlines) > 0 && t.deadlines[0].at <= now {
		cell := t.deadlines[0].cell
		t.deadlines.remove(cell)
		t.look(cell, cell.Popped(), now)
	}
	next := mono.Time(0)
	if len(t.deadlines) > 0 {
		next = t.deadlines[0].at
	}
	// An alarm that is early costs one Tick; moving it for every deadline would cost more.
	if next != 0 && (t.set == 0 || next < t.set) {
		t.set = next
		t.alarm.Set(next)
	}
}

// Left reports whether the engine has stopped the room.
func (t *Timer) Left() bool { return t.left }

// look acts on a cell's deadline: the cell is rung if it has come, and heaped otherwise.
func (t *Timer) look(cell *actor.Cell, at, now mono.Time) {
	for at > now {
		t.deadlines.put(cell, at)
		cell.Heaped(at)
		if cell.Armed() != 0 {
			return
		}
		at = cell.Popped() // it was forgotten before it could know that the timer has it
	}
	t.deadlines.remove(cell)
	if at != 0 {
		cell.Ring()
	}
}

func (t *Timer) stop() {
	t.alarm.Set(0)
	for _, e := range t.deadlines {
		e.cell.Index = 0
	}
	t.deadlines, t.left = nil, true
}
