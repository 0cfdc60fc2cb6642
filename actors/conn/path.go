package conn

import (
	"math"

	"quicpro/actors/port"
	"quicpro/wire"
)

// amplification is how many times what a client sent a server may answer before its address is validated.
const amplification = 3

// path is one way to the peer.
type path struct {
	addr      port.Path
	validated bool
	received  int // bytes of datagrams, until validated
	sent      int // bytes of datagrams, until validated
	challenge challenge
	size
}

// challenge is the newest PATH_CHALLENGE that was not answered.
type challenge struct {
	data [8]byte
	owed bool
}

func newPath(cfg *Config) path {
	return path{
		addr: cfg.Path,
		// RFC 9000 s8.1.2: a token from a Retry shows that the client received it.
		validated: cfg.Role == wire.Client || cfg.RetrySource.Present,
		size:      newSize(cfg),
	}
}

// carries reports whether a datagram that came on this path may be used, and learns the local address from the first.
func (p *path) carries(from port.Path) bool {
	// RFC 9000 s9.3: the peer's address is not followed; s9: a client MUST discard packets from an unknown one.
	if from.Remote != p.addr.Remote {
		return false
	}
	if !p.addr.Local.IsValid() {
		p.addr.Local = from.Local
	}
	return true
}

// room is how many bytes may be sent.
func (p *path) room() int {
	if p.validated {
		return math.MaxInt
	}
	// RFC 9000 s8.1: at most three times what was received, before the address is validated.
	return amplification*p.received - p.sent
}

// blocked reports that the next datagram must wait for one of the peer.
func (p *path) blocked() bool { return p.room() < minDatagram }
