package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

func dialFails(t *testing.T, e *Engine, to netip.AddrPort, cfg H3Config) *port.Cause {
	t.Helper()
	h, err := e.DialH3(within(t, 8*time.Second), to, cfg)
	var cause *port.Cause
	if err == nil || h != nil || !errors.As(err, &cause) {
		t.Fatalf("dialled: %v, %v", h, err)
	}
	return cause
}

func TestHandshakesThatFail(t *testing.T) {
	e := newTestEngine(t)
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	cause := dialFails(t, e, l.Addr(), H3Config{TLS: clientTLS("hq")})
	const noProtocol = 0x100 + 120
	if cause.Code != noProtocol {
		t.Errorf("wrong ALPN: %v", cause)
	}
	cause = dialFails(t, e, l.Addr(), H3Config{TLS: &tls.Config{ServerName: "localhost"}})
	var authority x509.UnknownAuthorityError
	if cause.Why != port.Ours || !errors.As(cause, &authority) {
		t.Errorf("untrusted: %v", cause)
	}
	named := clientTLS()
	named.ServerName = "example.com"
	cause = dialFails(t, e, l.Addr(), H3Config{TLS: named})
	var name x509.HostnameError
	if !errors.As(cause, &name) {
		t.Errorf("another name: %v", cause)
	}
}

func TestNobodyAnswers(t *testing.T) {
	e := newTestEngine(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := silent.LocalAddr().(*net.UDPAddr).AddrPort()
	cause := dialFails(t, e, to, H3Config{TLS: clientTLS(), HandshakeTimeout: 300 * time.Millisecond})
	if cause.Why != port.TimedOut {
		t.Errorf("a silent port: %v", cause)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.DialH3(ctx, to, H3Config{TLS: clientTLS()}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled dial: %v", err)
	}
	_ = silent.Close()
	cause = dialFails(t, e, to, H3Config{TLS: clientTLS()})
	if cause.Why != port.Refused {
		t.Errorf("a refused port: %v", cause)
	}
}

func TestAClientBeyondMaxConnsIsRefused(t *testing.T) {
	e := newTestEngine(t)
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), MaxConns: 1}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	first, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	cause := dialFails(t, e, l.Addr(), H3Config{TLS: clientTLS()})
	if cause.Why != port.Theirs || cause.App || wire.ErrorCode(cause.Code) != wire.ConnectionRefused {
		t.Errorf("refused with %v", cause)
	}
	if _, _, err := fetch(t, first, "GET", "/blob/10", nil); err != nil {
		t.Errorf("the first connection suffers: %v", err)
	}
}

