package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"quicpro/api"
)

// A stack is one HTTP/3 implementation in both roles.
type stack struct {
	name   string
	server func(h http.Handler, conf *tls.Config) httpServer
	client func(conf *tls.Config) httpClient
}

type httpServer interface {
	Serve(net.PacketConn) error
	Shutdown(context.Context) error
	Close() error
}

type httpClient interface {
	http.RoundTripper
	Close() error
}

var (
	quicpro = stack{
		name:   "quicpro",
		server: func(h http.Handler, conf *tls.Config) httpServer { return &api.Server{Handler: h, TLSConfig: conf} },
		client: func(conf *tls.Config) httpClient { return &api.Transport{TLSClientConfig: conf} },
	}
	quicgo = stack{
		name:   "quic-go",
		server: func(h http.Handler, conf *tls.Config) httpServer { return &http3.Server{Handler: h, TLSConfig: conf} },
		client: func(conf *tls.Config) httpClient { return &http3.Transport{TLSClientConfig: conf} },
	}
)

// A pair is what a story is told about: one stack's client, the other's server.
type pair struct {
	client, server stack
}

// serve starts the pair's server on addr ("127.0.0.1:0" for any port) and
// returns it with its host:port. It ends with the test.
func (p pair) serve(t *testing.T, addr string, h http.Handler) (httpServer, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := p.server.server(h, &tls.Config{Certificates: []tls.Certificate{identity.cert}})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(conn) }()
	t.Cleanup(func() {
		_ = s.Close() // a story may have closed it already
		_ = conn.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve of %s returned %v, want http.ErrServerClosed", p.server.name, err)
		}
	})
	return s, conn.LocalAddr().String()
}

// dial returns a client of the pair that trusts the test's certificate.
func (p pair) dial(t *testing.T) *http.Client {
	t.Helper()
	c := p.client.client(&tls.Config{RootCAs: identity.pool})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing the client of %s: %v", p.client.name, err)
		}
	})
	return &http.Client{Transport: c}
}

// start is serve on any port and dial; it returns the client and the base URL.
func (p pair) start(t *testing.T, h http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	_, addr := p.serve(t, "127.0.0.1:0", h)
	return p.dial(t), "https://" + addr
}

var identity = newIdentity()

type credentials struct {
	cert tls.Certificate
	pool *x509.CertPool
}

func newIdentity() credentials {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return credentials{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool}
}
