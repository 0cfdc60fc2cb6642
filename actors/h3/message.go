package h3

import (
	"errors"

	"quicpro/actors/port"
	"quicpro/actors/qpack"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// fault is a violation found in a peer's stream: it ends the stream, or the connection.
type fault struct {
	conn   bool
	code   h3wire.ErrorCode
	reason string

	large *port.FieldsTooLarge // the reason, if that is it
	blind bool                 // and the answer must have no content: the method is HEAD, or was not seen
}

func streamFault(code h3wire.ErrorCode, reason string) *fault {
	return &fault{code: code, reason: reason}
}
func connFault(code h3wire.ErrorCode, reason string) *fault {
	return &fault{conn: true, code: code, reason: reason}
}

// malformed is RFC 9114 s4.1.2's answer.
func malformed(reason string) *fault { return streamFault(h3wire.CodeMessageError, reason) }

// asFault makes a codec's error one that ends the connection.
func asFault(err error) *fault {
	var e *h3wire.Error
	if errors.As(err, &e) {
		return connFault(e.Code, e.Reason)
	}
	return connFault(h3wire.CodeInternalError, err.Error())
}

// phase is how far an incoming message is.
type phase uint8

const (
	awaitHead phase = iota
	inBody
	afterTrailers
)

// maxInformational is how many interim responses a request may get. Beyond, the peer does not mean well: each costs us
// memory that no window pays for.
const maxInformational = 32

// inbound parses the frames of one message on a request stream (RFC 9114 s4.1), whatever pieces they come in. It keeps
// a HEADERS frame that came in parts and no body.
type inbound struct {
	frames  h3wire.FrameReader
	decoder *qpack.Decoder // scratch, shared by all messages of a router
	section []byte         // of a HEADERS frame so far
	limit   int            // of a decoded section

	sender   h3wire.Role // of the message
	phase    phase
	head     bool // the request was HEAD: no body comes
	connect  bool // the request was CONNECT
	bodyless bool // the response has no content by definition
	tunnel   bool // only DATA frames may follow
	interim  uint8
	declared int64
	received uint64 // bytes of DATA frames begun
}

// eventKind says what an event is.
type eventKind uint8

const (
	needMore   eventKind = iota // the piece is used up
	skipped                     // bytes without meaning for the app
	gotHead                     // fields; of a request, an interim response or the final one
	gotBody                     // body bytes
	gotTrailer                  // fields
)

// event is the next thing in a message.
type event struct {
	kind   eventKind
	fields []port.Field
	body   []byte // aliases the piece
	length int64  // with the final head: the declared Content-Length
	final  bool   // the head is the last one

	began bool // a frame began with this event, or its payload is complete: for the trace
	frame h3wire.FrameHeader
}

// next takes the next event from the front of a piece; n is how many bytes it took. Call it with the rest until it
// needs more.
func (m *inbound) next(b []byte) (e event, n int, f *fault) {
	span, n, ok := m.frames.Next(b)
	if !ok {
		return event{}, n, nil
	}
	e = event{kind: skipped, frame: span.FrameHeader, began: span.Start && span.Type != h3wire.FrameHeaders}
	if span.Start {
		if f = m.admit(&span); f != nil {
			return e, n, f
		}
	}
	switch {
	case span.Type == h3wire.FrameData && len(span.Payload) > 0:
		e.kind, e.body = gotBody, span.Payload
	case span.Type == h3wire.FrameHeaders:
		f = m.headers(&e, &span)
	}
	return e, n, f
}

// end judges a message at the end of its stream.
func (m *inbound) end() *fault {
	switch {
	case m.frames.MidFrame():
		// RFC 9114 s7.1: a frame that ends with its stream is a connection error.
		return connFault(h3wire.CodeFrameError, "the stream ends within a frame")
	case m.phase == awaitHead && m.sender == h3wire.Client:
		// RFC 9114 s4.1: not enough of the message for a response.
		return streamFault(h3wire.CodeRequestIncomplete, "the stream ends before the request's head")
	case m.phase == awaitHead:
		return malformed("the stream ends before the response's head")
	case m.short():
		return malformed("the body is shorter than its content-length")
	}
	return nil
}

// admit judges a frame by its header.
func (m *inbound) admit(span *h3wire.FrameSpan) *fault {
	h := &span.FrameHeader
	if err := h3wire.CheckFrame(h.Type, h3wire.RequestStream, m.sender); err != nil {
		return asFault(err)
	}
	switch h.Type {
	case h3wire.FrameData:
		return m.admitData(h.Length)
	case h3wire.FrameHeaders:
		return m.admitHeaders(span)
	case h3wire.FramePushPromise:
		// RFC 9114 s7.2.5: we never allowed a push ID.
		return connFault(h3wire.CodeIDError, "PUSH_PROMISE without MAX_PUSH_ID")
	}
	return nil
}

func (m *inbound) admitData(length uint64) *fault {
	switch {
	case m.phase == awaitHead:
		// RFC 9114 s4.1: a DATA frame before any HEADERS frame. Interim responses have no content either.
		return connFault(h3wire.CodeFrameUnexpected, "DATA before the head")
	case m.phase == afterTrailers:
		return connFault(h3wire.CodeFrameUnexpected, "DATA after the trailers")
	case m.bodyless && length > 0:
		return malformed("content in a response that has none")
	case m.declared >= 0 && length > uint64(m.declared)-m.received:
		// RFC 9114 s4.1.2: the sum of the DATA frames must equal the Content-Length.
		return malformed("the body is longer than its content-length")
	}
	m.received += length
	return nil
}

func (m *inbound) admitHeaders(span *h3wire.FrameSpan) *fault {
	switch {
	case m.phase == afterTrailers:
		return connFault(h3wire.CodeFrameUnexpected, "HEADERS after the trailers")
	case m.tunnel:
		// RFC 9114 s4.4: once CONNECT has completed, only DATA frames.
		return connFault(h3wire.CodeFrameUnexpected, "HEADERS in a tunnel")
	case m.short():
		return malformed("the body is shorter than its content-length")
	case span.Length > uint64(m.limit):
		// A line costs 32 bytes of the limit on top of its strings: what is longer when encoded is too long.
		return m.tooLarge(span.Payload)
	}
	return nil
}

// tooLarge is the fault of a field section that begins with section.
func (m *inbound) tooLarge(section []byte) *fault {
	large := &port.FieldsTooLarge{Limit: uint64(m.limit), Request: m.sender == h3wire.Client, Trailers: m.phase == inBody}
	f := streamFault(h3wire.CodeExcessiveLoad, large.Error())
	method := qpack.Method(section)
	f.large, f.blind = large, method == "" || method == "HEAD"
	return f
}

// short reports whether the body so far is less than was declared.
func (m *inbound) short() bool {
	return m.phase == inBody && m.declared >= 0 && m.received != uint64(m.declared)
}

// headers gathers a HEADERS frame and decodes it once it is whole.
func (m *inbound) headers(e *event, span *h3wire.FrameSpan) *fault {
	section := span.Payload
	if !span.Start || !span.End {
		m.section = append(m.section, section...)
		section = m.section
	}
	if !span.End {
		return nil
	}
	fields, err := m.decoder.Decode(section, m.limit)
	m.section = m.section[:0]
	if err == qpackwire.ErrSectionTooLarge {
		return m.tooLarge(section)
	}
	if err != nil {
		return asFault(err)
	}
	e.fields, e.began = fields, true
	switch {
	case m.phase == inBody:
		e.kind = gotTrailer
		m.phase = afterTrailers
		return wrongMessage(checkTrailers(fields))
	case m.sender == h3wire.Client:
		return m.request(e)
	}
	return m.response(e)
}

func (m *inbound) request(e *event) *fault {
	head, wrong := checkRequest(e.fields)
	if wrong != "" {
		return malformed(wrong)
	}
	m.phase, m.declared, m.tunnel = inBody, head.length, head.connect
	e.kind, e.final, e.length = gotHead, true, head.length
	return nil
}

func (m *inbound) response(e *event) *fault {
	status, length, wrong := checkResponse(e.fields)
	if wrong != "" {
		return malformed(wrong)
	}
	e.kind, e.length = gotHead, length
	if status < 200 {
		if m.interim++; m.interim > maxInformational {
			return streamFault(h3wire.CodeExcessiveLoad, "too many interim responses")
		}
		return nil
	}
	e.final = true
	m.phase, m.declared = inBody, length
	switch {
	case m.connect && status < 300:
		// RFC 9110 s9.3.6: a client MUST ignore the Content-Length of a successful response to CONNECT.
		m.tunnel, m.declared, e.length = true, noLength, noLength
	case m.head || status == 204 || status == 304:
		// RFC 9114 s4.1.2: defined as never having content, whatever the Content-Length says.
		m.bodyless, m.declared = true, noLength
	}
	return nil
}

func wrongMessage(wrong string) *fault {
	if wrong == "" {
		return nil
	}
	return malformed(wrong)
}
