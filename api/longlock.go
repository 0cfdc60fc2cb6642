package api

import "sync"

// longLock is a lock that may be held while a peer is awaited. Who waits for it waits on a Cond: a simulation, whose
// clock moves on only when every task waits for something that another task can give, takes a goroutine in front of a
// sync.Mutex for one at work. The zero longLock is unlocked.
type longLock struct {
	mu    sync.Mutex
	held  bool
	freed *sync.Cond // nil until somebody waited
}

// Lock waits until nobody holds l, and takes it.
func (l *longLock) Lock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held {
		if l.freed == nil {
			l.freed = sync.NewCond(&l.mu)
		}
		l.freed.Wait()
	}
	l.held = true
}

// TryLock takes l if nobody holds it, and reports whether it did.
func (l *longLock) TryLock() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return false
	}
	l.held = true
	return true
}

// Unlock lets the next one in.
func (l *longLock) Unlock() {
	l.mu.Lock()
	l.held = false
	if l.freed != nil {
		l.freed.Signal()
	}
	l.mu.Unlock()
}
