package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

func TestCancellingTheContextEndsTheHandlers(t *testing.T) {
	ended := make(chan error, 1)
	begun := make(chan bool, 1)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "some")
			w.(http.Flusher).Flush()
		}
		begun <- true
		<-r.Context().Done()
		ended <- r.Context().Err()
	})
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancelCause(within(t))
		why := errors.New("changed my mind")
		go func() {
			<-begun
			if path == "/head" {
				cancel(why)
			}
		}()
		resp, err := d.Client.Get(ctx, d.URL+path)
		if path == "/body" {
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 4)
			if _, err := io.ReadFull(resp.Body, b); err != nil {
				t.Fatal(err)
			}
			cancel(why)
			_, err = resp.Body.Read(b)
			if !errors.Is(err, why) {
				t.Errorf("%s: reading after the cancellation: %v", path, err)
			}
			_ = resp.Body.Close()
		} else if !errors.Is(err, why) {
			t.Errorf("%s: %v", path, err)
		}
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("%s: the handler's context has no error", path)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the handler's context goes on", path)
		}
	}
}

// What came before a handler asked for its context's end may be two answers: to its Flush, and the last.
func TestAContextThatIsAskedForLateEndsToo(t *testing.T) {
	asked := false
	s := &Server{}
	x := oneGet()
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		x.Writes.Send(&port.Sent{Last: true, Err: errors.New("the client has gone")})
		asked = true
		select {
		case <-r.Context().Done():
		default:
			t.Error("the handler's context goes on")
		}
	})
	s.task(newScripted("client", nil), x)()
	if !asked {
		t.Error("the handler has not run")
	}
}

// A goroutine that an aborted handler has left behind may still write: that is an error, not the end of the program.
func TestNobodyWritesBehindAnAbortedHandler(t *testing.T) {
	for what, write := range map[string]func(http.ResponseWriter) error{
		"Write": func(w http.ResponseWriter) error { _, err := w.Write([]byte("late")); return err },
		"ReadFrom": func(w http.ResponseWriter) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
			return err
		},
		"FlushError": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		var late http.ResponseWriter
		s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			late = w
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		})}
		c := newScripted("client", nil)
		s.task(c, oneGet())()
		if err := write(late); err != errHandlerReturned || c.chunks.Out() != 0 {
			t.Errorf("%s: %v, %d chunks are not home", what, err, c.chunks.Out())
		}
	}
}

// Memory that a reader was given to fill is not another response's while it does so, though its handler has returned and left it behind.
func TestAReaderThatWasLeftBehindHasItsMemoryToItself(t *testing.T) {
	for what, begin := range map[string]func(http.ResponseWriter){
		"nothing written":   func(http.ResponseWriter) {},
		"something written": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "early") },
		"all flushed":       func(w http.ResponseWriter) { _, _ = io.WriteString(w, "early"); w.(http.Flusher).Flush() },
		"more than a chunk": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 3*actor.ChunkHuge)) },
		"aborted":           func(w http.ResponseWriter) { _, _ = io.WriteString(w, "early") },
	} {
		reading, goOn, copied := make(chan bool), make(chan bool), make(chan error)
		s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			go func() {
				_, err := w.(io.ReaderFrom).ReadFrom(readerFunc(func(p []byte) (int, error) {
					reading <- true
					<-goOn
					return copy(p, "late"), nil
				}))
				copied <- err
			}()
			<-reading
			if what == "aborted" {
				panic(http.ErrAbortHandler)
			}
		})}
		c := newScripted("client", nil)
		s.task(c, oneGet())()
		if n := c.chunks.Out(); n != 1 {
			t.Errorf("%s: %d chunks are not home while a reader fills one", what, n)
		}
		goOn <- true
		if err := <-copied; err != errHandlerReturned || c.chunks.Out() != 0 {
			t.Errorf("%s: %v, %d chunks are not home", what, err, c.chunks.Out())
		}
	}
}

// stuck is a writer that takes its first bytes and does not come back with them until it is told to.
type stuck struct{ begun, goOn chan bool }

func newStuck() stuck { return stuck{make(chan bool), make(chan bool)} }

func (s stuck) Write(p []byte) (int, error) {
	s.begun <- true
	<-s.goOn
	return len(p), nil
}

