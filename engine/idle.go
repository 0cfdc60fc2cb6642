package engine

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// AwaitIdle returns when a processor has nothing else to do, or when most is over and, at the latest, whoever waits first has
// gone. It is for app tasks that are about to compute for long. Go runs what is ready in the order in which it became so, interrupts
// it only every 10 ms, and looks at the network when nothing is ready: a small request queues behind such tasks at every
// hop, and in the kernel's buffers. Those that wait here go one after another, in the order in which they came, so that the
// processors look up in between.
//
// In a simulation, whose tasks take no time, and once the engine is closed it returns at once.
func (e *Engine) AwaitIdle(most time.Duration) {
	if e.stage == nil {
		e.idle.await(time.Now().Add(most))
	}
}

// idleLine is those who wait for an idle processor.
type idleLine struct {
	mu      sync.Mutex
	taken   atomic.Bool // somebody is at the head of the line
	waiting []inLine    // behind it
	closed  bool        // nobody waits any more
	probe   idleProbe   // of the head
}

// inLine is one who waits.
type inLine struct {
	until time.Time
	turn  chan bool // true: to the head of the line; false: it is late, and need not wait
}

func (l *idleLine) await(until time.Time) {
	l.mu.Lock()
	switch {
	case l.closed:
		l.mu.Unlock()
		return
	case l.taken.Load():
		w := inLine{until, make(chan bool, 1)}
		l.waiting = append(l.waiting, w)
		l.mu.Unlock()
		if !<-w.turn {
			return
		}
	default:
		l.taken.Store(true)
		l.mu.Unlock()
	}
	l.probe.wait(until)
	l.next(time.Now())
}

// next lets those go who are late, and the first of the others to the head of the line.
func (l *idleLine) next(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := false
	for len(l.waiting) > 0 && !taken {
		w := l.waiting[0]
		l.waiting[0] = inLine{}
		l.waiting = l.waiting[1:]
		taken = now.Before(w.until) && !l.closed
		w.turn <- taken
	}
	l.taken.Store(taken)
	if l.closed {
		l.probe.close()
	}
}

// close lets those go who wait, when the head of the line has its turn over, and then closes the pipe.
func (l *idleLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if !l.taken.Load() {
		l.probe.close()
	}
}

// idleProbe finds out that a processor is idle by waiting for the network. The scheduler asks the network when it has nothing
// that can run, and only then (else every 10 ms); so a goroutine that waits for a byte which is there already goes on
// when all others wait. What the network had for them at that moment is let go first; if it was something, the question
// is put again.
type idleProbe struct {
	r, w *os.File
	raw  syscall.RawConn // of r
	none bool            // this system has no pipes that its poller knows
	b    [1]byte
}

// idleRound is how long a round takes at most in which nobody else did anything.
const idleRound = 20 * time.Microsecond

func (p *idleProbe) wait(until time.Time) {
	if !p.open() || p.r.SetReadDeadline(until) != nil {
		runtime.Gosched()
		return
	}
	for idle := false; !idle; {
		began, put := time.Now(), false
		err := p.raw.Read(func(uintptr) bool {
			if put {
				return true
			}
			n, _ := p.w.Write(p.b[:]) // a pipe that is empty has room for a byte
			put = n == 1
			return !put
		})
		if put {
			_ = p.r.SetReadDeadline(time.Time{})
			_, _ = p.r.Read(p.b[:])
		}
		if err != nil || !put {
			return // it is time
		}
		runtime.Gosched()
		idle = time.Since(began) < idleRound
		_ = p.r.SetReadDeadline(until)
	}
}

// open makes the pipe, once. It reports false if that is in vain.
func (p *idleProbe) open() bool {
	if p.r != nil || p.none {
		return !p.none
	}
	var err error
	if p.r, p.w, err = os.Pipe(); err == nil {
		p.raw, err = p.r.SyscallConn()
	}
	p.none = err != nil
	return !p.none
}

// close closes the pipe, if there is one.
func (p *idleProbe) close() {
	if p.r != nil {
		_, _ = p.r.Close(), p.w.Close()
		p.r, p.w, p.raw, p.none = nil, nil, nil, true
	}
}
