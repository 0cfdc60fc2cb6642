package engine

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// listener is a server's socket: what H3Listener and Listener share.
type listener struct {
	s    *socket
	half actor.Count // connections in their handshake

	stopping atomic.Bool
	once     sync.Once
	idle     chan struct{} // stopping, and the last connection has gone
	code     wire.ErrorCode
	app      bool
}

// listening says what a listener is for.
type listening struct {
	maxConns int
	limits   *port.Limits
	code     wire.ErrorCode // what connections are closed with
	app      bool           // the code is the application's
	// spawn makes the connection of an authenticated first Initial.
	spawn func(l *listener, first crypto.FirstInitial, path port.Path) *connection
}

// listen makes a listener of the socket that open opens.
func (e *Engine) listen(open func() (Socket, error), o listening) (l *listener, err error) {
	e.call("", "listen", func() {
		var link Socket
		if link, err = open(); err == nil {
			l, err = e.serve(link, o)
		}
	})
	return l, err
}

// serve makes a listener of an open socket, which it closes if it fails.
func (e *Engine) serve(link Socket, o listening) (*listener, error) {
	l := &listener{idle: make(chan struct{}), code: o.code, app: o.app}
	l.s = newSocket(e, "server "+link.LocalAddr().String(), link, socketRooms{connections: o.maxConns, limits: o.limits})
	newEndpoint(l.s, accept{
		maxConns: o.maxConns,
		half:     &l.half,
		spawn: func(first crypto.FirstInitial, path port.Path) *connection {
			l.half.Add(1)
			return o.spawn(l, first, path)
		},
		changed: l.look,
		stopped: func() bool { return l.stopping.Load() || e.isClosed() },
	})
	if err := e.enter(l.s); err != nil {
		l.s.close()
		l.s.unread()
		return nil, err
	}
	e.world.Loop(l.s.name+"/reader", l.s.read)
	return l, nil
}

// look finds out whether the last connection of a stopping listener has gone.
func (l *listener) look() {
	if l.stopping.Load() && l.s.alive.Load() == 0 {
		l.once.Do(func() {
			close(l.idle)
			l.s.e.stir()
		})
	}
}

// addr is the bound address.
func (l *listener) addr() netip.AddrPort { return l.s.local }

// stop refuses new connections from now on.
func (l *listener) stop() {
	l.stopping.Store(true)
	l.s.e.births.Lock() // a connection that is being made counts then
	l.s.e.births.Unlock()
	l.look()
}

// drained waits until the last connection has gone, then closes the socket.
func (l *listener) drained(ctx context.Context) error {
	select {
	case <-l.idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.s.e.call(l.s.name, "close", l.s.close)
	<-l.s.empty
	return nil
}

// close closes every connection at once and waits until every room has left.
func (l *listener) close() {
	l.stop()
	l.s.shut(l.code, l.app)
}

// born describes a server's connection.
func (l *listener) born(first crypto.FirstInitial, path port.Path) birth {
	return birth{role: wire.Server, remote: path.Remote, path: path, original: first.Dest, source: first.Source, keys: first.Keys}
}

// halfDone counts a connection whose handshake is over, once, whichever way it went.
type halfDone struct {
	l    *listener
	done atomic.Bool
}

func (h *halfDone) set() {
	if h.l != nil && !h.done.Swap(true) {
		h.l.half.Add(-1)
	}
}

// dial opens a socket for one client connection, and starts it.
func (e *Engine) dial(ctx context.Context, remote netip.AddrPort, b birth) (c *connection, err error) {
	e.call(IdentityOf(ctx), "dial", func() { c, err = e.begin(remote, b) })
	return c, err
}

func (e *Engine) begin(remote netip.AddrPort, b birth) (*connection, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if e.oneSocket && remote.Addr().Zone() == "" { // the kernel may have another name for the zone, and connections go by it
		return e.beginShared(remote, b)
	}
	link, err := e.world.Dial(remote)
	if err != nil {
		return nil, noSocket(err)
	}
	name := "client " + strconv.FormatInt(e.dials.Add(1), 10)
	s := newSocket(e, name, link, socketRooms{connections: 1, limits: b.limits})
	e.births.Lock() // Close waits until the connection is on the list: it would close the socket and not know of it
	defer e.births.Unlock()
	if err := e.enter(s); err != nil {
		s.close()
		s.unread()
		return nil, err
	}
	b.role, b.remote, b.path = wire.Client, remote, port.Path{Remote: remote, Local: link.LocalAddr()}
	s.only = newConnection(s, b)
	e.world.Loop(name+"/reader", s.read)
	s.only.start()
	return s.only, nil
}

func noSocket(err error) error {
	return &port.Cause{Why: port.Abandoned, Reason: "no socket", Err: err}
}

// await waits until a dialled connection is ready, has died, or ctx ends; then the connection is closed.
func (c *connection) await(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-c.done:
		return c.cause.Load()
	case <-ctx.Done():
	}
	select {
	case <-ready:
		return nil
	default:
	}
	c.s.e.call(c.name, "close", func() { c.close(false, uint64(wire.NoError), "") })
	why := port.Abandoned
	if ctx.Err() == context.DeadlineExceeded {
		why = port.TimedOut
	}
	return &port.Cause{Why: why, Err: context.Cause(ctx)}
}
