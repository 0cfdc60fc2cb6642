package engine

import (
	"net/netip"

	"quicpro/actors/port"
	"quicpro/wire"
)

// What an app that is a script on a Stage does instead of waiting. A script has no goroutine: the stage's executor calls
// it, and what it asked for comes as another call, in a step of its own. On another World these methods panic.

// StartH3 is DialH3 without waiting. Its dial counts as an order of the identity. ready is called once: with the connection
// when requests may flow, or with the error of a dial that failed.
func (e *Engine) StartH3(identity string, addr netip.AddrPort, cfg H3Config, ready func(*H3Conn, error)) {
	e.scripted("StartH3")
	h, b := e.dialling(&cfg)
	h.dialled = ready
	e.stage.Post(identity, "dial", func() {
		if _, err := e.begin(addr, b); err != nil {
			ready(nil, err)
		}
	})
}

// StartListenH3 is ListenH3 without waiting: ready is called once, when the socket is open or cannot be opened. handle is
// called on the executor, and must return before its request is over.
func (e *Engine) StartListenH3(identity, addr string, cfg H3Config, handle func(*H3Conn, *port.Exchange), ready func(*H3Listener, error)) {
	e.scripted("StartListenH3")
	o := e.serving(&cfg, func(h *H3Conn, x *port.Exchange) func() {
		return func() {
			x.CancelOrder.Kept = true // the script listens on when handle has returned
			handle(h, x)
			h.Handled(x)
		}
	})
	e.stage.Post(identity, "listen", func() {
		link, err := e.world.Listen(addr)
		if err != nil {
			ready(nil, err)
			return
		}
		l, err := e.serve(link, o)
		if err != nil {
			ready(nil, err)
			return
		}
		ready(&H3Listener{l}, nil)
	})
}

// Admit is Exchange without waiting: got is called with the exchange when there is a credit for it, or with nil if the
// connection has died; Cause says of what.
func (h *H3Conn) Admit(identity string, got func(*port.Exchange)) {
	e := h.c.s.e
	e.scripted("Admit")
	w := &waiter{identity: identity, call: got}
	e.stage.Post(identity, "exchange", func() {
		if x, ok := h.admit(w); ok {
			got(x)
		}
	})
}

// StartClose is Close without waiting: when Outstanding is zero, every room has left.
func (e *Engine) StartClose(identity string) {
	e.scripted("StartClose")
	e.stage.Post(identity, "close", func() {
		e.mu.Lock()
		e.closed = true
		sockets := append([]*socket(nil), e.sockets.list...)
		e.mu.Unlock()
		for _, s := range sockets {
			s.falling.Store(true)
			for _, c := range e.of(s) {
				c.close(false, uint64(wire.NoError), "")
			}
			s.fallen()
		}
	})
}

// fallen closes a falling socket if its last connection has gone.
func (s *socket) fallen() {
	if s.falling.Load() && len(s.e.of(s)) == 0 {
		s.close()
	}
}

func (e *Engine) scripted(what string) {
	if e.stage == nil {
		panic("engine: " + what + " is for scripts on a Stage: this engine's World is none")
	}
}
