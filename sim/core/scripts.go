package core

import "time"

// OnMail has wake called on the executor behind each piece of mail that is handed under key, in the same step: how an app
// that is a script, and waits for nothing, hears of a mailbox (its key is the port.Exchange). nil ends it.
func (w *World) OnMail(key any, wake func()) {
	if wake == nil {
		delete(w.scripts, key)
		return
	}
	if w.scripts == nil {
		w.scripts = make(map[any]func())
	}
	w.scripts[key] = wake
}

// andWake is mail that wakes the script which waits for it then, if there is one.
func (w *World) andWake(key any, f func()) func() {
	return func() {
		f()
		if wake := w.scripts[key]; wake != nil {
			wake()
		}
	}
}

// After has f called on the executor when that time has passed.
func (w *World) After(d time.Duration, f func()) { w.At(w.now+d, f) }

// Abandon ends the coroutines of a world that is not run to its end, because something went wrong in it: they would stay.
// Nothing can be done with the world then.
func (w *World) Abandon() {
	for _, h := range w.hosts {
		for _, s := range h.sockets { // in any order: the run is over
			_ = s.Close()
		}
	}
	for _, l := range w.loops {
		for range abandonRounds {
			w.running = l
			if _, more := l.next(); !more {
				break
			}
		}
	}
	w.running = nil
}

// abandonRounds is how often a reader may wait that is told to end.
const abandonRounds = 100
