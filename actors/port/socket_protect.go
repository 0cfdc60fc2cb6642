package port

import (
	"quicpro/wire"
)

// ToProtect is what reaches a protect room: *RxBatch from the reader; *TxBatch and the key orders below from conn, all
// on one edge, so that keys are installed before the packets that need them and dropped after.
type ToProtect interface{ toProtect() }

// ToWriter is what reaches a socket's writer: *TxBatch from protect.
type ToWriter interface{ toWriter() }

// InitialKeys orders keys derived from the Destination Connection ID of the client's first Initial, or of the one that
// answers a Retry (RFC 9001 s5.2). The keys replace earlier ones.
type InitialKeys struct {
	Version wire.Version
	Dest    wire.ConnectionID
}

// InstallKeys orders the keys of one level and direction (RFC 9001 s5.1). Packets that waited for read keys come back
// to conn as a replayed RxBatch.
type InstallKeys struct {
	Level  wire.Level
	Write  bool
	Suite  uint16 // a TLS 1.3 cipher suite, crypto/tls's number
	Secret []byte
}

// DropKeys orders all keys of a level to be forgotten (RFC 9001 s4.9).
type DropKeys struct{ Level wire.Level }

// UpdateKeys orders the packets behind it to be sealed in another 1-RTT key phase, the one after that of the packets before (RFC 9001 s6.1).
// It orders nothing if the peer has begun the same update meanwhile.
type UpdateKeys struct {
	Phase uint32 // how often the keys were updated then
}

// DropPrevious orders the read keys of the previous key phase to be forgotten (RFC 9001 s6.5).
type DropPrevious struct{}

// Rest orders the ciphers of the 1-RTT keys to be let go until there is a packet for them: nothing has come or gone for a while.
type Rest struct{}

func (*InitialKeys) toProtect()  {}
func (*InstallKeys) toProtect()  {}
func (*DropKeys) toProtect()     {}
func (*UpdateKeys) toProtect()   {}
func (*DropPrevious) toProtect() {}
func (*Rest) toProtect()         {}
