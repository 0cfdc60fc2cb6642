package buffer

import (
	"fmt"
	"math"

	"quicpro/wire"
)

// checkWindow is how many entries of a list Check walks. CheckAll walks all.
const (
	checkWindow = 8
	checkAll    = math.MaxInt
)

// Check says whether the ranges are in order; see actor.Checker. It walks the highest ones.
func (s *RangeSet[T]) Check() error { return s.inOrder(checkWindow) }

// CheckAll is Check over all ranges.
func (s *RangeSet[T]) CheckAll() error { return s.inOrder(checkAll) }

func (s *RangeSet[T]) inOrder(most int) error {
	if s.max > 0 && len(s.r) > s.max {
		return fmt.Errorf("ranges: %d, at most %d", len(s.r), s.max)
	}
	for i := max(0, len(s.r)-most); i < len(s.r); i++ {
		r := s.r[i]
		if r.Lo >= r.Hi || i > 0 && s.r[i-1].Hi >= r.Lo {
			return fmt.Errorf("ranges: [%d, %d) is empty, or not beyond the one before", r.Lo, r.Hi)
		}
	}
	return nil
}

// Check says whether the buffer is in order; see actor.Checker. It walks the first segments.
func (r *Reassembly) Check() error { return r.inOrder(checkWindow) }

// CheckAll is Check over all segments.
func (r *Reassembly) CheckAll() error { return r.inOrder(checkAll) }

func (r *Reassembly) inOrder(most int) error {
	held := r.segments[r.head:]
	switch {
	case r.read > r.ordered || r.ordered > r.highest:
		return fmt.Errorf("reassembly: read to %d, in order to %d, highest %d", r.read, r.ordered, r.highest)
	case r.sized && r.highest != r.final:
		return fmt.Errorf("reassembly: highest %d, final size %d", r.highest, r.final)
	case r.gaps < 0 || r.gaps > r.maxGaps:
		return fmt.Errorf("reassembly: %d gaps, at most %d", r.gaps, r.maxGaps)
	case r.discards && (len(held) > 0 || r.gaps > 0 || r.read != r.ordered):
		return fmt.Errorf("reassembly: %d segments, %d gaps and %d bytes of what is discarded", len(held), r.gaps, r.ordered-r.read)
	case len(held) == 0 && (r.gaps > 0 || r.read != r.ordered):
		return fmt.Errorf("reassembly: nothing held, %d gaps and %d bytes in order", r.gaps, r.ordered-r.read)
	case len(held) > 0 && held[len(held)-1].endOffset() > r.highest:
		return fmt.Errorf("reassembly: bytes held to %d, highest %d", held[len(held)-1].endOffset(), r.highest)
	}
	end, ordered, gaps := r.read, r.read, 0
	for i := range held[:min(most, len(held))] {
		s := &held[i]
		switch {
		case s.off < end:
			return fmt.Errorf("reassembly: a segment at %d, the one before ends at %d", s.off, end)
		case s.chunk == nil || s.chunk.Holders() <= 0:
			return fmt.Errorf("reassembly: a segment at %d in a chunk that nobody holds", s.off)
		case s.start < 0 || s.start > s.end || int(s.end) > len(s.chunk.Space()) || s.start == s.end && i > 0:
			return fmt.Errorf("reassembly: segment %d at %d is [%d, %d) of %d bytes", i, s.off, s.start, s.end, len(s.chunk.Space()))
		case s.off > end:
			gaps++
		}
		end = s.endOffset()
		if gaps == 0 {
			ordered = end
		}
	}
	whole := most >= len(held)
	if (whole || gaps > 0) && ordered != r.ordered || whole && gaps != r.gaps || gaps > r.gaps {
		return fmt.Errorf("reassembly: in order to %d with %d gaps beyond; the segments are to %d with %d", r.ordered, r.gaps, ordered, gaps)
	}
	return nil
}

func (l *ledger) inOrder(most int) error {
	if l.base > l.sent || l.sent > l.end {
		return fmt.Errorf("acknowledged to %d, sent to %d, written to %d", l.base, l.sent, l.end)
	}
	if err := l.fates().acked.inOrder(most); err != nil {
		return fmt.Errorf("acknowledged %w", err)
	}
	if err := l.fates().lost.inOrder(most); err != nil {
		return fmt.Errorf("lost %w", err)
	}
	if !l.fates().acked.Empty() && (l.fates().acked.First().Lo <= l.base || l.fates().acked.Last().Hi > l.sent) {
		return fmt.Errorf("acknowledged from %d to %d, not beyond %d and within what was sent, %d", l.fates().acked.First().Lo, l.fates().acked.Last().Hi, l.base, l.sent)
	}
	if !l.fates().lost.Empty() && (l.fates().lost.First().Lo < l.base || l.fates().lost.Last().Hi > l.sent) {
		return fmt.Errorf("lost from %d to %d, not within %d and what was sent, %d", l.fates().lost.First().Lo, l.fates().lost.Last().Hi, l.base, l.sent)
	}
	acked := l.fates().acked.Ranges()
	for i, lost := range l.fates().lost.Ranges() {
		if i >= most {
			break
		}
		for len(acked) > 0 && acked[0].Hi <= lost.Lo {
			acked = acked[1:]
		}
		if len(acked) > 0 && acked[0].Lo < lost.Hi {
			return fmt.Errorf("[%d, %d) is lost, [%d, %d) acknowledged", lost.Lo, lost.Hi, acked[0].Lo, acked[0].Hi)
		}
	}
	return nil
}

