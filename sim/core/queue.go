package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// queue is what waits for a step under one key, in order.
type queue struct {
	fifo   []waiting
	forget func()
}

// waiting is one element of a queue.
type waiting struct {
	kind string
	f    func()
}

func (q *queue) len() int { return len(q.fifo) }

func (q *queue) pop() waiting {
	first := q.fifo[0]
	q.fifo[0] = waiting{}
	q.fifo = q.fifo[1:]
	return first
}

// queues are the queues that are not empty, by key. They are looked up, never listed: a map has no order.
type queues[K comparable] struct{ by map[K]*queue }

func newQueues[K comparable]() queues[K] { return queues[K]{make(map[K]*queue)} }

// push puts next at the end of a queue; it returns the queue if it was empty, so that it must be made ready.
func (qs queues[K]) push(key K, next waiting) *queue {
	q := qs.by[key]
	if q != nil {
		q.fifo = append(q.fifo, next)
		return nil
	}
	q = &queue{fifo: []waiting{next}, forget: func() { delete(qs.by, key) }}
	qs.by[key] = q
	return q
}

// behind calls f when all that is queued now has been taken, whatever is queued after it.
func (qs queues[K]) behind(f func()) {
	left := len(qs.by)
	if left == 0 {
		f()
		return
	}
	for _, q := range qs.by { // each gets the same, so that their order makes no difference
		q.fifo = append(q.fifo, waiting{"last word", func() {
			if left--; left == 0 {
				f()
			}
		}})
	}
}

// post is an order of an app task.
type post struct {
	host     *Host
	identity string
	kind     string
	by       uint64 // the goroutine; 0: the turn says what comes first
	turn     int
	f        func()
}

// post queues an order until all app tasks wait for something. Any goroutine may call it, a room's step too.
func (w *World) post(p post) {
	p.by = w.pace.Goroutine()
	w.queue(p)
}

// queue is post for an order with a turn.
func (w *World) queue(p post) {
	w.mu.Lock()
	w.posts = append(w.posts, p)
	w.stirred.Store(true)
	w.mu.Unlock()
	w.pace.Kick()
}

// collect waits until every app task waits for something, and puts what they want in order.
func (w *World) collect() {
	if !w.stirred.Load() {
		return
	}
	w.pace.Settle()
	w.stirred.Store(false) // nobody runs now: what was posted on the way here is taken below
	w.mu.Lock()
	posts := w.posts
	w.posts = nil
	w.mu.Unlock()
	if len(posts) == 0 {
		return
	}
	who := func(a, b post) int {
		return cmp.Or(strings.Compare(a.host.name, b.host.name), strings.Compare(a.identity, b.identity))
	}
	slices.SortStableFunc(posts, who)
	for len(posts) > 0 {
		n := 1
		for n < len(posts) && who(posts[n], posts[0]) == 0 {
			n++
		}
		w.enqueue(w.interleave(posts[:n]))
		posts = posts[n:]
	}
}

// interleave orders the posts of one identity: those of one goroutine as they came, and the goroutines by the kinds that
// they began with, which must differ.
func (w *World) interleave(posts []post) []post {
	if posts[0].by == 0 {
		slices.SortStableFunc(posts, func(a, b post) int { return cmp.Compare(a.turn, b.turn) })
		return posts
	}
	first := make(map[uint64]string, 1)
	for i := range posts {
		if _, seen := first[posts[i].by]; !seen {
			first[posts[i].by] = posts[i].kind
		}
	}
	if len(first) == 1 {
		return posts
	}
	kinds := make(map[string]bool, len(first))
	for _, kind := range first { // only whether two are equal matters
		if kinds[kind] {
			w.Fail(ambiguous(posts[0].identity, kind))
		}
		kinds[kind] = true
	}
	slices.SortStableFunc(posts, func(a, b post) int { return strings.Compare(first[a.by], first[b.by]) })
	return posts
}

// ambiguous is the error of two calls that nobody can tell apart.
func ambiguous(identity, kind string) error {
	return fmt.Errorf("ambiguous concurrency: two goroutines did %q at the same time under the identity %q, so that their order "+
		"would be chance: give each its own, by the context that its requests are made with (sim.World.Context)", kind, identity)
}

func (w *World) enqueue(posts []post) {
	for i := range posts {
		p := &posts[i]
		if q := w.orders.push(p.host.name+" "+p.identity, waiting{p.kind, p.f}); q != nil {
			w.ready.add(&item{host: p.host, name: "order of " + p.identity, id: identify(p.host.name, p.identity), queue: q})
		}
	}
}
