package engine

// set is a set whose members are listed in an order that depends on nothing but what was done to it, as a map's do not.
type set[T comparable] struct {
	list []T
	at   map[T]int
}

func (s *set[T]) len() int { return len(s.list) }

// add makes v a member.
func (s *set[T]) add(v T) {
	if _, in := s.at[v]; in {
		return
	}
	if s.at == nil {
		s.at = make(map[T]int)
	}
	s.at[v] = len(s.list)
	s.list = append(s.list, v)
}

// remove makes v none; the last member takes its place in the list.
func (s *set[T]) remove(v T) {
	i, in := s.at[v]
	if !in {
		return
	}
	last := len(s.list) - 1
	moved := s.list[last]
	var none T
	s.list[i], s.list[last] = moved, none
	s.list, s.at[moved] = s.list[:last], i
	delete(s.at, v)
}
