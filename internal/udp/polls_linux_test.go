package udp

import (
	"testing"
	"time"
)

// newPolls is a reader's beside so many processors.
func newPolls(processors int32) *polls {
	p := &polls{of: &pollers{ready: func(*polls) int { return queued }}}
	p.of.most.Store(processors)
	return p
}

// read plays one read of a socket that has a message after a time; it reports whether the reader waits, and how often it
// asked again. A round takes a while.
func (p *polls) read(after, round time.Duration) (waits bool, asked int) {
	p.begin()
	defer p.end()
	for now := time.Unix(1, 0); ; now = now.Add(round) {
		switch {
		case now.Sub(time.Unix(1, 0)) >= after:
			return false, asked
		case !p.again(now):
			return true, asked
		}
		asked++
	}
}

func TestPollingStopsWhereItIsInVain(t *testing.T) {
	p := newPolls(1)
	const round, soon, never = time.Microsecond / 3, 10 * time.Microsecond, time.Hour
	waits := func(after time.Duration) bool {
		w, _ := p.read(after, round)
		return w
	}
	for i := range 10 {
		if waits(soon) {
			t.Fatalf("read %d waits for a datagram that is %v away", i, soon)
		}
	}
	// The gaps between reads that poll in vain: 1, 3, 7, ... reads that wait at once.
	var gaps []int
	for gap, i := 0, 0; i < 400; i++ {
		before := p.vain
		if !waits(never) {
			t.Fatal("it polls for ever")
		}
		if p.vain == before && p.rest != p.vain {
			gap++
			continue
		}
		gaps = append(gaps, gap)
		gap = 0
	}
	want := []int{0, 1, 3, 7, 15, 31, 63, 63}
	for i, w := range want {
		if i >= len(gaps) || gaps[i] != w {
			t.Fatalf("reads that wait at once between vain polls: %v, want %v ...", gaps, want)
		}
	}
	// One that was worth it makes it eager again.
	for p.rest > 0 {
		waits(never)
	}
	waits(soon)
	if waits(soon) || !waits(never) || p.rest != 1 {
		t.Errorf("after a poll that found something and one in vain %d reads wait at once, want 1", p.rest)
	}
	p.how = NoPolling
	if !waits(round) {
		t.Error("it polls when it is told not to")
	}
}

func TestPollingEndsByTimeNotByRounds(t *testing.T) {
	for _, c := range []struct {
		crowded bool
		round   time.Duration
		asked   int
	}{
		{false, time.Microsecond / 4, 400}, // nobody else has anything to do
		{false, 40 * time.Microsecond, 25}, // others have
		{true, 40 * time.Microsecond, 3},   // and there are more readers than processors
		{false, 10 * time.Millisecond, 1},  // a round is longer than it may take
		{true, 10 * time.Millisecond, 1},
	} {
		p := newPolls(1)
		if c.crowded {
			p.of.enter()
			p.of.enter()
			p.of.leave()
		}
		if waits, asked := p.read(time.Hour, c.round); !waits || asked != c.asked {
			t.Errorf("rounds of %v, crowded %v: asked %d times and waits: %v, want %d times", c.round, c.crowded, asked, waits, c.asked)
		}
	}
}

func TestAnEagerReadPollsForTwoMillisecondsWhoeverWorks(t *testing.T) {
	const round = 40 * time.Microsecond
	p := newPolls(1)
	p.how = EagerPolling
	for range 3 {
		if waits, _ := p.read(1900*time.Microsecond, round); waits {
			t.Error("it waits for a datagram that is 1.9 ms away")
		}
		if waits, asked := p.read(time.Hour, round); !waits || asked != 50 || p.rest != 1 || p.of.now.Load() != 0 {
			t.Errorf("in vain: waits: %v, asked %d times, %d reads are to wait, %d poll; want 50, 1, 0", waits, asked, p.rest, p.of.now.Load())
		}
		if waits, asked := p.read(time.Hour, round); !waits || asked != 0 {
			t.Errorf("the next asks %d times", asked)
		}
	}
}

