package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/engine"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// served runs a server, changed by change, for one test.
func served(t *testing.T, handler http.HandlerFunc, change func(*Server)) (url string) {
	t.Helper()
	cert, err := ThrowawayCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: log.New(io.Discard, "", 0)}
	change(s)
	go func() { _ = s.Serve(pc) }()
	t.Cleanup(func() { _ = s.Close() })
	return "https://" + pc.LocalAddr().String()
}

// trusting is a client that trusts everybody.
func trusting(t *testing.T) *Client {
	c := &Client{TLS: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw is a peer that writes its request streams by hand.
type raw struct {
	t      *testing.T
	c      *engine.Conn
	opened chan *engine.Stream
}

func dialRaw(t *testing.T, url string) raw {
	t.Helper()
	addr := netip.MustParseAddrPort(strings.TrimPrefix(url, "https://"))
	c, err := engine.Default().Dial(within(t), addr, engine.Config{TLS: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := raw{t, c, make(chan *engine.Stream, 1)}
	var all sync.WaitGroup
	all.Go(func() {
		for e := range c.Events() {
			switch e := e.(type) {
			case engine.Opened:
				r.opened <- e.Stream
			case engine.Accepted: // the server's control streams
				all.Go(func() { _, _ = read(e.Stream) })
			}
		}
	})
	end := func() {
		select {
		case c.Commands() <- engine.CloseConn{Code: uint64(h3wire.CodeNoError)}:
		case <-c.Done():
		}
	}
	limit := time.AfterFunc(10*time.Second, end) // a server that says nothing
	t.Cleanup(func() {
		limit.Stop()
		end()
		all.Wait()
	})
	return r
}

// request writes b on a new stream, ends it if fin, and returns what came back until the peer ended its half.
func (r raw) request(b []byte, fin bool) (answer []byte, ended error) {
	r.t.Helper()
	r.c.Commands() <- engine.OpenStream{}
	s := <-r.opened
	order(s, engine.Write{B: b, Fin: fin})
	return read(s)
}

// read takes what comes on a stream until it has ended; with the peer's half ours ends too.
func read(s *engine.Stream) (b []byte, ended error) {
	for e := range s.Events() {
		switch e := e.(type) {
		case engine.Received:
			for _, p := range e.Pieces {
				b = append(b, p...)
			}
			e.Release()
		case engine.ReadEnded:
			ended = e.Err
			order(s, engine.ResetStream{Code: uint64(h3wire.CodeRequestCancelled)})
		}
	}
	return b, ended
}

func order(s *engine.Stream, c engine.StreamCommand) {
	select {
	case s.Commands() <- c:
	case <-s.Done():
	}
}

// head is a HEADERS frame.
func head(fields ...string) []byte {
	section := qpackwire.AppendSectionPrefix(nil)
	for i := 0; i < len(fields); i += 2 {
		section = qpackwire.AppendFieldLine(section, fields[i], fields[i+1], false)
	}
	return h3wire.AppendFrame(nil, h3wire.FrameHeaders, section)
}

func post(more ...string) []byte {
	return head(append([]string{":method", "POST", ":scheme", "https", ":authority", "a", ":path", "/"}, more...)...)
}

func resetCode(err error) uint64 {
	var reset *engine.StreamError
	if !errors.As(err, &reset) || !reset.Remote {
		return 0
	}
	return reset.Code
}

func TestReadHeaderTimeoutEndsAHeadThatDoesNotCome(t *testing.T) {
	url := served(t, func(http.ResponseWriter, *http.Request) { t.Error("a handler ran") }, func(s *Server) { s.ReadHeaderTimeout = 100 * time.Millisecond })
	whole := post()
	began := time.Now()
	_, err := dialRaw(t, url).request(whole[:len(whole)-1], false)
	if took := time.Since(began); resetCode(err) != uint64(h3wire.CodeRequestCancelled) || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func TestMaxConnsRefusesWithItsCode(t *testing.T) {
	url := served(t, func(http.ResponseWriter, *http.Request) {}, func(s *Server) { s.MaxConns = 1 })
	resp, err := trusting(t).Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_, err = trusting(t).Get(within(t), url)
	var refused *ConnectionError
	if !errors.As(err, &refused) || refused.Code != 2 || refused.App || !refused.Remote || errors.Is(err, ErrRefused) {
		t.Errorf("a second connection: %v", err)
	}
}

func TestContentLengthIsCheckedAtEveryEnd(t *testing.T) {
	type read struct {
		n   int
		err error
	}
	reads := make(chan read, 1)
	written := make(chan error, 1)
	url := served(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "short")
		case "/long":
			w.Header().Set("Content-Length", "4")
			_, err := io.WriteString(w, "longer")
			written <- err
			_, _ = io.WriteString(w, "long")
		default:
			b, err := io.ReadAll(r.Body)
			reads <- read{len(b), err}
		}
	}, func(*Server) {})
	client := trusting(t)

	// What the handler writes.
	resp, err := client.Get(within(t), url+"/short")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	var stream *StreamError
	if !errors.As(err, &stream) || !stream.Remote {
		t.Errorf("a response shorter than its Content-Length: %v", err)
	}
	if resp, err = client.Get(within(t), url+"/long"); err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "long" || !errors.Is(<-written, http.ErrContentLength) {
		t.Errorf("a response longer than its Content-Length: %q", got)
	}

	// What the caller sends.
	for length, b := range map[int64]string{10: "short", 2: "longer"} {
		req, _ := http.NewRequestWithContext(within(t), "POST", url, io.MultiReader(strings.NewReader(b)))
		req.ContentLength = length
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "ContentLength") {
			t.Errorf("a request of %d bytes with a ContentLength of %d: %v", len(b), length, err)
		}
		select { // the handler may have run, and must not have seen a complete body
		case got := <-reads:
			if got.err == nil {
				t.Errorf("the handler saw a complete body of %d bytes, announced as %d", got.n, length)
			}
		case <-time.After(50 * time.Millisecond):
		}
	}

	// What a peer sends that counts wrong.
	for length, b := range map[string]string{"10": "short", "2": "longer", "+5": "plus!", "5, 5": "twice"} {
		message := h3wire.AppendFrame(post("content-length", length), h3wire.FrameData, []byte(b))
		if _, err := dialRaw(t, url).request(message, true); resetCode(err) != uint64(h3wire.CodeMessageError) {
			t.Errorf("content-length: %s and %d bytes: %v", length, len(b), err)
		}
		select {
		case got := <-reads:
			if got.err == nil {
				t.Errorf("content-length: %s: the handler saw a complete body of %d bytes", length, got.n)
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A certificate chain of 20 KB is six times what a server may send before the client's address is validated.
func TestACertificateChainBeyondTheAmplificationLimit(t *testing.T) {
	url := served(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }, func(s *Server) {
		names := make([]string, 400)
		for i := range names {
			names[i] = strings.Repeat("n", 40) + string(rune('a'+i%26)) + ".example"
		}
		cert, err := ThrowawayCertificate(append(names, "127.0.0.1")...)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(cert.Certificate[0]); n < 20_000 {
			t.Fatalf("the certificate has %d bytes only", n)
		}
		s.TLSConfig.Certificates = []tls.Certificate{cert}
	})
	resp, err := trusting(t).Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "ok" {
		t.Errorf("got %q", got)
	}
}

func TestCookiesAreKeptByAnHTTPClient(t *testing.T) {
	url := served(t, func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("seen"); err == nil {
			_, _ = io.WriteString(w, c.Value)
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "before"})
	}, func(*Server) {})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: trusting(t).RoundTripper(), Jar: jar}
	for _, want := range []string{"", "before"} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, resp); got != want {
			t.Errorf("the server saw the cookie %q, want %q", got, want)
		}
	}
}

