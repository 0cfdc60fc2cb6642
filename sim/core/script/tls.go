package script

import (
	"bytes"
	"crypto/ecdh"
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"quicpro/sim/core/authority"
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
	c.Certificates = []tls.Certificate{authority.Certificate(name)}
	return c
}

func clientTLS(r *reader, server string) *tls.Config {
	c := classic(r)
	c.RootCAs, c.ServerName = authority.Pool(), server
	return c
}
