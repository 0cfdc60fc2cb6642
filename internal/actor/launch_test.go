package actor_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// tally checks, from inside a room, what no other may break: one turn at a time, no message lost, each edge in order.
type tally struct {
	inside  atomic.Int32
	handled int // not atomic: the race detector watches it
	next    []int
	back    []chan struct{}
	total   int
	done    chan string
	flushed int
}

type numbered struct{ sender, n int }

func (b *tally) Handle(_ mono.Time, m *numbered) {
	if b.inside.Add(1) != 1 {
		panic("two turns at once")
	}
	if b.next[m.sender] != m.n {
		panic(fmt.Sprintf("edge %d delivered %d, want %d", m.sender, m.n, b.next[m.sender]))
	}
	b.next[m.sender]++
	b.handled++
	b.inside.Add(-1)
	b.back[m.sender] <- struct{}{} // the sender's credit
}

func (b *tally) Flush(mono.Time) {
	if b.inside.Add(1) != 1 {
		panic("two turns at once")
	}
	b.flushed++
	b.inside.Add(-1)
	if b.handled == b.total {
		b.total = -1
		close(b.done)
	}
}

func (b *tally) Left(string)        {}
func (b *tally) Died(d actor.Death) { b.done <- fmt.Sprintf("%v\n%s", d.Value, d.Stack) }

func TestLaunchAndLeaveLoseNothing(t *testing.T) {
	const senders, each = 8, 400
	for _, quota := range []int{1, 3, 64} { // 1: the room falls idle all the time
		t.Run(fmt.Sprintf("quota=%d", quota), func(t *testing.T) {
			sys := newLive(0)
			b := &tally{next: make([]int, senders), total: senders * each, done: make(chan string, 1)}
			for range senders {
				c := make(chan struct{}, quota)
				for range quota {
					c <- struct{}{}
				}
				b.back = append(b.back, c)
			}
			room := actor.Spawn(sys, actor.Spec{Name: "tally", Capacity: senders * quota, Supervisor: b}, b)
			quit := make(chan struct{})
			var sending sync.WaitGroup
			for i := range senders {
				p := room.Port(fmt.Sprint("e", i), quota)
				sending.Go(func() {
					for n := range each {
						select {
						case <-b.back[i]:
							p.Send(&numbered{i, n})
						case <-quit:
							return
						}
					}
				})
			}
			select {
			case bad := <-b.done:
				if bad != "" {
					t.Error(bad)
				}
			case <-time.After(20 * time.Second):
				t.Error("mail waits in a room that nobody runs")
			}
			close(quit)
			sending.Wait()
			if t.Failed() {
				return // the room may never come to rest
			}
			sys.wg.Wait()
			if b.handled != senders*each {
				t.Errorf("handled %d messages, want %d", b.handled, senders*each)
			}
		})
	}
}
