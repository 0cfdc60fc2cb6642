package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/interop/site"
)

// patience bounds every wait of a story.
const patience = 20 * time.Second

func TestStories(t *testing.T) {
	stories := []struct {
		name string
		tell func(*testing.T, pair)
	}{
		{"GET with headers and a body", get},
		{"HEAD has the length and no body", head},
		{"POST of 10 MB comes back", post10MB},
		{"a body of unknown length comes back piece by piece", lockstep},
		{"100 requests at once share a connection", hundred},
		{"trailers both ways", trailers},
		{"the answer to an unread upload arrives", earlyAnswer},
		{"the client cancels a download", cancelDownload},
		{"the client closes a body early", closeEarly},
		{"the client cancels an upload", cancelUpload},
		{"the server aborts a download", abortDownload},
		{"shutdown lets the request in flight finish", shutdown},
		{"a restarted server is dialled again", restart},
	}
	pairs := []pair{
		{client: quicpro, server: quicgo},
		{client: quicgo, server: quicpro},
	}
	for _, p := range pairs {
		for _, s := range stories {
			t.Run(p.client.name+" client, "+p.server.name+" server/"+s.name, func(t *testing.T) { s.tell(t, p) })
		}
	}
}

func get(t *testing.T, p pair) {
	long := strings.TrimSpace(strings.Repeat("long and literal ", 300)) // a value neither begins nor ends with a blank
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/3.0" || r.URL.RawQuery != "a=1&b=%20" || r.Header.Get("X-Long") != long {
			t.Errorf("the server got %s %s with X-Long of %d bytes", r.Proto, r.URL, len(r.Header.Get("X-Long")))
		}
		if r.TLS == nil || r.RemoteAddr == "" {
			t.Errorf("the server got TLS %v, RemoteAddr %q", r.TLS, r.RemoteAddr)
		}
		w.Header().Add("X-Two", "first")
		w.Header().Add("X-Two", "second")
		w.Header().Set("X-Long", long)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.Copy(w, site.Blob(1_000_000))
	})
	req := request(t, http.MethodGet, url+"/p?a=1&b=%20", nil)
	req.Header.Set("X-Long", long)
	resp := do(t, client, req)
	if resp.StatusCode != http.StatusAccepted || resp.Proto != "HTTP/3.0" {
		t.Errorf("the client got %s %s", resp.Proto, resp.Status)
	}
	if two := resp.Header.Values("X-Two"); fmt.Sprint(two) != "[first second]" || resp.Header.Get("X-Long") != long {
		t.Errorf("the client got X-Two %q and X-Long of %d bytes", two, len(resp.Header.Get("X-Long")))
	}
	wantBlob(t, resp.Body, 1_000_000)
}

func head(t *testing.T, p pair) {
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = io.Copy(w, site.Blob(5000)) // what a handler that knows no HEAD does
	})
	resp := do(t, client, request(t, http.MethodHead, url, nil))
	if resp.ContentLength != 5000 {
		t.Errorf("Content-Length %d, want 5000", resp.ContentLength)
	}
	wantBlob(t, resp.Body, 0)
	wantBlob(t, do(t, client, request(t, http.MethodGet, url, nil)).Body, 5000)
}

func post10MB(t *testing.T, p pair) {
	const size = 10_000_000
	_, addr := p.serve(t, "127.0.0.1:0", site.Handler("."))
	client := p.dial(t)
	for _, known := range []bool{true, false} {
		req := request(t, http.MethodPost, "https://"+addr+"/echo", site.Blob(size))
		if known {
			req.ContentLength = size
		}
		wantBlob(t, do(t, client, req).Body, size)
	}
}

func lockstep(t *testing.T, p pair) {
	_, addr := p.serve(t, "127.0.0.1:0", site.Handler("."))
	r, w := io.Pipe()
	defer w.Close()
	sent := make(chan error, 1)
	go func() { // some servers' header waits for the first byte of their body
		_, err := io.WriteString(w, "piece 0")
		sent <- err
	}()
	resp := do(t, p.dial(t), request(t, http.MethodPost, "https://"+addr+"/echo", r))
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 10; i++ {
		want := fmt.Sprintf("piece %d", i)
		if i > 0 {
			if _, err := io.WriteString(w, want); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q back before the next is sent", got, err, want)
		}
	}
	w.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Errorf("after the last piece: %q, %v", rest, err)
	}
}

