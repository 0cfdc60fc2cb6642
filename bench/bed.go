package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// patience bounds one repetition.
var patience = 5 * time.Minute

// A plan says where a stack's server lives and how it is reached.
type plan struct {
	settings
	apart bool  // the server is another process
	link  *link // what datagrams pass on their way; nil is loopback alone
}

// A bed is a stack's server with a client whose connection is open and warm.
type bed struct {
	stack
	plan
	url    string
	roots  *x509.CertPool // holds the server's certificate
	rt     http.RoundTripper
	server *child // nil: in this process
	relay  *child // nil: none
	stops  []func()
	ctx    context.Context // ends with the repetition
}

func newBed(s stack, p plan) (*bed, error) {
	b := &bed{stack: s, plan: p}
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(context.Background(), patience)
	b.stops = append(b.stops, cancel)
	if err := b.open(); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *bed) open() error {
	addr, err := b.listen()
	if err != nil {
		return err
	}
	if b.link != nil {
		if b.relay, err = b.helper(relayProcs); err != nil {
			return err
		}
		if addr, err = b.relay.relay(addr, *b.link); err != nil {
			return err
		}
	}
	b.url = "https://" + addr
	b.rt, err = b.connect()
	return err
}

// listen starts the server.
func (b *bed) listen() (string, error) {
	if !b.apart {
		addr, stop, err := b.serve(&answerer{}, serverTLS(), b.settings)
		if err == nil {
			b.stops = append(b.stops, stop)
		}
		b.roots = trust(identity.Certificate[0])
		return addr, err
	}
	var err error
	if b.server, err = b.helper(); err != nil {
		return "", err
	}
	at, err := b.server.serve(b.stack, b.settings)
	if err != nil {
		return "", err
	}
	b.roots = trust(at.Cert)
	return at.Addr, nil
}

// helper starts another process of this program, which ends with the bed.
func (b *bed) helper(env ...string) (*child, error) {
	c, err := newChild(env...)
	if err == nil {
		b.stops = append(b.stops, c.end)
	}
	return c, err
}

// connect makes another client with a warm connection, which ends with the bed.
func (b *bed) connect() (http.RoundTripper, error) {
	rt, stop := b.client(b.clientTLS(), b.settings)
	b.stops = append(b.stops, stop)
	return rt, ask(b.ctx, rt, b.url, make([]byte, 1024))
}

// clientTLS returns a fresh TLS configuration: default curves, no session
// cache, the certificate checked.
func (b *bed) clientTLS() *tls.Config { return &tls.Config{RootCAs: b.roots} }

// connectAll makes n of them.
func (b *bed) connectAll(n int) ([]http.RoundTripper, error) {
	rts := make([]http.RoundTripper, n)
	for i := range rts {
		var err error
		if rts[i], err = b.connect(); err != nil {
			return nil, err
		}
	}
	return rts, nil
}

func (b *bed) stop() {
	for _, f := range slices.Backward(b.stops) {
		f()
	}
}

// A meter tells what the processes of a bed use from now on.
type meter struct {
	b              *bed
	client, server Usage
}

func (b *bed) meter() (meter, error) {
	client, server, err := b.usage()
	return meter{b, client, server}, err
}

// usage is what the client's and the server's process have used. In one
// process the client's is both together.
func (b *bed) usage() (client, server Usage, err error) {
	if b.server != nil {
		server, err = b.server.usage()
	}
	return usageHere(), server, err
}

// costs are the figures that costFigures names: seconds times scale for each of
// n things that were done.
func (m meter) costs(n, scale float64) ([]float64, error) {
	client, server, err := m.b.usage()
	clientCPU := (client.CPU - m.client.CPU).Seconds() * scale / n
	if m.b.apart {
		return []float64{clientCPU, (server.CPU - m.server.CPU).Seconds() * scale / n}, err
	}
	return []float64{clientCPU, float64(client.Mallocs-m.client.Mallocs) / n, float64(client.Bytes-m.client.Bytes) / n}, err
}

// costFigures name what costs returns. unit is of the CPU time.
func costFigures(apart bool, unit, per string) []figure {
	if apart {
		return []figure{{name: "client's CPU", unit: unit + "/" + per, less: true}, {name: "server's CPU", unit: unit + "/" + per, less: true}}
	}
	return []figure{
		{name: "CPU of both", unit: unit + "/" + per, less: true},
		{name: "allocations", unit: "/" + per, less: true},
		{name: "allocated", unit: "bytes/" + per, less: true},
	}
}

// ask makes one tiny request.
func ask(ctx context.Context, rt http.RoundTripper, url string, buf []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/bytes?n=32", nil)
	if err != nil {
		return err
	}
	return expect(rt, req, buf, 32)
}

// expect makes a request whose answer has n bytes.
func expect(rt http.RoundTripper, req *http.Request, buf []byte, n int64) error {
	got, err := roundTrip(rt, req, buf)
	if err == nil && got != n {
		err = fmt.Errorf("%d bytes came, want %d", got, n)
	}
	return err
}

// roundTrip reads the answer to its end through buf.
func roundTrip(rt http.RoundTripper, req *http.Request, buf []byte) (int64, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s", resp.Status)
	}
	return drain(resp.Body, buf)
}

func drain(r io.Reader, buf []byte) (int64, error) {
	var sum int64
	for {
		n, err := r.Read(buf)
		sum += int64(n)
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// crowd runs f n times at once. Its error is one of theirs.
func crowd(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return cmp.Or(errs...)
}
