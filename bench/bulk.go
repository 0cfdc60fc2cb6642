package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// bulkWorkloads move large bodies.
//
// W1 and W2: one stream on an open connection, from the request to the last
// byte of the body. "ten": ten connections together, after one that moved as
// much alone. "slow": four downloads and one whose reader takes 1 MB/s, on one
// connection; the four count.
func bulkWorkloads(z sizes) []workload {
	var ws []workload
	for _, p := range places {
		down, up := figure{"download", "MB/s", false, times(3)}, figure{name: "upload", unit: "MB/s"}
		cpu := costFigures(p.apart, "s", "GiB")
		if !p.apart {
			down.targets = append(down.targets, target{1, "HTTP/1.1"})
			up.targets = times(4)
			cpu[0].targets = []target{{bound: 2.4}}
		}
		ws = append(ws,
			workload{name: "W1" + p.suffix, what: mebibytes(z.Bulk) + " down" + p.what, figures: append([]figure{down}, cpu...),
				run: func(s stack) ([]float64, error) { return transfer(s, p.apart, http.MethodGet, z.Bulk) }},
			workload{name: "W2" + p.suffix, what: mebibytes(z.Bulk/2) + " up" + p.what, figures: append([]figure{up}, costFigures(p.apart, "s", "GiB")...),
				run: func(s stack) ([]float64, error) { return transfer(s, p.apart, http.MethodPost, z.Bulk/2) }},
		)
	}
	return append(ws,
		workload{name: "ten", what: mebibytes(z.Bulk/2) + " down on 10 connections", figures: []figure{
			{"together, of one's rate", "", false, []target{{bound: 0.9}}}, {name: "the 10", unit: "MB/s"}, {name: "the one", unit: "MB/s"},
		}, run: func(s stack) ([]float64, error) { return together(s, 10, z.Bulk/2) }},
		workload{name: "slow", what: "4 downloads beside a slow reader", figures: []figure{
			{name: "the 4", unit: "MB/s"}, {name: "the slow one", unit: "MB/s"},
		}, run: func(s stack) ([]float64, error) { return besideSlow(s, 4, z.Span) }},
	)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// transfer is W1 and W2.
func transfer(s stack, apart bool, method string, size int64) ([]float64, error) {
	b, err := newBed(s, plan{apart: apart})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	m, err := b.meter()
	if err != nil {
		return nil, err
	}
	from := time.Now()
	if method == http.MethodPost {
		err = upload(b.ctx, b.rt, b.url, size)
	} else {
		err = download(b.ctx, b.rt, b.url, size)
	}
	took := time.Since(from)
	if err != nil {
		return nil, err
	}
	costs, err := m.costs(float64(size)/(1<<30), 1)
	return append([]float64{float64(size) / 1e6 / took.Seconds()}, costs...), err
}

func download(ctx context.Context, rt http.RoundTripper, url string, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/bytes?n="+strconv.FormatInt(size, 10), nil)
	if err != nil {
		return err
	}
	return expect(rt, req, make([]byte, chunk), size)
}

// upload sends zeros; the answer says how many came.
func upload(ctx context.Context, rt http.RoundTripper, url string, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/upload", &zeros{size})
	if err != nil {
		return err
	}
	req.ContentLength = size
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	came, err := io.ReadAll(resp.Body)
	if err == nil && string(came) != strconv.FormatInt(size, 10) {
		err = fmt.Errorf("%s: the server got %q bytes, want %d", resp.Status, came, size)
	}
	return err
}

// together downloads size bytes on one connection, and then as many on n.
func together(s stack, n int, size int64) ([]float64, error) {
	b, err := newBed(s, plan{})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	from := time.Now()
	if err := download(b.ctx, b.rt, b.url, size); err != nil {
		return nil, err
	}
	one := time.Since(from)
	rts, err := b.connectAll(n)
	if err != nil {
		return nil, err
	}
	from = time.Now()
	err = crowd(n, func(i int) error { return download(b.ctx, rts[i], b.url, size/int64(n)) })
	all := time.Since(from)
	rate := func(d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
	return []float64{rate(all) / rate(one), rate(all), rate(one)}, err
}

// besideSlow lets n endless downloads run beside a slow one.
func besideSlow(s stack, n int, span time.Duration) ([]float64, error) {
	b, err := newBed(s, plan{})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	var fast, slow atomic.Int64
	bodies := []func(context.Context) error{
		func(ctx context.Context) error { return stream(ctx, b.rt, b.url, &slow, 1e6) },
	}
	for range n {
		bodies = append(bodies, func(ctx context.Context) error { return stream(ctx, b.rt, b.url, &fast, 0) })
	}
	var got []float64
	err = beside(b.ctx, bodies, func() error {
		from, f, s := time.Now(), fast.Load(), slow.Load()
		time.Sleep(span)
		took := time.Since(from).Seconds()
		got = []float64{float64(fast.Load()-f) / 1e6 / took, float64(slow.Load()-s) / 1e6 / took}
		return nil
	})
	return got, err
}

// endless is more than any repetition moves, in bytes.
const endless = 1 << 50

// stream downloads until the context ends, and counts. A pace above 0 is how
// many bytes its reader takes in a second.
func stream(ctx context.Context, rt http.RoundTripper, url string, count *atomic.Int64, pace float64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/bytes?n="+strconv.FormatInt(endless, 10), nil)
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	buf, from, read := make([]byte, chunk), time.Now(), int64(0)
	if pace > 0 {
		buf = buf[:chunk/4]
	}
	for {
		n, err := resp.Body.Read(buf)
		count.Add(int64(n))
		if err != nil {
			return err
		}
		if read += int64(n); pace > 0 {
			time.Sleep(time.Until(from.Add(time.Duration(float64(read) / pace * 1e9))))
		}
	}
}

// settling is how long the bodies of beside run before it measures.
const settling = 200 * time.Millisecond

// beside runs f while others run until their context ends. One that ends
// before is an error.
func beside(ctx context.Context, others []func(context.Context) error, f func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	go func() {
		ended <- crowd(len(others), func(i int) error {
			err := others[i](ctx)
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("ended too early: %w", err)
		})
	}()
	time.Sleep(settling)
	err := f()
	cancel()
	if early := <-ended; early != nil {
		return early
	}
	return err
}
