package engine

import (
	"net/netip"
	"strconv"

	"quicpro/actors/port"
	"quicpro/wire"
)

// beginShared starts a client's connection on the socket that all of them share: see Options.OneSocket.
func (e *Engine) beginShared(remote netip.AddrPort, b birth) (*connection, error) {
	b.role, b.remote, b.path = wire.Client, remote, port.Path{Remote: remote} // the first datagram tells the local address
	c, err := e.newShared(b)
	if err != nil {
		return nil, err
	}
	if failed := c.s.failed.Load(); failed != nil { // meanwhile: who stopped the connections may not have known this one
		c.stopRooms(&port.Cause{Why: port.Abandoned, Reason: "the socket failed", Err: *failed})
	}
	c.start()
	return c, nil
}

// newShared makes the connection. What it calls may panic, and others want the lock.
func (e *Engine) newShared(b birth) (*connection, error) {
	e.births.Lock()
	defer e.births.Unlock()
	s, err := e.sharedSocket(b.limits)
	if err != nil {
		return nil, err
	}
	return newConnection(s, b), nil
}

// sharedSocket returns the socket of the next connection, opened if there is none that can take it. The caller holds the
// lock until the connection counts: then neither unshare nor Close misses it.
func (e *Engine) sharedSocket(l *port.Limits) (*socket, error) {
	if s := e.shared; s != nil && s.failed.Load() == nil && s.alive.Load() < connections && !e.isClosed() {
		return s, nil
	}
	link, err := e.world.Listen(":0")
	if err != nil {
		return nil, noSocket(err)
	}
	s := newSocket(e, "clients "+strconv.FormatInt(e.dials.Add(1), 10), link, socketRooms{connections: connections, limits: l})
	newEndpoint(s, accept{maxConns: connections, changed: func() { e.unshare(s) }})
	if err := e.enter(s); err != nil {
		s.close()
		s.unread()
		return nil, err
	}
	e.shared = s
	e.world.Loop(s.name+"/reader", s.read)
	return s, nil
}

// unshare closes a shared socket once its last connection has gone. Without it nothing that arrives late is answered: RFC
// 9000 s10.2 lets us end the closing state early.
func (e *Engine) unshare(s *socket) {
	e.births.Lock()
	last := s.alive.Load() == 0
	if last && e.shared == s {
		e.shared = nil
	}
	e.births.Unlock()
	if last {
		s.close()
	}
}
