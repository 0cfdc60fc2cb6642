package stream

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Stream is a stream room: Behaviour[port.ToStream].
type Stream struct {
	link  *port.Stream
	ports *Ports

	receiving receiving
	sending   sending

	fault       *wire.Error // the peer broke a rule
	faultPushed bool
	urgency     uint8
	reordered   bool // conn does not know the urgency yet
	last        bool // h3 leaves the end of the stream to us
	done        bool // h3 has forgotten the stream, or was told of its end: nothing goes there any more
	ended       bool // h3 was told
	left        bool
}

// Config says which stream a room serves.
type Config struct {
	Link    *port.Stream // made by port.NewStream
	Role    wire.Role    // ours
	Options port.StreamOptions
	Common  *Common
}

// Common is what all streams of a connection have in common.
type Common struct {
	Chunks *actor.Chunks // where received bytes are copied to
	Limits *port.Limits
	Gaps   *actor.Count // in received data of all streams; nil: they are not counted

	arrivals   spares[arrival]
	departures spares[departure]
}

// spares are records that serve again, for rooms that take turns: a list, which costs less than a pool.
type spares[T any] struct {
	list  []*T
	dying bool // the connection is: others have the use of what comes back
}

// maxSpares is how many a connection keeps of a kind. When more streams have something in one turn, a pool has the rest.
const maxSpares = 128

func (s *spares[T]) get(more *actor.Pool[T]) *T {
	n := len(s.list)
	if n == 0 {
		return more.Get()
	}
	t := s.list[n-1]
	s.list = s.list[:n-1]
	return t
}

func (s *spares[T]) put(t *T, more *actor.Pool[T]) {
	if len(s.list) < maxSpares && !s.dying {
		s.list = append(s.list, t)
	} else {
		more.Put(t)
	}
}

// heldBack is how many consumed bytes wait for company: credit for a few is not worth a message. All streams together hold back
// at most a quarter of the connection's window, and conn grants more when another quarter of it is used, so the peer never waits
// for what is held back.
func (c *Common) heldBack() int {
	if n := c.Limits.Streams; n > 0 {
		return c.Limits.ConnWindow / (4 * n)
	}
	return 0
}

// Ports are the edges out of the room.
type Ports struct {
	ToConn actor.Port[port.ToConn]
	ToH3   actor.Port[port.ToH3]
}

// New makes a stream room. Connect must follow before its first mail.
func New(c Config) *Stream {
	s := &Stream{}
	s.Reuse(c)
	return s
}

// Reuse makes a room that was never launched, or has left, ready for another stream. Nothing remains of the one before;
// Connect must follow.
func (s *Stream) Reuse(c Config) {
	s.urgency, s.link, s.ports = port.DefaultUrgency, c.Link, nil
	s.reordered, s.fault, s.faultPushed, s.last, s.done, s.ended, s.left = false, nil, false, false, false, false, false
	id := c.Link.ID
	// RFC 9000 s2.1: unidirectional streams carry data from their initiator to its peer only.
	s.receiving.begin(c, id.IsBidi() || id.Initiator() != c.Role)
	s.sending.begin(c, id.IsBidi() || id.Initiator() == c.Role)
}

// Connect sets the edges out of the room. Rooms may share them.
func (s *Stream) Connect(p *Ports) { s.ports = p }

// Ports are the edges of Connect, whether or not the room has left.
func (s *Stream) Ports() *Ports { return s.ports }

// Handle takes one message.
func (s *Stream) Handle(_ mono.Time, m port.ToStream) {
	if s.left {
		drop(m)
		return
	}
	switch m := m.(type) {
	case *port.Deliver:
		s.deliver(m)
	case *port.Write:
		s.write(m)
	case *port.Wake:
		s.woken(m)
	case *port.Stop:
		c := s.receiving.common
		c.arrivals.dying, c.departures.dying = true, true
		s.leave()
	}
}

// Flush sends conn and h3 what they are owed.
func (s *Stream) Flush(now mono.Time) {
	if s.left {
		return
	}
	s.receiving.grant(now)
	s.sending.look()
	s.read()
	s.push()
	s.receiving.rest()
	s.sending.rest()
}

// Left reports whether the room is over: it holds nothing.
func (s *Stream) Left() bool { return s.left }

