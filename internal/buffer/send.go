package buffer

import (
	"quicpro/internal/actor"
	"quicpro/wire"
)

// SendBuffer holds what was written to a stream until it is acknowledged. Its chunks are the source of every
// transmission. The zero SendBuffer is empty and ready.
//
// A segment counts as in flight from the moment it is handed out: its receiver reports every byte of it, and its FIN,
// as acknowledged or lost, in any order and any ranges, as often as it likes.
type SendBuffer struct {
	bytes  ledger
	chunks []sendChunk // ascending from index head on, without holes between them
	head   int
	held   int // bytes in chunks
	fin    finState
	reset  bool
}

// sendChunk is the stream bytes [lo, hi). The chunk is nil once all of them were acknowledged.
type sendChunk struct {
	lo, hi wire.Offset
	chunk  *actor.Chunk
}

type finState uint8

const (
	finNone finState = iota
	finOwed
	finSent
	finAcked
)

// Segment is a run of stream bytes to send. It holds its Chunk: who takes the segment calls Chunk.Release when nothing
// refers to B any more.
type Segment struct {
	Off wire.Offset
	// B is immutable. It is empty only for a FIN that comes alone.
	B []byte
	// Chunk is what B is part of; nil if B is empty.
	Chunk *actor.Chunk
	// Fin says that the stream ends behind B.
	Fin bool
	// Fresh says that B was never handed out before: len(B) bytes of flow-control credit are spent.
	Fresh bool
}

// Write appends the bytes c.B, and takes over the caller's hold on c. After Reset it just releases c.
func (b *SendBuffer) Write(c *actor.Chunk) {
	switch {
	case b.reset || len(c.B) == 0:
		c.Release()
		return
	case b.fin != finNone:
		panic("buffer: write after FIN")
	}
	if len(b.chunks) == cap(b.chunks) && b.head > 0 && 2*b.head >= len(b.chunks) {
		b.chunks = append(b.chunks[:0], b.chunks[b.head:]...)
		clear(b.chunks[len(b.chunks):cap(b.chunks)])
		b.head = 0
	}
	end := b.bytes.end + wire.Offset(len(c.B))
	b.chunks = append(b.chunks, sendChunk{lo: b.bytes.end, hi: end, chunk: c})
	b.bytes.end = end
	b.held += len(c.B)
}

// Fin ends the stream behind what was written. Repeating it changes nothing.
func (b *SendBuffer) Fin() {
	if b.fin == finNone {
		b.fin = finOwed
	}
}

// Next hands out the next segment, of at most limit bytes and from one chunk: first what was lost, which needs no
// credit, then at most credit bytes that are new. limit is the room there is; without any, not even a FIN goes out.
func (b *SendBuffer) Next(limit int, credit wire.Offset) (s Segment, ok bool) {
	if limit <= 0 || b.reset {
		return s, false
	}
	r, fresh := b.bytes.next()
	if r.Empty() {
		if b.fin != finOwed {
			return s, false
		}
		b.fin = finSent
		return Segment{Off: b.bytes.end, Fin: true}, true
	}
	if fresh {
		r.Hi = r.Lo + min(r.Hi-r.Lo, credit)
	}
	r.Hi = min(r.Hi, r.Lo+wire.Offset(limit))
	if r.Empty() {
		return s, false
	}
	c := &b.chunks[b.search(r.Lo)]
	r.Hi = min(r.Hi, c.hi)
	b.bytes.take(r, fresh)
	c.chunk.Retain()
	from, to := int(r.Lo-c.lo), int(r.Hi-c.lo)
	s = Segment{Off: r.Lo, B: c.chunk.B[from:to:to], Chunk: c.chunk, Fresh: fresh}
	if b.fin != finNone && r.Hi == b.bytes.end {
		s.Fin = true
		if b.fin == finOwed {
			b.fin = finSent
		}
	}
	return s, true
}

