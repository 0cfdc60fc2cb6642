package h3

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/actors/qpack"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// stepping is a System in which rooms run when a test says so: in order, or as a seed draws. Quotas are enforced.
type stepping struct {
	now   mono.Time
	ready []actor.Runner
	rng   *rand.Rand // nil: in order, all mail at once
}

func (s *stepping) Now() mono.Time { return s.now }
func (s *stepping) Stepping() bool { return true }
func (s *stepping) Launch(r actor.Runner) {
	for _, have := range s.ready {
		if have == r {
			return
		}
	}
	s.ready = append(s.ready, r)
}

// step gives one room a turn. It reports whether there was one with mail.
func (s *stepping) step() bool {
	if len(s.ready) == 0 {
		return false
	}
	i := 0
	if s.rng != nil {
		i = s.rng.IntN(len(s.ready))
	}
	r := s.ready[i]
	if s.rng == nil {
		for e, mail := range r.Waiting() {
			r.Step(e, mail.Count)
		}
	} else {
		for k := 1 + s.rng.IntN(6); k > 0; k-- {
			var full []int
			for e, mail := range r.Waiting() {
				if mail.Count > 0 {
					full = append(full, e)
				}
			}
			if len(full) == 0 {
				break
			}
			r.Step(full[s.rng.IntN(len(full))], 1)
		}
	}
	more := r.StepFlush()
	if err := r.CheckAll(); err != nil {
		panic(err)
	}
	if !more {
		s.ready = append(s.ready[:i], s.ready[i+1:]...)
	}
	return true
}

// deaths is a supervisor that fails the test.
type deaths struct{ t testing.TB }

func (deaths) Left(string) {}
func (d deaths) Died(death actor.Death) {
	d.t.Fatalf("room %s died of %s: %v\n%s", death.Room, death.Message, death.Value, death.Stack)
}

var testLimits = port.Limits{
	Streams: 64, UnsentBytes: 10000, StreamWindow: 40000, ConnWindow: 64 * 4 * 200, FieldSection: 4000, ControlFrame: 16 << 10,
}

// desk is a router with its edges, a scripted conn, and the app.
type desk struct {
	t       testing.TB
	sys     *stepping
	role    wire.Role
	r       *Router
	room    *actor.Room[port.ToH3]
	fromApp actor.Port[port.ToH3]
	fromCon actor.Port[port.ToH3]
	chunks  *actor.Chunks
	rng     *rand.Rand

	streams []*pipe // in the order of their birth
	over    map[*port.Exchange]bool
	full    bool // no stream rooms
	shut    bool // new streams offer no room but the first
	closed  *port.CloseOrder
	ready   int
	refused []*port.Cause
	apps    []*app
	handler func(*app) // on a server
	twin    *desk
	stopped *port.Cause
	reads   int // messages
	writes  int
}

func newDesk(t testing.TB, sys *stepping, role wire.Role, change func(*Config)) *desk {
	d := &desk{t: t, over: map[*port.Exchange]bool{}, sys: sys, role: role, chunks: &actor.Chunks{}, rng: rand.New(rand.NewPCG(7, uint64(role)))}
	if sys.rng != nil {
		d.rng = sys.rng
	}
	limits := testLimits
	c := Config{Role: role, Limits: &limits, Chunks: d.chunks, Streams: d, Tasks: d, Random: d}
	if change != nil {
		change(&c)
	}
	d.r = New(c)
	d.room = actor.Spawn[port.ToH3](sys, actor.Spec{Name: role.String() + " h3", Capacity: 100000, Supervisor: deaths{t}}, d.r)
	d.fromApp, d.fromCon = d.room.Port("app", 4*testLimits.Streams), d.room.Port("conn", 3)
	conn := actor.Spawn[port.ToConn](sys, actor.Spec{Name: role.String() + " conn", Capacity: 3, Supervisor: deaths{t}}, connEar{d})
	d.r.Connect(Ports{ToConn: conn.Port("h3", 3)})
	return d
}

// lone is a router whose peer is the test, connected.
func lone(t testing.TB, role wire.Role, change func(*Config)) *desk {
	d := newDesk(t, &stepping{now: 1}, role, change)
	d.connect(100)
	return d
}

func (d *desk) connect(streams uint64) {
	d.fromCon.Send(&port.Connected{Role: d.role, Peer: &wire.TransportParameters{
		InitialMaxStreamsBidi: streams, InitialMaxStreamsUni: 16, InitialMaxStreamDataBidiRemote: 1 << 20, InitialMaxStreamDataUni: 1 << 16,
	}})
	d.fromCon.Send(&port.StreamCredit{Bidi: streams, Uni: 16})
	d.run()
}

