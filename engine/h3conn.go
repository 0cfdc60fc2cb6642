package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
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
	remote  string
	ready   chan struct{}
	state   *tls.ConnectionState // valid once ready

	credits chan struct{} // a place an exchange of ours
	refused atomic.Bool
	bye     atomic.Bool

	mu   sync.Mutex
	open []*port.Exchange // those that an app task may wait for
	dead error            // every room has left
}

// perExchange is how many messages an app may have on the way to h3 for one exchange: Open, Send, Taken and Cancel, and
// a Taken or Cancel of the exchange whose credit it took over.
const perExchange = 6

func h3Places(l port.Limits) int { return perExchange*l.Streams + 1 }

func newH3Conn(l port.Limits, from *listener, handle func(*H3Conn, *port.Exchange)) *H3Conn {
	h := &H3Conn{handler: handle, ready: make(chan struct{})}
	h.half.l = from
	// What conn leaves for bidirectional streams of ours.
	h.credits = make(chan struct{}, max(l.Streams-2*l.UniStreams, 1))
	return h
}

// bind makes the h3 room of the connection.
func (h *H3Conn) bind(cfg *H3Config) func(*connection, upperParts) upper {
	return func(c *connection, p upperParts) upper {
		h.c, c.handle, h.remote = c, h, c.remote.String()
		r := h3.New(h3.Config{
			Role: c.role, Limits: c.limits, Chunks: &c.s.e.chunks, Streams: &c.streams, Tasks: (*h3Tasks)(h),
			Random: p.random, Trace: p.trace, Cell: p.cell,
			ReadHeaderTimeout: cfg.ReadHeaderTimeout, MaxFieldSection: cfg.MaxFieldSection,
		})
		r.Connect(h3.Ports{ToConn: p.toConn})
		return r
	}
}

// Exchange takes a credit for one request. It waits for one, as long as ctx and the connection live. Errors are
// *Cause of a dead connection, or ctx's.
func (h *H3Conn) Exchange(ctx context.Context) (*port.Exchange, error) {
	select {
	case h.credits <- struct{}{}:
	default:
		select {
		case h.credits <- struct{}{}:
		case <-h.c.done:
			return nil, h.Cause()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	x := h.newExchange()
	if !h.enter(x) {
		<-h.credits
		return nil, h.Cause()
	}
	return x, nil
}

// Release gives an exchange's credit back, after its last Delivery and its last Sent. Nothing may be sent for it then.
func (h *H3Conn) Release(x *port.Exchange) {
	h.forget(x)
	h.let(x)
	<-h.credits
}

// spareExchanges keeps those that are over for both ends: their records and mailboxes are dear.
var spareExchanges sync.Pool

// newExchange makes an exchange, or takes a spare one. The simulator's are never spare.
func (h *H3Conn) newExchange() *port.Exchange {
	var x *port.Exchange
	if !h.c.s.e.world.Stepping() {
		x, _ = spareExchanges.Get().(*port.Exchange)
	}
	if x == nil {
		x = port.NewExchange()
	}
	x.Ends.Set(2)
	return x
}

// let is one end's word that it is done with an exchange.
func (h *H3Conn) let(x *port.Exchange) {
	if x.Ends.Done() && !x.Kept && !h.c.s.e.world.Stepping() {
		spareExchanges.Put(port.NewExchangeIn(x))
	}
}

// Open sends the exchange's OpenOrder.
func (h *H3Conn) Open(x *port.Exchange) { h.c.app.toUpper.Send(&x.OpenOrder) }

// Send sends the exchange's SendOrder.
func (h *H3Conn) Send(x *port.Exchange) {
	if x.SendOrder.HandlerDone {
		h.forget(x)
	}
	h.c.app.toUpper.Send(&x.SendOrder)
}

// Taken sends the exchange's TakenOrder.
func (h *H3Conn) Taken(x *port.Exchange) { h.c.app.toUpper.Send(&x.TakenOrder) }

// Cancel sends the exchange's CancelOrder.
func (h *H3Conn) Cancel(x *port.Exchange) {
	if x.CancelOrder.HandlerDone {
		h.forget(x)
	}
	x.Kept = true // h3 may be done with it when the order arrives
	h.c.app.toUpper.Send(&x.CancelOrder)
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

// RemoteName is RemoteAddr as text, made once.
func (h *H3Conn) RemoteName() string { return h.remote }

// LocalAddr is the socket's address; its IP is unspecified for a server that listens on all.
func (h *H3Conn) LocalAddr() netip.AddrPort { return h.c.s.local }

// Goodbye lets the requests in progress end, accepts no others, and then closes the connection. It does not wait.
func (h *H3Conn) Goodbye() {
	if !h.bye.Swap(true) {
		h.c.app.toUpper.Send(&port.Goodbye{})
	}
}

// Close closes the connection with an application error code. The first call counts; none waits.
func (h *H3Conn) Close(code uint64, reason string) { h.c.close(true, code, reason) }

// Context is cancelled when the connection dies.
func (h *H3Conn) Context() context.Context { return h.c.ctx }

// enter notes that an app task may wait for x. It reports false if the connection is dead.
func (h *H3Conn) enter(x *port.Exchange) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead != nil {
		return false
	}
	h.open = append(h.open, x)
	x.At = len(h.open)
	return true
}

func (h *H3Conn) forget(x *port.Exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if x.At == 0 || h.dead != nil {
		return
	}
	last := len(h.open) - 1
	h.open[x.At-1] = h.open[last]
	h.open[x.At-1].At = x.At
	h.open[last] = nil
	h.open, x.At = h.open[:last], 0
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
	defer h.mu.Unlock() // an exchange that is released meanwhile waits: it may serve again
	h.dead = cause
	open := h.open
	h.open = nil
	for _, x := range open {
		lastWords(func() { x.Reads.Send(&port.Delivery{Last: true, Err: failure}) })
		lastWords(func() { x.Writes.Send(&port.Sent{Last: true, Err: failure}) })
	}
}

// lastWords calls send, which panics if the mailbox is full: then the last word is in it already.
func lastWords(send func()) {
	defer func() { _ = recover() }()
	send()
}

// h3Tasks is the connection as its h3 room sees it: port.Tasks.
type h3Tasks H3Conn

// Handle starts the handler of a request.
func (t *h3Tasks) Handle(x *port.Exchange) {
	h := (*H3Conn)(t)
	h.enter(x)
	world := h.c.s.e.world
	identity := "handler"
	if world.Stepping() {
		identity = h.c.name + "/stream " + strconv.FormatUint(uint64(x.Stream.ID), 10)
	}
	world.Go(identity, func() {
		h.handler(h, x)
		h.let(x)
	})
}

// Exchange makes the exchange of a request of the peer.
func (t *h3Tasks) Exchange() *port.Exchange { return (*H3Conn)(t).newExchange() }

// Over takes h3's word that it is done with an exchange.
func (t *h3Tasks) Over(x *port.Exchange) { (*H3Conn)(t).let(x) }

// Ready lets requests flow.
func (t *h3Tasks) Ready(m *port.Connected) {
	h := (*H3Conn)(t)
	h.state = m.State
	h.half.set()
	close(h.ready)
	if l := h.half.l; l != nil && l.stopping.Load() {
		h.Goodbye() // it was born while the listener stopped
	}
}

// Refuse marks the connection as one that takes no new requests.
func (t *h3Tasks) Refuse(*port.Cause) { t.refused.Store(true) }