func TestGarbageBesidesAConnection(t *testing.T) {
	e := newTestEngine(t)
	l, h := h3Pair(t, e, answerer)
	noise, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer noise.Close()
	for i := range 500 {
		b := pattern(i * 3 % 1500)
		if len(b) > 0 {
			b[0] = byte(i)
		}
		if _, err := noise.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, got, err := fetch(t, h, "GET", "/blob/100000", nil); err != nil || len(got) != 100_000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	e := newTestEngine(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	l, h := h3Pair(t, e, func(h *H3Conn, x *port.Exchange) {
		close(entered)
		<-leave
		answerer(h, x)
	})
	answer := make(chan error, 1)
	go func() {
		_, got, err := fetch(t, h, "GET", "/blob/1000", nil)
		if err == nil && len(got) != 1000 {
			err = fmt.Errorf("%d bytes", len(got))
		}
		answer <- err
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- l.Shutdown(within(t, 5*time.Second)) }()
	for h.Usable() {
		time.Sleep(time.Millisecond) // until the GOAWAY is here
	}
	if _, _, err := fetch(t, h, "GET", "/blob/1", nil); !errors.Is(err, port.ErrGoaway) {
		t.Errorf("a request after GOAWAY: %v", err)
	}
	close(leave)
	if err := <-answer; err != nil {
		t.Errorf("the request in progress: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	<-h.Done()
	if cause := h.Cause(); !cause.App || cause.Code != uint64(h3wire.CodeNoError) {
		t.Errorf("closed by %v", cause)
	}
}

func TestCloseTellsThePeerAndEveryWaiter(t *testing.T) {
	e := newTestEngine(t)
	entered := make(chan struct{})
	var handlers sync.WaitGroup
	handlers.Add(1)
	l, h := h3Pair(t, e, func(h *H3Conn, x *port.Exchange) {
		defer handlers.Done()
		close(entered)
		<-h.Context().Done()
		x.CancelOrder.HandlerDone = true
		h.Cancel(x)
	})
	answer := make(chan error, 1)
	go func() {
		_, _, err := fetch(t, h, "GET", "/", nil)
		answer <- err
	}()
	<-entered
	_ = l.Close()
	var cause *port.Cause
	if err := <-answer; !errors.As(err, &cause) || cause.Why != port.Theirs || cause.Code != uint64(h3wire.CodeNoError) {
		t.Errorf("the request ends with %v", err)
	}
	handlers.Wait()
	<-h.Done()
	if _, err := h.Exchange(t.Context()); err == nil {
		t.Error("a dead connection gives an exchange")
	}
}

// survives checks that a panic on one connection of a server ends it, and no other.
func survives(t *testing.T, inject func(server *H3Conn)) (victim *port.Cause) {
	t.Helper()
	e := New(Options{Logger: quiet()})
	var mu sync.Mutex
	var conns []*H3Conn
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(func(h *H3Conn, x *port.Exchange) {
		mu.Lock()
		conns = append(conns, h)
		mu.Unlock()
		answerer(h, x)
	}))
	if err != nil {
		t.Fatal(err)
	}
	var clients [2]*H3Conn
	for i := range clients {
		if clients[i], err = e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS(), IdleTimeout: 5 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fetch(t, clients[i], "GET", "/blob/1", nil); err != nil {
			t.Fatal(err)
		}
	}
	inject(conns[0])
	<-conns[0].Done()
	if cause := conns[0].Cause(); cause.Why != port.Panicked || cause.Err == nil {
		t.Errorf("the server's connection died of %v", cause)
	}
	// Whatever the client sends now is answered by the end.
	_, _, _ = fetch(t, clients[0], "GET", "/blob/1", nil)
	<-clients[0].Done()
	if _, got, err := fetch(t, clients[1], "GET", "/blob/50000", nil); err != nil || len(got) != 50_000 {
		t.Errorf("another connection suffers: %d bytes, %v", len(got), err)
	}
	_ = e.Close()
	for range 2000 {
		if o := e.Outstanding(); o.Rooms == 0 && o.Connections == 0 && o.Sockets == 0 {
			return clients[0].Cause()
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("not at home: %+v", e.Outstanding())
	return clients[0].Cause()
}

func TestAPanicStaysInItsConnection(t *testing.T) {
	t.Run("h3", func(t *testing.T) {
		cause := survives(t, func(h *H3Conn) { h.c.app.toUpper.Send(&port.Open{}) })
		if cause.Why != port.Theirs || wire.ErrorCode(cause.Code) != wire.InternalError {
			t.Errorf("the client saw %v", cause)
		}
	})
	t.Run("conn", func(t *testing.T) {
		cause := survives(t, func(h *H3Conn) { h.c.app.toConn.Send(&port.Push{}) })
		if cause.Why != port.Reset {
			t.Errorf("the client saw %v", cause)
		}
	})
	t.Run("protect", func(t *testing.T) {
		cause := survives(t, func(h *H3Conn) {
			h.c.fromReader.Send(&port.TxBatch{Packets: []port.TxPacket{{Off: -1, Level: wire.LevelApp}}})
		})
		if cause.Why != port.Reset {
			t.Errorf("the client saw %v", cause)
		}
	})
	t.Run("stream", func(t *testing.T) {
		cause := survives(t, func(h *H3Conn) {
			h.c.streams.mu.Lock()
			r := h.c.streams.live[0]
			h.c.streams.mu.Unlock()
			r.room.Port("supervisor>stream", 1).Send(&port.Deliver{Spans: []port.Span{{B: []byte("x")}}})
		})
		if cause.Why != port.Theirs || wire.ErrorCode(cause.Code) != wire.InternalError {
			t.Errorf("the client saw %v", cause)
		}
	})
}

func TestAPanicInATLSCallbackStaysInItsConnection(t *testing.T) {
	e := New(Options{Logger: quiet()})
	defer func() { _ = e.Close() }()
	var once atomic.Bool
	config := serverTLS("h3")
	inner := config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if !once.Swap(true) {
			panic("a callback")
		}
		return inner, nil
	}
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: config}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	dialFails(t, e, l.Addr(), H3Config{TLS: clientTLS()})
	h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetch(t, h, "GET", "/blob/1", nil); err != nil {
		t.Error(err)
	}
}

// Whoever forgets to return what answers a request is told so, and loses one connection.
func TestAHandlerThatReturnsNothing(t *testing.T) {
	e := New(Options{Logger: quiet()})
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, func(*H3Conn, *port.Exchange) func() { return nil })
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	c := e.of(l.l.s)[0]
	if _, _, err := fetch(t, h, "GET", "/", nil); err == nil {
		t.Error("a request was answered by nobody")
	}
	<-c.done
	if cause := c.cause.Load(); cause.Why != port.Panicked || !strings.Contains(fmt.Sprint(cause.Err), "H3Handler returned nil") {
		t.Errorf("the connection died of %v", cause)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
