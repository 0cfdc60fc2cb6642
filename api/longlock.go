package api

import (
	"sync"
	"sync/atomic"
)

// longLock is a lock that may be held while a peer is awaited. Who waits for it waits on a Cond: a simulation, whose
// clock moves on only when every task waits for something that another task can give, takes a goroutine in front of a
// sync.Mutex for one at work. The zero longLock is unlocked.
type longLock struct {
	mu    sync.Mutex // of those who wait
	state atomic.Uint32
	freed *sync.Cond // nil until somebody waited
}

const (
	lockFree uint32 = iota
	lockHeld
	lockAwaited // held, and somebody may wait
)

// Lock waits until nobody holds l, and takes it.
func (l *longLock) Lock() {
	if !l.TryLock() {
		l.wait()
	}
}

func (l *longLock) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.freed == nil {
		l.freed = sync.NewCond(&l.mu)
	}
	// Who takes it here cannot know whether others wait, and so takes it as awaited.
	for l.state.Swap(lockAwaited) != lockFree {
		l.freed.Wait()
	}
}

// TryLock takes l if nobody holds it, and reports whether it did.
func (l *longLock) TryLock() bool { return l.state.CompareAndSwap(lockFree, lockHeld) }

// Unlock lets the next one in.
func (l *longLock) Unlock() {
	if l.state.Swap(lockFree) == lockAwaited {
		l.mu.Lock()
		l.freed.Signal()
		l.mu.Unlock()
	}
}
