package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// crew runs launched rooms. A goroutine that is new grows its stack in every turn, which costs more than the turn of a
// small message; so goroutines that finished are kept for the next launch, the last first. Those that were not needed
// for crewRest are let go: an engine at rest has none.
//
// The scheduler runs a goroutine that was just made ready before all others: a room would flush after its first message
// while its neighbours have more for it. So while many rooms are at work a launched one waits a scheduler round before
// its turn. That makes batches: with 100 requests at once, conn and h3 take a tenth of the turns.
type crew struct {
	working atomic.Int32 // launched and not finished
	patient patience

	mu       sync.Mutex
	idle     []*hand
	spare    int // the fewest that were idle since the last count
	counting bool
	clock    *time.Timer // of the next count; nil at first
}

const (
	// crewRest is how often idle goroutines are counted, and those that were never needed since are let go.
	crewRest = 20 * time.Millisecond
	// crewIdle is how many idle goroutines are kept at most. Beyond, a goroutine ends with its room's turn.
	crewIdle = 256
	// crewBusy is how many rooms are at work when a launched one waits a round: more than a lone request has, mostly.
	crewBusy = 2
)

// runner is what the crew runs: a room, or a lane of rooms.
type runner interface{ Run() }

// hand is one kept goroutine. Its channel is made when it rests first: handlers that wait are many, and have not yet.
type hand struct{ work chan runner }

// task is an app's: it may wait, so it does not count as work, and needs no batch.
type task func()

func (t task) Run() { t() }

// launch runs a room, or a lane of rooms.
func (c *crew) launch(r runner) {
	c.working.Add(1)
	c.run(r)
}

// run runs r on a kept goroutine, or a new one.
func (c *crew) run(r runner) {
	c.mu.Lock()
	n := len(c.idle) - 1
	if n < 0 {
		c.mu.Unlock()
		c.hire(r)
		return
	}
	h := c.idle[n]
	c.idle[n] = nil
	c.idle = c.idle[:n]
	c.spare = min(c.spare, n)
	c.mu.Unlock()
	h.work <- r
}

// hire makes a goroutine that runs rooms, of which r is the first, until it is let go. The loop is the goroutine's own function, and
// small: thousands of handlers may wait at once on stacks of 2 KiB, of which the runtime leaves them one.
func (c *crew) hire(r runner) {
	go func() {
		var h *hand
		for r := r; r != nil; r, h = c.next(h) {
			if t, app := r.(task); app {
				t()
			} else {
				c.work(r)
			}
		}
	}()
}

// work runs a room, or a lane.
//
//go:noinline
func (c *crew) work(r runner) {
	if c.waits(r) {
		c.patient.round()
	}
	r.Run()
	c.working.Add(-1)
}

// next waits for the next launch: nil says that there is none for this goroutine.
//
//go:noinline
func (c *crew) next(h *hand) (runner, *hand) {
	if h = c.rest(h); h == nil {
		return nil, nil
	}
	return <-h.work, h // nil once it is let go
}

// waits reports whether r, which was just launched, lets others work first. The lane of a connection that never had two
// requests at a time does not: nobody has more mail for it. One that has them now does so itself, whoever else is at work.
func (c *crew) waits(r runner) bool {
	if c.working.Load() <= crewBusy {
		return false
	}
	l, ok := r.(*lane)
	return !ok || l.requests.crowded() && l.requests.alive() <= 1
}

// rest makes h, which may have to be made, wait for the next launch; it returns nil if enough do.
func (c *crew) rest(h *hand) *hand {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= crewIdle {
		return nil
	}
	if h == nil {
		h = &hand{make(chan runner, 1)}
	}
	c.idle = append(c.idle, h)
	if !c.counting {
		c.counting, c.spare = true, 0
		c.countLater()
	}
	return h
}

// count lets those go that were not needed since the last count.
func (c *crew) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.idle[:c.spare] {
		close(h.work)
	}
	c.idle = append(c.idle[:0], c.idle[c.spare:]...)
	clear(c.idle[len(c.idle):cap(c.idle)])
	c.spare = len(c.idle)
	if c.counting = len(c.idle) > 0; c.counting {
		c.countLater()
	}
}

// countLater has the idle ones counted when they have rested. The caller holds the lock.
func (c *crew) countLater() {
	if c.clock == nil {
		c.clock = time.AfterFunc(crewRest, c.count)
		return
	}
	c.clock.Reset(crewRest)
}

// patience decides whether a scheduler round is worth its wait. Beside goroutines that keep the processor, a handler that
// computes for instance, a round can take tens of milliseconds: one over slowRound stops the waiting for a while, which
// doubles each time.
type patience struct {
	off  atomic.Int64 // no rounds until then, in nanoseconds since epoch
	rest atomic.Int64 // how long the next pause is
}

const (
	slowRound = 3 * time.Millisecond
	firstRest = 100 * time.Millisecond
	lastRest  = 10 * time.Second
)

var epoch = time.Now()

// round yields once, unless that was slow lately.
func (p *patience) round() {
	began := time.Since(epoch)
	if int64(began) < p.off.Load() {
		return
	}
	runtime.Gosched()
	took := time.Since(epoch) - began
	if took < slowRound {
		if p.rest.Load() != 0 && took < slowRound/8 {
			p.rest.Store(0)
		}
		return
	}
	pause := min(max(2*time.Duration(p.rest.Load()), firstRest), lastRest)
	p.rest.Store(int64(pause))
	p.off.Store(int64(began + took + pause))
}
