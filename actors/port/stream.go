package port

import (
	"quicpro/internal/actor"
	"quicpro/wire"
)

// Stream is one stream's address: what conn, the stream room and h3 share of it. Each field has one writer.
type Stream struct {
	ID       wire.StreamID
	FromConn actor.Port[ToStream] // conn's edge: one Deliver, one wake, one Stop
	FromH3   actor.Port[ToStream] // h3's edge: one Write, one wake

	Down actor.Pair[Deliver] // conn -> stream
	Up   actor.Single[Push]  // stream -> conn
	In   actor.Single[Read]  // stream -> h3
	Out  actor.Pair[Write]   // h3 -> stream

	Owner   any // the engine's: the room
	ConnRow any // conn's own record of the stream
	H3Row   any // h3's own record of the stream

	Freed StreamWake // sent by the stream to conn or h3: you wanted to deliver, or to write, more
}

// NewStream makes a stream's address, with every record pointing back to it. The two ports are the spawner's to set.
func NewStream(id wire.StreamID) *Stream {
	return NewStreamIn(&Stream{}, id)
}

// NewStreamIn is NewStream in the memory of a stream that has left, and that conn and h3 have forgotten. Of the old
// records their lists' memory remains.
func NewStreamIn(s *Stream, id wire.StreamID) *Stream {
	s.ID, s.ConnRow, s.H3Row = id, nil, nil
	s.Down.Renew()
	s.Up.Renew()
	s.In.Renew()
	s.Out.Renew()
	s.Freed.Stream = s
	d1, d2 := s.Down.Both()
	w1, w2 := s.Out.Both()
	up, in := s.Up.Record(), s.In.Record()
	up.Stream, in.Stream = s, s
	for _, m := range [...]interface{ Reset() }{d1, d2, w1, w2, up, in} {
		m.Reset()
	}
	return s
}
