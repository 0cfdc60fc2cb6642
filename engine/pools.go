package engine

import (
	"sync"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/udp"
)

// Reads up to mediumRead bytes are copied out of the buffer they came in, to one of smallRead or mediumRead bytes: a lone
// ACK pins no 64 KiB, and only full trains use up a connection's few large buffers. The copy is of bytes that the kernel
// has just written, which costs next to nothing.
const (
	smallRead  = 2 << 10
	mediumRead = 16 << 10
)

// spares is the memory that an engine's sockets do not use at the moment: a client's socket is one connection's, and often
// at rest. What nobody uses for a while goes to the collector.
type spares struct {
	large  shelf[rxBuffer]
	copies [2]sync.Pool // of *rxBuffer: small, medium
	tx     sync.Pool    // of *port.TxBatch: small ones
	big    shelf[port.TxBatch]
}

// rxPool lends receive buffers to one socket's reader: at most limit of 64 KiB, and small ones as the connections'
// quotas allow.
type rxPool struct {
	limit  int
	lost   *actor.Count // buffers whose connection is gone and which have not come home
	late   func()       // one that was waited for has come home after its connection had gone; may be nil
	spares *spares

	mu         sync.Mutex
	lent       int // large ones
	lentCopies int
	closed     bool
	room       sync.Cond // lent went down, or closed
	pause      func()    // a stepping world's way to wait for that; nil elsewhere
}

// rxBuffer is one receive batch and its memory.
type rxBuffer struct {
	batch *port.RxBatch
	mem   []byte
	lent  *rxPool // by which it is lent
	owner *rxAccount
}

// rxAccount counts the receive batches of one connection, or of the endpoint, in circulation.
type rxAccount struct {
	mu      *sync.Mutex // the pool's
	limit   int32
	trains  int32
	out     int32
	large   int32
	dropped int
	closed  bool // its connection is gone; what has not come back is written off
	awaited bool // closed, and what has not come back will
}

func newRxPool(limit int, spares *spares, lost *actor.Count) *rxPool {
	p := &rxPool{limit: limit, spares: spares, lost: lost}
	p.room.L = &p.mu
	return p
}

// account opens the account of a connection: for limit batches, of which trains are large.
func (p *rxPool) account(limit, trains int) rxAccount {
	return rxAccount{limit: int32(limit), trains: int32(trains), mu: &p.mu}
}

// large waits for a 64 KiB buffer; it returns nil once the pool is closed. Only the reader may wait here.
func (p *rxPool) large() *rxBuffer {
	p.mu.Lock()
	for p.lent >= p.limit && !p.closed {
		p.await()
	}
	closed := p.closed
	if !closed {
		p.lent++
	}
	p.mu.Unlock()
	if closed {
		return nil
	}
	return p.lend(p.spares.large.get(), udp.ReadSize)
}

// await waits until something may have come home. The caller holds the lock.
func (p *rxPool) await() {
	if p.pause == nil {
		p.room.Wait()
		return
	}
	p.mu.Unlock()
	p.pause()
	p.mu.Lock()
}

// copyFor returns a small or medium buffer for n bytes.
func (p *rxPool) copyFor(n int) *rxBuffer {
	p.mu.Lock()
	p.lentCopies++
	p.mu.Unlock()
	kind, size := 0, smallRead
	if n > smallRead {
		kind, size = 1, mediumRead
	}
	b, _ := p.spares.copies[kind].Get().(*rxBuffer)
	return p.lend(b, size)
}

// isLarge reports whether b is one of the pool's few.
func (b *rxBuffer) isLarge() bool { return len(b.mem) > mediumRead }

// lend lends b, or a new one of size bytes if it is nil.
func (p *rxPool) lend(b *rxBuffer, size int) *rxBuffer {
	if b == nil {
		b = &rxBuffer{mem: make([]byte, size)}
		b.batch = port.NewRxBatch(nil, func(*port.RxBatch) { b.lent.home(b) })
	}
	b.lent = p
	return b
}

// charge puts b on an account. It reports false if the account's quota is used up.
func (p *rxPool) charge(b *rxBuffer, a *rxAccount) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.closed || !a.fits(b) {
		return false
	}
	a.out++
	if b.isLarge() {
		a.large++
	}
	b.owner = a
	return true
}

// wait waits until the account has room for b, and charges it; it reports false once the pool or the account is closed.
// Only a reader of one connection may wait here: what it does not read stays in the kernel's buffer.
func (p *rxPool) wait(b *rxBuffer, a *rxAccount) bool {
	p.mu.Lock()
	for !p.closed && !a.closed && !a.fits(b) {
		p.await()
	}
	p.mu.Unlock()
	return p.charge(b, a)
}

// fits reports whether the quota allows b. The caller holds the lock.
func (a *rxAccount) fits(b *rxBuffer) bool {
	return a.out < a.limit && (!b.isLarge() || a.large < a.trains)
}

// drop counts a batch that found no room on its account.
func (p *rxPool) drop(a *rxAccount) {
	p.mu.Lock()
	a.dropped++
	p.mu.Unlock()
}

// recharge moves b to another account, under the same condition.
func (p *rxPool) recharge(b *rxBuffer, to *rxAccount) bool {
	p.mu.Lock()
	p.discharge(b) // the endpoint's account is never closed
	p.mu.Unlock()
	return p.charge(b, to)
}

