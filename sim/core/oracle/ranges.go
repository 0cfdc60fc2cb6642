package oracle

import "quicpro/wire"

// span is a run of packet numbers, both ends included.
type span struct{ lo, hi wire.PacketNumber }

// spans is a set of packet numbers: ascending, apart from one another. It forgets the lowest when there are too many.
type spans struct {
	s     []span
	floor wire.PacketNumber // nothing is known of the numbers below
}

// maxSpans is how many runs are kept: more than an ACK frame of the engine has.
const maxSpans = 512

// add adds the numbers lo to hi, which are in no order, and reports whether the first was new.
func (r *spans) add(lo, hi wire.PacketNumber) bool {
	if lo < r.floor {
		return true // nobody knows
	}
	i := r.below(lo)
	// The run before i begins at or below lo.
	if i > 0 && r.s[i-1].hi >= lo {
		return false
	}
	switch before, after := i > 0 && r.s[i-1].hi+1 == lo, i < len(r.s) && r.s[i].lo == hi+1; {
	case before && after:
		r.s[i-1].hi = r.s[i].hi
		r.s = append(r.s[:i], r.s[i+1:]...)
	case before:
		r.s[i-1].hi = hi
	case after:
		r.s[i].lo = lo
	default:
		r.insert(i, span{lo, hi})
	}
	return true
}

func (r *spans) insert(i int, n span) {
	if len(r.s) == maxSpans {
		const gone = maxSpans / 2
		r.s = r.s[:copy(r.s, r.s[gone:])]
		r.floor = r.s[0].lo
		if i -= gone; i < 0 {
			return
		}
	}
	r.s = append(r.s, span{})
	copy(r.s[i+1:], r.s[i:])
	r.s[i] = n
}

// below returns how many runs begin at or below a number.
func (r *spans) below(pn wire.PacketNumber) int {
	lo, hi := 0, len(r.s)
	if hi > 0 && r.s[hi-1].lo <= pn {
		return hi // the newest is what is mostly asked for
	}
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); r.s[m].lo <= pn {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// covers reports whether every number from lo to hi is in the set, or too old to be known.
func (r *spans) covers(lo, hi wire.PacketNumber) bool {
	lo = max(lo, r.floor)
	if lo > hi {
		return true
	}
	i := r.below(lo)
	return i > 0 && r.s[i-1].hi >= hi
}

// overlaps returns the highest number of the set within lo to hi.
func (r *spans) overlaps(lo, hi wire.PacketNumber) (wire.PacketNumber, bool) {
	if i := r.below(hi); i > 0 && r.s[i-1].hi >= lo {
		return min(r.s[i-1].hi, hi), true
	}
	return 0, false
}
