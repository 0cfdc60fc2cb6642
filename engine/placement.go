package engine

import (
	"sync/atomic"

	"quicpro/actors/conn"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Placement says which goroutines run the rooms of a connection. Take Adaptive unless you have measured. Fused costs the
// least memory and switches least: for many small connections, or few processors. Apart is for few connections that move
// much, with processors to spare.
type Placement uint8

const (
	// Adaptive runs them on one goroutine while messages are small, and conn, protect and h3 on goroutines of their own,
	// so that they work side by side, while a lot of bytes flow and no request begins in between.
	Adaptive Placement = iota
	// Apart gives conn, protect and h3 a goroutine each; the stream rooms share one.
	Apart
	// Fused runs all on one goroutine.
	Fused
)

// placement is the choice for one connection.
type placement struct {
	lane
	how   Placement
	waits bool // the handshake may wait, so that nobody may share its goroutine
	bulk  bulk
	seats [roomStream + 1]seat
}

// requests counts a connection's bidirectional streams, for the choice of goroutines. All but the mark is one word, since every
// request comes by here twice.
type requests struct {
	word atomic.Uint64 // how many have begun, in the upper half; whether several were alive at a time, a bit; how many are
	mark atomic.Uint32 // how many had begun at the last large batch
}

const (
	oneBegun   = 1 << 32
	wasCrowded = 1 << 31
)

func (r *requests) begin() {
	if w := r.word.Add(oneBegun + 1); w%wasCrowded > 1 && w&wasCrowded == 0 {
		r.word.Or(wasCrowded)
	}
}

func (r *requests) end() { r.word.Add(^uint64(0)) }

// alive is how many there are: for those of a lane with several one flush is enough.
func (r *requests) alive() int { return int(r.word.Load() % wasCrowded) }

// crowded reports whether there has ever been more than one at a time: messages are gathered then, and nobody lends the lane his
// goroutine.
func (r *requests) crowded() bool { return r.word.Load()&wasCrowded != 0 }

// begun reports whether there has been one: what ran before, a handshake, computes for too long for a goroutine that is lent.
func (r *requests) begun() bool { return r.word.Load() >= oneBegun }

// lately is how many have begun since it was asked last, for the last large batch: who shares the next with how many. Of two who ask
// at once one may get too few.
func (r *requests) lately() int {
	begun := uint32(r.word.Load() / oneBegun)
	return int(int32(begun - r.mark.Swap(begun)))
}

// bulk remembers for a while that a lot of bytes flow.
type bulk struct{ left atomic.Int32 }

const (
	// bulkBatch is the length in bytes of a batch that says so.
	bulkBatch = 16 << 10
	// bulkShare is how many bytes of it each stream must have, on average: a hundred small answers are none.
	bulkShare = 8 << 10
	// quietBatch and quietShare are as much for a reader, which does not poll while bulk flows, be it beside small requests: a
	// download among sixteen of those keeps the processors busy.
	quietBatch = 32 << 10
	quietShare = 2 << 10
	// bulkAlone is how many bytes of such batches a socket has moved since a request began, before the connection's rooms go
	// apart: small requests that come between pass each of them, and a goroutine of its own for each is what they wait for.
	bulkAlone = 1 << 20
	// bulkWhile is how many launches of a connection, or reads of a socket, remember it.
	bulkWhile = 64
)

func (b *bulk) noted() { b.left.Store(bulkWhile) }

// counted reports whether a lot flows, for one launch or read.
func (b *bulk) counted() bool {
	n := b.left.Load()
	if n > 0 {
		b.left.Store(n - 1) // several at once may count as one
	}
	return n > 0
}

// flows reports whether a lot does.
func (b *bulk) flows() bool { return b.left.Load() > 0 }

// moved notes the length of a batch that was received or is sent. While processors have bulk to work on, a reader that
// polls, or rooms that wait for each other, keep them from it.
func (c *connection) moved(n int) {
	if n < bulkBatch {
		return
	}
	// A server's requests may all have ended when their answers leave.
	requests := max(c.place.requests.alive(), c.place.requests.lately())
	alone := n >= max(bulkBatch, bulkShare*requests)
	if alone || n >= max(quietBatch, quietShare*requests) {
		c.s.bulk.noted()
		if requests > 1 && !alone || requests <= 1 && c.beside() {
			c.s.among.noted()
		}
	}
	if alone && c.s.alone.Add(int64(n)) >= bulkAlone {
		c.place.bulk.noted()
	}
}

// company is whose small messages the connection's bulk makes room for: those of all connections that have its role. Of what a
// program is to both ends, in tests, it hears half. A simulation's connections have nothing in common: its rooms' turns would
// depend on each other.
func (c *connection) company() *conn.Company {
	if c.s.e.world.Stepping() {
		return nil
	}
	return &c.s.e.company[c.role]
}

// beside reports whether a server's bulk is held back for small answers. A client's small messages are requests, which may be those
// of downloads.
func (c *connection) beside() bool {
	return c.role == wire.Server && c.company().Holds(c.s.e.world.Now())
}

// polls reports whether the socket's reader polls in its next read: not while bulk flows, unless it does so among small requests, and
// not while somebody waits for an idle processor. That bulk flows and that small requests do are remembered apart: among them come
// batches of bulk alone.
func (s *socket) polls() bool {
	bulk, among := s.bulk.counted(), s.among.counted()
	return (!bulk || among) && !s.e.idle.taken.Load()
}

// asked notes that a request begins.
func (c *connection) asked() {
	c.place.requests.begin()
	if c.s.alone.Load() != 0 {
		c.s.alone.Store(0)
	}
}

// together reports whether a room that is launched now runs in the lane.
func (p *placement) together() bool {
	return p.how == Fused || p.how == Adaptive && !p.bulk.counted()
}

// borrow makes the caller, which is about to send mail to a room of the connection and then has nothing else to do, the runner
// of its lane: a goroutine to hand over to would cost more than the turns. It reports whether it is; then payBack must
// follow. The lane of a connection that had several requests at a time gathers their messages instead, and while others are
// at work, or bulk flows, who reads shall read on. A handshake computes for long. A trace may wait, for a disk perhaps: other
// connections need the reader, and a caller has a deadline.
func (c *connection) borrow() bool {
	p := &c.place
	if p.world == nil || c.trace != nil || p.how == Apart || !p.requests.begun() || p.requests.crowded() || p.bulk.flows() || c.s.bulk.flows() ||
		p.world.crew.working.Load() > crewBusy || !p.seize() {
		return false
	}
	c.s.host.Store(&p.lane)
	return true
}

// payBack runs the lane.
func (c *connection) payBack() {
	c.place.finish()
	c.s.host.Store(nil)
}

// arrived takes datagrams from the reader, which has nothing else to do if they are alone: with many connections it seldom is
// so, and their work is for all processors.
func (c *connection) arrived(batch *port.RxBatch, alone bool) {
	n := len(batch.B)
	c.moved(n)
	if !alone || n > mediumRead || !c.borrow() {
		c.fromReader.Send(batch)
		return
	}
	defer c.s.e.world.Pause() // whom it wakes goes before the next read
	defer c.payBack()
	c.fromReader.Send(batch)
}

// writerSeat is the System of a socket's writer. It has a goroutine of its own, for it waits in the kernel; but where one is
// lent to a lane, with nothing else to do, it runs in that, and where all processors have a lane to run, in the one that has mail for it.
type writerSeat struct {
	World
	s *socket
}

// Launch runs the writer.
func (w writerSeat) Launch(r actor.Runner) {
	if l := w.s.host.Load(); l != nil && !w.s.bulk.flows() {
		l.launch(r)
		return
	}
	w.World.Launch(r)
}

// system is where a room of the connection lives.
func (c *connection) system(kind roomKind) actor.System {
	if c.place.world == nil || kind == roomHandshake && c.place.waits {
		return c.s.e.world
	}
	always := kind == roomStream
	s := &c.place.seats[kind]
	*s = seat{placement: &c.place, always: always, inLane: always, exact: kind == roomConn}
	return s
}

// seat is the System of one room.
type seat struct {
	*placement
	always bool // in the lane: the crowd of stream rooms
	exact  bool // every turn reads the clock: conn, whose estimates depend on it
	inLane bool // where it runs now
}

// Launch runs r in the lane or on a goroutine of its own.
func (s *seat) Launch(r actor.Runner) {
	if !s.always {
		s.inLane = s.together()
	}
	if s.inLane {
		s.launch(r)
		return
	}
	s.world.crew.launch(r)
}

// Now is the engine's clock; in the lane it is read once a round.
func (s *seat) Now() mono.Time {
	if s.inLane && !s.exact {
		return s.now
	}
	return s.world.Now()
}

// Stepping reports that rooms run by themselves.
func (s *seat) Stepping() bool { return false }

// Later lets the flush of a room that runs in the lane wait for the others.
func (s *seat) Later(r actor.Runner, w actor.Wait) bool {
	if s.inLane {
		s.later(r, w)
	}
	return s.inLane
}
