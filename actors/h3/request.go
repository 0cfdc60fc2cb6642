package h3

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// request is the row of one exchange: its stream's two halves, and what the app knows of them.
type request struct {
	lane
	x     *port.Exchange // nil while a server's app has not been told, and if it never will be
	index int            // in Router.requests

	// the queue it waits in, if any: without a stream, or without a head
	in         *queue
	prev, next *request
	deadline   mono.Time // for its head

	// receiving
	message inbound
	flying  int // body bytes in the Delivery that is with the app
	loading int // body bytes in the one being filled

	// sending
	order *port.Send // what the app wants to be sent, until it is
	chunk int        // the next of its chunks

	// The flags are neighbours: there may be ten thousand rows. Those of receiving:
	inOver   bool  // the peer's half needs no more reading: its end was seen, or it was stopped
	bare     bool  // a server's: the head promises no body
	awaits   bool  // nobody wants more, but the end of a bare request is due
	which    uint8 // the Delivery being filled
	fresh    bool  // it has something to say
	launch   bool  // the app has not been told of the exchange
	inFlight bool  // the other Delivery is with the app
	crumbs   bool  // the last piece of the one being filled is ours to append to
	lastRead bool  // the last Delivery was sent
	// and those of sending:
	outOver     bool // our half was finished or reset
	lastSent    bool // the last Sent was sent, if there is one
	unheard     bool // there is none: the handler returned with its Send
	handlerDone bool
	failed      bool // the app was told an error, or has cancelled: mail of it may still be under way
}

// newRequest takes a row that is empty but for its memory.
func (r *Router) newRequest() *request {
	var q *request
	if n := len(r.spare); n > 0 {
		q, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		q = &request{}
	}
	sender := h3wire.Server
	if r.cfg.Role == wire.Server {
		sender = h3wire.Client
	}
	section := q.message.section
	*q = request{message: inbound{decoder: &r.decoder, section: section[:0], limit: r.cfg.MaxFieldSection, sender: sender, declared: noLength}}
	q.lane.request = q
	return q
}

// attach gives a row its stream.
func (r *Router) attach(q *request, s *port.Stream) {
	q.stream, s.H3Row = s, q
	q.index = len(r.requests)
	r.requests = append(r.requests, q)
	r.touch(&q.lane)
}

// forgetRequest is the end of a row: the stream was told the last word.
func (r *Router) forgetRequest(q *request) {
	last := len(r.requests) - 1
	r.requests[q.index] = r.requests[last]
	r.requests[q.index].index = q.index
	r.requests[last] = nil
	r.requests = r.requests[:last]
	x, failed := q.x, q.failed
	r.recycle(q)
	if x != nil && !failed {
		r.cfg.Tasks.Over(x)
	}
}

const (
	maxSpareRows    = 128
	maxSpareSection = 4 << 10
)

// recycle keeps a row's memory for the next one.
func (r *Router) recycle(q *request) {
	q.leave()
	if q.x != nil {
		q.x.Row = nil
	}
	q.stream, q.x = nil, nil
	if cap(q.message.section) > maxSpareSection {
		q.message.section = nil
	}
	if len(r.spare) < maxSpareRows {
		r.spare = append(r.spare, q)
	}
}

// over reports whether the app is done with the exchange. On a server that is when its handler has returned: only then
// may the peer have the stream's place again.
func (q *request) over() bool {
	switch {
	case q.x == nil:
		return true
	case q.message.sender == h3wire.Client:
		return q.handlerDone
	}
	return q.lastRead && q.lastSent
}

// silent reports whether nothing more will be read or written, and all of the credit has come.
func (q *request) silent() bool { return q.inOver && q.outOver && q.flying == 0 && q.loading == 0 }

// readRequest takes what the stream of a request has to say.
func (r *Router) readRequest(q *request, m *port.Read) {
	r.touch(&q.lane)
	q.offered(m.Room)
	for i := range m.Pieces {
		r.feed(q, m.Pieces[i])
	}
	if r.ordered {
		return // what follows a violation means nothing
	}
	switch {
	case m.HasReset && !q.inOver:
		r.peerReset(q, m.ResetCode)
	case m.Fin && !q.inOver:
		r.peerFinished(q)
	}
	if m.HasStop {
		r.peerStopped(q, m.StopCode)
	}
}

// feed parses a piece. What is not body is used up.
func (r *Router) feed(q *request, p port.Piece) {
	b, kept, handed := p.B, 0, false
	for !q.inOver && !r.ordered {
		e, n, f := q.message.next(b)
		b = b[n:]
		if f != nil {
			r.blame(q, f)
			break
		}
		if e.kind == needMore {
			break
		}
		if r.cfg.Trace != nil && e.began {
			r.cfg.Trace.H3Frame(r.now, false, q.stream.ID, uint64(e.frame.Type), e.frame.Length, e.fields)
		}
		switch e.kind {
		case gotBody:
			if q.awaits {
				r.stopReading(q, uint64(h3wire.CodeNoError), errHandlerReturned)
				break
			}
			kept += len(e.body)
			if r.load(q, e.body, p, len(b) == 0 && !handed) {
				handed = true
			}
		case gotHead:
			r.gotHead(q, &e)
		case gotTrailer:
			if !q.awaits {
				q.filling().Trailers = e.fields // no news before the end is seen
			}
		}
	}
	q.take(len(p.B) - kept)
	if !handed {
		p.Chunk.Release()
	}
}

