package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"quicpro/engine"
)

// A stack is one HTTP implementation in both roles. serve listens on
// 127.0.0.1; client makes a client with connections of its own. Each returns
// the function that ends it.
type stack struct {
	name    string
	packets bool // its connections are datagrams over UDP
	serve   func(h http.Handler, conf *tls.Config, set settings) (addr string, stop func(), err error)
	client  func(conf *tls.Config, set settings) (rt http.RoundTripper, stop func())
}

func (s stack) String() string { return s.name }

// settings are what a workload changes; the zero value leaves every default of
// the stack alone.
type settings struct {
	Streams   int           // requests at once on one connection
	Idle      time.Duration // until an idle connection is closed
	OneSocket bool          // all clients of a process share a UDP socket, if the stack can
}

var stacks = []stack{
	quicpro("quicpro", engine.Options{}),
	quicGo("quic-go"),
	overTCP("HTTP/2", true),
	overTCP("HTTP/1.1", false),
	quicpro("apart", engine.Options{Placement: engine.Apart}),
	quicpro("fused", engine.Options{Placement: engine.Fused}),
}

// packetServer is what the HTTP/3 servers have in common.
type packetServer interface {
	Serve(net.PacketConn) error
	Close() error
}

func servePackets(s packetServer) (string, func(), error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(conn) // a server that fails is seen by its client
	}()
	return conn.LocalAddr().String(), func() {
		_ = s.Close()
		_ = conn.Close()
		<-ended
	}, nil
}

func overTCP(name string, two bool) stack {
	serve := func(h http.Handler, conf *tls.Config, set settings) (string, func(), error) {
		conn, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		s := &http.Server{Handler: h, TLSConfig: conf, Protocols: protocols(two), IdleTimeout: set.Idle, ErrorLog: silence}
		if set.Streams > 0 {
			s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: set.Streams}
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.ServeTLS(conn, "", "") // as above
		}()
		return conn.Addr().String(), func() { _ = s.Close(); <-ended }, nil
	}
	client := func(conf *tls.Config, set settings) (http.RoundTripper, func()) {
		t := &http.Transport{TLSClientConfig: conf, Protocols: protocols(two), DisableCompression: true, MaxIdleConnsPerHost: 1000, IdleConnTimeout: set.Idle}
		return t, t.CloseIdleConnections
	}
	return stack{name: name, serve: serve, client: client}
}

// silence swallows what net/http says of connections that a client gave up.
var silence = log.New(io.Discard, "", 0)

func protocols(two bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(two)
	p.SetHTTP1(!two)
	return p
}

// identity is an ECDSA P-256 certificate of this process.
var identity = newIdentity()

// serverTLS returns a fresh TLS configuration: default curves, no session
// cache.
func serverTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{identity}, MinVersion: tls.VersionTLS13}
}

// trust is a pool of one server's certificate, given as DER.
func trust(cert []byte) *x509.CertPool {
	leaf, err := x509.ParseCertificate(cert)
	if err != nil {
		panic(err) // a process of this program made it
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}

func newIdentity() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
