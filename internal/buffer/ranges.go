package buffer

// Range is the half-open interval [Lo, Hi).
type Range[T ~int64 | ~uint64] struct{ Lo, Hi T }

// Empty reports whether the range holds nothing.
func (r Range[T]) Empty() bool { return r.Lo >= r.Hi }

// RangeSet is a set of numbers kept as ascending ranges that neither overlap nor touch. The zero RangeSet is empty and
// has no bound on its ranges; its user must have one.
type RangeSet[T ~int64 | ~uint64] struct {
	r   []Range[T]
	max int
}

// NewRangeSet returns a set that forgets its lowest range rather than hold more than limit of them, limit > 0.
func NewRangeSet[T ~int64 | ~uint64](limit int) RangeSet[T] {
	if limit <= 0 {
		panic("buffer: a range set needs a positive limit")
	}
	return RangeSet[T]{max: limit}
}

// Add puts [lo, hi) into the set. If that takes more ranges than the limit, the lowest one is forgotten and returned;
// it can be the added one. Otherwise the returned range is empty.
func (s *RangeSet[T]) Add(lo, hi T) (forgotten Range[T]) {
	if lo >= hi {
		return forgotten
	}
	n := len(s.r)
	if n == 0 || lo > s.r[n-1].Hi {
		return s.insert(n, Range[T]{lo, hi})
	}
	if last := &s.r[n-1]; lo >= last.Lo { // the common case: it extends the highest range
		last.Hi = max(last.Hi, hi)
		return forgotten
	}
	first := s.search(lo)
	if first > 0 && s.r[first-1].Hi == lo {
		first-- // touching ranges merge
	}
	end := first
	for end < n && s.r[end].Lo <= hi {
		end++
	}
	if first == end {
		return s.insert(first, Range[T]{lo, hi})
	}
	s.r[first].Lo = min(s.r[first].Lo, lo)
	s.r[first].Hi = max(s.r[end-1].Hi, hi)
	s.remove(first+1, end)
	return forgotten
}

// Sub takes [lo, hi) out of the set. Splitting a range can, as in Add, take one range too many.
func (s *RangeSet[T]) Sub(lo, hi T) (forgotten Range[T]) {
	if lo >= hi {
		return forgotten
	}
	first := s.search(lo)
	if first == len(s.r) || s.r[first].Lo >= hi {
		return forgotten
	}
	if r := s.r[first]; r.Lo < lo {
		s.r[first].Hi = lo
		first++
		if r.Hi > hi {
			return s.insert(first, Range[T]{hi, r.Hi})
		}
	}
	end := first
	for end < len(s.r) && s.r[end].Hi <= hi {
		end++
	}
	if end < len(s.r) && s.r[end].Lo < hi {
		s.r[end].Lo = hi
	}
	s.remove(first, end)
	return forgotten
}

// Clear empties the set and keeps its memory.
func (s *RangeSet[T]) Clear() { s.r = s.r[:0] }

// Contains reports whether v is in the set.
func (s *RangeSet[T]) Contains(v T) bool {
	i := s.search(v)
	return i < len(s.r) && s.r[i].Lo <= v
}

// ContainsRange reports whether all of [lo, hi) is in the set. The empty range always is.
func (s *RangeSet[T]) ContainsRange(lo, hi T) bool {
	if lo >= hi {
		return true
	}
	i := s.search(lo)
	return i < len(s.r) && s.r[i].Lo <= lo && hi <= s.r[i].Hi
}

// Ranges returns the ranges in ascending order. They alias the set and hold until it changes.
func (s *RangeSet[T]) Ranges() []Range[T] { return s.r }

// Len is how many ranges the set holds.
func (s *RangeSet[T]) Len() int { return len(s.r) }

// Empty reports whether the set holds nothing.
func (s *RangeSet[T]) Empty() bool { return len(s.r) == 0 }

// First returns the lowest range, which is empty if the set is.
func (s *RangeSet[T]) First() (r Range[T]) {
	if len(s.r) > 0 {
		r = s.r[0]
	}
	return r
}

// Last returns the highest range, which is empty if the set is.
func (s *RangeSet[T]) Last() (r Range[T]) {
	if n := len(s.r); n > 0 {
		r = s.r[n-1]
	}
	return r
}

// Count is how many numbers the set holds.
func (s *RangeSet[T]) Count() (n T) {
	for _, r := range s.r {
		n += r.Hi - r.Lo
	}
	return n
}

// search returns the index of the first range that ends above v. Most questions are about the two ends.
func (s *RangeSet[T]) search(v T) int {
	lo, hi := 0, len(s.r)
	if hi == 0 || v < s.r[0].Hi {
		return 0
	}
	if v >= s.r[hi-1].Lo {
		if v >= s.r[hi-1].Hi {
			return hi
		}
		return hi - 1
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.r[mid].Hi > v {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// insert puts r before index i, and keeps the limit by forgetting the lowest range.
func (s *RangeSet[T]) insert(i int, r Range[T]) (forgotten Range[T]) {
	if s.max == 0 || len(s.r) < s.max {
		s.r = append(s.r, Range[T]{})
		copy(s.r[i+1:], s.r[i:])
		s.r[i] = r
		return forgotten
	}
	if i == 0 {
		return r
	}
	forgotten = s.r[0]
	copy(s.r, s.r[1:i])
	s.r[i-1] = r
	return forgotten
}

// remove takes out the ranges of index i to j-1.
func (s *RangeSet[T]) remove(i, j int) {
	if i < j {
		s.r = append(s.r[:i], s.r[j:]...)
	}
}
