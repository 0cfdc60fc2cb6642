package oracle

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"quicpro/engine"
)

// relay passes datagrams between one client and a server, and harms one in rate: it loses, doubles, swaps and corrupts.
type relay struct {
	front, back *net.UDPConn
	mu          sync.Mutex
	draw        *rand.Rand
	rate        int
	client      netip.AddrPort
}

func newRelay(t *testing.T, to netip.AddrPort, rate int, seed uint64) *relay {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.UDPConn{front, back} {
		_ = c.SetReadBuffer(1 << 21)
	}
	r := &relay{front: front, back: back, draw: rand.New(rand.NewPCG(seed, 1)), rate: rate}
	var wg sync.WaitGroup
	wg.Go(func() {
		r.carry(func(b []byte) (int, error) {
			n, from, err := front.ReadFromUDPAddrPort(b)
			r.mu.Lock()
			r.client = from
			r.mu.Unlock()
			return n, err
		}, func(b []byte) { _, _ = back.Write(b) })
	})
	wg.Go(func() {
		r.carry(back.Read, func(b []byte) {
			r.mu.Lock()
			to := r.client
			r.mu.Unlock()
			_, _ = front.WriteToUDPAddrPort(b, to)
		})
	})
	t.Cleanup(func() {
		_ = front.Close()
		_ = back.Close()
		wg.Wait()
	})
	return r
}

func (r *relay) addr() netip.AddrPort { return r.front.LocalAddr().(*net.UDPAddr).AddrPort() }

func (r *relay) carry(read func([]byte) (int, error), write func([]byte)) {
	b := make([]byte, 2048)
	var held []byte // overtaken by those that follow
	for {
		n, err := read(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		harm := -1
		if r.draw.IntN(r.rate) == 0 {
			harm = r.draw.IntN(5)
		}
		at := r.draw.IntN(max(n, 1))
		r.mu.Unlock()
		switch harm {
		case 0, 1: // lost
			continue
		case 2:
			write(b[:n])
		case 3:
			if held == nil {
				held = append([]byte(nil), b[:n]...)
				continue
			}
		case 4:
			b[at] ^= 1
		}
		write(b[:n])
		if held != nil && at%4 == 0 {
			write(held)
			held = nil
		}
	}
}

// Whatever a network does, the engine keeps the rules, and the statistics see what was lost and sent again.
func TestTheEngineBreaksNoRuleOnABadNetwork(t *testing.T) {
	cert, pool := identity(t)
	var total Stats
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			e, b := judged(t)
			l, err := e.ListenH3("127.0.0.1:0", engine.H3Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, echoes)
			if err != nil {
				t.Fatal(err)
			}
			r := newRelay(t, l.Addr(), 15, seed)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			h, err := e.DialH3(ctx, r.addr(), engine.H3Config{TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"}})
			if err != nil {
				t.Fatal(err)
			}
			body := make([]byte, 60_000)
			Content(1, "body", 0, body)
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() { post(ctx, t, h, body[:6000*(i+1)]) })
			}
			wg.Wait()
			_ = e.Close()
			stats := b.Stats()
			total.Add(&stats)
		})
	}
	t.Log(total.String())
}
