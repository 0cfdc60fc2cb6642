package api

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire/h3wire"
)

// A HeaderTooLargeError is a header, or trailers, that the end which is to receive it does not accept. A *StreamError lies beneath.
type HeaderTooLargeError struct {
	Size   uint64 // in bytes, and 32 for each field (RFC 9114 s4.2.2); 0 for what came, of which nobody reads more than Limit
	Limit  uint64
	Remote bool // the limit is the peer's, and this side has not sent what exceeds it

	large  *port.FieldsTooLarge
	stream *StreamError
}

func newTooLarge(large *port.FieldsTooLarge, stream *StreamError) *HeaderTooLargeError {
	return &HeaderTooLargeError{Size: large.Size, Limit: large.Limit, Remote: large.Sent, large: large, stream: stream}
}

// Error says what is how large, and which option to change.
func (e *HeaderTooLargeError) Error() string {
	how := ": raise Transport.MaxResponseHeaderBytes"
	switch {
	case e.Remote && e.large.Request:
		how = ": send less, or raise what the server accepts (Server.MaxHeaderBytes, if it is one of ours)"
	case e.Remote:
		how = ": send less, or raise what the client accepts (Transport.MaxResponseHeaderBytes, if it is one of ours)"
	case e.large.Request:
		how = ": raise Server.MaxHeaderBytes"
	}
	return e.large.Error() + how
}

// Unwrap returns the *StreamError.
func (e *HeaderTooLargeError) Unwrap() error { return e.stream }

// lineSize is what a field counts beside its name and value: RFC 9114 s4.2.2.
const lineSize = 32

// exceeds reports that fields are more than the client accepts, as far as it has said that; nil if they are not.
func (w *responseWriter) exceeds(fields []port.Field, trailers bool) *HeaderTooLargeError {
	limit := w.e.x.Limit
	if limit == 0 {
		return nil
	}
	size := uint64(0)
	for i := range fields {
		size += uint64(len(fields[i].Name)+len(fields[i].Value)) + lineSize
	}
	if size <= limit {
		return nil
	}
	large := &port.FieldsTooLarge{Size: size, Limit: limit, Sent: true, Trailers: trailers}
	return newTooLarge(large, &StreamError{Code: uint64(h3wire.CodeInternalError), Reason: large.Error()})
}

// replace puts 500 in the place of a response whose head is too large, so that the client learns why. Whoever goes on writing learns
// it too.
func (w *responseWriter) replace(why *HeaderTooLargeError) {
	w.e.logf("%v; the client gets 500", why)
	for _, c := range w.full {
		c.Release()
	}
	if w.chunk != nil {
		w.chunk.Release()
	}
	w.full, w.chunk, w.room = w.full[:0], nil, nil
	w.list.Release()
	w.list = newFieldList()
	w.list.add(":status", "500")
	w.list.add("content-type", "text/plain; charset=utf-8")
	w.length, w.announced, w.header = -1, nil, nil
	if !w.head {
		text := "500 Internal Server Error: " + why.large.Error() + "\n"
		w.chunk = w.e.conn.Chunks().Get(actor.Headroom + len(text))
		w.chunk.B = append(w.chunk.Space()[actor.Headroom:actor.Headroom], text...)
	}
	w.mu.Lock()
	w.err = why
	w.mu.Unlock()
	w.marks.Or(writingFailed)
}
