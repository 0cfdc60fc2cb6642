package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// random is n bytes that are the same in every run.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func get(t *testing.T, d *DemoServer, path string) *http.Response {
	t.Helper()
	resp, err := d.Client.Get(within(t), d.URL+path)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestResponsesOfEverySizeArriveWhole(t *testing.T) {
	data := random(5 << 20)
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		step, _ := strconv.Atoi(r.FormValue("step"))
		for rest := data[:n]; len(rest) > 0; {
			k := min(step, len(rest))
			if _, err := w.Write(rest[:k]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[k:]
		}
	})
	for _, n := range []int{0, 1, 511, 4079, 4080, 4081, 16367, 16368, 16369, 20000, 65519, 65520, 65521, 100000, 5 << 20} {
		for _, step := range []int{97, 4096, 20000, 1 << 20} {
			if n/step > 3000 {
				continue
			}
			resp := get(t, d, fmt.Sprintf("/?n=%d&step=%d", n, step))
			if got := body(t, resp); got != string(data[:n]) {
				t.Errorf("%d bytes in writes of %d: got %d other bytes", n, step, len(got))
			}
			if n <= 4080 && resp.ContentLength != int64(n) {
				t.Errorf("%d bytes in writes of %d: Content-Length %d", n, step, resp.ContentLength)
			}
		}
	}
}

func TestUploadsOfEveryKindArriveWhole(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		fmt.Fprintf(w, "%d %d %x %v", r.ContentLength, n, h.Sum(nil), err)
	})
	data := random(3 << 20)
	for _, n := range []int{0, 1, 1000, 16368, 16369, 70000, 3 << 20} {
		part := data[:n]
		sum := fmt.Sprintf("%x", sha256.Sum256(part))
		for kind, b := range map[string]io.Reader{
			"in memory":      bytes.NewReader(part),
			"unknown length": io.MultiReader(bytes.NewReader(part)),
			"byte by byte":   oneByte{bytes.NewReader(part[:min(n, 1000)])},
		} {
			length, total := int64(n), n
			if kind != "in memory" {
				length = -1
			}
			if kind == "byte by byte" {
				total = min(n, 1000)
				sum = fmt.Sprintf("%x", sha256.Sum256(part[:total]))
			} else {
				sum = fmt.Sprintf("%x", sha256.Sum256(part))
			}
			resp, err := d.Client.Post(within(t), d.URL, "application/octet-stream", b)
			if err != nil {
				t.Fatal(err)
			}
			got := body(t, resp)
			// An empty body of unknown length is a complete message when the handler sees it.
			want := fmt.Sprintf("%d %d %s <nil>", length, total, sum)
			if got != want && !(n == 0 && strings.HasPrefix(got, "0 0 ")) {
				t.Errorf("%d bytes, %s: got %s, want %s", n, kind, got, want)
			}
		}
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestBodiesStreamInBothDirectionsAtOnce(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := c.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		_ = c.Flush()
		b := make([]byte, 100)
		for {
			n, err := r.Body.Read(b)
			_, _ = w.Write(bytes.ToUpper(b[:n]))
			_ = c.Flush()
			if err != nil {
				return
			}
		}
	})
	pr, pw := io.Pipe()
	req, _ := http.NewRequestWithContext(within(t), "POST", d.URL, pr)
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(pw, word); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(word))
		if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != strings.ToUpper(word) {
			t.Fatalf("said %q, heard %q, %v", word, b, err)
		}
	}
	_ = pw.Close()
	if rest := body(t, resp); rest != "" {
		t.Errorf("after the end came %q", rest)
	}
}

func TestStatusesWithoutABody(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Path[1:])
		w.WriteHeader(code)
		if _, err := io.WriteString(w, "no"); !errors.Is(err, http.ErrBodyNotAllowed) {
			t.Errorf("writing a body for %d: %v", code, err)
		}
	})
	for _, code := range []int{204, 304} {
		resp := get(t, d, "/"+strconv.Itoa(code))
		if got := body(t, resp); got != "" || resp.StatusCode != code || resp.Header.Get("Content-Length") != "" {
			t.Errorf("%d: status %d, body %q, header %v", code, resp.StatusCode, got, resp.Header)
		}
	}
}

