package h3

import (
	"strconv"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire/h3wire"
)

// arrive makes the row of a request of the peer.
func (r *Router) arrive(s *port.Stream) {
	q := r.newRequest()
	r.attach(q, s)
	if uint64(s.ID) >= r.goodbye.sent {
		// RFC 9114 s5.2: requests beyond the GOAWAY are rejected, as they arrive.
		r.abandon(q, uint64(h3wire.CodeRequestRejected), nil)
		return
	}
	r.goodbye.next = max(r.goodbye.next, uint64(s.ID)+4)
	if r.cfg.ReadHeaderTimeout > 0 && r.cfg.Cell != nil {
		q.deadline = r.now.Add(r.cfg.ReadHeaderTimeout)
		r.headless.push(q)
	}
}

// born makes the exchange of a request whose head is complete and valid. The app hears of it in the coming flush, with
// all that has come by then.
func (r *Router) born(q *request) {
	q.leave()
	q.bind(r.cfg.Tasks.Exchange())
	q.x.Stream = q.stream
	if limit := r.control.settings.MaxFieldSectionSize; limit != h3wire.Unlimited {
		q.x.Limit = limit
	}
	q.launch = true
}

// answerTooLarge answers a request whose fields are too large, of which the app never hears: RFC 9114 s4.2.2 has 431 for that. It reports
// false if that cannot be said.
func (r *Router) answerTooLarge(q *request, f *fault) bool {
	text := ""
	answer := []port.Field{{Name: ":status", Value: "431"}}
	if !f.blind {
		text = "431 Request Header Fields Too Large: " + f.reason + "\n"
		answer = append(answer, port.Field{Name: "content-type", Value: "text/plain; charset=utf-8"},
			port.Field{Name: "content-length", Value: strconv.Itoa(len(text))})
	}
	if q.outOver || q.room <= 0 || !r.acceptable(answer) {
		return false
	}
	q.leave()
	r.writeFields(q, answer)
	c := r.cfg.Chunks.GetFor(h3wire.MaxFrameHeader + len(text))
	c.B = append(c.B, text...)
	r.writeData(q, c)
	q.outOver = true
	q.fin(false)
	r.stopReading(q, uint64(h3wire.CodeNoError), nil)
	return true
}

// handled notes that the handler has returned. What it has sent still goes out; what it has not is not expected.
func (r *Router) handled(q *request, code uint64) {
	q.handlerDone = true
	if !q.outOver && (q.order == nil || !q.order.Fin) {
		reset := code
		if reset == 0 {
			reset = uint64(h3wire.CodeInternalError)
		}
		r.stopWriting(q, reset, &port.StreamError{Code: reset, Reason: "the handler left the response incomplete"})
	}
	if code == 0 {
		// RFC 9114 s4.1: with a complete response, H3_NO_ERROR asks the client to stop sending. A request without a body has
		// nothing to stop: its end comes in a packet of its own, and some clients take a request to stop that meets it for an
		// error of the response.
		code = uint64(h3wire.CodeNoError)
		if q.bare && !q.inOver && q.message.received == 0 {
			q.awaits = true
			r.endReading(q, errHandlerReturned, true)
			return
		}
	}
	r.stopReading(q, code, errHandlerReturned)
}

// isBare reports whether a request has a method that usually has no body.
func isBare(fields []port.Field) bool {
	for i := range fields {
		if fields[i].Name == ":method" {
			return fields[i].Value == "GET" || fields[i].Value == "HEAD"
		}
	}
	return false
}

// errHandlerReturned is what nobody reads any more: the last Delivery after the last handler.
var errHandlerReturned error = &port.StreamError{Code: uint64(h3wire.CodeNoError), Reason: "the handler has returned"}

// expire ends the requests whose heads are late, and forgets a retry that is due.
func (r *Router) expire() {
	if r.opening.retry != 0 && r.opening.retry <= r.now {
		r.opening.retry = 0
	}
	for q := r.headless.first; q != nil && q.deadline <= r.now; q = r.headless.first {
		r.abandon(q, uint64(h3wire.CodeRequestCancelled), nil)
		r.touch(&q.lane)
	}
}

// queue is a list of rows, each in at most one.
type queue struct {
	first, last *request
	count       int
}

func (l *queue) push(q *request) {
	q.in, q.prev, q.next = l, l.last, nil
	if l.last == nil {
		l.first = q
	} else {
		l.last.next = q
	}
	l.last = q
	l.count++
}

// leave takes a row out of its queue, if it is in one.
func (q *request) leave() {
	l := q.in
	if l == nil {
		return
	}
	if q.prev == nil {
		l.first = q.next
	} else {
		q.prev.next = q.next
	}
	if q.next == nil {
		l.last = q.prev
	} else {
		q.next.prev = q.prev
	}
	l.count--
	q.in, q.prev, q.next, q.deadline = nil, nil, nil, mono.Time(0)
}