func hundred(t *testing.T, p pair) {
	const n = 100
	var arrived sync.WaitGroup
	arrived.Add(n)
	var mu sync.Mutex
	remotes := map[string]bool{}
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		remotes[r.RemoteAddr] = true
		mu.Unlock()
		arrived.Done()
		arrived.Wait() // nobody is answered before all are here
		_, _ = io.WriteString(w, r.URL.Path)
	})
	var asking sync.WaitGroup
	for i := range n {
		req := request(t, http.MethodGet, fmt.Sprintf("%s/%d", url, i), nil)
		asking.Go(func() {
			resp, err := client.Do(req)
			if err != nil {
				t.Errorf("request %d: %v", i, err)
				return
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); string(b) != req.URL.Path || err != nil {
				t.Errorf("request %d: %q, %v", i, b, err)
			}
		})
	}
	asking.Wait()
	if len(remotes) != 1 {
		t.Errorf("the requests came over %d connections, want 1", len(remotes))
	}
}

func trailers(t *testing.T, p pair) {
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, sum), r.Body); err != nil {
			t.Errorf("the request's body: %v", err)
		}
		if got := r.Trailer.Get("X-Client"); got != "after the body" {
			t.Errorf("the request's trailer X-Client is %q in %v", got, r.Trailer)
		}
		w.Header().Set("X-Sum", fmt.Sprintf("%x", sum.Sum(nil)))
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", "too")
	})
	req := request(t, http.MethodPost, url, nil)
	req.Trailer = http.Header{"X-Client": nil}
	req.Body = &lastWords{Reader: site.Blob(100_000), say: func() { req.Trailer.Set("X-Client", "after the body") }}
	req.ContentLength = -1
	resp := do(t, client, req)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := resp.Trailer.Get("X-Sum"), fmt.Sprintf("%x", sha256.Sum256(body)); got != want || len(body) != 100_000 {
		t.Errorf("trailer X-Sum %q of %d bytes, want %q", got, len(body), want)
	}
	if got := resp.Trailer.Get("X-Unannounced"); got != "too" {
		t.Errorf("trailer X-Unannounced %q in %v", got, resp.Trailer)
	}
}

func earlyAnswer(t *testing.T, p pair) {
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})
	for range 3 { // the connection lives on
		resp := do(t, client, request(t, http.MethodPost, url, site.Blob(10_000_000)))
		if b, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusRequestEntityTooLarge || string(b) != "too large\n" || err != nil {
			t.Fatalf("got %s %q, %v", resp.Status, b, err)
		}
	}
}

func cancelDownload(t *testing.T, p pair) {
	left := make(chan struct{})
	client, url := p.start(t, endless(left))
	req := request(t, http.MethodGet, url, nil)
	ctx, cancel := context.WithCancel(req.Context())
	resp := do(t, client, req.WithContext(ctx))
	wantBlob(t, io.LimitReader(resp.Body, 100_000), 100_000)
	cancel()
	_, err := io.Copy(io.Discard, resp.Body)
	if err == nil || p.client.name == quicpro.name && !errors.Is(err, context.Canceled) { // quic-go has an error of its own
		t.Errorf("the body ends with %v, want context.Canceled", err)
	}
	await(t, left, "the server's handler")
}

func closeEarly(t *testing.T, p pair) {
	left := make(chan struct{})
	client, url := p.start(t, endless(left))
	resp := do(t, client, request(t, http.MethodGet, url, nil))
	wantBlob(t, io.LimitReader(resp.Body, 100_000), 100_000)
	if err := resp.Body.Close(); err != nil {
		t.Errorf("closing the body: %v", err)
	}
	await(t, left, "the server's handler")
}

