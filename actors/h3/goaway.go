package h3

import (
	"math"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// noGoaway is above every ID.
const noGoaway = math.MaxUint64

// goodbye is the graceful end (RFC 9114 s5.2).
type goodbye struct {
	received uint64 // the ID in the peer's last GOAWAY
	sent     uint64 // the ID in ours
	next     uint64 // a server's: the ID after the highest request seen
	wanted   bool   // no new requests, and the connection closes when the last has ended
	owed     bool   // our GOAWAY is not written yet
	said     bool   // conn has the order below
	order    port.CloseOrder
}

// refusal is what a request gets that nobody will act on.
func (g *goodbye) refusal() error {
	return &port.StreamError{Code: uint64(h3wire.CodeRequestRejected), Remote: g.received != noGoaway, Unprocessed: true, Err: port.ErrGoaway}
}

// goaway takes the peer's GOAWAY.
func (r *Router) goaway(payload []byte) *fault {
	g := &r.goodbye
	sender := h3wire.Server
	if r.cfg.Role == wire.Server {
		sender = h3wire.Client
	}
	id, err := h3wire.ParseGoaway(payload, sender)
	if err != nil {
		return asFault(err)
	}
	if id > g.received {
		// RFC 9114 s5.2: MUST be treated as a connection error.
		return connFault(h3wire.CodeIDError, "GOAWAY with a larger identifier than before")
	}
	g.received = id
	if r.cfg.Role == wire.Server {
		return nil // it speaks of pushes, and there are none
	}
	r.refuse(&port.Cause{Why: port.Theirs, App: true, Code: uint64(h3wire.CodeNoError), Reason: "GOAWAY"})
	r.failUnprocessed(id)
	return nil
}

// farewell is the app's wish to finish what runs, and then to close.
func (r *Router) farewell() {
	g := &r.goodbye
	if g.sent != noGoaway {
		return
	}
	// A client's GOAWAY speaks of pushes: it wants none.
	g.sent, g.owed = 0, true
	if r.cfg.Role == wire.Server {
		g.sent = g.next
	}
	r.refuse(&port.Cause{Why: port.Ours, App: true, Code: uint64(h3wire.CodeNoError), Reason: "goodbye"})
	if r.cfg.Role == wire.Client {
		for q := r.opening.waiting.first; q != nil; q = r.opening.waiting.first {
			r.turnAway(q, g.refusal())
		}
	}
}

// refuse tells the app that no new requests are taken.
func (r *Router) refuse(c *port.Cause) {
	if !r.goodbye.wanted {
		r.goodbye.wanted = true
		r.cfg.Tasks.Refuse(c)
	}
}

// depart writes our GOAWAY, and closes the connection when the last request has ended.
func (r *Router) depart() {
	g := &r.goodbye
	if g.owed && r.control.ours != nil {
		g.owed = false
		u := r.control.ours
		c := r.cfg.Chunks.Get(actor.ChunkSmall)
		c.B = h3wire.AppendGoaway(c.B, g.sent)
		r.traceControl(u, c.B)
		u.write(c)
		u.flush(0, false)
	}
	if g.wanted && !g.owed && !g.said && !r.ordered && len(r.requests) == 0 && r.opening.waiting.count == 0 {
		// RFC 9114 s5.2: H3_NO_ERROR for the close after a graceful shutdown. The last responses are still on their way, and
		// so may requests be: their client learns by the GOAWAY that nobody has acted on them. The close alone would not say so.
		g.said = true
		g.order = port.CloseOrder{App: true, Code: uint64(h3wire.CodeNoError), Behind: true, Late: r.cfg.Role == wire.Server}
		r.ports.ToConn.Send(&g.order)
	}
}

// stop is the connection's death: everybody who waits is answered, and everything let go.
func (r *Router) stop(cause *port.Cause) {
	r.ordered = true
	unsent := &port.StreamError{Unprocessed: true, Err: cause}
	for q := r.opening.waiting.first; q != nil; q = r.opening.waiting.first {
		r.turnAway(q, unsent)
	}
	for i, q := range r.requests {
		q.leave()
		r.endReading(q, cause, false)
		r.endWriting(q, cause)
		q.lane.drop()
		if !q.left {
			q.stream.H3Row = nil
		}
		if q.x != nil {
			q.x.Row = nil
		}
		r.requests[i] = nil
	}
	for i, u := range r.unis {
		u.lane.drop()
		u.stream.H3Row = nil
		r.unis[i] = nil
	}
	r.cfg.Tasks.Refuse(cause)
	if r.cfg.Cell != nil {
		r.cfg.Cell.Arm(0)
	}
	r.requests, r.unis, r.dirty, r.spare = nil, nil, nil, nil
	r.left = true
}
