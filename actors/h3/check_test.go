package h3

import (
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// serving is a server in the middle of things: the app holds a Delivery of the request on stream 0, more of its body
// waits, and so does the first part of an answer that the stream has no room for; the head of the one on stream 4 has not
// come; the peer's control stream is there.
func serving(t testing.TB) *Router {
	cell := actor.NewCell(func(*actor.Cell) {}, func() {})
	d := lone(t, wire.Server, func(c *Config) { c.Cell, c.ReadHeaderTimeout = cell, 10*tick })
	d.handler = func(a *app) { a.auto = false }
	d.theirControl()
	p := d.arrives(0)
	p.says(headers(postFields...), data("abc"))
	p.says(data("defgh"))
	p.closedRoom = true
	p.says(data("i"))
	d.apps[0].says(list(":status", "200"), "hello", nil, false)
	d.run()
	d.arrives(4).says(headers(getFields...)[:3])
	return d.r
}

// asking is a client with one request on a stream and two that wait for one.
func asking(t testing.TB) *Router {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(1)
	for range 3 {
		d.asks(false, postFields...)
	}
	d.run()
	return d.r
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	first := func(harm func(q *request)) func(r *Router) { return func(r *Router) { harm(r.requests[0]) } }
	control := func(harm func(u *uni)) func(r *Router) {
		return func(r *Router) {
			for _, u := range r.unis {
				if u.kind == theirControl {
					harm(u)
				}
			}
		}
	}
	for _, c := range []struct {
		want string // "" if nothing is broken
		make func(testing.TB) *Router
		harm func(r *Router)
	}{
		{"", serving, func(*Router) {}},
		{"", asking, func(*Router) {}},

		{"1 rows were not settled", serving, func(r *Router) { r.touch(&r.requests[0].lane) }},
		{"streams opened, 1 and 0 allowed", asking, func(r *Router) { r.opening.credit.Uni = 0 }},
		{"before the handshake was complete", asking, func(r *Router) { r.opening.peer = nil }},
		{"1 critical streams of ours, the control stream among them: false", asking, func(r *Router) { r.control.ours = nil }},
		{"SETTINGS have come, and no control stream", serving, func(r *Router) { r.control.seen[0] = false }},
		{"2 requests wait for a stream, 1 of 2 are opened", asking, func(r *Router) { r.opening.credit.Bidi++ }},
		{"the last request has ended, and the connection does not close", serving, func(r *Router) { r.goodbye.wanted, r.requests = true, nil; r.headless = queue{} }},
		{"a GOAWAY of 8 is owed; the control stream is open: true", serving, func(r *Router) { r.goodbye.owed, r.goodbye.sent = true, 8 }},
		{"GOAWAY 12 was sent, the next request would be 8", serving, func(r *Router) { r.goodbye.sent = 12 }},
		{"the cell is armed for 9,", serving, func(r *Router) { r.cfg.Cell.Arm(9) }},
		{"a retry at 7", serving, func(r *Router) { r.opening.retry = 7 }},
		{"cell: the deadline is", serving, func(r *Router) { r.cfg.Cell.Taken() }},

		{"3 requests wait for a stream, the list has 2", asking, func(r *Router) { r.opening.waiting.count++ }},
		{"65 requests wait for a stream, at most 64", asking, func(r *Router) { r.opening.waiting.count = 65 }},
		{"without its links", asking, func(r *Router) { r.opening.waiting.first.next.prev = nil }},
		{"a request waits for a stream; has one: false, answered: false, true", asking, func(r *Router) { r.opening.waiting.first.lastSent = true }},
		{"a request waits for its head until 0", serving, func(r *Router) { r.headless.first.deadline = 0; r.cfg.Cell.Arm(0) }},

		{"request 0 of 2 is not the row of its stream", serving, first(func(q *request) { q.index = 1 })},
		{"request 0 of 2 is not the row of its stream", serving, first(func(q *request) { q.stream.H3Row = nil })},
		{"waits for a stream, and has one", asking, func(r *Router) { r.requests[0].in = &r.opening.waiting }},
		{"is silent, the app is done with it, and it stays", serving, func(r *Router) {
			q := r.requests[1]
			q.inOver, q.outOver, q.handlerDone, q.credit = true, true, true, 0
		}},
		{"our half is over, and a Send waits", serving, first(func(q *request) { q.outOver = true })},
		{"of no exchange", serving, func(r *Router) { r.requests[1].loading = 3 }},
		{"is not the row of its exchange", serving, first(func(q *request) { q.x.Row = nil })},
		{"our half is over: true, the last Sent was sent: false", asking, first(func(q *request) { q.outOver = true })},
		{"our half is over: false, the last Sent was sent: true", asking, first(func(q *request) { q.lastSent = true })},
		{"the last Delivery was sent, and the peer's half is not over", asking, first(func(q *request) { q.lastRead = true })},
		{"the peer's half is over, and no last Delivery", serving, first(func(q *request) { q.inOver = true })},
		{"a Delivery waits, and none is with the app", serving, first(func(q *request) { q.inFlight, q.flying = false, 0 })},
		{"the app was not told of the exchange", serving, first(func(q *request) { q.launch = true })},
		{"a chunk that nobody holds", serving, first(func(q *request) { q.filling().Pieces[0].Chunk = nil })},
		{"1 Deliveries are with the app, in flight: false", asking, first(func(q *request) { q.x.Reads.Send(q.filling()) })},
		{"2 Sents are with the app", asking, first(func(q *request) { q.x.Writes.Send(&port.Sent{}); q.x.Writes.Send(&port.Sent{}) })},
		{"7 body bytes wait, the Delivery has 6; 3 are with the app", serving, first(func(q *request) { q.loading++ })},
		{"-1 are with the app", serving, first(func(q *request) { q.flying = -1 })},
		{"chunk 2 of 1 of a Send", serving, first(func(q *request) { q.chunk = 2 })},
		{"a Send waits, and the stream has room for 5 bytes", serving, first(func(q *request) { q.room = 5 })},

		{"unidirectional stream 0 of", serving, func(r *Router) { r.unis[0].index = 1 }},
		{"kind 6, the peer's: true", serving, control(func(u *uni) { u.kind = ownGrease })},
		{"our own stream is to be read", serving, func(r *Router) { r.control.ours.over = false }},
		{"kind 4 was never seen", serving, control(func(u *uni) { u.kind = theirDecoder })},
		{"11 bytes of an instruction, at most 10", serving, control(func(u *uni) { u.part = make([]byte, 11) })},
		{"has ended, and stays", serving, control(func(u *uni) { u.kind, u.over, u.credit = ignored, true, 0 })},
		{"is critical and has ended", serving, control(func(u *uni) {
			u.over = true
		})},

		{"5 bytes are to be written, the chunks have 0", asking, first(func(q *request) { q.filled = 5 })},
		{"is to be settled, and is not on the list", serving, first(func(q *request) { q.dirty = true })},
		{"waits for a wake, and no Write is in flight", asking, first(func(q *request) { q.waits = true })},
		{"a Write is owed, and no wake awaited", asking, first(func(q *request) { q.owes = true })},
		{"-1 used up", asking, first(func(q *request) { q.credit = -1 })},
		{"9999 used up bytes are held back", serving, first(func(q *request) { q.credit = 9999 })},
	} {
		r := c.make(t)
		c.harm(r)
		for _, err := range []error{r.Check(), r.CheckAll()} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r := serving(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
