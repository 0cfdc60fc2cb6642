package engine

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/wire"
)

// sink is a room that keeps what it gets.
type sink[M any] struct{ got []M }

func (s *sink[M]) Handle(_ mono.Time, m M) { s.got = append(s.got, m) }
func (s *sink[M]) Flush(mono.Time)         {}

// stepper is a System in which rooms run only when they are told to.
type stepper struct{ World }

func (stepper) Stepping() bool      { return true }
func (stepper) Launch(actor.Runner) {}
func (stepper) Now() mono.Time      { return 1 }

func drain[M any](r *actor.Room[M]) {
	for i, w := range r.Waiting() {
		r.Step(i, w.Count)
	}
	r.StepFlush()
}

// reading is a server's socket without rooms of its own: two connections and the endpoint are sinks.
type reading struct {
	s          *socket
	a, b       *connection
	toA, toB   sink[port.ToProtect]
	strays     sink[port.ToEndpoint]
	roomA      *actor.Room[port.ToProtect]
	roomB      *actor.Room[port.ToProtect]
	roomStrays *actor.Room[port.ToEndpoint]
}

func newReading(quota int) *reading {
	r := &reading{s: &socket{e: New(Options{}), local: fakeLocal}}
	sys := stepper{}
	r.s.rx = newRxPool(rxPoolSize, &r.s.e.spares, &r.s.e.lost)
	r.s.routes = newRoutes([]byte("key"), systemRandom{})
	r.a, r.b = &connection{s: r.s, rx: r.s.rx.account(quota, quota)}, &connection{s: r.s, rx: r.s.rx.account(quota, quota)}
	r.a.routes, r.b.routes = connRoutes{table: r.s.routes, c: r.a}, connRoutes{table: r.s.routes, c: r.b}
	r.roomA = actor.Spawn[port.ToProtect](sys, actor.Spec{Capacity: 100}, &r.toA)
	r.roomB = actor.Spawn[port.ToProtect](sys, actor.Spec{Capacity: 100}, &r.toB)
	r.roomStrays = actor.Spawn[port.ToEndpoint](sys, actor.Spec{Capacity: 100}, &r.strays)
	r.a.fromReader, r.b.fromReader = r.roomA.Port("reader", quota), r.roomB.Port("reader", quota)
	r.s.toEndpoint, r.s.strays = r.roomStrays.Port("reader", unrouted), r.s.rx.account(unrouted, unrouted)
	for c, id := range map[*connection]string{r.a: "aaaaaaaa", r.b: "bbbbbbbb"} {
		id, _ := wire.MakeConnectionID([]byte(id))
		c.routes.add(id)
	}
	return r
}

// read distributes one read of datagrams of one size, and lets the rooms have them.
func (r *reading) read(seg int, datagrams ...[]byte) (reused bool) {
	b := r.s.rx.large()
	n := 0
	for _, d := range datagrams {
		n += copy(b.mem[n:], d)
	}
	next := r.s.distribute(b, n, &udp.Meta{Remote: fakeRemote, Local: fakeLocal.Addr(), SegmentSize: seg, ECN: udp.CE})
	drain(r.roomA)
	drain(r.roomB)
	drain(r.roomStrays)
	r.s.rx.home(next)
	return next == b
}

func TestATrainIsSplitByConnection(t *testing.T) {
	r := newReading(16)
	a, b, x := short("aaaaaaaa", 1000), short("bbbbbbbb", 1000), short("xxxxxxxx", 1000)
	r.read(1000, a, a, a, b, a, x, x, a[:500])
	var sizes []int
	for _, m := range r.toA.got {
		m := m.(*port.RxBatch)
		sizes = append(sizes, len(m.B))
		if m.SegmentSize != 1000 || m.Path.Remote != fakeRemote || m.Path.Local != fakeLocal || m.ECN != 3 || m.At.IsZero() {
			t.Errorf("batch %+v", m)
		}
	}
	if len(sizes) != 3 || sizes[0] != 3000 || sizes[1] != 1000 || sizes[2] != 500 {
		t.Errorf("a got %v", sizes)
	}
	if len(r.toB.got) != 1 || len(r.strays.got) != 1 || len(r.strays.got[0].(*port.RxBatch).B) != 2000 {
		t.Errorf("b got %d batches, the endpoint %d", len(r.toB.got), len(r.strays.got))
	}
	release(r)
	if out := r.s.rx.out(); out != 0 {
		t.Errorf("%d buffers are out", out)
	}
}

