package buffer

import "quicpro/wire"

// ledger knows the fate of every byte that was written to a stream or CRYPTO level. Its ranges are bounded by what is
// in flight: between two of them is at least one packet whose fate is open or whose bytes are to be sent again.
type ledger struct {
	base  wire.Offset // all before it was acknowledged
	sent  wire.Offset // all before it was handed out at least once; base <= sent <= end
	end   wire.Offset // all before it was written
	acked RangeSet[wire.Offset]
	lost  RangeSet[wire.Offset] // to be handed out again; within [base, sent), never acked
}

// next returns the bytes to hand out next, and whether for the first time. Lost ones come first.
func (l *ledger) next() (r Range[wire.Offset], fresh bool) {
	if r = l.lost.First(); !r.Empty() {
		return r, false
	}
	return Range[wire.Offset]{Lo: l.sent, Hi: l.end}, true
}

// take notes that r, the beginning of what next returned, was handed out.
func (l *ledger) take(r Range[wire.Offset], fresh bool) {
	if fresh {
		l.sent = r.Hi
	} else {
		l.lost.Sub(r.Lo, r.Hi)
	}
}

// lose puts [lo, hi), but for what is acknowledged, before what is handed out next.
func (l *ledger) lose(lo, hi wire.Offset) {
	l.check(lo, hi)
	lo = max(lo, l.base)
	l.lost.Add(lo, hi)
	for _, r := range l.acked.Ranges() {
		if r.Lo >= hi {
			break
		}
		l.lost.Sub(max(lo, r.Lo), min(hi, r.Hi))
	}
}

// ack notes that [lo, hi) arrived and returns the run of acknowledged bytes that it is now part of.
func (l *ledger) ack(lo, hi wire.Offset) (run Range[wire.Offset]) {
	l.check(lo, hi)
	lo = max(lo, l.base)
	if lo >= hi {
		return run
	}
	l.lost.Sub(lo, hi)
	if lo > l.base {
		l.acked.Add(lo, hi)
		return l.acked.r[l.acked.search(lo)]
	}
	run = Range[wire.Offset]{Lo: l.base, Hi: hi}
	for _, r := range l.acked.Ranges() {
		if r.Lo > run.Hi {
			break
		}
		run.Hi = max(run.Hi, r.Hi)
	}
	l.acked.Sub(l.base, run.Hi)
	l.base = run.Hi
	return run
}

func (l *ledger) check(lo, hi wire.Offset) {
	if lo > hi || hi > l.sent {
		panic("buffer: the fate of bytes that were never handed out")
	}
}
