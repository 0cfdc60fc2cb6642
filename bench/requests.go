package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// requestWorkloads are closed loops of GETs that are answered by 1 KiB.
//
// W4@N: N callers on one connection. "64x4": 4 callers on each of 64
// connections, "64x1-two" one on each, with the server in a process of its own.
func requestWorkloads(z sizes) []workload {
	var ws []workload
	for _, p := range places {
		for _, n := range []int{1, 16, 100} {
			rate := figure{"requests", "/s", false, times(map[int]float64{1: 2.5, 16: 2.5, 100: 3}[n])}
			p50 := figure{name: "p50", unit: "us", less: true}
			costs := costFigures(p.apart, "us", "request")
			if n == 1 && !p.apart {
				p50.targets = []target{{1, "HTTP/2"}}
			}
			if !p.apart {
				costs[1].targets = []target{{bound: 70}}
			} else {
				rate.targets = nil
			}
			ws = append(ws, workload{
				name: "W4" + p.suffix + "@" + strconv.Itoa(n), what: strconv.Itoa(n) + " at once" + p.what,
				figures: append([]figure{rate, p50}, costs...),
				run: func(s stack) ([]float64, error) {
					return requests(s, plan{apart: p.apart}, 1, n, z.Span)
				},
			})
		}
	}
	rates := []figure{{name: "requests", unit: "/s"}, {name: "p50", unit: "us", less: true}}
	many := func(name, what string, callers int, apart bool) workload {
		return workload{
			name: name, what: what, figures: append(rates[:2:2], costFigures(apart, "us", "request")...),
			run: func(s stack) ([]float64, error) { return requests(s, plan{apart: apart}, 64, callers, z.Span) },
		}
	}
	return append(ws,
		many("64x4", "64 connections, 4 at once on each", 4, false),
		many("64x1-two", "64 connections, 1 at once on each, two processes", 1, true),
	)
}

// requests runs callers on each of so many connections.
func requests(s stack, p plan, connections, callers int, span time.Duration) ([]float64, error) {
	b, err := newBed(s, p)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	rts, err := b.connectAll(connections - 1)
	if err != nil {
		return nil, err
	}
	l := newLoop(slices.Repeat(append(rts, b.rt), callers), "/bytes?n=1024", 1024)
	if err := l.run(b.ctx, b.url, warming); err != nil {
		return nil, err
	}
	m, err := b.meter()
	if err != nil {
		return nil, err
	}
	if err := l.run(b.ctx, b.url, span); err != nil {
		return nil, err
	}
	costs, err := m.costs(l.count(), 1e6)
	return append([]float64{l.rate(), l.quantile(0.5)}, costs...), err
}

// warming precedes what is measured.
const warming = 50 * time.Millisecond

// A loop is callers in a closed loop, each with the client that it uses.
type loop struct {
	rts       []http.RoundTripper
	path      string
	want      int64 // the answer's length in bytes
	latencies [][]time.Duration
	took      time.Duration
	sorted    func() []time.Duration
}

func newLoop(rts []http.RoundTripper, path string, want int64) *loop {
	l := &loop{rts: rts, path: path, want: want, latencies: make([][]time.Duration, len(rts))}
	for i := range l.latencies {
		l.latencies[i] = make([]time.Duration, 0, 1<<20/len(rts))
	}
	return l
}

// run repeats requests for a span. Only the last run is kept.
func (l *loop) run(ctx context.Context, url string, span time.Duration) error {
	for i := range l.latencies {
		l.latencies[i] = l.latencies[i][:0]
	}
	began := time.Now()
	err := crowd(len(l.rts), func(i int) error {
		buf := make([]byte, 4096)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+l.path, nil)
		if err != nil {
			return err
		}
		end := began.Add(span)
		for from := time.Now(); from.Before(end); {
			if err := expect(l.rts[i], req, buf, l.want); err != nil {
				return err
			}
			now := time.Now()
			l.latencies[i] = append(l.latencies[i], now.Sub(from))
			from = now
		}
		return nil
	})
	l.took = time.Since(began)
	l.sorted = sync.OnceValue(func() []time.Duration {
		all := slices.Concat(l.latencies...)
		slices.Sort(all)
		return all
	})
	return err
}

func (l *loop) count() float64 { return float64(len(l.sorted())) }

func (l *loop) rate() float64 { return l.count() / l.took.Seconds() }

// quantile is in microseconds: 0.5 is the median.
func (l *loop) quantile(q float64) float64 {
	all := l.sorted()
	return float64(all[min(int(q*float64(len(all))), len(all)-1)]) / 1e3
}
