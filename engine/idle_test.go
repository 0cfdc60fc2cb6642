package engine

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnIdleProcessorIsFound(t *testing.T) {
	e := New(Options{})
	for range 100 {
		e.AwaitIdle(time.Hour)
	}
}

// Goroutines that always can run leave no processor idle, and a wait ends all the same.
func TestAWaitForAnIdleProcessorEnds(t *testing.T) {
	e := New(Options{})
	var over atomic.Bool
	for range 2 * runtime.GOMAXPROCS(0) {
		go func() {
			for !over.Load() {
				runtime.Gosched()
			}
		}()
	}
	defer over.Store(true)
	for range 3 {
		e.AwaitIdle(time.Millisecond)
	}
}

// Many may wait at a time; all get their turn.
func TestManyWaitForAnIdleProcessor(t *testing.T) {
	e := New(Options{})
	const many = 200
	done := make(chan bool)
	for i := range many {
		go func() {
			e.AwaitIdle(time.Duration(i%3) * time.Hour)
			done <- true
		}()
	}
	for range many {
		<-done
	}
	if l := &e.idle; l.taken.Load() || len(l.waiting) > 0 {
		t.Errorf("afterwards the line is taken: %v, and %d wait", l.taken.Load(), len(l.waiting))
	}
}

// The line goes on with the first who is not late; those before him need not wait.
func TestWhoIsLateNeedNotWait(t *testing.T) {
	now := time.Now()
	var l idleLine
	l.taken.Store(true)
	var turns []chan bool
	for _, most := range []time.Duration{-1, 0, 1, -1, 1} {
		turn := make(chan bool, 1)
		turns = append(turns, turn)
		l.waiting = append(l.waiting, inLine{now.Add(most), turn})
	}
	said := func() (all []string) {
		for _, turn := range turns {
			select {
			case head := <-turn:
				all = append(all, map[bool]string{true: "head", false: "late"}[head])
			default:
				all = append(all, "")
			}
		}
		return all
	}
	for i, want := range [][]string{{"late", "late", "head", "", ""}, {"", "", "", "late", "head"}, {"", "", "", "", ""}} {
		l.next(now)
		if got := said(); !slices.Equal(got, want) {
			t.Errorf("turn %d: %q, want %q", i, got, want)
		}
		if l.taken.Load() != slices.Contains(want, "head") {
			t.Errorf("turn %d: the line is taken: %v", i, l.taken.Load())
		}
	}
}

// Close lets go of the pipe, however many wait, and nobody waits afterwards.
func TestAClosedEngineHasNoPipe(t *testing.T) {
	const many = 50
	for _, waiting := range []int{0, many} {
		e := New(Options{})
		e.AwaitIdle(time.Hour)
		r, w := e.idle.probe.r, e.idle.probe.w
		if r == nil {
			t.Skip("no pipe on this system")
		}
		var all sync.WaitGroup
		for range waiting {
			all.Go(func() { e.AwaitIdle(time.Hour) })
		}
		_ = e.Close()
		all.Wait()
		e.AwaitIdle(time.Hour)
		for _, f := range []*os.File{r, w} {
			if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("an end of the pipe after Close, with %d waiting: %v, want that it is closed", waiting, err)
			}
		}
	}
}
