package actor

import (
	"sync"
	"sync/atomic"
)

// Hand brings something to an app task: it calls f, at once where rooms and tasks run side by side, or, in a simulation,
// in a step of its own, so that no two tasks wake at the same time. What is handed under one key keeps its order. A nil
// Hand calls at once.
type Hand func(key any, f func())

// bringer is how mail comes to an app task in a simulation.
type bringer struct {
	hand Hand
	key  any
}

// bring calls f when the mail is to come: at once, if b is nil.
func (b *bringer) bring(f func()) {
	if b == nil {
		f()
		return
	}
	b.hand(b.key, f)
}

func newBringer(hand Hand, key any) *bringer {
	if hand == nil {
		return nil
	}
	return &bringer{hand, key}
}

// Mailbox is the edge from a room to one app task, with a place for everything the room may have in flight. Only the app waits
// on it. A zero M is no message.
//
// The first message mostly is there before anybody waits: one for two messages makes its channel when somebody does, or when a
// second comes. The zero one is ready.
type Mailbox[M comparable] struct {
	mu    sync.Mutex
	first M      // what came while there was no channel
	c     chan M // nil until it is needed
	by    *bringer
}

// mailboxFew is how many messages a mailbox has room for that makes its channel when that is needed.
const mailboxFew = 2

// Init makes a mailbox for at most capacity messages in flight, or two, which hand brings under key.
func (b *Mailbox[M]) Init(capacity int, hand Hand, key any) {
	if b.by = newBringer(hand, key); capacity > mailboxFew {
		b.c = make(chan M, capacity)
	}
}

// Send hands m to the app. It never blocks; a full mailbox is a broken credit and panics.
func (b *Mailbox[M]) Send(m M) {
	if b.by == nil {
		b.put(m)
		return
	}
	b.by.bring(func() { b.put(m) })
}

func (b *Mailbox[M]) put(m M) {
	if !b.offer(m) {
		panic("actor: an app's mailbox is full: a credit is broken")
	}
}

// Offer is Send for a last word that may have been said before: a mailbox that is full has it already.
func (b *Mailbox[M]) Offer(m M) { b.by.bring(func() { b.offer(m) }) }

func (b *Mailbox[M]) offer(m M) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var none M
	if b.c == nil && b.first == none {
		b.first = m
		return true
	}
	select {
	case b.channel() <- m:
		return true
	default:
		return false
	}
}

// channel is the channel, with what came before. The caller holds the lock.
func (b *Mailbox[M]) channel() chan M {
	var none M
	if b.c == nil {
		b.c = make(chan M, mailboxFew)
	}
	if b.first != none {
		b.c <- b.first // there has been nothing else
		b.first = none
	}
	return b.c
}

// Take returns what has come; without waiting, nothing if that is nothing.
func (b *Mailbox[M]) Take() (m M, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, b.first = b.first, m
	if m != b.first {
		return m, true
	}
	select {
	case m = <-b.c:
		return m, true
	default:
		return m, false
	}
}

// Empty drops what is in the mailbox. Nobody may send to it or wait for it meanwhile.
func (b *Mailbox[M]) Empty() {
	b.first = *new(M)
	for len(b.c) > 0 {
		<-b.c
	}
}

// C is the channel that the app receives from.
func (b *Mailbox[M]) C() <-chan M {
	b.mu.Lock()
	c := b.channel()
	b.mu.Unlock()
	return c
}

// QuietMailbox is a Mailbox for two messages on which mostly nothing comes, and nobody waits: it is made when
// something does. The zero one is ready.
type QuietMailbox[M comparable] struct {
	made atomic.Pointer[Mailbox[M]]
	by   *bringer
	ear  atomic.Pointer[func(M)]
}

// Init has hand bring the messages under key.
func (b *QuietMailbox[M]) Init(hand Hand, key any) { b.by = newBringer(hand, key) }

func (b *QuietMailbox[M]) box() *Mailbox[M] {
	if m := b.made.Load(); m != nil {
		return m
	}
	m := new(Mailbox[M])
	if b.made.CompareAndSwap(nil, m) {
		return m
	}
	return b.made.Load() // the other side was quicker
}

// Hear has f told of every message that comes from now on, besides, on the goroutine that brings it: f must not wait. So
// nobody needs to wait for a message that may never come. A nil f ends it, for what is not on its way already.
func (b *QuietMailbox[M]) Hear(f func(M)) {
	if f == nil {
		b.ear.Store(nil)
		return
	}
	ear := f // an allocation of its own, so that ending it needs none
	b.ear.Store(&ear)
}

// heard tells who wants to hear of messages.
func (b *QuietMailbox[M]) heard(m M) {
	if f := b.ear.Load(); f != nil {
		(*f)(m)
	}
}

// Send is Mailbox.Send.
func (b *QuietMailbox[M]) Send(m M) {
	if b.by == nil {
		b.put(m)
		return
	}
	b.by.bring(func() { b.put(m) })
}

func (b *QuietMailbox[M]) put(m M) {
	b.box().put(m)
	b.heard(m)
}

// Offer is Mailbox.Offer.
func (b *QuietMailbox[M]) Offer(m M) {
	b.by.bring(func() {
		if b.box().offer(m) {
			b.heard(m)
		}
	})
}

// Empty drops what is in the mailbox. Nobody may send to it or wait for it meanwhile.
func (b *QuietMailbox[M]) Empty() {
	if m := b.made.Load(); m != nil {
		m.Empty()
	}
}

// C is the channel that the app receives from.
func (b *QuietMailbox[M]) C() <-chan M { return b.box().C() }

// Came is C for who does not wait: nil, if nothing has come yet and nobody has waited for it.
func (b *QuietMailbox[M]) Came() <-chan M {
	if m := b.made.Load(); m != nil {
		return m.C()
	}
	return nil
}
