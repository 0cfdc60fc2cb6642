package conn

import (
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	// slowYield is how long a yield may take, and slowStream how long for each stream that had data: a hundred callers need
	// some 300 us for their next requests, on a slow processor a millisecond. Longer, and goroutines that compute keep the
	// processor from us.
	slowYield  = time.Millisecond
	slowStream = 25 * time.Microsecond
	// restTimes is how many times as long as a slow yield took none follows: a pause of the thread's, of which there are some
	// each second, shall not cost much more than itself. If the next one is slow too the rest doubles, up to lastRest.
	restTimes = 8
	lastRest  = 10 * time.Second
)

// yields decides whom a flush waits for: work that is already on its way shall share its packets.
type yields struct {
	before bool // more than one stream had data in the last turn
	rest   time.Duration
	until  mono.Time // off until then
	many   bool      // more than one stream has data in this turn

	steps int  // waits of this turn for the handshake
	moved bool // the handshake went on since the last wait
	opens bool // it is complete, and those above have not been waited for
	all   bool // the last wait of this turn was for all
}

// maxSteps is how many steps of the handshake share a flush: more than there are.
const maxSteps = 8

// allowed reports whether yielding pays.
func (y *yields) allowed(now mono.Time, touched int) bool {
	y.many = touched > 1
	return (y.before || y.many || y.opens) && now >= y.until
}

// took learns how long a yield took, for so many streams.
func (y *yields) took(d time.Duration, streams int, now mono.Time) {
	if d <= max(slowYield, slowStream*time.Duration(streams)) {
		y.rest /= 2
		return
	}
	y.rest = min(max(2*y.rest, restTimes*d), lastRest)
	y.until = now.Add(y.rest)
}

// Yields says whom the coming flush waits for: the handshake, if it goes on on our own goroutine, and for one scheduler
// round whoever has work on the way, if several streams are active and nothing urgent waits.
func (c *Conn) Yields(now mono.Time) actor.Wait {
	if c.life.state != alive {
		return actor.NoWait
	}
	if c.stepsOn() {
		return actor.ForRooms
	}
	y := &c.yield
	if !c.crypto.complete || c.probing() && !y.opens || y.all {
		return actor.NoWait
	}
	if !y.allowed(now, c.streams.touched) {
		return actor.NoWait
	}
	y.opens, y.all = false, true
	c.deliver() // what the others work on meanwhile
	return actor.ForAll
}

// stepsOn reports whether the handshake has just got bytes, or said something that protect or h3 work on now. What comes of
// it leaves with the ACK, in one datagram where it fits. RFC 9000 s13.2.1 wants Initial and Handshake packets acknowledged
// immediately: that ACK waits for the work that these packets are, where we would have to do it before anything else
// anyway, and for nobody else.
func (c *Conn) stepsOn() bool {
	y := &c.yield
	c.orderHandshake()
	if !y.moved || y.steps >= maxSteps {
		return false
	}
	y.moved = false
	y.steps++
	return true
}

// Yielded learns how long the wait was.
func (c *Conn) Yielded(began, ended mono.Time) {
	if c.yield.all {
		c.yield.took(ended.Sub(began), c.streams.touched, ended)
	}
}

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
	c.yield.steps, c.yield.moved, c.yield.opens, c.yield.all = 0, false, false, false
	c.streams.touched = 0
	c.streams.turn++
}
