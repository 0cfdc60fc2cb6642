package actor

import (
	"sync"
	"sync/atomic"
)

// inbox is a room's mail: at most limit messages wait. It is a short channel, and a list for what finds no place there: a
// channel of the full length would be made whole at birth, and a connection's rooms have places for everything that
// ten thousand streams may ever say at once: 46 KiB of them were most of an idle connection.
type inbox[M any] struct {
	limit int
	mail  chan M

	// A message that found no place in the channel. Those that come later go behind it, until the runner has taken it.
	full atomic.Bool
	mu   sync.Mutex
	rest []M

	out  []M // the runner's: what it took out of rest
	next int // of out
}

const (
	// inboxPlaces is how long the channel is: most rooms never need more.
	inboxPlaces = 16
	// inboxKept is how many places a list keeps for the next burst. Beyond, memory of which the last one needed less than a
	// quarter goes to the collector.
	inboxKept = 128
)

func (q *inbox[M]) init(limit int) {
	q.limit = limit
	q.mail = make(chan M, min(limit, inboxPlaces))
}

// add puts m in. It reports false if the inbox is full.
func (q *inbox[M]) add(m M) bool {
	if !q.full.Load() {
		select {
		case q.mail <- m:
			return true
		default:
		}
	}
	q.mu.Lock()
	ok := len(q.mail)+len(q.rest) < q.limit
	if ok {
		q.rest = append(q.rest, m)
		q.full.Store(true)
	}
	q.mu.Unlock()
	return ok
}

// take removes the first message. Those of one sender come in the order in which they were sent.
func (q *inbox[M]) take() (m M, ok bool) {
	if q.next == len(q.out) && q.full.Load() {
		q.turnOver()
	}
	if q.next < len(q.out) {
		var none M
		m, q.out[q.next] = q.out[q.next], none
		q.next++
		return m, true
	}
	select {
	case m = <-q.mail:
		return m, true
	default:
		return m, false
	}
}

// turnOver takes everything. What one sender has in the channel is older than what it has in the list: it looked at the
// channel first, and took the lock later.
func (q *inbox[M]) turnOver() {
	out := q.out[:0]
	if n := cap(out); n > inboxKept && len(q.out) < n/4 {
		out = nil
	}
	q.mu.Lock()
	for k := len(q.mail); k > 0; k-- {
		out = append(out, <-q.mail)
	}
	q.out, q.rest = append(out, q.rest...), q.shrunk()
	q.full.Store(false)
	q.mu.Unlock()
	q.next = 0
}

// shrunk is the list for the next messages.
func (q *inbox[M]) shrunk() []M {
	if n := cap(q.rest); n > inboxKept && len(q.rest) < n/4 {
		return nil
	}
	clear(q.rest)
	return q.rest[:0]
}
