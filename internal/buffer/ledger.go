package buffer

import "quicpro/wire"

// ledger knows the fate of every byte that was written to a stream or CRYPTO level. Its ranges are bounded by what is
// in flight: between two of them is at least one packet whose fate is open or whose bytes are to be sent again.
type ledger struct {
	base  wire.Offset // all before it was acknowledged
	sent  wire.Offset // all before it was handed out at least once; base <= sent <= end
	end   wire.Offset // all before it was written
	holes *holes      // nil until there was one: small messages never have any
}

// holes are where the fates of what was sent differ from before to behind.
type holes struct {
	acked RangeSet[wire.Offset] // beyond base
	lost  RangeSet[wire.Offset] // to be handed out again; within [base, sent), never acked
}

var noHoles holes

// fates are the holes to look at.
func (l *ledger) fates() *holes {
	if l.holes == nil {
		return &noHoles
	}
	return l.holes
}

// hole are the holes to change.
func (l *ledger) hole() *holes {
	if l.holes == nil {
		l.holes = new(holes)
	}
	return l.holes
}

// next returns the bytes to hand out next, and whether for the first time. Lost ones come first.
func (l *ledger) next() (r Range[wire.Offset], fresh bool) {
	if r = l.fates().lost.First(); !r.Empty() {
		return r, false
	}
	return Range[wire.Offset]{Lo: l.sent, Hi: l.end}, true
}

// take notes that r, the beginning of what next returned, was handed out.
func (l *ledger) take(r Range[wire.Offset], fresh bool) {
	if fresh {
		l.sent = r.Hi
	} else {
		l.holes.lost.Sub(r.Lo, r.Hi)
	}
}

// lose puts [lo, hi), but for what is acknowledged, before what is handed out next.
func (l *ledger) lose(lo, hi wire.Offset) {
	l.check(lo, hi)
	lo = max(lo, l.base)
	if lo >= hi {
		return
	}
	h := l.hole()
	h.lost.Add(lo, hi)
	for _, r := range h.acked.Ranges() {
		if r.Lo >= hi {
			break
		}
		h.lost.Sub(max(lo, r.Lo), min(hi, r.Hi))
	}
}

// ack notes that [lo, hi) arrived and returns the run of acknowledged bytes that it is now part of.
func (l *ledger) ack(lo, hi wire.Offset) (run Range[wire.Offset]) {
	l.check(lo, hi)
	lo = max(lo, l.base)
	if lo >= hi {
		return run
	}
	if lo > l.base {
		h := l.hole()
		h.lost.Sub(lo, hi)
		h.acked.Add(lo, hi)
		return h.acked.r[h.acked.search(lo)]
	}
	run = Range[wire.Offset]{Lo: l.base, Hi: hi}
	h := l.holes
	if h == nil {
		l.base = hi
		return run
	}
	h.lost.Sub(lo, hi)
	for _, r := range h.acked.Ranges() {
		if r.Lo > run.Hi {
			break
		}
		run.Hi = max(run.Hi, r.Hi)
	}
	h.acked.Sub(l.base, run.Hi)
	l.base = run.Hi
	return run
}

func (l *ledger) check(lo, hi wire.Offset) {
	if lo > hi || hi > l.sent {
		panic("buffer: the fate of bytes that were never handed out")
	}
}
