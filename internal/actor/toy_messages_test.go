package actor_test

import (
	"sync"
	"sync/atomic"

	"quicpro/internal/actor"
)

// The toy's limits: small, so that every bound is met often.
const (
	rxCirculation = 16 // receive batches of one connection that are not home; the reader drops beyond
	txBatches     = 3  // transmit batches of the connection
	localStreams  = 4  // local streams alive
	peerStreams   = 3  // the peer's streams alive
	appCredits    = 6  // operations the app room has open
	callerCredits = 3  // operations the blocking callers have open
	peerWindow    = 40 // datagrams between the peer and the reader
	packetSize    = 1200
	frameSize     = 300
	pushPieces    = 2 // pieces the router hands a stream at a time
)

type port = actor.Port[any]

// wake tells the sender of a slot's message that the slot it wanted is free. One place is reserved for it.
type wake struct {
	slot *actor.Slot
	away atomic.Bool
}

func (m *wake) post(w *world, to port) {
	if m.away.Swap(true) {
		panic("toy: two wakes for the one place that is reserved")
	}
	w.wakes.Add(1)
	to.Send(m)
}

func (m *wake) taken() {
	m.away.Store(false)
	m.slot.Woken()
}

// piece is a part of a body in a counted chunk.
type piece struct {
	c   *actor.Chunk
	off int
	b   []byte
	fin bool
}

func releasePieces(ps []piece) []piece {
	for i := range ps {
		ps[i].c.Release()
	}
	clear(ps)
	return ps[:0]
}

// haul carries pieces one hop: stream to conn, router to stream, stream to router, router to app. It is its own slot.
type haul struct {
	slot   actor.Slot
	wake   wake
	s      *streamRef
	op     *op
	pieces []piece
}

func (h *haul) Release() {
	h.pieces = releasePieces(h.pieces)
	h.slot.Free()
}

// free gives the slot back and wakes its sender if it owes more.
func (h *haul) free(w *world, to port) {
	if h.slot.Free() {
		h.wake.post(w, to)
	}
}

// segment is received payload that still lies in its batch.
type segment struct {
	batch *rxBatch
	off   int
	b     []byte
	fin   bool
}

// down carries what arrived for a stream and what became of its bytes, from conn.
type down struct {
	slot     actor.Slot
	wake     wake
	segs     []segment
	acked    int
	finAcked bool
}

func (d *down) Release() {
	for i := range d.segs {
		d.segs[i].batch.Release()
	}
	d.segs = d.segs[:0]
	d.slot.Free()
}

// credit grants the router local streams. It is a slot, too.
type credit struct {
	slot actor.Slot
	wake wake
	n    int
}

func (c *credit) Release() { c.slot.Free() }

// streamRef is what a stream and its two neighbours share: the records that are their messages, and their ports.
type streamRef struct {
	id                   int
	fromConn, fromRouter port // into the stream
	toConn, toRouter     port // out of the stream; the receiver closes them at ended

	down              down // conn to stream
	up, push, deliver haul // stream to conn, router to stream, stream to router

	stop                         stopNow
	opened                       opened
	endedConn, endedRouter       ended
	releasedConn, releasedRouter released

	op    *op  // the router's
	known bool // the router's
	met   bool // conn's
}

type (
	stopNow      struct{}
	start        struct{}
	peerDone     struct{}
	callersDone  struct{}
	routerEnded  struct{}
	protectEnded struct{}
	released     struct{}
	opened       struct{ s *streamRef }
	answer       struct{ op *op }
	respond      struct{ op *op }
	returned     struct{ op *op }
	handlerLeft  struct{ id int }
	frameKind    uint8
	sentPart     struct {
		cs  *connStream
		n   int
		fin bool
	}
	peerStreamLog struct{ got int }
)

// ended is a stream's last message to each neighbour.
type ended struct {
	s     *streamRef
	whole bool // both halves are complete, not stopped
	late  bool // a neighbour that is gone already still answers
}

// Release answers in the place of a router that is gone: it cannot know every stream that conn spawned, and whoever
// waits is never forgotten. conn outlives its streams and needs no such thing.
func (e *ended) Release() {
	if e.late {
		e.s.fromRouter.Send(&e.s.releasedRouter)
	}
}

