package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/wire/h3wire"
)

// exchange is one request that a handler answers: everything a request costs, in one piece of memory.
type exchange struct {
	server *Server
	conn   exchanger
	x      *port.Exchange
	ctx    requestContext
	url    url.URL
	w      responseWriter
	body   requestBody
	list   fieldList // the response's head and trailers, in the exchange's memory
}

// serve runs the handler of one request. The engine calls it on a goroutine of its own.
func (s *Server) serve(conn exchanger, x *port.Exchange) {
	e := &exchange{server: s, conn: conn, x: x}
	parent := conn.Context()
	if s.ConnContext != nil {
		parent = s.ConnContext(parent, udpAddr(conn.RemoteAddr()))
	}
	e.ctx.init(parent, e)
	e.w.init(e)
	e.body.init(e)
	e.list.fields = x.Lines[:0]
	req, err := e.request(<-x.Reads.C())
	failed := false
	if err != nil {
		e.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		e.w.WriteHeader(http.StatusBadRequest)
		_, _ = e.w.Write([]byte("400 Bad Request: " + err.Error() + "\n"))
	} else {
		failed = e.run(req)
	}
	e.finish(failed)
}

// run calls the handler and reports whether it panicked.
func (e *exchange) run(req *http.Request) (failed bool) {
	defer func() {
		// A runtime.Goexit ends the handler too, and recover does not see it.
		if r := recover(); r != nil && r != http.ErrAbortHandler {
			e.server.logf("api: panic serving %s %s to %v: %v\n%s", req.Method, req.URL.Path, e.conn.RemoteAddr(), r, debug.Stack())
		}
	}()
	failed = true
	h := e.server.Handler
	if h == nil {
		h = http.DefaultServeMux
	}
	e.server.pace.run(req, e.server.engine().AwaitIdle, func() { h.ServeHTTP(&e.w, req) })
	return false
}

// finish sends what is left of the response and the handler's last word, and brings all memory home.
func (e *exchange) finish(failed bool) {
	e.body.end()
	if failed || !e.w.finish() { // else the end of the response says that the handler has returned
		// What the handler flushed reaches the client before the reset does, as with HTTP/1 and HTTP/2.
		o := &e.x.CancelOrder
		o.HandlerDone, o.StopReading, o.StopWriting = true, true, true
		o.Behind, o.Code = e.w.handedOver(), uint64(h3wire.CodeInternalError)
		if !failed && e.w.failure() != nil {
			o.Code = uint64(h3wire.CodeRequestCancelled) // the peer began it
		}
		e.conn.Cancel(e.x)
	}
	e.body.drain()
	e.w.release()
	e.x.Lines = e.list.fields
	e.ctx.finish()
}

// request makes the http.Request of the first delivery. Its error is for the peer to read.
func (e *exchange) request(d *port.Delivery) (*http.Request, error) {
	defer e.body.open(d)
	if len(d.Heads) == 0 {
		return nil, errors.New("no head") // h3 hands over complete heads only: the connection died
	}
	var method, authority, path string
	for i := range d.Heads[0] {
		switch f := &d.Heads[0][i]; f.Name {
		case ":method":
			method = f.Value
		case ":authority":
			authority = f.Value
		case ":path":
			path = f.Value
		}
	}
	e.w.head = method == http.MethodHead
	header := headerOf(d.Heads[0])
	if cookies := header["Cookie"]; len(cookies) > 1 {
		header["Cookie"] = []string{strings.Join(cookies, "; ")} // RFC 9114 s4.2.1
	}
	if authority == "" {
		authority = header.Get("Host")
	}
	delete(header, "Host")
	target := path
	if method == http.MethodConnect {
		target = authority
		e.url.Host = authority
	} else {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return nil, errors.New("invalid path")
		}
		e.url = *u
	}
	// WithContext is the one way to a request with a context; it copies, so nothing but the context is in it yet.
	req := blank.WithContext(&e.ctx)
	req.Method, req.URL, req.Header = method, &e.url, header
	req.Proto, req.ProtoMajor = "HTTP/3.0", 3
	req.Host, req.RequestURI = authority, target
	req.RemoteAddr = e.conn.RemoteName()
	req.TLS = e.conn.State()
	req.Trailer = announcedTrailers(header)
	e.body.req = req
	if d.Last && d.Err == nil && len(d.Pieces) == 0 {
		req.Body = http.NoBody
		return req, nil
	}
	req.ContentLength = d.Length
	e.body.expect = hasToken(header["Expect"], "100-continue")
	req.Body = &e.body
	return req, nil
}

var blank http.Request

// requestContext is the context of a request: it ends with the handler, with the peer's loss of interest, and with the
// connection. Whoever asks for Done pays for a channel and a callback; most handlers do not.
type requestContext struct {
	context.Context // the connection's
	e               *exchange
	life            life
}

func (c *requestContext) init(parent context.Context, e *exchange) { c.Context, c.e = parent, e }

// Value adds the local address to what the connection's context knows.
func (c *requestContext) Value(key any) any {
	switch key {
	case http.LocalAddrContextKey:
		return udpAddr(c.e.conn.LocalAddr())
	case engine.IdentityKey{}:
		return c.e.x.Name
	}
	return c.Context.Value(key)
}

// Done is closed when the handler need not go on.
func (c *requestContext) Done() <-chan struct{} {
	done, first := c.life.channel()
	if first {
		c.e.w.watch() // the connection's death reaches the exchange as well
		if c.e.server.ConnContext != nil {
			stop := context.AfterFunc(c.Context, func() { c.life.end(c.Context.Err()) })
			c.life.onEnd(stop)
		}
	}
	return done
}

// Err says why Done is closed.
func (c *requestContext) Err() error {
	if err := c.life.err(); err != nil {
		return err
	}
	return c.Context.Err()
}

// finish is the end of the handler.
func (c *requestContext) finish() { c.life.end(context.Canceled) }
