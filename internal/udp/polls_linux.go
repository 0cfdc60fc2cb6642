package udp

import (
	"runtime"
	"sync/atomic"
	"time"
)

// polls decides how long an empty socket is asked again, a scheduler round apart, before the reader waits in the
// runtime's poller. Where the next datagram is microseconds away, as between busy neighbours, waiting is dear: a thread
// goes to sleep and is woken for each, and a kernel may queue it for milliseconds behind the one that woke it while
// another processor is idle. Goroutines that can run do so in each round.
//
// It does not give way to goroutines that wait for a processor. The scheduler finds a reader that asks again sooner than what
// waits for another processor, and so that one has them all; but a reader that gave way let its thread sleep as soon as there was
// nothing more to take over, and between callers that are answered together that was every time.
//
// What is spent shall be an idle processor's time, and not much of it. A read may take pollTime of it, and what earlier reads
// left over: so a busy connection's reader stays awake through a longer pause, while one whose datagrams are always further
// apart than pollTime waits at once, mostly: after polling in vain the next 1, 3 and at last maxUnpolled reads do. At first that is
// few, for a reader that sleeps makes its peer's sleep, and then all answers are late; after so many polls in vain it is lateUnpolled.
// One after which the datagram still was farAway counts farCount times, and one that found something makes up for as many: where they
// come a millisecond apart, and now and then two soon after one another, polling would cost more than it saves.
// Rounds in which others work are bounded too, for asking costs a system call; and where more sockets would poll than there are
// processors, processors are not idle, and a read has pollTime in all. A round of longRound tells that the processor is not ours: a
// goroutine computes, or another process does. Then nobody polls for a while, longer each time.
type polls struct {
	of      *pollers
	off     bool // no read may
	may     bool // this read may poll, or go on
	counted bool // among the pollers
	rest    int  // reads to come that wait at once
	vain    int  // how many those were after the last polling in vain
	failed  int  // polls in vain, less what others made up for
	gave    bool // this read has polled in vain, and waits

	last       time.Time     // when this read was asked last
	idle, busy time.Duration // spent by this read, in rounds without others' work and with it
	saved      time.Duration // left over by earlier reads
	crowded    bool          // too many wanted to poll lately
}

const (
	pollTime   = 200 * time.Microsecond
	maxSaved   = 900 * time.Microsecond
	maxBusy    = time.Millisecond
	quickRound = 5 * time.Microsecond // shorter ones had no work of others

	maxUnpolled  = 7
	lateUnpolled = 63
	lateFailed   = 32 // polls in vain, and the second holds
	mostFailed   = 2 * lateFailed

	farAway  = 300 * time.Microsecond // from the end of a poll
	farCount = 8

	longRound = time.Millisecond
	firstRest = 10 * time.Millisecond
	lastRest  = time.Second
	// restMemory is for how long after a rest the next one is longer. A process that computes takes the processor again within
	// it; a thread's pause, of which there are some each second, or a round of a hundred callers is no reason to rest for long.
	restMemory = 20 * time.Millisecond
)

// begin starts a read.
func (p *polls) begin() {
	switch {
	case p.off:
		p.may = false
		return
	case p.rest > 0:
		p.rest--
		p.may = false
		return
	case p.may && p.failed > lateFailed: // still: the last read was worth it
		p.vain, p.failed = p.vain/2, p.failed-farCount
	case p.may:
		p.vain, p.failed = 0, max(p.failed-farCount, 0)
	}
	p.may = true
}

// end ends it.
func (p *polls) end() {
	if p.counted {
		p.saved = min(max(p.saved+pollTime-p.idle, 0), maxSaved)
		p.leave()
	}
}

// came learns when the datagram came for which a read polled in vain.
func (p *polls) came(now time.Time) {
	p.gave = false
	if now.Sub(p.last) > farAway {
		p.failed = min(p.failed+farCount-1, mostFailed)
	}
}

// leave makes it none of the pollers.
func (p *polls) leave() {
	p.counted = false
	p.of.leave()
}

// again reports whether to ask once more, behind a scheduler round.
func (p *polls) again(now time.Time) bool {
	switch {
	case !p.may:
		return false
	case p.of.resting(now):
		return p.giveUp()
	case !p.counted:
		p.counted, p.crowded = p.of.enter()
		p.may = p.counted
		p.last, p.idle, p.busy = now, 0, 0
		return p.may
	}
	round := now.Sub(p.last)
	if round < quickRound {
		p.idle += round
	} else {
		p.busy += round
	}
	p.last = now
	if round >= longRound {
		p.of.rest(now)
		return p.giveUp()
	}
	if p.crowded {
		p.may = p.idle+p.busy < pollTime
	} else {
		p.may = p.idle < pollTime+p.saved && p.busy < maxBusy
	}
	if p.may {
		return true
	}
	most := maxUnpolled
	p.failed, p.gave = min(p.failed+1, mostFailed), true
	if p.failed > lateFailed {
		most = lateUnpolled
	}
	p.vain = min(2*p.vain+1, most)
	p.rest = p.vain
	p.saved = 0
	p.leave() // what it waits for from here on may take minutes
	return false
}

// giveUp ends the polling of a read, which is no sign that it is in vain.
func (p *polls) giveUp() bool {
	p.may = false
	if p.counted {
		p.leave()
	}
	return false
}

// round lets goroutines that can run do so, and now and then those for which the network has something.
func (p *polls) round() {
	g := &p.of.glance
	if g.due(p.last) {
		p.of.processors() // there may be others than before
		g.look()
		return
	}
	g.aside()
	runtime.Gosched()
}

// pollers are the reads that poll at one time: at most one for each processor, and none beside a single one, which is never idle
// while it polls.
type pollers struct {
	most    atomic.Int32
	now     atomic.Int32
	crowded atomic.Int32 // how many more reads are to know that one was refused
	off     atomic.Int64 // nobody polls until then, in nanoseconds since 1970
	pause   atomic.Int64 // how long the last rest was
	glance  glance
}

// resting reports whether nobody may poll.
func (p *pollers) resting(now time.Time) bool { return now.UnixNano() < p.off.Load() }

// rest lets nobody poll for a while: twice as long as the last time, if that ended just now.
func (p *pollers) rest(now time.Time) {
	pause := 2 * p.pause.Load()
	if now.UnixNano()-p.off.Load() > int64(restMemory) {
		pause = 0
	}
	pause = min(max(pause, int64(firstRest)), int64(lastRest))
	p.pause.Store(pause)
	p.off.Store(now.UnixNano() + pause)
}

// crowdedFor is how many reads that poll remember a refusal.
const crowdedFor = 64

// inProcess counts those of this process.
var inProcess pollers

// processors learns how many there are.
func (p *pollers) processors() *pollers {
	most := runtime.GOMAXPROCS(0)
	if most == 1 {
		most = 0
	}
	p.most.Store(int32(most))
	return p
}

// enter counts one more, if there is a processor for it, and reports whether one was refused lately.
func (p *pollers) enter() (ok, crowded bool) {
	if p.most.Load() == 0 {
		p.processors() // there may be more by now
	}
	if p.now.Add(1) > p.most.Load() {
		p.now.Add(-1)
		p.crowded.Store(crowdedFor)
		return false, true
	}
	n := p.crowded.Load()
	if n > 0 {
		p.crowded.Store(n - 1) // several at once may count as one
	}
	return true, n > 0
}

func (p *pollers) leave() { p.now.Add(-1) }
