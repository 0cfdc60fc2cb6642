package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire/h3wire"
)

// maxInformational is how many 1xx responses one request may get. Beyond, it is cancelled: they cost nothing to send.
const maxInformational = 64

// call is one request on one connection, from the credit that admits it to the return of that credit.
//
// Three goroutines may meet here: the caller in RoundTrip and later in the body's Read; the upload, which reads the
// request's body; and the context's, which cancels. A call is cancelled at most once, and over when both halves are.
type call struct {
	conn  *pooled
	x     *port.Exchange
	ctx   context.Context
	req   *http.Request
	trace *httptrace.ClientTrace // may be nil
	list  *fieldList
	t     *Transport // to whose pool conn goes when over
	done  func()     // when over, if there was a response; may be nil

	at     time.Duration   // when it began, since start
	again  bool            // another attempt may be made, though this one has not begun
	begun  bool            // h3 knows of it
	sends  bool            // there is a body
	gzip   bool            // asked for by us, so undone by us
	reused bool            // the connection had served before
	upload *upload         // nil unless a goroutine sends it
	small  [1]*actor.Chunk // the body, if it is sent without one

	*answer       // nil before the first delivery
	readOver bool // guarded by rmu, as all until mu
	closed   bool // the caller closed the body
	informed int8 // 1xx responses seen

	mu        sync.Mutex // guards what follows; held briefly
	halves    int8       // still running
	failed    bool       // there was no response
	cancelled bool
	cause     error // why it was cancelled, or has not begun
	stop      func() bool
}

// answer is what a call has of the peer's answer. Most of the calls that wait have none.
type answer struct {
	rmu  longLock // held while a delivery is awaited; guards the rest
	in   incoming
	resp http.Response
}

// newCall makes the call of an attempt, which has neither a connection nor a credit yet.
func (t *Transport) newCall(req *http.Request, done func()) *call {
	return &call{t: t, req: req, ctx: req.Context(), done: done, halves: 1}
}

// next waits for the next delivery: nil says that the context has ended.
func (c *call) next() (d *port.Delivery) {
	reads, ended := c.waits()
	select {
	case d = <-reads:
	case <-ended:
	}
	return d
}

// response takes deliveries up to the head of the final response, of which d is the first. The error is the room's own, for the
// retry decision; the call is then over.
func (c *call) response(d *port.Delivery) (*http.Response, error) {
	c.answer = &answer{in: incoming{conn: c.conn, x: c.x}}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for {
		if resp, err := c.came(d); resp != nil || err != nil {
			return resp, err
		}
		d = c.next()
	}
}

// came takes a delivery in front of the response, or with its head. It returns neither a response nor an error if another one
// must be awaited. The lock rmu is held.
func (c *call) came(d *port.Delivery) (*http.Response, error) {
	if d == nil {
		return nil, c.fail(contextError(c.ctx, "waiting for the response"))
	}
	if c.trace != nil && c.trace.GotFirstResponseByte != nil && c.informed == 0 && len(d.Heads) > 0 {
		c.trace.GotFirstResponseByte()
	}
	final, err := c.heads(d.Heads)
	if err != nil {
		c.in.accept(d)
		return nil, c.fail(err)
	}
	if final != nil {
		resp := c.respond(final, d)
		if c.gzip {
			undoGzip(resp)
		}
		return resp, nil
	}
	c.in.accept(d)
	c.in.discard()
	if !c.in.ended {
		return nil, nil
	}
	if err = c.in.end(); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if c.upload != nil {
		c.abort(err) // the rest of the body is in vain
	}
	c.unanswered()
	return nil, c.blame(err)
}

// fail cancels the call while its response is awaited. The lock rmu is held.
func (c *call) fail(err error) error {
	c.abort(err)
	c.in.drain()
	c.unanswered()
	return err
}

// unanswered ends the reading half without a response: the request may be sent again, so it is not over. The lock rmu is held.
func (c *call) unanswered() {
	c.mu.Lock()
	c.failed = true
	c.mu.Unlock()
	c.endRead()
}

