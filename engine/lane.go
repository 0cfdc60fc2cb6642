package engine

import (
	"sync"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// lane is a World whose rooms take turns on one goroutine: the stream rooms of a connection. A flush of conn or h3 can
// wake a hundred of them for a microsecond's work each, and a goroutine of its own would cost each that much again. A
// lane of one stream at work is that stream's goroutine.
type lane struct {
	World
	crew interface{ launch(runner) }

	mu      sync.Mutex
	ready   []actor.Runner
	spare   []actor.Runner
	running bool

	now mono.Time // of the present round; the runner's
}

// Now is the clock of the rooms' turns, read once a round.
func (l *lane) Now() mono.Time { return l.now }

// Launch puts r behind the rooms of the lane that wait.
func (l *lane) Launch(r actor.Runner) {
	l.mu.Lock()
	l.ready = append(l.ready, r)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		l.crew.launch(l)
	}
}

// Run gives every waiting room its turns until none waits.
func (l *lane) Run() {
	for {
		l.mu.Lock()
		rooms := l.ready
		if len(rooms) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.ready = l.spare[:0]
		l.mu.Unlock()
		l.now = l.World.Now()
		for i, r := range rooms {
			r.Run()
			rooms[i] = nil
		}
		l.mu.Lock()
		l.spare = rooms
		l.mu.Unlock()
	}
}
