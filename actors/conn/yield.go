package conn

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	// slowYield is how long a yield may take: a hundred callers need some 300 us for their next requests. Longer, and
	// goroutines that compute keep the processor from us.
	slowYield = time.Millisecond
	// firstRest is for how long a slow yield switches yielding off; it doubles up to lastRest.
	firstRest = 100 * time.Millisecond
	lastRest  = 10 * time.Second
)

// yields decides whether a flush waits one scheduler round for work that is already on its way.
type yields struct {
	before bool // more than one stream had data in the last turn
	rest   time.Duration
	until  mono.Time // off until then
	many   bool      // more than one stream has data in this turn
}

// allowed reports whether yielding pays.
func (y *yields) allowed(now mono.Time, touched int) bool {
	y.many = touched > 1
	return (y.before || y.many) && now >= y.until
}

// took learns how long a yield took.
func (y *yields) took(began, ended mono.Time) {
	if ended.Sub(began) <= slowYield {
		y.rest /= 2
		return
	}
	y.rest = min(max(2*y.rest, firstRest), lastRest)
	y.until = ended.Add(y.rest)
}

// Yields reports whether to wait one scheduler round before the coming flush: only if several streams are active and
// nothing urgent waits.
func (c *Conn) Yields(now mono.Time) bool {
	if c.life.state != alive || !c.crypto.complete || c.probing() {
		return false
	}
	if !c.yield.allowed(now, c.streams.touched) {
		return false
	}
	c.deliver() // what the others work on meanwhile
	return true
}

// Yielded learns how long the wait was.
func (c *Conn) Yielded(began, ended mono.Time) { c.yield.took(began, ended) }

// probing reports whether a probe or a handshake packet waits.
func (c *Conn) probing() bool {
	for i := range c.spaces {
		if c.spaces[i].probes > 0 || c.spaces[i].sendable() && i != len(c.spaces)-1 {
			return true
		}
	}
	return false
}

// endTurn closes the books of a turn.
func (c *Conn) endTurn() {
	// The bytes of what was read and written are others', who may let them go: a connection at rest must not hold 64 KiB
	// because its last frame lay there.
	c.frame, c.packing.batch, c.packing.b = wire.Frame{}, nil, nil
	c.yield.before = c.streams.touched > 1
	c.streams.touched = 0
	c.streams.turn++
}
