package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// Cause is why a connection died: Why, with App (Code is the application's), Code, Reason, and Err, which lies beneath.
// `go doc quicpro/actors/port Cause` has it whole. Theirs with App and Code, for example, is the peer's CloseConn.
type Cause = port.Cause

// Why a connection died: Cause.Why.
const (
	Ours      = port.Ours      // we closed it
	Theirs    = port.Theirs    // the peer closed it
	Idle      = port.Idle      // nothing happened for the idle timeout
	Reset     = port.Reset     // the peer has lost its state
	Refused   = port.Refused   // nobody listens
	NoVersion = port.NoVersion // no common version
	TimedOut  = port.TimedOut  // the handshake, or the dialer's context, took too long
	Panicked  = port.Panicked  // a room of ours panicked
	Abandoned = port.Abandoned // the engine or the socket has gone
)

// StreamError is a stream that was ended by RESET_STREAM or STOP_SENDING, the peer's (Remote) or ours, with its code.
type StreamError = port.StreamError

// Config shapes QUIC connections for any application protocol. What each zero field means stands there.
type Config struct {
	// TLS is cloned. NextProtos names the application protocol and must not be empty, and a server needs a certificate;
	// either may come from GetConfigForClient. A client needs ServerName or InsecureSkipVerify. The version is TLS 1.3,
	// whatever MinVersion and MaxVersion say.
	TLS *tls.Config
	// Streams bounds the streams alive on a connection, both sides' together; 0 means 256, and less than 64 means 64.
	Streams int
	// PeerStreams is how many bidirectional streams the peer may have open at a time; 0 means half of what fits, negative
	// none. What it leaves is for ours.
	PeerStreams int
	// IdleTimeout ends a connection on which nothing happens; it is advertised. 0 means 30 s. A stream that has not ended keeps
	// it alive.
	IdleTimeout time.Duration
	// HandshakeTimeout bounds the time from birth to a complete handshake; 0 means 10 s.
	HandshakeTimeout time.Duration
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

func (c *Config) h3() *H3Config {
	return &H3Config{Streams: c.Streams, IdleTimeout: c.IdleTimeout, HandshakeTimeout: c.HandshakeTimeout, MaxConns: c.MaxConns}
}

// check finds at once what would fail every handshake.
func (c *Config) check(role wire.Role) error {
	t := c.TLS
	if t == nil {
		return errors.New("engine: Config.TLS is nil: set NextProtos to the application protocol's name, and a client's ServerName, or a server's Certificates")
	}
	if role == wire.Server && t.GetConfigForClient != nil {
		return nil
	}
	if len(t.NextProtos) == 0 {
		return errors.New("engine: Config.TLS.NextProtos is empty: set it to the application protocol's name")
	}
	if role == wire.Client && t.ServerName == "" && !t.InsecureSkipVerify {
		return errors.New("engine: Config.TLS.ServerName is empty: set it to the name in the server's certificate, or set InsecureSkipVerify")
	}
	if role == wire.Server && len(t.Certificates) == 0 && t.GetCertificate == nil {
		return errors.New("engine: Config.TLS has no certificate: set Certificates or GetCertificate")
	}
	return nil
}

// peerStreams is how many bidirectional streams the peer may open.
func (c *Config) peerStreams(l *port.Limits) int {
	fit := l.Streams - 2*l.UniStreams
	switch {
	case c.PeerStreams < 0:
		return 0
	case c.PeerStreams == 0:
		return fit / 2
	}
	return min(c.PeerStreams, fit)
}

// Command is an order to a connection: OpenStream or CloseConn.
type Command interface{ command() }

// OpenStream asks for a new stream of ours. Opened answers as soon as the peer permits the stream, in the order of the
// orders; but one that waits for the peer's permission lets those of the other kind pass. So the n-th Opened with
// Stream.ID.IsUni() answers the n-th OpenStream with Uni, always, and the n-th other one the n-th without. While 16 wait,
// Commands blocks, for CloseConn too: nothing but the peer, the idle timeout, Listener.Close or Engine.Close ends the
// connection then. Keep at most 15 OpenStreams unanswered.
type OpenStream struct {
	Uni bool // unidirectional: we send only
}

// CloseConn closes the connection with an application error code, at once: bytes not yet acknowledged may be lost, even
// after a WriteEnded without an error. Let the peer confirm first, by a FIN or an answer. ConnClosed is the last event.
type CloseConn struct {
	Code   uint64 // below 2^62 (RFC 9000 s19.19); a larger one is sent, and reported, as 2^62-1
	Reason string
}

func (OpenStream) command() {}
func (CloseConn) command()  {}

// Event is what happens on a connection: Opened, Accepted or ConnClosed.
type Event interface{ event() }

// Opened answers an OpenStream.
type Opened struct{ Stream *Stream }

// Accepted brings a stream that the peer opened.
type Accepted struct{ Stream *Stream }

// ConnClosed is the last event of a connection; its channel is closed behind it.
type ConnClosed struct{ Cause *Cause }

func (Opened) event()     {}
func (Accepted) event()   {}
func (ConnClosed) event() {}

// Conn is one connection, as an embedder's channels. See the contract in the package documentation.
type Conn struct {
	c        *connection
	role     wire.Role
	half     halfDone
	ready    chan struct{}
	announce func(*Conn) // a server's
	state    *tls.ConnectionState

	commands chan Command
	events   chan Event
	born     actor.Mailbox[*port.Exchange]
}

// Commands takes orders. It is never closed by the engine; after ConnClosed nobody receives.
func (c *Conn) Commands() chan<- Command { return c.commands }

// Events brings what happens, until it is closed.
func (c *Conn) Events() <-chan Event { return c.events }

// Done is closed when the connection is dead and every room has left.
func (c *Conn) Done() <-chan struct{} { return c.c.done }

// State is the TLS connection's state. It must not be changed.
func (c *Conn) State() *tls.ConnectionState { return c.state }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.c.remote }

