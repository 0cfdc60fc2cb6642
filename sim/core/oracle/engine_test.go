package oracle

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// locked makes a side usable by the rooms of a real engine, which run on several goroutines.
type locked struct {
	mu *sync.Mutex
	s  *Side
}

func (l locked) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l locked) Packet(now mono.Time, p port.PacketEvent) { l.do(func() { l.s.Packet(now, p) }) }
func (l locked) Dropped(now mono.Time, size int, why string) {
	l.do(func() { l.s.Dropped(now, size, why) })
}
func (l locked) Lost(now mono.Time, v wire.Level, pn wire.PacketNumber, why string) {
	l.do(func() { l.s.Lost(now, v, pn, why) })
}
func (l locked) Metrics(now mono.Time, m port.Metrics) { l.do(func() { l.s.Metrics(now, m) }) }
func (l locked) Parameters(now mono.Time, ours bool, p *wire.TransportParameters) {
	l.do(func() { l.s.Parameters(now, ours, p) })
}
func (l locked) State(now mono.Time, state string) { l.do(func() { l.s.State(now, state) }) }
func (l locked) Keys(now mono.Time, v wire.Level, what string) {
	l.do(func() { l.s.Keys(now, v, what) })
}
func (l locked) Closed(now mono.Time, c *port.Cause) { l.do(func() { l.s.Closed(now, c) }) }
func (l locked) H3Frame(now mono.Time, sent bool, id wire.StreamID, t, n uint64, fields []port.Field) {
	l.do(func() { l.s.H3Frame(now, sent, id, t, n, fields) })
}

// judged is an engine whose connections are judged.
func judged(t *testing.T) (*engine.Engine, *Book) {
	t.Helper()
	b, mu := New(Options{AckMargin: 5 * time.Second, ProbeMargin: 5 * time.Second}), new(sync.Mutex)
	e := engine.New(engine.Options{Trace: func(role wire.Role, odcid wire.ConnectionID) port.Trace {
		mu.Lock()
		defer mu.Unlock()
		return locked{mu, b.Open(role.String()+" "+odcid.String(), role)}
	}})
	t.Cleanup(func() { // whatever else fails
		_ = e.Close()
		b.Finish()
		for _, v := range b.Violations() {
			t.Error(&v)
		}
	})
	return e, b
}

// A real transfer breaks no rule: a megabyte both ways, then twenty requests at once.
func TestTheEngineBreaksNoRule(t *testing.T) {
	e, b := judged(t)
	cert, pool := identity(t)
	l, err := e.ListenH3("127.0.0.1:0", engine.H3Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, echoes)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	h, err := e.DialH3(ctx, l.Addr(), engine.H3Config{TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1<<20)
	Content(1, "body", 0, body)
	post(ctx, t, h, body)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { post(ctx, t, h, body[:1000+5000*i]) })
	}
	wg.Wait()
	if err := l.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	_ = e.Close()
	stats := b.Stats()
	text := stats.String()
	if stats.Sides != 2 || stats.Packets[wire.LevelApp].SentBytes < 4_000_000 || stats.Frames[wire.TypeHandshakeDone].Sent < 1 ||
		stats.Frames[wire.TypeMaxStreamData].Sent+stats.Frames[wire.TypeMaxData].Sent < 1 || !bytes.Contains([]byte(text), []byte("h3 sent GOAWAY: 1\n")) {
		t.Error(text)
	}
	t.Log(text)
}

// echoes has echo answer a request.
func echoes(h *engine.H3Conn, x *port.Exchange) func() {
	return func() {
		echo(h, x)
		h.Handled(x)
	}
}

// echo answers a request with its body.
func echo(h *engine.H3Conn, x *port.Exchange) {
	if body, err := readBody(h, x); err == nil {
		_ = writeBody(h, x, []port.Field{{Name: ":status", Value: "200"}}, body)
	}
	x.CancelOrder.HandlerDone = true
	h.Cancel(x)
}

// post sends a body and expects it back.
func post(ctx context.Context, t *testing.T, h *engine.H3Conn, body []byte) {
	x, err := h.Exchange(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	defer h.Release(x)
	x.OpenOrder.Fields = []port.Field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: "/"},
	}
	h.Open(x)
	sent := make(chan error, 1)
	go func() { sent <- writeBody(h, x, nil, body) }()
	got, err := readBody(h, x)
	if err == nil {
		err = CheckContent(1, "body", 0, got)
	}
	if werr := <-sent; err != nil || werr != nil || len(got) != len(body) {
		t.Errorf("%d of %d bytes, %v, %v", len(got), len(body), err, werr)
	}
}

func readBody(h *engine.H3Conn, x *port.Exchange) (body []byte, err error) {
	for {
		d, n := <-x.Reads.C(), 0
		for _, p := range d.Pieces {
			body = append(body, p.B...)
			n += len(p.B)
			p.Chunk.Release()
		}
		last, used, err := d.Last, d.Used, d.Err
		if !used && err == nil {
			x.TakenOrder.Bytes = n
			h.Taken(x)
		}
		if last {
			return body, err
		}
	}
}

func writeBody(h *engine.H3Conn, x *port.Exchange, head []port.Field, body []byte) error {
	m := port.NewSendIn(x)
	m.Head = head
	for {
		m.Chunks = nil
		if n := min(len(body), 16<<10-actor.Headroom); n > 0 {
			c := h.Chunks().Get(n + actor.Headroom)
			copy(c.Space()[actor.Headroom:], body[:n])
			c.B = c.Space()[actor.Headroom : actor.Headroom+n]
			m.Chunks = append(m.Chunks, c)
			body = body[n:]
		}
		m.Fin = len(body) == 0
		h.Send(x)
		if s := <-x.Writes.C(); s.Last {
			return s.Err
		}
		m.Head = nil
	}
}

// identity is a throwaway certificate and the pool that trusts exactly it.
func identity(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oracle test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
