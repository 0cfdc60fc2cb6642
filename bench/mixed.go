package main

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// mixedWorkloads are 16 callers of small requests (1 KiB, a closed loop)
// beside what takes the processors.
//
// "mixed": an endless download, on the same connection; "mixed-others": the
// callers have a connection each. "hash": requests whose handlers hash for a
// millisecond, in a closed loop of two callers a processor, on the same
// connection.
func mixedWorkloads(z sizes) []workload {
	small := func(targets []target, other, unit string) []figure {
		return []figure{
			{"p99 of small", "us", true, targets}, {name: "p50", unit: "us", less: true},
			{name: "small requests", unit: "/s"}, {name: other, unit: unit},
		}
	}
	return []workload{
		{name: "mixed", what: "small requests beside a download", figures: small(times(0.5), "download", "MB/s"),
			run: func(s stack) ([]float64, error) { return besideDownload(s, false, z.Span) }},
		{name: "mixed-others", what: "the same, on other connections", figures: small(times(0.5), "download", "MB/s"),
			run: func(s stack) ([]float64, error) { return besideDownload(s, true, z.Span) }},
		{name: "hash", what: "small requests beside 1 ms of hashing", figures: small(times(0.5), "hashes", "/s"),
			run: func(s stack) ([]float64, error) { return besideHashing(s, z.Span) }},
	}
}

// smallOnes is how many callers there are.
const smallOnes = 16

func besideDownload(s stack, others bool, span time.Duration) ([]float64, error) {
	b, err := newBed(s, plan{})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	rts := slices.Repeat([]http.RoundTripper{b.rt}, smallOnes)
	if others {
		if rts, err = b.connectAll(smallOnes); err != nil {
			return nil, err
		}
	}
	var count atomic.Int64
	return smallBeside(b, rts, span, &count, 1e6, []func(context.Context) error{
		func(ctx context.Context) error { return stream(ctx, b.rt, b.url, &count, 0) },
	})
}

func besideHashing(s stack, span time.Duration) ([]float64, error) {
	b, err := newBed(s, plan{})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	var count atomic.Int64
	path := "/hash?n=" + strconv.FormatInt(millisecond(), 10)
	hashing := func(ctx context.Context) error {
		buf := make([]byte, 64)
		for {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
			if err != nil {
				return err
			}
			if err := expect(b.rt, req, buf, 32); err != nil {
				return err
			}
			count.Add(1)
		}
	}
	rts := slices.Repeat([]http.RoundTripper{b.rt}, smallOnes)
	return smallBeside(b, rts, span, &count, 1, slices.Repeat([]func(context.Context) error{hashing}, 2*runtime.GOMAXPROCS(0)))
}

// smallBeside runs the small requests beside others, whose count it divides by
// unit.
func smallBeside(b *bed, rts []http.RoundTripper, span time.Duration, count *atomic.Int64, unit float64, others []func(context.Context) error) ([]float64, error) {
	l := newLoop(rts, "/bytes?n=1024", 1024)
	var got float64
	err := beside(b.ctx, others, func() error {
		before := count.Load()
		err := l.run(b.ctx, b.url, span)
		got = float64(count.Load()-before) / unit
		return err
	})
	if err != nil {
		return nil, err
	}
	return []float64{l.quantile(0.99), l.quantile(0.5), l.rate(), got / l.took.Seconds()}, nil
}

// millisecond is how many bytes are hashed in one, by the fastest of some
// trials: the same work for every stack of a run.
var millisecond = sync.OnceValue(func() int64 {
	const n = 4 << 20
	least := time.Hour
	for range 10 {
		from := time.Now()
		hash(n)
		least = min(least, time.Since(from))
	}
	return int64(n * float64(time.Millisecond) / float64(least))
})
