package actor_test

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plan is how much a world has to do.
type plan struct {
	ops    int // exchanges the app room begins
	served int // exchanges the peer begins
	calls  int // exchanges blocked goroutines begin (production only)
	bytes  int // the longest body
}

// world is one toy connection with its socket, its peer and its app.
type world struct {
	pools
	sys  actor.System
	plan plan
	app  *app

	conn, router, appRoom *actor.Room[any]

	readerToProtect, readerToWriter                     port
	protectToConn, protectToWriter                      port
	connToProtect, connToRouter                         port
	routerToConn, routerToApp                           port
	writerToConn, writerToReader, writerToApp           port
	appToRouter, appToConn, callersToRouter             port
	testToConn                                          port
	engineToReader, engineToWriter, engineToApp, ignite port

	created, answered, succeeded, served actor.Count
	spawned, left                        actor.Count
	drops, wakes, yields                 actor.Count

	over   chan struct{} // every room left, or one died
	mu     sync.Mutex
	deaths []string
}

func newWorld(sys actor.System, seed uint64, p plan) *world {
	w := &world{sys: sys, plan: p, over: make(chan struct{})}
	w.app = &app{w: w, rng: rand.New(rand.NewPCG(seed, 1)), credit: appCredits, callersDone: p.calls == 0, peerDone: p.served == 0}
	peer := &writer{w: w, rng: rand.New(rand.NewPCG(seed, 2)), logs: map[int]*peerStreamLog{}}

	const streamMail = 3 * (localStreams + peerStreams)
	reader := w.spawn("reader", peerWindow+1, &reader{w: w})
	protect := w.spawn("protect", rxCirculation+txBatches+2, &protect{w: w})
	w.conn = w.spawn("conn", rxCirculation+1+txBatches+localStreams+peerStreams+2+streamMail+3, newConn(w))
	w.router = w.spawn("router", 2*(appCredits+callerCredits)+3*peerStreams+2+streamMail, &router{w: w})
	writer := w.spawn("writer", txBatches+1+peerWindow+2, peer)
	w.appRoom = w.spawn("app", 2*(appCredits+peerStreams)+4, w.app)

	w.readerToProtect = protect.Port("reader>protect", rxCirculation)
	w.readerToWriter = writer.Port("reader>writer", peerWindow)
	w.protectToConn = w.conn.Port("protect>conn", rxCirculation+1)
	w.protectToWriter = writer.Port("protect>writer", txBatches+1)
	w.connToProtect = protect.Port("conn>protect", txBatches+2)
	w.connToRouter = w.router.Port("conn>router", 2)
	w.routerToConn = w.conn.Port("router>conn", localStreams+peerStreams+2)
	w.routerToApp = w.appRoom.Port("router>app", 2*(appCredits+peerStreams))
	w.writerToConn = w.conn.Port("writer>conn", txBatches)
	w.writerToReader = reader.Port("writer>reader", peerWindow)
	w.writerToApp = w.appRoom.Port("writer>app", 1)
	w.appToRouter = w.router.Port("app>router", 2*appCredits+3*peerStreams)
	w.callersToRouter = w.router.Port("callers>router", 2*callerCredits)
	w.appToConn = w.conn.Port("app>conn", 1)
	w.testToConn = w.conn.Port("test>conn", 1)
	w.engineToReader = reader.Port("engine>reader", 1)
	w.engineToWriter = writer.Port("engine>writer", 2)
	w.engineToApp = w.appRoom.Port("engine>app", 3)
	w.ignite = w.conn.Port("engine>conn", 1)
	return w
}

func (w *world) spawn(name string, capacity int, b actor.Behaviour[any]) *actor.Room[any] {
	w.spawned.Add(1)
	return actor.Spawn(w.sys, actor.Spec{Name: name, Capacity: capacity, Supervisor: w}, b)
}

func (w *world) start() {
	w.ignite.Send(&start{})
	w.engineToWriter.Send(&start{})
	w.engineToApp.Send(&start{})
}

