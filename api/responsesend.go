package api

import (
	"net/http"
	"os"
	"strconv"
	"strings"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// decide takes the snapshot of the header: later changes of it do not count, except for trailers.
func (w *responseWriter) decide(status int) {
	w.status = int16(status)
	w.list = newFieldList()
	w.list.add(":status", statusText(status))
	eachElement(w.header["Trailer"], func(name string) {
		w.announced = append(w.announced, http.CanonicalHeaderKey(name))
	})
	if v := w.header["Content-Length"]; len(v) > 0 && bodyAllowed(status) {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			w.length = n
		}
	}
	w.list.addHeader(w.header, func(lower string) bool {
		switch lower {
		case "content-type":
			w.hasType = true
		case "content-encoding":
			w.hasEncoding = true
		case "date":
			w.hasDate = true
		case "content-length":
			// RFC 9110 s8.6: not with 204; with 304 it speaks of another response.
			return w.length < 0 && status != http.StatusNotModified
		}
		return strings.HasPrefix(lower, trailerPrefix)
	})
	// "Content-Type": nil and "Date": nil are how net/http is told not to add them.
	if _, ok := w.header["Content-Type"]; ok {
		w.hasType = true
	}
	if _, ok := w.header["Date"]; ok {
		w.hasDate = true
	}
	if !w.hasDate {
		w.list.add("date", date())
	}
}

var trailerPrefix = strings.ToLower(http.TrailerPrefix)

// sniff adds the media type of a body that begins with p, if the handler has not said it.
func (w *responseWriter) sniff(p []byte) {
	if w.sent || w.hasType || w.hasEncoding || len(p) == 0 {
		return
	}
	w.hasType = true
	w.list.add("content-type", http.DetectContentType(p))
}

// inform sends a 1xx response with the present header.
func (w *responseWriter) inform(status int) {
	list := newFieldList()
	list.add(":status", statusText(status))
	list.addHeader(w.header, func(lower string) bool {
		return lower == "content-length" || strings.HasPrefix(lower, trailerPrefix)
	})
	w.sendInfo(list)
}

// sayContinue sends 100 (Continue) unless the response has begun. The reader of the body calls it, and does not wait then for a writer
// that waits for the client.
func (w *responseWriter) sayContinue() error {
	if w.marks.Load()&headSent != 0 {
		return nil
	}
	list := newFieldList()
	list.add(":status", statusText(http.StatusContinue))
	w.use.Lock()
	defer w.use.Unlock()
	w.sendInfo(list)
	return nil
}

// sendInfo sends an informational head. The lock use is held.
func (w *responseWriter) sendInfo(list *fieldList) {
	why := w.exceeds(list.fields, false)
	if why != nil {
		w.e.logf("%v; the informational response is not sent", why)
	}
	if why != nil || w.sent || w.ready() != nil {
		list.Release()
		return
	}
	s := port.NewSendIn(w.e.x)
	s.Head, s.Home, s.Chunks, s.Trailers, s.Fin = list.fields, list, nil, nil, false
	w.send()
}

// flush hands over the head, if it is still here, and all that was written; fin ends the response, and says that the
// handler has returned. The lock use is held.
func (w *responseWriter) flush(fin bool) error {
	if w.marks.Load()&deadlineMet != 0 {
		return os.ErrDeadlineExceeded
	}
	first := !w.sent
	if first && w.written > 0 && !w.head {
		w.sniff(w.opening())
	}
	if !first && w.gathered() == 0 && !fin {
		return nil
	}
	replaced := false
	if first {
		why := w.exceeds(w.list.fields, false)
		if replaced = why != nil; replaced {
			w.replace(why)
		}
	}
	if err := w.ready(); err != nil {
		if err == os.ErrDeadlineExceeded {
			w.marks.Or(deadlineMet)
		}
		return err
	}
	s := port.NewSendIn(w.e.x)
	list := w.list
	w.list = nil // h3's from now on
	s.Head, s.Trailers, s.Fin, s.HandlerDone = nil, nil, fin || replaced, fin
	if first {
		w.sent = true
		w.marks.Or(headSent)
		s.Head = list.fields
	}
	s.Chunks = w.take()
	if fin && (len(w.announced) > 0 || prefixed(w.header)) {
		if list == nil {
			list = newFieldList()
		}
		from := len(list.fields)
		list.addTrailers(w.header, w.announced)
		s.Trailers = list.fields[from:]
		if why := w.exceeds(s.Trailers, true); why != nil {
			w.e.logf("%v; the response is reset", why)
		}
	}
	if s.Home = nil; list != nil {
		s.Home = list
	}
	w.send()
	if replaced && !fin {
		return w.failure()
	}
	return nil
}

// send hands the SendOrder over.
func (w *responseWriter) send() {
	w.mu.Lock()
	w.pending = true
	w.mu.Unlock()
	w.e.conn.Send(w.e.x)
}

// opening is the first bytes of the body.
func (w *responseWriter) opening() []byte {
	if len(w.full) > 0 {
		return w.full[0].B
	}
	if w.chunk != nil {
		return w.chunk.B
	}
	return nil
}

// take returns the chunks to send; they are h3's from now on.
func (w *responseWriter) take() []*actor.Chunk {
	chunks := w.full
	if w.chunk != nil {
		if len(w.chunk.B) > 0 {
			chunks = append(chunks, w.chunk)
		} else {
			w.chunk.Release()
		}
		w.chunk, w.room = nil, nil
	}
	w.turn ^= 1
	w.full = w.lists[w.turn][:0]
	return chunks
}

// ready waits until the next Send may go: the answer to the one before. The lock use is held.
func (w *responseWriter) ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.pending && !w.last {
		s := w.await()
		if s == nil {
			return os.ErrDeadlineExceeded
		}
		w.answered(s)
	}
	switch {
	case !w.last:
		return nil
	case w.err != nil:
		return w.err
	}
	return errHandlerReturned
}

// await takes one answer; nil says that the deadline came first. The lock mu is held, but not while waiting.
func (w *responseWriter) await() *port.Sent {
	select {
	case s := <-w.e.x.Writes.C():
		return s
	default:
	}
	w.waiting = true
	w.mu.Unlock()
	var s *port.Sent
	select {
	case s = <-w.e.x.Writes.C():
	case <-w.deadline.wait():
	}
	w.mu.Lock()
	w.waiting = false
	return s
}

// failure is why nothing more can be written, or nil.
func (w *responseWriter) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// glance takes the answers that have come already, of which there may be two: after it a reset is known even if nobody wrote since.
func (w *responseWriter) glance() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting || w.last || w.gone {
		return // the answer is another's
	}
	for !w.last {
		select {
		case s := <-w.e.x.Writes.Came():
			w.answered(s)
		default:
			return
		}
	}
}

// answered notes an answer. The lock mu is held.
func (w *responseWriter) answered(s *port.Sent) {
	w.pending = false
	if !s.Last || w.last {
		return
	}
	w.last = true
	if s.Err != nil {
		w.err = publicError(s.Err)
		w.marks.Or(writingFailed)
		w.e.ctx.finish() // the peer does not want the response
	}
}

// watch has the last answer seen even if nobody writes: somebody waits for the context to end.
func (w *responseWriter) watch() {
	w.mu.Lock()
	if !w.gone {
		w.e.x.Writes.Hear(w.heard)
	}
	w.mu.Unlock()
	w.glance() // what came before
}

// heard is told of every answer by who brings it.
func (w *responseWriter) heard(s *port.Sent) {
	if s.Last && s.Err != nil {
		w.e.ctx.finish() // the peer does not want the response
	}
}
