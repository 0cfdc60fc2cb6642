package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// linkWorkloads run over a link of 100 Mbit/s, 25 ms each way, with a queue of
// 625,000 bytes. The connection is open; its congestion window is at its
// start.
//
// W8: 20 MiB, from the request to the last byte, and how many datagrams the
// queue refused. "W8-long": the rate of 200 MiB from the third second on.
// "W8-loss@P": P percent are lost at random, each way; only on demand.
func linkWorkloads() []workload {
	ws := []workload{
		{name: "W8", what: "20 MiB over 100 Mbit/s, 50 ms", figures: []figure{
			{"time", "s", true, times(1)}, {"tail drops", "", true, times(1)},
		}, on: overPackets, run: func(s stack) ([]float64, error) { return overLink(s, slowLink(0), 20<<20) }},
		{name: "W8-long", what: "200 MiB over the same", figures: []figure{
			{"rate from the 3rd second", "% of the link's", false, []target{{bound: 95}}}, {name: "tail drops", less: true},
		}, on: overPackets, run: func(s stack) ([]float64, error) { return steadily(s, slowLink(0), 200<<20) }},
	}
	for _, percent := range []int{1, 3} {
		ws = append(ws, workload{
			name: "W8-loss@" + strconv.Itoa(percent), what: fmt.Sprintf("the same with %d %% lost", percent),
			figures: []figure{{name: "time", unit: "s", less: true}, {name: "tail drops", less: true}}, on: overPackets, asked: true,
			run: func(s stack) ([]float64, error) { return overLink(s, slowLink(float64(percent)/100), 20<<20) },
		})
	}
	return ws
}

func overLink(s stack, l *link, size int64) ([]float64, error) {
	b, err := newBed(s, plan{link: l})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	from := time.Now()
	if err := download(b.ctx, b.rt, b.url, size); err != nil {
		return nil, err
	}
	took := time.Since(from)
	d, err := b.relay.drops()
	return []float64{took.Seconds(), float64(d.Tail)}, err
}

// steadily measures the rate after the first two seconds, as a percentage of
// what the link can carry of bodies.
func steadily(s stack, l *link, size int64) ([]float64, error) {
	b, err := newBed(s, plan{link: l})
	if err != nil {
		return nil, err
	}
	defer b.stop()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.url+"/bytes?n="+strconv.FormatInt(size, 10), nil)
	if err != nil {
		return nil, err
	}
	resp, err := b.rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body := &late{from: time.Now().Add(2 * time.Second), resp: resp}
	n, err := drain(body, make([]byte, chunk))
	if err != nil {
		return nil, err
	}
	took := time.Since(body.from)
	if n != size || body.before == n {
		return nil, fmt.Errorf("%d bytes came, want %d, and not within two seconds", n, size)
	}
	d, err := b.relay.drops()
	return []float64{100 * float64(n-body.before) / took.Seconds() / (l.Rate * payloadShare), float64(d.Tail)}, err
}

// late counts the bytes of a body that came before a time.
type late struct {
	from   time.Time
	resp   *http.Response
	before int64
}

func (l *late) Read(p []byte) (int, error) {
	n, err := l.resp.Body.Read(p)
	if time.Now().Before(l.from) {
		l.before += int64(n)
	}
	return n, err
}