// Lost reports that a packet with the bytes [lo, hi), and with the FIN if fin is set, was lost: what of it is not
// acknowledged by another packet will be handed out again, before anything new. Reporting bytes that were never handed
// out panics.
func (b *SendBuffer) Lost(lo, hi wire.Offset, fin bool) {
	if b.reset {
		return
	}
	b.bytes.lose(lo, hi)
	if fin && b.fin == finSent {
		b.fin = finOwed
	}
}

// Acked reports that the peer has the bytes [lo, hi), and the FIN if fin is set, and releases the chunks of which it
// has all bytes now. Reporting bytes that were never handed out panics.
func (b *SendBuffer) Acked(lo, hi wire.Offset, fin bool) {
	if b.reset {
		return
	}
	if fin {
		if b.fin == finNone {
			panic("buffer: the fate of a FIN that was never handed out")
		}
		b.fin = finAcked
	}
	run := b.bytes.ack(lo, hi)
	if run.Empty() {
		return
	}
	if run.Hi > b.bytes.base { // behind a hole: only a chunk with bytes among [lo, hi) can have been completed
		for i := b.search(lo); i < len(b.chunks) && b.chunks[i].lo < hi; i++ {
			if c := &b.chunks[i]; run.Lo <= c.lo && c.hi <= run.Hi {
				b.release(c)
			}
		}
		return
	}
	for b.head < len(b.chunks) && b.chunks[b.head].hi <= b.bytes.base {
		b.release(&b.chunks[b.head])
		b.head++
	}
	if b.head == len(b.chunks) {
		b.chunks, b.head = b.chunks[:0], 0
	}
}

// Reset releases everything: the stream was reset. From then on the buffer has nothing to send and ignores reports.
func (b *SendBuffer) Reset() {
	for i := b.head; i < len(b.chunks); i++ {
		b.release(&b.chunks[i])
	}
	b.chunks, b.head, b.reset = spare(b.chunks), 0, true
}

// Renew makes the buffer empty and ready for another stream.
func (b *SendBuffer) Renew() {
	b.Reset()
	*b = SendBuffer{chunks: b.chunks}
}

// spare is the memory of a list for the next one: a long list's is not worth keeping.
func spare[T any](list []T) []T {
	if cap(list) > 16 {
		return nil
	}
	clear(list)
	return list[:0]
}

// AllAcked reports whether the peer has everything, the FIN included: the state "Data Recvd" (RFC 9000 s3.1).
func (b *SendBuffer) AllAcked() bool { return b.fin == finAcked && b.bytes.base == b.bytes.end }

// Settled reports whether the peer has every byte that was written.
func (b *SendBuffer) Settled() bool { return b.bytes.base == b.bytes.end }

// Unsent is how many bytes were written and never handed out.
func (b *SendBuffer) Unsent() int {
	if b.reset {
		return 0
	}
	return int(b.bytes.end - b.bytes.sent)
}

// Resend is how many lost bytes wait to be handed out again.
func (b *SendBuffer) Resend() int {
	if b.reset {
		return 0
	}
	return int(b.bytes.fates().lost.Count())
}

// Owes reports whether Next, given room and credit, has something to hand out.
func (b *SendBuffer) Owes() bool {
	return !b.reset && (b.bytes.sent < b.bytes.end || !b.bytes.fates().lost.Empty() || b.fin == finOwed)
}

// Buffered is how many bytes the held chunks contain.
func (b *SendBuffer) Buffered() int { return b.held }

// Sent is the end of what was ever handed out: the final size, if the stream is reset now (RFC 9000 s4.5).
func (b *SendBuffer) Sent() wire.Offset { return b.bytes.sent }

// search returns the index of the chunk with the byte at off.
func (b *SendBuffer) search(off wire.Offset) int {
	lo, hi := b.head, len(b.chunks)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b.chunks[mid].hi > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

func (b *SendBuffer) release(c *sendChunk) {
	if c.chunk != nil {
		b.held -= len(c.chunk.B)
		c.chunk.Release()
		c.chunk = nil
	}
}
