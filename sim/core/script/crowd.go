package script

import (
	"strconv"
)

// crowd is a client that makes requests over several connections, so many at once.
type crowd struct {
	from, to *Host
	conns    []*Conn // by slot; nil: to be dialled
	dialling []bool
	waiting  [][]*Ask // for the connection of a slot
	todo     []*Ask
	next     int // slot
}

// Crowd makes the requests of plans from a client to a server: over conns connections, atOnce of them at a time.
func (h *Host) Crowd(to *Host, conns, atOnce int, plans []Plan) {
	c := &crowd{
		from: h, to: to, conns: make([]*Conn, conns), dialling: make([]bool, conns), waiting: make([][]*Ask, conns),
	}
	for _, p := range plans {
		a := h.w.plan(h, p)
		a.ended = c.ended
		c.todo = append(c.todo, a)
	}
	for range atOnce {
		c.start()
	}
}

// start makes the next request that was not made yet.
func (c *crowd) start() {
	if len(c.todo) == 0 {
		return
	}
	a := c.todo[0]
	c.todo = c.todo[1:]
	c.from.w.core.After(a.Start, func() { c.put(a) })
}

// put gives a request to a connection.
func (c *crowd) put(a *Ask) {
	slot := c.next
	c.next = (c.next + 1) % len(c.conns)
	if conn := c.conns[slot]; conn != nil && conn.Usable() {
		a.begin(conn)
		return
	}
	c.waiting[slot] = append(c.waiting[slot], a)
	if c.dialling[slot] {
		return
	}
	c.dialling[slot] = true
	c.from.Dial(c.to, func(conn *Conn) {
		c.conns[slot], c.dialling[slot] = conn, false
		waiting := c.waiting[slot]
		c.waiting[slot] = nil
		for _, a := range waiting {
			a.begin(conn)
		}
	})
}

// mostAgain is how often a request is made again.
const mostAgain = 20

// ended is called when a request is over, or may be made again.
func (c *crowd) ended(a *Ask) {
	if !a.again {
		c.start()
		return
	}
	if a.tries++; a.tries > mostAgain {
		c.from.w.failf("%v was refused %s times", a, strconv.Itoa(a.tries))
		return
	}
	c.put(a)
}
