package conn

import (
	"reflect"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// loop is a System without steps that runs rooms one after another on the caller's goroutine.
type loop struct {
	now   mono.Time
	ready []actor.Runner
}

func (l *loop) Now() mono.Time        { return l.now }
func (l *loop) Stepping() bool        { return false }
func (l *loop) Launch(r actor.Runner) { l.ready = append(l.ready, r) }
func (l *loop) settle() {
	for i := 0; i < len(l.ready); i++ {
		l.ready[i].Run()
	}
	clear(l.ready)
	l.ready = l.ready[:0]
}

// sinks stand in for all rooms around one conn, without work of their own.
type protectSink struct{ packets int }

func (s *protectSink) Flush(mono.Time) {}
func (s *protectSink) Handle(_ mono.Time, m port.ToProtect) {
	if b, ok := m.(*port.TxBatch); ok {
		s.packets += len(b.Packets)
		b.Home.Send(b)
	}
}

type handshakeSink struct{}

func (handshakeSink) Flush(mono.Time)                    {}
func (handshakeSink) Handle(mono.Time, port.ToHandshake) {}

type h3Sink struct{}

func (h3Sink) Flush(mono.Time)             {}
func (h3Sink) Handle(mono.Time, port.ToH3) {}

// echo is a stream room that answers each Deliver with bytes by one Push, at once.
type echo struct {
	link  *port.Stream
	home  actor.Port[port.ToConn]
	chunk *actor.Chunk
	off   wire.Offset
	size  int
	owes  bool
	wants int
}

func (e *echo) Handle(_ mono.Time, m port.ToStream) {
	switch m := m.(type) {
	case *port.Deliver:
		for i := range m.Spans {
			e.wants += len(m.Spans[i].B)
			m.Spans[i].Batch.Release()
			e.owes = e.size > 0
		}
		if e.link.Down.Free() {
			e.home.Send(&e.link.Freed)
		}
	case *port.Wake:
		e.link.Up.Woken()
	}
}

func (e *echo) Flush(mono.Time) {
	for e.owes {
		m, ok := e.link.Up.Ready()
		if !ok {
			return
		}
		m.Reset()
		e.owes = false
		m.Priority.Urgency = port.DefaultUrgency
		m.Consumed, e.wants = e.wants, 0
		for left := e.size; left > 0; left -= len(e.chunk.B) {
			e.chunk.Retain()
			n := min(left, len(e.chunk.B))
			m.Segments = append(m.Segments, buffer.Segment{Off: e.off, B: e.chunk.B[:n], Chunk: e.chunk, Fresh: true})
			e.off += wire.Offset(n)
		}
		e.home.Send(m)
	}
}

// rig is a server's conn whose handshake is over, with one stream that answers.
type rig struct {
	loop
	conn    *Conn
	home    actor.Port[port.ToConn]
	echo    *echo
	protect *protectSink
	rx      *port.RxBatch
	b       []byte
	number  wire.PacketNumber
	off     wire.Offset
	streams *rigStreams
}

type rigStreams struct {
	spawn func(wire.StreamID) *port.Stream
}

func (s *rigStreams) Spawn(id wire.StreamID, _ port.StreamOptions) *port.Stream { return s.spawn(id) }
func (s *rigStreams) Forget(*port.Stream)                                       {}

func newRig(answer int) *rig {
	g := newBareRig(answer)
	peer := wire.DefaultTransportParameters()
	peer.InitialMaxData, peer.InitialSCID = 1<<60, wire.SomeConnectionID(g.conn.cfg.PeerID)
	g.conn.path.validated = true
	g.home.Send(&port.Answer{Events: []port.HandshakeEvent{
		{Kind: port.HandshakeParams, Data: peer.Append(nil, wire.Client, wire.GreaseParameter{})},
		{Kind: port.HandshakeWriteKeys, Level: wire.LevelApp},
		{Kind: port.HandshakeComplete},
	}})
	g.settle()
	return g
}

// newBareRig is a server's conn before its first packet.
func newBareRig(answer int) *rig {
	g := &rig{loop: loop{now: mono.Time(time.Hour)}, protect: &protectSink{}}
	w := newWorld(1)
	random := randomness{w.random}
	l := testLimits
	l.ConnWindow, l.ConnWindowMax = 1<<30, 1<<30
	p := wire.DefaultTransportParameters()
	p.InitialMaxData, p.InitialMaxStreamsBidi = 1<<40, 16
	chunks := new(actor.Chunks)
	g.streams = &rigStreams{}
	var room *actor.Room[port.ToConn]
	cell := actor.NewCell(func(*actor.Cell) {}, func() {})
	r := &routes{random: random, issued: map[wire.ConnectionID]bool{}, watched: map[wire.ResetToken]bool{}}
	g.conn = new(Conn)
	g.conn.Init(Config{
		Role: wire.Server, Version: wire.Version1, Path: port.Path{Remote: addr(1)}, LocalID: r.id(), PeerID: r.id(), OriginalDest: r.id(),
		Params: p, Limits: &l, MaxDatagram: 1452, Random: random, Chunks: chunks, TxPool: &reusePool{}, Routes: r, Streams: g.streams, Cell: cell,
	})
	room = actor.Spawn[port.ToConn](g, actor.Spec{Name: "conn", Capacity: 1000}, g.conn)
	g.home = room.Port("all", 1000)
	g.conn.Connect(Ports{
		ToProtect:   actor.Spawn[port.ToProtect](g, actor.Spec{Name: "protect", Capacity: 100}, g.protect).Port("conn", 100),
		ToHandshake: actor.Spawn[port.ToHandshake](g, actor.Spec{Name: "handshake", Capacity: 10}, handshakeSink{}).Port("conn", 10),
		ToH3:        actor.Spawn[port.ToH3](g, actor.Spec{Name: "h3", Capacity: 10}, h3Sink{}).Port("conn", 10),
		Home:        g.home,
	})
	g.streams.spawn = func(id wire.StreamID) *port.Stream {
		link := port.NewStream(id)
		c := chunks.Get(actor.ChunkHuge)
		c.B = c.Space()
		g.echo = &echo{link: link, home: g.home, chunk: c, size: answer}
		link.FromConn = actor.Spawn[port.ToStream](g, actor.Spec{Name: "stream", Capacity: 10}, g.echo).Port("conn", 10)
		return link
	}
	g.rx = port.NewRxBatch(nil, nil)
	return g
}

// reusePool lends the same batches again and again.
type reusePool struct {
	home  []*port.TxBatch
	small *port.TxBatch
}

func (p *reusePool) Small() *port.TxBatch {
	if p.small == nil {
		p.small = &port.TxBatch{B: make([]byte, 0, port.SmallBatch)}
	}
	return p.small
}
func (p *reusePool) Big(*port.BatchFree) *port.TxBatch {
	if n := len(p.home); n > 0 {
		b := p.home[n-1]
		p.home = p.home[:n-1]
		return b
	}
	return &port.TxBatch{B: make([]byte, 0, port.BigBatch), Big: true}
}
func (p *reusePool) Return(b *port.TxBatch) {
	if b.Big {
		p.home = append(p.home, b)
	}
}

// round brings packets of 1000 stream bytes, the first of which acknowledges everything, and lets the answer leave.
func (g *rig) round(packets int) {
	g.now = g.now.Add(10 * time.Millisecond)
	g.rx.Reuse(g.b[:0])
	g.b = g.b[:0]
	largest := g.conn.loss.Next(wire.SpaceApp) - 1
	for i := range packets {
		at := len(g.b)
		if i == 0 && largest >= 0 && !(g.conn.spaces[wire.SpaceApp].skip.at > 0 && largest < 0) {
			lo := max(largest-50, g.conn.loss.LargestAcked(wire.SpaceApp)+1)
			if lo <= largest && g.skipped(lo, largest) {
				lo = largest
			}
			g.b, _ = wire.AppendAck(g.b, []wire.AckRange{{Lo: min(lo, largest), Hi: largest}}, 0, nil, 100)
		}
		g.b = wire.Stream{ID: 0, Offset: g.off, Data: body[:]}.Append(g.b)
		g.off += wire.Offset(len(body))
		g.rx.Packets = append(g.rx.Packets, port.RxPacket{Level: wire.LevelApp, Number: g.number, Payload: g.b[at:len(g.b):len(g.b)]})
		g.number++
	}
	g.rx.Path, g.rx.At = g.conn.path.addr, g.now
	g.home.Send(g.rx)
	g.settle()
}

// skipped reports whether a number among [lo, hi] was left out lately.
func (g *rig) skipped(lo, hi wire.PacketNumber) bool {
	for pn := lo; pn <= hi; pn++ {
		if got, _, ok := g.conn.loss.Outstanding(wire.SpaceApp, pn); !ok || got != pn {
			return true
		}
	}
	return false
}

var body [1000]byte

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, c := range []struct{ packets, answer int }{{1, 500}, {40, 1}, {2, 60_000}} {
		g := newRig(c.answer)
		for range 3000 {
			g.round(c.packets)
		}
		if n := testing.AllocsPerRun(200, func() { g.round(c.packets) }); n > 0.1 {
			t.Errorf("%d packets in, %d bytes out: %v allocations a round", c.packets, c.answer, n)
		}
		if g.conn.life.cause != nil {
			t.Fatal(g.conn.life.cause)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	g := newRig(500)
	for range 3000 {
		g.round(1)
	}
	b.ReportAllocs()
	for b.Loop() {
		g.round(1)
	}
}

func BenchmarkReceiveBulk(b *testing.B) {
	g := newRig(1)
	g.b = make([]byte, 0, 64<<10)
	b.SetBytes(40 * int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		g.round(40)
	}
}

func BenchmarkSendBulk(b *testing.B) {
	g := newRig(60_000)
	for range 3000 {
		g.round(2)
	}
	b.SetBytes(60_000)
	b.ReportAllocs()
	for b.Loop() {
		g.round(2)
	}
}

// Between turns a connection names no byte of a batch: what came in, and what went out, may be anybody's by then.
func TestAConnectionAtRestPinsNoBatch(t *testing.T) {
	g := newRig(500)
	g.round(3)
	if c := g.conn; !reflect.ValueOf(c.frame).IsZero() || c.packing.batch != nil || c.packing.b != nil || c.tx.small != nil {
		t.Errorf("frame of type %v, batch %v, %d bytes of it; small one: %v", c.frame.Type, c.packing.batch != nil, len(c.packing.b), c.tx.small != nil)
	}
}

// The same holds for the records of its streams: a Push that was read names no chunk.
func TestAPushThatWasReadPinsNothing(t *testing.T) {
	g := newRig(500)
	g.round(3)
	p := g.echo.link.Up.Record()
	seen := cap(p.Segments)
	for _, s := range p.Segments[:cap(p.Segments)] {
		if s.Chunk != nil || s.B != nil {
			t.Error("a Push still names a chunk")
		}
	}
	if seen == 0 {
		t.Error("no Push had a segment")
	}
}