func TestTimeoutsAndLimitsReachTheEngine(t *testing.T) {
	ok := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	}
	// Each side's IdleTimeout ends the connection: the next request comes from another port.
	for side, c := range map[string]struct {
		server func(*Server)
		client time.Duration
	}{
		"server": {func(s *Server) { s.IdleTimeout = 500 * time.Millisecond }, 0},
		"client": {func(*Server) {}, 500 * time.Millisecond},
	} {
		url := served(t, ok, c.server)
		tr := &Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, IdleTimeout: c.client}
		defer tr.Close()
		from := func() string {
			req, _ := http.NewRequestWithContext(within(t), "GET", url, nil)
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			return body(t, resp)
		}
		var first string
		for atOnce := false; !atOnce; { // not where the machine was busy with something else in between
			began := time.Now()
			first = from()
			again := from()
			if atOnce = time.Since(began) < 500*time.Millisecond; atOnce && again != first {
				t.Errorf("%s: at once, a connection from %s and another from %s", side, first, again)
			}
			first = again
		}
		time.Sleep(time.Second) // it is the silence that is tested
		if again := from(); again == first {
			t.Errorf("the %s's IdleTimeout did not end the connection", side)
		}
	}
}

// A Logger hears of connections and QlogDir gets their files, on either side.
func TestLoggersAndQlogOnEitherSide(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		var log lines
		logger, dir := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), t.TempDir()
		s := &Server{}
		url := served(t, func(http.ResponseWriter, *http.Request) {}, func(real *Server) {
			if side == "server" {
				real.Logger, real.QlogDir = logger, dir
			}
			s = real
		})
		client := &Client{TLS: &tls.Config{InsecureSkipVerify: true}}
		if side == "client" {
			client.Logger, client.QlogDir = logger, dir
		}
		resp, err := client.Get(within(t), url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		_ = client.Close()
		_ = s.Close()
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 || !strings.Contains(files[0].Name(), side) {
			t.Errorf("%s: qlog files %v, %v", side, files, err)
		}
		if log.count() == 0 {
			t.Errorf("%s: nothing was logged", side)
		}
	}
}

