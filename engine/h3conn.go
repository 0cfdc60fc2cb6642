package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"quicpro/actors/h3"
	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// H3Conn is one HTTP/3 connection, as the blocking facade sees it. Its methods are safe for any number of goroutines.
type H3Conn struct {
	c       *connection
	handler func(*H3Conn, *port.Exchange)
	half    halfDone
	ready   chan struct{}
	state   *tls.ConnectionState // valid once ready

	refused atomic.Bool
	bye     atomic.Bool

	mu      sync.Mutex
	credits int                 // how many exchanges of ours may be begun
	waiting []*waiter           // for a credit, in the order in which they came
	open    set[*port.Exchange] // those that an app task may wait for
	dead    error               // every room has left
}

// waiter is one call that waits for a credit.
type waiter struct {
	identity string
	got      chan *port.Exchange // nil: the connection has died
}

// perExchange is how many messages an app may have on the way to h3 for one exchange: Open, Send, Taken and Cancel, and
// a Taken or Cancel of the exchange whose credit it took over.
const perExchange = 6

func h3Places(l port.Limits) int { return perExchange*l.Streams + 1 }

func newH3Conn(l port.Limits, from *listener, handle func(*H3Conn, *port.Exchange)) *H3Conn {
	h := &H3Conn{handler: handle, ready: make(chan struct{})}
	h.half.l = from
	// What conn leaves for bidirectional streams of ours.
	h.credits = max(l.Streams-2*l.UniStreams, 1)
	return h
}

// bind makes the h3 room of the connection.
func (h *H3Conn) bind(cfg *H3Config) func(*connection, upperParts) upper {
	return func(c *connection, p upperParts) upper {
		h.c, c.handle = c, h
		r := h3.New(h3.Config{
			Role: c.role, Limits: c.limits, Chunks: &c.s.e.chunks, Streams: &c.streams, Tasks: (*h3Tasks)(h),
			Hand: c.hand(), Random: p.random, Trace: p.trace, Cell: p.cell,
			ReadHeaderTimeout: cfg.ReadHeaderTimeout, MaxFieldSection: cfg.MaxFieldSection,
		})
		r.Connect(h3.Ports{ToConn: p.toConn})
		return r
	}
}

// Exchange takes a credit for one request. It waits for one, as long as ctx and the connection live. Errors are
// *Cause of a dead connection, or ctx's.
func (h *H3Conn) Exchange(ctx context.Context) (*port.Exchange, error) {
	w := &waiter{}
	if h.c.s.e.stage == nil {
		if x, ok := h.admit(w); ok {
			return h.admitted(x)
		}
	} else {
		w.identity, w.got = identityOf(ctx), make(chan *port.Exchange, 1)
		h.c.s.e.stage.Post(w.identity, "exchange", func() {
			if x, ok := h.admit(w); ok {
				w.got <- x
			}
		})
	}
	select {
	case x := <-w.got:
		return h.admitted(x)
	case <-ctx.Done():
	}
	h.c.s.e.call(w.identity, "no exchange", func() { h.withdraw(w) })
	select {
	case x := <-w.got: // in the same moment
		if x != nil {
			h.Release(x)
		}
	default:
	}
	return nil, ctx.Err()
}

// admit takes a credit, or queues w for one. Of a dead connection it returns nil.
func (h *H3Conn) admit(w *waiter) (x *port.Exchange, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.dead != nil:
		return nil, true
	case h.credits > 0:
		h.credits--
		return h.begin(w), true
	}
	if w.got == nil {
		w.got = make(chan *port.Exchange, 1)
	}
	h.waiting = append(h.waiting, w)
	return nil, false
}

// begin makes the exchange of a credit that w has. The caller holds the lock.
func (h *H3Conn) begin(w *waiter) *port.Exchange {
	x := port.NewExchange(h.c.hand())
	if h.c.s.e.stage != nil {
		x.Name = h.c.s.e.number(w.identity)
	}
	h.open.add(x)
	return x
}

func (h *H3Conn) admitted(x *port.Exchange) (*port.Exchange, error) {
	if x == nil {
		return nil, h.Cause()
	}
	return x, nil
}

// withdraw takes w off the queue, if it is still there.
func (h *H3Conn) withdraw(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.waiting, w); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
}

// Release gives an exchange's credit back, after its last Delivery and its last Sent. Nothing may be sent for it then.
func (h *H3Conn) Release(x *port.Exchange) {
	if h.c.s.e.stage != nil {
		h.c.s.e.stage.Post(x.Name, "release", func() { h.release(x) })
		return
	}
	h.release(x)
}

func (h *H3Conn) release(x *port.Exchange) {
	h.mu.Lock()
	h.open.remove(x)
	if len(h.waiting) == 0 || h.dead != nil {
		h.credits++
		h.mu.Unlock()
		return
	}
	w := h.waiting[0]
	h.waiting[0] = nil
	h.waiting = h.waiting[1:]
	next := h.begin(w)
	h.mu.Unlock()
	h.tell(w, next)
}

// tell wakes a call that waits for a credit.
func (h *H3Conn) tell(w *waiter, x *port.Exchange) {
	if hand := h.c.hand(); hand != nil {
		hand(w, func() { w.got <- x })
		return
	}
	w.got <- x
}

