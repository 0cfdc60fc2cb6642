package engine

import (
	"cmp"
	queue "container/heap"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// steppingWorld is a World in which one seed decides everything: which room runs, how much of its mail it gets before it
// flushes, what the network does to a datagram, and how fast an app is. Nothing runs at the same time as anything else.
type steppingWorld struct {
	seed     uint64
	rng      *rand.Rand
	now      mono.Time
	rooms    []actor.Runner // with mail
	tasks    []*steppingTask
	running  *steppingTask
	scripts  []script
	calendar calendar
	seq      int
	randoms  map[string]*rand.Rand
	links    map[netip.AddrPort]*steppingLink
	weather  weather
	quiet    time.Duration  // the longest time in which nothing could be done
	trace    uint64         // a hash of all choices
	check    func()         // may be nil: looks at everything before time is skipped
	born     []actor.Runner // every room that was launched
	known    map[actor.Runner]bool
	turns    int
	broken   error // what the first room said that was not in order
}

// script is an app without a goroutine: poll does what it can, and reports whether that was anything.
type script interface{ poll() bool }

// weather is what the network does to datagrams.
type weather struct {
	delay, jitter time.Duration
	loss, dup     int // percent
	queue         int // datagrams that a socket holds
}

func newSteppingWorld(seed uint64, n weather) *steppingWorld {
	return &steppingWorld{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), now: mono.Time(time.Second), weather: n,
		randoms: map[string]*rand.Rand{}, links: map[netip.AddrPort]*steppingLink{}, known: map[actor.Runner]bool{},
	}
}

// run steps until done. It reports false if that can never be, or not before the deadline.
func (w *steppingWorld) run(deadline mono.Time, done func() bool) bool {
	for !done() {
		if w.broken != nil {
			return false
		}
		for len(w.calendar) > 0 && w.calendar[0].at <= w.now {
			queue.Pop(&w.calendar).(*appointment).f()
		}
		if w.step() {
			continue
		}
		if len(w.calendar) == 0 || w.calendar[0].at > deadline {
			return false
		}
		if w.check != nil {
			w.check()
		}
		w.quiet = max(w.quiet, w.calendar[0].at.Sub(w.now))
		w.now = w.calendar[0].at
	}
	return true
}

// step lets one room, task or script go on. It reports whether there was one.
func (w *steppingWorld) step() bool {
	w.now += mono.Time(w.rng.IntN(2000))
	n := len(w.rooms) + len(w.tasks)
	if n == 0 || w.rng.IntN(4) == 0 {
		if w.pollOne() {
			return true
		}
	}
	if n == 0 {
		return false
	}
	i := w.rng.IntN(n)
	w.trace = (w.trace ^ uint64(i)) * 1099511628211
	if i -= len(w.rooms); i >= 0 {
		t := w.tasks[i]
		w.tasks = append(w.tasks[:i], w.tasks[i+1:]...)
		w.running, t.ready = t, false
		t.next()
		w.running = nil
		return true
	}
	i += len(w.rooms)
	r := w.rooms[i]
	for k := 1 + w.rng.IntN(1<<w.rng.IntN(7)); k > 0 && w.stepOne(r); k-- {
	}
	more := r.StepFlush()
	w.inspect(r)
	if !more {
		w.rooms = append(w.rooms[:i], w.rooms[i+1:]...)
	}
	return true
}

// inspect asks a room whether it is in order, and now and then to the end of its lists. The first that is not is kept.
func (w *steppingWorld) inspect(r actor.Runner) {
	w.turns++
	check := r.Check
	if w.turns%steppingInspection == 0 {
		check = r.CheckAll
	}
	if err := check(); err != nil && w.broken == nil {
		w.broken = fmt.Errorf("after turn %d: %w", w.turns, err)
	}
}

