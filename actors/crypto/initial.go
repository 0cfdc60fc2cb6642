package crypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"

	"quicpro/actors/port"
	"quicpro/wire"
)

// RFC 9001 s5.2: initial_salt of version 1.
var initialSalt = []byte{
	0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
}

// RFC 9001 s5.8: key and nonce of the Retry Integrity Tag of version 1.
var (
	retryKey   = []byte{0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e}
	retryNonce = []byte{0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb}
)

// initialSecrets derives the Initial secrets of both roles from the Destination Connection ID of the client's first
// Initial (RFC 9001 s5.2).
func initialSecrets(dest wire.ConnectionID) (client, server []byte) {
	secret, size := aes128.mac(initialSalt, dest.Bytes()) // HKDF-Extract, RFC 5869 s2.2
	both := make([]byte, 2*size)
	client, server = both[:size:size], both[size:]
	aes128.label(secret[:size], "client in", client)
	aes128.label(secret[:size], "server in", server)
	return client, server
}

// FirstInitial is what an endpoint needs to know of an authenticated Initial of a client it has no connection for.
type FirstInitial struct {
	Dest   wire.ConnectionID // chosen by the client, or by our Retry
	Source wire.ConnectionID
	Token  []byte // aliases the datagram
	Number wire.PacketNumber
	Keys   *FirstKeys
}

// FirstKeys are the keys that opened a first Initial, and the secret of those that answer it: the protect room of the new
// connection is born with them.
type FirstKeys struct {
	read       *packetKey
	readHeader *headerKey
	write      []byte
}

// OpenInitial authenticates the Initial packet of a client at the start of a datagram under the keys that its own
// Destination Connection ID gives (RFC 9001 s5.2). It does not change the datagram: it opens a copy. The sizes that
// RFC 9000 demands of the datagram and the ID are for the caller to check.
func OpenInitial(datagram []byte) (FirstInitial, bool) {
	h, err := wire.ParseLongHeader(datagram)
	if err != nil || h.Type != wire.PacketInitial || h.PacketLen < h.NumberAt+sampleGap+sampleLen {
		return FirstInitial{}, false
	}
	client, server := initialSecrets(h.DCID)
	key, header := aes128.newPacketKey(client), aes128.newHeaderKey(client)
	pkt := bytes.Clone(datagram[:h.PacketLen])
	mask := header.maskFor(pkt[h.NumberAt+sampleGap : h.NumberAt+sampleGap+sampleLen])
	pkt[0] = maskFirst(pkt[0], mask)
	n := int(pkt[0]&wire.NumberLenMask) + 1
	at := h.NumberAt + n
	for i := range n {
		pkt[h.NumberAt+i] ^= mask[1+i]
	}
	number := wire.DecodeNumber(wire.NoPacketNumber, wire.ReadNumber(pkt[h.NumberAt:at], n), n)
	if _, err := key.aead.Open(pkt[at:at], key.nonceFor(number), pkt[at:], pkt[:at]); err != nil {
		return FirstInitial{}, false
	}
	keys := &FirstKeys{read: key, readHeader: header, write: server}
	return FirstInitial{Dest: h.DCID, Source: h.SCID, Token: h.Token, Number: number, Keys: keys}, true
}

// SealInitial protects, in place, the Initial packet that fills pkt and that the given role sends outside of any
// connection. dest is the Destination Connection ID of the client's Initial; the packet number is at numberAt, and the
// last 16 bytes are room for the tag. Number and payload are together at least 4 bytes (RFC 9001 s5.4.2).
func SealInitial(from wire.Role, dest wire.ConnectionID, pkt []byte, numberAt, numberLen int, number wire.PacketNumber) {
	secret, server := initialSecrets(dest)
	if from == wire.Server {
		secret = server
	}
	protect(aes128.newPacketKey(secret), aes128.newHeaderKey(secret), pkt[:len(pkt):len(pkt)], numberAt, numberLen, number)
}

// RetryIntegrityTag computes the tag of a Retry packet, given without its tag, that answers an Initial to originalDest
// (RFC 9001 s5.8).
func RetryIntegrityTag(originalDest wire.ConnectionID, packet []byte) (tag [wire.RetryTagLen]byte) {
	newRetryAEAD().Seal(tag[:0], retryNonce, nil, wire.AppendRetryPseudo(nil, originalDest, packet))
	return tag
}

func newRetryAEAD() cipher.AEAD {
	aead, err := newGCM(retryKey)
	if err != nil {
		panic("crypto: the Retry key was refused: " + err.Error())
	}
	return aead
}

// retryWatch knows whether a Retry may still come, and in answer to which Initial.
type retryWatch struct {
	dest  wire.ConnectionID // of the client's first Initial
	begun bool
	shut  bool
}

// begin is told of each derivation of Initial keys: the first is for the first Initial, another one answers a Retry.
func (w *retryWatch) begin(dest wire.ConnectionID) {
	if w.begun {
		w.shut = true
		return
	}
	w.begun, w.dest = true, dest
}

// openRetry verifies a Retry packet and lists it.
func (p *Protect) openRetry(s *scan, pkt []byte, first bool) {
	r, err := wire.ParseRetry(pkt)
	// RFC 9000 s17.2.5.2: a client processes one Retry at most, and none after a packet of the server; a server none.
	if err != nil || !first || p.cfg.Role != wire.Client || !p.retry.begun || p.retry.shut {
		p.dropped(s, len(pkt), "unexpected or malformed Retry")
		return
	}
	// RFC 9001 s5.8: a Retry whose tag does not verify is discarded.
	want := RetryIntegrityTag(p.retry.dest, pkt[:len(pkt)-wire.RetryTagLen])
	if subtle.ConstantTimeCompare(want[:], r.Tag[:]) != 1 {
		p.dropped(s, len(pkt), "Retry failed authentication")
		return
	}
	s.batch.Packets = append(s.batch.Packets, port.RxPacket{
		Kind: port.RxRetry, Level: wire.LevelInitial, Datagram: s.index, Size: len(pkt), Payload: r.Token, Source: r.SCID, Dest: r.DCID,
	})
}

// otherVersion lists a Version Negotiation packet, which only a client may get and which fills its datagram.
func (p *Protect) otherVersion(s *scan, rest []byte) {
	_, err := wire.ParseVersionNegotiation(rest)
	h, _ := wire.ParseInvariant(rest)
	dest, ok := wire.MakeConnectionID(h.DCID)
	source, ok2 := wire.MakeConnectionID(h.SCID)
	if err != nil || s.later || p.cfg.Role != wire.Client || !ok || !ok2 {
		p.dropped(s, len(rest), "unknown version")
		return
	}
	s.batch.Packets = append(s.batch.Packets, port.RxPacket{
		Kind: port.RxVersionNegotiation, Level: wire.LevelInitial, Datagram: s.index, Size: len(rest), Payload: h.Rest, Source: source, Dest: dest,
	})
}
