package actor

import "sync/atomic"

// Hand brings something to an app task: it calls f, at once where rooms and tasks run side by side, or, in a simulation,
// in a step of its own, so that no two tasks wake at the same time. What is handed under one key keeps its order. A nil
// Hand calls at once.
type Hand func(key any, f func())

// Mailbox is the edge from a room to one app task: a channel with a place for everything the room may have in flight.
// Only the app waits on it.
type Mailbox[M any] struct {
	c    chan M
	hand Hand
	key  any
	ear  atomic.Pointer[func(M)]
}

// Init makes a mailbox for at most capacity messages in flight, which hand brings under key.
func (b *Mailbox[M]) Init(capacity int, hand Hand, key any) {
	b.c, b.hand, b.key = make(chan M, capacity), hand, key
}

// Hear has f told of every message that comes from now on, besides, on the goroutine that brings it: f must not wait. So
// nobody needs to wait for a message that may never come. A nil f ends it, for what is not on its way already.
func (b *Mailbox[M]) Hear(f func(M)) {
	if f == nil {
		b.ear.Store(nil)
		return
	}
	ear := f // an allocation of its own, so that ending it needs none
	b.ear.Store(&ear)
}

// heard tells who wants to hear of messages.
func (b *Mailbox[M]) heard(m M) {
	if f := b.ear.Load(); f != nil {
		(*f)(m)
	}
}

// Send hands m to the app. It never blocks; a full mailbox is a broken credit and panics.
func (b *Mailbox[M]) Send(m M) {
	if b.hand != nil {
		b.hand(b.key, func() { b.put(m) })
		return
	}
	b.put(m)
}

func (b *Mailbox[M]) put(m M) {
	select {
	case b.c <- m:
		b.heard(m)
	default:
		panic("actor: an app's mailbox is full: a credit is broken")
	}
}

// Offer is Send for a last word that may have been said before: a mailbox that is full has it already.
func (b *Mailbox[M]) Offer(m M) {
	offer := func() {
		select {
		case b.c <- m:
			b.heard(m)
		default:
		}
	}
	if b.hand != nil {
		b.hand(b.key, offer)
		return
	}
	offer()
}

// Empty drops what is in the mailbox. Nobody may send to it or wait for it meanwhile.
func (b *Mailbox[M]) Empty() {
	for len(b.c) > 0 {
		<-b.c
	}
}

// C is the channel that the app receives from.
func (b *Mailbox[M]) C() <-chan M { return b.c }
