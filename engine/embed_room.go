package engine

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// raw is the room above the streams for an embedder: what h3 is for HTTP/3, without any protocol. An Exchange is one
// stream. Behaviour[port.ToH3], Leaver.
type raw struct {
	role    wire.Role
	room    int // how many bytes a stream takes before it has said so: Limits.UnsentBytes
	streams port.Streams
	toConn  actor.Port[port.ToConn]
	hand    actor.Hand
	ready   func(*port.Connected)
	born    func(*port.Exchange) // a stream of the peer, or one of ours that was opened

	connected *port.Connected
	allowed   [2]uint64 // by direction: how many of our streams may ever be opened
	opened    [2]uint64
	waiting   []*port.Open // in the order of the orders
	rows      []*rawStream
	dirty     []*rawStream
	taken     port.CreditTaken
	left      bool
}

// rawStream is one stream's row.
type rawStream struct {
	x     *port.Exchange
	link  *port.Stream // nil: waits to be opened
	at    int          // its place in rows
	dirty bool

	// receiving
	pieces    []port.Piece
	bytes     int
	end       error // why the half ends, with ended
	ended     bool  // nothing follows pieces
	inFlight  bool  // the app has a Delivery
	lastRead  bool
	discarded bool // the app does not want it

	// sending
	send     *port.Send
	room     int
	stop     error // the peer does not want it, or the app has given it up
	lastSent bool
}

// Handle takes one message.
func (r *raw) Handle(_ mono.Time, m port.ToH3) {
	if r.left {
		if rel, ok := m.(actor.Releaser); ok {
			rel.Release()
		}
		return
	}
	switch m := m.(type) {
	case *port.Connected:
		r.connected = m
		r.ready(m)
	case *port.StreamCredit:
		r.allowed = [2]uint64{m.Bidi, m.Uni}
		r.toConn.Send(&r.taken)
	case *port.Read:
		r.read(m)
	case *port.StreamWake:
		m.Stream.Out.Woken()
		if row, ok := m.Stream.H3Row.(*rawStream); ok {
			r.touch(row)
		}
	case *port.Open:
		r.waiting = append(r.waiting, m)
	case *port.Send:
		r.written(m)
	case *port.Taken:
		r.used(m)
	case *port.Cancel:
		r.cancel(m)
	case *port.Stop:
		r.stop(m.Cause)
	}
}

// Flush opens what may be opened and tells streams and apps what they are owed.
func (r *raw) Flush(mono.Time) {
	if r.left {
		return
	}
	r.openWaiting()
	for i := 0; i < len(r.dirty); i++ {
		row := r.dirty[i]
		row.dirty = false
		r.settle(row)
	}
	clear(r.dirty)
	r.dirty = r.dirty[:0]
}

// Left reports whether the connection has died and every stream's owner knows.
func (r *raw) Left() bool { return r.left }

func direction(uni bool) int {
	if uni {
		return 1
	}
	return 0
}

// openWaiting opens the streams that may be, in the order of the orders. One that has to wait for the peer holds up those
// of its direction, not the others: a peer may grant none of one direction for ever.
func (r *raw) openWaiting() {
	if r.connected == nil || len(r.waiting) == 0 {
		return
	}
	var blocked [2]bool
	still := r.waiting[:0]
	for _, m := range r.waiting {
		d := direction(m.Uni)
		blocked[d] = blocked[d] || r.opened[d] >= r.allowed[d] || !r.open(d, m)
		if blocked[d] {
			still = append(still, m)
		}
	}
	clear(r.waiting[len(still):])
	r.waiting = still
}

// open makes a stream of ours.
func (r *raw) open(d int, m *port.Open) bool {
	id := wire.MakeStreamID(r.role, m.Uni, r.opened[d])
	o := port.StreamOptions{RecvWindow: r.connected.RecvWindow}
	o.SendLimit = r.connected.Peer.InitialMaxStreamDataBidiRemote
	if m.Uni {
		o.SendLimit = r.connected.Peer.InitialMaxStreamDataUni
	}
	link := r.streams.Spawn(id, o)
	if link == nil {
		return false
	}
	r.opened[d]++
	row := r.add(m.Exchange, link)
	row.room = r.room
	if m.Uni {
		row.ended, row.lastRead = true, true
		row.x.Reads.Send(&port.Delivery{Last: true})
	}
	r.born(row.x)
	return true
}

func (r *raw) add(x *port.Exchange, link *port.Stream) *rawStream {
	row := &rawStream{x: x, link: link, at: len(r.rows)}
	x.Row, x.Stream, link.H3Row = row, link, row
	r.rows = append(r.rows, row)
	return row
}

// read takes what a stream has to say. The first Read of a stream of the peer introduces it.
func (r *raw) read(m *port.Read) {
	s := m.Stream
	row, _ := s.H3Row.(*rawStream)
	if s.H3Row == nil && s.ID.Initiator() != r.role {
		row = r.add(port.NewExchange(r.hand), s)
		if s.ID.IsUni() {
			row.lastSent = true
			row.x.Writes.Send(&port.Sent{Last: true})
		} else {
			row.room = r.room
		}
		r.born(row.x)
	}
	if row == nil {
		m.Release()
	} else {
		row.take(m)
		r.touch(row)
	}
	if s.In.Free() {
		s.FromH3.Send(port.WakeIn)
	}
}

