package engine

import (
	"sync"
	"time"

	"quicpro/internal/actor"
)

// crew runs launched rooms. A goroutine that is new grows its stack in every turn, which costs more than the turn of a
// small message; so goroutines that finished are kept for the next launch, the last first. Those that were not needed
// for crewRest are let go: an engine at rest has none.
type crew struct {
	mu     sync.Mutex
	idle   []*hand
	spare  int // the fewest that were idle since the last count
	counts bool
}

const (
	// crewRest is how often idle goroutines are counted, and those that were never needed since are let go.
	crewRest = 20 * time.Millisecond
	// crewIdle is how many idle goroutines are kept at most. Beyond, a goroutine ends with its room's turn.
	crewIdle = 256
)

// hand is one kept goroutine.
type hand struct{ work chan actor.Runner }

// launch runs r on a kept goroutine, or a new one.
func (c *crew) launch(r actor.Runner) {
	c.mu.Lock()
	n := len(c.idle) - 1
	if n < 0 {
		c.mu.Unlock()
		go c.serve(&hand{make(chan actor.Runner, 1)}, r)
		return
	}
	h := c.idle[n]
	c.idle[n] = nil
	c.idle = c.idle[:n]
	c.spare = min(c.spare, n)
	c.mu.Unlock()
	h.work <- r
}

// serve runs rooms until it is let go.
func (c *crew) serve(h *hand, r actor.Runner) {
	for ok := true; ok; r, ok = <-h.work {
		r.Run()
		if !c.rest(h) {
			return
		}
	}
}

// rest makes h wait for the next launch; it reports false if enough do.
func (c *crew) rest(h *hand) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= crewIdle {
		return false
	}
	c.idle = append(c.idle, h)
	if !c.counts {
		c.counts, c.spare = true, 0
		time.AfterFunc(crewRest, c.count)
	}
	return true
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
	if c.counts = len(c.idle) > 0; c.counts {
		time.AfterFunc(crewRest, c.count)
	}
}
