package buffer

import (
	"quicpro/internal/actor"
	"quicpro/wire"
)

// Reassembly orders the received bytes of one stream or CRYPTO level.
//
// Every byte is copied once, when it is first received, into a chunk. Each segment is a run of bytes in a chunk of its
// own; data that follows a segment is appended to the rest of that chunk, so that small frames share one.
//
// Memory is in proportion to the bytes held, whatever the peer sends: chunks grow with the run they extend, and when a
// hole closes, a segment that fills less than half of its chunk moves into the chunk before it if that has room. So two
// neighbours never both waste, and what is left is one chunk a gap, of which the limit says how many.
type Reassembly struct {
	segments []segment // ascending and disjoint from index head on; neighbours may touch
	head     int
	gaps     int // holes below the last segment
	maxGaps  int
	discards bool

	read    wire.Offset // all before it was popped
	ordered wire.Offset // all before it was received; read <= ordered
	highest wire.Offset
	final   wire.Offset
	sized   bool // final is known
}

// segment is the part [start, end) of the space of a chunk, whose bytes begin at stream offset off. Nothing in the
// space is written before end again. A segment may be empty: it keeps the room of a chunk whose bytes were all popped.
type segment struct {
	off        wire.Offset
	chunk      *actor.Chunk
	start, end int32
}

func (s *segment) size() int              { return int(s.end - s.start) }
func (s *segment) endOffset() wire.Offset { return s.off + wire.Offset(s.end-s.start) }
func (s *segment) bytes(n int) []byte {
	return s.chunk.Space()[s.start : int(s.start)+n : int(s.start)+n]
}
func (s *segment) room() []byte { return s.chunk.Space()[s.end:] }
func (s *segment) append(data []byte) (n int) {
	n = copy(s.room(), data)
	s.end += int32(n)
	return n
}

// Piece is a run of received bytes, handed over with one hold on its chunk: who takes the piece calls Chunk.Release.
//
// The chunk may still be the tail of the Reassembly, which goes on writing behind B, never within it: B does not change
// as long as the chunk is held. Chunk.B is not used.
type Piece struct {
	Chunk *actor.Chunk
	B     []byte
}

// NewReassembly returns an empty buffer at offset 0 that holds at most maxGaps gaps.
func NewReassembly(maxGaps int) Reassembly { return Reassembly{maxGaps: maxGaps} }

// Insert takes the bytes of a frame, copying those it does not hold yet into chunks. off + len(data) is at most 2^62-1,
// which the frame's parser has checked; flow control, or the bound on CRYPTO bytes, is the caller's to check before.
//
// Its errors are *wire.Error and end the connection: FINAL_SIZE_ERROR for bytes beyond the final size, INTERNAL_ERROR for
// more gaps than the limit. The frame must not be dropped instead: its packet may be acknowledged, and then the peer
// never sends the bytes again (RFC 9000 s13.2.1).
func (r *Reassembly) Insert(off wire.Offset, data []byte, chunks *actor.Chunks) error {
	end := off + wire.Offset(len(data))
	if r.sized && end > r.final {
		// RFC 9000 s4.5: a receiver SHOULD treat receipt of data at or beyond the final size as FINAL_SIZE_ERROR.
		return wire.NewError(wire.FinalSizeError, 0, "stream data beyond the final size")
	}
	r.highest = max(r.highest, end)
	if end <= r.ordered || r.discards {
		return nil
	}
	if off < r.ordered {
		data, off = data[r.ordered-off:], r.ordered
	}
	if r.gaps > 0 || off > r.ordered {
		return r.insertAmong(off, data, chunks)
	}
	n := 0
	if last := len(r.segments) - 1; last >= r.head {
		n = r.segments[last].append(data)
	}
	if n < len(data) {
		r.insertNew(len(r.segments), off+wire.Offset(n), data[n:], growChunk, chunks)
	}
	r.ordered = end
	return nil
}

