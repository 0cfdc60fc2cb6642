package actor

import (
	"runtime"
	"sync"
	"testing"
	"weak"
)

func newInbox[M any]() *inbox[M] {
	q := &inbox[M]{}
	q.init()
	return q
}

// waiting is how many messages the runner may take.
func (q *inbox[M]) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.in) + len(q.out) - int(q.next)
}

// Messages of a sender come out in the order in which they went in, however the runner's turns fall.
func TestAnInboxKeepsTheOrder(t *testing.T) {
	q := newInbox[int]()
	in, out := 0, 0
	for _, puts := range []int{1, 0, 70, 3, 200, 0, 1, inboxPlaces, inboxPlaces + 1, 40} {
		for range puts {
			if !q.add(1000, in) {
				t.Fatalf("message %d of at most 1000 waiting was refused", in)
			}
			in++
		}
		for range min(20, in-out) {
			if m := q.take(); m != out {
				t.Fatalf("message %d came as the %dth", m, out)
			}
			out++
		}
	}
	for ; out < in; out++ {
		if m := q.take(); m != out {
			t.Fatalf("message %d came as the %dth", m, out)
		}
	}
	if n := q.waiting(); n > 0 {
		t.Errorf("%d messages too many", n)
	}
}

// What was taken is not held, neither by the lists nor by the places that they had at birth.
func TestAnInboxHoldsNothingThatWasTaken(t *testing.T) {
	q := newInbox[*[64]byte]()
	var all []weak.Pointer[[64]byte]
	for range 3 {
		for range 4 * inboxPlaces {
			m := new([64]byte)
			all = append(all, weak.Make(m))
			q.add(100, m)
		}
		for range 4 * inboxPlaces {
			q.take()
		}
	}
	runtime.GC()
	held := 0
	for _, m := range all {
		if m.Value() != nil {
			held++
		}
	}
	if runtime.KeepAlive(q); held > 0 {
		t.Errorf("%d messages are held that were taken", held)
	}
}

func TestAnInboxKeepsTheOrderOfEachOfManySenders(t *testing.T) {
	const senders, each = 4, 2000
	type letter struct{ from, n int }
	q := newInbox[letter]()
	var sending sync.WaitGroup
	for from := range senders {
		sending.Go(func() {
			for n := range each {
				if !q.add(senders*each, letter{from, n}) {
					panic("a message was refused")
				}
			}
		})
	}
	sent := make(chan struct{})
	go func() { sending.Wait(); close(sent) }()
	var next [senders]int
	for got, all := 0, false; got < senders*each; {
		if q.waiting() == 0 {
			if all {
				t.Fatalf("%d messages came of %d", got, senders*each)
			}
			select {
			case <-sent:
				all = true
			default:
			}
			continue
		}
		m := q.take()
		if m.n != next[m.from] {
			t.Fatalf("sender %d: message %d came as the %dth", m.from, m.n, next[m.from])
		}
		next[m.from]++
		got++
	}
	<-sent
}

func TestAFullInboxRefuses(t *testing.T) {
	for _, limit := range []int{3, inboxPlaces, 3 * inboxPlaces} {
		q := newInbox[int]()
		for i := range limit {
			if !q.add(limit, i) {
				t.Fatalf("message %d of %d was refused", i, limit)
			}
		}
		if q.add(limit, limit) {
			t.Errorf("a message more than %d was taken", limit)
		}
	}
}

// What an inbox holds is in proportion to the mail of late, not to its limit and not to the largest burst.
func TestAnInboxForgetsABurst(t *testing.T) {
	q := newInbox[*int]()
	places := func() int { return cap(q.in) + cap(q.out) }
	if places() > 2*inboxPlaces {
		t.Errorf("%d places before any mail", places())
	}
	burst := func(n int) {
		for range n {
			q.add(100_000, new(int))
		}
		for q.waiting() > 0 {
			q.take()
		}
	}
	burst(50_000)
	burst(50_000)
	if places() < 50_000 {
		t.Errorf("%d places between bursts: they are made anew each time", places())
	}
	for range 4 * inboxSmall {
		burst(inboxPlaces + 1)
	}
	if places() > 2*inboxKept {
		t.Errorf("%d places after a burst, want at most %d", places(), 2*inboxKept)
	}
	for _, list := range [][]*int{q.in[:cap(q.in)], q.out[:cap(q.out)]} {
		for _, m := range list {
			if m != nil {
				t.Fatal("a message that was taken is still held")
			}
		}
	}
}