// perStream is how many messages an embedder may have on the way to the raw room for one stream: Open, Send, Taken and a
// Cancel each way, and the Cancels of the stream before it.
const perStream = 7

func newConn(role wire.Role) *Conn {
	return &Conn{role: role, ready: make(chan struct{}), commands: make(chan Command), events: make(chan Event)}
}

// birth describes the connection to the wiring.
func (c *Conn) birth(b *birth, l *port.Limits) {
	b.limits, b.places, b.gone = l, perStream*l.Streams, func(*port.Cause) { c.half.set() }
	b.bind = func(inner *connection, p upperParts) upper {
		c.c, inner.handle = inner, c
		c.born.Init(2*l.Streams, inner.s.e.hand(), c)
		return &raw{
			role: c.role, room: l.UnsentBytes, streams: &inner.streams, toConn: p.toConn, hand: inner.s.e.hand(),
			ready: c.connected, born: c.born.Send,
		}
	}
}

// connected lets the embedder have the connection.
func (c *Conn) connected(m *port.Connected) {
	c.state = m.State
	c.c.contexts.settle()
	c.half.set()
	c.c.s.e.world.Go(c.c.name+"/embedder", c.run)
	close(c.ready)
	c.c.s.e.stir()
	if c.announce != nil {
		c.announce(c)
	}
}

