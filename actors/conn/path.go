package conn

import (
	"math"

	"quicpro/actors/port"
	"quicpro/wire"
)

const (
	// minDatagram is what a path must carry, in bytes (RFC 9000 s14).
	minDatagram = 1200
	// safeDatagram is what is sent before the handshake is complete, and when the socket says that more is too long.
	safeDatagram = 1252
	// amplification is how many times what a client sent a server may answer before its address is validated.
	amplification = 3
)

// path is one way to the peer.
type path struct {
	addr      port.Path
	validated bool
	received  int // bytes of datagrams, until validated
	sent      int // bytes of datagrams, until validated
	datagram  int // the largest to send
	largest   int // what the peer takes and the configuration allows
	challenge challenge
	hole      hole
}

// hole is the evidence that the path carries no datagrams of the present size, and does not say so.
type hole struct {
	carried bool // one was acknowledged, or
	missed  bool // one was lost, since the last judgement
	count   int  // judgements in a row that only found losses
}

// maxHoles is how many rounds of losses are the path's limit, and no longer chance. An outage looks the same, and there is no
// search for a larger size afterwards yet: to err costs a few percent of the rate, not to tell a hole the connection.
const maxHoles = 3

// smaller is the next size below the present one, or the same.
func (p *path) smaller() int {
	if p.datagram > safeDatagram {
		return safeDatagram
	}
	return min(p.datagram, minDatagram)
}

// large reports whether a packet was sent in a datagram that is too large for the next smaller size.
func (p *path) large(sp wire.Space, size int) bool { return sp == wire.SpaceApp && size > p.smaller() }

// fits judges the size after an ACK frame or a timeout. It reports false when the path carries smaller datagrams only: RFC
// 8899 s4.3 calls it a black hole. ICMP does not tell us, since the socket lets the kernel ignore it (RFC 9000 s14.2.1).
func (p *path) fits() bool {
	h := &p.hole
	switch {
	case h.carried:
		h.count = 0
	case h.missed:
		h.count++
	}
	h.carried, h.missed = false, false
	return h.count < maxHoles
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
		datagram:  min(safeDatagram, cfg.MaxDatagram),
		largest:   cfg.MaxDatagram,
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
