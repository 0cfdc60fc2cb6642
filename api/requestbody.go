package api

import (
	"io"
	"net/http"
	"os"
	"time"

	"quicpro/actors/port"
)

// requestBody is the body of a request that a handler answers.
type requestBody struct {
	e        *exchange
	deadline deadline

	mu     longLock // held while a delivery is awaited
	in     incoming
	expect bool // the client waits for 100 (Continue)
}

func newRequestBody(e *exchange) *requestBody {
	return &requestBody{e: e, in: incoming{conn: e.conn, x: e.x}}
}

// open takes the first delivery, whose head has been read.
func (b *requestBody) open(d *port.Delivery) {
	b.in.accept(d)
	if b.in.empty() && b.e.req != nil {
		b.settle()
	}
}

// Read returns the next bytes. The first one asks a client that waits for it to send its body.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.in.read(p, b.more)
	return n, b.after(err)
}

// WriteTo writes the whole rest to w; io.Copy uses it.
func (b *requestBody) WriteTo(w io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.in.writeTo(w, &b.mu, b.more)
	return n, b.after(err)
}

// Close ends reading; the rest is refused when the handler returns.
func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in.closed = true
	return nil
}

// begin is what every reading starts with. The lock is held.
func (b *requestBody) begin() error {
	switch {
	case b.in.closed || b.in.quiet:
		return http.ErrBodyReadAfterClose
	case b.deadline.passed():
		return os.ErrDeadlineExceeded
	case b.expect:
		b.expect = false
		return b.e.w.sayContinue()
	}
	return nil
}

// more waits for the next delivery, or the deadline.
func (b *requestBody) more() (*port.Delivery, error) {
	if d, ok := b.in.x.Reads.Take(); ok {
		return d, nil
	}
	select {
	case d := <-b.in.x.Reads.C():
		return d, nil
	case <-b.deadline.wait():
		return nil, os.ErrDeadlineExceeded
	}
}

// after fills the trailers at the end and makes errors public.
func (b *requestBody) after(err error) error {
	if b.in.ended {
		b.settle()
	}
	if err == nil || err == io.EOF {
		return err
	}
	if b.in.ended {
		b.e.ctx.finish() // the peer does not go on with its request
	}
	return publicError(err)
}

// settle uses up an end without bytes.
func (b *requestBody) settle() {
	b.in.settle()
	if b.in.err == nil && len(b.in.trailers) > 0 {
		fillTrailers(&b.e.req.Trailer, b.in.trailers)
		b.in.trailers = nil
	}
}

// end is the return of the handler.
func (b *requestBody) end() {
	b.deadline.set(time.Unix(1, 0)) // wakes a reader on another goroutine
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in.quiet = true // the handler's last word is the exchange's, and comes next
	b.deadline.stop()
}

// drain brings home what nobody has read, after the handler's last word.
func (b *requestBody) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in.drain()
}