// spawnStream is called by conn for the peer's streams and by the router for local ones.
func (w *world) spawnStream(id int) *streamRef {
	s := &streamRef{id: id}
	s.down.wake.slot = &s.down.slot
	for _, h := range []*haul{&s.up, &s.push, &s.deliver} {
		h.s, h.wake.slot = s, &h.slot
	}
	s.opened.s, s.endedConn.s, s.endedRouter.s = s, s, s
	s.endedRouter.late = true
	room := w.spawn(fmt.Sprint("stream ", id), 7, &stream{w: w, streamRef: s})
	s.fromConn = room.Port("conn>stream", 4)
	s.fromRouter = room.Port("router>stream", 3)
	s.toConn = w.conn.Port("stream>conn", 3)
	s.toRouter = w.router.Port("stream>router", 3)
	return s
}

// write copies a body into chunks, as the caller's goroutine does.
func (w *world) write(rng *rand.Rand, key, size int) (ps []piece) {
	for off := 0; off < size; {
		n := min(1+rng.IntN(1500), size-off)
		c := w.chunks.Get(n)
		for i := range n {
			c.B = append(c.B, content(key, off+i))
		}
		off += n
		ps = append(ps, piece{c: c, off: off - n, b: c.B, fin: off == size})
	}
	return ps
}

func (w *world) newOp(rng *rand.Rand, cl client, key int) *op {
	size := 1 + rng.IntN(w.plan.bytes)
	o := bind(w, &op{key: key, size: size, client: cl})
	o.out = w.write(rng, key, size)
	return o
}

func newServed(w *world, key int) *op {
	w.served.Add(1)
	return bind(w, &op{served: true, key: key, client: w.app})
}

func bind(w *world, o *op) *op {
	w.created.Add(1)
	o.w = w
	o.answered.op, o.respond.op, o.returned.op, o.body.op = o, o, o, o
	o.body.wake.slot = &o.body.slot
	return o
}

// Left makes the world the rooms' supervisor. The shared rooms go when the connection has gone.
func (w *world) Left(room string) {
	if room == "conn" {
		w.engineToReader.Send(&stopNow{})
		w.engineToWriter.Send(&stopNow{})
		w.engineToApp.Send(&stopNow{})
	}
	if w.left.Add(1) == w.spawned.Load() {
		close(w.over)
	}
}

func (w *world) Died(d actor.Death) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaths = append(w.deaths, fmt.Sprintf("room %s died of %s: %v\n%s", d.Room, d.Message, d.Value, d.Stack))
	if len(w.deaths) == 1 {
		close(w.over)
	}
}

// settled says what is not in order once nothing moves any more.
func (w *world) settled(natural bool) string {
	var bad []string
	expect := func(what string, got, want int64) {
		if got != want {
			bad = append(bad, fmt.Sprintf("%s: %d, want %d", what, got, want))
		}
	}
	w.mu.Lock()
	bad = append(bad, w.deaths...)
	w.mu.Unlock()
	expect("rooms left", w.left.Load(), w.spawned.Load())
	expect("chunks out", w.chunks.Out(), 0)
	expect("receive batches out", w.rxOut.Load(), 0)
	expect("receive batches in circulation", w.circulating.Load(), 0)
	expect("transmit batches out", w.txOut.Load(), 0)
	expect("operations answered", w.answered.Load(), w.created.Load())
	expect("local operations", w.created.Load()-w.served.Load(), int64(w.plan.ops+w.plan.calls))
	if natural {
		expect("operations that succeeded", w.succeeded.Load(), w.created.Load())
		expect("operations served", w.served.Load(), int64(w.plan.served))
	}
	return strings.Join(bad, "\n")
}

// stepper is a System in which a seed decides everything.
type stepper struct {
	rng   *rand.Rand
	now   mono.Time
	ready []actor.Runner
	slow  string // the room that gets its turn rarely
	trace hash.Hash64
	steps int
}

var toyRooms = []string{"reader", "protect", "conn", "stream 0", "stream 1", "router", "writer", "app", "nobody"}