// A proxy's backend that answers early may not take what a goroutine goes on copying to it: the response is not late for that.
func TestAResponseEndsThoughSomebodyCopiesTheRequest(t *testing.T) {
	copied := make(chan error, 1)
	to := newStuck()
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		go func() {
			_, err := io.Copy(to, r.Body)
			copied <- err
		}()
		<-to.begun
		if _, err := r.Body.Read(make([]byte, 1)); err != errCopied {
			t.Errorf("a second reader gets %v", err)
		}
		_, _ = io.WriteString(w, "early")
	})
	resp, err := d.Client.Post(within(t), d.URL+"/", "x/y", strings.NewReader("a body"))
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "early" {
		t.Errorf("got %q", got)
	}
	to.goOn <- true
	if err := <-copied; err != http.ErrBodyReadAfterClose {
		t.Errorf("the copying ends with %v", err)
	}
}

// Who closes a body does not wait for who copies it.
func TestABodyIsClosedWhileSomebodyCopiesIt(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) })
	resp, to, copied := get(t, d, "/"), newStuck(), make(chan error, 1)
	go func() {
		_, err := io.Copy(to, resp.Body)
		copied <- err
	}()
	<-to.begun
	_ = resp.Body.Close()
	to.goOn <- true
	if err := <-copied; err != http.ErrBodyReadAfterClose {
		t.Errorf("the copying ends with %v", err)
	}
}

func TestAHandlerClosesABodyThatSomebodyCopies(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		to, copied := newStuck(), make(chan error, 1)
		go func() {
			_, err := io.Copy(to, r.Body)
			copied <- err
		}()
		<-to.begun
		_ = r.Body.Close()
		close(to.goOn)
		for more := 0; ; more++ {
			select {
			case <-to.begun:
			case err := <-copied:
				if err != http.ErrBodyReadAfterClose || more > 0 {
					t.Errorf("%d pieces more, and the copying ends with %v", more, err)
				}
				return
			}
		}
	})
	resp, err := d.Client.Post(within(t), d.URL+"/", "x/y", bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
}

func TestAPieceThatIsBeingCopiedIsNotReused(t *testing.T) {
	c := newScripted("client", nil)
	k := c.chunks.Get(10)
	k.B = append(k.B, "a body"...)
	var lock longLock
	in := incoming{conn: c, x: port.NewExchange(nil)}
	in.accept(&port.Delivery{Pieces: []port.Piece{{B: k.B, Chunk: k}}, Last: true})
	to, copied := newStuck(), make(chan error, 1)
	go func() {
		lock.Lock()
		defer lock.Unlock()
		_, err := in.writeTo(to, &lock, nil)
		copied <- err
	}()
	<-to.begun
	lock.Lock()
	in.drain()
	lock.Unlock()
	if n := c.chunks.Out(); n != 1 {
		t.Errorf("%d chunks are not home while one is copied", n)
	}
	to.goOn <- true
	if err := <-copied; err != http.ErrBodyReadAfterClose || c.chunks.Out() != 0 {
		t.Errorf("%v, %d chunks are not home", err, c.chunks.Out())
	}
}

// A handler that waits for its context is one goroutine: nobody else waits for the word that ends it.
func TestAWaitingHandlerIsOneGoroutine(t *testing.T) {
	const requests = 50
	begun := make(chan bool, requests)
	ctx, cancel := context.WithCancel(within(t))
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		done := r.Context().Done()
		begun <- true
		<-done
	})
	_ = body(t, get(t, d, "/"))
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range requests {
		all.Go(func() { _, _ = d.Client.Get(ctx, d.URL+"/wait") })
	}
	for range requests {
		<-begun
	}
	// A caller each, a handler each, and what the connection's rooms run on.
	if n := runtime.NumGoroutine() - before; n > 2*requests+requests/2 {
		t.Errorf("%d requests are %d goroutines", requests, n)
	}
	cancel()
	all.Wait()
}

func TestClosingTheBodyEarlyEndsTheHandler(t *testing.T) {
	ended := make(chan error, 1)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 10_000)
		for {
			if _, err := w.Write(b); err != nil {
				ended <- err
				return
			}
		}
	})
	resp := get(t, d, "/")
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	var stream *StreamError
	if err := <-ended; !errors.As(err, &stream) || stream.Code != 0x10c || !stream.Remote {
		t.Errorf("the handler's Write said: %v", err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("reading after Close: %v", err)
	}
	if resp := get(t, d, "/"); resp.Body.Close() != nil {
		t.Error("the connection did not survive")
	}
	<-ended
}

