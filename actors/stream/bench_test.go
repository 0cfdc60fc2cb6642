package stream

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/race"
	"quicpro/wire"
)

// bench is a stream room whose neighbours do next to nothing. Its system is stepless, so that no edge allocates; rooms
// that are launched wait until the loop runs them.
type bench struct {
	now     mono.Time
	ready   []actor.Runner
	s       *Stream
	config  Config
	conn    benchConn
	h3      benchH3
	chunks  actor.Chunks
	batch   *port.RxBatch
	payload []byte
	ports   Ports
}

func (b *bench) Now() mono.Time        { return b.now }
func (b *bench) Stepping() bool        { return false }
func (b *bench) Launch(r actor.Runner) { b.ready = append(b.ready, r) }

// benchConn counts and releases what it is given, as if it were sent.
type benchConn struct {
	b      *bench
	sentTo wire.Offset
	fin    bool
	ended  bool
	max    wire.Offset
}

func (c *benchConn) Flush(mono.Time) {}
func (c *benchConn) Handle(_ mono.Time, m port.ToConn) {
	p, ok := m.(*port.Push)
	if !ok {
		return
	}
	for i := range p.Segments {
		g := &p.Segments[i]
		c.sentTo, c.fin = g.Off+wire.Offset(len(g.B)), g.Fin
		if g.Chunk != nil {
			g.Chunk.Release()
		}
	}
	c.max = max(c.max, p.MaxData)
	c.ended = p.Ended
	p.Stream.Up.Free()
}

type benchH3 struct{ got int }

func (h *benchH3) Flush(mono.Time) {}
func (h *benchH3) Handle(_ mono.Time, m port.ToH3) {
	r, ok := m.(*port.Read)
	if !ok {
		return
	}
	for i := range r.Pieces {
		h.got += len(r.Pieces[i].B)
		r.Pieces[i].Chunk.Release()
	}
	r.Stream.In.Free()
}

var benchLimits = port.Limits{Streams: 256, StreamGaps: 1000, StreamWindowMax: 8 << 20, UnsentBytes: 256 << 10, ConnWindow: 1 << 20}

func newBench() *bench {
	b := &bench{now: 1, payload: make([]byte, 1400)}
	b.conn.b = b
	b.batch = port.NewRxBatch(b.payload, nil)
	conn := actor.Spawn[port.ToConn](b, actor.Spec{Name: "conn", Capacity: 2}, &b.conn)
	h3 := actor.Spawn[port.ToH3](b, actor.Spec{Name: "h3", Capacity: 2}, &b.h3)
	b.ports = Ports{ToConn: conn.Port("stream>conn", 2), ToH3: h3.Port("stream>h3", 2)}
	b.config = Config{
		Role:    wire.Server,
		Options: port.StreamOptions{SendLimit: 1 << 60, RecvWindow: 512 << 10},
		Common:  &Common{Chunks: &b.chunks, Limits: &benchLimits},
	}
	b.begin(port.NewStream(0))
	return b
}

func (b *bench) begin(link *port.Stream) {
	b.config.Link = link
	if b.s == nil {
		b.s = New(b.config)
	} else {
		b.s.Reuse(b.config)
	}
	b.s.Connect(&b.ports)
	b.conn.sentTo, b.conn.fin, b.conn.ended = 0, false, false
	b.h3.got = 0
}

func (b *bench) turn(m port.ToStream) {
	b.now = b.now.Add(10 * time.Microsecond)
	b.s.Handle(b.now, m)
	b.s.Flush(b.now)
	for _, r := range b.ready {
		r.Run()
	}
	b.ready = b.ready[:0]
}

func (b *bench) deliver(fill func(*port.Deliver)) {
	fill(b.s.link.Down.Filling())
	m, next, _ := b.s.link.Down.Ready()
	next.Reset()
	b.turn(m)
}

func (b *bench) write(fill func(*port.Write)) {
	fill(b.s.link.Out.Filling())
	m, next, _ := b.s.link.Out.Ready()
	next.Reset()
	b.turn(m)
}

// receiver returns a function that receives one full batch of 44 packets and takes it.
func receiver() (step func(), bytes int, b *bench) {
	b = newBench()
	off := wire.Offset(0)
	fill := func(m *port.Deliver) {
		m.RTT = time.Millisecond
		b.batch.Retain(44)
		for range 44 {
			m.Spans = append(m.Spans, port.Span{Off: off, B: b.payload, Batch: b.batch})
			off += wire.Offset(len(b.payload))
		}
	}
	taken := 0
	take := func(m *port.Write) { m.Taken = b.h3.got - taken; taken = b.h3.got }
	return func() {
		b.deliver(fill)
		b.write(take)
	}, 44 * len(b.payload), b
}

// sender returns a function that writes a 64 KiB chunk, sees it sent and acknowledged.
func sender() (step func(), bytes int, b *bench) {
	b = newBench()
	write := func(m *port.Write) {
		c := b.chunks.Get(actor.ChunkHuge)
		c.B = c.Space()
		m.Chunks = append(m.Chunks, c)
	}
	told := wire.Offset(0)
	fates := func(m *port.Deliver) {
		m.SentTo = b.conn.sentTo
		for ; told < m.SentTo; told += 1408 { // as many ranges as packets
			m.Fates = append(m.Fates, port.SentRange{Lo: told, Hi: min(m.SentTo, told+1408)})
		}
		told = m.SentTo
	}
	return func() {
		b.write(write)
		b.deliver(fates)
	}, actor.ChunkHuge, b
}

func TestBulkAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector's pools allocate")
	}
	for name, make := range map[string]func() (func(), int, *bench){"receive": receiver, "send": sender} {
		step, bytes, b := make()
		for range 200 {
			step()
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
		if got := b.h3.got + int(b.conn.sentTo); got != 401*bytes {
			t.Errorf("%s: %d bytes went through, want %d", name, got, 401*bytes)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	step, bytes, _ := receiver()
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

func BenchmarkSend(b *testing.B) {
	step, bytes, _ := sender()
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// request is the whole life of a served stream: a request of 1 KiB and its answer, which is conn's when it is pushed.
func (b *bench) request(link *port.Stream) {
	b.begin(link)
	b.deliver(func(m *port.Deliver) {
		b.batch.Retain(1)
		m.Spans = append(m.Spans, port.Span{B: b.payload[:1024], Fin: true, Batch: b.batch})
	})
	b.write(func(m *port.Write) {
		c := b.chunks.Get(1024)
		c.B = c.Space()
		m.Chunks, m.Fin, m.Done = append(m.Chunks, c), true, true
	})
}

func BenchmarkRequest(b *testing.B) {
	w := newBench()
	link := port.NewStream(0) // no record is in flight at the end, so it can serve again
	b.ReportAllocs()
	for b.Loop() {
		w.request(link)
		if !w.s.Left() || !w.conn.fin || w.h3.got != 1024 || !w.conn.ended {
			b.Fatal("the story has another end")
		}
	}
	if w.chunks.Out() != 0 {
		b.Fatal("chunks are not home")
	}
}