// lines counts what a logger writes, from any goroutine.
type lines struct {
	mu sync.Mutex
	n  int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return len(p), nil
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func TestConnContextIsTheParentOfARequests(t *testing.T) {
	type key struct{}
	url := served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Context().Value(key{}).(string))
	}, func(s *Server) {
		s.ConnContext = func(ctx context.Context, remote net.Addr) context.Context {
			return context.WithValue(ctx, key{}, remote.Network())
		}
	})
	resp, err := trusting(t).Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "udp" {
		t.Errorf("the handler's context says %q", got)
	}
}

// Small rules of HTTP semantics, each seen by the other side.
func TestSmallRules(t *testing.T) {
	url := served(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/101": // RFC 9114 s4.5
			w.WriteHeader(http.StatusSwitchingProtocols)
			_, _ = io.WriteString(w, "went on")
		case "/304": // RFC 9110 s8.6: the length of what was not sent
			w.Header().Set("Content-Length", "1234")
			w.WriteHeader(http.StatusNotModified)
		case "/range":
			_, _ = io.WriteString(w, r.Header.Get("Accept-Encoding"))
		case "/past":
			c := http.NewResponseController(w)
			_ = c.SetReadDeadline(time.Now().Add(-time.Second))
			_, err := r.Body.Read(make([]byte, 1))
			_, _ = io.WriteString(w, errors.Join(err).Error())
		}
	}, func(*Server) {})
	client := trusting(t)
	do := func(method, path string, b io.Reader, header ...string) (*http.Response, string) {
		req, _ := http.NewRequestWithContext(within(t), method, url+path, b)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return resp, body(t, resp)
	}
	if resp, got := do("GET", "/101", nil); resp.StatusCode != 200 || got != "went on" {
		t.Errorf("after WriteHeader(101): %d %q", resp.StatusCode, got)
	}
	if resp, got := do("GET", "/304", nil); got != "" || resp.Header.Get("Content-Length") != "1234" {
		t.Errorf("304: %q, Content-Length %q", got, resp.Header.Get("Content-Length"))
	}
	if _, got := do("GET", "/range", nil); got != "gzip" {
		t.Errorf("Accept-Encoding %q", got)
	}
	if _, got := do("GET", "/range", nil, "Range", "bytes=0-1"); got != "" {
		t.Errorf("with Range: Accept-Encoding %q", got)
	}
	if _, got := do("POST", "/past", strings.NewReader("there")); got != os.ErrDeadlineExceeded.Error() {
		t.Errorf("a read past its deadline: %q", got)
	}
}

// Idle connections are closed, those with a request are not.
func TestCloseIdleConnectionsSparesThoseAtWork(t *testing.T) {
	release := make(chan bool)
	url := served(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, r.RemoteAddr)
	}, func(*Server) {})
	client := trusting(t)
	resp, err := client.Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	other, err := client.Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	if a, b := body(t, resp), body(t, other); a == "" || a != b {
		t.Errorf("a busy connection was replaced: requests from %q and %q", a, b)
	}
}
