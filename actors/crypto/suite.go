package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash"
	"math"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"quicpro/wire"
)

const (
	tagLen    = 16 // RFC 9001 s5.3: all of the AEADs have a 16-byte tag
	ivLen     = 12
	sampleLen = 16 // RFC 9001 s5.4.2
	sampleGap = 4  // RFC 9001 s5.4.2: the sample is taken as if the packet number were this long
)

// suite is a TLS 1.3 cipher suite as packet protection uses it.
type suite struct {
	hash    func() hash.Hash
	keyLen  int
	newAEAD func(key []byte) (cipher.AEAD, error)
	chacha  bool // header protection by ChaCha20, RFC 9001 s5.4.4, instead of AES
	// RFC 9001 s6.6: packets that one key may seal, and packets of a connection that may fail to open.
	sealLimit, forgeLimit uint64
}

const (
	gcmSealLimit     = 1 << 23
	gcmForgeLimit    = 1 << 52
	chachaForgeLimit = 1 << 36
)

var (
	aes128 = &suite{hash: sha256.New, keyLen: 16, newAEAD: newGCM, sealLimit: gcmSealLimit, forgeLimit: gcmForgeLimit}
	aes256 = &suite{hash: sha512.New384, keyLen: 32, newAEAD: newGCM, sealLimit: gcmSealLimit, forgeLimit: gcmForgeLimit}
	chacha = &suite{hash: sha256.New, keyLen: 32, newAEAD: chacha20poly1305.New, chacha: true, sealLimit: math.MaxUint64, forgeLimit: chachaForgeLimit}
)

func suiteOf(id uint16) *suite {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256:
		return aes128
	case tls.TLS_AES_256_GCM_SHA384:
		return aes256
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		return chacha
	}
	panic(fmt.Sprintf("crypto: keys of cipher suite 0x%04x, which TLS 1.3 in Go does not have", id))
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// packetKey is the AEAD key of one level, direction and phase.
type packetKey struct {
	aead  cipher.AEAD
	iv    [ivLen]byte
	nonce [ivLen]byte // scratch
}

// expand begins the derivation of keys from a secret.
func (s *suite) expand(secret []byte) *expander { return newExpander(s.hash, secret) }

// newPacketKey derives a packet key from a secret (RFC 9001 s5.1).
func (s *suite) newPacketKey(secret *expander) *packetKey {
	k := new(packetKey)
	aead, err := s.newAEAD(secret.label("quic key", s.keyLen))
	if err != nil {
		panic("crypto: a key of the right length was refused: " + err.Error())
	}
	k.aead = aead
	copy(k.iv[:], secret.label("quic iv", ivLen))
	return k
}

// nextSecret is the secret of the phase after that of secret (RFC 9001 s6.1).
func (s *suite) nextSecret(secret []byte) []byte {
	e := s.expand(secret)
	return e.label("quic ku", e.mac.Size())
}

// nonceFor returns the nonce of a packet, valid until the next call (RFC 9001 s5.3).
func (k *packetKey) nonceFor(number wire.PacketNumber) []byte {
	k.nonce = k.iv
	low := k.nonce[ivLen-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^uint64(number))
	return k.nonce[:]
}

// headerKey is the header protection key of one level and direction; it has no phases.
type headerKey struct {
	block  cipher.Block // nil for ChaCha20
	chacha [chacha20.KeySize]byte
	mask   [sampleLen]byte // scratch
}

// newHeaderKey derives a header protection key from the secret of the first phase (RFC 9001 s5.4).
func (s *suite) newHeaderKey(secret *expander) *headerKey {
	h := new(headerKey)
	key := secret.label("quic hp", s.keyLen)
	if s.chacha {
		copy(h.chacha[:], key)
		return h
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("crypto: a key of the right length was refused: " + err.Error())
	}
	h.block = block
	return h
}

// maskFor computes the mask of a sample, of which 5 bytes count. It is valid until the next call.
func (h *headerKey) maskFor(sample []byte) *[sampleLen]byte {
	if h.block != nil {
		h.block.Encrypt(h.mask[:], sample)
		return &h.mask
	}
	// RFC 9001 s5.4.4: the first 4 bytes are the counter, the other 12 the nonce.
	c, err := chacha20.NewUnauthenticatedCipher(h.chacha[:], sample[4:sampleLen])
	if err != nil {
		panic("crypto: a key of the right length was refused: " + err.Error())
	}
	c.SetCounter(binary.LittleEndian.Uint32(sample))
	h.mask = [sampleLen]byte{}
	c.XORKeyStream(h.mask[:5], h.mask[:5])
	return &h.mask
}

// maskFirst masks or unmasks the first byte. Long headers hide 4 bits of it, short ones 5 (RFC 9001 s5.4.1).
func maskFirst(first byte, mask *[sampleLen]byte) byte {
	if first&wire.LongHeaderBit != 0 {
		return first ^ mask[0]&wire.LongProtectedMask
	}
	return first ^ mask[0]&wire.ShortProtectedMask
}

// expander derives keys from a secret by HKDF-Expand-Label with an empty context (RFC 8446 s7.1). What QUIC derives is never
// longer than the hash, and so one block of HKDF-Expand: one HMAC (RFC 5869 s2.3). Package hkdf would set one up for every
// key; a secret has three, and the handshake of a connection a dozen secrets.
type expander struct {
	mac  hash.Hash
	used bool
}

func newExpander(h func() hash.Hash, secret []byte) *expander {
	return &expander{mac: hmac.New(h, secret)}
}

// label returns n bytes.
func (e *expander) label(label string, n int) []byte {
	info := make([]byte, 0, 64)
	info = binary.BigEndian.AppendUint16(info, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "...), label...)
	info = append(info, 0, 1) // no context; the first block
	if e.used {
		e.mac.Reset() // dear the first time: it keeps the state for the next
	}
	e.used = true
	e.mac.Write(info)
	return e.mac.Sum(info[:0])[:n]
}
