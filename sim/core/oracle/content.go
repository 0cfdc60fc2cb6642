package oracle

import (
	"bytes"
	"math/bits"

	"quicpro/wire"
)

// memory keeps the newest bytes of a stream: a ring indexed by offset.
type memory struct {
	b      []byte      // length zero or a power of two
	from   wire.Offset // bytes below are not known
	high   wire.Offset // nor those from here on
	queued bool        // in contents.live
}

const (
	leastMemory = 1 << 10
	// mostMemory bounds what is remembered of one stream: what is in flight on it, and what waits to be sent again.
	mostMemory    = 1 << 18
	memoryClasses = 9 // of powers of two from leastMemory to mostMemory
)

// contents is the memory of all streams of a book.
type contents struct {
	free  [memoryClasses][][]byte
	live  []*memory // in the order in which they were first written
	head  int       // of live
	bytes int
	bound int
}

// write compares bytes with those that were written at their offsets before, and remembers them. ok is false if one
// differs; at is its offset.
func (m *memory) write(c *contents, off wire.Offset, p []byte) (at wire.Offset, ok bool) {
	end := off + wire.Offset(len(p))
	if lo, hi := max(off, m.from), min(end, m.high); lo < hi {
		if at, ok := m.compare(lo, p[lo-off:hi-off]); !ok {
			return at, false
		}
	}
	if end <= m.high {
		return 0, true
	}
	if off > m.high {
		m.from, m.high = off, off // what lies between was never seen
	}
	fresh := p[m.high-off:]
	if len(fresh) > mostMemory {
		m.from, m.high = end-mostMemory, end-mostMemory
		fresh = fresh[len(fresh)-mostMemory:]
	}
	m.makeRoom(c, len(fresh))
	n := m.put(m.high, fresh)
	m.put(m.high+wire.Offset(n), fresh[n:])
	m.high = end
	if size := wire.Offset(len(m.b)); m.high-m.from > size {
		m.from = m.high - size
	}
	return 0, true
}

// at is where an offset is in the ring.
func (m *memory) at(off wire.Offset) int { return int(off & wire.Offset(len(m.b)-1)) }

// put copies bytes up to the ring's end.
func (m *memory) put(off wire.Offset, p []byte) int { return copy(m.b[m.at(off):], p) }

func (m *memory) compare(off wire.Offset, p []byte) (at wire.Offset, ok bool) {
	for len(p) > 0 {
		old := m.b[m.at(off):]
		n := min(len(old), len(p))
		if !bytes.Equal(old[:n], p[:n]) {
			for i := range n {
				if old[i] != p[i] {
					return off + wire.Offset(i), false
				}
			}
		}
		p, off = p[n:], off+wire.Offset(n)
	}
	return 0, true
}

// makeRoom grows the ring until n more bytes fit beside what is known, or as far as it may.
func (m *memory) makeRoom(c *contents, n int) {
	known := int(m.high - m.from)
	want := min(max(known+n, leastMemory), mostMemory)
	if len(m.b) >= want {
		return
	}
	old := *m
	m.b = c.take(class(want))
	if !m.queued {
		m.queued = true
		c.live = append(c.live, m)
	}
	// What is not kept now is overwritten next.
	m.from = m.high - wire.Offset(min(known, len(m.b)))
	for off := m.from; off < m.high; {
		from := old.b[old.at(off):]
		off += wire.Offset(m.put(off, from[:min(len(from), int(m.high-off))]))
	}
	c.give(old.b)
	c.evict(m)
}

// class is the class of memory in which n bytes fit.
func class(n int) int { return max(bits.Len(uint(n-1))-bits.Len(leastMemory-1), 0) }

func (c *contents) take(k int) []byte {
	size := leastMemory << k
	c.bytes += size
	if n := len(c.free[k]); n > 0 {
		b := c.free[k][n-1]
		c.free[k] = c.free[k][:n-1]
		return b
	}
	return make([]byte, size)
}

func (c *contents) give(b []byte) {
	if len(b) == 0 {
		return
	}
	c.bytes -= len(b)
	k := class(len(b))
	c.free[k] = append(c.free[k], b)
}

// evict forgets the oldest streams, except m, while there are too many bytes.
func (c *contents) evict(m *memory) {
	for c.bytes > c.bound && c.head < len(c.live) && c.live[c.head] != m {
		x := c.live[c.head]
		c.live[c.head] = nil
		c.head++
		c.give(x.b)
		x.b, x.from, x.queued = nil, x.high, false
	}
	if c.head > 1024 && c.head > len(c.live)/2 {
		n := copy(c.live, c.live[c.head:])
		clear(c.live[n:])
		c.live, c.head = c.live[:n], 0
	}
}
