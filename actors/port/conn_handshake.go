package port

import (
	"crypto/tls"

	"quicpro/wire"
)

// ToHandshake is what reaches a handshake room: *Order from conn, one in flight.
type ToHandshake interface{ toHandshake() }

// Order asks the handshake for progress. Every Order is answered by one Answer.
type Order struct {
	Start  bool           // the first order
	Params []byte         // Start: our transport parameters, encoded
	Crypto [4]CryptoBytes // in-order CRYPTO bytes by level, each possibly empty
}

// CryptoBytes is a piece of one level's handshake stream. Its memory goes with the Order.
type CryptoBytes struct{ B []byte }

func (*Order) toHandshake() {}

// Answer is everything the TLS stack had to say to one Order, in its order.
type Answer struct {
	Events []HandshakeEvent
	Err    *wire.Error // the handshake failed: close with this; nil if not
	Cause  error       // the TLS error beneath Err
}

func (*Answer) toConn() {}

// HandshakeKind says what a HandshakeEvent is.
type HandshakeKind uint8

// The kinds of handshake events.
const (
	HandshakeCrypto    HandshakeKind = iota // send Data at Level
	HandshakeReadKeys                       // Secret and Suite for reading at Level
	HandshakeWriteKeys                      // Secret and Suite for writing at Level
	HandshakeParams                         // Data is the peer's transport parameters
	HandshakeComplete                       // State is final (RFC 9001 s4.1.1)
)

// HandshakeEvent is one thing the TLS stack said.
type HandshakeEvent struct {
	Kind   HandshakeKind
	Level  wire.Level
	Suite  uint16
	Data   []byte
	Secret []byte
	State  *tls.ConnectionState
}
