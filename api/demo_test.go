package api

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// demo runs handler for one test.
func demo(t *testing.T, handler http.HandlerFunc) *DemoServer {
	t.Helper()
	d, err := Demo(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("closing:", err)
		}
	})
	return d
}

// within is a context for a test that must not hang.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the body after %d bytes: %v", len(b), err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal("closing the body:", err)
	}
	return string(b)
}

func TestGetReturnsWhatTheHandlerWrote(t *testing.T) {
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Host+" "+r.UserAgent())
		_, _ = io.WriteString(w, "hello")
	})
	resp, err := d.Client.Get(within(t), d.URL+"/path?a=b")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "hello" || resp.StatusCode != 200 || resp.Status != "200 OK" || resp.Proto != "HTTP/3.0" {
		t.Errorf("got %q, %q, %q", got, resp.Status, resp.Proto)
	}
	want := "GET /path?a=b " + d.URL[len("https://"):] + " quicpro/0"
	if got := resp.Header.Get("X-Seen"); got != want {
		t.Errorf("the handler saw %q, want %q", got, want)
	}
	if resp.ContentLength != 5 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("Date") == "" {
		t.Errorf("length %d, header %v", resp.ContentLength, resp.Header)
	}
	if resp.TLS == nil || resp.TLS.NegotiatedProtocol != "h3" {
		t.Errorf("TLS state: %+v", resp.TLS)
	}
}
