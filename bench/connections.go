package main

import (
	"slices"
	"strconv"
	"time"
)

// connectionWorkloads: W5@N is N callers in a closed loop of dial, one tiny
// request, close.
func connectionWorkloads(z sizes) []workload {
	var ws []workload
	for _, p := range places {
		rate := figure{name: "connections", unit: "/s"}
		if !p.apart {
			rate.targets = times(1.4)
		}
		const n = 8
		ws = append(ws, workload{
			name: "W5" + p.suffix + "@" + strconv.Itoa(n), what: "full handshakes, " + strconv.Itoa(n) + " at once" + p.what,
			figures: append([]figure{rate}, costFigures(p.apart, "us", "connection")...),
			run:     func(s stack) ([]float64, error) { return connections(s, p.apart, n, z.Span) },
		})
	}
	return ws
}

func connections(s stack, apart bool, n int, span time.Duration) ([]float64, error) {
	b, err := newBed(s, plan{apart: apart})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	m, err := b.meter()
	if err != nil {
		return nil, err
	}
	counts := make([]float64, n)
	from := time.Now()
	err = crowd(n, func(i int) error {
		buf := make([]byte, 1024)
		for end := from.Add(span); time.Now().Before(end); counts[i]++ {
			rt, stop := s.client(b.clientTLS(), b.settings)
			err := ask(b.ctx, rt, b.url, buf)
			stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
	took := time.Since(from)
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for c := range slices.Values(counts) {
		sum += c
	}
	costs, err := m.costs(sum, 1e6)
	return append([]float64{sum / took.Seconds()}, costs...), err
}
