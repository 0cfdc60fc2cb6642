package h3

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// control is what concerns the whole connection: our critical streams and the peer's.
type control struct {
	creditTaken port.CreditTaken
	ours        *uni // our control stream; nil until it is open
	critical    int  // how many of our critical streams are open
	greased     bool // whether a reserved stream was opened, or will not be
	ready       bool // the app was told

	settings  h3wire.Settings // the peer's
	heard     bool            // its SETTINGS have come
	frames    h3wire.FrameReader
	payload   []byte // of a frame that came in parts
	maxPushID uint64 // the client's, plus one; 0: none

	seen   [3]bool // the peer's critical streams: control, encoder, decoder
	theirs wire.StreamID
}

// connected begins the life of HTTP/3. How many streams may be opened conn says: no more than the peer allows, and than
// there are rooms for.
func (r *Router) connected(m *port.Connected) { r.opening.peer = m }

// ourCritical are the streams that we open, in this order (RFC 9114 s6.2.1). Without a dynamic table QPACK's two have nothing
// to say, and RFC 9204 s4.2 lets an endpoint do without them: a stream that is never used costs each side 4 KiB.
var ourCritical = [...]h3wire.StreamType{h3wire.StreamControl}

// openCritical opens our unidirectional streams, as credit permits.
func (r *Router) openCritical() {
	c, o := &r.control, &r.opening
	if o.peer == nil || r.ordered {
		return
	}
	for c.critical < len(ourCritical) && o.opened.Uni < o.credit.Uni {
		u := r.openUni(ownCritical, ourCritical[c.critical])
		if u == nil {
			return
		}
		if c.critical == 0 {
			c.ours = u
			r.writeSettings(u)
		}
		c.critical++
	}
	if c.critical == len(ourCritical) && !c.greased && o.opened.Uni < o.credit.Uni {
		c.greased = true
		r.openGrease()
	}
}

// openUni opens a stream of ours and writes its type.
func (r *Router) openUni(kind uniKind, t h3wire.StreamType) *uni {
	s := r.spawn(true)
	if s == nil {
		return nil
	}
	u := r.newUni(s, kind)
	u.over = true // nothing is read from it
	u.room = r.cfg.Limits.UnsentBytes
	w := s.Out.Filling()
	if kind == ownCritical {
		w.Urgency, w.Reorder = 0, true // before any request
	}
	c := r.cfg.Chunks.Get(actor.ChunkSmall)
	c.B = wire.AppendVarint(c.B, uint64(t))
	u.write(c)
	return u
}

// writeSettings begins the control stream.
func (r *Router) writeSettings(u *uni) {
	settings := h3wire.DefaultSettings()
	settings.MaxFieldSectionSize = uint64(r.cfg.MaxFieldSection)
	// RFC 9114 s7.2.4.1, s7.2.8: reserved settings and frames SHOULD be sent, so that peers ignore what they do not know.
	grease := h3wire.Setting{ID: h3wire.SettingID(h3wire.Grease(r.grease())), Value: r.grease() & 0xffff}
	c := r.cfg.Chunks.Get(actor.ChunkSmall)
	c.B = h3wire.AppendSettings(c.B, settings, grease)
	r.traceControl(u, c.B)
	c.B = r.appendGrease(h3wire.AppendFrameHeader(c.B, h3wire.FrameType(h3wire.Grease(r.grease())), greaseBytes))
	u.write(c)
}

const (
	greaseBytes  = 5
	greaseOneIn  = 4 // connections open a reserved stream
	greaseTypes  = 1 << 20
	greaseSource = "h3 grease"
)

// openGrease opens and ends a reserved stream, now and then (RFC 9114 s6.2.3).
func (r *Router) openGrease() {
	if r.cfg.Random.Uint64(greaseSource)%greaseOneIn != 0 {
		return
	}
	u := r.openUni(ownGrease, h3wire.StreamType(h3wire.Grease(r.grease())))
	if u == nil {
		return
	}
	c := r.cfg.Chunks.Get(greaseBytes)
	c.B = r.appendGrease(c.B)
	u.write(c)
	u.fin(false)
}

// grease is a random number for h3wire.Grease, small enough to keep what is written short.
func (r *Router) grease() uint64 { return r.cfg.Random.Uint64(greaseSource) % greaseTypes }

func (r *Router) appendGrease(b []byte) []byte {
	n := len(b)
	b = append(b, make([]byte, greaseBytes)...)
	r.cfg.Random.Bytes(greaseSource, b[n:])
	return b
}

