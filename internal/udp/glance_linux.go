package udp

import (
	"encoding/binary"
	"os"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// glance makes the scheduler look at the network while readers poll. By itself it does when it finds nothing that can run,
// and else every 10 ms; but a reader that polls can always run. So where all processors have something to run, one of the
// readers waits for an event of its own now and then, which is there already: whoever the network has something for goes on
// with it.
type glance struct {
	last   atomic.Int64 // in nanoseconds since 1970
	now    atomic.Bool  // one looks, and has what follows
	active func() int   // how many goroutines run, or wait for a processor; nil at first
	opened atomic.Bool  // there are file, fd and try
	file   *os.File     // an eventfd
	fd     syscall.RawConn
	put    bool
	try    func(uintptr) bool
}

// glanceEvery is how often that is.
const glanceEvery = 300 * time.Microsecond

// due reports whether it is time, and all processors have something to run: an idle one looks at the network.
func (g *glance) due(now time.Time) bool {
	if time.Duration(now.UnixNano()-g.last.Load()) < glanceEvery || !g.now.CompareAndSwap(false, true) {
		return false
	}
	g.last.Store(now.UnixNano())
	if g.open() && g.active() >= runtime.GOMAXPROCS(0) {
		return true
	}
	g.now.Store(false)
	return false
}

// open makes the eventfd, once for the process. It reports false if there is none now.
func (g *glance) open() bool {
	if g.opened.Load() {
		return true
	}
	if g.active == nil {
		g.active = active
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return false
	}
	g.file = os.NewFile(uintptr(fd), "eventfd")
	if g.fd, err = g.file.SyscallConn(); err != nil {
		_ = g.file.Close()
		return false
	}
	g.try = g.event
	g.opened.Store(true)
	return true
}

// look waits for the event. It follows a due that was true.
func (g *glance) look() {
	g.put = false
	_ = g.fd.Read(g.try) // one that cannot be waited for is not waited for
	g.now.Store(false)
}

// aside waits while another reader looks: one that can run would keep its processor from the network. It has the same file to
// read, of which one at a time is let in.
func (g *glance) aside() {
	if g.now.Load() && g.opened.Load() {
		_ = g.fd.Read(func(uintptr) bool { return true })
	}
}

// event makes it at first, and then has seen it. Nobody takes it back: each write is one of its own, and 2^64 are enough.
func (g *glance) event(fd uintptr) bool {
	if g.put {
		return true
	}
	g.put = true
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	n, _ := unix.Write(int(fd), b[:])
	return n != len(b)
}

// active asks the scheduler how many goroutines run, or wait for a processor.
func active() int {
	metrics.Read(schedule)
	return int(schedule[0].Value.Uint64() + schedule[1].Value.Uint64())
}

// schedule is what it is asked with, by one at a time.
var schedule = []metrics.Sample{{Name: "/sched/goroutines/running:goroutines"}, {Name: "/sched/goroutines/runnable:goroutines"}}
