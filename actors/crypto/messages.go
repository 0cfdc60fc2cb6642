package crypto

import "quicpro/wire"

// Handshake messages of TLS (RFC 8446 s4).
const (
	messageHead = 4 // type and 3 bytes of length

	messageClientHello        = 1
	messageNewSessionTicket   = 4
	messageCertificate        = 11
	messageCertificateRequest = 13

	sessionIDAt = messageHead + 2 + 32 // in a ClientHello, behind version and random: the length of legacy_session_id

	// The longest messages that crypto/tls takes.
	maxMessage     = 64 << 10
	maxCertificate = 256 << 10
)

// messages cuts the handshake bytes of one level into whole messages. crypto/tls would take fragments too, but only
// whole messages show what a level has left over when TLS leaves it.
type messages struct {
	b    []byte
	used int
}

// add takes more bytes, which are its own from here on.
func (m *messages) add(b []byte) {
	if m.len() == 0 {
		m.b, m.used = b, 0
		return
	}
	m.b = append(m.b[:copy(m.b, m.b[m.used:])], b...)
	m.used = 0
}

// next cuts the next whole message off, or returns nil. The message is valid until add. A message announced longer than
// any handshake needs is an error: it bounds what a peer makes us keep.
func (m *messages) next() ([]byte, *wire.Error) {
	b := m.b[m.used:]
	if len(b) < messageHead {
		return nil, nil
	}
	n, limit := int(b[1])<<16|int(b[2])<<8|int(b[3]), maxMessage
	if b[0] == messageCertificate {
		limit = maxCertificate
	}
	if n > limit {
		return nil, wire.NewError(wire.CryptoBufferExceeded, wire.TypeCrypto, "handshake message is too long")
	}
	if n += messageHead; len(b) < n {
		return nil, nil
	}
	if m.used += n; m.used == len(m.b) {
		m.b, m.used = nil, 0
	}
	return b[:n:n], nil
}

// len is how many bytes are not cut off yet.
func (m *messages) len() int { return len(m.b) - m.used }