// Check says whether the buffer is in order; see actor.Checker. It walks the first chunks and ranges.
func (b *SendBuffer) Check() error { return b.inOrder(checkWindow) }

// CheckAll is Check over all chunks and ranges.
func (b *SendBuffer) CheckAll() error { return b.inOrder(checkAll) }

func (b *SendBuffer) inOrder(most int) error {
	if b.reset {
		if b.held != 0 || len(b.chunks) != 0 {
			return fmt.Errorf("send buffer: %d bytes in %d chunks after a reset", b.held, len(b.chunks))
		}
		return nil
	}
	if err := b.bytes.inOrder(most); err != nil {
		return fmt.Errorf("send buffer: %w", err)
	}
	held := b.chunks[b.head:]
	if len(held) == 0 && (b.held != 0 || b.bytes.base != b.bytes.end) {
		return fmt.Errorf("send buffer: no chunk, %d bytes held, %d not acknowledged", b.held, b.bytes.end-b.bytes.base)
	}
	if len(held) > 0 && (held[0].lo > b.bytes.base || held[0].hi <= b.bytes.base || held[len(held)-1].hi != b.bytes.end) {
		return fmt.Errorf("send buffer: chunks from [%d, %d) to %d; acknowledged to %d, written to %d",
			held[0].lo, held[0].hi, held[len(held)-1].hi, b.bytes.base, b.bytes.end)
	}
	sum := 0
	for i := range held[:min(most, len(held))] {
		c := &held[i]
		switch acked := b.bytes.fates().acked.ContainsRange(c.lo, c.hi); {
		case c.lo >= c.hi || i > 0 && held[i-1].hi != c.lo:
			return fmt.Errorf("send buffer: chunk [%d, %d) does not follow the one before", c.lo, c.hi)
		case (c.chunk == nil) != acked:
			return fmt.Errorf("send buffer: chunk [%d, %d) is held: %v, acknowledged: %v", c.lo, c.hi, c.chunk != nil, acked)
		case c.chunk == nil:
		case c.chunk.Holders() <= 0 || len(c.chunk.B) != int(c.hi-c.lo):
			return fmt.Errorf("send buffer: chunk [%d, %d) has %d bytes and %d holders", c.lo, c.hi, len(c.chunk.B), c.chunk.Holders())
		default:
			sum += len(c.chunk.B)
		}
	}
	if sum > b.held || most >= len(held) && sum != b.held {
		return fmt.Errorf("send buffer: %d bytes held, the chunks have %d", b.held, sum)
	}
	return nil
}

// Written is the end of what was written.
func (b *SendBuffer) Written() wire.Offset { return b.bytes.end }

// Finned reports whether the FIN was written, and whether it was handed out at least once.
func (b *SendBuffer) Finned() (written, sent bool) {
	return b.fin != finNone, b.fin == finSent || b.fin == finAcked
}

// WasReset reports whether the buffer was reset.
func (b *SendBuffer) WasReset() bool { return b.reset }

// Check says whether the buffer is in order; see actor.Checker. It walks the first ranges.
func (c *CryptoSend) Check() error { return c.inOrder(checkWindow) }

// CheckAll is Check over all ranges.
func (c *CryptoSend) CheckAll() error { return c.inOrder(checkAll) }

func (c *CryptoSend) inOrder(most int) error {
	if err := c.bytes.inOrder(most); err != nil {
		return fmt.Errorf("CRYPTO to send: %w", err)
	}
	switch n := c.Outstanding(); {
	case c.start > c.bytes.base || c.start+wire.Offset(len(c.buf)) != c.bytes.end:
		return fmt.Errorf("CRYPTO to send: bytes [%d, +%d) are kept; acknowledged to %d, written to %d", c.start, len(c.buf), c.bytes.base, c.bytes.end)
	case n > MaxCryptoSend:
		return fmt.Errorf("CRYPTO to send: %d bytes are not acknowledged, at most %d", n, MaxCryptoSend)
	}
	return nil
}

// InFlight is what was handed out and is neither acknowledged nor to be handed out again: its sender knows of a packet with
// every byte of it.
func (c *CryptoSend) InFlight() (set RangeSet[wire.Offset]) {
	set.Add(c.bytes.base, c.bytes.sent)
	for _, r := range c.bytes.fates().acked.Ranges() {
		set.Sub(r.Lo, r.Hi)
	}
	for _, r := range c.bytes.fates().lost.Ranges() {
		set.Sub(r.Lo, r.Hi)
	}
	return set
}