// deliver takes what conn has to say, copies the payload and lets the batches go.
func (s *Stream) deliver(m *port.Deliver) {
	// After a fault nothing that the peer says counts any more: the connection is about to close.
	fault := s.receiving.spans(m.Spans, s.fault != nil)
	if fault == nil && s.fault == nil {
		fault = s.receiving.frames(m)
	}
	if fault == nil && s.fault == nil {
		fault = s.sending.frames(m)
	}
	if s.fault == nil {
		s.fault = fault
	}
	s.sending.fates(m)
	s.receiving.fates(m)
	if s.link.Down.Free() {
		s.ports.ToConn.Send(&s.link.Freed)
	}
}

// write takes what h3 wants.
func (s *Stream) write(m *port.Write) {
	if m.Reorder && m.Urgency != s.urgency {
		s.urgency, s.reordered = m.Urgency, true
	}
	s.sending.write(m)
	if !s.ended { // otherwise what was delivered counts as taken already, and this crossed the word that says so
		s.receiving.taken(m.Taken)
	}
	if m.HasStop {
		s.receiving.stop(m.StopCode)
	}
	s.last = s.last || m.Last
	if m.Done {
		s.done = true
		s.receiving.taken(s.receiving.untaken)
	}
	if s.link.Out.Free() && !s.ended {
		s.ports.ToH3.Send(&s.link.Freed)
	}
}

func (s *Stream) woken(m *port.Wake) {
	if m.FromConn {
		s.link.Up.Woken()
	} else {
		s.link.In.Woken()
	}
}

// push sends conn what it is owed. It comes round again only if conn was quicker than the stream.
func (s *Stream) push() {
	for s.owesPush() {
		m, ok := s.link.Up.Ready()
		if !ok {
			return // conn will send a Wake
		}
		m.Reset()
		s.fillPush(m)
		last := m.Ended
		s.ports.ToConn.Send(m)
		if last {
			s.leave()
			return
		}
	}
}

func (s *Stream) owesPush() bool { return s.owesNews() || s.ends() }

// owesNews reports whether there is something to push besides the end.
func (s *Stream) owesNews() bool {
	return s.fault != nil && !s.faultPushed || s.reordered && s.sending.open() || s.sending.owesPush() || s.receiving.owesPush()
}

func (s *Stream) fillPush(m *port.Push) {
	s.sending.fillPush(m)
	s.receiving.fillPush(m)
	m.Priority, s.reordered = port.Priority{Urgency: s.urgency}, false
	if s.fault != nil && !s.faultPushed {
		m.Fault, s.faultPushed = s.fault, true
	}
	m.Ended = s.ends()
}

// ends reports whether nothing more will ever be said to anybody. A Read that h3 still has is waited for, unless it says so:
// the room must not leave an edge on which something is under way.
func (s *Stream) ends() bool { return s.over() && (s.ended || s.link.In.Quiet()) }

// over reports whether both halves are at their end and h3 has forgotten the stream.
func (s *Stream) over() bool { return s.done && s.receiving.ended() && s.sending.ended() }

// read sends h3 what it is owed.
func (s *Stream) read() {
	for s.owesRead() {
		m, ok := s.link.In.Ready()
		if !ok {
			return // h3 will send a Wake
		}
		m.Reset()
		s.fillRead(m)
		s.ports.ToH3.Send(m)
	}
}

func (s *Stream) owesRead() bool {
	return !s.done && (s.receiving.owesRead() || s.sending.owesRead())
}

func (s *Stream) fillRead(m *port.Read) {
	s.receiving.fillRead(m)
	s.sending.fillRead(m)
	if s.last && s.receiving.delivered() && s.sending.ended() && s.receiving.untaken <= lastUntaken {
		m.Ended, s.ended, s.done = true, true, true
		s.receiving.taken(s.receiving.untaken)
	}
}

// lastUntaken is how many delivered bytes count as taken at the end of a stream whose end h3 leaves to us: each may hold
// that much beyond what flow control pays for.
const lastUntaken = 64 << 10

// leave lets go of everything.
func (s *Stream) leave() {
	s.receiving.release()
	s.sending.release()
	s.link, s.left = nil, true
}

// drop releases what comes after the end.
func drop(m port.ToStream) {
	if r, ok := m.(actor.Releaser); ok {
		r.Release()
	}
}

// blame names the frame type in an error that ends the connection.
func blame(err error, frame wire.FrameType) *wire.Error {
	if err == nil {
		return nil
	}
	fault := err.(*wire.Error)
	fault.FrameType = frame
	return fault
}