// A client that loses interest is no fault of the handler's: only the handler that stops by itself is told about.
func TestACancelledDownloadIsNotLogged(t *testing.T) {
	for path, complaints := range map[string]int{"/writes": 0, "/waits": 0, "/reads": 0, "/deadline": 0, "/stops": 1} {
		var logged bytes.Buffer
		d := demo(t, nil)
		s := &Server{TLSConfig: d.Server.TLSConfig, ErrorLog: log.New(&logged, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			w.Header().Set("Content-Length", "100000000")
			_ = control.Flush()
			switch path {
			case "/waits":
				<-r.Context().Done()
			case "/reads":
				_, _ = io.Copy(io.Discard, r.Body)
			case "/deadline":
				_ = control.SetWriteDeadline(time.Now())
			}
			b := make([]byte, 1<<16)
			for err := error(nil); err == nil && (path == "/writes" || path == "/deadline"); {
				_, err = w.Write(b)
			}
		})}
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = s.Serve(pc) }()
		defer s.Close()
		upload, end := io.Pipe()
		resp, err := d.Client.Post(within(t), "https://"+pc.LocalAddr().String()+path, "text/plain", upload)
		switch {
		case err == nil && complaints > 0:
			_, _ = io.Copy(io.Discard, resp.Body)
			fallthrough
		case err == nil:
			_ = resp.Body.Close()
		case path != "/deadline": // there the reset may overtake the head
			t.Error(err)
		}
		_ = end.Close()
		if err := s.Shutdown(within(t)); err != nil { // it waits for the handler
			t.Fatal(err)
		}
		if got := logged.String(); strings.Count(got, "Content-Length") != complaints {
			t.Errorf("%s: logged %q", path, got)
		}
	}
}

// In virtual time: what comes before the time is over does not depend on the machine.
func TestTimeoutsAreTimeouts(t *testing.T) {
	const most = time.Second
	head := func(_ *scripted, x *port.Exchange) {
		x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":status", Value: "200"}}}, Length: 100})
	}
	silent := func(*scripted, *port.Exchange) {}
	for _, c := range []struct {
		name   string
		answer func(*scripted, *port.Exchange)
		std    bool // the time is an http.Client's
	}{
		{"head", silent, false},
		{"body", head, false},
		{"http.Client, head", silent, true},
		{"http.Client, body", head, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			client := &Client{}
			client.shared().dial = func(context.Context, netip.AddrPort, string) (exchanger, error) {
				return newScripted("server", c.answer), nil
			}
			get := func() (*http.Response, error) { return client.Get(t.Context(), "https://127.0.0.1/") }
			if client.Timeout = most; c.std {
				client.Timeout = 0
				get = func() (*http.Response, error) {
					return (&http.Client{Transport: client.RoundTripper(), Timeout: most}).Get("https://127.0.0.1/")
				}
			}
			resp, err := get()
			if (err == nil) != strings.HasSuffix(c.name, "body") {
				t.Fatalf("%s: %v", c.name, err)
			}
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, context.DeadlineExceeded) || !c.std && !errors.Is(err, ErrTimeout) {
				t.Errorf("%s: %v", c.name, err)
			}
			if took := time.Since(began); took != most {
				t.Errorf("%s: it took %v, want %v", c.name, took, most)
			}
			_ = client.Close()
		})
	}
}

func TestAnErrorOfTheRequestsBodyIsReported(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the handler saw a complete body")
		}
	})
	broken := errors.New("disk on fire")
	for name, b := range map[string]struct {
		r      io.Reader
		length int64
		want   string
	}{
		"error":     {io.MultiReader(strings.NewReader("begin"), failing{broken}), -1, "disk on fire"},
		"too short": {io.MultiReader(strings.NewReader("begin")), 9, "4 bytes early"},
		"too long":  {io.MultiReader(strings.NewReader("beginning")), 5, "longer"},
	} {
		sent := &watched{Reader: b.r}
		req, _ := http.NewRequestWithContext(within(t), "POST", d.URL, sent)
		req.ContentLength = b.length
		_, err := d.Client.Do(req)
		if err == nil || !strings.Contains(err.Error(), b.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestABodyNobodyReadsDoesNotHoldTheResponse(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "enough") })
	pr, pw := io.Pipe()
	go func() {
		b := make([]byte, 10_000)
		for {
			if _, err := pw.Write(b); err != nil {
				return
			}
		}
	}()
	resp, err := d.Client.Post(within(t), d.URL, "text/plain", pr)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "enough" {
		t.Errorf("got %q", got)
	}
	_ = pr.Close()
}

