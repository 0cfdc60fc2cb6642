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
	w      responseWriter
	req    *http.Request
	body   *requestBody // nil if there is none, and nothing is to be done about that
	paced  pacing
	failed bool // the handler has not returned as it should
}

// task is what answers a request: it calls the handler, and ends the exchange. A thousand handlers may wait at once, and each is a
// stack as deep as its calls went since it began: what prepared the request has returned by then, and there is nothing between this
// function and the goroutine's.
func (s *Server) task(conn exchanger, x *port.Exchange) func() {
	s.handlers.Add(1)
	return func() {
		e := s.begin(conn, x)
		defer e.returned()
		if h := e.handler(); h != nil {
			h.ServeHTTP(&e.w, e.req)
			e.failed = false
		}
	}
}

// begin makes what a request costs. The request itself it makes of the first delivery; it answers one that it cannot make. It is
// flat: the stack of a handler that waits is as deep as what was called before it, and one that has grown once stays so.
func (s *Server) begin(conn exchanger, x *port.Exchange) *exchange {
	e := s.newExchange(conn, x)
	d := e.first()
	var header http.Header
	if len(d.Heads) > 0 {
		header = headerOf(d.Heads[0])
	}
	// WithContext is the one way to a request with a context; it copies, so nothing but the context is in it yet.
	req := blank.WithContext(&e.ctx)
	err := e.request(req, d, header)
	if e.body == nil {
		x.Done(d)
	}
	if err != nil {
		e.refuse(err)
	}
	return e
}

//go:noinline
func (s *Server) newExchange(conn exchanger, x *port.Exchange) *exchange {
	e := &exchange{server: s, conn: conn, x: x}
	parent := conn.Context()
	if s.ConnContext != nil {
		parent = s.ConnContext(parent, udpAddr(conn.RemoteAddr()))
	}
	e.ctx.init(parent, e)
	e.w.init(e)
	return e
}

// first is the first delivery.
//
//go:noinline
func (e *exchange) first() *port.Delivery {
	d, ok := e.x.Reads.Take()
	if !ok {
		d = <-e.x.Reads.C()
	}
	return d
}

// refuse answers a request that cannot be made.
//
//go:noinline
func (e *exchange) refuse(why error) {
	e.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	e.w.WriteHeader(http.StatusBadRequest)
	_, _ = e.w.Write([]byte("400 Bad Request: " + why.Error() + "\n"))
}

// handler is what runs now; nil if the request is answered already.
func (e *exchange) handler() http.Handler {
	if e.req == nil {
		return nil
	}
	e.paced = e.server.pace.begin(e.req, e.server.engine().AwaitIdle)
	e.failed = true
	if e.server.Handler == nil {
		return http.DefaultServeMux
	}
	return e.server.Handler
}

// returned follows the handler's return, which a panic or a runtime.Goexit may have been: recover does not see that one.
func (e *exchange) returned() {
	r := recover()
	if e.paced.route != nil {
		e.paced.end()
	}
	if r != nil && r != http.ErrAbortHandler {
		e.complain(r)
	}
	e.finish()
	e.server.handlers.Done()
}

func (e *exchange) complain(panicked any) {
	e.logf("the handler panicked: %v\n%s", panicked, debug.Stack())
}

// logf writes to ErrorLog what is about this request. RequestURI, unlike the path in it, has no ends of lines. There is none if no
// http.Request could be made.
func (e *exchange) logf(format string, args ...any) {
	what := "a request"
	if e.req != nil {
		path, _, _ := strings.Cut(e.req.RequestURI, "?")
		what = e.req.Method + " " + path
	}
	about := []any{what, e.conn.RemoteName()}
	e.server.logf("api: %s from %s: "+format, append(about, args...)...)
}

// finish sends what is left of the response and the handler's last word, and brings all memory home.
func (e *exchange) finish() {
	if e.body != nil {
		e.body.end()
	}
	if e.failed || !e.w.finish() { // else the end of the response says that the handler has returned
		// What the handler flushed reaches the client before the reset does, as with HTTP/1 and HTTP/2.
		o := &e.x.CancelOrder
		o.HandlerDone, o.StopReading, o.StopWriting = true, true, true
		o.Behind, o.Code = e.w.handedOver(), uint64(h3wire.CodeInternalError)
		if !e.failed && e.w.failure() != nil {
			o.Code = uint64(h3wire.CodeRequestCancelled) // the peer began it
		}
		e.conn.Cancel(e.x)
	}
	if e.body != nil {
		e.body.drain()
	}
	e.w.release()
	e.ctx.finish()
	e.conn.Handled(e.x)
}

// request makes req, which is blank, the http.Request of the first delivery, of whose head the header was made. Its error is for the
// peer to read.
func (e *exchange) request(req *http.Request, d *port.Delivery, header http.Header) error {
	none := d.Last && d.Used && d.Err == nil && len(d.Pieces) == 0
	if !none {
		e.body = newRequestBody(e)
		defer e.body.open(d)
	}
	if len(d.Heads) == 0 {
		return errors.New("no head") // h3 hands over complete heads only: the connection died
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
		req.URL = &url.URL{Host: authority}
	} else {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return errors.New("invalid path")
		}
		req.URL = u
	}
	req.Method, req.Header = method, header
	req.Proto, req.ProtoMajor = "HTTP/3.0", 3
	req.Host, req.RequestURI = authority, target
	req.RemoteAddr = e.conn.RemoteName()
	req.TLS = e.conn.State()
	req.Trailer = announcedTrailers(header)
	e.req = req
	if d.Last && d.Err == nil && len(d.Pieces) == 0 {
		req.Body = http.NoBody
		if none && len(d.Trailers) > 0 {
			fillTrailers(&req.Trailer, d.Trailers)
		}
		return nil
	}
	req.ContentLength = d.Length
	e.body.expect = hasToken(header["Expect"], "100-continue")
	req.Body = e.body
	return nil
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
		if name := c.e.x.Name; name != nil {
			return *name
		}
		return ""
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
