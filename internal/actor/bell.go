package actor

import (
	"sync/atomic"

	"quicpro/internal/mono"
)

// Cell is one room's deadline: the room arms it, the timer room reads it.
//
// Arming stores the deadline and posts the cell to the timer only if the timer would otherwise wake too late. A cell
// whose deadline moved later is found out when it fires, and heaped again. So a deadline that moves with every packet
// costs one atomic store.
type Cell struct {
	want   atomic.Int64 // the deadline; 0: none
	heaped atomic.Int64 // when the timer will look at this cell; 0: not at all
	posted atomic.Bool  // on its way to the timer
	rung   atomic.Bool  // a ring is on its way to the room
	bell   Bell
	Index  int // the timer's: the cell's place in its heap plus one, 0 if it has none
}

// Bell is what a cell belongs to. The timer needs a place reserved for one post a cell, the room one for the ring.
type Bell interface {
	// Post posts the cell to the timer.
	Post(*Cell)
	// Ring rings the room.
	Ring()
}

// Init ties a fresh cell to its bell.
func (c *Cell) Init(b Bell) { c.bell = b }

// NewCell makes a cell of which the bell is two functions.
func NewCell(post func(*Cell), ring func()) *Cell { return &Cell{bell: functions{post, ring}} }

type functions struct {
	post func(*Cell)
	ring func()
}

func (f functions) Post(c *Cell) { f.post(c) }
func (f functions) Ring()        { f.ring() }

// Arm sets the deadline; zero disarms. It is the room's to call, on its own turn.
func (c *Cell) Arm(at mono.Time) {
	c.want.Store(int64(at))
	if at == 0 {
		return
	}
	if h := c.heaped.Load(); h != 0 && h <= int64(at) {
		return
	}
	if c.posted.CompareAndSwap(false, true) {
		c.bell.Post(c)
	}
}

// Forget takes the deadline back for good, once the room has left: a timer that holds the cell lets go of it and rings
// nobody. It may be called from anywhere.
func (c *Cell) Forget() {
	c.want.Store(0)
	if c.heaped.Load() != 0 && c.posted.CompareAndSwap(false, true) {
		c.bell.Post(c)
	}
}

// Heard tells the cell that the room has handled its ring. The room then compares its own deadlines with now (a ring
// means "look", not "late") and arms again in the flush that follows.
func (c *Cell) Heard() { c.rung.Store(false) }

// Taken tells the cell that the timer has received its post and will now read the deadline: what the room arms from
// here on is posted anew.
func (c *Cell) Taken() (deadline mono.Time) {
	c.posted.Store(false)
	return c.Popped()
}

// Popped tells the cell that it is out of the timer's heap, and reads its deadline. A post that is on its way meanwhile
// keeps its one place.
func (c *Cell) Popped() (deadline mono.Time) {
	c.heaped.Store(0) // before the read: an Arm that still saw the old value is then seen here
	return mono.Time(c.want.Load())
}

// Heaped tells the cell when the timer will look at it next.
func (c *Cell) Heaped(at mono.Time) { c.heaped.Store(int64(at)) }

// Ring rings the room, unless an earlier ring has not been heard yet.
func (c *Cell) Ring() {
	if c.rung.CompareAndSwap(false, true) {
		c.bell.Ring()
	}
}
