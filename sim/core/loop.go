package core

import "iter"

// loop is a socket's reader as a coroutine: it runs until it waits in a Read or a Pause.
type loop struct {
	host  *Host
	name  string
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	ready bool
}

// loop starts a coroutine.
func (w *World) loop(h *Host, name string, f func()) {
	l := &loop{host: h, name: name}
	l.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		l.yield = yield
		f()
	})
	w.loops = append(w.loops, l)
	w.wake(l)
}

// wake lets a coroutine go on later.
func (w *World) wake(l *loop) {
	if l != nil && !l.ready {
		l.ready = true
		w.ready.add(&item{host: l.host, name: l.name, id: identify(l.host.name, l.name), loop: l})
	}
}

// suspend leaves the coroutine that runs until it is woken.
func (w *World) suspend() {
	l := w.running
	if l == nil {
		panic("core: only a socket's reader may wait in a Read or a Pause")
	}
	l.yield(struct{}{})
}