// discharge takes b off its account; it reports false if it was written off. The caller holds the lock.
func (p *rxPool) discharge(b *rxBuffer) bool {
	a := b.owner
	b.owner = nil
	if a == nil {
		return true
	}
	if a.closed {
		p.lost.Add(-1)
		return false
	}
	a.out--
	if b.isLarge() {
		a.large--
	}
	return true
}

// home takes a buffer back.
func (p *rxPool) home(b *rxBuffer) {
	large := b.isLarge()
	p.mu.Lock()
	late := b.owner != nil && b.owner.awaited && p.late != nil
	if p.discharge(b) {
		if large {
			p.lent--
		} else {
			p.lentCopies--
		}
	}
	p.room.Signal() // at most the reader waits
	p.mu.Unlock()
	if large {
		p.spares.large.put(b)
	} else {
		p.spares.copies[min(1, len(b.mem)/mediumRead)].Put(b)
	}
	if late {
		p.late()
	}
}

// writeOff closes an account and returns how many buffers are still out. They wait in the inboxes of rooms that have
// left: each calls late when it comes home, but where a room has panicked, which may have taken some with it for good.
func (p *rxPool) writeOff(a *rxAccount, panicked bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.closed, a.awaited = true, !panicked
	p.lost.Add(int64(a.out))
	p.lent -= int(a.large)
	p.lentCopies -= int(a.out - a.large)
	p.room.Broadcast()
	return int(a.out)
}

// out is how many buffers are lent.
func (p *rxPool) out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent + p.lentCopies
}

// close lets the reader go.
func (p *rxPool) close() {
	p.mu.Lock()
	p.closed = true
	p.room.Broadcast()
	p.mu.Unlock()
}

// txPool lends 64 KiB transmit batches to the connections of one socket.
type txPool struct {
	limit  int
	lost   *actor.Count // batches whose connection is gone and which have not come home
	spares *spares

	mu      sync.Mutex
	lent    int
	waiting []*port.BatchFree
}

func newTxPool(limit int, spares *spares, lost *actor.Count) *txPool {
	return &txPool{limit: limit, spares: spares, lost: lost}
}

func (p *txPool) big(w *port.BatchFree) *port.TxBatch {
	p.mu.Lock()
	free := p.lent < p.limit
	if free {
		p.lent++
	} else if !w.Waiting {
		w.Waiting = true
		p.waiting = append(p.waiting, w)
	}
	p.mu.Unlock()
	if !free {
		return nil
	}
	if t := p.spares.big.get(); t != nil {
		return t
	}
	return &port.TxBatch{B: make([]byte, 0, port.BigBatch), Big: true}
}

// giveBack notes that n batches are no longer lent and calls as many waiting connections.
func (p *txPool) giveBack(n int) {
	p.mu.Lock()
	p.lent -= n
	calls := min(p.limit-p.lent, len(p.waiting))
	called := p.waiting[:calls:calls]
	p.waiting = p.waiting[calls:]
	for _, w := range called {
		w.Waiting = false
	}
	p.mu.Unlock()
	for _, w := range called {
		w.Port.Send(w)
	}
}

// lender is the pool as one connection sees it. It knows what the connection has, so that nothing is lost with a room
// that died of a panic.
type lender struct {
	pool  *txPool
	owner any

	mu     sync.Mutex
	lent   int
	waiter *port.BatchFree
	closed bool
}

// Small lends the connection its small batch. There is one for every connection that asks.
func (l *lender) Small() *port.TxBatch {
	t, _ := l.pool.spares.tx.Get().(*port.TxBatch)
	if t == nil {
		t = &port.TxBatch{B: make([]byte, 0, port.SmallBatch)}
	}
	t.Owner = l.owner
	return t
}

// Big lends a big batch, or returns nil and sends w a BatchFree when it is w's turn.
func (l *lender) Big(w *port.BatchFree) *port.TxBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.waiter = w
	t := l.pool.big(w)
	if t != nil {
		l.lent++
		t.Owner = l.owner
	}
	return t
}

// Return gives a batch back.
func (l *lender) Return(t *port.TxBatch) {
	if !t.Big {
		t.Reset()
		t.Owner, t.Home, t.Small = nil, zeroHome, nil
		l.pool.spares.tx.Put(t)
		return
	}
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.lent--
	}
	l.mu.Unlock()
	if closed {
		l.pool.lost.Add(-1)
		return
	}
	t.Reset()
	t.Owner, t.Home, t.Small = nil, zeroHome, nil
	l.pool.spares.big.put(t)
	l.pool.giveBack(1)
}

// close writes off what the connection still has, and lets the next one wait in its place.
func (l *lender) close() {
	l.mu.Lock()
	lost := l.lent
	l.closed = true
	w := l.waiter
	l.mu.Unlock()
	if w != nil {
		l.pool.forget(w)
	}
	l.pool.lost.Add(int64(lost))
	l.pool.giveBack(lost) // with none lost too: this connection may have been called and have no use for it any more
}

// forget takes a connection off the waiting list.
func (p *txPool) forget(w *port.BatchFree) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiting {
		if other == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return
		}
	}
}

// out is how many big batches are lent.
func (p *txPool) out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent
}