// load puts body bytes into the Delivery being filled. It reports whether that took over the piece's hold on its chunk.
func (r *Router) load(q *request, body []byte, p port.Piece, last bool) bool {
	d := q.filling()
	q.loading += len(body)
	q.fresh = true
	if len(d.Pieces) >= fewPieces && len(body) <= len(p.Chunk.Space())/8 {
		r.crumb(q, d, body)
		return false
	}
	if !last {
		p.Chunk.Retain()
	}
	d.Pieces = append(d.Pieces, port.Piece{B: body, Chunk: p.Chunk})
	q.crumbs = false
	return last
}

// fewPieces is how many pieces of a Delivery may pin chunks that they hardly use.
const fewPieces = 4

// crumb copies body bytes behind other crumbs: a peer that sends a byte of DATA a chunk, and fills the rest with frames
// that mean nothing, would otherwise make us hold far more memory than its window.
func (r *Router) crumb(q *request, d *port.Delivery, body []byte) {
	if q.crumbs {
		last := &d.Pieces[len(d.Pieces)-1]
		if c := last.Chunk; cap(c.B)-len(c.B) >= len(body) {
			c.B = append(c.B, body...)
			last.B = c.B
			return
		}
	}
	c := r.cfg.Chunks.Get(max(len(body), actor.ChunkMedium))
	c.B = append(c.B, body...)
	d.Pieces = append(d.Pieces, port.Piece{B: c.B, Chunk: c})
	q.crumbs = true
}

func (r *Router) gotHead(q *request, e *event) {
	if r.cfg.Role == wire.Server {
		r.born(q)
		q.bare = e.length <= 0 && isBare(e.fields)
	}
	d := q.filling()
	d.Heads = append(d.Heads, e.fields)
	if e.final {
		d.Length = e.length
	}
	q.fresh = true
}

// peerFinished takes the end of the peer's half.
func (r *Router) peerFinished(q *request) {
	q.inOver = true
	if q.awaits {
		return
	}
	if f := q.message.end(); f != nil {
		r.blame(q, f)
		return
	}
	q.filling().Last, q.fresh = true, true
}

// peerReset takes the peer's reset of its half. What came before it is still the app's.
func (r *Router) peerReset(q *request, code uint64) {
	q.inOver = true
	if q.unborn() {
		// RFC 9114 s4.1: not enough of the message for a response.
		r.abandon(q, uint64(h3wire.CodeRequestIncomplete), nil)
		return
	}
	err := &port.StreamError{Code: code, Remote: true}
	if r.cfg.Role == wire.Server {
		r.endReading(q, err, false)
		return
	}
	// RFC 9114 s4.1.1: a rejected request was not processed.
	err.Unprocessed = code == uint64(h3wire.CodeRequestRejected) && q.message.phase == awaitHead
	r.endReading(q, err, false)
	r.stopWriting(q, uint64(h3wire.CodeRequestCancelled), err)
}

// peerStopped takes the peer's STOP_SENDING. The stream has answered it with a reset of its own.
func (r *Router) peerStopped(q *request, code uint64) {
	if q.outOver {
		return
	}
	q.outOver = true
	releaseChunks(q.stream.Out.Filled())
	q.filled = 0
	if q.unborn() {
		r.abandon(q, uint64(h3wire.CodeRequestCancelled), nil)
		return
	}
	// RFC 9114 s4.1: a client keeps the response to a request whose rest the server does not want.
	r.endWriting(q, &port.StreamError{Code: code, Remote: true, Reason: "the peer reads no more"})
}

// blame ends the stream, or the connection, for a violation.
func (r *Router) blame(q *request, f *fault) {
	if f.conn {
		r.fail(f)
		return
	}
	if f.large == nil {
		r.abandon(q, uint64(f.code), &port.StreamError{Code: uint64(f.code), Reason: f.reason})
	} else if !q.unborn() || !r.answerTooLarge(q, f) {
		r.abandon(q, uint64(f.code), &port.StreamError{Code: uint64(f.code), Err: f.large})
	}
}

// unborn reports whether the app does not know of a server's exchange yet.
func (q *request) unborn() bool { return q.message.sender == h3wire.Client && (q.x == nil || q.launch) }

// abandon ends both halves with a code. What came and was not delivered is dropped.
func (r *Router) abandon(q *request, code uint64, err error) {
	q.leave()
	r.stopReading(q, code, err)
	r.stopWriting(q, code, err)
}

func (r *Router) stopReading(q *request, code uint64, err error) {
	if !q.inOver {
		q.inOver = true
		q.stop(code)
	}
	r.endReading(q, err, true)
}

func (r *Router) stopWriting(q *request, code uint64, err error) {
	if !q.outOver {
		q.outOver = true
		q.reset(code)
	}
	r.endWriting(q, err)
}
