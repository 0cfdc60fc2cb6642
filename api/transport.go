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

	// MaxResponseHeaderBytes bounds a response's header section as RFC 9114 s4.2.2 counts. 0 means 64 KiB. Beyond, a request fails
	// with a *HeaderTooLargeError, unless the server, which is told the bound, does not send it: ours answers 500 then.
	// For a Client set it in its RoundTripper, before the first request.
	MaxResponseHeaderBytes int

	// Logger hears about connections, at slog.LevelDebug: each line has role, connection (its ID) and remote (the peer). nil is silence.
	Logger *slog.Logger

	// QlogDir, if not empty, gets one qlog file for each connection: ID_client.sqlog, where ID is the connection's original destination
	// ID, the same at both ends and in Logger's lines. A second one of that ID is ID_client_TIME.sqlog. The directory must exist;
	// otherwise the engine's Logger (engine.Options) is told and the connection goes on.
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
	// A caller that waits is a stack as deep as its calls went since it began, and ten thousand wait at once: so what prepares a
	// request has returned by then, and none of it goes deep. A stack that has grown once stays as it is.
	c := t.begin(req, req.Body, nil)
	reads, ended := c.waits()
	var d *port.Delivery
	select {
	case d = <-reads:
	case <-ended:
	}
	return c.finish(d)
}

// roundTrip is RoundTrip that calls done when the last trace of a successful request is gone.
func (t *Transport) roundTrip(req *http.Request, done func()) (*http.Response, error) {
	c := t.begin(req, req.Body, done)
	return c.finish(c.next())
}

// waits is what to wait for: the next delivery, or the end of the context.
func (c *call) waits() (reads <-chan *port.Delivery, ended <-chan struct{}) {
	if !c.begun {
		return over, nil
	}
	return c.x.Reads.C(), c.ctx.Done()
}

// over is where nothing comes, at once.
var over = make(chan *port.Delivery)

func init() { close(over) }

// begin makes one attempt, as far as nothing need be waited for but a connection and its credit. Of one that has not begun the cause
// says why.
func (t *Transport) begin(req *http.Request, body io.ReadCloser, done func()) *call {
	c := t.newCall(req, done)
	o, err := c.check()
	if err == nil {
		err = c.connect(o)
	}
	if err == nil && c.sends {
		err = c.readSmall(body)
	}
	if err != nil {
		c.notBegun(body, err)
		return c
	}
	c.begun = true
	order := &c.x.OpenOrder
	order.Fields, order.Home, order.Fin = c.list.fields, c.list, !c.sends
	c.list = nil // h3's from now on
	c.conn.Open(c.x)
	c.opened(body)
	return c
}

// finish takes the first delivery, and waits for others up to the response.
func (c *call) finish(d *port.Delivery) (resp *http.Response, err error) {
	if c.begun {
		resp, err = c.response(d)
	} else {
		err = c.cause
	}
	if err != nil {
		return c.repeat(err)
	}
	return resp, nil
}

// start is when the program began, so that a time is one word. It is not rounded: silence is compared with it, and in a simulation
// start has nothing to do with the clock.
var start = time.Now()

// repeat makes further attempts at a request whose first has failed, as far as they may be made.
func (c *call) repeat(err error) (*http.Response, error) {
	var first error // why the request was sent again
	for n := 1; ; n++ {
		again := c.again || c.begun && c.mayRepeat(err)
		var body io.ReadCloser
		if body, err = nextBody(c.req, n, again, err, &first); err != nil {
			return nil, err
		}
		c = c.t.begin(c.req, body, c.done)
		d := c.next()
		if !c.begun {
			err = c.cause
			continue
		}
		var resp *http.Response
		if resp, err = c.response(d); err == nil {
			return resp, nil
		}
	}
}

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

// connect takes a connection to o, and a credit of it.
func (c *call) connect(o origin) (err error) {
	if c.trace = httptrace.ContextClientTrace(c.ctx); c.trace != nil {
		c.getConn(o)
	}
	c.t.once.Do(c.t.init)
	if c.conn, c.reused, err = c.t.pool.get(c.ctx, o); err != nil {
		return err
	}
	if c.trace != nil {
		c.gotConn()
	}
	if c.x, err = c.conn.Exchange(c.t.identified(c.ctx, c.req)); err != nil {
		return c.noCredit(err)
	}
	c.at = time.Since(start)
	return nil
}

// notBegun is the end of an attempt that has got no credit.
//
//go:noinline
func (c *call) notBegun(body io.Closer, err error) {
	if c.list != nil {
		c.list.Release()
		c.list = nil
	}
	closeBody(body)
	c.cause = err
}

//go:noinline
func (c *call) getConn(o origin) {
	if f := c.trace.GetConn; f != nil {
		f(o.String())
	}
}

//go:noinline
func (c *call) gotConn() {
	if f := c.trace.GotConn; f != nil {
		f(httptrace.GotConnInfo{Conn: connInfo{c.conn}, Reused: c.reused})
	}
}

// noCredit is why a connection did not take the request.
func (c *call) noCredit(err error) error {
	c.t.pool.put(c.conn)
	if c.ctx.Err() != nil {
		return contextError(c.ctx, "waiting for the connection to take a request")
	}
	c.again = !c.sends || c.req.GetBody != nil
	return err
}

// mayRepeat reports whether a request that failed may be sent again. It takes a connection that fell silent out of service.
func (c *call) mayRepeat(err error) bool {
	waited := time.Since(start) - c.at
	if waited >= deadSilence && c.conn.SilentFor() >= waited && errors.Is(err, ErrTimeout) {
		c.t.pool.doubt(c.conn)
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

// readSmall reads a body that is at hand, to send it along with the head.
func (c *call) readSmall(body io.ReadCloser) (err error) {
	c.halves = 2
	if c.small[0], err = readSmall(c.req, body, c.conn.Chunks()); err != nil {
		c.halves = 1
		c.endHalf()
	}
	return err
}

// opened sees to the body.
func (c *call) opened(body io.ReadCloser) {
	if c.trace != nil && c.trace.WroteHeaders != nil {
		c.trace.WroteHeaders()
	}
	if c.sends {
		if c.small[0] == nil {
			c.upload = c.newUpload(body)
			go c.upload.run()
			return
		}
		c.sendSmall()
	}
	closeBody(body)
	if c.trace != nil && c.trace.WroteRequest != nil {
		c.trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

func (c *call) newUpload(body io.ReadCloser) *upload {
	names, _ := trailerNames(c.req.Trailer) // check has found them valid
	u := &upload{call: c, body: body, length: bodyLength(c.req), names: names, over: make(chan bool)}
	if expectsContinue(c.req) {
		u.expect, u.wait = make(chan bool, 1), c.t.ExpectContinueTimeout
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
