package main

import (
	"net"
	"net/netip"
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
	client    netip.AddrPort
	up, down  *queue // guarded by mu, so that drops may look
}

// relayBuffer is the sockets' buffers in bytes, far more than a link's queue:
// what is dropped is dropped by the link.
const relayBuffer = 4 << 20

// relayProcs lets the two that wait in the system (waitUntil) do so without
// those that read: the runtime takes a processor back from a system call only
// after up to 10 ms.
const relayProcs = "GOMAXPROCS=8"

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
	r.up = &queue{link: l, rng: seeded(1)}
	r.down = &queue{link: l, rng: seeded(2)}
	go r.carry(r.up, func(b []byte) (int, error) {
		n, from, err := near.ReadFromUDPAddrPort(b)
		r.mu.Lock()
		r.client = from
		r.mu.Unlock()
		return n, err
	}, func(b []byte) { _, _ = far.Write(b) })
	go r.carry(r.down, far.Read, func(b []byte) {
		r.mu.Lock()
		to := r.client
		r.mu.Unlock()
		_, _ = near.WriteToUDPAddrPort(b, to)
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

// inFlight is how many datagrams one direction holds at most, many times what
// fits a link; they are memory of 2 KiB each.
const inFlight = 4096

// carry moves one direction until its socket is closed. It allocates nothing
// on the way: a collection would delay datagrams by milliseconds.
func (r *relay) carry(q *queue, read func([]byte) (int, error), write func([]byte)) {
	type flight struct {
		at time.Time
		b  []byte
	}
	flights, free := make(chan flight, inFlight), make(chan []byte, inFlight)
	for range inFlight {
		free <- make([]byte, 2<<10)
	}
	defer close(flights)
	go func() {
		for f := range flights {
			waitUntil(f.at)
			write(f.b)
			free <- f.b[:cap(f.b)]
		}
	}()
	for {
		b := <-free
		n, err := read(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		at, ok := q.offer(time.Now(), n)
		r.mu.Unlock()
		if ok {
			flights <- flight{at, b[:n]}
		} else {
			free <- b
		}
	}
}
