package engine

import (
	"context"
	"slices"
	"sync"

	"quicpro/actors/port"
)

// admission is a connection's exchanges: the credits for ours, the calls that wait for one, and those that are open.
type admission struct {
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

// Release gives an exchange's credit back, after its last Delivery and its last Sent. Nothing may be sent for it then.
func (h *H3Conn) Release(x *port.Exchange) {
	if h.c.s.e.stage != nil {
		h.c.s.e.inTurn(*x.Name, turnRelease, func() { h.release(x) })
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

// Handled is the end of what an H3Handler made, once: it uses the exchange no more, whose memory may serve another request. One that
// is not said costs that memory, and nothing else.
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

// let is one end's word that it is done with an exchange, which serves again when the app tasks have what the rooms have sent them.
func (h *H3Conn) let(x *port.Exchange) {
	e := h.c.s.e
	if !x.Ends.Done() || x.CancelOrder.Kept {
		return
	}
	if e.stage == nil {
		e.exchanges.put(port.NewExchangeIn(x), false)
		return
	}
	e.afterMail(func() { e.exchanges.put(port.NewExchangeIn(x), true) })
}

// tell wakes a call that waits for a credit.
func (h *H3Conn) tell(w *waiter, x *port.Exchange) {
	if hand := h.c.s.e.hand(); hand != nil {
		hand(w, func() { w.give(x) })
		return
	}
	w.give(x)
}

// credited takes a credit for x, if there is one. Nothing is allocated under the lock: a holder that had to help the collector would
// make a crowd of callers queue, and each of them would be put to sleep.
func (a *admission) credited(x *port.Exchange) bool {
	a.mu.Lock()
	ok := a.dead == nil && a.credits > 0
	if ok {
		a.credits--
		a.open.add(x)
	}
	a.mu.Unlock()
	return ok
}

// withdraw takes w off the queue, if it is still there.
func (a *admission) withdraw(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.waiting, w); i >= 0 {
		a.waiting = slices.Delete(a.waiting, i, i+1)
	}
}

// enter notes that an app task may wait for x. It reports false if the connection is dead.
func (a *admission) enter(x *port.Exchange) bool {
	a.mu.Lock()
	alive := a.dead == nil
	if alive {
		a.open.add(x)
	}
	a.mu.Unlock()
	return alive
}

func (a *admission) forget(x *port.Exchange) {
	a.mu.Lock()
	a.remove(x)
	a.mu.Unlock()
}

// remove takes x off the list of those that are open, if it is there. The caller holds the lock.
func (a *admission) remove(x *port.Exchange) {
	if a.dead == nil {
		a.open.remove(x)
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
