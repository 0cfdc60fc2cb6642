package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/actor"
	"quicpro/wire/h3wire"
)

const (
	defaultDialTimeout     = 10 * time.Second
	defaultContinueTimeout = time.Second
	maxAttempts            = 3 // of one request on connections that went away

	// deadSilence is how long nothing at all, not even an acknowledgement, has come while a request timed out that makes its
	// connection doubtful. Its server may have crashed, or the path may be gone; the idle timeout would find out much later.
	deadSilence = 500 * time.Millisecond

	noError = uint64(h3wire.CodeNoError)
)

// Transport is an http.RoundTripper over HTTP/3. Its zero value is ready. It keeps one connection for each origin, which
// any number of goroutines share; fields must not be changed after the first request.
//
// A request is sent again by itself only where that is safe and its body can be had again (Request.GetBody, or none): the
// server has not acted on it; or, as in net/http, it is a GET, HEAD, OPTIONS or TRACE or has an Idempotency-Key, and a
// connection that had served before turned out to have lost its server (it said goodbye, or knows the connection no
// more) before any byte of the response. A connection that only went silent is an error that matches ErrTimeout. After
// one, if nothing at all has come for half a second, the next request dials anew.
type Transport struct {
	// TLSClientConfig is used for every connection, with TLS 1.3 whatever MinVersion and MaxVersion say. The server's name
	// is taken from the URL unless it is set here. NextProtos must be empty or contain "h3", which alone is offered.
	TLSClientConfig *tls.Config

	// ConnectTo, "host:port", is dialed whatever the URL says. Either part may be empty: the URL's is used.
	ConnectTo string

	// DialTimeout bounds name resolution and handshake together. 0 means 10 s.
	DialTimeout time.Duration

	// ExpectContinueTimeout is how long a request with "Expect: 100-continue" waits before it sends its body unasked.
	// 0 means 1 s.
	ExpectContinueTimeout time.Duration

	// IdleTimeout ends a connection on which nothing happens. 0 means 30 s; the server's wish counts if it is shorter.
	// A request that it ends fails with ErrTimeout and is not sent again.
	IdleTimeout time.Duration

	// DisableCompression switches off the "Accept-Encoding: gzip" that is otherwise added, and undone, by the Transport.
	DisableCompression bool

	// MaxResponseHeaderBytes bounds a response's header section as RFC 9114 s4.2.2 counts. 0 means 64 KiB.
	MaxResponseHeaderBytes int

	// Logger hears about connections; nil is silence.
	Logger *slog.Logger

	// QlogDir, if not empty, gets one qlog file for each connection. It must exist; otherwise the engine's Logger
	// (engine.Options) is told and the connection goes on.
	QlogDir string

	// Engine runs the connections; nil is the one that the whole program shares. Closing the Transport does not close it:
	// whoever made it calls Engine.Close.
	Engine *engine.Engine

	once sync.Once
	pool pool
	dial func(ctx context.Context, addr netip.AddrPort, host string) (exchanger, error) // tests put a fake here
}

// RoundTrip sends one request and returns its response, whatever its status: redirects are the caller's affair. The
// response's body streams; it must be closed. The request's body is closed, possibly after RoundTrip has returned.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, nil)
}

// roundTrip calls done when the last trace of a successful request is gone.
//
// A caller that waits is a stack as deep as its calls went since it began, and a thousand wait at once: so what prepares a
// request has returned by then, and this is all that is left.
func (t *Transport) roundTrip(req *http.Request, done func()) (*http.Response, error) {
	t.once.Do(t.init)
	body := req.Body
	var first error // why the request was sent again
	for n := 1; ; n++ {
		c, again, err := t.begin(req, body, done)
		if err == nil {
			began := time.Since(start)
			var resp *http.Response
			if resp, err = c.response(); err == nil {
				return resp, nil
			}
			again = c.mayRepeat(err, time.Since(start)-began)
		}
		if body, err = nextBody(req, n, again, err, &first); err != nil {
			return nil, err
		}
	}
}

// start is when the program began, so that a time is a short number.
var start = time.Now()

// nextBody returns the body for another attempt, or the error to give up with.
func nextBody(req *http.Request, n int, again bool, err error, first *error) (io.ReadCloser, error) {
	err = publicError(err)
	if !again || n == maxAttempts || req.Context().Err() != nil {
		return nil, afterFirst(err, *first)
	}
	if *first == nil {
		*first = err
	}
	if bodyLength(req) == 0 {
		return nil, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, afterFirst(err, *first)
	}
	return body, nil
}

func (t *Transport) init() {
	t.pool.dial, t.pool.run = t.dialOrigin, t.engine().Go
	if t.dial != nil {
		t.pool.run = func(f func()) { go f() } // a fake needs no engine, and may live in a bubble
	}
}

