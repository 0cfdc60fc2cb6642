package api

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// text keeps what loggers write, from any goroutine.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *text) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Split(strings.TrimSuffix(t.b.String(), "\n"), "\n")
}

func debugLogger(t *text) *slog.Logger {
	return slog.New(slog.NewTextHandler(t, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// An operator who reads of a connection that failed, among others, is told whose it was.
func TestEveryLineNamesThePeer(t *testing.T) {
	var theirs, ours text
	closing := make(chan string, 1)
	var s *Server
	url := served(t, func(_ http.ResponseWriter, r *http.Request) { closing <- r.RemoteAddr }, func(real *Server) {
		s = real
		s.Logger = debugLogger(&theirs)
		s.TLSConfig.ClientAuth = tls.RequireAnyClientCert
	})
	stranger := &Client{TLS: &tls.Config{InsecureSkipVerify: true}, Logger: debugLogger(&ours)}
	if _, err := stranger.Get(within(t), url); err == nil {
		t.Error("a client without a certificate is answered")
	}
	cert, err := ThrowawayCertificate("client")
	if err != nil {
		t.Fatal(err)
	}
	known := &Client{TLS: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}}
	resp, err := known.Get(within(t), url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_, _, _ = stranger.Close(), known.Close(), s.Close()

	fate := map[string]string{} // of each peer
	for _, line := range theirs.lines() {
		_, rest, ok := strings.Cut(line, " remote=")
		peer, _, _ := strings.Cut(rest, " ")
		if !ok || !strings.HasPrefix(peer, "127.0.0.1:") {
			t.Errorf("the server's line %s", line)
		}
		if _, cause, ok := strings.Cut(line, "msg=closed "); ok {
			fate[peer] = cause
		}
	}
	known1 := <-closing
	if len(fate) != 2 || !strings.Contains(fate[known1], "cause=") {
		t.Errorf("two connections ended so: %q", fate)
	}
	for peer, cause := range fate {
		if failed := strings.Contains(cause, "certificate"); failed != (peer != known1) {
			t.Errorf("%s ended by %s", peer, cause)
		}
	}
	for _, line := range ours.lines() {
		if !strings.Contains(line, " remote="+strings.TrimPrefix(url, "https://")) {
			t.Errorf("the client's line %s", line)
		}
	}
}

// So is one who reads of a handler's mistakes, and of which request; and no client writes lines of its own.
func TestALineOfAHandlersMistakeNamesItsRequest(t *testing.T) {
	for mistake, make := range map[string]http.HandlerFunc{
		"superfluous WriteHeader(204), the status is 200 already": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.WriteHeader(204) },
		"WriteHeader(101) ignored: HTTP/3 has no such status":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) },
		"the handler wrote 2 bytes of a declared Content-Length of 3": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			_, _ = w.Write([]byte("ab"))
		},
		"the handler panicked: oh": func(http.ResponseWriter, *http.Request) { panic("oh") },
	} {
		var complaints text
		var peer string
		url := served(t, func(w http.ResponseWriter, r *http.Request) { peer = r.RemoteAddr; make(w, r) }, func(s *Server) { s.ErrorLog = log.New(&complaints, "", 0) })
		client := trusting(t)
		if resp, err := client.Get(within(t), url+"/a%0ab?secret"); err == nil {
			_ = resp.Body.Close()
		}
		if got := complaints.lines()[0]; got != "api: GET /a%0ab from "+peer+": "+mistake {
			t.Errorf("%s: the line is %q", mistake, got)
		}
	}
}