func TestMaxBytesReaderRefusesWhatIsTooLong(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1000)
		_, err := io.ReadAll(r.Body)
		var tooLong *http.MaxBytesError
		if !errors.As(err, &tooLong) {
			t.Errorf("reading said %v", err)
		}
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
	})
	resp, err := d.Client.Post(within(t), d.URL, "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); resp.StatusCode != http.StatusRequestEntityTooLarge || got != "too long\n" {
		t.Errorf("%s %q", resp.Status, got)
	}
}

func TestDeadlinesOfTheResponseController(t *testing.T) {
	results, begun := make(chan error, 2), make(chan bool)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		_, err := r.Body.Read(make([]byte, 1))
		results <- err
		_ = c.SetReadDeadline(time.Time{})
		_ = c.Flush()
		<-begun
		if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		b := make([]byte, 1<<20)
		for err = nil; err == nil; {
			_, err = w.Write(b)
		}
		results <- err
	})
	pr, pw := io.Pipe()
	defer pw.Close()
	resp, err := d.Client.Post(within(t), d.URL, "text/plain", pr)
	if err != nil {
		t.Fatal(err)
	}
	begun <- true
	for _, what := range []string{"reading", "writing"} {
		if err := <-results; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s past the deadline: %v", what, err)
		}
	}
	_ = resp.Body.Close()
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
		_, _ = io.WriteString(w, "finished")
	})
	type result struct {
		text string
		err  error
	}
	answer := make(chan result, 1)
	go func() {
		resp, err := d.Client.Get(t.Context(), d.URL)
		if err != nil {
			answer <- result{"", err}
			return
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answer <- result{string(b), err}
	}()
	<-begun
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := d.Server.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown with a running request and no patience: %v", err)
	}
	close(finish)
	if err := d.Server.Shutdown(within(t)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if r := <-answer; r.err != nil || r.text != "finished" {
		t.Errorf("the running request got %q, %v", r.text, r.err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Server.Serve(pc); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// A handler whose client has gone runs on: it may be in the middle of something.
func TestShutdownWaitsForHandlersWithoutAClient(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	var finished atomic.Bool
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
		<-finish
		finished.Store(true)
	})
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := d.Client.Get(ctx, d.URL)
		answer <- err
	}()
	<-begun
	cancel()
	if err := <-answer; err == nil {
		t.Error("a cancelled request got an answer")
	}
	_ = d.Client.Close()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.Server.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown beside a running handler: %v", err)
	}
	down := make(chan error, 2)
	for range cap(down) {
		go func() { down <- d.Server.Shutdown(within(t)) }()
	}
	close(finish)
	for range cap(down) {
		if err := <-down; err != nil || !finished.Load() {
			t.Errorf("Shutdown: %v, the handler has returned: %v", err, finished.Load())
		}
	}
}

func TestClosingTheServerFailsTheRequest(t *testing.T) {
	begun := make(chan bool, 8)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
	})
	go func() {
		<-begun
		_ = d.Server.Close()
	}()
	// POST: a request that must not be sent twice.
	_, err := d.Client.Post(within(t), d.URL, "text/plain", strings.NewReader("x"))
	var conn *ConnectionError
	if !errors.As(err, &conn) || !conn.Remote || !conn.App || conn.Code != 0x100 {
		t.Errorf("%#v: %v", conn, err)
	}
}

func TestClosingTheClientFailsTheRequest(t *testing.T) {
	begun := make(chan bool, 8)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
	})
	go func() {
		<-begun
		_ = d.Client.Close()
	}()
	if _, err := d.Client.Get(within(t), d.URL); !errors.Is(err, ErrClosed) {
		t.Errorf("under the request: %v", err)
	}
	if _, err := d.Client.Get(within(t), d.URL); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestADeadConnectionIsReplaced(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	first := body(t, get(t, d, "/"))
	d.Client.CloseIdleConnections()
	if second := body(t, get(t, d, "/")); first == second {
		t.Error("the same connection after CloseIdleConnections")
	}
	// The server closes: the client's next request finds a dead connection and a new server at the old address.
	addr := strings.TrimPrefix(d.URL, "https://")
	if err := d.Server.Close(); err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Skip("the port was taken by somebody else")
	}
	again := &Server{Handler: d.Server.Handler, TLSConfig: d.Server.TLSConfig}
	go func() { _ = again.Serve(pc) }()
	defer again.Close()
	if got := body(t, get(t, d, "/")); got == "" {
		t.Error("no answer from the new server")
	}
}

// readerFunc is a reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
