package engine

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"quicpro/actors/port"
)

// echo answers every stream with what it brings, until the listener is closed.
func echo(l *Listener, stop <-chan struct{}) {
	for {
		select {
		case c := <-l.Accept():
			go echoConn(c)
		case <-stop:
			return
		}
	}
}

func echoConn(c *Conn) {
	for e := range c.Events() {
		if a, ok := e.(Accepted); ok {
			go echoStream(a.Stream)
		}
	}
}

func echoStream(s *Stream) {
	for e := range s.Events() {
		switch e := e.(type) {
		case Received:
			for _, p := range e.Pieces {
				order(s, Write{B: bytes.Clone(p)})
			}
			e.Release()
		case ReadEnded:
			if e.Err == nil {
				order(s, Write{Fin: true})
			} else {
				order(s, ResetStream{Code: 7})
			}
		}
	}
}

func order(s *Stream, c StreamCommand) {
	select {
	case s.Commands() <- c:
	case <-s.Done():
	}
}

// rawPair is a listener and a connection to it, with the far end's connection.
func rawPair(t *testing.T, cfg Config) (*Listener, *Conn) {
	t.Helper()
	e := newTestEngine(t)
	cfg.TLS = serverTLS("echo")
	l, err := e.Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := e.Dial(within(t, 5*time.Second), l.Addr(), Config{TLS: clientTLS("echo")})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func openStream(t *testing.T, c *Conn, uni bool) *Stream {
	t.Helper()
	c.Commands() <- OpenStream{Uni: uni}
	for e := range c.Events() {
		if o, ok := e.(Opened); ok {
			return o.Stream
		}
	}
	t.Fatal("the connection ended")
	return nil
}

// collect reads a stream to its end.
func collect(s *Stream) (got []byte, readErr, writeErr error) {
	for e := range s.Events() {
		switch e := e.(type) {
		case Received:
			for _, p := range e.Pieces {
				got = append(got, p...)
			}
			e.Release()
		case ReadEnded:
			readErr = e.Err
		case WriteEnded:
			writeErr = e.Err
		}
	}
	return got, readErr, writeErr
}

func closeConn(t *testing.T, c *Conn, code uint64) *port.Cause {
	t.Helper()
	c.Commands() <- CloseConn{Code: code, Reason: "done"}
	for e := range c.Events() {
		if e, ok := e.(ConnClosed); ok {
			return e.Cause
		}
	}
	t.Fatal("no ConnClosed")
	return nil
}

func TestAnEchoOverChannels(t *testing.T) {
	l, c := rawPair(t, Config{})
	stop := make(chan struct{})
	defer close(stop)
	go echo(l, stop)
	for _, n := range []int{0, 1, 70_000, 3_000_000} {
		s := openStream(t, c, false)
		go order(s, Write{B: pattern(n), Fin: true})
		got, readErr, writeErr := collect(s)
		if !bytes.Equal(got, pattern(n)) || readErr != nil || writeErr != nil {
			t.Fatalf("%d bytes: got %d, %v, %v", n, len(got), readErr, writeErr)
		}
	}
	if cause := closeConn(t, c, 42); cause.Why != port.Ours || cause.Code != 42 || !cause.App {
		t.Errorf("closed by %v", cause)
	}
}

func TestTheFarEndSeesResetsStopsUnidirectionalStreamsAndTheClose(t *testing.T) {
	l, c := rawPair(t, Config{})
	far := <-l.Accept()
	accepted := func() *Stream {
		t.Helper()
		for e := range far.Events() {
			if a, ok := e.(Accepted); ok {
				return a.Stream
			}
		}
		t.Fatal("the connection ended")
		return nil
	}

	s := openStream(t, c, true)
	order(s, Write{B: []byte("one way"), Fin: true})
	got, readErr, writeErr := collect(accepted())
	if string(got) != "one way" || readErr != nil || writeErr != nil {
		t.Errorf("a unidirectional stream brought %q, %v, %v", got, readErr, writeErr)
	}
	collect(s)

	s = openStream(t, c, false)
	order(s, Write{B: []byte("begun")})
	order(s, ResetStream{Code: 5})
	peer := accepted()
	order(peer, ResetStream{Code: 6})
	_, readErr, _ = collect(peer)
	var stream *port.StreamError
	if !errors.As(readErr, &stream) || stream.Code != 5 || !stream.Remote {
		t.Errorf("a reset stream ends with %v", readErr)
	}
	_, readErr, _ = collect(s)
	if !errors.As(readErr, &stream) || stream.Code != 6 || !stream.Remote {
		t.Errorf("a reset stream ends with %v", readErr)
	}

	s = openStream(t, c, false)
	order(s, Write{B: []byte("begun")})
	order(s, StopStream{Code: 8})
	peer = accepted()
	_, _, writeErr = collectAfter(peer, func() { order(s, Write{Fin: true}) })
	if !errors.As(writeErr, &stream) || stream.Code != 8 || !stream.Remote {
		t.Errorf("a stopped stream ends with %v", writeErr)
	}
	collect(s)

	closeConn(t, c, 9)
	for e := range far.Events() {
		if e, ok := e.(ConnClosed); ok && (e.Cause.Why != port.Theirs || e.Cause.Code != 9 || e.Cause.Reason != "done") {
			t.Errorf("the far end was closed by %v", e.Cause)
		}
	}
}

func collectAfter(s *Stream, first func()) ([]byte, error, error) {
	first()
	return collect(s)
}

func TestStreamsEndWithTheConnectionAtAnyMoment(t *testing.T) {
	l, c := rawPair(t, Config{})
	far := <-l.Accept()
	go echoConn(far)
	var streams []*Stream
	for i := range 20 {
		s := openStream(t, c, i%4 == 3)
		streams = append(streams, s)
		go order(s, Write{B: pattern(100_000 * i)})
	}
	ended := make(chan error, len(streams))
	for _, s := range streams {
		go func() {
			_, _, err := collect(s)
			ended <- err
		}()
	}
	closeConn(t, c, 1)
	for range streams {
		if err := <-ended; err == nil {
			t.Error("an unfinished stream ended well")
		}
	}
}
