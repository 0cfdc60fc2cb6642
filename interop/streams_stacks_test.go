package interop

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/quic"

	"quicpro/actors/port"
	"quicpro/engine"
)

const alpn = "interop-echo"

func rawServerTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{identity.cert}, NextProtos: []string{alpn}}
}

func rawClientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: identity.pool, ServerName: "127.0.0.1", NextProtos: []string{alpn}}
}

func oursToXnet(t *testing.T) (dialer, accepter rawConn) {
	ctx := storyTime(t)
	end := xnetEndpoint(t, &quic.Config{TLSConfig: rawServerTLS()})
	ours, err := ourEngine(t).Dial(ctx, end.LocalAddr(), engine.Config{TLS: rawClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := end.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return newOurConn(ctx, ours), xnetConn{ctx, theirs}
}

func xnetToOurs(t *testing.T) (dialer, accepter rawConn) {
	ctx := storyTime(t)
	l, err := ourEngine(t).Listen("127.0.0.1:0", engine.Config{TLS: rawServerTLS()})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := xnetEndpoint(t, nil).Dial(ctx, "udp", l.Addr().String(), &quic.Config{TLSConfig: rawClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case ours := <-l.Accept():
		return xnetConn{ctx, theirs}, newOurConn(ctx, ours)
	case <-ctx.Done():
		t.Fatal("nothing to accept")
		return nil, nil
	}
}

func storyTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ourEngine is an engine that must be empty when it is closed.
func ourEngine(t *testing.T) *engine.Engine {
	e := engine.New(engine.Options{})
	t.Cleanup(func() {
		_ = e.Close()
		var o engine.Outstanding
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if o = e.Outstanding(); o == (engine.Outstanding{}) {
				return
			}
		}
		t.Errorf("not at home: %+v", o)
	})
	return e
}

func xnetEndpoint(t *testing.T, c *quic.Config) *quic.Endpoint {
	t.Helper()
	end, err := quic.Listen("udp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = end.Close(ctx) // it waits for the peers' answers
	})
	return end
}

// ---- x/net

type xnetConn struct {
	ctx context.Context
	c   *quic.Conn
}

func (c xnetConn) open(uni bool) (rawStream, error) {
	if uni {
		return c.stream(c.c.NewSendOnlyStream(c.ctx))
	}
	return c.stream(c.c.NewStream(c.ctx))
}

func (c xnetConn) accept() (rawStream, error) { return c.stream(c.c.AcceptStream(c.ctx)) }

func (c xnetConn) stream(s *quic.Stream, err error) (rawStream, error) {
	if err != nil {
		return nil, err
	}
	s.SetReadContext(c.ctx)
	s.SetWriteContext(c.ctx)
	return xnetStream{s}, nil
}

func (c xnetConn) close(code uint64, reason string) {
	c.c.Abort(&quic.ConnectionCloseError{Code: code, Reason: reason})
}

func (c xnetConn) closed() (uint64, string, error) {
	err := c.c.Wait(c.ctx)
	if said, ok := errors.AsType[*quic.ConnectionCloseError](err); ok {
		return said.Code, said.Reason, err
	}
	return 0, "", err
}

type xnetStream struct{ *quic.Stream }

func (s xnetStream) finish() error {
	s.CloseWrite() // its error is for streams that only read
	return nil
}
func (s xnetStream) reset(code uint64) {
	_ = s.Flush() // so that the first bytes open the stream
	_ = s.Reset(code)
}
func (s xnetStream) stop(code uint64) { _ = s.StopSending(code) }
func (xnetStream) code(err error) (uint64, bool) {
	code, ok := errors.AsType[quic.StreamError](err)
	return uint64(code), ok
}

// ---- quicpro

// ourConn makes blocking calls of a connection's channels.
type ourConn struct {
	ctx      context.Context
	c        *engine.Conn
	opening  sync.Mutex // Opened answers in order
	opened   chan *engine.Stream
	accepted chan *engine.Stream
	ended    chan struct{}
	cause    *port.Cause // once ended is closed
}

func newOurConn(ctx context.Context, c *engine.Conn) *ourConn {
	o := &ourConn{ctx: ctx, c: c, opened: make(chan *engine.Stream, 1), accepted: make(chan *engine.Stream, 100), ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		for e := range c.Events() {
			switch e := e.(type) {
			case engine.Opened:
				o.opened <- e.Stream
			case engine.Accepted:
				o.accepted <- e.Stream
			case engine.ConnClosed:
				o.cause = e.Cause
			}
		}
	}()
	return o
}

func (o *ourConn) open(uni bool) (rawStream, error) {
	o.opening.Lock()
	defer o.opening.Unlock()
	if err := o.order(engine.OpenStream{Uni: uni}); err != nil {
		return nil, err
	}
	return o.next(o.opened)
}

func (o *ourConn) accept() (rawStream, error) { return o.next(o.accepted) }

func (o *ourConn) next(from chan *engine.Stream) (rawStream, error) {
	select {
	case s := <-from:
		return newOurStream(s), nil
	case <-o.ended:
		return nil, errEnded
	case <-o.ctx.Done():
		return nil, o.ctx.Err()
	}
}

func (o *ourConn) order(c engine.Command) error {
	select {
	case o.c.Commands() <- c:
		return nil
	case <-o.c.Done():
		return errEnded
	case <-o.ctx.Done():
		return o.ctx.Err()
	}
}

func (o *ourConn) close(code uint64, reason string) {
	_ = o.order(engine.CloseConn{Code: code, Reason: reason})
}

func (o *ourConn) closed() (uint64, string, error) {
	select {
	case <-o.ended:
		if !o.cause.App {
			return 0, "", o.cause
		}
		return o.cause.Code, o.cause.Reason, o.cause
	case <-o.ctx.Done():
		return 0, "", o.ctx.Err()
	}
}

// ourStream makes blocking calls of a stream's channels.
type ourStream struct {
	s        *engine.Stream
	received chan engine.Received // closed at the end
	wrote    chan struct{}        // closed at the end
	readErr  error                // once received is closed
	writeErr error                // once wrote is closed
	piece    engine.Received
	left     [][]byte // of piece
}

func newOurStream(s *engine.Stream) *ourStream {
	o := &ourStream{s: s, received: make(chan engine.Received, 1), wrote: make(chan struct{}, 16)}
	go func() {
		for e := range s.Events() {
			switch e := e.(type) {
			case engine.Received: // the next does not come before its Release
				o.received <- e
			case engine.ReadEnded:
				o.readErr = e.Err
				close(o.received)
			case engine.Wrote:
				o.wrote <- struct{}{}
			case engine.WriteEnded:
				o.writeErr = e.Err
				close(o.wrote)
			}
		}
	}()
	return o
}

func (o *ourStream) Read(b []byte) (int, error) {
	for len(o.left) == 0 {
		r, ok := <-o.received
		switch {
		case ok:
			o.piece, o.left = r, r.Pieces
		case o.readErr != nil:
			return 0, o.readErr
		default:
			return 0, io.EOF
		}
	}
	n := copy(b, o.left[0])
	if o.left[0] = o.left[0][n:]; len(o.left[0]) == 0 {
		if o.left = o.left[1:]; len(o.left) == 0 {
			o.piece.Release()
		}
	}
	return n, nil
}

func (o *ourStream) Write(b []byte) (int, error) {
	o.order(engine.Write{B: b})
	if _, ok := <-o.wrote; !ok {
		return 0, o.writeErr
	}
	return len(b), nil
}

func (o *ourStream) finish() error {
	o.order(engine.Write{Fin: true})
	for range o.wrote { // its own answer, perhaps, and then the end
	}
	return o.writeErr
}

func (o *ourStream) reset(code uint64) { o.order(engine.ResetStream{Code: code}) }
func (o *ourStream) stop(code uint64) {
	o.order(engine.StopStream{Code: code})
	if len(o.left) > 0 {
		o.piece.Release()
		o.left = nil
	}
	for r := range o.received {
		r.Release()
	}
}

func (o *ourStream) order(c engine.StreamCommand) {
	select {
	case o.s.Commands() <- c:
	case <-o.s.Done():
	}
}

func (*ourStream) code(err error) (uint64, bool) {
	e, ok := errors.AsType[*port.StreamError](err)
	if !ok || !e.Remote {
		return 0, false
	}
	return e.Code, true
}
