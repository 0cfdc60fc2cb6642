package oracle

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// h3 is what is known of HTTP/3: the control streams, read and written.
type h3 struct {
	lanes [2]lane
	text  control
}

// lane is one direction of the control frames.
type lane struct {
	known    bool
	id       wire.StreamID
	settings bool
}

// message is how far a message on a request stream is.
type message uint8

const (
	beforeHead message = iota
	afterHead          // a response may have more heads: 1xx
	inBody
	afterTrailers
)

// control reads the control stream that a side writes, out of its STREAM frames: a GOAWAY's identifier is in no event.
type control struct {
	next   wire.Offset // bytes below were read
	blind  bool        // bytes are missing, or it makes no sense
	typed  bool        // the stream type was read
	begun  bool        // a frame was read
	b      []byte      // what is not a whole frame yet
	skip   uint64      // bytes of a frame that is of no interest
	goaway uint64      // the last identifier
	gone   bool        // there was one
}

// maxControlFrame is the longest frame that is looked at.
const maxControlFrame = 1 << 10

// H3Frame implements port.Trace.
func (s *Side) H3Frame(now mono.Time, sent bool, id wire.StreamID, frameType, length uint64, fields []port.Field) {
	s.last = max(s.last, now)
	t, kind, sender, dir := h3wire.FrameType(frameType), h3wire.RequestStream, s.role.Peer(), 0
	if sent {
		sender, dir = s.role, 1
	}
	if id.IsUni() {
		kind = h3wire.ControlStream
	}
	s.stats.h3(t, sent)
	if err := h3wire.CheckFrame(t, kind, h3wire.Role(sender)); err != nil {
		s.violate(now, H3Frame, "%s on stream %d: %v", wayName(sent), id, err)
		return
	}
	if kind == h3wire.RequestStream {
		s.requestFrame(now, id, t, dir, fields)
		return
	}
	l := &s.h3.lanes[dir]
	switch {
	case id.Initiator() != sender:
		s.violate(now, H3Control, "%v on stream %d of the other side", t, id)
	case l.known && l.id != id:
		s.violate(now, H3Control, "%v on stream %d, the control stream is %d", t, id, l.id)
	case l.settings == (t == h3wire.FrameSettings):
		s.violate(now, H3Settings, "%s %v on control stream %d, SETTINGS before it: %v", wayName(sent), t, id, l.settings)
	}
	if !l.known {
		l.known, l.id = true, id
	}
	l.settings = true
}

func wayName(sent bool) string {
	if sent {
		return "sent"
	}
	return "accepted"
}

// requestFrame judges a frame on a request stream.
func (s *Side) requestFrame(now mono.Time, id wire.StreamID, t h3wire.FrameType, dir int, fields []port.Field) {
	if id.Initiator() != wire.Client {
		s.violate(now, H3Frame, "%v on stream %d, a bidirectional stream of the server", t, id)
		return
	}
	m := &s.streams.get(id).message[dir]
	switch {
	case t == h3wire.FrameData && (*m == afterHead || *m == inBody):
		*m = inBody
	case t == h3wire.FrameData:
		s.violate(now, H3Order, "DATA on stream %d before HEADERS or after trailers", id)
	case t != h3wire.FrameHeaders:
	case *m == afterTrailers:
		s.violate(now, H3Order, "HEADERS on stream %d after trailers", id)
	case *m == beforeHead || *m == afterHead && len(fields) > 0 && fields[0].Name == ":status":
		*m = afterHead
	default:
		*m = afterTrailers
	}
}

// controlSent reads what this side writes on its control stream.
func (s *Side) controlSent(now mono.Time, f *wire.Stream) {
	c := &s.h3.text
	if c.blind || f.Offset > c.next {
		c.blind = true
		return
	}
	fresh := f.Data[c.next-f.Offset:]
	c.next += wire.Offset(len(fresh))
	n := min(uint64(len(fresh)), c.skip)
	c.skip -= n
	c.b = append(c.b, fresh[n:]...)
	if !c.typed {
		t, n := wire.ConsumeVarint(c.b)
		if n == 0 {
			return
		}
		c.typed, c.b = true, c.b[n:]
		c.blind = h3wire.StreamType(t) != h3wire.StreamControl
	}
	for !c.blind {
		h, n := h3wire.ConsumeFrameHeader(c.b)
		if n == 0 {
			return
		}
		rest := c.b[n:]
		if h.Length <= maxControlFrame && uint64(len(rest)) < h.Length {
			return
		}
		used := min(h.Length, uint64(len(rest)))
		s.controlFrame(now, h, rest[:used])
		c.skip = h.Length - used
		c.b = append(c.b[:0], rest[used:]...)
	}
}

// controlFrame judges a frame that this side wrote on its control stream.
func (s *Side) controlFrame(now mono.Time, h h3wire.FrameHeader, payload []byte) {
	c := &s.h3.text
	if c.begun == (h.Type == h3wire.FrameSettings) {
		s.violate(now, H3Settings, "wrote %v at %d of its control stream", h.Type, c.next)
	}
	c.begun = true
	if h.Type != h3wire.FrameGoaway {
		return
	}
	id, n := wire.ConsumeVarint(payload)
	switch {
	case n == 0 || n != len(payload):
		s.violate(now, H3Goaway, "GOAWAY of %d bytes", len(payload))
		return
	case c.gone && id > c.goaway:
		s.violate(now, H3Goaway, "GOAWAY %d after %d", id, c.goaway)
	case s.role == wire.Server && wire.StreamID(id)&3 != 0:
		s.violate(now, H3Goaway, "GOAWAY %d, which is no request's stream", id)
	}
	c.gone, c.goaway = true, id
}
