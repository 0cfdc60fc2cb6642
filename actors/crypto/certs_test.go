package crypto

import (
	stdcrypto "crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"time"
)

// today is the time of all handshakes here.
var today = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

// issuer is a certificate authority.
type issuer struct {
	cert *x509.Certificate
	key  stdcrypto.Signer
	pool *x509.CertPool
}

// authority is the root that clients and servers of these tests trust.
var authority = func() *issuer {
	a := newIssuer("root", nil, "")
	a.pool = x509.NewCertPool()
	a.pool.AddCert(a.cert)
	return a
}()

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// newIssuer makes an authority signed by parent, or by itself. ballast makes its certificate large.
func newIssuer(name string, parent *issuer, ballast string) *issuer {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: today.Add(-time.Hour), NotAfter: today.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 9999, 1}, Value: []byte(ballast)}},
	}
	signer, signerKey := template, stdcrypto.Signer(key)
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der := must(x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signerKey))
	return &issuer{cert: must(x509.ParseCertificate(der)), key: key}
}

func (i *issuer) issue(name string) tls.Certificate {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: today.Add(-time.Hour), NotAfter: today.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func certificateFor(name string) tls.Certificate { return authority.issue(name) }

// largeChain is a certificate below ten intermediate ones of 5 KB each.
func largeChain() tls.Certificate {
	var chain [][]byte
	above := authority
	for i := range 10 {
		above = newIssuer("intermediate "+string(rune('a'+i)), above, strings.Repeat("ballast ", 640))
		chain = append([][]byte{above.cert.Raw}, chain...)
	}
	c := above.issue("server.example")
	c.Certificate = append(c.Certificate, chain...)
	return c
}

func baseTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, Time: func() time.Time { return today }, SessionTicketsDisabled: true}
}

func clientTLS() *tls.Config {
	c := baseTLS()
	c.RootCAs, c.ServerName = authority.pool, "server.example"
	return c
}

func serverTLS() *tls.Config {
	c := baseTLS()
	c.Certificates = []tls.Certificate{certificateFor("server.example")}
	return c
}
