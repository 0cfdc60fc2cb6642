package main

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A relay is a link in both directions between one client and a server: a
// socket that the client takes for the server, and one that the server takes
// for the client. It runs in a process of its own, so that its waiting takes
// no processor from the goroutines of either.
type relay struct {
	near, far *net.UDPConn
	mu        sync.Mutex
	client    *net.UDPAddr
	up, down  *queue // guarded by mu, so that drops may look
}

// relayBuffer is the sockets' buffers in bytes, far more than a link's queue:
// what is dropped is dropped by the link.
const relayBuffer = 4 << 20

func newRelay(to string, l link) (*relay, error) {
	server, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return nil, err
	}
	far, err := net.DialUDP("udp", nil, server)
	if err != nil {
		return nil, err
	}
	near, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		_ = far.Close()
		return nil, err
	}
	for _, c := range []*net.UDPConn{near, far} {
		_ = c.SetReadBuffer(relayBuffer) // the system's limit is enough where it is less
		_ = c.SetWriteBuffer(relayBuffer)
	}
	r := &relay{near: near, far: far}
	r.up = &queue{link: l, rng: rand.New(rand.NewPCG(1, 1))}
	r.down = &queue{link: l, rng: rand.New(rand.NewPCG(2, 2))}
	go r.carry(r.up, func(b []byte) (int, error) {
		n, from, err := near.ReadFromUDP(b)
		r.mu.Lock()
		r.client = from
		r.mu.Unlock()
		return n, err
	}, func(b []byte) { _, _ = far.Write(b) })
	go r.carry(r.down, far.Read, func(b []byte) {
		r.mu.Lock()
		to := r.client
		r.mu.Unlock()
		_, _ = near.WriteToUDP(b, to)
	})
	return r, nil
}

func (r *relay) addr() string { return r.near.LocalAddr().String() }

// drops is what the link lost on the way to the client.
func (r *relay) drops() Dropped {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down.Dropped
}

func (r *relay) close() {
	_ = r.near.Close()
	_ = r.far.Close()
}

// carry moves one direction until its socket is closed.
func (r *relay) carry(q *queue, read func([]byte) (int, error), write func([]byte)) {
	type flight struct {
		at time.Time
		b  []byte
	}
	flights := make(chan flight, 1<<16) // a link holds far fewer datagrams
	defer close(flights)
	go func() {
		for f := range flights {
			waitUntil(f.at)
			write(f.b)
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		at, ok := q.offer(time.Now(), n)
		r.mu.Unlock()
		if ok {
			flights <- flight{at, append([]byte(nil), buf[:n]...)}
		}
	}
}