// Bytes and Uint64 make the desk a port.Random.
func (d *desk) Bytes(_ string, b []byte) {
	for i := range b {
		b[i] = byte(d.rng.Uint32())
	}
}
func (d *desk) Uint64(string) uint64 { return d.rng.Uint64() }

// Handle, Ready and Refuse make it a port.Tasks.
func (d *desk) Handle(x *port.Exchange) {
	a := &app{d: d, x: x, length: noLength, auto: true}
	d.apps = append(d.apps, a)
	if d.handler != nil {
		d.handler(a)
	}
}
func (d *desk) Ready(*port.Connected)  { d.ready++ }
func (d *desk) Refuse(c *port.Cause)   { d.refused = append(d.refused, c) }
func (d *desk) stop(cause *port.Cause) { d.stopped = cause; d.fromCon.Send(&port.Stop{Cause: cause}) }

// Spawn makes it a port.Streams.
func (d *desk) Spawn(id wire.StreamID, _ port.StreamOptions) *port.Stream {
	if d.full {
		return nil
	}
	p := d.pipe(id)
	if d.twin != nil {
		p.twin = d.twin.pipe(id)
		p.twin.twin = p
	}
	return p.link
}

// Exchange and Over make it a port.Tasks.
func (d *desk) Exchange() *port.Exchange { return port.NewExchange(nil) }
func (d *desk) Over(x *port.Exchange) {
	if d.over[x] {
		d.t.Error("an exchange is over twice")
	}
	d.over[x] = true
}

// Forget is conn's.
func (d *desk) Forget(*port.Stream) {}

// connEar is a conn that does what conn does with a close: nothing that h3 sees.
type connEar struct{ d *desk }

func (c connEar) Handle(_ mono.Time, m port.ToConn) {
	if m, ok := m.(*port.CloseOrder); ok {
		if c.d.closed != nil && (m.Behind || !c.d.closed.Behind) {
			c.d.t.Fatal("closed twice")
		}
		c.d.closed = m
	}
}
func (connEar) Flush(mono.Time) {}

// run lets all rooms and apps do what they can.
func (d *desk) run() {
	for {
		for d.sys.step() {
			d.sys.now++
		}
		moved := d.poll()
		if d.twin != nil {
			moved = d.twin.poll() || moved
		}
		if !moved {
			return
		}
	}
}

func (d *desk) poll() (moved bool) {
	for i := 0; i < len(d.apps); i++ {
		moved = d.apps[i].poll() || moved
	}
	return moved
}

// pipe is a stream room without a network: what h3 writes comes out at its twin, or is kept for the test.
type pipe struct {
	d       *desk
	link    *port.Stream
	twin    *pipe
	fromNet actor.Port[port.ToStream]
	h3Port  actor.Port[port.ToH3]
	nudged  bool

	// what h3 wrote
	out        []byte
	fin        bool
	reset      int // code, -1: none
	behind     bool
	stop       int
	urgency    uint8
	closedRoom bool // there is no more room than was offered
	offered    int

	// what the peer sends
	in              []byte
	inFin, finTold  bool
	inReset, inStop int
	stopTold        bool
	given, taken    int
	pieces          int // the most bytes in a piece; 0: one piece a message, random: < 0
	ended, release  bool
	last, parted    bool // h3 leaves the end to the stream, which has told it
}

func (d *desk) pipe(id wire.StreamID) *pipe {
	p := &pipe{d: d, link: port.NewStream(id), reset: -1, stop: -1, inReset: -1, inStop: -1, urgency: port.DefaultUrgency,
		closedRoom: d.shut, offered: testLimits.UnsentBytes}
	if d.sys.rng != nil {
		p.pieces = -1
	}
	room := actor.Spawn[port.ToStream](d.sys, actor.Spec{Name: fmt.Sprint(d.role, " stream ", id), Capacity: 4, Supervisor: deaths{d.t}}, p)
	p.link.FromH3, p.fromNet = room.Port("h3>stream", 3), room.Port("net>stream", 1)
	d.toH3(p)
	d.streams = append(d.streams, p)
	return p
}

// toH3 opens the stream's edge to the router: one Read, one wake.
func (d *desk) toH3(p *pipe) { p.h3Port = d.room.Port("stream>h3", 2) }

func (p *pipe) id() wire.StreamID { return p.link.ID }

func (p *pipe) ours() bool { return p.id().Initiator() == p.d.role }

func (p *pipe) nudge() {
	if !p.nudged && !p.release {
		p.nudged = true
		p.fromNet.Send(&port.Wake{FromConn: true})
	}
}

