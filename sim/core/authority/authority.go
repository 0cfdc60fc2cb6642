// Package authority makes the certificates of simulated servers: the same in every process, since their keys are hashes of
// the servers' names. They are worth nothing outside a simulation.
package authority

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"time"
)

// Pool holds the root that the servers of all worlds share.
func Pool() *x509.CertPool { return shared().pool }

// Certificate is that of the server with this name.
func Certificate(name string) tls.Certificate { return shared().certificate(name) }

type issuer struct {
	pool *x509.CertPool
	key  ed25519.PrivateKey
	root *x509.Certificate

	mu   sync.Mutex
	made map[string]tls.Certificate
}

var shared = sync.OnceValue(func() *issuer {
	i := &issuer{key: keyOf("authority"), pool: x509.NewCertPool(), made: make(map[string]tls.Certificate)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "quicpro sim"}, NotBefore: validFrom, NotAfter: validTo,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	i.root = i.sign(template, template, i.key)
	i.pool.AddCert(i.root)
	return i
})

// Any day that a world may begin on lies between them.
var (
	validFrom = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("quicpro sim " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (i *issuer) certificate(name string) tls.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c, ok := i.made[name]; ok {
		return c
	}
	key := keyOf(name)
	leaf := i.sign(&x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(key.Public().(ed25519.PublicKey)[:8]), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, NotBefore: validFrom, NotAfter: validTo, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, i.root, key)
	c := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	i.made[name] = c
	return c
}

func (i *issuer) sign(template, parent *x509.Certificate, key ed25519.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), i.key)
	if err == nil {
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(der); err == nil {
			return c
		}
	}
	panic("authority: making a certificate: " + err.Error())
}
