package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/buffer"
	"quicpro/wire"
)

// row is what conn knows of one live stream.
type row struct {
	index uint32 // in the table
	gen   uint32 // raised when the row is freed: facts of earlier streams are then ignored
	turn  uint32 // when it last had data

	urgency uint8
	whole   bool // the stream's message is, or was, kept
	stopped bool // the peer wants no more of our half

	id   wire.StreamID
	link *port.Stream // nil if the stream has left, and the peer has not got all of its message

	received wire.Offset // the highest offset received, or the final size: what counts for connection flow control
	sentTo   wire.Offset // bytes below were in a packet
	toldTo   wire.Offset // what the stream knows of sentTo

	fresh segments           // never sent
	kept  *buffer.SendBuffer // a whole message, until the peer has it or its reset
	rare  *rowRare           // never nil; to be changed through seldom
	links [rareLists]links
}

// rowRare is what most streams never need.
type rowRare struct {
	again segments          // to be sent again: costs no credit
	stop  wire.AppErrorCode // of stopped
	owes  rowOwes
	links [numLists - rareLists]links
}

// nothingRare is that of a row that has not needed it yet. Nobody writes to it.
var nothingRare rowRare

// seldom is what the row seldom needs, to be changed.
func (r *row) seldom() *rowRare {
	if r.rare == &nothingRare {
		r.rare = new(rowRare)
	}
	return r.rare
}

// rowOwes are the frames that a stream owes (RFC 9000 s13.3).
type rowOwes struct {
	reset, stop, maxData, blocked bool
	resetCode, stopCode           wire.AppErrorCode
	resetFinal                    wire.Offset
	maxDataAt, blockedAt          wire.Offset
}

func (o *rowOwes) any() bool { return o.reset || o.stop || o.maxData || o.blocked }

// segments is a queue of bytes to send.
type segments struct {
	q    []buffer.Segment
	head int
}

func (s *segments) empty() bool { return s.head == len(s.q) }

func (s *segments) front() *buffer.Segment { return &s.q[s.head] }

func (s *segments) push(g buffer.Segment) {
	if s.head > 0 && len(s.q) == cap(s.q) {
		n := copy(s.q, s.q[s.head:])
		clear(s.q[n:])
		s.q, s.head = s.q[:n], 0
	}
	s.q = append(s.q, g)
}

// pop takes the front out. Its chunk is the caller's to release.
func (s *segments) pop() {
	s.q[s.head] = buffer.Segment{}
	if s.head++; s.head == len(s.q) {
		s.q, s.head = s.q[:0], 0
	}
}

// drop releases everything.
func (s *segments) drop() {
	for !s.empty() {
		if k := s.front().Chunk; k != nil {
			k.Release()
		}
		s.pop()
	}
}

// weight is what a segment counts for in the backlog: a FIN alone is not nothing.
func weight(g *buffer.Segment) int { return len(g.B) + 1 }

// The lists that a row can be in. A row with fresh bytes is in the list of its urgency.
const (
	listFresh = iota // has bytes never sent
	listNews         // has news for its stream
	listAgain        // has bytes to send again
	listOwing        // owes frames
	numLists

	rareLists = listAgain // the first that few rows are ever in
)

type links struct {
	prev, next *row
	in         *list
}

// in is the row's place in the list of a kind.
func (r *row) in(kind int) *links {
	if kind < rareLists {
		return &r.links[kind]
	}
	return &r.rare.links[kind-rareLists]
}

// list is an intrusive list of rows.
type list struct {
	kind        int
	first, last *row
}

// put appends r, unless it is in the list already.
func (l *list) put(r *row) {
	if l.kind >= rareLists {
		r.seldom()
	}
	k := r.in(l.kind)
	if k.in != nil {
		return
	}
	k.in, k.prev, k.next = l, l.last, nil
	if l.last == nil {
		l.first = r
	} else {
		l.last.in(l.kind).next = r
	}
	l.last = r
}

// cut takes r out of the list of this kind that it is in, if any.
func (r *row) cut(kind int) {
	k := r.in(kind)
	l := k.in
	if l == nil {
		return
	}
	if k.prev == nil {
		l.first = k.next
	} else {
		k.prev.in(kind).next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		k.next.in(kind).prev = k.prev
	}
	*k = links{}
}

// table holds the live rows: by index, for facts, and by stream ID, for frames.
type table struct {
	rows []*row // nil-free
	free []uint32
	byID map[wire.StreamID]*row // looked up, never ranged over
	last *row                   // the last one looked up
	live int
	bidi int // of them, bidirectional ones
}

// find returns the live row of a stream, or nil.
func (t *table) find(id wire.StreamID) *row {
	if r := t.last; r != nil && r.id == id {
		return r
	}
	r := t.byID[id]
	if r != nil {
		t.last = r
	}
	return r
}

// add makes a row for a stream.
func (t *table) add(s *port.Stream) *row {
	var r *row
	if n := len(t.free); n > 0 {
		r = t.rows[t.free[n-1]]
		t.free = t.free[:n-1]
	} else {
		r = &row{index: uint32(len(t.rows)), rare: &nothingRare}
		t.rows = append(t.rows, r)
	}
	r.id, r.link, r.urgency = s.ID, s, port.DefaultUrgency
	t.byID[s.ID] = r
	t.live++
	if s.ID.IsBidi() {
		t.bidi++
	}
	s.ConnRow = r
	return r
}

// used reports whether a row is a stream's.
func (r *row) used() bool { return r.link != nil || r.kept != nil }

// at returns the row that a fact refers to, or nil if its stream is gone.
func (t *table) at(index, gen uint32) *row {
	if r := t.rows[index]; r.gen == gen {
		return r
	}
	return nil
}

// remove frees a row that is in no list.
func (t *table) remove(r *row) {
	if t.last == r {
		t.last = nil
	}
	delete(t.byID, r.id)
	if r.link != nil {
		r.link.ConnRow = nil
	}
	t.live--
	if r.id.IsBidi() {
		t.bidi--
	}
	*r = row{index: r.index, gen: r.gen + 1, fresh: r.fresh, rare: &nothingRare}
	t.free = append(t.free, r.index)
}