func cancelUpload(t *testing.T, p pair) {
	begun, cut := make(chan struct{}), make(chan error, 1)
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadFull(r.Body, make([]byte, 100_000))
		close(begun)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		cut <- err
	})
	req := request(t, http.MethodPost, url, site.Blob(site.MaxBlob))
	ctx, cancel := context.WithCancel(req.Context())
	answered := make(chan error, 1)
	go func() {
		resp, err := client.Do(req.WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	await(t, begun, "the upload's first bytes")
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v, want context.Canceled", err)
	}
	select {
	case err := <-cut:
		if err == nil || err == io.EOF {
			t.Error("the server took the cut body for a whole one")
		}
	case <-time.After(patience):
		t.Error("the server does not see that the upload was cut")
	}
}

func abortDownload(t *testing.T, p pair) {
	begun := make(chan struct{})
	client, url := p.start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, site.Blob(100_000))
		_ = http.NewResponseController(w).Flush()
		<-begun // RFC 9000 s3.2: a reset may overtake what the client has not read yet, and with quic-go it does
		panic(http.ErrAbortHandler)
	})
	resp := do(t, client, request(t, http.MethodGet, url, nil))
	close(begun)
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the client took the cut body of %d bytes for a whole one", n)
	}
}

func shutdown(t *testing.T, p pair) {
	finish := make(chan struct{})
	server, addr := p.serve(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		_, _ = io.Copy(w, site.Blob(50_000))
		_ = http.NewResponseController(w).Flush()
		<-finish
		_, _ = io.WriteString(w, "the end")
	}))
	client := p.dial(t)
	long := do(t, client, request(t, http.MethodGet, "https://"+addr+"/long", nil))
	wantBlob(t, io.LimitReader(long.Body, 50_000), 50_000)

	down := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { down <- server.Shutdown(ctx) }()
	for deadline := time.Now().Add(patience); ; { // until the server has noticed that it ends
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		resp, err := client.Do(request(t, http.MethodGet, "https://"+addr+"/new", nil).WithContext(ctx))
		cancel()
		if err != nil {
			break
		}
		resp.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still takes new requests")
		}
	}
	close(finish)
	if b, err := io.ReadAll(long.Body); string(b) != "the end" || err != nil {
		t.Errorf("the request in flight ends with %q, %v", b, err)
	}
	long.Body.Close()
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func restart(t *testing.T, p pair) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	client := p.dial(t)
	addr := "127.0.0.1:0"
	for life := range 3 {
		t.Run(fmt.Sprintf("life %d", life), func(t *testing.T) { // its cleanup ends the server
			_, addr = p.serve(t, addr, hello)
			for deadline := time.Now().Add(patience); ; { // the first may find its connection dead under way
				resp, err := client.Do(request(t, http.MethodGet, "https://"+addr, nil))
				if err == nil {
					b, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if string(b) != "hello" || err != nil {
						t.Fatalf("got %q, %v", b, err)
					}
					return
				}
				if life == 0 || time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
		})
	}
}

// ---- helpers

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func do(t *testing.T, client *http.Client, req *http.Request) *http.Response {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func wantBlob(t *testing.T, got io.Reader, size int64) {
	t.Helper()
	g, w := sha256.New(), sha256.New()
	n, err := io.Copy(g, got)
	if err != nil {
		t.Fatalf("after %d bytes of the body: %v", n, err)
	}
	_, _ = io.Copy(w, site.Blob(size))
	if n != size || !bytes.Equal(g.Sum(nil), w.Sum(nil)) {
		t.Errorf("got %d bytes with SHA-256 %x, want %d with %x", n, g.Sum(nil), size, w.Sum(nil))
	}
}

// endless writes until it cannot, then waits for the request's context.
func endless(left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, site.Blob(site.MaxBlob))
		<-r.Context().Done()
		close(left)
	}
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %v", what, patience)
	}
}

// lastWords calls say before it reports the end of the body.
type lastWords struct {
	io.Reader
	say func()
}

func (l *lastWords) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err == io.EOF {
		l.say()
	}
	return n, err
}

func (l *lastWords) Close() error { return nil }