func newStepper(seed uint64) *stepper {
	s := &stepper{rng: rand.New(rand.NewPCG(seed, 0)), now: 1, trace: fnv.New64a()}
	s.slow = toyRooms[s.rng.IntN(len(toyRooms))]
	return s
}

func (s *stepper) Now() mono.Time { return s.now }
func (s *stepper) Stepping() bool { return true }

func (s *stepper) Launch(r actor.Runner) {
	for _, have := range s.ready {
		if have == r {
			return
		}
	}
	s.ready = append(s.ready, r)
}

// step gives one room one batch. It reports whether there was a room.
func (s *stepper) step() bool {
	if len(s.ready) == 0 {
		return false
	}
	i := s.rng.IntN(len(s.ready))
	if s.ready[i].Name() == s.slow && s.rng.IntN(16) != 0 {
		i = s.rng.IntN(len(s.ready))
	}
	r := s.ready[i]
	s.steps++
	s.now += mono.Time(1 + s.rng.IntN(1000))
	k := 1 + s.rng.IntN(4)
	if s.rng.IntN(2) == 0 {
		k = 1 + s.rng.IntN(64)
	}
	fmt.Fprintln(s.trace, r.Name(), k)
	for ; k > 0; k-- {
		full := s.full(r.Waiting())
		if len(full) == 0 {
			break
		}
		e := full[s.rng.IntN(len(full))]
		fmt.Fprintln(s.trace, e)
		r.Step(e, 1)
	}
	if !r.StepFlush() {
		s.ready[i] = s.ready[len(s.ready)-1]
		s.ready = s.ready[:len(s.ready)-1]
	}
	return true
}

func (s *stepper) full(edges []actor.EdgeMail) (full []int) {
	for i, e := range edges {
		if e.Count > 0 {
			full = append(full, i)
		}
	}
	return full
}

// stepped runs a world under a seed, with a Stop before step stopAt (never if negative).
func stepped(seed uint64, p plan, stopAt int) (*world, *stepper) {
	s := newStepper(seed)
	w := newWorld(s, seed, p)
	w.start()
	for {
		if s.steps == stopAt {
			w.testToConn.Send(&stopNow{})
			stopAt = -1
		}
		if len(w.deaths) > 0 || !s.step() {
			return w, s
		}
	}
}

func TestToySteppedFinishesUnderEverySeed(t *testing.T) {
	var drops, wakes int64
	for seed := range uint64(60) {
		w, s := stepped(seed, plan{ops: 12, served: 7, bytes: 6000}, -1)
		if bad := w.settled(true); bad != "" {
			t.Fatalf("seed %d, quiescent after %d steps (slow: %s):\n%s", seed, s.steps, s.slow, bad)
		}
		drops += w.drops.Load()
		wakes += w.wakes.Load()
	}
	if drops == 0 || wakes == 0 {
		t.Fatalf("the toy met %d drops and %d wakes: it proves nothing", drops, wakes)
	}
}

func TestToySteppedStopsAtAnyStep(t *testing.T) {
	p := plan{ops: 7, served: 4, bytes: 1200}
	for seed := range uint64(6) {
		_, whole := stepped(seed, p, -1)
		for at := range whole.steps + 1 {
			w, s := stepped(seed, p, at)
			if bad := w.settled(false); bad != "" {
				t.Fatalf("seed %d, stop at step %d of %d, quiescent after %d (slow: %s):\n%s", seed, at, whole.steps, s.steps, s.slow, bad)
			}
		}
	}
}

func TestToySameSeedSameTrace(t *testing.T) {
	p := plan{ops: 8, served: 4, bytes: 3000}
	seen := map[uint64]bool{}
	for seed := range uint64(5) {
		_, a := stepped(seed, p, 100)
		_, b := stepped(seed, p, 100)
		if a.trace.Sum64() != b.trace.Sum64() || a.steps != b.steps {
			t.Fatalf("seed %d took two ways", seed)
		}
		seen[a.trace.Sum64()] = true
	}
	if len(seen) != 5 {
		t.Fatalf("5 seeds took %d ways", len(seen))
	}
}

