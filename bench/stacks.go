package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"time"
)

// A stack is one HTTP implementation in both roles. serve listens on
// 127.0.0.1; client makes a client with connections of its own. Each returns
// the function that ends it.
type stack struct {
	name   string
	serve  func(h http.Handler, conf *tls.Config) (addr string, stop func(), err error)
	client func(conf *tls.Config) (rt http.RoundTripper, stop func())
}

var stacks = []stack{
	{"quicpro", serveQuicpro, dialQuicpro},
	{"quic-go", serveQuicGo, dialQuicGo},
	{"HTTP/2", serveTCP(true), dialTCP(true)},
	{"HTTP/1.1", serveTCP(false), dialTCP(false)},
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

func serveTCP(two bool) func(http.Handler, *tls.Config) (string, func(), error) {
	return func(h http.Handler, conf *tls.Config) (string, func(), error) {
		conn, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		s := &http.Server{Handler: h, TLSConfig: conf, Protocols: protocols(two)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.ServeTLS(conn, "", "") // as above
		}()
		return conn.Addr().String(), func() { _ = s.Close(); <-ended }, nil
	}
}

func dialTCP(two bool) func(*tls.Config) (http.RoundTripper, func()) {
	return func(conf *tls.Config) (http.RoundTripper, func()) {
		t := &http.Transport{TLSClientConfig: conf, Protocols: protocols(two), DisableCompression: true, MaxIdleConnsPerHost: 1000}
		return t, t.CloseIdleConnections
	}
}

func protocols(two bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(two)
	p.SetHTTP1(!two)
	return p
}

// identity is an ECDSA P-256 certificate and who trusts it.
var identity = newIdentity()

type credentials struct {
	cert tls.Certificate
	pool *x509.CertPool
}

// server and client return fresh TLS configurations: default curves, no
// session cache, the certificate checked.
func (c credentials) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.cert}, MinVersion: tls.VersionTLS13}
}
func (c credentials) client() *tls.Config { return &tls.Config{RootCAs: c.pool} }

func newIdentity() credentials {
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
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return credentials{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool}
}
