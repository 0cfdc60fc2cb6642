package main

import (
	"fmt"
	"net/http"
	"time"
)

// burstWorkloads: W7 is 10,000 requests started at once on one connection,
// from the first to the last answer, and the growth of the process's memory
// to its peak meanwhile. "W7": both ends allow as many, and no answer comes
// before all requests have. "W7-default": each stack's limits, and nothing is
// held.
func burstWorkloads() []workload {
	const n = 10_000
	figures := func(targets []target) []figure {
		return []figure{{"time", "ms", true, targets}, {"memory", "MiB", true, targets}}
	}
	return []workload{
		{name: "W7", what: "10,000 requests at once, held", figures: figures(times(0.5)), on: manyAtOnce,
			run: func(s stack) ([]float64, error) {
				return burst(s, settings{Streams: n}, n, fmt.Sprintf("/hold?n=%d", n))
			}},
		{name: "W7-default", what: "10,000 requests at once, default limits", figures: figures(nil), on: overPackets,
			run: func(s stack) ([]float64, error) { return burst(s, settings{}, n, "/bytes?n=32") }},
	}
}

// manyAtOnce leaves out what would need a connection a request. With its own
// limit of 250, HTTP/2 dials as many too.
func manyAtOnce(s stack) bool { return s.name != "HTTP/1.1" }

func burst(s stack, set settings, n int, path string) ([]float64, error) {
	b, err := newBed(s, plan{settings: set})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	collect()
	if err := forgetPeak(); err != nil {
		return nil, err
	}
	before, _, err := rss()
	if err != nil {
		return nil, err
	}
	from := time.Now()
	err = crowd(n, func(int) error {
		req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.url+path, nil)
		if err != nil {
			return err
		}
		return expect(b.rt, req, make([]byte, 64), 32)
	})
	took := time.Since(from)
	if err != nil {
		return nil, err
	}
	_, peak, err := rss()
	return []float64{float64(took) / 1e6, float64(peak-before) / (1 << 20)}, err
}
