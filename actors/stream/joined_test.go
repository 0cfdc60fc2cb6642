package stream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/race"
	"quicpro/wire"
)

// pair is two stream rooms, each between a scripted conn and a scripted h3, joined by a network that loses, repeats and
// reorders. A seed decides what happens next; every edge has its quota.
type pair struct {
	stepping
	rng    *rand.Rand
	chunks actor.Chunks
	out    int // batches that are not home
	plan   plan
	ends   [2]*end
	bad    []string
}

// plan is how two streams are used.
type plan struct {
	id       wire.StreamID
	size     [2]int // bytes that each end sends
	resets   [2]bool
	stops    [2]bool
	loss     int // percent
	options  port.StreamOptions
	limits   port.Limits
	connWide int // the connection's window
}

// end is one side: its room and its two neighbours.
type end struct {
	*pair
	me    int
	s     *Stream
	room  *actor.Room[port.ToStream]
	link  *port.Stream
	conn  *sideConn
	h3    *sideH3
	peer  *end
	tocks actor.Port[port.ToH3]
}

func newPair(seed uint64, p plan) *pair {
	w := &pair{stepping: stepping{now: 1}, rng: rand.New(rand.NewPCG(seed, 7)), plan: p}
	for i := range w.ends {
		w.ends[i] = newEnd(w, i)
	}
	w.ends[0].peer, w.ends[1].peer = w.ends[1], w.ends[0]
	return w
}

func newEnd(w *pair, me int) *end {
	e := &end{pair: w, me: me, link: port.NewStream(w.plan.id)}
	role := wire.Role(me)
	e.s = New(Config{Link: e.link, Role: role, Options: w.plan.options, Common: &Common{Chunks: &w.chunks, Limits: &w.plan.limits}})
	e.conn = &sideConn{end: e, credit: wire.Offset(w.plan.connWide), packets: map[int]*packet{}}
	e.h3 = &sideH3{end: e, room: w.plan.limits.UnsentBytes, size: w.plan.size[me]}
	e.h3.sends = w.plan.id.IsBidi() || w.plan.id.Initiator() == role
	e.h3.reads = w.plan.id.IsBidi() || w.plan.id.Initiator() != role
	e.room = actor.Spawn[port.ToStream](w, actor.Spec{Name: fmt.Sprint("stream ", me), Capacity: 7, Supervisor: w}, e.s)
	e.link.FromConn, e.link.FromH3 = e.room.Port("conn>stream", 4), e.room.Port("h3>stream", 3)
	conn := actor.Spawn[port.ToConn](w, actor.Spec{Name: fmt.Sprint("conn ", me), Capacity: 2, Supervisor: w}, e.conn)
	h3 := actor.Spawn[port.ToH3](w, actor.Spec{Name: fmt.Sprint("h3 ", me), Capacity: 3, Supervisor: w}, e.h3)
	e.s.Connect(&Ports{ToConn: conn.Port("stream>conn", 2), ToH3: h3.Port("stream>h3", 2)})
	e.tocks = h3.Port("clock>h3", 1)
	return e
}

func (w *pair) Left(string) {}
func (w *pair) Died(d actor.Death) {
	w.fault("room %s died of %s: %v\n%s", d.Room, d.Message, d.Value, d.Stack)
}
func (w *pair) fault(format string, args ...any) { w.bad = append(w.bad, fmt.Sprintf(format, args...)) }

// content is what an end sends at an offset.
func content(me, off int) byte { return byte(off ^ off>>8*31 ^ me*0x55) }

// step lets one thing happen.
func (w *pair) step() {
	w.now += mono.Time(w.rng.IntN(2000))
	e := w.ends[w.rng.IntN(2)]
	switch w.rng.IntN(6) {
	case 0:
		e.conn.event()
	case 1:
		e.h3.tock()
	default:
		w.stepRoom()
	}
}

func (w *pair) stepRoom() {
	if len(w.ready) == 0 {
		return
	}
	i := w.rng.IntN(len(w.ready))
	r := w.ready[i]
	for k := 1 + w.rng.IntN(4); k > 0; k-- {
		var full []int
		for at, e := range r.Waiting() {
			if e.Count > 0 {
				full = append(full, at)
			}
		}
		if len(full) == 0 {
			break
		}
		r.Step(full[w.rng.IntN(len(full))], 1)
	}
	more := r.StepFlush()
	if err := r.CheckAll(); err != nil {
		w.fault("%v", err)
	}
	if !more {
		w.ready[i] = w.ready[len(w.ready)-1]
		w.ready = w.ready[:len(w.ready)-1]
	}
}

func (w *pair) over() bool {
	return w.ends[0].s.Left() && w.ends[1].s.Left() && len(w.ready) == 0
}

const stepLimit = 400_000

// play runs until both rooms have left. It reports how many steps that took.
func (w *pair) play(stopAt int) (steps int) {
	for ; !w.over() && len(w.bad) == 0; steps++ {
		if steps == stopAt {
			w.stop()
		}
		if steps > stepLimit {
			w.fault("wedged: %s", w.describe())
			break
		}
		w.step()
	}
	return steps
}

