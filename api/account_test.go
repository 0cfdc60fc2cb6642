package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"quicpro/engine"
)

// What the documentation says that errors match, in its order of asking: ErrClosed comes before *ConnectionError, for some
// of the closed are both.
func TestSpecialErrorsAreConnectionErrorsToo(t *testing.T) {
	begun := make(chan bool, 1)
	d := demo(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
	})
	fails := func(what string, c *Client, address string, want error) {
		t.Helper()
		_, err := c.Get(within(t), address)
		var conn *ConnectionError
		if !errors.Is(err, want) || !errors.As(err, &conn) {
			t.Errorf("%s: %v, want %v and a *ConnectionError", what, err, want)
		}
	}
	e := engine.New(engine.Options{})
	c := &Client{TLS: d.Client.TLS, Engine: e}
	go func() {
		<-begun
		_ = e.Close()
	}()
	fails("an engine closed under the request", c, d.URL, ErrClosed)
	fails("an engine that is closed", c, d.URL, ErrClosed)
	hasty := &Client{TLS: d.Client.TLS, IdleTimeout: 200 * time.Millisecond}
	defer hasty.Close()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	fails("an idle timeout", hasty, "https://"+silent.LocalAddr().String(), ErrTimeout)
	address := silent.LocalAddr().String()
	_ = silent.Close()
	fails("a refused dial", hasty, "https://"+address, ErrRefused)
}

func TestDeadlinesOfContextsAreTimeoutsAndCausesAreNot(t *testing.T) {
	d := demo(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := d.Client.Get(ctx, d.URL); !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
	why := errors.New("enough")
	ctx, cancel = context.WithTimeoutCause(t.Context(), 30*time.Millisecond, why)
	defer cancel()
	if _, err := d.Client.Get(ctx, d.URL); errors.Is(err, ErrTimeout) || !errors.Is(err, why) {
		t.Errorf("a cause: %v", err)
	}
}

func TestWhatClientsSeeOfAShutdown(t *testing.T) {
	begun := make(chan bool, 100)
	d := demo(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
	})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: d.Server.Handler, TLSConfig: d.Server.TLSConfig}
	served, down, cut := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Serve(pc) }()
	address := "https://" + pc.LocalAddr().String()
	go func() {
		_, err := d.Client.Post(within(t), address, "text/plain", strings.NewReader("x"))
		cut <- err
	}()
	<-begun
	go func() { down <- s.Shutdown(within(t)) }()
	if err := <-served; err != http.ErrServerClosed { // at once: a request is still running
		t.Errorf("Serve returned %v", err)
	}
	select {
	case err := <-down:
		t.Errorf("Shutdown did not wait: %v", err)
	default:
	}
	late := &Client{TLS: d.Client.TLS}
	defer late.Close()
	var conn *ConnectionError
	for { // the sockets hear of it a moment after Serve
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err = late.Get(ctx, address)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			break
		}
		late.CloseIdleConnections()
	}
	if !errors.As(err, &conn) || conn.Code != 0x2 || conn.App || !conn.Remote || errors.Is(err, ErrRefused) {
		t.Errorf("a dial meanwhile: %v", err)
	}
	_ = s.Close()
	if err := <-cut; !errors.As(err, &conn) || conn.Code != 0x100 || !conn.App || !conn.Remote {
		t.Errorf("a request that Close cut off: %v", err)
	}
	<-down
}

func TestAHandlerSeesTheClientsReset(t *testing.T) {
	begun, ended := make(chan bool), make(chan error, 1)
	d := demo(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- true
		_, err := io.ReadAll(r.Body)
		ended <- err
	})
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		<-begun
		cancel()
	}()
	upload, end := io.Pipe()
	defer end.Close()
	_, _ = d.Client.Post(ctx, d.URL, "text/plain", upload)
	var stream *StreamError
	if err := <-ended; !errors.As(err, &stream) || !stream.Remote {
		t.Errorf("Body.Read said: %v", err)
	}
}
