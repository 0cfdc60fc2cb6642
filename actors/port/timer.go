package port

import (
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// ToTimer is what reaches a timer room: *Posted from rooms, *Tick from the engine's alarm, *Stop.
type ToTimer interface{ toTimer() }

// Posted hands a room's cell to the timer: its deadline moved earlier. Each cell has one in flight.
type Posted struct{ Cell *actor.Cell }

// Tick tells the timer that the alarm's time has come. One is in flight.
type Tick struct{}

func (*Posted) toTimer() {}
func (*Tick) toTimer()   {}

// Alarm is the timer room's one clockwork: a runtime timer, or the simulator's calendar.
type Alarm interface {
	// Set moves the alarm to at; a Tick is sent then. Zero silences it.
	Set(at mono.Time)
}
