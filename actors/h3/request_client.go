package h3

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// opening is how a client's requests get streams.
type opening struct {
	waiting queue // in the order of their Opens
	credit  port.StreamCredit
	opened  port.StreamCredit // streams of ours so far
	peer    *port.Connected   // nil before the handshake is complete
	retry   mono.Time         // when to ask again for a stream room; 0 if none was refused
}

// retryAfter is how long to wait for a stream room to leave whose place conn has granted already: it is on its way out.
const retryAfter = time.Millisecond

// granted takes conn's word on how many streams of ours there may be.
func (r *Router) granted(m *port.StreamCredit) {
	o := &r.opening
	o.credit.Bidi, o.credit.Uni = max(o.credit.Bidi, m.Bidi), max(o.credit.Uni, m.Uni)
	r.ports.ToConn.Send(&r.control.creditTaken)
}

// open takes a request of the app. It waits for a stream.
func (r *Router) open(m *port.Open) {
	q := r.newRequest()
	q.bind(m.Exchange)
	q.lastSent = m.Fin
	for i := range m.Fields {
		if m.Fields[i].Name == ":method" {
			q.message.head = m.Fields[i].Value == "HEAD"
			q.message.connect = m.Fields[i].Value == "CONNECT"
		}
	}
	switch {
	case r.cfg.Role == wire.Server || r.goodbye.wanted:
		r.turnAway(q, r.goodbye.refusal())
	case r.opening.waiting.count >= r.cfg.Limits.Streams:
		r.turnAway(q, &port.StreamError{Code: uint64(h3wire.CodeRequestRejected), Unprocessed: true, Reason: "too many requests wait for a stream"})
	default:
		r.opening.waiting.push(q)
	}
}

// openRequests gives streams to those that wait, as far as there are any.
func (r *Router) openRequests() {
	o := &r.opening
	if o.peer == nil || r.ordered {
		return
	}
	for q := o.waiting.first; q != nil && o.opened.Bidi < o.credit.Bidi; q = o.waiting.first {
		m := &q.x.OpenOrder
		if !r.acceptable(m.Fields) {
			r.turnAway(q, r.tooLarge(m.Fields))
			continue
		}
		s := r.spawn(false)
		if s == nil {
			return
		}
		q.leave()
		r.attach(q, s)
		q.x.Stream = s
		q.room = r.cfg.Limits.UnsentBytes
		r.writeFields(q, m.Fields)
		if m.Home != nil { // ten thousand requests may wait for their answers
			m.Home.Release()
			m.Fields, m.Home = nil, nil
		}
		if m.Fin {
			r.finish(q)
		}
	}
}

// spawn opens a stream of ours. It returns nil if all rooms are taken: then the room asks again.
func (r *Router) spawn(uni bool) *port.Stream {
	o := &r.opening
	count, limit := &o.opened.Bidi, o.peer.Peer.InitialMaxStreamDataBidiRemote
	if uni {
		count, limit = &o.opened.Uni, o.peer.Peer.InitialMaxStreamDataUni
	}
	s := r.cfg.Streams.Spawn(wire.MakeStreamID(r.cfg.Role, uni, *count), port.StreamOptions{
		SendLimit: limit, RecvWindow: o.peer.RecvWindow,
	})
	if s == nil {
		o.retry = r.now.Add(retryAfter)
		return nil
	}
	*count++
	return s
}

// failUnprocessed ends the requests that the peer will not answer (RFC 9114 s5.2).
func (r *Router) failUnprocessed(from uint64) {
	err := r.goodbye.refusal()
	for q := r.opening.waiting.first; q != nil; q = r.opening.waiting.first {
		r.turnAway(q, err)
	}
	for _, q := range r.requests {
		if !q.left && uint64(q.stream.ID) >= from && !q.over() {
			r.abandon(q, uint64(h3wire.CodeRequestCancelled), err)
			r.touch(&q.lane)
		}
	}
}