// stop is the death of both connections.
func (w *pair) stop() {
	for _, e := range w.ends {
		e.conn.stopping, e.h3.stopping = true, true
		e.conn.drop()
		e.link.Down.Filling().Release()
		e.link.Out.Filling().Release()
		e.link.FromConn.Send(&port.Stop{})
	}
}

func (w *pair) describe() (s string) {
	for _, e := range w.ends {
		h, c := e.h3, e.conn
		s += fmt.Sprintf("\nend %d: wrote %d of %d, got %d, room %d, untaken %d, done %v, gone %v; conn unsent %d, credit %d, open packets %d, ended %v; sending %d receiving %d",
			e.me, h.written, h.size, h.got, h.room, h.untaken, h.done, h.gone, len(c.unsent), c.credit, len(c.packets), c.ended, e.s.sending.state, e.s.receiving.state)
	}
	return s
}

// settled says what is not in order at the end.
func (w *pair) settled(whole bool) string {
	if len(w.bad) > 0 {
		return strings.Join(w.bad, "\n")
	}
	if n := w.chunks.Out(); n != 0 {
		w.fault("%d chunks are not home", n)
	}
	if w.out != 0 {
		w.fault("%d batches are not home", w.out)
	}
	for _, e := range w.ends {
		if !whole {
			continue
		}
		if e.conn.consumed != e.conn.received {
			w.fault("end %d: %d bytes of credit returned, of %d", e.me, e.conn.consumed, e.conn.received)
		}
		if from := e.peer.h3; from.finished && e.h3.fin && e.h3.got != from.size {
			w.fault("end %d: a FIN after %d bytes of %d", e.me, e.h3.got, from.size)
		}
		if e.h3.reads && !e.h3.fin && !e.h3.reset && !e.h3.refused {
			w.fault("end %d: nobody told h3 of an end", e.me)
		}
		if e.h3.got > int(e.conn.received) {
			w.fault("end %d: h3 got more than was received", e.me)
		}
	}
	return strings.Join(w.bad, "\n")
}

// randomPlan has small windows, so that every limit is met.
func randomPlan(rng *rand.Rand) plan {
	p := plan{
		id:      wire.StreamID(rng.IntN(4)),
		loss:    rng.IntN(40),
		options: port.StreamOptions{RecvWindow: 1000 + rng.IntN(20000)},
		limits:  port.Limits{Streams: 2, StreamGaps: 10000, StreamWindowMax: 40000, UnsentBytes: 1 + rng.IntN(12000)},
	}
	p.options.SendLimit = wire.Offset(p.options.RecvWindow)
	p.connWide = 1000 + rng.IntN(30000)
	p.limits.ConnWindow = p.connWide
	for i := range p.size {
		p.size[i] = rng.IntN(60000)
	}
	if rng.IntN(8) == 0 {
		p.size[rng.IntN(2)] = 0
	}
	return p
}

func TestJoinedStreamsDeliverEveryByteUnderEverySeed(t *testing.T) {
	seeds := uint64(race.Fewer(t, 150, 20))
	if testing.Short() {
		seeds = 20
	}
	parted := 0
	for seed := range seeds {
		p := randomPlan(rand.New(rand.NewPCG(seed, 1)))
		w := newPair(seed, p)
		steps := w.play(-1)
		if bad := w.settled(true); bad != "" {
			t.Fatalf("seed %d, after %d steps: %s", seed, steps, bad)
		}
		for _, e := range w.ends {
			if e.h3.reads && (e.h3.got != p.size[1-e.me] || !e.h3.fin) {
				t.Fatalf("seed %d: end %d got %d bytes of %d, fin %v", seed, e.me, e.h3.got, p.size[1-e.me], e.h3.fin)
			}
			if e.h3.ended {
				parted++
			}
		}
	}
	if parted == 0 {
		t.Error("no room was left its end")
	}
}

func TestJoinedStreamsEndWhateverIsResetOrStopped(t *testing.T) {
	var resets, refusals int
	for seed := range uint64(race.Fewer(t, 200, 20)) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := randomPlan(rng)
		for i := range 2 {
			p.resets[i], p.stops[i] = rng.IntN(2) == 0, rng.IntN(2) == 0
		}
		w := newPair(seed, p)
		steps := w.play(-1)
		if bad := w.settled(true); bad != "" {
			t.Fatalf("seed %d, after %d steps: %s", seed, steps, bad)
		}
		for _, e := range w.ends {
			if e.h3.reset {
				resets++
			}
			if e.h3.refused {
				refusals++
			}
		}
	}
	if resets == 0 || refusals == 0 {
		t.Fatalf("%d resets and %d refusals prove nothing", resets, refusals)
	}
}

func TestJoinedStreamsStopAtAnyStep(t *testing.T) {
	for seed := range uint64(3) {
		p := randomPlan(rand.New(rand.NewPCG(seed, 3)))
		p.id, p.size = wire.StreamID(seed), [2]int{4000, 4000}
		alive := newPair(seed, p)
		whole := alive.play(-1)
		if bad := alive.settled(true); bad != "" {
			t.Fatalf("seed %d, not stopped: %s", seed, bad)
		}
		for at := range whole {
			w := newPair(seed, p)
			w.play(at)
			if bad := w.settled(false); bad != "" {
				t.Fatalf("seed %d, stopped at %d of %d: %s", seed, at, whole, bad)
			}
		}
	}
}
