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
	// What conn and h3 may have on the way to a stream: a record, a wake, and conn's Stop.
	connToStream = 3
	h3ToStream   = 2
)

// streams gives birth to a connection's stream rooms: port.Streams. conn and h3 call it, each on its own turn.
type streams struct {
	c      *connection
	toConn *actor.Room[port.ToConn]
	toH3   *actor.Room[port.ToH3]
	world  actor.System // where the rooms live
	crowd  *actor.Crowd[port.ToStream]

	// What gathers the messages of a turn, of all streams: conn's, h3's, and theirs.
	fromConn, fromH3 *actor.Outbox[port.ToStream]
	intoConn         *actor.Outbox[port.ToConn]
	intoH3           *actor.Outbox[port.ToH3]
	out              *stream.Ports // out of every stream; nil in a simulation
	gaps             actor.Count   // in what all of them have received
	common           stream.Common

	mu     sync.Mutex
	live   []*streamRoom
	alive  int  // rooms that have not left; the supervisor counts all as one
	closed bool // conn has left: nobody would stop a new one
}

// streamRoom is one stream's room with its address, and its supervisor. It counts as alive until it has left and conn has
// forgotten it.
type streamRoom struct {
	link      port.Stream
	of        *streams
	room      actor.Room[port.ToStream]
	behaviour stream.Stream
	at        int32 // its place in live
	left      bool  // the lock of the streams guards it
	forgotten bool  // the same
}

func (s *streams) init(c *connection, toConn *actor.Room[port.ToConn], toH3 *actor.Room[port.ToH3]) {
	s.c, s.toConn, s.toH3, s.world = c, toConn, toH3, c.system(roomStream)
	s.common = stream.Common{Chunks: &c.s.e.chunks, Limits: c.limits, Gaps: &s.gaps}
	// Streams whose end conn knows of but which have not left yet are the reason why there may be twice as many.
	name := "streams"
	if s.world.Stepping() {
		name = c.name + "/streams"
	}
	s.crowd = actor.NewCrowd[port.ToStream](s.world, name, 2*c.limits.Streams*(connToStream+h3ToStream+1))
	s.fromConn, s.fromH3 = actor.NewCrowdOutbox(s.crowd), actor.NewCrowdOutbox(s.crowd)
	s.intoConn, s.intoH3 = actor.NewOutbox(toConn), actor.NewOutbox(toH3)
	toConn.Collect(s.fromConn)
	toH3.Collect(s.fromH3)
	s.crowd.Collect(s.intoH3)
	s.crowd.Collect(s.intoConn)
	if !s.world.Stepping() {
		s.out = s.edges()
	}
	c.guard.born()
}

// Spawn makes a stream's room. It returns nil if too many are alive, or the connection is dying. Streams whose end conn
// knows of but which have not left yet are the reason why there may be twice as many as Limits.Streams for a moment.
func (s *streams) Spawn(id wire.StreamID, o port.StreamOptions) *port.Stream {
	r := s.room(id)
	port.NewStreamIn(&r.link, id)
	r.link.FromConn = r.room.Port("conn>stream", connToStream).Via(s.fromConn)
	r.link.FromH3 = r.room.Port("h3>stream", h3ToStream).Via(s.fromH3)
	out := s.out
	if out == nil {
		out = s.edges()
	}
	r.behaviour.Reuse(stream.Config{Link: &r.link, Role: s.c.role, Options: o, Common: &s.common})
	r.behaviour.Connect(out)
	if !s.enter(r) {
		out.ToConn.Close()
		out.ToH3.Close()
		return nil
	}
	return &r.link
}

// edges are a stream's to conn and h3. A simulator counts those of each stream; on a machine all streams have the same.
func (s *streams) edges() *stream.Ports {
	return &stream.Ports{ToConn: s.toConn.Port("stream>conn", 2).Via(s.intoConn), ToH3: s.toH3.Port("stream>h3", 2).Via(s.intoH3)}
}

// room makes a room, or takes a spare one.
func (s *streams) room(id wire.StreamID) *streamRoom {
	r := s.c.s.e.streams.get(s.world.Stepping())
	fresh := r == nil || !r.atRest()
	if fresh {
		r = &streamRoom{}
	}
	r.of, r.left, r.forgotten = s, false, false
	spec := actor.Spec{Name: s.roomName(id), Capacity: connToStream + h3ToStream + 1, Supervisor: r}
	b := actor.Behaviour[port.ToStream](&r.behaviour)
	if fresh {
		s.crowd.Init(&r.room, spec, b)
	} else {
		s.crowd.Reuse(&r.room, spec, b)
	}
	r.link.Owner = r
	return r
}

// atRest reports whether nothing is under way from the room, nor to it: neither its last word to h3, nor a late message
// that is to be released. In this order: before h3 has heard that word it may still say something.
func (r *streamRoom) atRest() bool { return !r.link.In.InFlight() && r.room.AtRest() }

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
	r.at = int32(len(s.live))
	s.live = append(s.live, r)
	s.alive++
	if r.link.ID.IsBidi() {
		s.c.asked()
	}
	s.c.s.e.rooms.Add(1)
	return true
}

// stopAll orders every stream to leave, and lets none be born any more.
func (s *streams) stopAll(cause *port.Cause) {
	s.mu.Lock()
	s.closed = true
	live := append([]*streamRoom(nil), s.live...)
	none := s.alive == 0
	s.mu.Unlock()
	for _, r := range live {
		r.room.Port("supervisor>stream", 1).Send(&port.Stop{Cause: cause})
	}
	if none {
		s.c.guard.less()
	}
}

// Forget is told by conn that it has handled the last word of a stream.
func (s *streams) Forget(link *port.Stream) {
	r := link.Owner.(*streamRoom)
	r.behaviour.Ports().ToConn.Close()
	s.part(r, &r.forgotten)
}

// Left is told that the room ended by itself.
func (r *streamRoom) Left(string) {
	r.behaviour.Ports().ToH3.Close()
	r.of.part(r, &r.left)
}

// Died is told that the room panicked.
func (r *streamRoom) Died(d actor.Death) {
	r.of.c.guard.died(roomStream, d)
	r.of.part(r, &r.left)
}

// part notes that the room has left, or that conn has forgotten it. After both it may serve again, unless the connection is
// dying: then a Stop may be on its way.
func (s *streams) part(r *streamRoom, how *bool) {
	s.mu.Lock()
	*how = true
	over, last := r.left && r.forgotten && !s.closed, false
	if over {
		s.remove(r)
	}
	if how == &r.left {
		s.alive--
		if r.link.ID.IsBidi() {
			s.c.place.requests.end()
		}
		s.c.s.e.rooms.Add(-1)
		last = s.closed && s.alive == 0
	}
	s.mu.Unlock()
	if over {
		s.c.s.e.streams.put(r, s.world.Stepping())
	}
	if last {
		s.c.guard.less()
	}
}

func (s *streams) remove(r *streamRoom) {
	last := len(s.live) - 1
	s.live[r.at] = s.live[last]
	s.live[r.at].at = r.at
	s.live[last] = nil
	s.live = s.live[:last]
}
