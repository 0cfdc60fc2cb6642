package api

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// life is the state of a context that makes its channel when somebody asks for it.
type life struct {
	mu    sync.Mutex
	done  chan struct{}
	why   error
	after func() bool // to be called at the end; may be nil
}

// channel returns the channel that is closed at the end; first says that it was made by this call, before the end.
func (l *life) channel() (done <-chan struct{}, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		first = l.why == nil
		if !first {
			close(l.done)
		}
	}
	return l.done, first
}

// onEnd has f called at the end, or now if that has been.
func (l *life) onEnd(f func() bool) {
	l.mu.Lock()
	if l.why == nil {
		l.after, f = f, nil
	}
	l.mu.Unlock()
	if f != nil {
		f()
	}
}

// end ends it, once.
func (l *life) end(why error) {
	l.mu.Lock()
	if l.why != nil {
		l.mu.Unlock()
		return
	}
	l.why = why
	if l.done != nil {
		close(l.done)
	}
	after := l.after
	l.mu.Unlock()
	if after != nil {
		after()
	}
}

// err is why it ended, nil before.
func (l *life) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// deadline is a point in time after which waits fail. Its channel exists only while somebody needs it.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	timer *time.Timer
	c     chan struct{}
}

// set moves the deadline; the zero Time means none.
func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if d.c != nil && isClosed(d.c) {
		d.c = nil
	}
	d.arm()
}

// wait returns a channel that is closed when the deadline has passed, also if it is set or moved later.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		d.c = make(chan struct{})
		d.arm()
	}
	return d.c
}

// passed reports whether it has passed.
func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

// stop forgets the deadline.
func (d *deadline) stop() { d.set(time.Time{}) }

func (d *deadline) arm() {
	if d.c == nil || d.at.IsZero() {
		return
	}
	left := time.Until(d.at)
	if left <= 0 {
		close(d.c)
		return
	}
	c := d.c
	var own *time.Timer
	own = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == own {
			close(c)
			d.timer = nil
		}
	})
	d.timer = own
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func udpAddr(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
