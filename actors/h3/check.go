package h3

import (
	"fmt"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// checkWindow is how many rows of each list Check looks at.
const checkWindow = 8

// Check says whether what the room owns is in order; see actor.Checker. It looks at the first rows of each list.
func (r *Router) Check() error { return r.check(checkWindow) }

// CheckAll is Check over all rows.
func (r *Router) CheckAll() error { return r.check(1 << 30) }

func (r *Router) check(most int) error {
	if r.left {
		return nil
	}
	if len(r.dirty) > 0 {
		return fmt.Errorf("h3: %d rows were not settled", len(r.dirty))
	}
	if err := r.checkConnection(); err != nil {
		return err
	}
	if err := r.checkQueue(&r.opening.waiting, "a stream", most, r.cfg.Limits.Streams); err != nil {
		return err
	}
	if err := r.checkQueue(&r.headless, "its head", most, len(r.requests)); err != nil {
		return err
	}
	for i, q := range r.requests[:min(most, len(r.requests))] {
		if q.index != i || q.stream == nil || !q.left && q.stream.H3Row != q || q.lane.request != q || q.uni != nil {
			return fmt.Errorf("h3: request %d of %d is not the row of its stream", i, len(r.requests))
		}
		if err := r.checkRequest(q); err != nil {
			return fmt.Errorf("h3: request %d of %d, whose stream has left: %v: %w", i, len(r.requests), q.left, err)
		}
	}
	for i, u := range r.unis[:min(most, len(r.unis))] {
		if u.index != i || u.stream == nil || u.stream.H3Row != u || u.lane.uni != u || u.request != nil {
			return fmt.Errorf("h3: unidirectional stream %d of %d is not the row of its stream", i, len(r.unis))
		}
		if err := r.checkUni(u); err != nil {
			return fmt.Errorf("h3: unidirectional stream %d: %w", u.stream.ID, err)
		}
	}
	return nil
}

// checkConnection looks at what concerns the whole connection.
func (r *Router) checkConnection() error {
	c, o, g := &r.control, &r.opening, &r.goodbye
	switch {
	case o.opened.Bidi > o.credit.Bidi || o.opened.Uni > o.credit.Uni:
		// RFC 9000 s4.6.
		return fmt.Errorf("h3: %d and %d streams opened, %d and %d allowed", o.opened.Bidi, o.opened.Uni, o.credit.Bidi, o.credit.Uni)
	case o.peer == nil && (o.opened != port.StreamCredit{} || c.critical > 0 || c.ready):
		return fmt.Errorf("h3: streams were opened before the handshake was complete")
	case c.critical > len(ourCritical) || uint64(c.critical) > o.opened.Uni || (c.ours != nil) != (c.critical > 0):
		// RFC 9114 s6.2.1.
		return fmt.Errorf("h3: %d critical streams of ours, the control stream among them: %v", c.critical, c.ours != nil)
	case c.heard && !c.seen[0]:
		return fmt.Errorf("h3: SETTINGS have come, and no control stream")
	case o.waiting.count > 0 && o.peer != nil && !r.ordered && o.opened.Bidi < o.credit.Bidi && o.retry == 0:
		return fmt.Errorf("h3: %d requests wait for a stream, %d of %d are opened", o.waiting.count, o.opened.Bidi, o.credit.Bidi)
	case g.wanted && !g.owed && !g.said && len(r.requests) == 0 && o.waiting.count == 0 && !r.ordered:
		// RFC 9114 s5.2.
		return fmt.Errorf("h3: the last request has ended, and the connection does not close")
	case g.owed && (c.ours != nil || g.sent == noGoaway):
		return fmt.Errorf("h3: a GOAWAY of %d is owed; the control stream is open: %v", g.sent, c.ours != nil)
	case g.sent != noGoaway && r.cfg.Role == wire.Server && g.sent > g.next:
		return fmt.Errorf("h3: GOAWAY %d was sent, the next request would be %d", g.sent, g.next)
	}
	if r.cfg.Cell == nil {
		return nil
	}
	least := o.retry
	if q := r.headless.first; q != nil {
		least = mono.Earliest(least, q.deadline)
	}
	if at := r.cfg.Cell.Armed(); at != least {
		return fmt.Errorf("h3: the cell is armed for %d, owed is %d: a retry at %d, or a head", at, least, o.retry)
	}
	return r.cfg.Cell.Check()
}

// checkQueue walks a list of rows that wait for something. Those without a stream have none; the others have a deadline.
func (r *Router) checkQueue(l *queue, what string, most, bound int) error {
	if l.count < 0 || l.count > bound || (l.count == 0) != (l.first == nil) || (l.first == nil) != (l.last == nil) {
		return fmt.Errorf("h3: %d requests wait for %s, at most %d; there is a first one: %v", l.count, what, bound, l.first != nil)
	}
	n, headless := 0, l == &r.headless
	var before *request
	for q := l.first; q != nil && n < most; q = q.next {
		switch {
		case q.in != l || q.prev != before || q.next == nil && l.last != q:
			return fmt.Errorf("h3: a request waits for %s without its links", what)
		case headless && (q.stream == nil || q.x != nil || q.deadline == 0 || before != nil && q.deadline < before.deadline):
			return fmt.Errorf("h3: a request waits for its head until %d; has a stream: %v, is the app's: %v", q.deadline, q.stream != nil, q.x != nil)
		case !headless && (q.stream != nil || q.x == nil || q.lastRead || q.lastSent != q.x.OpenOrder.Fin):
			return fmt.Errorf("h3: a request waits for a stream; has one: %v, answered: %v, %v", q.stream != nil, q.lastRead, q.lastSent)
		}
		before = q
		n++
	}
	if n < most && n != l.count {
		return fmt.Errorf("h3: %d requests wait for %s, the list has %d", l.count, what, n)
	}
	return nil
}

// checkRequest compares the two halves with what the app was told.
func (r *Router) checkRequest(q *request) error {
	if err := q.lane.check(r.share, q.silent() && q.over()); err != nil {
		return err
	}
	if q.in != nil && q.in != &r.headless {
		return fmt.Errorf("waits for a stream, and has one")
	}
	if q.silent() && q.over() && !q.waits {
		return fmt.Errorf("is silent, the app is done with it, and it stays")
	}
	if q.outOver && q.order != nil {
		return fmt.Errorf("our half is over, and a Send waits")
	}
	if q.x == nil {
		if q.order != nil || q.launch || q.inFlight || q.flying != 0 || q.loading != 0 {
			return fmt.Errorf("the app is to hear of %d and %d bytes, and of no exchange", q.flying, q.loading)
		}
		return nil
	}
	if q.x.Row != q || q.x.Stream != q.stream {
		return fmt.Errorf("is not the row of its exchange")
	}
	if err := q.checkExchange(); err != nil || r.ordered {
		return err // what follows a violation is not told
	}
	d := q.filling()
	switch {
	case q.outOver != q.lastSent:
		// Every exchange gets one last Sent, when our half is over.
		return fmt.Errorf("our half is over: %v, the last Sent was sent: %v", q.outOver, q.lastSent)
	case q.lastRead && !q.inOver && !q.awaits:
		return fmt.Errorf("the last Delivery was sent, and the peer's half is not over")
	case q.inOver && !q.lastRead && !d.Last:
		return fmt.Errorf("the peer's half is over, and no last Delivery is sent or waits")
	case q.fresh && !q.inFlight && !q.lastRead:
		return fmt.Errorf("a Delivery waits, and none is with the app")
	case q.launch:
		return fmt.Errorf("the app was not told of the exchange")
	}
	return nil
}

// checkExchange looks at the credits between the room and the app.
func (q *request) checkExchange() error {
	here, there := 0, 0
	if q.inFlight {
		there++
	}
	if q.lastRead {
		there++
	}
	if !q.lastRead {
		for _, p := range q.filling().Pieces {
			here += len(p.B)
			if p.Chunk == nil || p.Chunk.Holders() <= 0 {
				return fmt.Errorf("%d body bytes are in a chunk that nobody holds", len(p.B))
			}
		}
	}
	reads, writes := q.x.Reads.Waiting(), q.x.Writes.Waiting()
	switch {
	case reads > there:
		return fmt.Errorf("%d Deliveries are with the app, in flight: %v, the last one: %v", reads, q.inFlight, q.lastRead)
	case writes > 2 || writes > 1 && !q.lastSent:
		return fmt.Errorf("%d Sents are with the app, the last one: %v", writes, q.lastSent)
	case q.loading != here || q.flying < 0 || q.flying > 0 && !q.inFlight:
		return fmt.Errorf("%d body bytes wait, the Delivery has %d; %d are with the app, in flight: %v", q.loading, here, q.flying, q.inFlight)
	case q.order != nil && (q.chunk > len(q.order.Chunks) || q.lastSent):
		return fmt.Errorf("chunk %d of %d of a Send is next, the last Sent was sent: %v", q.chunk, len(q.order.Chunks), q.lastSent)
	case q.order != nil && q.room > 0:
		return fmt.Errorf("a Send waits, and the stream has room for %d bytes", q.room)
	}
	return nil
}

func (r *Router) checkUni(u *uni) error {
	if err := u.lane.check(r.share, u.over && !u.critical()); err != nil {
		return err
	}
	theirs := u.stream.ID.Initiator() != r.cfg.Role
	switch {
	case theirs != (u.kind < ownCritical):
		return fmt.Errorf("kind %d, the peer's: %v", u.kind, theirs)
	case !theirs && !u.over:
		return fmt.Errorf("our own stream is to be read")
	case u.kind >= theirControl && u.kind <= theirDecoder && !r.control.seen[u.kind-theirControl]:
		return fmt.Errorf("kind %d was never seen", u.kind)
	case len(u.part) > maxInstruction:
		return fmt.Errorf("%d bytes of an instruction, at most %d", len(u.part), maxInstruction)
	case u.over && !u.critical() && !u.waits:
		return fmt.Errorf("has ended, and stays")
	case u.over && theirs && u.critical() && !r.ordered:
		return fmt.Errorf("is critical and has ended, and the connection goes on with %v", h3wire.CodeClosedCriticalStream)
	}
	return nil
}

// check compares the books of an edge to a stream with what is on it.
func (l *lane) check(share int, silent bool) error {
	if l.left {
		if l.dirty || l.owes || l.waits {
			return fmt.Errorf("the stream has left; to be settled: %v, a Write is owed: %v, a wake awaited: %v", l.dirty, l.owes, l.waits)
		}
		return nil
	}
	w, bytes := l.stream.Out.Filling(), 0
	if len(w.Chunks) <= 4*checkWindow {
		for _, c := range w.Chunks {
			bytes += len(c.B)
			if c.Holders() <= 0 {
				return fmt.Errorf("a chunk of %d bytes is to be written, and nobody holds it", len(c.B))
			}
		}
		if bytes != l.filled {
			return fmt.Errorf("%d bytes are to be written, the chunks have %d", l.filled, bytes)
		}
	}
	switch {
	case l.dirty:
		return fmt.Errorf("is to be settled, and is not on the list")
	case l.waits && !l.stream.Out.InFlight():
		return fmt.Errorf("waits for a wake, and no Write is in flight")
	case l.owes && !l.waits:
		return fmt.Errorf("a Write is owed, and no wake awaited")
	case l.filled < 0 || l.flight < 0 || l.credit < 0:
		return fmt.Errorf("%d bytes to be written, %d in flight, %d used up", l.filled, l.flight, l.credit)
	case l.credit > 0 && (l.credit >= share || silent):
		return fmt.Errorf("%d used up bytes are held back, the share is %d; nothing else will come: %v", l.credit, share, silent)
	}
	return nil
}
