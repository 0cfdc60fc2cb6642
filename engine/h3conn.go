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
	"time"

	"quicpro/actors/h3"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// H3Conn is one HTTP/3 connection, as the blocking facade sees it. Its methods are safe for any number of goroutines.
type H3Conn struct {
	c       *connection
	handler H3Handler
	half    halfDone
	remote  string
	ready   chan struct{}
	dialled func(*H3Conn, error) // of StartH3: called once
	state   *tls.ConnectionState // valid once ready

	refused atomic.Bool
	bye     atomic.Bool

	mu      sync.Mutex
	credits int          // how many exchanges of ours may be begun
	waiting []*waiter    // for a credit, in the order in which they came
	open    exchangeList // those that an app task may wait for
	dead    error        // every room has left
}

// waiter is one call that waits for a credit.
type waiter struct {
	identity string
	got      chan *port.Exchange  // nil: the connection has died
	call     func(*port.Exchange) // of Admit: called instead
}

func (w *waiter) give(x *port.Exchange) {
	if w.call != nil {
		w.call(x)
		return
	}
	w.got <- x
}

// perExchange is how many messages an app may have on the way to h3 for one exchange: Open, Send, Taken and Cancel, and
// a Taken or Cancel of the exchange whose credit it took over.
const perExchange = 6

func h3Places(l *port.Limits) int { return perExchange*l.Streams + 1 }

func newH3Conn(l *port.Limits, from *listener, handle H3Handler) *H3Conn {
	h := &H3Conn{handler: handle, ready: make(chan struct{})}
	h.half.l = from
	// What conn leaves for bidirectional streams of ours.
	h.credits = max(l.Streams-2*l.UniStreams, 1)
	return h
}

// bind makes the h3 room of the connection.
func (h *H3Conn) bind(cfg *H3Config) func(*connection, upperParts) upper {
	return func(c *connection, p upperParts) upper {
		h.c, c.handle, h.remote = c, h, c.remote.String()
		r := h3.New(h3.Config{
			Role: c.role, Limits: c.limits, Chunks: &c.s.e.chunks, Streams: &c.streams, Tasks: (*h3Tasks)(h),
			Hand: c.s.e.hand(), Random: p.random, Trace: p.trace, Cell: p.cell,
			ReadHeaderTimeout: cfg.ReadHeaderTimeout, MaxFieldSection: cfg.MaxFieldSection,
		})
		r.Connect(h3.Ports{ToConn: p.toConn})
		return r
	}
}

// Exchange takes a credit for one request. It waits for one, as long as ctx and the connection live. Errors are
// *Cause of a dead connection, or ctx's.
func (h *H3Conn) Exchange(ctx context.Context) (*port.Exchange, error) {
	if e := h.c.s.e; e.stage == nil {
		x := h.newExchange()
		if h.credited(x) {
			return x, nil
		}
		e.exchanges.put(x, false)
	}
	return h.await(ctx)
}

// credited takes a credit for x, if there is one. Nothing is allocated under the lock: a holder that had to help the collector would
// make a crowd of callers queue, and each of them would be put to sleep.
func (h *H3Conn) credited(x *port.Exchange) bool {
	h.mu.Lock()
	ok := h.dead == nil && h.credits > 0
	if ok {
		h.credits--
		h.open.add(x)
	}
	h.mu.Unlock()
	return ok
}

