package udp

import (
	"runtime"
	"testing"
	"time"
)

// newPolls is a reader's beside so many processors.
func newPolls(processors int32) *polls {
	p := &polls{of: new(pollers)}
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
	for gap, i := 0, 0; i < 500; i++ {
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
	want := []int{0, 1, 3}
	for len(want) <= lateFailed {
		want = append(want, maxUnpolled)
	}
	want = append(want, 15, 31, lateUnpolled, lateUnpolled)
	for i, w := range want {
		if i >= len(gaps) || gaps[i] != w {
			t.Fatalf("reads that wait at once between vain polls: %v, want %v ...", gaps, want)
		}
	}
	// A few that are worth it make it eager again.
	for p.rest > 0 {
		waits(never)
	}
	for range mostFailed/farCount + 1 {
		if waits(soon) {
			t.Error("it waits after a poll that was worth it")
		}
	}
	if !waits(never) || p.rest != 1 {
		t.Errorf("after polls that found something and one in vain %d reads wait at once, want 1", p.rest)
	}
	p.off = true
	if !waits(round) {
		t.Error("it polls when it is told not to")
	}
}

// What comes a millisecond after a poll in vain was not to be waited for; what comes at once was nearly.
func TestPollingIsRareWhereDatagramsAre(t *testing.T) {
	for _, c := range []struct {
		apart       time.Duration // from what was polled for in vain to the datagram
		every       int           // so many of the polls find something
		least, most int           // of 1000 reads poll
	}{
		{0, 1, 1000, 1000},
		{0, 5, 150, 400},
		{time.Millisecond, 1, 1000, 1000},
		{time.Millisecond, 5, 0, 80},
		{time.Millisecond, 1000, 0, 20},
	} {
		p := newPolls(1)
		polled, late := 0, 0
		for i := range 10_000 {
			after := time.Hour
			if (polled+1)%c.every == 0 {
				after = 10 * time.Microsecond
			}
			if waits, asked := p.read(after, time.Microsecond); asked > 0 {
				if waits {
					p.came(p.last.Add(c.apart))
				}
				if polled++; i >= 9000 {
					late++
				}
			}
		}
		if late < c.least || late > c.most {
			t.Errorf("%v apart, one in %d polls finds something: %d of 1000 reads poll, want %d to %d", c.apart, c.every, late, c.least, c.most)
		}
	}
}

func TestPollingEndsByTimeNotByRounds(t *testing.T) {
	for _, c := range []struct {
		crowded bool
		round   time.Duration
		asked   int
	}{
		{false, time.Microsecond / 4, 800}, // nobody else has anything to do
		{false, 40 * time.Microsecond, 25}, // others have
		{true, 40 * time.Microsecond, 5},   // and there are more readers than processors
		{false, longRound - 1, 2},          // two are longer than it may take
		{true, longRound - 1, 1},
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

// Another process has the processor, or a goroutine computes: nobody polls for a while.
func TestALongRoundEndsAllPolling(t *testing.T) {
	at := time.Unix(1, 0)
	a, b := newPolls(2), newPolls(2)
	b.of = a.of
	a.begin()
	b.begin()
	if !a.again(at) || !b.again(at) {
		t.Fatal("they may not poll")
	}
	at = at.Add(longRound)
	if a.again(at) || b.again(at) {
		t.Error("they poll on after a long round")
	}
	if a.vain != 0 || b.vain != 0 || a.of.now.Load() != 0 {
		t.Errorf("in vain: %d, %d; %d poll", a.vain, b.vain, a.of.now.Load())
	}
	for i, want := range []time.Duration{firstRest, 2 * firstRest, 4 * firstRest, 8 * firstRest} {
		if i > 0 {
			if a.begin(); !a.again(at) {
				t.Fatalf("after rest %d nobody polls", i)
			}
			at = at.Add(longRound)
			a.again(at)
		}
		if a.begin(); a.again(at.Add(want - 1)) {
			t.Errorf("rest %d is shorter than %v", i+1, want)
		}
		if at = at.Add(want); a.of.resting(at) {
			t.Errorf("rest %d is longer than %v", i+1, want)
		}
	}
	at = at.Add(restMemory) // a quiet time
	a.begin()
	a.again(at)
	at = at.Add(longRound)
	a.again(at)
	if a.of.resting(at.Add(firstRest)) || !a.of.resting(at.Add(firstRest-1)) {
		t.Error("after a quiet time a rest is not the first one again")
	}
	for range 20 {
		a.of.rest(at)
	}
	if a.of.resting(at.Add(lastRest)) {
		t.Errorf("a rest is longer than %v", lastRest)
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

func TestNobodyPollsBesideASingleProcessor(t *testing.T) {
	for procs, most := range map[int]int32{1: 0, 2: 2, 8: 8} {
		before := runtime.GOMAXPROCS(procs)
		var p pollers
		if p.processors(); p.most.Load() != most {
			t.Errorf("beside %d processors %d readers may poll, want %d", procs, p.most.Load(), most)
		}
		runtime.GOMAXPROCS(before)
	}
}
