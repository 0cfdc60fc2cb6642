package engine

import (
	"sync"
	"time"
)

// shelf keeps what is large and often needed, 64 KiB each, while it is: unlike a sync.Pool, which the collector empties.
// Connections that come and go need a few for microseconds, and the collector runs a hundred times a second beside them: a
// twentieth of what they allocated was such memory, cleared anew each time. What was never needed between two counts is let go.
type shelf[T any] struct {
	places   int // how many it keeps; with none, as in a stepping world, where no time passes by itself, it is a pool
	mu       sync.Mutex
	free     []*T // the last one back is the first to go
	spare    int  // the fewest that were free since the last count
	counting bool
	beyond   sync.Pool // what has no place
}

const (
	// shelfPlaces is how many an engine keeps of each kind at most.
	shelfPlaces = 16
	// shelfRest is how often it counts.
	shelfRest = time.Second
)

// get returns one, nil if there is none.
func (s *shelf[T]) get() *T {
	s.mu.Lock()
	n := len(s.free) - 1
	if n < 0 {
		s.mu.Unlock()
		x, _ := s.beyond.Get().(*T)
		return x
	}
	x := s.free[n]
	s.free[n] = nil
	s.free = s.free[:n]
	s.spare = min(s.spare, n)
	s.mu.Unlock()
	return x
}

// put takes one back.
func (s *shelf[T]) put(x *T) {
	s.mu.Lock()
	if len(s.free) >= s.places {
		s.mu.Unlock()
		s.beyond.Put(x)
		return
	}
	s.free = append(s.free, x)
	if !s.counting {
		s.counting, s.spare = true, 0
		time.AfterFunc(shelfRest, s.count)
	}
	s.mu.Unlock()
}

// count lets those go that were not needed since the last count.
func (s *shelf[T]) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(s.free, s.free[s.spare:])
	clear(s.free[n:])
	s.free = s.free[:n]
	s.spare = n
	if s.counting = n > 0; s.counting {
		time.AfterFunc(shelfRest, s.count)
	}
}
