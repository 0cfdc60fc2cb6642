package engine

import "sync"

// spare is what is over and may serve again. On this machine what nobody uses for a while goes to the collector; a stage's is a
// list, so that a run finds the same in it each time.
type spare[T any] struct {
	pool sync.Pool
	list []*T // the last first
}

// put takes something that is over.
func (s *spare[T]) put(t *T, stage bool) {
	if stage {
		s.list = append(s.list, t)
		return
	}
	s.pool.Put(t)
}

// get returns something that put took, nil if there is nothing.
func (s *spare[T]) get(stage bool) *T {
	if !stage {
		t, _ := s.pool.Get().(*T)
		return t
	}
	last := len(s.list) - 1
	if last < 0 {
		return nil
	}
	t := s.list[last]
	s.list[last] = nil
	s.list = s.list[:last]
	return t
}
