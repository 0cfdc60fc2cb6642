package api

import (
	"cmp"
	"context"
	"maps"
	"net/http/httptrace"
	"slices"
	"sync"

	"quicpro/engine"
)

// pooled is a connection in the pool.
type pooled struct {
	exchanger
	origin origin
	active int // requests on it, those that wait for a credit included; the pool's lock guards it
	old    bool
}

// dialing is one dial that callers wait for together.
type dialing struct {
	done    chan struct{} // closed when conn or err is set
	conn    *pooled
	err     error
	waiters int
	cancel  context.CancelFunc
}

// pool holds at most one connection that takes new requests for each origin.
type pool struct {
	dial func(context.Context, origin) (exchanger, error)
	run  func(func()) // on a goroutine

	mu     sync.Mutex
	conns  map[origin]*pooled
	dials  map[origin]*dialing
	full   int       // at that many connections the dead ones are looked for
	old    []*pooled // said goodbye, still at work
	closed bool
	wg     sync.WaitGroup // dials
}

// get returns a connection to o, counted as in use. If there is none it dials; whoever asks meanwhile waits for the same
// dial, each as long as its own context lasts. The dial goes on while anybody waits.
func (p *pool) get(ctx context.Context, o origin) (conn *pooled, reused bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, false, ErrClosed
	}
	if c := p.conns[o]; c != nil {
		if c.Usable() {
			c.active++
			p.mu.Unlock()
			return c, true, nil
		}
		p.retire(c)
	}
	return p.await(ctx, o)
}

// await is get where there is no connection yet. The lock is held when it is called.
func (p *pool) await(ctx context.Context, o origin) (conn *pooled, reused bool, err error) {
	d := p.dials[o]
	if d == nil {
		d = p.start(ctx, o)
	}
	d.waiters++
	p.mu.Unlock()

	select {
	case <-d.done:
		return d.conn, false, d.err // start counted every waiter
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-d.done:
		if d.conn != nil {
			d.conn.active--
		}
	default:
		if d.waiters--; d.waiters == 0 {
			d.cancel()
			if p.dials[o] == d {
				delete(p.dials, o)
			}
		}
	}
	return nil, false, contextError(ctx, "waiting for the connection")
}

// start dials on a goroutine of its own. The first caller's trace sees the dial. The lock is held.
func (p *pool) start(ctx context.Context, o origin) *dialing {
	own := engine.Named(context.Background(), "dial "+o.String())
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		own = httptrace.WithClientTrace(own, trace)
	}
	own, cancel := context.WithCancel(own)
	d := &dialing{done: make(chan struct{}), cancel: cancel}
	if p.dials == nil {
		p.dials, p.conns = make(map[origin]*dialing), make(map[origin]*pooled)
	}
	p.dials[o] = d
	p.wg.Add(1)
	p.run(func() {
		defer p.wg.Done()
		defer cancel()
		conn, err := p.dial(own, o)
		p.mu.Lock()
		defer p.mu.Unlock()
		unwanted := p.dials[o] != d || p.closed
		if p.dials[o] == d {
			delete(p.dials, o)
		}
		switch {
		case err != nil && p.closed:
			d.err = ErrClosed
		case err != nil:
			d.err = err
		case unwanted:
			conn.Close(noError, "")
			d.err = ErrClosed
		default:
			d.conn = &pooled{exchanger: conn, origin: o, active: d.waiters}
			p.sweep()
			p.conns[o] = d.conn
		}
		close(d.done)
	})
	return d
}

// sweep drops dead connections to origins that nobody asks for any more. Its cost is spread over the dials. The lock is
// held.
func (p *pool) sweep() {
	if len(p.conns) < max(p.full, leastFull) {
		return
	}
	for _, c := range p.sorted() {
		if c.active == 0 && !c.Usable() {
			p.retire(c)
		}
	}
	p.full = 2 * len(p.conns)
}

const leastFull = 64

// put counts one use less.
func (p *pool) put(c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.active--
	if c.old && c.active == 0 {
		p.forget(c)
	}
}

// retire takes a connection out of service. Requests on it go on. The lock is held.
func (p *pool) retire(c *pooled) {
	if p.conns[c.origin] == c {
		delete(p.conns, c.origin)
	}
	c.old = true
	c.Goodbye()
	if c.active > 0 {
		p.old = append(p.old, c)
	}
}

// doubt takes a connection out of service that may have lost its server: the next request dials anew.
func (p *pool) doubt(c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.origin] == c {
		p.retire(c)
	}
}

func (p *pool) forget(c *pooled) {
	for i, o := range p.old {
		if o == c {
			p.old = append(p.old[:i], p.old[i+1:]...)
			return
		}
	}
}

// sorted returns the connections in the order of their origins: what goes to the wire never depends on the order of a
// map. The lock is held.
func (p *pool) sorted() []*pooled {
	return slices.SortedFunc(maps.Values(p.conns), func(a, b *pooled) int {
		return cmp.Compare(a.origin.String(), b.origin.String())
	})
}

// closeIdle says goodbye on every connection without a request.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.sorted() {
		if c.active == 0 {
			p.retire(c)
		}
	}
}

// close ends everything at once and waits until it has ended.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	ending := p.old
	ending = append(ending, p.sorted()...)
	p.old, p.conns = nil, make(map[origin]*pooled)
	for _, d := range p.dials { // each only ends a wait
		d.cancel()
	}
	p.mu.Unlock()
	p.wg.Wait()
	for _, c := range ending {
		c.Close(noError, "")
	}
	for _, c := range ending {
		<-c.Done()
	}
}
