package conn

import (
	"time"

	"quicpro/internal/flow"
	"quicpro/wire"
)

// connFlow is the connection's flow control (RFC 9000 s4.1).
type connFlow struct {
	recv flow.RecvWindow
	send flow.SendWindow // spent by bytes that are sent for the first time
}

func newConnFlow(cfg *Config) connFlow {
	most := max(wire.Offset(cfg.Limits.ConnWindowMax), cfg.Params.InitialMaxData)
	return connFlow{recv: flow.NewRecvWindow(cfg.Params.InitialMaxData, most)}
}

// owed are the frames that the connection itself owes at the 1-RTT level: facts, rendered when a packet has room, and
// owed again when it is lost (RFC 9000 s13.3). Owed IDs stand in ids, what streams owe in their rows.
type owed struct {
	handshakeDone bool
	maxData       bool
	maxStreams    [2]bool
	dataBlocked   bool
	blockedAt     wire.Offset
}

func (o *owed) any() bool {
	return o.handshakeDone || o.maxData || o.maxStreams[0] || o.maxStreams[1] || o.dataBlocked
}

// owe finds out what the turn made owing.
func (c *Conn) owe() {
	if !c.crypto.complete {
		return
	}
	if _, ok := c.flow.recv.Owed(c.now, c.windowRTT()); ok {
		c.owed.maxData = true
	}
	for d := range c.streams.peer {
		if _, ok := c.streams.peer[d].Owed(); ok {
			c.owed.maxStreams[d] = true
		}
	}
	if c.streams.freshBytes > 0 && c.flow.send.Available() == 0 {
		// RFC 9000 s4.1: a sender that is blocked SHOULD say so.
		if at, ok := c.flow.send.BlockedAt(); ok {
			c.owed.dataBlocked, c.owed.blockedAt = true, at
		}
	}
	l := &c.ids.local
	for l.lacks() {
		l.issue(c.cfg.Routes.Issue())
	}
}

// owesControl reports whether a 1-RTT packet would carry frames other than STREAM.
func (c *Conn) owesControl() bool {
	return c.owed.any() || c.streams.owing.first != nil || c.path.challenge.owed ||
		c.ids.local.owed() != nil || c.ids.peer.owed() != nil || c.crypto.levels[wire.SpaceApp].out.Owes()
}

// mostQueue is by how much the round-trip time that receive windows are fitted to may exceed the path's own.
const mostQueue = 4

// windowRTT is the round-trip time for the receive windows, zero without a sample. Where the reader is the slowest of all,
// as on a fast network, whatever window it grants stands in queues: it lengthens the round trips, and those would double
// the window again, up to its maximum, with every small message behind it.
func (c *Conn) windowRTT() time.Duration {
	rtt := c.loss.RTT()
	if !rtt.HasSample() {
		return 0
	}
	return min(rtt.Smoothed(), mostQueue*rtt.Min())
}
