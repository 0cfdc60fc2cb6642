package engine

import (
	"strconv"
	"sync"

	"quicpro/actors/port"
	"quicpro/actors/stream"
	"quicpro/internal/actor"
	"quicpro/wire"
)

const (
	// What conn and h3 may have on the way to a stream: a record, a wake, Released, and conn's Stop.
	connToStream = 4
	h3ToStream   = 3
)

// streams gives birth to a connection's stream rooms: port.Streams. conn and h3 call it, each on its own turn.
type streams struct {
	c      *connection
	toConn *actor.Room[port.ToConn]
	toH3   *actor.Room[port.ToH3]
	world  World       // where the rooms live: a lane of the machine, or the simulator's world
	gaps   actor.Count // in what all of them have received

	mu     sync.Mutex
	live   []*streamRoom
	closed bool // conn has left: nobody would stop a new one
}

// streamRoom is one stream's room, and its supervisor.
type streamRoom struct {
	of        *streams
	behaviour *stream.Stream
	ports     stream.Ports
	stop      actor.Port[port.ToStream]
	at        int // its place in live
}

// spareStreams keeps the behaviours of streams that left, with their scratch memory.
var spareStreams sync.Pool

func (s *streams) init(c *connection, toConn *actor.Room[port.ToConn], toH3 *actor.Room[port.ToH3]) {
	s.c, s.toConn, s.toH3, s.world = c, toConn, toH3, c.s.e.world
	if m, ok := s.world.(*machine); ok {
		s.world = &lane{World: m, crew: &m.crew}
	}
}

// Spawn makes a stream's room. It returns nil if too many are alive, or the connection is dying. Streams whose end conn
// knows of but which have not left yet are the reason why there may be twice as many as Limits.Streams for a moment.
func (s *streams) Spawn(id wire.StreamID, o port.StreamOptions) *port.Stream {
	link := port.NewStream(id)
	cfg := stream.Config{Link: link, Role: s.c.role, Options: o, Chunks: &s.c.s.e.chunks, Limits: s.c.limits, Gaps: &s.gaps}
	r := &streamRoom{of: s}
	if r.behaviour, _ = spareStreams.Get().(*stream.Stream); r.behaviour != nil {
		r.behaviour.Reuse(cfg)
	} else {
		r.behaviour = stream.New(cfg)
	}
	room := actor.Spawn(s.world, actor.Spec{
		Name:       s.roomName(id),
		Capacity:   connToStream + h3ToStream + 1,
		Supervisor: r,
	}, actor.Behaviour[port.ToStream](r.behaviour))
	link.FromConn = room.Port("conn>stream", connToStream)
	link.FromH3 = room.Port("h3>stream", h3ToStream)
	r.stop = room.Port("supervisor>stream", 1)
	r.ports = stream.Ports{ToConn: s.toConn.Port("stream>conn", 2), ToH3: s.toH3.Port("stream>h3", 2)}
	r.behaviour.Connect(r.ports)
	s.c.guard.born() // before anybody can stop it
	if !s.enter(r) {
		r.ports.ToConn.Close()
		r.ports.ToH3.Close()
		s.c.guard.less() // never the last one: the caller is a room
		return nil
	}
	return link
}

// roomName names a room for traces. A real machine has one name for all: making it would be the dearest part of a birth.
func (s *streams) roomName(id wire.StreamID) string {
	if !s.c.s.e.world.Stepping() {
		return "stream"
	}
	return s.c.name + "/stream " + strconv.FormatUint(uint64(id), 10)
}

func (s *streams) enter(r *streamRoom) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.live) >= 2*s.c.limits.Streams {
		return false
	}
	r.at = len(s.live)
	s.live = append(s.live, r)
	return true
}

// stopAll orders every stream to leave, and lets none be born any more.
func (s *streams) stopAll(cause *port.Cause) {
	s.mu.Lock()
	s.closed = true
	live := append([]*streamRoom(nil), s.live...)
	s.mu.Unlock()
	for _, r := range live {
		r.stop.Send(&port.Stop{Cause: cause})
	}
}

// Left is told that the room ended by itself.
func (r *streamRoom) Left(string) {
	r.leave()
	spareStreams.Put(r.behaviour)
	r.of.c.guard.less()
}

// Died is told that the room panicked.
func (r *streamRoom) Died(d actor.Death) {
	r.leave()
	r.of.c.guard.died(roomStream, d)
	r.of.c.guard.less()
}

func (r *streamRoom) leave() {
	r.ports.ToConn.Close()
	r.ports.ToH3.Close()
	s := r.of
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.live) - 1
	s.live[r.at] = s.live[last]
	s.live[r.at].at = r.at
	s.live[last] = nil
	s.live = s.live[:last]
}
