package script

import (
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/actor"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/oracle"
)

// ends is what the app on one side knows of an exchange. Its turn comes when there is mail.
type ends struct {
	w     *World
	h     *engine.H3Conn
	x     *port.Exchange
	turn  func()
	place draw.Place // of the sizes of what is sent
	sends uint64

	content  string        // what is read, and
	pace     time.Duration // how long each piece takes
	resting  bool          // a piece is being used up
	asleep   bool          // nothing is done at all
	hurried  bool          // nothing takes time any more
	used     *port.Delivery
	in       int // body bytes that came
	trailers bool
	read     bool // the last Delivery came
	pending  bool // a Send is under way
	wrote    bool // the last Sent came
	readErr  error
	sendErr  error
	mute     bool // nothing may be sent any more
}

// join connects both to an exchange.
func (e *ends) join(h *engine.H3Conn, x *port.Exchange, turn func()) {
	e.h, e.x, e.turn = h, x, turn
	e.w.core.OnMail(x, turn)
}

// leave ends it.
func (e *ends) leave() { e.w.core.OnMail(e.x, nil) }

// rest lets time pass before the next turn.
func (e *ends) rest(d time.Duration, what *bool) {
	if e.hurried {
		return
	}
	*what = true
	e.w.core.After(d, func() {
		*what = false
		e.turn()
	})
}

// hurry ends all rests.
func (e *ends) hurry() {
	e.hurried, e.resting, e.asleep = true, false, false
	e.turn()
}

// receive takes one thing that h3 has for the app, and answers the Delivery before. It reports whether there was anything.
func (e *ends) receive(head func([]port.Field)) bool {
	if d := e.used; d != nil && !e.resting {
		e.used = nil
		if !e.mute && d.Err == nil && !d.Used {
			e.h.Taken(e.x)
		}
		return true
	}
	select {
	case d := <-e.x.Reads.C():
		e.take(d, head)
		return true
	default: // one after the other: a select of two would choose by itself
	}
	select {
	case m := <-e.x.Writes.C():
		if e.wrote { // as with take
			if e.h.Cause() == nil {
				e.w.failf("%s: the end of sending was said twice", e.content)
			}
			return true
		}
		e.pending, e.sendErr, e.wrote = false, m.Err, m.Last
		return true
	default:
		return false
	}
}

// take uses a Delivery.
func (e *ends) take(d *port.Delivery, head func([]port.Field)) {
	if e.read { // at a connection's death the last words may be said twice
		if e.h.Cause() == nil {
			e.w.failf("%s: something came after the end", e.content)
		}
		return
	}
	for _, fields := range d.Heads {
		head(fields)
	}
	for _, p := range d.Pieces {
		if err := oracle.CheckContent(e.w.seed, e.content, int64(e.in), p.B); err != nil {
			e.w.core.Fail(err)
		}
		e.in += len(p.B)
		e.w.tally.Bytes += int64(len(p.B))
		p.Chunk.Release()
	}
	if len(d.Trailers) > 0 {
		e.trailers = true
	}
	e.used, e.read, e.readErr = d, d.Last, d.Err
	if e.pace > 0 && len(d.Pieces) > 0 && d.Err == nil {
		e.rest(e.pace, &e.resting)
	}
}

// send sends what follows of a message: the bytes [from, to) of some content, and perhaps its end.
func (e *ends) send(content string, from, to int, fin, trailers bool) {
	m := port.NewSendIn(e.x)
	m.Chunks, m.Fin, e.pending = m.Chunks[:0], fin, true
	if fin && trailers {
		m.Trailers = []port.Field{{Name: "x-end", Value: content}}
	}
	for from < to {
		c := e.h.Chunks().Get(min(to-from+actor.Headroom, actor.ChunkHuge))
		n := min(to-from, len(c.Space())-actor.Headroom)
		c.B = c.Space()[actor.Headroom : actor.Headroom+n]
		oracle.Content(e.w.seed, content, int64(from), c.B)
		m.Chunks = append(m.Chunks, c)
		from += n
	}
	e.h.Send(e.x)
}

// bite is how much of n bytes goes next.
func (e *ends) bite(n, most int) int {
	if n == 0 {
		return 0
	}
	e.sends++
	return min(n, 1+e.place.IntN(e.sends, "bite", most))
}