// inspectAll asks every room that was ever launched.
func (w *steppingWorld) inspectAll() error {
	for _, r := range w.born {
		if err := r.CheckAll(); err != nil && w.broken == nil {
			w.broken = fmt.Errorf("after turn %d, at the end: %w", w.turns, err)
		}
	}
	return w.broken
}

// steppingInspection is how many turns are between two whole inspections.
const steppingInspection = 50

// stepOne gives a room one message, of one of its edges.
func (w *steppingWorld) stepOne(r actor.Runner) bool {
	waiting := r.Waiting()
	full := make([]int, 0, len(waiting))
	for i, e := range waiting {
		if e.Count > 0 {
			full = append(full, i)
		}
	}
	if len(full) == 0 {
		return false
	}
	r.Step(full[w.rng.IntN(len(full))], 1)
	return true
}

// pollOne lets the first script go on that can, from a random one on.
func (w *steppingWorld) pollOne() bool {
	for i, from := 0, w.rng.IntN(len(w.scripts)+1); i < len(w.scripts); i++ {
		if w.scripts[(from+i)%len(w.scripts)].poll() {
			return true
		}
	}
	return false
}

// at makes an appointment.
func (w *steppingWorld) at(when mono.Time, f func()) *appointment {
	w.seq++
	a := &appointment{at: when, seq: w.seq, f: f}
	queue.Push(&w.calendar, a)
	return a
}

func (w *steppingWorld) Now() mono.Time           { return w.now }
func (w *steppingWorld) Stepping() bool           { return true }
func (w *steppingWorld) Wall() time.Time          { return steppingDay.Add(time.Duration(w.now)) }
func (w *steppingWorld) Context() context.Context { return context.Background() }

func (w *steppingWorld) Launch(r actor.Runner) {
	for _, have := range w.rooms {
		if have == r {
			return
		}
	}
	if !w.known[r] {
		w.known[r] = true
		w.born = append(w.born, r)
	}
	w.rooms = append(w.rooms, r)
}

// steppingTask is what Go starts: a coroutine, which runs until it waits in a Read.
type steppingTask struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	ready bool
}

func (w *steppingWorld) Loop(_ string, f func()) { w.Go("", f) }

// Pause lets the running task go on later.
func (w *steppingWorld) Pause() {
	t := w.running
	w.wake(t)
	t.yield(struct{}{})
}

func (w *steppingWorld) Resolve(context.Context, string) ([]netip.Addr, error) {
	return nil, net.ErrClosed
}

func (w *steppingWorld) Go(_ string, f func()) {
	t := &steppingTask{}
	t.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		f()
	})
	w.wake(t)
}

func (w *steppingWorld) wake(t *steppingTask) {
	if t != nil && !t.ready {
		t.ready = true
		w.tasks = append(w.tasks, t)
	}
}

func (w *steppingWorld) Random(identity string) port.Random { return steppingRandom{w, identity} }

// steppingRandom has a stream of its own for each purpose.
type steppingRandom struct {
	w        *steppingWorld
	identity string
}

func (r steppingRandom) Uint64(purpose string) uint64 {
	key := r.identity + "\x00" + purpose
	g := r.w.randoms[key]
	if g == nil {
		h := fnv.New64a()
		h.Write([]byte(key))
		g = rand.New(rand.NewPCG(r.w.seed, h.Sum64()))
		r.w.randoms[key] = g
	}
	return g.Uint64()
}

func (r steppingRandom) Bytes(purpose string, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint64(purpose))
	}
}

// steppingAlarm is an appointment that moves.
type steppingAlarm struct {
	w    *steppingWorld
	tick func()
	next *appointment
}

func (w *steppingWorld) Alarm(tick func()) port.Alarm { return &steppingAlarm{w: w, tick: tick} }

func (a *steppingAlarm) Set(at mono.Time) {
	if a.next != nil && a.next.index >= 0 {
		queue.Remove(&a.w.calendar, a.next.index)
	}
	a.next = nil
	if !at.IsZero() {
		a.next = a.w.at(at, a.tick)
	}
}