func (p *pipe) Handle(_ mono.Time, m port.ToStream) {
	switch m := m.(type) {
	case *port.Write:
		p.d.writes++
		p.written(m)
	case *port.Wake:
		if m.FromConn {
			p.nudged = false
		} else {
			p.link.In.Woken()
		}
	}
}

func (p *pipe) written(m *port.Write) {
	if p.parted {
		m.Release() // it crossed our last word
		return
	}
	if p.release {
		p.d.t.Fatalf("stream %d: a Write behind the last word", p.id())
	}
	p.last = p.last || m.Last
	for _, c := range m.Chunks {
		if p.fin {
			p.d.t.Fatalf("stream %d: bytes after the end", p.id())
		}
		p.offered -= len(c.B)
		if p.reset < 0 && p.inStop < 0 {
			p.out = append(p.out, c.B...)
			if p.twin != nil {
				p.twin.in = append(p.twin.in, c.B...)
			}
		}
		c.Release()
	}
	if m.Reorder {
		p.urgency = m.Urgency
	}
	p.taken += m.Taken
	if p.taken > p.given {
		p.d.t.Fatalf("stream %d: %d bytes taken of %d", p.id(), p.taken, p.given)
	}
	p.fin = p.fin || m.Fin
	if m.HasReset && p.reset < 0 {
		p.reset, p.behind = int(m.ResetCode), m.Behind
	}
	if m.HasStop && p.stop < 0 && !p.finTold && p.inReset < 0 {
		p.stop = int(m.StopCode)
	}
	if t := p.twin; t != nil {
		t.inFin = t.inFin || m.Fin
		if m.HasReset && !p.fin && t.inReset < 0 {
			t.inReset = int(m.ResetCode)
		}
		if m.HasStop && t.inStop < 0 {
			t.inStop = int(m.StopCode)
		}
		t.nudge()
	}
	if p.release = m.Done; p.release {
		p.taken = p.given
	}
	if p.link.Out.Free() {
		p.h3Port.Send(&p.link.Freed)
	}
}

func (p *pipe) Flush(mono.Time) {
	if p.release {
		return
	}
	if p.inStop >= 0 && !p.fin && p.reset < 0 {
		p.reset = p.inStop // RFC 9000 s3.5
		if p.twin != nil && p.twin.inReset < 0 {
			p.twin.inReset = p.inStop
			p.twin.nudge()
		}
	}
	sendOver := p.fin || p.reset >= 0 || p.id().IsUni() && !p.ours()
	stopped := p.stop >= 0
	recvOver := p.finTold || stopped || p.id().IsUni() && p.ours()
	if stopped {
		p.in = nil
	}
	p.ended = sendOver && recvOver
	if p.release && !p.ended && p.d.stopped == nil {
		p.d.t.Fatalf("stream %d: the router is done before the stream is", p.id())
	}
	news := len(p.in) > 0 || p.inFin && !p.finTold || p.inReset >= 0 && !p.finTold || p.stopNews() || p.roomNews()
	if !news || p.release {
		return
	}
	m, ok := p.link.In.Ready()
	if !ok {
		return
	}
	m.Reset()
	p.fill(m)
	p.d.reads++
	p.h3Port.Send(m)
	p.nudge()
}

func (p *pipe) stopNews() bool { return p.inStop >= 0 && !p.stopTold }

func (p *pipe) roomNews() bool {
	return !p.closedRoom && p.offered < testLimits.UnsentBytes/2 && !p.fin && p.reset < 0 && (p.id().IsBidi() || p.ours())
}

func (p *pipe) fill(m *port.Read) {
	n := len(p.in)
	if p.pieces < 0 {
		n = p.d.rng.IntN(n + 1)
	}
	p.given += n
	for b := p.in[:n]; len(b) > 0; {
		size := len(b)
		switch {
		case p.pieces > 0:
			size = min(size, p.pieces)
		case p.pieces < 0:
			size = 1 + p.d.rng.IntN(size)
		}
		size = min(size, actor.ChunkHuge)
		c := p.d.chunks.Get(size)
		c.B = append(c.B, b[:size]...)
		b = b[size:]
		m.Pieces = append(m.Pieces, port.Piece{B: c.B, Chunk: c})
	}
	p.in = p.in[n:]
	if len(p.in) == 0 && p.inFin && !p.finTold && p.inReset < 0 {
		m.Fin, p.finTold = true, true
	}
	if len(p.in) == 0 && p.inReset >= 0 && !p.finTold {
		m.HasReset, m.ResetCode, p.finTold = true, uint64(p.inReset), true
	}
	if p.stopNews() {
		m.HasStop, m.StopCode, p.stopTold = true, uint64(p.inStop), true
	}
	m.Room = testLimits.UnsentBytes
	if p.closedRoom {
		m.Room = 0
	}
	p.offered = m.Room
	sent := p.fin || p.reset >= 0
	if p.last && sent && p.finTold && p.given-p.taken <= prompt && (p.d.sys.rng == nil || p.d.rng.IntN(2) == 0) {
		m.Ended, p.parted, p.release, p.taken = true, true, true, p.given
	}
}