func TestHeadHasTheHeaderOfGet(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>hello") })
	req, _ := http.NewRequestWithContext(within(t), "HEAD", d.URL, nil)
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "" || resp.ContentLength != 11 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("body %q, length %d, header %v", got, resp.ContentLength, resp.Header)
	}
}

func TestHeaderTravelsAndConnectionFieldsDoNot(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Te"} {
			if v := r.Header.Values(name); len(v) > 0 {
				h.Add("Leaked", name+"="+v[0])
			}
		}
		h["X-Echo"] = r.Header["X-Many"]
		h.Set("X-Cookie", r.Header.Get("Cookie"))
		h.Set("Connection", "close")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("bad name", "x")
		h.Set("X-Bad", "a\nb")
		_, _ = io.WriteString(w, "x")
		h.Set("X-Late", "not seen")
	})
	req, _ := http.NewRequestWithContext(within(t), "GET", d.URL, nil)
	req.Header["X-Many"] = []string{"1", "2", "", "3"}
	req.Header.Set("Connection", "keep-alive")
	req.Header.Set("Te", "gzip")
	req.Header.Add("Cookie", "a=1")
	req.Header.Add("Cookie", "b=2")
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = body(t, resp)
	if got := resp.Header["X-Echo"]; !slices.Equal(got, []string{"1", "2", "", "3"}) {
		t.Errorf("a field with four values came back as %q", got)
	}
	if got := resp.Header.Get("X-Cookie"); got != "a=1; b=2" {
		t.Errorf("cookies joined to %q", got)
	}
	for _, name := range []string{"Leaked", "Connection", "Keep-Alive", "Bad name", "X-Bad", "X-Late"} {
		if v := resp.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
}

func TestTrailersBothWays(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Trailer["X-Sum"]; !ok {
			t.Errorf("the trailer was not announced: %v", r.Trailer)
		}
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Length")
		_, _ = w.Write(b)
		w.Header().Set("X-Length", strconv.Itoa(len(b)))
		w.Header().Set(http.TrailerPrefix+"X-Sum", r.Trailer.Get("X-Sum"))
	})
	req, _ := http.NewRequestWithContext(within(t), "POST", d.URL, strings.NewReader("content"))
	req.Trailer = http.Header{"X-Sum": {"42"}}
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := resp.Trailer["X-Length"]; !ok || len(resp.Trailer) != 1 {
		t.Errorf("before the body: trailers %v", resp.Trailer)
	}
	if got := body(t, resp); got != "content" {
		t.Errorf("body %q", got)
	}
	if resp.Trailer.Get("X-Length") != "7" || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("after the body: trailers %v", resp.Trailer)
	}
}

func TestEarlyHintsReachTheTrace(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.WriteHeader(http.StatusTeapot)
	})
	var seen []string
	ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			seen = append(seen, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		},
	})
	resp, err := d.Client.Get(ctx, d.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = body(t, resp)
	want := []string{"103 </style.css>; rel=preload", "102 </style.css>; rel=preload"}
	if resp.StatusCode != http.StatusTeapot || !slices.Equal(seen, want) {
		t.Errorf("status %d after %q", resp.StatusCode, seen)
	}
}

func TestExpectContinue(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	for path, want := range map[string]string{"/accept": "the body", "/refuse": ""} {
		t.Run(path[1:], func(t *testing.T) {
			continued := false
			ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{Got100Continue: func() { continued = true }})
			sent := &watched{Reader: strings.NewReader("the body")}
			req, _ := http.NewRequestWithContext(ctx, "POST", d.URL+path, sent)
			req.ContentLength = 8
			req.Header.Set("Expect", "100-continue")
			tr := &Transport{TLSClientConfig: d.Client.TLS, ExpectContinueTimeout: time.Hour}
			defer tr.Close()
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); got != want || continued != (want != "") {
				t.Errorf("body %q, continued %v", got, continued)
			}
			if read := sent.wasRead(); read != (want != "") {
				t.Errorf("the request's body was read: %v", read)
			}
		})
	}
}

