package engine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// identity is a throwaway certificate and the pool that trusts exactly it.
var identity = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engine test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
})

func serverTLS(alpn ...string) *tls.Config {
	cert, _ := identity()
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: alpn}
}

func clientTLS(alpn ...string) *tls.Config {
	_, pool := identity()
	return &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: alpn}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// newTestEngine makes an engine that must be empty when the test has closed what it opened.
func newTestEngine(t *testing.T) *Engine {
	t.Helper()
	e := New(Options{})
	t.Cleanup(func() {
		_ = e.Close()
		expectEmpty(t, e)
	})
	return e
}

// expectEmpty waits until everything is home: the shared rooms leave a moment after their socket.
func expectEmpty(t *testing.T, e *Engine) {
	t.Helper()
	var o Outstanding
	for range 2000 {
		if o = e.Outstanding(); o == (Outstanding{}) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("not at home: %+v", o)
}

// longWait is how long a test waits for what comes in milliseconds, unless something is wrong.
const longWait = 20 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// loopback turns the address of a socket that listens on all into one to dial.
func loopback(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return a
}