// arrives is a stream of the peer's that the test speaks for.
func (d *desk) arrives(id wire.StreamID) *pipe { return d.pipe(id) }

func (p *pipe) says(b ...[]byte) *pipe {
	p.in = append(p.in, bytes.Join(b, nil)...)
	return p.speak()
}
func (p *pipe) ends() *pipe           { p.inFin = true; return p.speak() }
func (p *pipe) resets(code int) *pipe { p.inReset = code; return p.speak() }
func (p *pipe) stops(code int) *pipe  { p.inStop = code; return p.speak() }
func (p *pipe) speak() *pipe          { p.nudge(); p.d.run(); return p }

// app is one exchange's user.
type app struct {
	d     *desk
	x     *port.Exchange
	auto  bool // takes what comes at once
	lazy  bool // polls nothing
	cause error

	heads    [][]port.Field
	body     []byte
	trailers []port.Field
	length   int64
	err      error
	last     bool
	parts    int // Deliveries

	acks     int
	sentLast bool
	sentErr  error
	held     *port.Delivery
	onSent   func()
	think    func() bool // what a handler does next; it reports whether it did anything
}

// asks opens a request.
func (d *desk) asks(fin bool, fields ...string) *app {
	a := &app{d: d, x: port.NewExchange(nil), auto: true, length: noLength, sentLast: fin}
	d.apps = append(d.apps, a)
	a.x.OpenOrder.Fields, a.x.OpenOrder.Fin = list(fields...), fin
	d.fromApp.Send(&a.x.OpenOrder)
	return a
}

func (a *app) poll() (moved bool) {
	for !a.lazy {
		if a.think != nil && a.think() {
			moved = true
		}
		select {
		case d := <-a.x.Reads.C():
			a.got(d)
		case s := <-a.x.Writes.C():
			a.sent(s)
		default:
			return moved
		}
		moved = true
	}
	return moved
}

func (a *app) got(d *port.Delivery) {
	if a.last {
		a.d.t.Fatal("a Delivery after the last")
	}
	a.parts++
	a.heads = append(a.heads, d.Heads...)
	if d.Length >= 0 {
		a.length = d.Length
	}
	for _, p := range d.Pieces {
		a.body = append(a.body, p.B...)
		p.Chunk.Release()
	}
	if d.Trailers != nil && !d.Last {
		a.d.t.Error("trailers in a Delivery that is not the last")
	}
	a.trailers = d.Trailers
	a.last, a.err = d.Last, d.Err
	if d.Err == nil && !d.Used {
		a.held = d
		if a.auto {
			a.take()
		}
	}
}

// take uses the Delivery up.
func (a *app) take() {
	a.held = nil
	a.d.fromApp.Send(&a.x.TakenOrder)
}

func (a *app) sent(s *port.Sent) {
	if a.sentLast {
		a.d.t.Fatal("a Sent after the last")
	}
	a.acks++
	a.sentLast, a.sentErr = s.Last, s.Err
	if s.Err != nil && !s.Last {
		a.d.t.Fatal("an error that is not the last Sent")
	}
	if a.onSent != nil {
		a.onSent()
	}
}

// says sends the next part of a message.
func (a *app) says(head []port.Field, body string, trailers []port.Field, fin bool) {
	m := port.NewSendIn(a.x)
	m.Head, m.Trailers, m.Fin = head, trailers, fin
	m.Chunks = m.Chunks[:0]
	if body != "" {
		m.Chunks = append(m.Chunks, a.d.chunk(body))
	}
	a.d.fromApp.Send(m)
}

func (d *desk) chunk(body string) *actor.Chunk {
	c := d.chunks.Get(actor.Headroom + len(body))
	c.B = append(c.Space()[actor.Headroom:actor.Headroom], body...)
	return c
}

func (a *app) cancels(read, write bool, code uint64) {
	a.x.CancelOrder = port.Cancel{Exchange: a.x, StopReading: read, StopWriting: write, Code: code}
	a.d.fromApp.Send(&a.x.CancelOrder)
}

func (a *app) returns() {
	a.x.CancelOrder = port.Cancel{Exchange: a.x, HandlerDone: true}
	a.d.fromApp.Send(&a.x.CancelOrder)
}

