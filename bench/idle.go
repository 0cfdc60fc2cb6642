package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// idleWorkloads: W6 is the memory of idle connections: resident bytes of each
// of two processes, after collecting, when each connection has had one answer;
// less what the process had with one connection. The client's connections
// share a UDP socket where the stack can do so: with a socket of its own, each
// takes 11 KiB more of quicpro, and 30 of quic-go.
func idleWorkloads() []workload {
	const n = 2000
	side := func(name string) figure { return figure{name, "KiB/connection", true, []target{{bound: 28}}} }
	return []workload{{
		name: "W6", what: "2,000 idle connections", figures: []figure{side("server"), side("client")},
		run: func(s stack) ([]float64, error) { return idle(s, n, stillness) },
	}}
}

// stillness is how long connections are left alone before their memory is
// measured: what waits for a second packet, or for a goroutine, has ended.
const stillness = 2 * time.Second

func idle(s stack, n int, still time.Duration) ([]float64, error) {
	server, err := newChild()
	if err != nil {
		return nil, err
	}
	defer server.end()
	client, err := newChild()
	if err != nil {
		return nil, err
	}
	defer client.end()
	set := settings{Idle: 10 * time.Minute, OneSocket: true}
	at, err := server.serve(s, set)
	if err != nil {
		return nil, err
	}
	memory := func(connections int) ([2]int64, error) {
		if err := client.dial(s, set, at, connections); err != nil {
			return [2]int64{}, err
		}
		time.Sleep(still)
		a, err := server.memory()
		if err != nil {
			return [2]int64{}, err
		}
		b, err := client.memory()
		return [2]int64{a, b}, err
	}
	before, err := memory(1)
	if err != nil {
		return nil, err
	}
	after, err := memory(n)
	each := func(i int) float64 { return float64(after[i]-before[i]) / 1024 / float64(n) }
	return []float64{each(0), each(1)}, err
}

// connectAtOnce makes n connections, a few at a time, each of a client of its
// own. They end with the bed.
func (b *bed) connectAtOnce(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var mu sync.Mutex
	left := n
	next := func() (http.RoundTripper, bool) {
		mu.Lock()
		defer mu.Unlock()
		if left == 0 {
			return nil, false
		}
		left--
		rt, stop := b.client(b.clientTLS(), b.settings)
		b.stops = append(b.stops, stop)
		return rt, true
	}
	return crowd(16, func(int) error {
		buf := make([]byte, 1024)
		for rt, ok := next(); ok; rt, ok = next() {
			if err := ask(ctx, rt, b.url, buf); err != nil {
				return err
			}
		}
		return nil
	})
}
