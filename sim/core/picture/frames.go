package picture

import (
	"fmt"
	"strconv"
	"time"

	"quicpro/wire"
)

// read turns a packet's frames into text, and learns from them: connection IDs, and how far streams are.
func (s *side) read(p *packet, b []byte, sent bool) {
	var text []byte
	p.class = ackClass
	for len(b) > 0 {
		f := &s.frame
		n, err := wire.NextFrame(b, f)
		if err != nil {
			text = append(text, "\nmalformed"...)
			break
		}
		b = b[n:]
		s.learn(p, f, sent)
		if sent {
			text = appendFrame(append(text, '\n'), f)
		}
	}
	if len(text) > 0 {
		p.text = string(text[1:])
	}
}

// learn notes what a frame says.
func (s *side) learn(p *packet, f *wire.Frame, sent bool) {
	switch f.Type {
	case wire.TypePadding, wire.TypeAck, wire.TypeAckECN:
		return
	case wire.TypeConnectionClose, wire.TypeConnectionCloseApp:
		p.class = closeClass
		return
	case wire.TypeNewConnectionID:
		s.r.byID[string(f.NewConnectionID.ID.Bytes())] = s.c
	case wire.TypeStream:
		side := &s.received
		if sent {
			side = &s.sent
		}
		side.add(s.r.o.Now(), f.Stream.ID, f.Stream.Offset, len(f.Stream.Data), f.Stream.Fin)
		if p.class == ackClass || p.class == controlClass {
			p.class = dataClass
		}
		return
	}
	if p.class == ackClass {
		p.class = controlClass
	}
}

// maxRanges is how many ranges of an ACK are written out.
const maxRanges = 6

// appendFrame writes a frame for humans.
func appendFrame(b []byte, f *wire.Frame) []byte {
	name := f.Type.String()
	switch f.Type {
	case wire.TypePadding:
		return fmt.Appendf(b, "%s %d", name, f.Padding.Count)
	case wire.TypeAck, wire.TypeAckECN:
		return appendAck(append(b, name...), &f.Ack)
	case wire.TypeResetStream:
		return fmt.Appendf(b, "%s %d code %#x final size %d", name, f.ResetStream.ID, f.ResetStream.Code, f.ResetStream.FinalSize)
	case wire.TypeStopSending:
		return fmt.Appendf(b, "%s %d code %#x", name, f.StopSending.ID, f.StopSending.Code)
	case wire.TypeCrypto:
		return fmt.Appendf(b, "%s %d+%d", name, f.Crypto.Offset, len(f.Crypto.Data))
	case wire.TypeStream:
		b = fmt.Appendf(b, "%s %d: %d+%d", name, f.Stream.ID, f.Stream.Offset, len(f.Stream.Data))
		if f.Stream.Fin {
			b = append(b, " FIN"...)
		}
		return b
	case wire.TypeMaxData:
		return fmt.Appendf(b, "%s %d", name, f.MaxData.Max)
	case wire.TypeMaxStreamData:
		return fmt.Appendf(b, "%s %d: %d", name, f.MaxStreamData.ID, f.MaxStreamData.Max)
	case wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni:
		return fmt.Appendf(b, "%s %d", name, f.MaxStreams.Max)
	case wire.TypeDataBlocked:
		return fmt.Appendf(b, "%s at %d", name, f.DataBlocked.Limit)
	case wire.TypeStreamDataBlocked:
		return fmt.Appendf(b, "%s %d: at %d", name, f.StreamDataBlocked.ID, f.StreamDataBlocked.Limit)
	case wire.TypeStreamsBlockedBidi, wire.TypeStreamsBlockedUni:
		return fmt.Appendf(b, "%s at %d", name, f.StreamsBlocked.Limit)
	case wire.TypeNewConnectionID:
		return fmt.Appendf(b, "%s #%d %s", name, f.NewConnectionID.Seq, f.NewConnectionID.ID)
	case wire.TypeRetireConnectionID:
		return fmt.Appendf(b, "%s #%d", name, f.RetireConnectionID.Seq)
	case wire.TypePathChallenge:
		return fmt.Appendf(b, "%s %x", name, f.PathChallenge.Data)
	case wire.TypePathResponse:
		return fmt.Appendf(b, "%s %x", name, f.PathResponse.Data)
	case wire.TypeConnectionClose, wire.TypeConnectionCloseApp:
		return fmt.Appendf(b, "%s %#x %q", name, f.ConnectionClose.Code, f.ConnectionClose.Reason)
	}
	return append(b, name...)
}

func appendAck(b []byte, a *wire.Ack) []byte {
	ranges := a.Ranges()
	for i := range a.Count {
		r, ok := ranges.Next()
		if !ok {
			break
		}
		if i == maxRanges {
			return fmt.Appendf(b, " and %d ranges", a.Count-i)
		}
		b = strconv.AppendInt(append(b, ' '), int64(r.Lo), 10)
		if r.Hi > r.Lo {
			b = strconv.AppendInt(append(b, '-'), int64(r.Hi), 10)
		}
	}
	if a.HasECN {
		b = fmt.Appendf(b, " CE %d", a.ECN.CE)
	}
	return b
}

// flows is how far one direction of a connection's streams is.
type flows struct{ list []*flow }

// flow is how far one stream is: the highest offset where it is sent, and where it is received the end of what is whole.
type flow struct {
	stream wire.StreamID
	points []point
	again  []span // sent again
	end    wire.Offset
	whole  wire.Offset
	ranges []wire.Offset // beyond whole: pairs
	fin    time.Duration
}

type point struct {
	at     time.Duration
	offset wire.Offset // highest
	whole  wire.Offset // up to which nothing is missing
}

type span struct {
	at     time.Duration
	offset wire.Offset
	size   int
}

func (fs *flows) of(id wire.StreamID) *flow {
	for i := len(fs.list) - 1; i >= 0; i-- {
		if fs.list[i].stream == id {
			return fs.list[i]
		}
	}
	f := &flow{stream: id}
	fs.list = append(fs.list, f)
	return f
}

// add notes stream data that was sent or received.
func (fs *flows) add(at time.Duration, id wire.StreamID, offset wire.Offset, size int, fin bool) {
	f := fs.of(id)
	end := offset + wire.Offset(size)
	if size > 0 && offset < f.end && len(f.again) < maxPoints {
		f.again = append(f.again, span{at, offset, size})
	}
	f.end = max(f.end, end)
	f.fill(offset, end)
	if fin {
		f.fin = at
	}
	p := point{at, f.end, f.whole}
	switch last := len(f.points) - 1; {
	case last >= 0 && f.points[last].at == at:
		f.points[last] = p
	case last >= 0 && f.points[last].offset == p.offset && f.points[last].whole == p.whole:
	case last < maxPoints:
		f.points = append(f.points, p)
	}
}

// fill moves whole on.
func (f *flow) fill(lo, hi wire.Offset) {
	if lo <= f.whole {
		f.whole = max(f.whole, hi)
	} else {
		i := 0
		for i < len(f.ranges) && f.ranges[i] < lo {
			i += 2
		}
		f.ranges = append(f.ranges[:i:i], append([]wire.Offset{lo, hi}, f.ranges[i:]...)...)
	}
	for len(f.ranges) > 0 && f.ranges[0] <= f.whole {
		f.whole = max(f.whole, f.ranges[1])
		f.ranges = f.ranges[2:]
	}
}
