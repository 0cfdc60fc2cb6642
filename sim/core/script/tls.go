package script

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"sync"
	"time"
)

// reader is what TLS draws from: a stream that the seed decides.
type reader struct{ c *rand.ChaCha8 }

func newReader(seed uint64) *reader {
	r := &reader{}
	r.reseed(seed)
	return r
}

// reseed begins another stream.
func (r *reader) reseed(seed uint64) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	r.c = rand.NewChaCha8(key)
}

// Read fills p. One byte alone is no part of the stream: crypto/internal/randutil.MaybeReadByte reads one, or not, by a
// chance that is not ours, so that nobody relies on what a custom reader gives.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 1 {
		p[0] = 0
		return 1, nil
	}
	return r.c.Read(p)
}

// TLSIsSeeded reports whether this process heeds a tls.Config's Rand, so that equal seeds give equal hashes. It does if
// GODEBUG contains cryptocustomrand=1.
var TLSIsSeeded = sync.OnceValue(func() bool {
	var keys [2][]byte
	for i := range keys {
		k, err := ecdh.X25519().GenerateKey(newReader(1))
		if err != nil {
			return false
		}
		keys[i] = k.Bytes()
	}
	return bytes.Equal(keys[0], keys[1])
})

// classic is the profile of TLS whose bytes follow from Config.Rand: X25519MLKEM768 asks crypto/rand on a server.
func classic(r *reader) *tls.Config {
	return &tls.Config{Rand: r, CurvePreferences: []tls.CurveID{tls.X25519}}
}

func serverTLS(r *reader, name string) *tls.Config {
	c := classic(r)
	c.Certificates = []tls.Certificate{authority().certificate(name)}
	return c
}

func clientTLS(r *reader, server string) *tls.Config {
	c := classic(r)
	c.RootCAs, c.ServerName = authority().pool, server
	return c
}

// issuer makes certificates that are the same in every process: their keys are hashes of the names.
type issuer struct {
	pool *x509.CertPool
	key  ed25519.PrivateKey
	leaf *x509.Certificate

	mu   sync.Mutex
	made map[string]tls.Certificate
}

// authority is the issuer that the servers of all worlds share.
var authority = sync.OnceValue(func() *issuer {
	i := &issuer{key: keyOf("authority"), pool: x509.NewCertPool(), made: make(map[string]tls.Certificate)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "quicpro sim"}, NotBefore: validFrom, NotAfter: validTo,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	i.leaf = i.sign(template, template, i.key)
	i.pool.AddCert(i.leaf)
	return i
})

var (
	validFrom = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("quicpro sim " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// certificate is the one for a host.
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
	}, i.leaf, key)
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
	panic("script: making a certificate: " + err.Error())
}
