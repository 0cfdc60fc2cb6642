package actor

import "sync"

// inbox is a room's mail: a list that senders append to and one that the runner takes from. When the runner's is empty, the
// two change places: so a burst is taken over under one lock. Both begin with a few places of their own, since most rooms
// never need more. One that could hold all that a connection's ten thousand streams may ever say at once would be most of
// an idle connection.
type inbox[M any] struct {
	mu sync.Mutex
	in []M

	out   []M    // the runner's
	next  uint32 // of out
	small uint32 // see shrunk

	places [2][inboxPlaces]M
}

const (
	// inboxPlaces is how many places a list has at birth.
	inboxPlaces = 3
	// inboxKept is how many places a list keeps for the next burst. Beyond, a list of which less than a quarter
	// was needed inboxSmall times in a row goes to the collector.
	inboxKept  = 128
	inboxSmall = 16
)

func (q *inbox[M]) init() { q.in, q.out = q.places[0][:0], q.places[1][:0] }

// add puts messages in, all or none. It reports false if more than limit would wait.
func (q *inbox[M]) add(limit int, m ...M) bool {
	q.mu.Lock()
	for len(q.in)+len(m) > cap(q.in) && len(q.in)+len(m) <= limit {
		q.grow()
	}
	ok := len(q.in)+len(m) <= limit
	if ok {
		q.in = append(q.in, m...)
	}
	q.mu.Unlock()
	return ok
}

// grow makes more places for what comes. The caller holds the lock, but not while they are made: who has to help the collector for
// them would make all other senders queue, and each of those would be put to sleep. Those of before, which may be those of birth,
// shall hold nothing. It is a function of its own since most callers of add need little of a stack.
//
//go:noinline
func (q *inbox[M]) grow() {
	n := max(2*cap(q.in), inboxPlaces)
	q.mu.Unlock()
	more := make([]M, 0, n)
	q.mu.Lock()
	if cap(q.in) < cap(more) { // else another sender was faster, or the runner has changed the lists
		more = append(more, q.in...)
		clear(q.in)
		q.in = more
	}
}

// take removes the first message, which must be there. Those of one sender come in the order in which they were sent.
func (q *inbox[M]) take() M {
	if int(q.next) == len(q.out) {
		q.turnOver()
	}
	var none M
	m := q.out[q.next]
	q.out[q.next] = none
	q.next++
	return m
}

func (q *inbox[M]) turnOver() {
	out := shrunk(q.out, &q.small)
	q.mu.Lock()
	q.in, q.out = out, q.in
	q.mu.Unlock()
	q.next = 0
}

// shrunk is a list's memory for the next burst. A long one of which little was needed often, which small counts, is let go.
func shrunk[T any](list []T, small *uint32) []T {
	switch n := cap(list); {
	case n <= inboxKept:
	case len(list) >= n/4:
		*small = 0
	default:
		if *small++; *small == inboxSmall {
			*small = 0
			return nil
		}
	}
	return list[:0]
}
