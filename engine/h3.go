package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// H3Config shapes HTTP/3 connections. What each zero field means stands there.
type H3Config struct {
	// TLS is cloned. MinVersion and, if it is empty, NextProtos are set. A client needs ServerName or
	// InsecureSkipVerify, a server a certificate.
	TLS *tls.Config
	// Streams bounds the streams alive on a connection, critical ones included; 0 means 256, and less than 64 means 64.
	Streams int
	// IdleTimeout ends a connection on which nothing happens; it is advertised. 0 means 30 s. A stream that has not ended keeps
	// it alive.
	IdleTimeout time.Duration
	// HandshakeTimeout bounds the time from birth to a complete handshake; 0 means 10 s.
	HandshakeTimeout time.Duration
	// MaxFieldSection bounds the decoded size in bytes of a field section that is accepted; 0 means 64 KiB. It is advertised. A
	// request beyond is answered with 431 and comes to no H3Handler; a response beyond is a *StreamError over a *port.FieldsTooLarge.
	MaxFieldSection int
	// ReadHeaderTimeout is how long a server waits for a request's head; 0 means for ever.
	ReadHeaderTimeout time.Duration
	// MaxConns bounds a listener's connections; 0 means 10 000. Clients beyond it get a *Cause with Why port.Theirs and
	// Code 0x2, CONNECTION_REFUSED; its Why is not port.Refused.
	MaxConns int
	// Logger gets a debug line (slog.LevelDebug) an event, one a packet among them; nil means none. A handshake that failed is a
	// line "closed" with its cause. Each line has the role, the connection's original destination ID, and the peer's address as remote.
	Logger *slog.Logger
	// QlogDir is where each connection leaves a qlog file; empty means none. It is ID_client.sqlog or ID_server.sqlog, where ID is
	// the connection's original destination ID, the same at both ends; a second one of that ID has its time too,
	// ID_server_20060102T150405.000000000.sqlog. The directory must exist; otherwise Options.Logger is told and the connection goes on.
	QlogDir string
}

// leastStreams is what a connection needs besides its requests' streams: see actors/conn.
const leastStreams = 64

// limits are the defaults with the configuration's changes.
func (c *H3Config) limits() port.Limits {
	l := defaultLimits
	if c.Streams > 0 {
		l.Streams = max(c.Streams, leastStreams)
	}
	if c.IdleTimeout > 0 {
		l.IdleTimeout = c.IdleTimeout
	}
	if c.HandshakeTimeout > 0 {
		l.Handshake = c.HandshakeTimeout
	}
	if c.MaxFieldSection > 0 {
		l.FieldSection = c.MaxFieldSection
	}
	return l
}

// limits are those with the engine's changes. Connections that have the same share them.
func (e *Engine) limits(c *H3Config) *port.Limits {
	l := c.limits()
	if e.tune != nil {
		e.tune(&l)
	}
	if last := e.lastLimits.Load(); last != nil && *last == l {
		return last
	}
	e.lastLimits.Store(&l)
	return &l
}

func (c *H3Config) maxConns() int {
	if c.MaxConns > 0 {
		return c.MaxConns
	}
	return connections
}

// DialH3 connects to addr and waits until requests may flow: at most HandshakeTimeout, and no longer than ctx. Errors
// are *Cause.
func (e *Engine) DialH3(ctx context.Context, addr netip.AddrPort, cfg H3Config) (*H3Conn, error) {
	h, b := e.dialling(&cfg)
	c, err := e.dial(ctx, addr, b)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, h.ready); err != nil {
		return nil, err
	}
	return h, nil
}

// dialling describes a client's connection.
func (e *Engine) dialling(cfg *H3Config) (*H3Conn, birth) {
	limits := e.limits(cfg)
	h := newH3Conn(limits, nil, nil)
	return h, birth{
		tls: e.tlsConfig(cfg.TLS, "h3"), limits: limits, params: transport(limits, 0), trace: e.tracer(cfg.Logger, cfg.QlogDir),
		places: h3Places(limits), bind: h.bind(cfg), gone: h.gone,
	}
}

// H3Listener accepts HTTP/3 connections on one socket.
type H3Listener struct{ l *listener }

// H3Handler makes what answers a request, whose head waits in the exchange. It is called on the connection's own goroutine, which does
// nothing else meanwhile: it must not wait, and its panic ends the connection. What it returns, which must not be nil, runs on a
// goroutine of its own, where a panic is not recovered; its last word must be Send or Cancel with HandlerDone, and then H3Conn.Handled: behind that nobody may use
// the exchange any more.
//
//	func(h *engine.H3Conn, x *port.Exchange) func() {
//		return func() {
//			answer(h, x) // may wait
//			h.Handled(x)
//		}
//	}
type H3Handler func(*H3Conn, *port.Exchange) func()

// ListenH3 opens a socket on addr, as in net.ListenPacket, and serves HTTP/3 on it. handle is called once a request.
func (e *Engine) ListenH3(addr string, cfg H3Config, handle H3Handler) (*H3Listener, error) {
	return e.serveH3(func() (Socket, error) { return e.world.Listen(addr) }, cfg, handle)
}

// ServeH3 is ListenH3 on the caller's socket, which the listener closes. A nil pc is an error.
func (e *Engine) ServeH3(pc net.PacketConn, cfg H3Config, handle H3Handler) (*H3Listener, error) {
	if pc == nil {
		return nil, errors.New("engine: ServeH3 was given no socket (nil): the net.ListenPacket before it failed? ListenH3 listens on an address")
	}
	return e.serveH3(func() (Socket, error) { return e.world.Wrap(pc) }, cfg, handle)
}

func (e *Engine) serveH3(open func() (Socket, error), cfg H3Config, handle H3Handler) (*H3Listener, error) {
	l, err := e.listen(open, e.serving(&cfg, handle))
	if err != nil {
		return nil, err
	}
	return &H3Listener{l}, nil
}

// serving describes a listener.
func (e *Engine) serving(cfg *H3Config, handle H3Handler) listening {
	limits := e.limits(cfg)
	config := e.tlsConfig(cfg.TLS, "h3")
	trace := e.tracer(cfg.Logger, cfg.QlogDir)
	return listening{
		maxConns: cfg.maxConns(), limits: limits, code: wire.ErrorCode(h3wire.CodeNoError), app: true,
		spawn: func(l *listener, first crypto.FirstInitial, path port.Path) *connection {
			h := newH3Conn(limits, l, handle)
			b := l.born(first, path)
			b.tls, b.limits, b.params, b.trace = config, limits, transport(limits, limits.Streams), trace
			b.places, b.bind, b.gone = h3Places(limits), h.bind(cfg), h.gone
			return newConnection(l.s, b)
		},
	}
}

// Addr is the bound address.
func (l *H3Listener) Addr() netip.AddrPort { return l.l.addr() }

// Shutdown refuses new connections, says GOAWAY on the others, and waits until the last request has ended and every
// connection has gone. If ctx ends before, it returns ctx's error and the rest goes on: call Close then.
func (l *H3Listener) Shutdown(ctx context.Context) error {
	l.l.stop()
	for _, c := range l.l.s.e.of(l.l.s) {
		if h, ok := c.handle.(*H3Conn); ok {
			h.Goodbye()
		}
	}
	return l.l.drained(ctx)
}

// Close closes every connection at once with H3_NO_ERROR and waits until every room has left. Handlers see their
// contexts end; they are not waited for.
func (l *H3Listener) Close() error {
	l.l.close()
	return nil
}
