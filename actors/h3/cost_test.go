package h3

import (
	"fmt"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/race"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// bench is a router whose edges are read by the test itself, without rooms around it.
type bench struct {
	r       *Router
	sys     straight
	chunks  actor.Chunks
	conn    sink[port.ToConn]
	streams sink[port.ToStream]
	started []*port.Exchange
	next    *port.Stream
	again   *port.Stream // if set, every spawned stream
	spare   *port.Exchange
	pieces  int // chunks of the last Write
}

// straight is a System that runs a room where it stands.
type straight struct{}

func (straight) Now() mono.Time        { return 1 }
func (straight) Launch(r actor.Runner) { r.Run() }
func (straight) Stepping() bool        { return false }

// sink keeps the last message.
type sink[M any] struct {
	last  M
	count int
}

func (s *sink[M]) Handle(_ mono.Time, m M) { s.last = m; s.count++ }
func (s *sink[M]) Flush(mono.Time)         {}

func newBench(role wire.Role) *bench {
	b := &bench{}
	limits := testLimits
	limits.UnsentBytes = 1 << 20
	limits.Streams, limits.ConnWindow, limits.StreamWindow = 256, 2<<20, 512<<10
	b.r = New(Config{Role: role, Limits: &limits, Chunks: &b.chunks, Streams: b, Tasks: b, Random: b})
	conn := actor.Spawn[port.ToConn](b.sys, actor.Spec{Name: "conn", Capacity: 4}, &b.conn)
	b.r.Connect(Ports{ToConn: conn.Port("h3", 4)})
	b.r.Handle(1, &port.Connected{Role: role, Peer: &wire.TransportParameters{InitialMaxStreamsBidi: 1 << 50, InitialMaxStreamsUni: 1}})
	b.r.Handle(1, &port.StreamCredit{Bidi: 1 << 50, Uni: 1})
	b.r.Flush(1)
	return b
}

func (b *bench) Bytes(string, []byte)    {}
func (b *bench) Uint64(string) uint64    { return 1 }
func (b *bench) Handle(x *port.Exchange) { b.started = append(b.started[:0], x) }
func (b *bench) Ready(*port.Connected)   {}
func (b *bench) Refuse(*port.Cause)      {}
func (b *bench) turn(mail ...port.ToH3) {
	for _, m := range mail {
		b.r.Handle(1, m)
	}
	b.r.Flush(1)
}

func (b *bench) Spawn(id wire.StreamID, _ port.StreamOptions) *port.Stream {
	if b.again != nil {
		reuse(b.again, id)
		return b.again
	}
	b.next = b.stream(id)
	return b.next
}

// Exchange and Over make it a port.Tasks: there is one exchange at a time.
func (b *bench) Exchange() *port.Exchange {
	if b.spare == nil {
		return port.NewExchange(nil)
	}
	return port.NewExchangeIn(b.spare)
}
func (b *bench) Over(x *port.Exchange) { b.spare = x }

// Forget is conn's.
func (b *bench) Forget(*port.Stream) {}

func (b *bench) stream(id wire.StreamID) *port.Stream {
	s := port.NewStream(id)
	room := actor.Spawn[port.ToStream](b.sys, actor.Spec{Name: "stream", Capacity: 3}, &b.streams)
	s.FromH3 = room.Port("h3", 3)
	return s
}

// reuse makes a stream's address as new.
func reuse(s *port.Stream, id wire.StreamID) {
	from := s.FromH3
	*s = port.Stream{}
	s.ID, s.FromH3 = id, from
	s.Freed.Stream = s
	s.In.Record().Stream = s
}

// read is a Read of one piece.
func (b *bench) read(s *port.Stream, bytes []byte, fill func(*port.Read)) *port.Read {
	m, _ := s.In.Ready()
	m.Reset()
	if len(bytes) > 0 {
		c := b.chunks.Get(len(bytes))
		c.B = append(c.B, bytes...)
		m.Pieces = append(m.Pieces, port.Piece{B: c.B, Chunk: c})
	}
	m.Room = 1 << 20
	fill(m)
	return m
}

// wrote takes what the router wrote to a stream last.
func (b *bench) wrote(s *port.Stream) {
	w := b.streams.last.(*port.Write)
	b.pieces = len(w.Chunks)
	for _, c := range w.Chunks {
		c.Release()
	}
	s.Out.Free()
}

var (
	small    = make([]byte, 1000)
	response = cat(headers(":status", "200", "content-type", "text/plain", "content-length", "1000"), data(string(small)))
	asked    = cat(headers(with(postFields, "content-length", "1000", "user-agent", "bench")...), data(string(small)))
)

// serve is a server's whole request.
func (b *bench) serve(s *port.Stream, answer []port.Field) {
	b.turn(b.read(s, asked, func(m *port.Read) { m.Fin = true }))
	x := b.started[0]
	d := <-x.Reads.C()
	for _, p := range d.Pieces {
		p.Chunk.Release()
	}
	c := b.chunks.Get(actor.HeadHeadroom + len(small))
	c.B = append(c.Space()[actor.HeadHeadroom:actor.HeadHeadroom], small...)
	m := port.NewSendIn(x)
	m.Head, m.Fin, m.HandlerDone = answer, true, true
	m.Chunks = append(m.Chunks[:0], c)
	b.turn(m)
	b.wrote(s)
}

var answer = list(":status", "200", "content-type", "text/plain", "content-length", "1000")

// What a small request costs a server: the fields and their strings.
func TestServerAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("pools forget under the race detector")
	}
	b := newBench(wire.Server)
	s := b.stream(0)
	n := testing.AllocsPerRun(200, func() {
		reuse(s, s.ID+4)
		b.serve(s, answer)
	})
	if n := b.chunks.Out(); n != 2 { // the first words of our control stream
		t.Fatalf("%d chunks out", b.chunks.Out())
	}
	// The fields and their text are 2; the rest are the bench's own.
	if n > 6 {
		t.Errorf("%v allocations a request", n)
	}
}