func TestShortWaitsSaveUpForALongerOne(t *testing.T) {
	const round, soon, later = time.Microsecond, 20 * time.Microsecond, 600 * time.Microsecond
	p := newPolls(1)
	if waits, _ := p.read(later, round); !waits {
		t.Fatalf("it polls for %v at first", later)
	}
	for p.rest > 0 {
		p.read(later, round)
	}
	for range 20 {
		p.read(soon, round)
	}
	if waits, _ := p.read(later, round); waits {
		t.Errorf("it waits for a datagram that is %v away, after many that were %v away", later, soon)
	}
	// What was saved is spent: where datagrams are always so far apart, it waits for nearly all.
	waited := 0
	for range 1000 {
		if waits, _ := p.read(later, round); waits {
			waited++
		}
	}
	if waited < 980 {
		t.Errorf("it waits for %d of 1000 datagrams that are %v apart", waited, later)
	}
}

func TestNoMoreReadersPollThanThereAreProcessors(t *testing.T) {
	a, b := newPolls(1), newPolls(1)
	b.of = a.of
	a.begin()
	if !a.again(time.Unix(1, 0)) {
		t.Fatal("one reader may not poll")
	}
	if waits, asked := b.read(time.Hour, time.Microsecond); !waits || asked != 0 {
		t.Errorf("a second reader beside one processor asked %d times and waits: %v, want that it waits at once", asked, waits)
	}
	a.end()
	if waits, _ := b.read(10*time.Microsecond, time.Microsecond); waits {
		t.Error("it waits although nobody polls any more")
	}
	if n := a.of.now.Load(); n != 0 {
		t.Errorf("%d poll in the end", n)
	}
}

// One that has polled in vain, and now waits, leaves its place to others.
func TestAReaderThatWaitsDoesNotCountAsPolling(t *testing.T) {
	a, b := newPolls(1), newPolls(1)
	b.of = a.of
	a.begin()
	for now := time.Unix(1, 0); a.again(now); now = now.Add(time.Microsecond) {
	}
	if waits, _ := b.read(10*time.Microsecond, time.Microsecond); waits {
		t.Error("a second reader may not poll while the first one waits")
	}
	a.end()
	if n := a.of.now.Load(); n != 0 {
		t.Errorf("%d poll in the end", n)
	}
}

// A reader that asks again keeps its processor from looking for work of the others: it stops when they wait, and that is no
// sign that polling is in vain.
func TestAReaderThatPollsGivesWayToThoseThatWait(t *testing.T) {
	for _, c := range []struct {
		name              string
		round             time.Duration
		waiting, yielding int
		from, asked       int // they wait from this question on, and so many questions it asks
	}{
		{"from the first", time.Microsecond, queued + 1, 0, 0, 0},
		{"who poll as well", time.Microsecond, queued + 1, 1, 0, 100},
		{"the next of a processor", time.Microsecond, queued, 0, 0, 100},
		{"while nobody works", time.Microsecond, queued + 1, 0, 3, askedAlone},
		{"while others work", 2 * quickRound, queued + 1, 0, 3, 4},
	} {
		p, asked := newPolls(1), 0
		p.of.yielding.Store(int32(c.yielding))
		p.of.ready = func(p *polls) int {
			if p.asked > c.from || c.from == 0 {
				return c.waiting
			}
			return 0
		}
		var waits bool
		if waits, asked = p.read(time.Hour, c.round); !waits || asked != c.asked {
			t.Errorf("%s: asked %d times, waits: %v, want %d", c.name, asked, waits, c.asked)
		}
		if gaveWay := c.asked < 100; gaveWay != (p.vain == 0) || p.of.now.Load() != 0 {
			t.Errorf("%s: %d reads are to wait at once; %d poll", c.name, p.vain, p.of.now.Load())
		}
	}
}

// The runtime knows the metric.
func TestTheSchedulerIsAsked(t *testing.T) {
	var p polls
	if n := p.ready(); n < 0 || n > 1000 {
		t.Errorf("%d goroutines wait for a processor", n)
	}
	if n := testing.AllocsPerRun(100, func() { p.ready() }); n != 0 {
		t.Errorf("asking allocates %v times", n)
	}
}
