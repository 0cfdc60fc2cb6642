package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"time"
)

// LoadServerTLS makes a server's configuration of PEM files: its certificate chain, leaf first, and its key, both
// needed. With a clientCAFile, which may be empty, clients must show a certificate that one of its authorities signed (mutual
// TLS).
func LoadServerTLS(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("api: the server's certificate needs both certFile and keyFile")
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("api: loading the server's certificate: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}}
	if clientCAFile != "" {
		if c.ClientCAs, err = loadPool(clientCAFile); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// LoadClientTLS makes a client's configuration of PEM files. With a caFile, servers must be signed by one of its
// authorities instead of the system's; certFile and keyFile are shown to servers that ask. caFile may be empty; certFile
// and keyFile may be empty together.
func LoadClientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	var err error
	if caFile != "" {
		if c.RootCAs, err = loadPool(caFile); err != nil {
			return nil, err
		}
	}
	switch {
	case certFile == "" && keyFile != "":
		return nil, errors.New("api: the client's key has no certificate: give certFile too, or neither")
	case certFile != "" && keyFile == "":
		return nil, errors.New("api: the client's certificate has no key: give keyFile too, or neither")
	case certFile != "":
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("api: loading the client's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// checkProtocols refuses a configuration that was made for another protocol, so that no handshake is tried in vain.
func checkProtocols(c *tls.Config) error {
	if c == nil || len(c.NextProtos) == 0 || slices.Contains(c.NextProtos, protocol) {
		return nil
	}
	return fmt.Errorf("api: the tls.Config is for %q: leave NextProtos empty, or add %q", c.NextProtos, protocol)
}

// protocol is HTTP/3's name in ALPN (RFC 9114 s3.1).
const protocol = "h3"

func loadPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("api: loading certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("api: loading certificate authorities: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// ThrowawayCertificate makes a self-signed certificate for names, host names or IP addresses; none means localhost. It
// is valid from an hour ago for 14 days, no longer than browsers accept a certificate by its hash. Its Leaf is set.
// It is new at each call. A client in the same process trusts it by pool.AddCert(cert.Leaf) in its RootCAs, one in another
// by LoadClientTLS of a file with
//
//	pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
func ThrowawayCertificate(names ...string) (tls.Certificate, error) {
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1", "::1"}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	begin := time.Now().Add(-time.Hour)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "quicpro throwaway " + names[0]},
		NotBefore:             begin,
		NotAfter:              begin.Add(14 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
