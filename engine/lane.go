package engine

import (
	"runtime"
	"sync"
	"sync/atomic"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// lane runs rooms of one connection by turns on one goroutine: a hop to another would cost more than most of their turns.
type lane struct {
	world *machine
	host  *atomic.Pointer[lane] // of its socket; nil: it hosts nobody
	sole  bool                  // the socket has no other connection

	mu      sync.Mutex
	ready   []actor.Runner
	spare   []actor.Runner
	running bool

	// the runner's
	now    mono.Time    // of the present round
	late   actor.Runner // its flush waits for the others
	forAll bool         // for the app too

	requests requests
}

// launch puts r behind the rooms of the lane that wait.
func (l *lane) launch(r actor.Runner) {
	l.mu.Lock()
	l.ready = append(l.ready, r)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		l.world.crew.launch(l)
	}
}

// Run gives every waiting room its turns until none waits.
func (l *lane) Run() {
	if l.requests.alive() > 1 {
		// Whoever launched the lane comes before all others that the processor has: they would each get a run of their own.
		l.world.crew.patient.round()
	}
	hosts := l.hosts()
	if hosts {
		l.host.Store(l)
	}
	for over := false; !over; {
		over = l.rounds(lentRounds)
		if hosts {
			// A writer with mail from everybody has a goroutine of its own, or another lane's, before long.
			l.host.CompareAndSwap(l, nil)
		}
	}
}

// hosts reports whether the socket's writer shall run in the lane that is about to: no processor is idle that could take it. A
// handshake computes for long, which others that write to the socket shall not wait for, and a trace may; a lane with several
// requests has more to do meanwhile.
func (l *lane) hosts() bool {
	return l.host != nil && (l.sole || l.requests.begun()) && !l.requests.crowded() && l.world.crew.working.Load() > crewBusy
}

// lentRounds is how many rounds a goroutine that is lent to a lane runs at most: a request and its answer take half of them.
const lentRounds = 32

// seize makes the caller the runner of a lane that has none; it must finish then. Whatever is launched in between waits for that.
func (l *lane) seize() bool {
	l.mu.Lock()
	mine := !l.running
	l.running = true
	l.mu.Unlock()
	return mine
}

// finish runs what waits, on the goroutine of the caller; if that takes long, on another.
func (l *lane) finish() {
	if !l.rounds(lentRounds) {
		l.world.crew.launch(l)
	}
}

// rounds runs the lane for so many rounds, and reports whether it has become idle.
func (l *lane) rounds(n int) bool {
	var rooms []actor.Runner // of the round before
	for ; n > 0; n-- {
		l.mu.Lock()
		if rooms != nil {
			l.spare = rooms[:0]
		}
		rooms = l.ready
		if len(rooms) == 0 {
			rooms = nil
			if l.late != nil {
				l.mu.Unlock()
				l.runLate()
				continue
			}
			l.running = false
			l.mu.Unlock()
			return true
		}
		l.ready, l.spare = l.spare, nil
		l.mu.Unlock()
		l.now = l.world.Now()
		for i, r := range rooms {
			r.Run()
			rooms[i] = nil
		}
	}
	return false
}

// later lets r flush when nobody else of the lane has work.
func (l *lane) later(r actor.Runner, w actor.Wait) {
	l.late, l.forAll = r, w == actor.ForAll
}

// runLate lets the late room flush: if it waits for all, after a scheduler round in which callers and handlers answer what
// they were just given. Those that another processor took are not waited for: the peer works on these meanwhile.
func (l *lane) runLate() {
	if l.forAll {
		l.forAll = false
		runtime.Gosched()
		return
	}
	r := l.late
	l.late = nil
	l.now = l.world.Now()
	r.Run()
}