// appointment is something that happens at a time; those of one time happen in the order in which they were made.
type appointment struct {
	at    mono.Time
	seq   int
	f     func()
	index int
}

type calendar []*appointment

func (c calendar) Len() int { return len(c) }
func (c calendar) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].at, c[j].at), cmp.Compare(c[i].seq, c[j].seq)) < 0
}
func (c calendar) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].index, c[j].index = i, j
}
func (c *calendar) Push(a any) {
	a.(*appointment).index = len(*c)
	*c = append(*c, a.(*appointment))
}
func (c *calendar) Pop() any {
	last := len(*c) - 1
	a := (*c)[last]
	*c, a.index = (*c)[:last], -1
	return a
}

// steppingLink is a socket of the world's network.
type steppingLink struct {
	w      *steppingWorld
	local  netip.AddrPort
	queue  []steppingDatagram
	reader *steppingTask // waits in Read
	closed bool
}

type steppingDatagram struct {
	b    []byte
	from netip.AddrPort
}

func (w *steppingWorld) open(addr netip.AddrPort) *steppingLink {
	l := &steppingLink{w: w, local: addr}
	w.links[addr] = l
	return l
}

func (w *steppingWorld) Listen(addr string) (Socket, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return w.open(a), nil
}

func (w *steppingWorld) Dial(netip.AddrPort) (Socket, error) {
	return w.open(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 2}), uint16(40000+len(w.links)))), nil
}

func (w *steppingWorld) Wrap(net.PacketConn) (Socket, error) { return nil, net.ErrClosed }

// Read waits for datagrams and returns a train of them.
func (l *steppingLink) Read(buf []byte, m *udp.Meta) (int, error) {
	for len(l.queue) == 0 && !l.closed {
		l.reader = l.w.running
		l.reader.yield(struct{}{})
	}
	if l.closed {
		return 0, net.ErrClosed
	}
	first := l.queue[0]
	seg, n, count := len(first.b), 0, 0
	for most := 1 + l.w.rng.IntN(40); count < min(most, len(l.queue)); {
		d := l.queue[count]
		if d.from != first.from || len(d.b) > seg || n+len(d.b) > len(buf) {
			break
		}
		n += copy(buf[n:], d.b)
		if count++; len(d.b) < seg {
			break
		}
	}
	l.queue = l.queue[count:]
	*m = udp.Meta{Remote: first.from, Local: l.local.Addr(), SegmentSize: seg}
	return n, nil
}

// Write gives a train to the network.
func (l *steppingLink) Write(b []byte, seg int, to netip.AddrPort, _ netip.Addr, _ udp.ECN) (int, error) {
	if l.closed {
		return 0, net.ErrClosed
	}
	w, n := l.w, &l.w.weather
	for at := 0; at < len(b); at += seg {
		d := steppingDatagram{append([]byte(nil), b[at:min(at+seg, len(b))]...), l.local}
		copies := 1
		if w.rng.IntN(100) < n.loss {
			copies = 0
		} else if w.rng.IntN(100) < n.dup {
			copies = 2
		}
		for range copies {
			w.at(w.now.Add(n.delay+time.Duration(w.rng.Int64N(int64(n.jitter)+1))), func() { w.arrive(to, d) })
		}
	}
	return len(b), nil
}

func (w *steppingWorld) arrive(to netip.AddrPort, d steppingDatagram) {
	l := w.links[to]
	if l == nil || l.closed || len(l.queue) >= w.weather.queue {
		return
	}
	l.queue = append(l.queue, d)
	w.wake(l.reader)
	l.reader = nil
}

func (l *steppingLink) Close() error {
	l.closed = true
	l.w.wake(l.reader)
	l.reader = nil
	return nil
}

func (l *steppingLink) LocalAddr() netip.AddrPort { return l.local }

var (
	_ World  = (*steppingWorld)(nil)
	_ Socket = (*steppingLink)(nil)
)
