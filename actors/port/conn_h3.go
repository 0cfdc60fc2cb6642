package port

import (
	"crypto/tls"

	"quicpro/wire"
)

// Connected tells the room above that the handshake is complete (RFC 9001 s4.1.1) and streams may be opened. It is
// sent once, before the first stream of the peer.
type Connected struct {
	Role  wire.Role
	State *tls.ConnectionState
	Path  Path
	Peer  *wire.TransportParameters // what the peer granted; never changed

	RecvWindow int // of the room's own streams
}

func (*Connected) toH3() {}

// StreamCredit tells the room above how many streams of its own it may ever have opened (RFC 9000 s4.6). One is in
// flight; conn sends the next when the room has freed it by a CreditTaken.
type StreamCredit struct {
	Bidi, Uni uint64
}

func (*StreamCredit) toH3() {}

// CreditTaken frees the StreamCredit record. One is in flight.
type CreditTaken struct{}

func (*CreditTaken) toConn() {}

// CloseOrder asks conn to close the connection. The room above has one, the app one, the supervisor one.
type CloseOrder struct {
	Behind bool // not before the last bidirectional stream has ended
	Late   bool // and then not before the peer has had a round trip for what the streams have said last
	App    bool // Code is the application's
	Code   uint64
	Reason string
	Why    Why   // Ours, unless the order comes from a death
	Err    error // what lies beneath
}

func (*CloseOrder) toConn() {}

// NoticeKind says what the engine noticed about a connection from outside.
type NoticeKind uint8

// What the engine notices.
const (
	SawReset   NoticeKind = iota // a datagram ended in one of the peer's reset tokens
	SawRefusal                   // the network answered that nobody listens
)

// Notice is a fact from outside the packets. One of each kind is in flight.
type Notice struct {
	Kind NoticeKind
	Err  error
}

func (*Notice) toConn() {}

// Routes is the engine's table from connection IDs and reset tokens to connections, seen by one connection. conn
// registers an ID before it advertises it. Methods are safe and do not block.
type Routes interface {
	// Issue makes a fresh connection ID that leads to this connection, with its stateless reset token.
	Issue() (wire.ConnectionID, wire.ResetToken)
	// Retire forgets an ID that the peer has retired.
	Retire(wire.ConnectionID)
	// WatchReset makes token, seen at the end of a datagram, a SawReset for this connection.
	WatchReset(token wire.ResetToken)
	// UnwatchReset undoes WatchReset.
	UnwatchReset(token wire.ResetToken)
}