// heads looks through response heads and returns the final one, if it is there.
func (c *call) heads(heads [][]port.Field) (final []port.Field, err error) {
	for _, fields := range heads {
		status := 0
		for i := range fields {
			if fields[i].Name == ":status" {
				status = parseStatus(fields[i].Value)
			}
		}
		if status == 0 {
			return nil, &StreamError{Code: uint64(h3wire.CodeMessageError), Reason: "the response has no valid :status"}
		}
		if status >= 200 {
			return fields, nil
		}
		if err := c.inform(status, fields); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// inform passes a 1xx response on (RFC 9110 s15.2).
func (c *call) inform(status int, fields []port.Field) error {
	if c.informed++; c.informed > maxInformational {
		return &StreamError{Code: uint64(h3wire.CodeExcessiveLoad), Reason: "too many informational responses"}
	}
	if status == http.StatusContinue {
		if c.trace != nil && c.trace.Got100Continue != nil {
			c.trace.Got100Continue()
		}
		if c.upload != nil {
			c.upload.admit(true)
		}
	}
	if c.trace != nil && c.trace.Got1xxResponse != nil {
		return c.trace.Got1xxResponse(status, textproto.MIMEHeader(headerOf(fields)))
	}
	return nil
}

// respond makes the response of its head, and of the delivery that brought it.
func (c *call) respond(fields []port.Field, d *port.Delivery) *http.Response {
	r := &c.resp
	for i := range fields {
		if fields[i].Name == ":status" {
			r.StatusCode = parseStatus(fields[i].Value)
			break
		}
	}
	r.Status = statusLine(r.StatusCode)
	r.Proto, r.ProtoMajor = "HTTP/3.0", 3
	r.Header = headerOf(fields)
	r.Trailer = announcedTrailers(r.Header)
	r.ContentLength = d.Length
	r.Request = c.req
	r.TLS = c.conn.State()
	if c.upload != nil {
		c.upload.admit(r.StatusCode < 300)
	}
	c.in.accept(d)
	if c.in.empty() {
		if r.ContentLength < 0 && c.req.Method != http.MethodHead {
			r.ContentLength = 0
		}
		r.Body = http.NoBody
		c.in.settle()
		c.endMessage()
		return r
	}
	r.Body = (*responseBody)(c)
	if c.in.over {
		c.endRead()
	}
	c.watch()
	return r
}

// watch makes the end of the context cancel what is left of the call, whether or not somebody reads.
func (c *call) watch() {
	if c.ctx.Done() == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halves > 0 {
		c.stop = context.AfterFunc(c.ctx, func() {
			c.abort(contextError(c.ctx, "reading the response body"))
			c.rmu.Lock()
			defer c.rmu.Unlock()
			if !c.readOver {
				c.in.drain()
				c.endRead()
			}
		})
	}
}

// abort cancels both halves, once. h3 answers at once with what is owed; whoever waits sees it.
func (c *call) abort(cause error) {
	c.mu.Lock()
	if c.cancelled || c.halves == 0 {
		c.mu.Unlock()
		return
	}
	c.cancelled, c.cause = true, cause
	o := &c.x.CancelOrder
	o.StopReading, o.StopWriting, o.Code = true, true, uint64(h3wire.CodeRequestCancelled)
	var own *StreamError
	if errors.As(cause, &own) && !own.Remote && own.Code != 0 {
		o.Code = own.Code
	}
	c.conn.Cancel(c.x)
	c.mu.Unlock()
	if c.upload != nil {
		c.upload.close()
	}
}

// blame returns why a call really failed: our own cancellation before what h3 answered to it.
func (c *call) blame(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancelled && c.cause != nil {
		return c.cause
	}
	return err
}

// endMessage follows the last byte of a body: trailers, and the end of the reading half. The lock rmu is held.
func (c *call) endMessage() {
	if c.in.err == nil && len(c.in.trailers) > 0 {
		fillTrailers(&c.resp.Trailer, c.in.trailers)
		c.in.trailers = nil
	}
	c.endRead()
	// The server has said everything, and not that it liked it: nobody waits for the rest of the request.
	if c.upload != nil && c.resp.StatusCode >= 300 {
		c.abort(nil)
	}
}

// endRead ends the reading half, once. Of a small body it also takes the last answer to the sending half, which is there
// already unless the server answered before it had the request. The lock rmu is held.
func (c *call) endRead() {
	if c.readOver {
		return
	}
	c.readOver = true
	if c.sends && c.upload == nil {
		select {
		case s := <-c.x.Writes.C():
			if s.Last {
				c.endHalf()
				break
			}
			c.endWriting()
		default:
			c.endWriting()
		}
	}
	c.endHalf()
}

func (c *call) endWriting() {
	c.abort(nil)
	for s := range c.x.Writes.C() {
		if s.Last {
			break
		}
	}
	c.endHalf()
}

// endHalf counts a half out; with the second the credit goes home.
func (c *call) endHalf() {
	c.mu.Lock()
	c.halves--
	over, stop, failed := c.halves == 0, c.stop, c.failed
	c.mu.Unlock()
	if !over {
		return
	}
	if stop != nil {
		stop()
	}
	c.conn.Release(c.x)
	c.t.pool.put(c.conn)
	if c.done != nil && !failed {
		c.done()
	}
}

// responseBody is a call seen as the body of its response.
type responseBody call

// Read returns the next bytes. It waits for the peer; the end of the request's context ends the wait.
func (b *responseBody) Read(p []byte) (int, error) {
	c := (*call)(b)
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := c.in.read(p, c.more)
	return n, c.endOf(err)
}

// WriteTo writes the whole rest to w; io.Copy uses it.
func (b *responseBody) WriteTo(w io.Writer) (int64, error) {
	c := (*call)(b)
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := c.in.writeTo(w, &c.rmu, c.more)
	if c.in.ended {
		err = c.endOf(err)
	}
	return n, err
}

// more waits for the next delivery: a cancellation makes h3 send the last one, so nothing else needs to be waited for.
func (c *call) more() (*port.Delivery, error) { return <-c.x.Reads.C(), nil }

// endOf does what is due at the end of the body and turns its error into the public one.
func (c *call) endOf(err error) error {
	if c.in.ended {
		c.endMessage()
	}
	if err == nil || err == io.EOF {
		return err
	}
	return publicError(c.blame(err))
}

// Close ends the call. What the server still sends is refused with H3_REQUEST_CANCELLED.
func (b *responseBody) Close() error {
	c := (*call)(b)
	c.abortUnlessReceived()
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.closed = true
	if !c.in.ended {
		c.in.drain()
	}
	c.endRead()
	return nil
}

// abortUnlessReceived cancels what of the call is still on its way. If only bytes in memory are left it does nothing.
func (c *call) abortUnlessReceived() {
	if c.rmu.TryLock() {
		received := c.in.held && c.in.last && c.upload == nil
		c.rmu.Unlock()
		if received {
			return
		}
	}
	c.abort(http.ErrBodyReadAfterClose)
}