// begin makes one attempt, as far as nothing need be waited for but a connection and its credit. again says that another
// may be made.
func (t *Transport) begin(req *http.Request, body io.ReadCloser, done func()) (c *call, again bool, err error) {
	var o outgoing
	if err = checkRequest(&o, req, t.DisableCompression); err != nil {
		closeBody(body)
		return nil, false, err
	}
	ctx := req.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil {
		getConn(trace, &o)
	}
	conn, reused, err := t.pool.get(ctx, o.origin)
	if err != nil {
		closeBody(body)
		return nil, false, err
	}
	if trace != nil {
		gotConn(trace, conn, reused)
	}
	x, err := conn.Exchange(t.identified(ctx, req))
	if err != nil {
		t.pool.put(conn)
		closeBody(body)
		return nil, ctx.Err() == nil && (o.length == 0 || req.GetBody != nil), noCredit(ctx, err)
	}
	if c, err = t.open(&o, conn, x, body, trace, done); err != nil {
		return nil, false, err
	}
	c.reused = reused
	return c, false, nil
}

func getConn(trace *httptrace.ClientTrace, o *outgoing) {
	if trace.GetConn != nil {
		trace.GetConn(o.origin.String())
	}
}

func gotConn(trace *httptrace.ClientTrace, conn *pooled, reused bool) {
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: connInfo{conn}, Reused: reused})
	}
}

// noCredit is why a connection did not take a request.
func noCredit(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx, "waiting for the connection to take a request")
	}
	return err
}

// mayRepeat reports whether a request that failed may be sent again. It takes a connection that fell silent out of service.
func (c *call) mayRepeat(err error, waited time.Duration) bool {
	if waited >= deadSilence && c.conn.SilentFor() >= waited && errors.Is(err, ErrTimeout) {
		c.pool.doubt(c.conn)
	}
	replayable := !c.sends || c.req.GetBody != nil
	return replayable && (unprocessed(err) || c.reused && idempotent(c.req) && serverGone(err)) && c.bodyIsBack()
}

// bodyIsBack waits until nobody reads the closed body, which may write the request's trailers to the end. It reports false if
// the context ends first.
func (c *call) bodyIsBack() bool {
	if c.upload == nil {
		return true
	}
	select {
	case <-c.upload.over:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// identified gives a request of a simulation that has no identity the one of its method and URL.
func (t *Transport) identified(ctx context.Context, req *http.Request) context.Context {
	if !t.engine().Simulated() || engine.IdentityOf(ctx) != "" {
		return ctx
	}
	return engine.Named(ctx, req.Method+" "+req.URL.String())
}

// serverGone reports whether err says that the server had left the connection: it closed without an error, or answered
// with a stateless reset (RFC 9000 s10.3). Silence says nothing: the server may be at work on the request.
func serverGone(err error) bool {
	var cause *port.Cause
	if !errors.As(err, &cause) {
		return false
	}
	return cause.Why == port.Reset || cause.Why == port.Theirs && withoutError(cause)
}

// open sends the head and sees to the body.
func (t *Transport) open(o *outgoing, conn *pooled, x *port.Exchange, body io.ReadCloser, trace *httptrace.ClientTrace, done func()) (*call, error) {
	list := newFieldList()
	o.fields(list)
	c := newCall(o.req.Context(), conn, x, o.req, list, o.length != 0)
	c.trace, c.pool, c.done, c.gzip = trace, &t.pool, done, o.gzip
	var small *actor.Chunk
	if o.length != 0 {
		var err error
		if small, err = readSmall(o.req, body, conn.Chunks()); err != nil {
			closeBody(body)
			list.release()
			conn.Release(x)
			t.pool.put(conn)
			if done != nil {
				done()
			}
			return nil, err
		}
	}
	x.OpenOrder.Fields = list.fields
	x.OpenOrder.Fin = o.length == 0
	conn.Open(x)
	if trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	switch {
	case o.length != 0 && small == nil:
		c.upload = t.newUpload(o, c, body)
		go c.upload.run()
		return c, nil
	case small != nil:
		c.sendSmall(small)
	}
	closeBody(body)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	return c, nil
}

func (t *Transport) newUpload(o *outgoing, c *call, body io.ReadCloser) *upload {
	u := &upload{call: c, body: body, length: o.length, names: o.trailers, over: make(chan bool)}
	if expectsContinue(o.req) {
		u.expect, u.wait = make(chan bool, 1), t.ExpectContinueTimeout
		if u.wait <= 0 {
			u.wait = defaultContinueTimeout
		}
	}
	return u
}

// CloseIdleConnections closes the connections without a request.
func (t *Transport) CloseIdleConnections() { t.pool.closeIdle() }

// Close ends every connection at once; running requests fail with an error that matches ErrClosed. It returns when all is
// gone. A closed Transport stays closed.
func (t *Transport) Close() error {
	t.once.Do(t.init)
	t.pool.close()
	return nil
}

func closeBody(body io.Closer) {
	if body != nil {
		_ = body.Close()
	}
}

// connInfo is what httptrace.GotConnInfo shows of a connection: its addresses.
type connInfo struct{ conn *pooled }

func (c connInfo) LocalAddr() net.Addr  { return net.UDPAddrFromAddrPort(c.conn.LocalAddr()) }
func (c connInfo) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.conn.RemoteAddr()) }

func (connInfo) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (connInfo) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (connInfo) Close() error                     { return net.ErrClosed }
func (connInfo) SetDeadline(time.Time) error      { return net.ErrClosed }
func (connInfo) SetReadDeadline(time.Time) error  { return net.ErrClosed }
func (connInfo) SetWriteDeadline(time.Time) error { return net.ErrClosed }