// Open sends the exchange's OpenOrder.
func (h *H3Conn) Open(x *port.Exchange) { h.order(x, "open", &x.OpenOrder) }

// Send sends the exchange's SendOrder.
func (h *H3Conn) Send(x *port.Exchange) { h.order(x, "send", &x.SendOrder) }

// Taken sends the exchange's TakenOrder.
func (h *H3Conn) Taken(x *port.Exchange) { h.order(x, "taken", &x.TakenOrder) }

// Cancel sends the exchange's CancelOrder.
func (h *H3Conn) Cancel(x *port.Exchange) {
	if x.CancelOrder.HandlerDone {
		h.forget(x)
	}
	h.order(x, "cancel", &x.CancelOrder)
}

// order brings a message of the app to h3.
func (h *H3Conn) order(x *port.Exchange, kind string, m port.ToH3) {
	if s := h.c.s.e.stage; s != nil {
		s.Post(x.Name, kind, func() { h.c.app.toUpper.Send(m) })
		return
	}
	h.c.app.toUpper.Send(m)
}

// Chunks is where body bytes are copied to.
func (h *H3Conn) Chunks() *actor.Chunks { return &h.c.s.e.chunks }

// Done is closed when the connection is dead and every room has left.
func (h *H3Conn) Done() <-chan struct{} { return h.c.done }

// Cause is why the connection died, nil while it lives.
func (h *H3Conn) Cause() *port.Cause { return h.c.cause.Load() }

// Usable reports whether requests may be opened: no GOAWAY was seen or said, and the connection is not dying.
func (h *H3Conn) Usable() bool { return !h.refused.Load() && !h.bye.Load() && !h.c.app.closed.Load() }

// State is the TLS connection's state, nil before the handshake is complete. It must not be changed.
func (h *H3Conn) State() *tls.ConnectionState {
	select {
	case <-h.ready:
		return h.state
	default:
		return nil
	}
}

// RemoteAddr is the peer's address.
func (h *H3Conn) RemoteAddr() netip.AddrPort { return h.c.remote }

// LocalAddr is the socket's address; its IP is unspecified for a server that listens on all.
func (h *H3Conn) LocalAddr() netip.AddrPort { return h.c.s.local }

// Goodbye lets the requests in progress end, accepts no others, and then closes the connection. It does not wait.
func (h *H3Conn) Goodbye() { h.c.s.e.post(h.c.name, "goodbye", h.goodbye) }

func (h *H3Conn) goodbye() {
	if !h.bye.Swap(true) {
		h.c.app.toUpper.Send(&port.Goodbye{})
	}
}

// Close closes the connection with an application error code. The first call counts; none waits.
func (h *H3Conn) Close(code uint64, reason string) {
	h.c.s.e.post(h.c.name, "close", func() { h.c.close(true, code, reason) })
}

// Context is cancelled when the connection dies.
func (h *H3Conn) Context() context.Context { return h.c.ctx }

func (h *H3Conn) forget(x *port.Exchange) {
	h.mu.Lock()
	h.open.remove(x)
	h.mu.Unlock()
}

// gone is called when every room has left. h3 has answered every exchange that it knew, unless it panicked; an Open that
// came too late for it is answered here. An exchange that has had its last words gets them twice: nobody reads on.
func (h *H3Conn) gone(cause *port.Cause) {
	h.half.set()
	h.refused.Store(true)
	failure := &port.StreamError{Err: cause}
	if cause.Why != port.Panicked {
		failure.Unprocessed, failure.Err = true, fmt.Errorf("%w: %w", port.ErrGone, cause)
	}
	h.mu.Lock()
	h.dead = cause
	open, waiting := h.open.list, h.waiting
	h.open, h.waiting = set[*port.Exchange]{}, nil
	h.mu.Unlock()
	for _, w := range waiting {
		h.tell(w, nil)
	}
	for _, x := range open {
		x.Reads.Offer(&port.Delivery{Last: true, Err: failure})
		x.Writes.Offer(&port.Sent{Last: true, Err: failure})
	}
}

// h3Tasks is the connection as its h3 room sees it: port.Tasks.
type h3Tasks H3Conn

// Handle starts the handler of a request.
func (t *h3Tasks) Handle(x *port.Exchange) {
	h := (*H3Conn)(t)
	h.mu.Lock()
	if h.dead == nil {
		h.open.add(x)
	}
	h.mu.Unlock()
	world := h.c.s.e.world
	identity := "handler"
	if world.Stepping() {
		x.Name = h.c.name + "/stream " + strconv.FormatUint(uint64(x.Stream.ID), 10)
		identity = x.Name
	}
	world.Go(identity, func() { h.handler(h, x) })
}

// Ready lets requests flow.
func (t *h3Tasks) Ready(m *port.Connected) {
	h := (*H3Conn)(t)
	h.state = m.State
	h.half.set()
	close(h.ready)
	h.c.s.e.stir()
	if l := h.half.l; l != nil && l.stopping.Load() {
		h.goodbye() // it was born while the listener stopped
	}
}

// Refuse marks the connection as one that takes no new requests.
func (t *h3Tasks) Refuse(*port.Cause) { t.refused.Store(true) }
