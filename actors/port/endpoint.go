package port

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// ToEndpoint is what reaches a socket's endpoint: *RxBatch without a route from the reader, *Closed from the engine
// when a connection has left, *Fired, *Stop.
type ToEndpoint interface{ toEndpoint() }

// Closed hands a dead connection to the endpoint, which answers for it until the deadline (RFC 9000 s10.2).
type Closed struct {
	IDs    []wire.ConnectionID
	Packet []byte // the sealed CONNECTION_CLOSE to repeat while closing; nil while draining
	Until  mono.Time
}

func (*Closed) toEndpoint() {}