// live is a System as the engine's: a goroutine for each Launch, counted.
type live struct {
	born     time.Time
	wg       sync.WaitGroup
	launches actor.Count
	ringAt   int64
	ring     chan struct{} // closed at launch ringAt
}

func newLive(ringAt int64) *live {
	return &live{born: time.Now(), ringAt: ringAt, ring: make(chan struct{})}
}

func (l *live) Now() mono.Time { return mono.Time(time.Since(l.born)) + 1 }
func (l *live) Stepping() bool { return false }

func (l *live) Launch(r actor.Runner) {
	if l.launches.Add(1) == l.ringAt {
		close(l.ring)
	}
	l.wg.Go(r.Run)
}

// caller is a client that blocks a goroutine: it has a place for the one delivery in flight and for the answer.
type caller chan any

func (c caller) deliver(h *haul) { c.put(h) }
func (c caller) answer(o *op)    { c.put(&o.answered) }

func (c caller) put(m any) {
	select {
	case c <- m:
	default:
		panic("toy: a caller was told too much")
	}
}

// call does n operations one after the other, each with a credit.
func (w *world) call(ctx context.Context, rng *rand.Rand, credits chan struct{}, n int) error {
	for ; n > 0; n-- {
		select {
		case <-credits:
		case <-ctx.Done():
			return ctx.Err()
		}
		c := make(caller, 2)
		o := w.newOp(rng, c, rng.IntN(1000))
		w.callersToRouter.Send(o)
		for open := true; open; {
			select {
			case m := <-c:
				switch m := m.(type) {
				case *haul:
					o.read(m)
					m.free(w, w.callersToRouter)
				case *answer:
					o.count()
					open = false
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		credits <- struct{}{}
	}
	return nil
}

// lived runs a world on goroutines, with a Stop at a launch (never if 0), and says what went wrong.
func lived(seed uint64, p plan, stopAt int64) (*world, string) {
	sys := newLive(stopAt)
	w := newWorld(sys, seed, p)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	credits := make(chan struct{}, callerCredits)
	for range callerCredits {
		credits <- struct{}{}
	}
	var callers sync.WaitGroup
	errs := make(chan error, 4)
	sys.wg.Add(1) // keeps the count above zero until every room left
	for i := range 4 {
		callers.Go(func() {
			errs <- w.call(ctx, rand.New(rand.NewPCG(seed, 10+uint64(i))), credits, p.calls/4)
		})
	}
	w.start()
	sys.wg.Go(func() {
		select {
		case <-sys.ring:
			w.testToConn.Send(&stopNow{})
		case <-w.over:
		case <-ctx.Done():
		}
	})
	callers.Wait()
	for range 4 {
		if err := <-errs; err != nil {
			return w, fmt.Sprint("a caller waits for ever: ", err, "\n", w.settled(false))
		}
	}
	if p.calls > 0 {
		w.engineToApp.Send(&callersDone{})
	}
	select {
	case <-w.over:
	case <-ctx.Done():
		return w, "wedged:\n" + w.settled(false)
	}
	sys.wg.Done()
	sys.wg.Wait()
	return w, w.settled(stopAt == 0)
}

func TestToyLiveFinishes(t *testing.T) {
	for seed := range uint64(10) {
		if _, bad := lived(seed, plan{ops: 30, served: 12, calls: 32, bytes: 6000}, 0); bad != "" {
			t.Fatalf("seed %d: %s", seed, bad)
		}
	}
}

func TestToyLiveStopsAtAnyTime(t *testing.T) {
	for range 60 {
		seed := rand.Uint64()
		at := 1 + rand.Int64N(600)
		if _, bad := lived(seed, plan{ops: 20, served: 8, calls: 16, bytes: 3000}, at); bad != "" {
			t.Fatalf("seed %d, stop at launch %d: %s", seed, at, bad)
		}
	}
}