func (row *rawStream) take(m *port.Read) {
	for _, p := range m.Pieces {
		if row.discarded {
			row.link.Out.Filling().Taken += len(p.B)
			p.Chunk.Release()
			continue
		}
		row.bytes += len(p.B)
		row.pieces = append(row.pieces, p)
	}
	clear(m.Pieces)
	m.Pieces = m.Pieces[:0]
	row.room = m.Room
	row.ended = row.ended || m.Fin
	if m.HasReset {
		row.ended, row.end = true, &port.StreamError{Code: m.ResetCode, Remote: true, Reason: "it sends no more (RESET_STREAM)"}
	}
	if m.HasStop && row.stop == nil {
		row.stop = &port.StreamError{Code: m.StopCode, Remote: true, Reason: "it reads no more (STOP_SENDING)"}
	}
}

// written takes the next part of what the app writes. The last Sent may have crossed it: then nobody waits for an answer, and
// the stream may be forgotten.
func (r *raw) written(m *port.Send) {
	row := m.Exchange.Row.(*rawStream)
	if row.lastSent {
		m.Release()
		return
	}
	row.send = m
	r.touch(row)
}

// used takes a Delivery back.
func (r *raw) used(m *port.Taken) {
	row, ok := m.Exchange.Row.(*rawStream)
	if !ok || row.link == nil {
		return
	}
	row.inFlight = false
	row.link.Out.Filling().Taken += m.Bytes
	r.touch(row)
}

// cancel ends one half or both.
func (r *raw) cancel(m *port.Cancel) {
	row, ok := m.Exchange.Row.(*rawStream)
	if !ok || row.link == nil {
		return
	}
	w := row.link.Out.Filling()
	if m.StopReading && !row.ended {
		w.HasStop, w.StopCode = true, m.Code
		row.discarded, row.ended, row.end = true, true, &port.StreamError{Code: m.Code, Reason: "the peer was asked for no more (StopStream)"}
		w.Taken += row.drop()
	}
	if m.StopWriting && row.stop == nil && !row.lastSent {
		w.HasReset, w.ResetCode = true, m.Code
		row.stop = &port.StreamError{Code: m.Code, Reason: "it was given up (ResetStream)"}
	}
	r.touch(row)
}

// drop releases what the app does not want.
func (row *rawStream) drop() (n int) {
	for _, p := range row.pieces {
		p.Chunk.Release()
	}
	n, row.bytes, row.pieces = row.bytes, 0, nil
	return n
}

func (r *raw) touch(row *rawStream) {
	if !row.dirty {
		row.dirty = true
		r.dirty = append(r.dirty, row)
	}
}

// settle does what a row owes.
func (r *raw) settle(row *rawStream) {
	if row.link == nil {
		return
	}
	row.deliver()
	row.pump()
	s := row.link
	w := s.Out.Filling()
	w.Done = row.ended && row.lastRead && row.lastSent && !row.inFlight
	if len(w.Chunks) == 0 && !w.Fin && !w.HasReset && !w.HasStop && w.Taken == 0 && !w.Done {
		return
	}
	m, next, ok := s.Out.Ready()
	if !ok {
		return // the stream's wake comes
	}
	next.Reset()
	if m.Done {
		r.forget(row)
	}
	s.FromH3.Send(m)
}

// deliver hands the app what arrived, one Delivery at a time.
func (row *rawStream) deliver() {
	if row.lastRead || row.inFlight || len(row.pieces) == 0 && !row.ended {
		return
	}
	row.inFlight, row.lastRead = len(row.pieces) > 0, row.ended
	row.x.Reads.Send(&port.Delivery{Pieces: row.pieces, Last: row.ended, Err: row.end})
	row.pieces, row.bytes = nil, 0
}

// pump moves the app's bytes into the stream, while it takes some.
func (row *rawStream) pump() {
	if row.stop != nil && !row.lastSent {
		if row.send != nil {
			row.send.Release()
			row.send = nil
		}
		row.lastSent = true
		row.x.Writes.Send(&port.Sent{Last: true, Err: row.stop})
		return
	}
	if row.send == nil || row.room <= 0 {
		return
	}
	w, m := row.link.Out.Filling(), row.send
	for _, c := range m.Chunks {
		row.room -= len(c.B)
	}
	w.Chunks = append(w.Chunks, m.Chunks...)
	w.Fin = m.Fin
	m.Chunks, row.send, row.lastSent = nil, nil, m.Fin
	row.x.Writes.Send(&port.Sent{Last: m.Fin})
}

func (r *raw) forget(row *rawStream) {
	last := len(r.rows) - 1
	r.rows[row.at] = r.rows[last]
	r.rows[row.at].at = row.at
	r.rows[last] = nil
	r.rows = r.rows[:last]
	row.link.H3Row = forgotten{} // the stream's address may serve another one behind our last word
	row.link = nil
}

// forgotten is the row of a stream that was told the last word.
type forgotten struct{}

// stop answers everybody who waits.
func (r *raw) stop(cause *port.Cause) {
	r.left = true
	for _, m := range r.waiting {
		m.Exchange.Reads.Send(&port.Delivery{Last: true, Err: cause})
		m.Exchange.Writes.Send(&port.Sent{Last: true, Err: cause})
	}
	for _, row := range r.rows {
		row.drop()
		if row.send != nil {
			row.send.Release()
		}
		row.link.Out.Filled().Release()
		if !row.lastRead {
			row.x.Reads.Send(&port.Delivery{Last: true, Err: cause})
		}
		if !row.lastSent {
			row.x.Writes.Send(&port.Sent{Last: true, Err: cause})
		}
	}
	r.rows, r.waiting, r.dirty = nil, nil, nil
}
