package actor

import (
	"sync"
	"sync/atomic"
)

// Chunk sizes. A chunk is the unit in which stream payload is kept, from the caller's copy to the last acknowledgement.
const (
	ChunkTiny   = 64 // only GetTiny gives it
	ChunkScant  = 128
	ChunkLittle = 256
	ChunkSmall  = 1 << 10
	ChunkMedium = 4 << 10
	ChunkLarge  = 16 << 10
	ChunkHuge   = 64 << 10
)

// chunkSizes are the sizes by class. The first one is not among those that Get chooses from.
var chunkSizes = [...]int{ChunkTiny, ChunkScant, ChunkLittle, ChunkSmall, ChunkMedium, ChunkLarge, ChunkHuge}

// Chunk is a counted piece of payload memory. It is immutable from the moment it was handed over.
type Chunk struct {
	B     []byte // the payload: its writer sets it to a part of Space
	space []byte
	refs  atomic.Int32
	class int32
	home  *Chunks
}

// Space is the chunk's whole memory.
func (c *Chunk) Space() []byte { return c.space }

// Headroom is what a writer of body bytes leaves free at the start of a chunk, for a frame header that a room will Prepend.
// In the first chunk of a message it leaves room for the head, at most HeadHeadroom: most fit, and a small message is one
// piece then.
const (
	Headroom     = 16
	HeadHeadroom = 512
)

// Free is how much can be put in front of B.
func (c *Chunk) Free() int { return cap(c.space) - cap(c.B) }

// Prepend puts h directly in front of B, into the headroom. It is for the one holder that knows B: another may only fill the space
// behind B, as a reader does that a handler has left behind.
func (c *Chunk) Prepend(h []byte) {
	at := c.Free() - len(h)
	if at < 0 {
		panic("actor: a chunk without headroom was to be prepended to")
	}
	copy(c.space[at:], h)
	c.B = c.space[at : at+len(h)+len(c.B)]
}

// Retain counts one more holder. Only a holder may call it.
func (c *Chunk) Retain() {
	if c.refs.Add(1) < 2 {
		panic("actor: chunk retained after its last release")
	}
}

// Release counts one holder less; the last one sends the chunk home.
func (c *Chunk) Release() {
	switch n := c.refs.Add(-1); {
	case n == 0:
		c.home.put(c)
	case n < 0:
		panic("actor: chunk released more often than retained")
	}
}

// Chunks is a pool of chunks. Memory that nobody uses goes back to the collector.
type Chunks struct {
	pools [len(chunkSizes)]sync.Pool
	out   atomic.Int64
}

// GetFor returns a chunk that holds what is, n bytes to which nothing comes: of the least size, ChunkTiny included.
func (p *Chunks) GetFor(n int) *Chunk {
	if n <= ChunkTiny {
		return p.get(0)
	}
	return p.Get(n)
}

// Get returns a chunk with room for n bytes and an empty B, held once. At most ChunkHuge bytes are served: a larger n
// gets a ChunkHuge.
func (p *Chunks) Get(n int) *Chunk {
	class := len(chunkSizes) - 1
	for class > 1 && n <= chunkSizes[class-1] {
		class--
	}
	return p.get(class)
}

// GetTiny is Get for ChunkTiny bytes: for what a peer has cut into crumbs, so that its memory stays near its size, and for the
// little that begins a stream.
func (p *Chunks) GetTiny() *Chunk { return p.get(0) }

func (p *Chunks) get(class int) *Chunk {
	c, _ := p.pools[class].Get().(*Chunk)
	if c == nil {
		c = &Chunk{space: make([]byte, chunkSizes[class]), home: p, class: int32(class)}
	}
	c.B = c.space[:0]
	c.refs.Store(1)
	p.out.Add(1)
	return c
}

// Out is how many chunks are not home.
func (p *Chunks) Out() int64 { return p.out.Load() }

func (p *Chunks) put(c *Chunk) {
	c.B = nil
	p.out.Add(-1)
	p.pools[c.class].Put(c)
}

// Refs counts the holders of something that is shared by design.
type Refs struct{ n atomic.Int32 }

// Set starts the count.
func (r *Refs) Set(n int32) { r.n.Store(n) }

// Add counts more holders.
func (r *Refs) Add(n int32) { r.n.Add(n) }

// Done counts one holder less and reports whether it was the last.
func (r *Refs) Done() bool {
	n := r.n.Add(-1)
	if n < 0 {
		panic("actor: released more often than retained")
	}
	return n == 0
}

// Count is a number that several goroutines change: messages in circulation, credits, statistics.
type Count struct{ n atomic.Int64 }

// Add changes the number and returns it.
func (c *Count) Add(n int64) int64 { return c.n.Add(n) }

// Set makes it another number.
func (c *Count) Set(n int64) { c.n.Store(n) }

// Load returns the number.
func (c *Count) Load() int64 { return c.n.Load() }
