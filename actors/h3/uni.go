package h3

import (
	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// uniKind is what a unidirectional stream is for.
type uniKind uint8

const (
	unknownType uniKind = iota // the peer's, whose type has not come yet
	ignored                    // the peer's, of a type that we do not know
	theirControl
	theirEncoder
	theirDecoder
	ownCritical
	ownGrease
)

// uni is the row of a unidirectional stream.
type uni struct {
	lane
	kind  uniKind
	typ   h3wire.VarintReader
	part  []byte // of a QPACK instruction; at most maxInstruction bytes
	over  bool   // nothing more is read, or written: it ended, or was stopped
	index int
}

// maxInstruction is the longest QPACK instruction that is not refused by its first byte: one prefix integer.
const maxInstruction = 1 + 9

func (r *Router) newUni(s *port.Stream, kind uniKind) *uni {
	u := &uni{kind: kind, index: len(r.unis)}
	u.lane.uni, u.stream, s.H3Row = u, s, u
	r.unis = append(r.unis, u)
	r.touch(&u.lane)
	return u
}

func (r *Router) forgetUni(u *uni) {
	last := len(r.unis) - 1
	r.unis[u.index] = r.unis[last]
	r.unis[u.index].index = u.index
	r.unis[last] = nil
	r.unis = r.unis[:last]
}

func (u *uni) critical() bool { return u.kind >= theirControl && u.kind <= ownCritical }

// readUni takes what a unidirectional stream has to say.
func (r *Router) readUni(u *uni, m *port.Read) {
	r.touch(&u.lane)
	for i := range m.Pieces {
		p := m.Pieces[i]
		if !u.over && !r.ordered {
			if f := r.readBytes(u, p.B); f != nil {
				r.fail(f)
			}
		}
		u.take(len(p.B))
		p.Chunk.Release()
	}
	if u.critical() && !r.ordered && (m.Fin || m.HasReset || m.HasStop) {
		// RFC 9114 s6.2.1, RFC 9204 s4.2: neither side may close or stop one.
		r.fail(connFault(h3wire.CodeClosedCriticalStream, "a critical stream was closed"))
	}
	// RFC 9114 s6.2: any other may end at any time, before its type too.
	u.over = u.over || m.Fin || m.HasReset
}

// readBytes reads on; the type comes first.
func (r *Router) readBytes(u *uni, b []byte) *fault {
	if u.kind == unknownType {
		n, done := u.typ.Feed(b)
		if !done {
			return nil
		}
		b = b[n:]
		if f := r.typed(u, h3wire.StreamType(u.typ.Value())); f != nil {
			return f
		}
	}
	switch u.kind {
	case theirControl:
		return r.readControl(b)
	case theirEncoder:
		return u.instructions(b, encoderInstruction)
	case theirDecoder:
		return u.instructions(b, decoderInstruction)
	}
	return nil
}

// typed says what a stream of the peer is for.
func (r *Router) typed(u *uni, t h3wire.StreamType) *fault {
	switch t {
	case h3wire.StreamControl:
		u.kind = theirControl
	case h3wire.StreamQPACKEncoder:
		u.kind = theirEncoder
	case h3wire.StreamQPACKDecoder:
		u.kind = theirDecoder
	case h3wire.StreamPush:
		if r.cfg.Role == wire.Server {
			// RFC 9114 s6.2.2: only servers can push.
			return connFault(h3wire.CodeStreamCreationError, "push stream from a client")
		}
		// RFC 9114 s4.6: a push ID beyond MAX_PUSH_ID, which we never sent.
		return connFault(h3wire.CodeIDError, "push stream without MAX_PUSH_ID")
	default:
		// RFC 9114 s6.2: an unknown type is no connection error; its bytes are not wanted.
		u.kind, u.over = ignored, true
		u.stop(uint64(h3wire.CodeStreamCreationError))
		return nil
	}
	seen := &r.control.seen[u.kind-theirControl]
	if *seen {
		// RFC 9114 s6.2.1, RFC 9204 s4.2: only one of each.
		return connFault(h3wire.CodeStreamCreationError, "a second critical stream of one type")
	}
	*seen = true
	if u.kind == theirControl {
		r.control.theirs = u.stream.ID
	}
	return nil
}

// instructions judges the instructions of a QPACK stream, one after the other. one returns the size of the first, 0 if
// it is not complete.
func (u *uni) instructions(b []byte, one func(b []byte) (n int, err error)) *fault {
	if len(u.part) > 0 {
		// An instruction that began in an earlier piece: look at as much as can matter.
		had := len(u.part)
		u.part = append(u.part, b[:min(len(b), maxInstruction)]...)
		n, err := one(u.part)
		if err != nil {
			return asFault(err)
		}
		if n == 0 {
			return nil
		}
		b, u.part = b[n-had:], u.part[:0]
	}
	for len(b) > 0 {
		n, err := one(b)
		if err != nil {
			return asFault(err)
		}
		if n == 0 {
			u.part = append(u.part, b...)
			return nil
		}
		b = b[n:]
	}
	return nil
}

// encoderInstruction judges an instruction of the peer's encoder. Our table has capacity 0, so that nothing can be
// inserted or duplicated (RFC 9204 s3.2.2), and no other capacity be set (s4.3.1).
func encoderInstruction(b []byte) (n int, err error) {
	if b[0]&0xe0 != 0x20 {
		return 0, &h3wire.Error{Code: h3wire.CodeQPACKEncoderStreamError, Reason: "insertion into a table of capacity 0"}
	}
	in, n, err := qpackwire.ConsumeEncoderInstruction(b, 0)
	if err == nil && n > 0 && in.Index != 0 {
		err = &h3wire.Error{Code: h3wire.CodeQPACKEncoderStreamError, Reason: "table capacity over the limit of 0"}
	}
	return n, err
}

// decoderInstruction judges an instruction of the peer's decoder. We insert nothing and refer to nothing, so that there
// is nothing to acknowledge (RFC 9204 s4.4.1, s4.4.3); a cancellation is harmless.
func decoderInstruction(b []byte) (n int, err error) {
	in, n, err := qpackwire.ConsumeDecoderInstruction(b)
	if err == nil && n > 0 && in.Kind != qpackwire.StreamCancellation {
		err = &h3wire.Error{Code: h3wire.CodeQPACKDecoderStreamError, Reason: "acknowledgment of what was never inserted"}
	}
	return n, err
}
