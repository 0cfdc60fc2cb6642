package link

// memory lends the bytes of datagrams in two sizes, so that a network in a steady state allocates nothing.
type memory struct {
	small, large [][]byte // given back
	lent         int
}

const (
	smallBytes = 2 << 10
	largeBytes = 64 << 10
	// keep is how many of either size are kept for later; beyond, memory goes to the garbage collector.
	keep = 4096
)

// poison is what memory holds that was given back: who still reads it is found out by every run of the same seed.
var poison = func() (p [largeBytes]byte) {
	for i := range p {
		p[i] = 0xdb
	}
	return p
}()

// copy is a copy of b in lent memory; in fresh memory without a lender.
func (m *memory) copy(b []byte) []byte {
	if m == nil {
		return append(make([]byte, 0, len(b)), b...)
	}
	m.lent++
	list, size := m.class(len(b))
	if n := len(*list); n > 0 {
		p := (*list)[n-1]
		*list = (*list)[:n-1]
		return append(p, b...)
	}
	return append(make([]byte, 0, size), b...)
}

// put takes back what copy has lent.
func (m *memory) put(b []byte) {
	m.lent--
	if m.lent < 0 {
		panic("link: more buffers came back than were lent")
	}
	copy(b, poison[:])
	list, size := m.class(cap(b))
	if cap(b) == size && len(*list) < keep {
		*list = append(*list, b[:0])
	}
}

func (m *memory) class(size int) (list *[][]byte, bytes int) {
	if size <= smallBytes {
		return &m.small, smallBytes
	}
	return &m.large, max(largeBytes, size)
}