// SetFinal notes the final size, from a FIN or a RESET_STREAM. It counts as received in Highest. A size that differs
// from the one known, or is below what was received, is a *wire.Error of FINAL_SIZE_ERROR (RFC 9000 s4.5).
func (r *Reassembly) SetFinal(size wire.Offset) error {
	switch {
	case r.sized && size != r.final:
		// RFC 9000 s4.5: once a final size for a stream is known, it cannot change.
		return wire.NewError(wire.FinalSizeError, 0, "final size changed")
	case size < r.highest:
		return wire.NewError(wire.FinalSizeError, 0, "final size below received stream data")
	}
	r.final, r.highest, r.sized = size, size, true
	if r.Finished() && r.head < len(r.segments) {
		r.dropHead() // no frame will need the room that was kept
	}
	return nil
}

// Pop appends up to limit ordered bytes to dst, as pieces that the caller must release, and moves the read position
// past them.
func (r *Reassembly) Pop(dst []Piece, limit int) []Piece {
	limit = min(limit, r.Readable())
	for limit > 0 {
		s := &r.segments[r.head]
		n := min(limit, s.size())
		if n > 0 {
			s.chunk.Retain()
			dst = append(dst, Piece{Chunk: s.chunk, B: s.bytes(n)})
			limit -= n
			r.advance(s, n)
		} else {
			r.dropHead()
		}
	}
	return dst
}

// Read copies up to len(p) ordered bytes to p and moves the read position past them. It returns how many.
func (r *Reassembly) Read(p []byte) (n int) {
	p = p[:min(len(p), r.Readable())]
	for n < len(p) {
		s := &r.segments[r.head]
		if k := min(len(p)-n, s.size()); k > 0 {
			n += copy(p[n:], s.bytes(k))
			r.advance(s, k)
		} else {
			r.dropHead()
		}
	}
	return n
}

// Rest lets go of the room that is kept for the next frame, if no byte is held: who has used up all that came expects no more
// at once, and an idle stream shall pin nothing.
func (r *Reassembly) Rest() {
	if r.head < len(r.segments) && r.read == r.ordered && r.gaps == 0 {
		r.dropHead()
	}
}

// Release frees every chunk and discards what Insert brings later: it still keeps Highest and checks the final size,
// as a stream whose reader is gone must (RFC 9000 s3.5). Unread bytes are gone; Offset says how many were read.
func (r *Reassembly) Release() {
	for r.head < len(r.segments) {
		r.dropHead()
	}
	r.segments, r.head, r.gaps = spare(r.segments), 0, 0
	r.ordered, r.discards = r.read, true
}

// Renew makes the buffer as new, for another stream.
func (r *Reassembly) Renew(maxGaps int) {
	r.Release()
	*r = Reassembly{segments: r.segments, maxGaps: maxGaps}
}

// Readable is how many bytes Pop or Read can give now.
func (r *Reassembly) Readable() int { return int(r.ordered - r.read) }

// Offset is the read position.
func (r *Reassembly) Offset() wire.Offset { return r.read }

// Highest is the end of the highest byte received, or the final size once that is known: what the peer has used of
// flow control.
func (r *Reassembly) Highest() wire.Offset { return r.highest }

// Gaps is how many holes are below the highest byte held.
func (r *Reassembly) Gaps() int { return r.gaps }

// Final returns the final size; ok is false while it is unknown.
func (r *Reassembly) Final() (size wire.Offset, ok bool) { return r.final, r.sized }

// Complete reports whether all bytes up to the final size were received: the state "Data Recvd" (RFC 9000 s3.2).
func (r *Reassembly) Complete() bool { return r.sized && r.ordered == r.final }

// Finished reports whether all bytes up to the final size were read: the state "Data Read" (RFC 9000 s3.2).
func (r *Reassembly) Finished() bool { return r.sized && r.read == r.final }
