package engine

import (
	"fmt"
	"sync"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// roomKind says which room of a connection something is about.
type roomKind uint8

const (
	roomProtect roomKind = iota
	roomHandshake
	roomConn
	roomUpper
	roomStream
)

var roomNames = [...]string{"protect", "handshake", "conn", "h3", "stream"}

// supervisor counts a connection's rooms, keeps a panic inside it, and sees to it that everybody leaves.
type supervisor struct {
	c         *connection
	protect   actor.Room[port.ToProtect]
	handshake actor.Room[port.ToHandshake]
	conn      actor.Room[port.ToConn]
	upper     actor.Room[port.ToH3]
	views     [roomStream]roomSupervisor // as each room sees it
	bells     struct {
		conn  bell[port.ToConn]
		upper bell[port.ToH3]
	}

	toConn actor.Port[port.ToConn] // CloseOrder and Notices
	stops  struct {                // the supervisor's own edges, one Stop each
		protect   actor.Port[port.ToProtect]
		handshake actor.Port[port.ToHandshake]
		conn      actor.Port[port.ToConn]
		upper     actor.Port[port.ToH3]
	}

	mu       sync.Mutex
	alive    int // rooms
	stopped  bool
	ordered  bool
	mute     bool // conn or protect died: no close was sent
	noticed  [2]bool
	panicked *port.Cause
	ended    *port.Cause
	until    mono.Time
}

func (g *supervisor) init(c *connection) {
	g.c = c
	for kind := range g.views {
		g.views[kind] = roomSupervisor{g, roomKind(kind)}
	}
}

func (g *supervisor) connectStops(notices int) {
	g.toConn = g.conn.Port("supervisor>conn", 1+notices)
	g.stops.protect = g.protect.Port("supervisor>protect", 1)
	g.stops.handshake = g.handshake.Port("supervisor>handshake", 1)
	g.stops.conn = g.conn.Port("supervisor>conn stop", 1)
	g.stops.upper = g.upper.Port("supervisor>h3", 1)
}

// roomSupervisor is the supervisor as one room sees it.
type roomSupervisor struct {
	g    *supervisor
	kind roomKind
}

// spawn makes one of a connection's rooms, in the connection's memory: what lives and dies together is one object.
func spawn[M any](c *connection, r *actor.Room[M], kind roomKind, capacity int, b actor.Behaviour[M]) {
	c.guard.born()
	r.Init(c.system(kind), actor.Spec{Name: c.roomName(kind), Capacity: capacity, Supervisor: &c.guard.views[kind]}, b)
}

// roomName names a room for traces. On a machine only who reads of its death wants it, and is told the connection besides.
func (c *connection) roomName(kind roomKind) string {
	if !c.s.e.world.Stepping() {
		return roomNames[kind]
	}
	return c.name + "/" + roomNames[kind]
}

func (g *supervisor) born() {
	g.mu.Lock()
	g.alive++
	g.mu.Unlock()
	g.c.s.e.rooms.Add(1)
}

// Left is told that a room ended by itself.
func (r *roomSupervisor) Left(string) {
	if r.kind == roomConn {
		// Whoever conn did not know must leave too: a stream that was never heard of, for example.
		cause, until := r.g.c.core.Ended()
		r.g.mu.Lock()
		r.g.ended, r.g.until = cause, until
		r.g.mu.Unlock()
		r.g.stopAll(cause)
	}
	r.g.less()
}

// Died is told that a room panicked.
func (r *roomSupervisor) Died(d actor.Death) {
	r.g.died(r.kind, d)
	r.g.less()
}

// died ends the connection of a room that panicked with INTERNAL_ERROR, if the rooms that say so are alive.
func (g *supervisor) died(kind roomKind, d actor.Death) {
	g.c.s.e.log.Error("a room panicked", "connection", g.c.name, "remote", g.c.remote, "room", d.Room, "message", d.Message, "panic", d.Value, "stack", string(d.Stack))
	err := fmt.Errorf("room %s panicked at %s: %v", d.Room, d.Message, d.Value)
	cause := &port.Cause{Why: port.Panicked, Code: uint64(wire.InternalError), Err: err}
	g.mu.Lock()
	if g.panicked == nil {
		g.panicked = cause
	}
	order := !g.ordered
	g.ordered = true
	mute := kind == roomConn || kind == roomProtect
	g.mute = g.mute || mute
	g.mu.Unlock()
	if mute {
		// Nothing can be sent any more. The endpoint will answer with stateless resets.
		g.stopAll(cause)
		return
	}
	if order {
		g.toConn.Send(&port.CloseOrder{Code: cause.Code, Why: port.Panicked, Err: err})
	}
}

// stopAll orders every room to leave.
func (g *supervisor) stopAll(cause *port.Cause) {
	if cause == nil {
		cause = &port.Cause{Why: port.Abandoned}
	}
	g.mu.Lock()
	again := g.stopped
	g.stopped = true
	g.mu.Unlock()
	if again {
		return
	}
	g.c.contexts.end() // a TLS callback may be in progress
	g.stops.conn.Send(&port.Stop{Cause: cause})
	g.stops.handshake.Send(&port.Stop{Cause: cause})
	g.stops.upper.Send(&port.Stop{Cause: cause})
	g.c.streams.stopAll(cause)
	g.stops.protect.Send(&port.Stop{Cause: cause})
}

// notice tells conn what was seen outside the packets, each kind once.
func (g *supervisor) notice(kind port.NoticeKind, err error) {
	g.mu.Lock()
	again := g.noticed[kind]
	g.noticed[kind] = true
	g.mu.Unlock()
	if !again {
		g.toConn.Send(&port.Notice{Kind: kind, Err: err})
	}
}

// less counts a room that has left; the last one buries the connection.
func (g *supervisor) less() {
	g.c.s.e.rooms.Add(-1)
	g.mu.Lock()
	g.alive--
	last := g.alive == 0
	cause, until := g.ended, g.until
	if g.panicked != nil {
		cause = g.panicked
	}
	if g.mute {
		until = 0
	}
	g.mu.Unlock()
	if !last {
		return
	}
	if cause == nil {
		cause = &port.Cause{Why: port.Abandoned}
	}
	g.bells.conn.silence()
	g.bells.upper.silence()
	g.c.buried(cause, &port.Closed{Until: until})
}

// roomCount is the supervisor of the rooms that connections share. They do not die of a panic: guarded keeps it in the
// message.
type roomCount struct{ s *socket }

// Left is told that a room ended by itself.
func (r roomCount) Left(string) {
	r.s.e.rooms.Add(-1)
	r.s.went()
}

// Died is told that a room panicked all the same.
func (r roomCount) Died(d actor.Death) {
	r.s.e.log.Error("a shared room died", "room", d.Room, "message", d.Message, "panic", d.Value, "stack", string(d.Stack))
	r.Left(d.Room)
}