func release(r *reading) {
	for _, m := range append(r.toA.got, r.toB.got...) {
		m.(*port.RxBatch).Release()
	}
	for _, m := range r.strays.got {
		m.(*port.RxBatch).Release()
	}
}

func TestALoneAckPinsNoLargeBuffer(t *testing.T) {
	r := newReading(16)
	ack := short("aaaaaaaa", 40)
	if !r.read(40, ack) {
		t.Error("the buffer went with an ACK")
	}
	if got := r.toA.got[0].(*port.RxBatch).B; !bytes.Equal(got, ack) || cap(got) > smallRead {
		t.Errorf("got %d bytes in %d", len(got), cap(got))
	}
	bulk := bytes.Repeat(short("aaaaaaaa", 1000), 40)
	if r.read(1000, bulk) {
		t.Error("a bulk train was copied")
	}
	if got := r.toA.got[1].(*port.RxBatch).B; !bytes.Equal(got, bulk) {
		t.Error("a bulk train arrives changed")
	}
	release(r)
	if out := r.s.rx.out(); out != 0 {
		t.Errorf("%d buffers are out", out)
	}
}

func TestBeyondItsQuotaAConnectionLosesDatagrams(t *testing.T) {
	r := newReading(4)
	for range 10 {
		r.read(40, short("aaaaaaaa", 40))
		r.read(1000, bytes.Repeat(short("aaaaaaaa", 1000), 40))
	}
	if len(r.toA.got) != 4 || r.a.rx.dropped != 16 {
		t.Errorf("%d batches, %d dropped", len(r.toA.got), r.a.rx.dropped)
	}
	r.toA.got[0].(*port.RxBatch).Release()
	r.read(40, short("aaaaaaaa", 40))
	if len(r.toA.got) != 5 {
		t.Error("a batch that came home makes no room")
	}
	r.read(40, short("bbbbbbbb", 40))
	if len(r.toB.got) != 1 {
		t.Error("another connection suffers")
	}
	// A connection that dies of a panic takes nothing with it for good.
	r.s.rx.writeOff(&r.a.rx, true)
	if lost := r.s.e.Outstanding().Lost; lost != 4 {
		t.Errorf("%d written off", lost)
	}
	for _, m := range r.toA.got[1:] {
		m.(*port.RxBatch).Release() // late
	}
	r.toB.got[0].(*port.RxBatch).Release()
	if out, lost := r.s.rx.out(), r.s.e.Outstanding().Lost; out != 0 || lost != 0 {
		t.Errorf("%d buffers are out, %d lost", out, lost)
	}
}

