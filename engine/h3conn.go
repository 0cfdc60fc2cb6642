package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strconv"
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

	admission
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

// Open sends the exchange's OpenOrder.
func (h *H3Conn) Open(x *port.Exchange) { h.bring(x, turnOpen, &x.OpenOrder, false) }

// Send sends the exchange's SendOrder, which port.NewSendIn returns. It does not wait, and nobody checks that the last one was
// answered: see the package's rules for HTTP/3.
func (h *H3Conn) Send(x *port.Exchange) {
	h.bring(x, turnSend, x.SendOrder, x.SendOrder.HandlerDone)
}

// Taken sends the exchange's TakenOrder.
func (h *H3Conn) Taken(x *port.Exchange) { h.bring(x, turnTaken, &x.TakenOrder, false) }

// Cancel sends the exchange's CancelOrder.
func (h *H3Conn) Cancel(x *port.Exchange) {
	x.CancelOrder.Kept = true // h3 may be done with it when the order arrives
	h.bring(x, turnCancel, &x.CancelOrder, x.CancelOrder.HandlerDone)
}

// bring brings a message of the app to h3; over says that no app task waits for the exchange any more. On a stage it comes again
// when it has its turn: a function between would be one frame more on the stack of a caller who waits.
func (h *H3Conn) bring(x *port.Exchange, turn int, m port.ToH3, over bool) {
	if turn != turnNow && h.c.s.e.stage != nil {
		h.later(x, turn, m, over)
		return
	}
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

func (h *H3Conn) later(x *port.Exchange, turn int, m port.ToH3, over bool) {
	h.c.s.e.inTurn(*x.Name, turn, func() { h.bring(x, turnNow, m, over) })
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
	run := h.handler(h, x)
	if run == nil {
		panic("engine: the H3Handler returned nil: return a func that answers")
	}
	world.Go(identity, run)
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