// Release counts the answer that its app room left without: an operation of the peer's, after the close.
func (a *answer) Release() { a.op.count() }

// Release frees the response that nobody will send.
func (r *respond) Release() { r.op.out = releasePieces(r.op.out) }

const (
	frameBytes frameKind = iota
	frameAck
	frameMaxStreams
	frameClose
)

type frame struct {
	kind frameKind
	id   int // stream, packet number, or count
	off  int
	b    []byte
	fin  bool
}

// datagram goes from the peer to the reader, and back as a receipt.
type datagram struct {
	frames  []frame
	dropped bool
}

// rxBatch is received memory, shared by the streams it carries payload for.
type rxBatch struct {
	w      *world
	refs   actor.Refs
	buf    [packetSize]byte
	used   int
	frames []frame
}

func (b *rxBatch) Release() {
	if !b.refs.Done() {
		return
	}
	for i := range b.buf[:b.used] {
		b.buf[i] = 0xdd // whoever still reads will see it, and so will the race detector
	}
	b.w.circulating.Add(-1)
	b.w.rxOut.Add(-1)
	b.w.rxPool.Put(b)
}

func (w *world) getRX() *rxBatch {
	b, _ := w.rxPool.Get().(*rxBatch)
	if b == nil {
		b = &rxBatch{w: w}
	}
	b.used, b.frames = 0, b.frames[:0]
	b.refs.Set(1)
	w.rxOut.Add(1)
	return b
}

// txBatch is a packet on its way out, and its own message.
type txBatch struct {
	w      *world
	buf    [packetSize]byte
	used   int
	num    int
	frames []frame
}

func (b *txBatch) Release() {
	b.w.txOut.Add(-1)
	b.w.txPool.Put(b)
}

func (b *txBatch) add(f frame) {
	n := copy(b.buf[b.used:], f.b)
	f.b = b.buf[b.used : b.used+n]
	b.used += n
	b.frames = append(b.frames, f)
}

func (w *world) getTX() *txBatch {
	b, _ := w.txPool.Get().(*txBatch)
	if b == nil {
		b = &txBatch{w: w}
	}
	w.txOut.Add(1)
	return b
}

type pools struct {
	chunks         actor.Chunks
	rxPool, txPool sync.Pool
	rxOut, txOut   actor.Count
	circulating    actor.Count
}

// scramble is the toy's AEAD: it works in place and is its own inverse.
func scramble(b []byte) {
	for i := range b {
		b[i] ^= 0x5a
	}
}

// content is what a body with that key holds at an offset.
func content(key, off int) byte { return byte(key*31 + off*7 + off>>8) }

// op is one exchange between the app and the peer. The record is its own message from the app to the router.
type op struct {
	w      *world
	served bool // the peer began it
	key    int  // of the content that is read
	size   int  // of the content that is read; unknown if served
	client client
	out    []piece // what the app wants sent

	got      int
	gotFin   bool
	answers  atomic.Int32
	answered answer
	respond  respond
	returned returned
	ok       bool

	// the router's
	ref      *streamRef
	push     []piece
	held     *haul   // a delivery whose pieces the app has not got yet
	owed     []piece // for the app
	finSent  bool
	said     bool // its response was handed over
	ended    bool
	finished bool
	body     haul
}

// Release answers an operation that reached no router.
func (o *op) Release() {
	o.out = releasePieces(o.out)
	o.ok = false
	o.client.answer(o)
}

// client is who began an operation: a room in both worlds, or a blocked goroutine in the production one.
type client interface {
	deliver(h *haul)
	answer(o *op)
}

// count notes the one answer.
func (o *op) count() {
	if o.answers.Add(1) != 1 {
		panic("toy: an operation was answered twice")
	}
	o.w.answered.Add(1)
	if o.ok {
		o.w.succeeded.Add(1)
	}
}

// read checks what arrived and lets go of it.
func (o *op) read(h *haul) {
	for _, p := range h.pieces {
		if p.off != o.got {
			panic("toy: a body has a gap")
		}
		for i, b := range p.b {
			if b != content(o.key, p.off+i) {
				panic("toy: a body is corrupt")
			}
		}
		o.got += len(p.b)
		o.gotFin = o.gotFin || p.fin
	}
	h.pieces = releasePieces(h.pieces)
}