// await is Exchange where one may have to wait.
func (h *H3Conn) await(ctx context.Context) (*port.Exchange, error) {
	w := &waiter{}
	if h.c.s.e.stage == nil {
		if x, ok := h.admit(w); ok {
			return h.admitted(x)
		}
	} else {
		w.identity, w.got = IdentityOf(ctx), make(chan *port.Exchange, 1)
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

// begin makes the exchange of a credit that w has; w counts on a stage only. The caller holds the lock.
func (h *H3Conn) begin(w *waiter) *port.Exchange {
	x := h.newExchange()
	if h.c.s.e.stage != nil {
		name := h.c.s.e.number(w.identity)
		x.Name = &name
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
		h.c.s.e.stage.Order(*x.Name, "release", turnRelease, func() { h.release(x) })
		return
	}
	h.release(x)
}

func (h *H3Conn) release(x *port.Exchange) {
	h.mu.Lock()
	h.remove(x)
	if len(h.waiting) == 0 || h.dead != nil {
		h.credits++
		h.mu.Unlock()
		h.let(x)
		return
	}
	w := h.waiting[0]
	h.waiting[0] = nil
	h.waiting = h.waiting[1:]
	next := h.begin(w)
	h.mu.Unlock()
	h.let(x)
	h.tell(w, next)
}

// Handled is the end of what an H3Handler made: it uses the exchange no more.
func (h *H3Conn) Handled(x *port.Exchange) { h.let(x) }

// newExchange makes an exchange, or takes one that is over for both ends: their records and mailboxes are dear.
func (h *H3Conn) newExchange() *port.Exchange {
	e := h.c.s.e
	x := e.exchanges.get(e.stage != nil)
	if x == nil {
		x = port.NewExchange(e.hand())
	}
	x.Ends.Set(2)
	return x
}

// let is one end's word that it is done with an exchange.
func (h *H3Conn) let(x *port.Exchange) {
	if e := h.c.s.e; x.Ends.Done() && !x.CancelOrder.Kept {
		e.afterMail(func() { e.exchanges.put(port.NewExchangeIn(x), e.stage != nil) })
	}
}

// tell wakes a call that waits for a credit.
func (h *H3Conn) tell(w *waiter, x *port.Exchange) {
	if hand := h.c.s.e.hand(); hand != nil {
		hand(w, func() { w.give(x) })
		return
	}
	w.give(x)
}

// Open sends the exchange's OpenOrder.
func (h *H3Conn) Open(x *port.Exchange) {
	if h.c.s.e.stage == nil {
		h.bring(x, &x.OpenOrder, false)
		return
	}
	h.order(x, "open", turnOpen, &x.OpenOrder, false)
}

// Send sends the exchange's SendOrder.
func (h *H3Conn) Send(x *port.Exchange) {
	if h.c.s.e.stage == nil {
		h.bring(x, &x.SendOrder, x.SendOrder.HandlerDone)
		return
	}
	h.order(x, "send", turnSend, &x.SendOrder, x.SendOrder.HandlerDone)
}

// Taken sends the exchange's TakenOrder.
func (h *H3Conn) Taken(x *port.Exchange) { h.order(x, "taken", turnTaken, &x.TakenOrder, false) }

// Cancel sends the exchange's CancelOrder.
func (h *H3Conn) Cancel(x *port.Exchange) {
	x.CancelOrder.Kept = true // h3 may be done with it when the order arrives
	h.order(x, "cancel", turnCancel, &x.CancelOrder, x.CancelOrder.HandlerDone)
}

// order brings a message of the app to h3; over says that no app task waits for the exchange any more. On a stage it has a turn.
//
//go:noinline
func (h *H3Conn) order(x *port.Exchange, kind string, turn int, m port.ToH3, over bool) {
	if h.c.s.e.stage == nil {
		h.bring(x, m, over)
		return
	}
	h.c.s.e.stage.Order(*x.Name, kind, turn, func() { h.bring(x, m, over) })
}

func (h *H3Conn) bring(x *port.Exchange, m port.ToH3, over bool) {
	if over {
		h.forget(x)
	}
	// A request with a body has more to say at once.
	if o, opens := m.(*port.Open); (over || opens && o.Fin) && h.c.borrow() {
		h.lent(m)
		return
	}
	h.c.app.toUpper.Send(m)
}

// lent brings m to a lane that this goroutine runs.
func (h *H3Conn) lent(m port.ToH3) {
	defer h.c.payBack()
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

// SilentFor is how long nothing has come from the peer.
func (h *H3Conn) SilentFor() time.Duration {
	return h.c.s.e.world.Now().Sub(mono.Time(h.c.heard.Load()))
}

// RemoteAddr is the peer's address.
func (h *H3Conn) RemoteAddr() netip.AddrPort { return h.c.remote }

// RemoteName is RemoteAddr as text, made once.
func (h *H3Conn) RemoteName() string { return h.remote }

// LocalAddr is the socket's address; its IP is unspecified for a server that listens on all, and for Options.OneSocket.
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
func (h *H3Conn) Context() context.Context { return h.c.contexts.forApp(h.c.s.e.world.Context()) }

// enter notes that an app task may wait for x. It reports false if the connection is dead.
func (h *H3Conn) enter(x *port.Exchange) bool {
	h.mu.Lock()
	alive := h.dead == nil
	if alive {
		h.open.add(x)
	}
	h.mu.Unlock()
	return alive
}

func (h *H3Conn) forget(x *port.Exchange) {
	h.mu.Lock()
	h.remove(x)
	h.mu.Unlock()
}

// remove takes x off the list of those that are open, if it is there. The caller holds the lock.
func (h *H3Conn) remove(x *port.Exchange) {
	if h.dead == nil {
		h.open.remove(x)
	}
}

// exchangeList is exchanges in the order in which they came.
type exchangeList struct{ first, last *port.Exchange }

func (l *exchangeList) add(x *port.Exchange) {
	if x.Before = l.last; l.last == nil {
		l.first = x
	} else {
		l.last.After = x
	}
	l.last = x
}

// remove takes x off the list, if it is there.
func (l *exchangeList) remove(x *port.Exchange) {
	if x.Before == nil && l.first != x {
		return
	}
	if x.Before == nil {
		l.first = x.After
	} else {
		x.Before.After = x.After
	}
	if x.After == nil {
		l.last = x.Before
	} else {
		x.After.Before = x.Before
	}
	x.Before, x.After = nil, nil
}

// gone is called when every room has left. h3 has answered every exchange that it knew, unless it panicked; an Open that
// came too late for it is answered here. An exchange that has had its last words gets them twice: nobody reads on.
func (h *H3Conn) gone(cause *port.Cause) {
	h.half.set()
	h.refused.Store(true)
	h.mu.Lock()
	defer h.mu.Unlock() // an exchange that is released meanwhile waits: it may serve again
	h.dead = cause
	waiting := h.waiting
	h.waiting = nil
	for _, w := range waiting {
		h.tell(w, nil)
	}
	if tell := h.dialled; tell != nil && h.State() == nil {
		h.c.s.e.stage.Hand(h, func() { tell(nil, cause) })
	}
	if h.open.first == nil {
		return
	}
	failure := &port.StreamError{Err: cause}
	if cause.Why != port.Panicked {
		failure.Unprocessed, failure.Err = true, fmt.Errorf("%w: %w", port.ErrGone, cause)
	}
	for x := h.open.first; x != nil; x = h.open.first {
		h.open.remove(x)
		x.Reads.Offer(&port.Delivery{Last: true, Err: failure})
		x.Writes.Offer(&port.Sent{Last: true, Err: failure})
	}
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
		name := identity
		x.Name = &name
	}
	world.Go(identity, h.handler(h, x))
}

// Exchange makes the exchange of a request of the peer.
func (t *h3Tasks) Exchange() *port.Exchange { return (*H3Conn)(t).newExchange() }

// Over takes h3's word that it is done with an exchange.
func (t *h3Tasks) Over(x *port.Exchange) { (*H3Conn)(t).let(x) }

// Ready lets requests flow.
func (t *h3Tasks) Ready(m *port.Connected) {
	h := (*H3Conn)(t)
	h.state = m.State
	h.c.contexts.settle()
	h.half.set()
	close(h.ready)
	h.c.s.e.stir()
	if tell := h.dialled; tell != nil {
		h.c.s.e.stage.Hand(h, func() { tell(h, nil) })
	}
	if l := h.half.l; l != nil && l.stopping.Load() {
		h.goodbye() // it was born while the listener stopped
	}
}

// Refuse marks the connection as one that takes no new requests.
func (t *h3Tasks) Refuse(*port.Cause) { t.refused.Store(true) }
