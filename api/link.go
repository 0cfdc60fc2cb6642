package api

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/actor"
)

// exchanger is one HTTP/3 connection as the facade uses it: *engine.H3Conn, or the fake of a test that scripts the peer.
type exchanger interface {
	// Exchange waits for one of the connection's request credits.
	Exchange(ctx context.Context) (*port.Exchange, error)
	// Release gives a credit back, after both last answers have come.
	Release(*port.Exchange)
	// Handled is the end of a request of the peer, after the last word.
	Handled(*port.Exchange)

	Open(*port.Exchange)
	Send(*port.Exchange)
	Taken(*port.Exchange)
	Cancel(*port.Exchange)

	Chunks() *actor.Chunks
	State() *tls.ConnectionState
	RemoteAddr() netip.AddrPort
	RemoteName() string // the same, as text
	LocalAddr() netip.AddrPort

	Usable() bool             // it takes new requests
	SilentFor() time.Duration // nothing has come from the peer
	Done() <-chan struct{}    // closed when it has died
	Cause() *port.Cause       // why, once it has
	Goodbye()                 // no new requests; it closes when the running ones have ended
	Close(code uint64, reason string)
	Context() context.Context // cancelled when it dies
}

var _ exchanger = (*engine.H3Conn)(nil)

// connect makes an HTTP/3 connection to addr for the server called host.
func (t *Transport) connect(ctx context.Context, addr netip.AddrPort, host string) (exchanger, error) {
	if t.dial != nil {
		return t.dial(ctx, addr, host)
	}
	config := t.TLSClientConfig.Clone() // nil stays nil
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = nil // h3 alone, see checkProtocols
	wait := t.DialTimeout
	if wait <= 0 {
		wait = defaultDialTimeout
	}
	wait += time.Second // the context, which says more, is to end first
	conn, err := t.engine().DialH3(ctx, addr, engine.H3Config{
		TLS: config, IdleTimeout: t.IdleTimeout, HandshakeTimeout: wait, MaxFieldSection: t.MaxResponseHeaderBytes,
		Logger: t.Logger, QlogDir: t.QlogDir,
	})
	if err != nil {
		return nil, err // not conn: a nil pointer in an interface is not nil
	}
	return conn, nil
}

// engine is where the connections live.
func (t *Transport) engine() *engine.Engine {
	if t.Engine == nil {
		return engine.Default()
	}
	return t.Engine
}

// listen serves HTTP/3 on pc, or, without one, on addr.
func (s *Server) listen(pc net.PacketConn, addr string, config *tls.Config) (*engine.H3Listener, error) {
	config = config.Clone()
	config.NextProtos = nil // h3 alone, see checkProtocols
	c := engine.H3Config{
		TLS: config, IdleTimeout: s.IdleTimeout, ReadHeaderTimeout: s.readHeaderTimeout(), MaxFieldSection: s.MaxHeaderBytes,
		MaxConns: s.MaxConns, Logger: s.Logger, QlogDir: s.QlogDir,
	}
	handle := func(conn *engine.H3Conn, x *port.Exchange) func() { return s.task(conn, x) }
	if pc == nil {
		return s.engine().ListenH3(addr, c, handle)
	}
	return s.engine().ServeH3(pc, c, handle)
}

// engine is where the connections live.
func (s *Server) engine() *engine.Engine {
	if s.Engine == nil {
		return engine.Default()
	}
	return s.Engine
}
