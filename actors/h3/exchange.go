package h3

import (
	"quicpro/actors/port"
	"quicpro/wire/h3wire"
)

// bind joins an exchange and its row.
func (q *request) bind(x *port.Exchange) {
	q.x, x.Row = x, q
}

// filling is the Delivery that is not with the app.
func (q *request) filling() *port.Delivery { return q.delivery(q.which) }

func (q *request) delivery(which uint8) *port.Delivery { return &q.x.Own.Parcel(which).Delivery }

// prompt is how many bytes of a complete message count as used up when the app gets them: the stream ends at once, and a
// reader finds its bytes in memory. So each exchange may hold that much beyond what flow control pays for.
const prompt = 64 << 10

// deliver hands the app what came, if it has used up what it got before; the last part too, so that at most one Taken is
// under way.
func (r *Router) deliver(q *request) {
	if q.x == nil || !q.fresh || q.inFlight || q.lastRead {
		return
	}
	d := q.filling()
	q.fresh, q.crumbs, q.lastRead = false, false, d.Last
	if d.Used = d.Last && q.loading <= prompt; d.Used {
		q.take(q.loading)
	} else {
		q.inFlight, q.flying = true, q.loading
	}
	q.loading = 0
	q.which ^= 1
	if d.Trailers != nil && !d.Last { // they belong to the end of the message, which has not come yet
		q.filling().Trailers, d.Trailers = d.Trailers, nil
	}
	q.x.Reads.Send(d)
	if q.launch {
		q.launch = false
		r.cfg.Tasks.Handle(q.x)
	}
}

// taken notes that the app has used its Delivery up.
func (r *Router) taken(m *port.Taken) {
	q, _ := m.Exchange.Row.(*request)
	if q == nil || !q.inFlight {
		return
	}
	q.inFlight = false
	q.take(q.flying)
	q.flying = 0
	if !q.lastRead {
		d := q.delivery(q.which ^ 1)
		clear(d.Heads)
		clear(d.Pieces)
		*d = port.Delivery{Heads: d.Heads[:0], Pieces: d.Pieces[:0], Length: noLength}
	}
	r.touch(&q.lane)
}

// endReading gives the app its last Delivery, if that is owed: it carries err. The credit of what the app holds returns
// now, since no Taken may come any more.
func (r *Router) endReading(q *request, err error, discard bool) {
	q.take(q.flying)
	q.flying = 0
	if q.x == nil || q.lastRead {
		return
	}
	q.failed = true
	d := q.filling()
	q.take(q.loading)
	q.loading = 0
	if discard || q.launch {
		dropPieces(d.Pieces)
		clear(d.Pieces)
		d.Pieces, d.Heads, d.Trailers = d.Pieces[:0], d.Heads[:0], nil
	}
	q.fresh, q.lastRead = false, true
	if q.launch {
		// The app never hears of an exchange that was over before it began.
		q.launch = false
		q.x.Row, q.x = nil, nil
		return
	}
	d.Last, d.Err = true, err
	q.x.Reads.Send(d)
}

// endWriting gives the app its last Sent, if that is owed, and lets go of what it wanted to be sent.
func (r *Router) endWriting(q *request, err error) {
	if m := q.order; m != nil {
		q.order = nil
		m.Chunks = m.Chunks[q.chunk:]
		m.Release()
	}
	if q.x == nil || q.lastSent {
		return
	}
	q.lastSent = true
	q.failed = q.failed || err != nil
	if q.unheard {
		return
	}
	q.x.Writes.Send(&port.Sent{Last: true, Err: err})
}

// cancel ends an exchange at the app's wish.
func (r *Router) cancel(m *port.Cancel) {
	q, _ := m.Exchange.Row.(*request)
	if q == nil {
		return
	}
	q.failed = true
	code := m.Code
	if code == 0 {
		code = uint64(h3wire.CodeRequestCancelled)
	}
	if q.stream == nil {
		r.turnAway(q, &port.StreamError{Code: code, Unprocessed: true})
		return
	}
	if m.StopReading || m.StopWriting {
		// A message that is complete, and a half whose end was seen, have nothing to end.
		err := &port.StreamError{Code: code}
		if m.StopReading {
			r.stopReading(q, code, err)
		}
		if m.StopWriting {
			if m.Behind && !q.outOver {
				q.outOver = true
				q.resetBehind(code)
			}
			r.stopWriting(q, code, err)
		}
	}
	if m.HandlerDone {
		r.handled(q, m.Code)
	}
	r.touch(&q.lane)
}

// turnAway answers a request that never got a stream.
func (r *Router) turnAway(q *request, err error) {
	r.endReading(q, err, true)
	r.endWriting(q, err)
	r.recycle(q)
}