// Dial connects to addr, which is numeric (Engine.Resolve is for names), and waits for the handshake: at most
// HandshakeTimeout, and no longer than ctx, which counts for the dial only. Errors are a *Cause, or say, before anything is
// sent, what is wrong with cfg.
func (e *Engine) Dial(ctx context.Context, addr netip.AddrPort, cfg Config) (*Conn, error) {
	if err := cfg.check(wire.Client); err != nil {
		return nil, err
	}
	l := e.limits(cfg.h3())
	c := newConn(wire.Client)
	b := birth{tls: e.tlsConfig(cfg.TLS, ""), params: transport(l, cfg.peerStreams(l)), trace: e.tracer(cfg.Logger, cfg.QlogDir)}
	c.birth(&b, l)
	inner, err := e.dial(ctx, addr, b)
	if err != nil {
		return nil, err
	}
	if err := inner.await(ctx, c.ready); err != nil {
		e.world.Go(inner.name+"/undialled", func() {
			<-inner.done
			select {
			case <-c.ready: // it was, in the same moment
				c.discard()
			default:
			}
		})
		return nil, undialled(err, addr, b.tls.NextProtos)
	}
	return c, nil
}

// noProtocol is TLS's no_application_protocol (RFC 7301 s3.2).
const noProtocol = 120

// undialled adds to the end of a dial what the connection did not know or could not say: whom it called, and what it
// offered.
func undialled(err error, addr netip.AddrPort, offered []string) error {
	cause, ok := err.(*port.Cause)
	if !ok {
		return err
	}
	said := *cause // the connection's own is never changed
	closed := (cause.Why == Ours || cause.Why == Theirs) && !cause.App
	switch {
	case cause.Why == Refused:
		said.Reason = "nobody listens on " + addr.String()
	case closed && wire.ErrorCode(cause.Code) == wire.CryptoError(noProtocol):
		said.Err = fmt.Errorf("NextProtos offered %q", offered)
		if cause.Err != nil {
			said.Err = fmt.Errorf("%w; NextProtos offered %q", cause.Err, offered)
		}
	}
	return &said
}

// Listener accepts connections on one socket.
type Listener struct {
	l      *listener
	accept chan *Conn
}

// Listen opens a socket on addr, as in net.ListenPacket. Errors are the socket's, or say what is wrong with cfg.
func (e *Engine) Listen(addr string, cfg Config) (*Listener, error) {
	if err := cfg.check(wire.Server); err != nil {
		return nil, err
	}
	limits, h3 := e.limits(cfg.h3()), cfg.h3()
	config, trace := e.tlsConfig(cfg.TLS, ""), e.tracer(cfg.Logger, cfg.QlogDir)
	accept := make(chan *Conn, h3.maxConns())
	l, err := e.listen(func() (Socket, error) { return e.world.Listen(addr) }, listening{
		maxConns: h3.maxConns(), limits: limits, code: wire.NoError,
		spawn: func(l *listener, first crypto.FirstInitial, path port.Path) *connection {
			c := newConn(wire.Server)
			c.half.l = l
			c.announce = func(c *Conn) {
				select {
				case accept <- c:
				default: // the embedder takes none, and those that died wait there too
					c.c.close(false, uint64(wire.ConnectionRefused), "")
				}
			}
			b := l.born(first, path)
			b.tls, b.params, b.trace = config, transport(limits, cfg.peerStreams(limits)), trace
			c.birth(&b, limits)
			return newConnection(l.s, b)
		},
	})
	if err != nil {
		return nil, err
	}
	return &Listener{l: l, accept: accept}, nil
}

// Accept brings the connections whose handshake is complete. It is never closed: select on Done beside it. A connection
// may be dead before Accept brings it; its Events say so.
func (l *Listener) Accept() <-chan *Conn { return l.accept }

// Done is closed when no more connections come: the listener or its engine was closed, or the socket failed.
func (l *Listener) Done() <-chan struct{} { return l.l.s.done }

// Addr is the bound address.
func (l *Listener) Addr() netip.AddrPort { return l.l.addr() }

// Close closes every connection at once with NO_ERROR and waits until every room has left. Connections that wait in
// Accept are gone with it. There is no draining: an application that wants it tells its peers by its own protocol, closes
// by CloseConn what Accept still brings, and calls Close when the others have ended.
func (l *Listener) Close() error {
	l.l.close()
	for {
		select {
		case c := <-l.accept:
			c.discard()
		default:
			return nil
		}
	}
}