// list makes fields of names and values.
func list(nv ...string) (fields []port.Field) {
	for i := 0; i < len(nv); i += 2 {
		fields = append(fields, port.Field{Name: nv[i], Value: nv[i+1]})
	}
	return fields
}

func headers(nv ...string) []byte {
	return h3wire.AppendFrame(nil, h3wire.FrameHeaders, qpack.Encode(nil, list(nv...)))
}

func data(s string) []byte { return h3wire.AppendFrame(nil, h3wire.FrameData, []byte(s)) }

func frame(t h3wire.FrameType, payload string) []byte {
	return h3wire.AppendFrame(nil, t, []byte(payload))
}

func cat(b ...[]byte) []byte { return bytes.Join(b, nil) }

var getFields = []string{":method", "GET", ":scheme", "https", ":authority", "a.test", ":path", "/"}
var postFields = []string{":method", "POST", ":scheme", "https", ":authority", "a.test", ":path", "/p"}

// with appends fields to a list.
func with(fields []string, more ...string) []string {
	return append(append([]string(nil), fields...), more...)
}

// said parses what was written to a stream as frames: "HEADERS(:status=200) DATA(abc)".
func said(t testing.TB, b []byte) string {
	var text []string
	for len(b) > 0 {
		h, n := h3wire.ConsumeFrameHeader(b)
		if n == 0 || uint64(len(b)-n) < h.Length {
			t.Fatalf("half a frame: %x", b)
		}
		payload := b[n : n+int(h.Length)]
		b = b[n+int(h.Length):]
		switch {
		case h.Type == h3wire.FrameHeaders:
			var dec qpack.Decoder
			fields, err := dec.Decode(payload, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, "HEADERS("+show(fields)+")")
		case h.Type == h3wire.FrameData && len(payload) > 40:
			text = append(text, fmt.Sprintf("DATA(%d bytes)", len(payload)))
		case h.Type == h3wire.FrameData:
			text = append(text, "DATA("+string(payload)+")")
		case h3wire.IsGrease(uint64(h.Type)):
			text = append(text, "GREASE")
		default:
			text = append(text, fmt.Sprintf("%v(%x)", h.Type, payload))
		}
	}
	return fmt.Sprint(text)
}

func show(fields []port.Field) (text string) {
	for i, f := range fields {
		if i > 0 {
			text += " "
		}
		text += f.Name + "=" + f.Value
	}
	return text
}

// home ends the connection, if it lives, and checks that everybody was answered and everything is home.
func (d *desk) home() {
	d.t.Helper()
	if d.stopped == nil {
		d.stop(&port.Cause{Why: port.Idle})
		if d.twin != nil {
			d.twin.stop(d.stopped)
		}
	}
	d.run()
	for _, side := range []*desk{d, d.twin} {
		if side == nil {
			continue
		}
		for i, a := range side.apps {
			a.lazy = false
			a.poll()
			if !a.last || !a.sentLast {
				d.t.Errorf("%v exchange %d: last Delivery %v, last Sent %v", side.role, i, a.last, a.sentLast)
			}
		}
		if !side.r.Left() {
			d.t.Error("the router has not left")
		}
		if n := side.chunks.Out(); n != 0 {
			d.t.Errorf("%v: %d chunks are not home", side.role, n)
		}
		if n := len(side.refused); n == 0 || side.refused[n-1] != side.stopped {
			d.t.Error("the pool was not told of the death")
		}
	}
}

// settled checks that a connection that lives has no stream left but the critical ones, and all bytes were taken.
func (d *desk) settled() {
	d.t.Helper()
	d.run()
	for _, p := range d.streams {
		if p.id().IsBidi() && !p.release {
			d.t.Errorf("%v stream %d is not released (ended %v, taken %d of %d)", d.role, p.id(), p.ended, p.taken, p.given)
		}
	}
	if len(d.r.requests) != 0 || d.r.opening.waiting.count != 0 || d.r.headless.count != 0 {
		d.t.Errorf("%d requests are left", len(d.r.requests))
	}
}

// closedWith checks the error that ended the connection; 0: none.
func (d *desk) closedWith(code h3wire.ErrorCode) {
	d.t.Helper()
	switch {
	case d.closed == nil && code != 0:
		d.t.Errorf("not closed, want %v", code)
	case d.closed != nil && h3wire.ErrorCode(d.closed.Code) != code:
		d.t.Errorf("closed with %v (%s), want %v", h3wire.ErrorCode(d.closed.Code), d.closed.Reason, code)
	}
}

const tick = time.Millisecond