// A small request costs one message to its stream, with its answer in one piece.
func TestServerMessages(t *testing.T) {
	b := newBench(wire.Server)
	b.streams.count = 0
	b.serve(b.stream(0), answer)
	if b.streams.count != 1 || b.pieces != 1 {
		t.Errorf("%d messages to the stream, the last with %d pieces; want one Write of one", b.streams.count, b.pieces)
	}
}

func BenchmarkServerRequest(b *testing.B) {
	w := newBench(wire.Server)
	s := w.stream(0)
	b.ReportAllocs()
	for b.Loop() {
		reuse(s, s.ID+4)
		w.serve(s, answer)
	}
}

// ask is a client's whole request.
func (b *bench) ask(s *port.Stream) {
	x := b.Exchange()
	x.OpenOrder.Fields, x.OpenOrder.Fin = getRequest, true
	b.turn(&x.OpenOrder)
	b.wrote(s)
	b.turn(b.read(s, response, func(m *port.Read) { m.Fin = true }))
	d := <-x.Reads.C()
	for _, p := range d.Pieces {
		p.Chunk.Release()
	}
	b.wrote(s)
	if !d.Last || !d.Used || d.Err != nil || b.spare != x {
		panic("the story has another end")
	}
}

var getRequest = list(getFields...)

func BenchmarkClientRequest(b *testing.B) {
	w := newBench(wire.Client)
	w.again = w.stream(0)
	b.ReportAllocs()
	for b.Loop() {
		w.ask(w.again)
	}
}

// A body in bulk: 64 KiB a Read, four DATA frames.
func BenchmarkServerUpload(b *testing.B) {
	w := newBench(wire.Server)
	s := w.stream(0)
	w.turn(w.read(s, headers(postFields...), func(*port.Read) {}))
	x := w.started[0]
	<-x.Reads.C()
	bulk := cat(data(string(make([]byte, 16000))), data(string(make([]byte, 16000))), data(string(make([]byte, 16000))), data(string(make([]byte, 16000))))
	b.SetBytes(int64(len(bulk)))
	b.ReportAllocs()
	for b.Loop() {
		w.turn(w.read(s, bulk, func(*port.Read) {}), &x.TakenOrder)
		for _, p := range (<-x.Reads.C()).Pieces {
			p.Chunk.Release()
		}
		if s.Out.InFlight() {
			w.wrote(s)
		}
	}
}

// The trace sees the frames of a request, ours and the peer's.
func TestTrace(t *testing.T) {
	frames := &frameLog{}
	d := lone(t, wire.Server, func(c *Config) { c.Trace = frames })
	d.theirControl()
	d.arrives(0).says(headers(getFields...), data("abc"), frame(0x21, "")).ends()
	a := d.apps[0]
	a.says(list(":status", "200"), "four", nil, true)
	a.returns()
	d.settled()
	want := []string{"sent SETTINGS", "read SETTINGS", "read HEADERS 4 fields", "read DATA 3", "read UNKNOWN 0", "sent HEADERS 1 fields", "sent DATA 4"}
	for i, line := range want {
		if i >= len(frames.lines) || frames.lines[i] != line {
			t.Fatalf("got %q, want %q", frames.lines, want)
		}
	}
	d.home()
}

// Requests beyond what may wait are turned away, as are those that a server's app opens.
func TestOpenRefused(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, func(c *Config) { c.Limits.Streams = 2 })
	var all []*app
	for range 3 {
		all = append(all, d.asks(true, getFields...))
	}
	d.run()
	if all[0].last || all[1].last || !unprocessed(all[2].err) {
		t.Errorf("%v, %v, %v", all[0].err, all[1].err, all[2].err)
	}
	d.home()
	d = lone(t, wire.Server, nil)
	a := d.asks(true, getFields...)
	d.run()
	if !unprocessed(a.err) {
		t.Error(a.err)
	}
	d.home()
}

// Another goodbye changes nothing, nor does one before the handshake is complete.
func TestGoodbyeTwice(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Server, nil)
	d.fromApp.Send(&port.Goodbye{})
	d.run()
	d.closedWith(0)
	if d.closed != nil {
		t.Fatal("closed before there was anything to close")
	}
	d.connect(1)
	d.fromApp.Send(&port.Goodbye{})
	d.run()
	d.closedWith(0x100)
	if len(d.refused) != 1 {
		t.Errorf("refused %d times", len(d.refused))
	}
	d.home()
}

// frameLog is a Trace that keeps HTTP/3 frames.
type frameLog struct {
	port.Trace
	lines []string
}

func (l *frameLog) H3Frame(_ mono.Time, sent bool, _ wire.StreamID, frameType uint64, length uint64, fields []port.Field) {
	line := "read "
	if sent {
		line = "sent "
	}
	t := h3wire.FrameType(frameType)
	line += t.String()
	switch {
	case fields != nil:
		line += fmt.Sprintf(" %d fields", len(fields))
	case t != h3wire.FrameSettings:
		line += fmt.Sprintf(" %d", length)
	}
	l.lines = append(l.lines, line)
}
