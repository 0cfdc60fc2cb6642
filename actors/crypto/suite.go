package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"fmt"
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
	sha384  bool // the hash, instead of SHA-256
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
	aes128 = &suite{keyLen: 16, newAEAD: newGCM, sealLimit: gcmSealLimit, forgeLimit: gcmForgeLimit}
	aes256 = &suite{sha384: true, keyLen: 32, newAEAD: newGCM, sealLimit: gcmSealLimit, forgeLimit: gcmForgeLimit}
	chacha = &suite{keyLen: 32, newAEAD: chacha20poly1305.New, chacha: true, sealLimit: math.MaxUint64, forgeLimit: chachaForgeLimit}
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
	aead   cipher.AEAD // nil at rest
	secret []byte
	iv     [ivLen]byte
	nonce  [ivLen]byte // scratch
}

// newPacketKey derives a packet key from a secret (RFC 9001 s5.1).
func (s *suite) newPacketKey(secret []byte) *packetKey {
	k := &packetKey{secret: secret}
	s.label(secret, "quic iv", k.iv[:])
	s.wakePacketKey(k)
	return k
}

// wakePacketKey makes the AEAD of a key that has none.
func (s *suite) wakePacketKey(k *packetKey) {
	aead, err := s.newAEAD(s.key(k.secret, "quic key"))
	if err != nil {
		panic("crypto: a key of the right length was refused: " + err.Error())
	}
	k.aead = aead
}

// nextSecret is the secret of the phase after that of secret (RFC 9001 s6.1).
func (s *suite) nextSecret(secret []byte) []byte {
	next := make([]byte, len(secret))
	s.label(secret, "quic ku", next)
	return next
}

// key is the key of a label, as long as the suite wants it.
func (s *suite) key(secret []byte, label string) []byte {
	key := make([]byte, s.keyLen)
	s.label(secret, label, key)
	return key
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
	block cipher.Block           // nil for ChaCha20, and at rest
	key   [chacha20.KeySize]byte // as long as the suite wants it
	mask  [sampleLen]byte        // scratch
}

// newHeaderKey derives a header protection key from the secret of the first phase (RFC 9001 s5.4).
func (s *suite) newHeaderKey(secret []byte) *headerKey {
	h := new(headerKey)
	s.label(secret, "quic hp", h.key[:s.keyLen])
	s.wakeHeaderKey(h)
	return h
}

// wakeHeaderKey makes the cipher of a key that has none, where there is one.
func (s *suite) wakeHeaderKey(h *headerKey) {
	if s.chacha {
		return
	}
	block, err := aes.NewCipher(h.key[:s.keyLen])
	if err != nil {
		panic("crypto: a key of the right length was refused: " + err.Error())
	}
	h.block = block
}

// maskFor computes the mask of a sample, of which 5 bytes count. It is valid until the next call.
func (h *headerKey) maskFor(sample []byte) *[sampleLen]byte {
	if h.block != nil {
		h.block.Encrypt(h.mask[:], sample)
		return &h.mask
	}
	// RFC 9001 s5.4.4: the first 4 bytes are the counter, the other 12 the nonce.
	c, err := chacha20.NewUnauthenticatedCipher(h.key[:], sample[4:sampleLen])
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

// label fills out with what HKDF-Expand-Label makes of a secret with an empty context (RFC 8446 s7.1). What QUIC derives is
// never longer than the hash, and so one block of HKDF-Expand: one HMAC (RFC 5869 s2.3).
func (s *suite) label(secret []byte, label string, out []byte) {
	const longest = len("tls13 server in")
	var b [2 + 1 + longest + 1 + 1]byte
	info := binary.BigEndian.AppendUint16(b[:0], uint16(len(out)))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "...), label...)
	info = append(info, 0, 1) // no context; the first block
	mac, size := s.mac(secret, info)
	if copy(out, mac[:size]) < len(out) {
		panic("crypto: more bytes of a secret than one block of its hash")
	}
}

// mac is HMAC (RFC 2104 s2) of a short message: size bytes of sum. Package hmac would allocate half a KiB for each secret,
// of which the handshake of a connection has a dozen a side, and every message here is a name or an ID.
func (s *suite) mac(key, message []byte) (sum [sha512.Size384]byte, size int) {
	block := sha256.BlockSize
	if s.sha384 {
		block = sha512.BlockSize
	}
	var b [sha512.BlockSize + sha512.Size384]byte
	if len(key) > block || copy(b[block:], message) < len(message) {
		panic("crypto: the key or the message of an HMAC is too long")
	}
	copy(b[:], key)
	for i := range block {
		b[i] ^= 0x36
	}
	sum, size = s.sum(b[:block+len(message)])
	for i := range block {
		b[i] ^= 0x36 ^ 0x5c
	}
	return s.sum(b[:block+copy(b[block:], sum[:size])])
}

// sum is the suite's hash of b.
func (s *suite) sum(b []byte) (sum [sha512.Size384]byte, size int) {
	if s.sha384 {
		return sha512.Sum384(b), sha512.Size384
	}
	short := sha256.Sum256(b)
	return sum, copy(sum[:], short[:])
}
