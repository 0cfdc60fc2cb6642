package buffer

import (
	"quicpro/internal/actor"
	"quicpro/wire"
)

const (
	// growChunk is the largest chunk taken in expectation of more bytes than there are.
	growChunk = actor.ChunkLarge
	// keepChunk is the largest chunk whose room is kept while it holds no byte: what an idle stream can pin.
	keepChunk = actor.ChunkMedium
	// fewGaps is how many gaps are taken for loss. Beyond them data of a few bytes gets tiny chunks: a peer that leaves a gap
	// after each byte would otherwise make us hold a thousand times what it sends, on every stream.
	fewGaps = 16
	// firstSegments is how many segments are allocated at once: enough for a stream without loss.
	firstSegments = 4
)

// insertAmong inserts data where there are gaps, or where it makes one: into every hole between off and its end.
func (r *Reassembly) insertAmong(off wire.Offset, data []byte, chunks *actor.Chunks) error {
	i := r.search(off)
	for len(data) > 0 {
		n := len(data)
		if i < len(r.segments) {
			if s := &r.segments[i]; s.off <= off { // held already
				n = min(n, int(s.endOffset()-off))
				i++
				data, off = data[n:], off+wire.Offset(n)
				continue
			}
			n = int(min(wire.Offset(n), r.segments[i].off-off))
		}
		var err error
		if i, err = r.fill(i, off, data[:n], chunks); err != nil {
			return err
		}
		data, off = data[n:], off+wire.Offset(n)
	}
	return nil
}

// fill puts data into the hole before segment i, in which it fits, and returns the index of the segment that ends with
// it, or with what was compacted behind it.
func (r *Reassembly) fill(i int, off wire.Offset, data []byte, chunks *actor.Chunks) (int, error) {
	end := off + wire.Offset(len(data))
	left := r.ordered
	if i > r.head {
		left = r.segments[i-1].endOffset()
	}
	last := i == len(r.segments)
	touchesLeft, touchesRight := left == off, !last && r.segments[i].off == end
	switch { // what touches one side only leaves a smaller hole, or is behind them all
	case touchesLeft && touchesRight:
		r.gaps--
	case !touchesLeft && !touchesRight:
		if r.gaps >= r.maxGaps {
			return i, wire.NewError(wire.InternalError, 0, "too many gaps in received data")
		}
		r.gaps++
	}
	hole := growChunk
	if !last {
		hole = int(min(growChunk, r.segments[i].off-off))
	}
	n := 0
	if touchesLeft && i > r.head {
		n = r.segments[i-1].append(data)
	}
	if n < len(data) {
		i = r.insertNew(i, off+wire.Offset(n), data[n:], hole-n, chunks)
	}
	if touchesRight {
		r.compact(i)
	}
	if off == r.ordered {
		r.ordered = r.runEnd(i - 1)
	}
	return i - 1, nil
}

// insertNew puts data into new chunks before segment i, and returns the index after them. At most hole bytes will
// ever be in the way of the first of them.
func (r *Reassembly) insertNew(i int, off wire.Offset, data []byte, hole int, chunks *actor.Chunks) int {
	for len(data) > 0 {
		size := len(data)
		// A run that goes on gets larger chunks, as its length justifies them.
		if i > r.head && r.segments[i-1].endOffset() == off && r.segments[i-1].size() > 0 {
			size = max(size, min(4*len(r.segments[i-1].chunk.Space()), growChunk, hole))
		}
		s := segment{off: off}
		// The first bytes of a critical stream, SETTINGS, are all that comes on it for long.
		if (r.gaps > fewGaps || off == 0) && size <= actor.ChunkTiny {
			s.chunk = chunks.GetTiny()
		} else {
			s.chunk = chunks.Get(size)
		}
		n := s.append(data)
		i = r.put(i, s) + 1
		data, off, hole = data[n:], off+wire.Offset(n), hole-n
	}
	return i
}

// compact is called when segment i has come to touch the one before it. It moves poorly filled segments from i on into
// the chunk before, as far as they touch and fit.
func (r *Reassembly) compact(i int) {
	into := &r.segments[i-1]
	end := i
	for end < len(r.segments) {
		s := &r.segments[end]
		if s.off != into.endOffset() || 2*s.size() >= len(s.chunk.Space()) || s.size() > len(into.room()) {
			break
		}
		into.append(s.bytes(s.size()))
		s.chunk.Release()
		end++
	}
	if end > i {
		n := copy(r.segments[i:], r.segments[end:])
		clear(r.segments[i+n:])
		r.segments = r.segments[:i+n]
	}
}

// runEnd returns the end of the run of touching segments that segment i is part of.
func (r *Reassembly) runEnd(i int) wire.Offset {
	end := r.segments[i].endOffset()
	for i++; i < len(r.segments) && r.segments[i].off == end; i++ {
		end = r.segments[i].endOffset()
	}
	return end
}

// search returns the index of the first segment that ends above off.
func (r *Reassembly) search(off wire.Offset) int {
	lo, hi := r.head, len(r.segments)
	if hi > lo && r.segments[hi-1].endOffset() <= off { // in a run behind a gap, most data goes to the end
		return hi
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if r.segments[mid].endOffset() > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// put inserts s before segment i and returns its index. It first moves the segments to the front when half of the
// slice was popped, so the slice grows only with what is held.
func (r *Reassembly) put(i int, s segment) int {
	if len(r.segments) == cap(r.segments) {
		if r.segments == nil {
			r.segments = make([]segment, 0, firstSegments)
		} else if 2*r.head >= len(r.segments) {
			n := copy(r.segments, r.segments[r.head:])
			clear(r.segments[n:])
			r.segments = r.segments[:n]
			i -= r.head
			r.head = 0
		}
	}
	r.segments = append(r.segments, segment{})
	copy(r.segments[i+1:], r.segments[i:])
	r.segments[i] = s
	return i
}

// advance moves the read position n bytes on, in s, the first segment. An emptied one stays if it is the end of the
// ordered bytes and its chunk is small and has room: the next frame will need that.
func (r *Reassembly) advance(s *segment, n int) {
	r.read += wire.Offset(n)
	s.off += wire.Offset(n)
	s.start += int32(n)
	if s.size() > 0 {
		return
	}
	space := len(s.chunk.Space())
	if r.read < r.ordered || r.Finished() || space > keepChunk || int(s.end) == space {
		r.dropHead()
	}
}

// dropHead releases the chunk of the first segment.
func (r *Reassembly) dropHead() {
	s := &r.segments[r.head]
	s.chunk.Release()
	*s = segment{}
	if r.head++; r.head == len(r.segments) {
		r.segments, r.head = r.segments[:0], 0
	}
}