func TestDestinations(t *testing.T) {
	for _, c := range []struct {
		name     string
		datagram []byte
		want     string
	}{
		{"nothing", nil, ""},
		{"short", short("12345678", 30), "12345678"},
		{"short, cut", short("1234567", 8)[:8], ""},
		{"long", versioned(1, []byte("abc"), []byte("d"), 50), "abc"},
		{"long, 255 bytes", versioned(9, bytes.Repeat([]byte("x"), 255), nil, 0), string(bytes.Repeat([]byte("x"), 255))},
		{"long, cut in the ID", versioned(1, []byte("abcdef"), nil, 0)[:9], ""},
		{"long, cut before the ID", []byte{0xc0, 0, 0, 0, 1}, ""},
	} {
		if got := string(destination(c.datagram)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRoutesLeadToTheirConnectionUntilTheyAreForgotten(t *testing.T) {
	table := newRoutes([]byte("key"), systemRandom{})
	one, two := &connection{}, &connection{}
	one.routes, two.routes = connRoutes{table: table, c: one}, connRoutes{table: table, c: two}
	id, token := one.routes.Issue()
	again := newRoutes([]byte("key"), systemRandom{}).token(id.Bytes())
	if table.lookup(id.Bytes()) != one || token != again {
		t.Error("an issued ID does not lead to its connection, or its token is not a function of the key")
	}
	if two.routes.add(id) {
		t.Error("an ID was given away twice")
	}
	two.routes.Retire(id)
	if table.lookup(id.Bytes()) != one {
		t.Error("a connection retired another's ID")
	}
	one.routes.Retire(id)
	if table.lookup(id.Bytes()) != nil {
		t.Error("a retired ID still leads somewhere")
	}
	peer := wire.ResetToken{1, 2, 3}
	datagram := append(make([]byte, 30), peer[:]...)
	two.routes.WatchReset(peer)
	if table.resets(datagram) != two || table.resets(datagram[30:]) != nil {
		t.Error("a reset is not recognised, or one that is too short is")
	}
	two.routes.UnwatchReset(peer)
	if table.resets(datagram) != nil {
		t.Error("an unwatched token still resets")
	}
	one.routes.Issue()
	one.routes.WatchReset(peer)
	one.routes.clear()
	if table.size() != 0 {
		t.Errorf("%d entries remain", table.size())
	}
}

func TestBigBatchesGoRoundAndNobodyWaitsForever(t *testing.T) {
	var gone actor.Count
	pool := newTxPool(2, new(spares), &gone)
	var got [3]sink[port.ToConn]
	var rooms [3]*actor.Room[port.ToConn]
	var free [3]port.BatchFree
	var lenders [3]lender
	for i := range lenders {
		rooms[i] = actor.Spawn[port.ToConn](stepper{}, actor.Spec{Capacity: 4}, &got[i])
		free[i].Port = rooms[i].Port("pool", 1)
		lenders[i] = lender{pool: pool, owner: i}
	}
	a, b := lenders[0].Big(&free[0]), lenders[0].Big(&free[0])
	if a == nil || b == nil || cap(a.B) != port.BigBatch || !a.Big {
		t.Fatal("no batches")
	}
	if lenders[1].Big(&free[1]) != nil || lenders[2].Big(&free[2]) != nil {
		t.Fatal("more than the limit is lent")
	}
	lenders[0].Return(a)
	drain(rooms[1])
	drain(rooms[2])
	if len(got[1].got) != 1 || len(got[2].got) != 0 {
		t.Fatal("not the first in line was called")
	}
	// The one that was called dies before it asks: the next is called.
	lenders[1].close()
	drain(rooms[2])
	if len(got[2].got) != 1 {
		t.Fatal("the call was lost with a dead connection")
	}
	if lenders[2].Big(&free[2]) == nil {
		t.Fatal("called, and nothing there")
	}
	if lenders[0].close(); gone.Load() != 1 || pool.out() != 1 {
		t.Errorf("%d written off, %d out", gone.Load(), pool.out())
	}
	lenders[0].Return(b) // late
	if lenders[2].close(); pool.out() != 0 || gone.Load() != 1 {
		t.Errorf("%d out, %d written off", pool.out(), gone.Load())
	}
}

// A socket at rest holds no 64 KiB: a program with many connections has a socket for each.
func TestAReaderAtRestHoldsNoBuffer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a reader wait without a buffer")
	}
	e := newTestEngine(t)
	_, h := h3Pair(t, e, answerer)
	if _, _, err := fetch(t, h, "GET", "/blob/1000", nil); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if e.Outstanding().RxBatches == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("at rest: %+v", e.Outstanding())
}