// watched is a body that knows what was done to it.
type watched struct {
	io.Reader
	mu     sync.Mutex
	reads  int
	closes int
}

func (w *watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	w.reads++
	w.mu.Unlock()
	return w.Reader.Read(p)
}

func (w *watched) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closes++
	return nil
}

func (w *watched) wasRead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads > 0
}

func TestGzipIsUndoneOnlyIfWeAskedForIt(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			_, _ = io.WriteString(w, "plain")
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "unpacked")
		_ = z.Close()
	})
	resp := get(t, d, "/")
	if got := body(t, resp); got != "unpacked" || !resp.Uncompressed || resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("got %q, header %v", got, resp.Header)
	}
	req, _ := http.NewRequestWithContext(within(t), "GET", d.URL, nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got[0] != 0x1f || resp.Uncompressed {
		t.Errorf("asked for gzip, got %q", got)
	}
}

func TestFilesAreServedWithRanges(t *testing.T) {
	data := random(300_000)
	file := filepath.Join(t.TempDir(), "data.bin")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	d := demo(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	resp := get(t, d, "/")
	if got := body(t, resp); got != string(data) || resp.ContentLength != int64(len(data)) {
		t.Errorf("got %d bytes, Content-Length %d", len(got), resp.ContentLength)
	}
	req, _ := http.NewRequestWithContext(within(t), "GET", d.URL, nil)
	req.Header.Set("Range", "bytes=1000-1999")
	resp, err := d.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != string(data[1000:2000]) || resp.StatusCode != http.StatusPartialContent {
		t.Errorf("status %d, %d bytes", resp.StatusCode, len(got))
	}
}

func TestQueryParametersAreAdded(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.URL.RawQuery+" "+user+":"+password)
	})
	resp, err := d.Client.Get(within(t), strings.Replace(d.URL, "//", "//me:secret@", 1)+"/?z=0", url.Values{"b": {"2 3"}, "a": {"1"}}, nil, url.Values{"c": {"ü"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "z=0&a=1&b=2+3&c=%C3%BC me:secret" {
		t.Errorf("got %q", got)
	}
}

func TestRedirectsAreReturnedByClientAndFollowedByHTTPClient(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "here")
	})
	resp := get(t, d, "/old")
	if _ = body(t, resp); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/new" {
		t.Errorf("status %d, location %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	std := &http.Client{Transport: d.Client.RoundTripper()}
	resp, err := std.Get(d.URL + "/old")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "here" {
		t.Errorf("http.Client got %q", got)
	}
}

func TestManyRequestsShareOneConnection(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		_, _ = io.Copy(w, r.Body)
	})
	ctx := within(t)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			want := strconv.Itoa(i)
			resp, err := d.Client.Post(ctx, d.URL, "text/plain", strings.NewReader(want))
			if err != nil {
				t.Error(err)
				return
			}
			if got := body(t, resp); got != want {
				t.Errorf("sent %s, got %q", want, got)
			}
		})
	}
	all.Wait()
	if len(peers) != 1 {
		t.Errorf("%d connections: %v", len(peers), peers)
	}
}

func TestAPanicEndsItsRequestOnly(t *testing.T) {
	var buf lockedBuffer
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("the handler's own fault")
		case "/late":
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			panic("halfway")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	})
	d.Server.ErrorLog = log.New(&buf, "", 0)
	for _, path := range []string{"/panic", "/late", "/abort"} {
		resp, err := d.Client.Get(within(t), d.URL+path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		var stream *StreamError
		if !errors.As(err, &stream) || !stream.Remote || stream.Code != 0x102 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text := buf.String(); !strings.Contains(text, "the handler's own fault") || !strings.Contains(text, "halfway") || strings.Contains(text, "abort") {
		t.Errorf("logged: %s", text)
	}
	if resp := get(t, d, "/fine"); resp.StatusCode != 200 {
		t.Errorf("after the panics: %s", resp.Status)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
