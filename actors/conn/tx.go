package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
)

const (
	// maxSegments is how many datagrams one system call sends: the kernel's UDP_MAX_SEGMENTS.
	maxSegments = 64
	// maxRun is the largest UDP_SEGMENT send, in bytes: a UDP payload, with room for the headers of IPv6.
	maxRun = 65_000
)

// tx are the transmit batches of the connection.
type tx struct {
	small   *port.TxBatch   // when it is here: after a turn the pool has it
	slot    actor.Slot      // taken while the small one is here, or on its way out or home
	spares  []*port.TxBatch // big ones that are here
	big     int             // big ones that are ours
	most    int             // how many big ones may be ours
	away    int             // big ones on their way out or home
	free    port.BatchFree
	waiting bool // the pool will send free
}

// take returns an empty batch, big if there is much to say, or nil: one that comes home continues then.
func (t *tx) take(pool port.TxPool, big bool) *port.TxBatch {
	if !big && t.slot.Take() {
		return t.takenSmall(pool)
	}
	if n := len(t.spares); n > 0 {
		b := t.spares[n-1]
		t.spares = t.spares[:n-1]
		return b
	}
	if t.big < t.most && !t.waiting {
		if b := pool.Big(&t.free); b != nil {
			t.big++
			return b
		}
		t.waiting = true
	}
	return t.takeSmall(pool)
}

// takeSmall returns the small batch, or nil: it comes home as a message then.
func (t *tx) takeSmall(pool port.TxPool) *port.TxBatch {
	if !t.slot.TakeOrWant() {
		return nil
	}
	return t.takenSmall(pool)
}

func (t *tx) takenSmall(pool port.TxPool) *port.TxBatch {
	b := t.small
	if b == nil {
		b = pool.Small()
		b.Small = &t.slot
	}
	t.small = nil
	return b
}

// put takes a batch back: one that came home, or stayed empty.
func (t *tx) put(b *port.TxBatch) {
	b.Reset()
	if b.Big {
		t.spares = append(t.spares, b)
	} else {
		t.small = b
		t.slot.Returned()
	}
}

// home reports whether no batch is away. Otherwise the last one comes home as a message.
func (t *tx) home() bool {
	return t.slot.Quiet() && t.away == 0
}

// awaited reports whether a batch will come home as a message.
func (t *tx) awaited() bool { return t.away > 0 || t.slot.Wanted() }

// returnSpares gives the pool what the flush did not use.
func (t *tx) returnSpares(pool port.TxPool) {
	for i, b := range t.spares {
		pool.Return(b)
		t.spares[i] = nil
		t.big--
	}
	t.spares = t.spares[:0]
	if t.small != nil {
		pool.Return(t.small)
		t.small = nil
	}
}

// cameHome takes a batch back from the writer.
func (c *Conn) cameHome(b *port.TxBatch) {
	if b.Big {
		c.tx.away--
	}
	if b.TooLong {
		c.tooLong(b)
	}
	if b == c.path.size.search.batch {
		c.path.size.search.batch = nil
	}
	c.tx.put(b)
}

// ship sends a filled batch on its way.
func (c *Conn) ship(b *port.TxBatch) {
	b.Home = c.ports.Home
	if b.Big {
		c.tx.away++
	}
	c.ports.ToProtect.Send(b)
}

// appendRun adds the datagram [at, at+size) to the last run, or to a new one.
func appendRun(b *port.TxBatch, p port.Path, at, size int) {
	if n := len(b.Runs); n > 0 {
		r := &b.Runs[n-1]
		if r.Len%r.SegmentSize == 0 && size <= r.SegmentSize && r.Len+size <= maxRun && r.Len < maxSegments*r.SegmentSize && r.Path == p {
			r.Len += size
			return
		}
	}
	b.Runs = append(b.Runs, port.TxRun{Path: p, Off: at, Len: size, SegmentSize: size})
}
