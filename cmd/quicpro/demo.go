package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"quicpro/api"
)

const (
	demoUpload   = 32 << 20 // bytes
	demoParallel = 20
	demoLimit    = 30 * time.Second
)

// demo runs a server in this process and shows several requests to it, over real UDP on loopback.
func (a *app) demo(ctx context.Context, args []string) int {
	fs := newFlagSet("demo")
	if err := parse(fs, args); err != nil {
		return a.refuse(fs, "demo", err)
	}
	if fs.NArg() > 0 {
		return a.refuse(fs, "demo", usage("demo", "demo wants no arguments"))
	}
	srv, err := api.Demo(demoSite())
	if err != nil {
		return a.fail(wrapf(exitQUIC, err, "The demo server does not start: %s; it needs a free UDP port on 127.0.0.1", plain(err)))
	}
	defer srv.Close()
	d := &demoRun{app: a, base: strings.TrimSuffix(srv.URL, "/"), do: srv.Client.Do, started: time.Now()}
	fmt.Fprintf(a.stdout, "A server with a throwaway certificate runs at %s, and a client that trusts exactly it.\n", d.base)
	limited, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	for _, step := range []func(context.Context) error{d.hello, d.greet, d.upload, d.parallel} {
		if err := step(limited); err != nil {
			return a.fail(d.explain(ctx, limited, err))
		}
	}
	fmt.Fprintf(a.stdout, "\nAll done in %v. Next: quicpro serve . and quicpro get -k https://127.0.0.1:4433/\n", time.Since(d.started).Round(time.Millisecond))
	return exitOK
}

type demoRun struct {
	*app
	base    string
	do      func(*http.Request) (*http.Response, error)
	started time.Time
}

// hello is a plain request: its response is shown whole.
func (d *demoRun) hello(ctx context.Context) error {
	_, err := d.show(ctx, http.MethodGet, "/", nil)
	return err
}

// greet carries query parameters.
func (d *demoRun) greet(ctx context.Context) error {
	_, err := d.show(ctx, http.MethodGet, "/greet?"+url.Values{"name": {"QUIC & you"}}.Encode(), nil)
	return err
}

// upload sends a large body; the server answers with its SHA-256, which must be ours.
func (d *demoRun) upload(ctx context.Context) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, demoBytes()); err != nil {
		return err
	}
	started := time.Now()
	got, err := d.show(ctx, http.MethodPost, "/sha256", demoBytes())
	if err != nil {
		return err
	}
	took := time.Since(started)
	if want := hex.EncodeToString(sum.Sum(nil)) + "\n"; got != want {
		return failf(exitHTTP3, "The server received other bytes than were sent: SHA-256 %q, want %q", got, want)
	}
	fmt.Fprintf(d.stdout, "%d MiB uploaded in %v (%.0f MB/s), and the server's SHA-256 is right.\n",
		demoUpload>>20, took.Round(time.Millisecond), demoUpload/took.Seconds()/1e6)
	return nil
}

// parallel sends many requests at once on the one connection.
func (d *demoRun) parallel(ctx context.Context) error {
	fmt.Fprintf(d.stdout, "\n> GET /square?n=1 ... n=%d, all at once on the same connection\n", demoParallel)
	started := time.Now()
	lines := make([]string, demoParallel)
	errs := make([]error, demoParallel)
	var all sync.WaitGroup
	for i := range demoParallel {
		all.Go(func() {
			resp, body, err := d.fetch(ctx, http.MethodGet, fmt.Sprintf("/square?n=%d", i+1), nil)
			if err == nil && resp.StatusCode != http.StatusOK {
				err = failf(exitHTTP, "request %d of %d: status %s", i+1, demoParallel, resp.Status)
			}
			lines[i], errs[i] = strings.TrimSpace(body), err
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(d.stdout, "%s\n%d responses in %v.\n", strings.Join(lines, " "), demoParallel, time.Since(started).Round(time.Microsecond))
	return nil
}

// show does one request and prints protocol, status, headers and body of its response.
func (d *demoRun) show(ctx context.Context, method, target string, body io.Reader) (string, error) {
	fmt.Fprintf(d.stdout, "\n> %s %s\n", method, target)
	resp, text, err := d.fetch(ctx, method, target, body)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(d.stdout, "< %s %d %s\n", resp.Proto, resp.StatusCode, http.StatusText(resp.StatusCode))
	for _, name := range sortedNames(resp.Header) {
		fmt.Fprintf(d.stdout, "< %s: %s\n", strings.ToLower(name), strings.Join(resp.Header[name], ", "))
	}
	fmt.Fprintf(d.stdout, "\n%s", text)
	if resp.StatusCode != http.StatusOK {
		return "", failf(exitHTTP, "%s %s: status %d", method, target, resp.StatusCode)
	}
	return text, nil
}

func (d *demoRun) fetch(ctx context.Context, method, target string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.base+target, body)
	if err != nil {
		return nil, "", err
	}
	if body != nil {
		req.ContentLength = demoUpload
	}
	resp, err := d.do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// explain is for a step that failed. limited is the end of ctx or of demoLimit, whichever came first.
func (d *demoRun) explain(ctx, limited context.Context, err error) *failure {
	if ctx.Err() == nil && limited.Err() != nil {
		return wrapf(exitTimeout, err, "The demo did not end within %v: %s; is UDP on 127.0.0.1 blocked?", demoLimit, plain(err))
	}
	u, parseErr := url.Parse(d.base)
	if parseErr != nil {
		u = &url.URL{Host: d.base}
	}
	return attempt{url: u, dialled: u.Host, elapsed: time.Since(d.started)}.explain(ctx, err)
}

// demoSite is the server's side.
func demoSite() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello over %s, %s!\n", r.Proto, r.RemoteAddr)
	})
	mux.HandleFunc("GET /greet", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Demo", "query parameters arrived")
		fmt.Fprintf(w, "Good day, %s.\n", r.URL.Query().Get("name"))
	})
	mux.HandleFunc("POST /sha256", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%x\n", sum.Sum(nil))
	})
	mux.HandleFunc("GET /square", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscan(r.URL.Query().Get("n"), &n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, n*n)
	})
	return mux
}

// demoBytes is the upload's content; every megabyte of it differs.
func demoBytes() io.Reader {
	block := bytes.Repeat([]byte("quicpro speaks HTTP/3 over QUIC\n"), 1<<15)
	parts := make([]io.Reader, demoUpload/len(block))
	for i := range parts {
		parts[i] = io.MultiReader(bytes.NewReader([]byte{byte(i)}), bytes.NewReader(block[1:]))
	}
	return io.MultiReader(parts...)
}
