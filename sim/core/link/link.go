package link

import (
	"net/netip"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

// Datagram is one datagram on its way. The addresses and the mark are what its headers say at this point.
type Datagram struct {
	From, To netip.AddrPort
	ECN      udp.ECN
	Bytes    []byte

	// A network's own: the way, how many of its links lie behind, and the datagram's number among all.
	way    *way
	hops   int
	serial uint64
}

// Arrival is a datagram that comes out of a link at a time.
type Arrival struct {
	At mono.Time
	Datagram
	Verdict Verdict // which the link has passed on the datagram as it came
	Copy    bool    // the second one of a datagram that comes twice
}

// Link is one direction of one link.
type Link struct {
	c  Config
	at draw.Place

	now     mono.Time
	delay   time.Duration
	passed  int    // of the Changes
	next    uint64 // number of the next datagram
	queue   queue
	policer policer
	ordered ordered
	channel channel
	last    mono.Time // arrival in order; later ones keep behind it
	held    []held    // late ones, in the order of their coming
	memory  *memory   // nil for a link without a network
	out     []Arrival // of the present call
	counts  Counts
}

// held is a datagram that waits to be overtaken. It arrives in due order if it is not, but at Arrival.Verdict.Arrive.
type held struct {
	Arrival
	again []byte // the second copy, if it comes twice
	ahead int    // how many must overtake it still
}

// maxOvertaking is how many datagrams overtake a late one at the most, if the link keeps its order. RFC 9002 s6.1.1 takes a
// packet for lost that three others have overtaken: a late one may be either.
const maxOvertaking = 5

// New is a link whose chance is that of the place at. It panics if c does not pass Check.
func New(c Config, at draw.Place) *Link {
	if err := c.Check(); err != nil {
		panic(err.Error())
	}
	return &Link{
		c: c, at: at, delay: c.Delay,
		queue: newQueue(&c), policer: newPolicer(c.Policer), ordered: newOrdered(&c), channel: channel{c: c.Burst},
	}
}

// Name is the link's: its place's.
func (l *Link) Name() string { return l.at.Name() }

// Config is what the link was made with.
func (l *Link) Config() Config { return l.c }

// Counts says what has happened so far.
func (l *Link) Counts() Counts { return l.counts }

// Send brings a datagram to the link at a time that is not before the last call's. The verdict is complete at once, since
// nobody overtakes in the queue. The arrivals, valid until the next call, are the datagram's own, if it is neither dropped
// nor late, and those of late datagrams that it overtakes. d.Bytes is never written to; at most one arrival shares it.
func (l *Link) Send(now mono.Time, d Datagram) ([]Arrival, Verdict) {
	l.begin(now)
	l.change(now)
	v := Verdict{N: l.next, Size: len(d.Bytes), QueueBytes: l.queue.bytes}
	l.next++
	target := l.ordered.count(d.Bytes)
	burst := l.channel.step(l.at, v.N)

	v.Fate = l.enter(now, &v, d.ECN != udp.NotECT)
	if v.Fate == Delivered {
		at := l.travel(&v)
		if v.Fate = l.cross(&v, target && l.ordered.hit(l.at, d.Bytes), burst); v.Fate == Delivered {
			l.deliver(at, &v, d)
		}
	}
	l.counts.add(v)
	return l.out, v
}

// Calm ends the link's faults: from now on it has its delay, its rate and its queue, and nothing happens to a datagram but
// what a full queue does. Of a replay, what is listed still happens.
func (l *Link) Calm() {
	c := &l.c
	c.Loss, c.Reorder, c.Overtake, c.Duplicate, c.Corrupt, c.MarkCE = 0, 0, 0, 0, 0, 0
	l.channel, l.policer = channel{}, policer{}
	l.ordered.outages, l.ordered.targets, l.ordered.changes = nil, nil, nil
	l.ordered.mtu = max(l.ordered.mtu, ethernet)
}

// Overdue is the late datagrams which nobody has overtaken until now: a late one's Verdict.Arrive is when to ask.
func (l *Link) Overdue(now mono.Time) []Arrival {
	l.begin(now)
	return l.out
}

// Held is how many late datagrams wait to be overtaken, copies included.
func (l *Link) Held() (count int) {
	for i := range l.held {
		if count++; l.held[i].Verdict.Twice {
			count++
		}
	}
	return count
}

// begin starts a call.
func (l *Link) begin(now mono.Time) {
	if now < l.now {
		panic("link: the time runs backwards at " + l.Name())
	}
	l.now = now
	l.out = l.out[:0]
	l.queue.drain(now)
	l.release(func(h *held) bool {
		if h.Verdict.Arrive > now {
			return false
		}
		h.At = h.Verdict.Arrive
		return true
	})
}

// change makes the Changes whose time has come.
func (l *Link) change(now mono.Time) {
	for ; l.passed < len(l.c.Changes) && now >= l.c.Changes[l.passed].At; l.passed++ {
		if m := &l.c.Changes[l.passed]; l.at.Happens(uint64(l.passed), "change", 1) {
			l.delay, l.queue.rate = m.Delay, m.Rate
		}
	}
}

// enter takes a datagram to the link's own end of the wire, or to a fate before that.
func (l *Link) enter(now mono.Time, v *Verdict, ect bool) (fate Fate) {
	if l.ordered.isDown(l.at, now) {
		return WasDown
	}
	if v.Size > l.ordered.mtuAt(l.at, now) {
		return TooBig
	}
	if !l.policer.passes(now, v.Size) {
		return Policed
	}
	v.Depart, fate, v.Marked = l.queue.offer(now, v.Size, ect)
	return fate
}

// cross asks whether a datagram is lost on the wire.
func (l *Link) cross(v *Verdict, target bool, burst float64) Fate {
	switch {
	case l.ordered.isDown(l.at, v.Depart):
		return WasDown
	case target:
		return Targeted
	case l.at.Happens(v.N, "lost", l.c.Loss):
		return Lost
	case l.at.Happens(v.N, "burst", burst):
		return InBurst
	}
	return Delivered
}

// travel is when a datagram arrives, in order. Also one that is lost, or late, keeps its place in the order: the others'
// times do not depend on it.
func (l *Link) travel(v *Verdict) mono.Time {
	at := v.Depart.Add(l.delay)
	if l.c.Jitter > 0 && l.ordered.jitter.ask(l.at, 0, "jitter") {
		at = at.Add(l.at.Duration(v.N, "jitter", l.c.Jitter+1))
	}
	l.last = max(at, l.last)
	return l.last
}

// deliver does to a datagram what does not lose it, and lets it arrive at a time, or holds it back.
func (l *Link) deliver(at mono.Time, v *Verdict, d Datagram) {
	whole := d.Bytes
	if v.Corrupt = v.Size > 0 && l.at.Happens(v.N, "corrupt", l.c.Corrupt); v.Corrupt {
		d.Bytes = l.corrupt(v.N, whole)
	}
	var again []byte
	switch v.Twice = l.at.Happens(v.N, "twice", l.c.Duplicate); {
	case v.Twice && v.Corrupt:
		again = whole
	case v.Twice:
		again = l.memory.copy(whole)
	}
	d.ECN = l.mark(v, d.ECN)

	if v.Late = l.at.Happens(v.N, "late", l.c.Reorder); v.Late {
		v.Arrive = at.Add(max(2*l.delay, 20*time.Millisecond))
		ahead := 1 + l.at.IntN(v.N, "overtaken by", maxOvertaking)
		l.held = append(l.held, held{Arrival{At: at, Datagram: d, Verdict: *v}, again, ahead})
		return
	}
	if v.Early = l.at.Happens(v.N, "early", l.c.Overtake); v.Early {
		at = v.Depart
	}
	v.Arrive = at
	l.emit(Arrival{At: at, Datagram: d, Verdict: *v}, again)
	l.overtake(at)
}

// corrupt copies bytes and changes one bit of them, or one whole byte.
func (l *Link) corrupt(n uint64, whole []byte) []byte {
	b := l.memory.copy(whole)
	at, how := l.at.IntN(n, "corrupt where", len(b)), l.at.IntN(n, "corrupt how", 8+255)
	if how < 8 {
		b[at] ^= 1 << how
	} else {
		b[at] ^= byte(how - 7)
	}
	return b
}

// mark is the ECN field behind the link.
func (l *Link) mark(v *Verdict, ecn udp.ECN) udp.ECN {
	if (ecn == udp.ECT0 || ecn == udp.ECT1) && !v.Marked {
		v.Marked = l.at.Happens(v.N, "marked", l.c.MarkCE)
	}
	if v.Marked {
		ecn = udp.CE
	}
	switch {
	case l.c.ECN == Bleach && ecn != udp.NotECT && l.ordered.rewrite.ask(l.at, 0, "bleach"):
		return udp.NotECT
	case l.c.ECN == Remark && ecn == udp.ECT0 && l.ordered.rewrite.ask(l.at, 0, "remark"):
		return udp.ECT1
	}
	return ecn
}

// emit lets a datagram arrive, and its copy behind it.
func (l *Link) emit(a Arrival, again []byte) {
	l.out = append(l.out, a)
	if !a.Verdict.Twice {
		return
	}
	a.Bytes, a.Copy = again, true
	a.At = a.At.Add(l.at.Duration(a.Verdict.N, "twice", max(l.delay/4, time.Millisecond)))
	l.out = append(l.out, a)
}

// overtake lets the late ones fall behind a datagram that arrives in order.
func (l *Link) overtake(at mono.Time) {
	l.release(func(h *held) bool {
		if at >= h.Verdict.Arrive {
			return false // comes too late for that
		}
		h.ahead--
		h.At = max(h.At, at+1)
		return h.ahead == 0
	})
}

// release lets those late ones arrive that are due, at their At.
func (l *Link) release(due func(h *held) bool) {
	if len(l.held) == 0 {
		return
	}
	kept := l.held[:0]
	for i := range l.held {
		if h := &l.held[i]; due(h) {
			l.emit(h.Arrival, h.again)
		} else {
			kept = append(kept, *h)
		}
	}
	clear(l.held[len(kept):]) // their bytes are others' now
	l.held = kept
}
