package h3

import (
	"strings"

	"quicpro/actors/port"
	"quicpro/actors/qpack"
	"quicpro/internal/actor"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// send takes the next part of a message of ours.
func (r *Router) send(m *port.Send) {
	q, _ := m.Exchange.Row.(*request)
	if q == nil {
		m.Release()
		return
	}
	if q.lastSent {
		m.Release()
	} else {
		q.order, q.chunk, q.unheard = m, 0, m.HandlerDone
	}
	if m.HandlerDone {
		r.handled(q, 0)
	}
	if q.stream != nil {
		r.touch(&q.lane)
	}
}

// pump writes as much of the app's Send as the stream takes, and answers it when that is all.
func (r *Router) pump(q *request) {
	m := q.order
	if m == nil || q.room <= 0 {
		return
	}
	if m.Head != nil {
		if !r.writeHead(q, m) {
			return
		}
		m.Head = nil
	}
	for ; q.chunk < len(m.Chunks); q.chunk++ {
		if q.room <= 0 {
			return
		}
		r.writeData(q, m.Chunks[q.chunk])
		m.Chunks[q.chunk] = nil
	}
	// RFC 9114 s4.1: the trailer section is optional. One without a line is not sent: lsquic and Chromium take a HEADERS
	// frame with an empty section for an error.
	if len(m.Trailers) > 0 {
		if !r.writeFields(q, m.Trailers) {
			return
		}
		m.Trailers = nil
	}
	m.Chunks = m.Chunks[:0]
	if m.Home != nil {
		m.Home.Release()
		m.Home = nil
	}
	q.order = nil
	if !m.Fin {
		q.x.Writes.Send(&r.sent)
		return
	}
	r.finish(q)
}

// finish ends our half: the message is complete.
func (r *Router) finish(q *request) {
	q.outOver = true
	// A server's stream must not end before the handler has returned; a client has nothing to wait for.
	q.fin(r.cfg.Role == wire.Client)
	r.endWriting(q, nil)
}

// writeHead writes the head of a Send, in front of its first body bytes if there is room: then a small message is one
// chunk, and one STREAM frame. It reports what writeFields does.
func (r *Router) writeHead(q *request, m *port.Send) bool {
	if len(m.Chunks) == 0 || len(m.Chunks[0].B) == 0 || !r.acceptable(m.Head) {
		return r.writeFields(q, m.Head)
	}
	c := m.Chunks[0]
	if c.Free() < 2*h3wire.MaxFrameHeader+qpack.MaxLen(m.Head) {
		return r.writeFields(q, m.Head)
	}
	var space [h3wire.MaxFrameHeader]byte
	body := uint64(len(c.B))
	c.Prepend(h3wire.AppendFrameHeader(space[:0], h3wire.FrameData, body))
	r.section = qpack.Encode(r.section[:0], m.Head)
	c.Prepend(r.section)
	c.Prepend(h3wire.AppendFrameHeader(space[:0], h3wire.FrameHeaders, uint64(len(r.section))))
	q.write(c)
	m.Chunks[0] = nil
	q.chunk = 1
	r.traceSent(q, h3wire.FrameHeaders, uint64(len(r.section)), m.Head)
	r.traceSent(q, h3wire.FrameData, body, nil)
	return true
}

// writeData writes a DATA frame, whose header goes into the chunk's headroom.
func (r *Router) writeData(q *request, c *actor.Chunk) {
	length := uint64(len(c.B))
	if length == 0 {
		c.Release()
		return
	}
	var space [h3wire.MaxFrameHeader]byte
	header := h3wire.AppendFrameHeader(space[:0], h3wire.FrameData, length)
	if c.Free() < len(header) {
		h := r.cfg.Chunks.Get(len(header))
		h.B = append(h.B, header...)
		q.write(h)
	} else {
		c.Prepend(header)
	}
	q.write(c)
	r.traceSent(q, h3wire.FrameData, length, nil)
}

// writeFields writes a HEADERS frame. It reports false, and has ended our half, if the peer has said that it takes no
// section of this size.
func (r *Router) writeFields(q *request, fields []port.Field) bool {
	if !r.acceptable(fields) {
		r.stopWriting(q, uint64(h3wire.CodeInternalError), r.tooLarge(fields))
		return false
	}
	bound := qpack.MaxLen(fields)
	if bound+h3wire.MaxFrameHeader > actor.ChunkHuge {
		r.writeLongFields(q, qpack.Encode(make([]byte, 0, bound), fields))
		return true
	}
	if bound > actor.HeadHeadroom {
		r.writeSection(q, qpack.Encode(make([]byte, 0, bound), fields), fields)
		return true
	}
	r.section = qpack.Encode(r.section[:0], fields)
	r.writeSection(q, r.section, fields)
	return true
}

// writeSection writes a HEADERS frame that fits a chunk. Ten thousand requests may wait for their turn to leave, so it holds no
// more than it needs.
func (r *Router) writeSection(q *request, section []byte, fields []port.Field) {
	var space [h3wire.MaxFrameHeader]byte
	length := uint64(len(section))
	header := h3wire.AppendFrameHeader(space[:0], h3wire.FrameHeaders, length)
	c := r.cfg.Chunks.GetFor(len(header) + len(section))
	c.B = append(append(c.B, header...), section...)
	q.write(c)
	r.traceSent(q, h3wire.FrameHeaders, length, fields)
}

// writeLongFields writes a HEADERS frame over several chunks.
func (r *Router) writeLongFields(q *request, section []byte) {
	c := r.cfg.Chunks.Get(actor.ChunkHuge)
	c.B = h3wire.AppendFrameHeader(c.B, h3wire.FrameHeaders, uint64(len(section)))
	for {
		n := min(len(section), cap(c.B)-len(c.B))
		c.B = append(c.B, section[:n]...)
		q.write(c)
		if section = section[n:]; len(section) == 0 {
			return
		}
		c = r.cfg.Chunks.Get(len(section))
	}
}

// acceptable reports whether the peer takes a field section of this size. RFC 9114 s4.2.2: SHOULD NOT send a larger one.
func (r *Router) acceptable(fields []port.Field) bool {
	limit := r.control.settings.MaxFieldSectionSize
	return limit == h3wire.Unlimited || qpack.Size(fields) <= limit
}

func (r *Router) tooLarge(fields []port.Field) error {
	return &port.StreamError{Code: uint64(h3wire.CodeInternalError), Err: &port.FieldsTooLarge{
		Size: qpack.Size(fields), Limit: r.control.settings.MaxFieldSectionSize, Sent: true,
		Request: r.cfg.Role == wire.Client, Trailers: !strings.HasPrefix(fields[0].Name, ":"),
	}}
}

func (r *Router) traceSent(q *request, t h3wire.FrameType, length uint64, fields []port.Field) {
	if r.cfg.Trace != nil {
		r.cfg.Trace.H3Frame(r.now, true, q.stream.ID, uint64(t), length, fields)
	}
}
