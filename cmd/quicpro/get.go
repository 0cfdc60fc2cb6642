package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxParallel  = 50 // curl's --parallel-max
	maxRedirects = 50 // curl's --max-redirs
	copyBuffer   = 128 << 10
)

// get fetches URLs.
func (a *app) get(ctx context.Context, args []string) int {
	f, fs, err := parseGet(args)
	if err != nil {
		return a.refuse(fs, "get [options] URL...", err)
	}
	s, fail := a.newSession(f)
	defer s.close()
	if fail != nil {
		return s.report(fail)
	}
	transfers, fail := s.prepare()
	if fail != nil {
		return s.report(fail)
	}
	return s.run(ctx, transfers)
}

// transfer is one URL on its way, redirects included.
type transfer struct {
	s     *session
	url   *url.URL
	out   *sink
	index int

	started   time.Time
	elapsed   time.Duration
	firstByte time.Duration
	effective *url.URL // of the last request
	dialled   string
	redirects int
	headBytes int64
	received  int64 // body bytes
	sent      atomic.Int64
	resp      *http.Response // the last one
	facts     bool           // -v has shown the connection
	dial      dialFacts
	meter     *meter
	failed    *failure
}

// prepare checks every URL and opens every output before the first request is made.
func (s *session) prepare() ([]*transfer, *failure) {
	var transfers []*transfer
	var fail *failure
	for i, raw := range s.flags.urls {
		t := &transfer{s: s, index: i}
		if t.url, fail = parseURL(raw); fail != nil {
			break
		}
		t.effective = t.url
		name := outputName{path: "-"}
		if i < len(s.flags.outputs) {
			name = s.flags.outputs[i]
		}
		if t.out, fail = openSink(name, t.url, s.stdout, i < len(s.flags.outputs)); fail != nil {
			break
		}
		transfers = append(transfers, t)
	}
	if fail != nil {
		for _, t := range transfers {
			t.out.abandon()
		}
		return nil, fail
	}
	return transfers, nil
}

// run does all transfers and returns the first failure's code.
func (s *session) run(ctx context.Context, transfers []*transfer) int {
	codes := make([]int, len(transfers))
	if s.flags.parallel {
		shared := s.newMeter(transfers...)
		var all sync.WaitGroup
		places := make(chan struct{}, maxParallel)
		for i, t := range transfers {
			places <- struct{}{}
			t.meter = shared
			all.Go(func() {
				codes[i] = t.run(ctx)
				<-places
			})
		}
		all.Wait()
		shared.end()
	} else {
		for i, t := range transfers {
			t.meter = s.newMeter(t)
			codes[i] = t.run(ctx)
			t.meter.end()
		}
	}
	for _, code := range codes {
		if code != exitOK {
			return code
		}
	}
	return exitOK
}

// run does one transfer and returns its exit code.
func (t *transfer) run(ctx context.Context) int {
	t.started = time.Now()
	t.failed = t.fetch(ctx)
	t.elapsed = t.since()
	if fail := t.out.close(t.failed == nil); t.failed == nil {
		t.failed = fail
	}
	code := exitOK
	if t.failed != nil {
		t.meter.interrupt()
		code = t.s.report(t.failed)
	}
	if t.s.writeOut != "" && code != exitInterrupt {
		t.writeOut()
	}
	return code
}

func (t *transfer) fetch(parent context.Context) *failure {
	f := t.s.flags
	ctx, cancel := context.WithCancel(parent)
	if f.maxTime > 0 {
		cancel()
		ctx, cancel = context.WithTimeout(parent, f.maxTime)
	}
	defer cancel()
	req, fail := t.s.template.request(t.traced(ctx), t.url)
	if fail != nil {
		return fail
	}
	t.countUpload(req)
	resp, err := t.do(req)
	if err != nil {
		return t.attempt().explain(ctx, err)
	}
	defer resp.Body.Close()
	t.resp = resp
	if f.fail && resp.StatusCode >= 400 {
		return failf(exitHTTP, "The requested URL returned error: %d; without -f its body tells more", resp.StatusCode)
	}
	if f.head {
		return nil
	}
	t.meter.expect(resp.ContentLength)
	if _, err := io.CopyBuffer(bodyWriter{t}, struct{ io.Reader }{resp.Body}, make([]byte, copyBuffer)); err != nil {
		return t.attempt().explain(ctx, err)
	}
	t.showTrailers(resp)
	return nil
}

// do sends the request; with -L it follows redirects, else a redirect is a response like any other.
func (t *transfer) do(req *http.Request) (*http.Response, error) {
	if !t.s.flags.location {
		return hops{t}.RoundTrip(req)
	}
	client := &http.Client{Transport: hops{t}, CheckRedirect: t.redirect}
	return client.Do(req)
}

// redirect looks at the next request of a redirect, which net/http has made.
func (t *transfer) redirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return failf(exitRedirects, "More than %d redirects, the last to %s; the server sends them in a circle", maxRedirects, next.URL)
	}
	if next.URL.Scheme != "https" {
		return failf(exitProtocol, "The server redirects to %s, and HTTP/3 has no %q; fetch it with curl", next.URL, next.URL.Scheme)
	}
	t.redirects = len(via)
	first := via[0]
	if !sameOrigin(next.URL, first.URL) {
		// net/http drops them for foreign domains only; curl, and we, for any other host or port.
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
	}
	if first.Header.Get("Referer") == "" {
		next.Header.Del("Referer")
	}
	if t.s.flags.method != "" {
		next.Method = t.s.flags.method
	}
	return nil
}

// countUpload counts and meters what is sent.
func (t *transfer) countUpload(req *http.Request) {
	if req.Body == nil || req.Body == http.NoBody {
		return
	}
	t.meter.expect(req.ContentLength)
	req.Body = &uploadBody{ReadCloser: req.Body, t: t}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			t.sent.Store(0)
			return &uploadBody{ReadCloser: body, t: t}, nil
		}
	}
}

func (t *transfer) attempt() attempt {
	return attempt{url: t.effective, dialled: t.dialled, limit: t.s.flags.maxTime, elapsed: t.since(), received: t.received, got: t.firstByte > 0}
}

func (t *transfer) since() time.Duration { return time.Since(t.started) }

func sameOrigin(a, b *url.URL) bool {
	aHost, aPort := hostPort(a)
	bHost, bPort := hostPort(b)
	return aHost == bHost && aPort == bPort
}

type uploadBody struct {
	io.ReadCloser
	t *transfer
}

func (b *uploadBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.t.sent.Add(int64(n))
	b.t.meter.add(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = wrapf(exitRead, err, "Cannot read what is to be sent: %s", fileReason(err))
	}
	return n, err
}

type bodyWriter struct{ t *transfer }

func (w bodyWriter) Write(p []byte) (int, error) {
	n, err := w.t.out.Write(p)
	w.t.received += int64(n)
	w.t.meter.add(n)
	return n, err
}