// tellReady tells the app, once, that requests may flow: SETTINGS are out.
func (r *Router) tellReady() {
	if r.control.ready || r.control.ours == nil {
		return
	}
	r.control.ready = true
	r.cfg.Tasks.Ready(r.opening.peer)
}

// readControl parses the peer's control stream (RFC 9114 s6.2.1).
func (r *Router) readControl(b []byte) *fault {
	c := &r.control
	for {
		span, n, ok := c.frames.Next(b)
		if !ok {
			return nil
		}
		b = b[n:]
		if span.Start {
			if f := r.admitControl(span.FrameHeader); f != nil {
				return f
			}
		}
		if !wanted(span.Type) {
			continue
		}
		payload := span.Payload
		if !span.Start || !span.End {
			c.payload = append(c.payload, payload...)
			payload = c.payload
		}
		if !span.End {
			continue
		}
		f := r.controlFrame(span.Type, payload)
		c.payload = c.payload[:0]
		if f != nil {
			return f
		}
	}
}

// wanted reports whether a frame of the control stream has a meaning for us. The others are skipped unread (RFC 9114
// s9), and so is PRIORITY_UPDATE: a server may ignore it (RFC 9218 s7).
func wanted(t h3wire.FrameType) bool {
	switch t {
	case h3wire.FrameSettings, h3wire.FrameGoaway, h3wire.FrameCancelPush, h3wire.FrameMaxPushID:
		return true
	}
	return false
}

// admitControl judges a frame of the control stream by its header.
func (r *Router) admitControl(h h3wire.FrameHeader) *fault {
	c := &r.control
	if !c.heard && h.Type != h3wire.FrameSettings {
		return connFault(h3wire.CodeMissingSettings, "the control stream begins with "+h.Type.String())
	}
	sender := h3wire.Server
	if r.cfg.Role == wire.Server {
		sender = h3wire.Client
	}
	if err := h3wire.CheckFrame(h.Type, h3wire.ControlStream, sender); err != nil {
		return asFault(err)
	}
	switch h.Type {
	case h3wire.FrameSettings:
		if c.heard {
			// RFC 9114 s7.2.4: MUST NOT be sent subsequently.
			return connFault(h3wire.CodeFrameUnexpected, "SETTINGS twice")
		}
		if h.Length > uint64(min(r.cfg.Limits.ControlFrame, h3wire.MaxSettingsPayload)) {
			return connFault(h3wire.CodeExcessiveLoad, "SETTINGS too large")
		}
		c.heard = true
	case h3wire.FrameGoaway, h3wire.FrameCancelPush, h3wire.FrameMaxPushID:
		if h.Length > h3wire.MaxIDPayload {
			return connFault(h3wire.CodeFrameError, h.Type.String()+" too long")
		}
	}
	return nil
}

// controlFrame acts on a whole frame.
func (r *Router) controlFrame(t h3wire.FrameType, payload []byte) *fault {
	if r.cfg.Trace != nil {
		r.cfg.Trace.H3Frame(r.now, false, r.control.theirs, uint64(t), uint64(len(payload)), nil)
	}
	switch t {
	case h3wire.FrameSettings:
		settings, err := h3wire.ParseSettings(payload)
		if err != nil {
			return asFault(err)
		}
		r.control.settings = settings
		return nil
	case h3wire.FrameGoaway:
		return r.goaway(payload)
	}
	id, err := h3wire.ParseID(payload)
	if err != nil {
		return asFault(err)
	}
	if t == h3wire.FrameCancelPush {
		// RFC 9114 s7.2.3: a push ID that was never allowed, or never promised.
		return connFault(h3wire.CodeIDError, "CANCEL_PUSH of a push that does not exist")
	}
	if id+1 < r.control.maxPushID {
		// RFC 9114 s7.2.7: it MUST NOT be reduced.
		return connFault(h3wire.CodeIDError, "MAX_PUSH_ID reduced")
	}
	r.control.maxPushID = id + 1
	return nil
}

// traceControl reports a frame of ours on the control stream.
func (r *Router) traceControl(u *uni, frame []byte) {
	if r.cfg.Trace != nil {
		h, _ := h3wire.ConsumeFrameHeader(frame)
		r.cfg.Trace.H3Frame(r.now, true, u.stream.ID, uint64(h.Type), h.Length, nil)
	}
}
