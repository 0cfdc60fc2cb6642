package sim

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"quicpro/sim/core"
)

// bubble is the core.Pace of a testing/synctest bubble: app tasks are its goroutines, and its clock is the world's.
type bubble struct {
	born  time.Time
	kick  chan struct{}
	steps atomic.Int64 // how often it waited, for the watchdog
	idle  func()       // nothing has happened for boredom
}

// boredom is how long a world waits for app tasks when nothing else can happen.
const boredom = time.Hour

// bubbleYear is when every bubble's clock starts; no world lives for two years.
const bubbleYear = 2002

var _ core.Pace = (*bubble)(nil)

func newBubble() *bubble { return &bubble{born: time.Now(), kick: make(chan struct{}, 1)} }

func (b *bubble) Now() time.Duration { return time.Since(b.born) }

func (b *bubble) Wait(until time.Duration) {
	b.steps.Add(1)
	wait, bored := until-b.Now(), until < 0
	if bored {
		wait = boredom
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		if bored {
			b.idle()
		}
	case <-b.kick:
	}
}

func (b *bubble) Kick() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

func (b *bubble) Settle() {
	b.steps.Add(1)
	synctest.Wait()
}

func (b *bubble) Start(f func()) { go f() }

// Goroutine is the number of the calling goroutine: "goroutine 12 [running]:" is how a stack begins.
func (b *bubble) Goroutine() uint64 {
	if time.Now().Year() > bubbleYear {
		panic("sim: a goroutine outside the world uses a client or server of it: make the goroutine inside the function given to " +
			"Run, where time is virtual")
	}
	var space [32]byte
	stack := string(space[:runtime.Stack(space[:], false)])
	n, err := strconv.ParseUint(strings.Fields(stack)[1], 10, 64)
	if err != nil {
		panic("sim: a stack begins with " + stack)
	}
	return n
}
