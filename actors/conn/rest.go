package conn

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// restAfter is how long nothing comes and nothing is sent before a connection lets go of what it can make again within
// microseconds. Most connections are at rest most of the time.
const restAfter = time.Second

// restDeadline is when the connection comes to rest, zero if it is at rest, or waits for an answer to a packet.
func (c *Conn) restDeadline() mono.Time {
	if c.life.rested || !c.crypto.confirmed || c.loss.ElicitingInFlight(wire.SpaceApp) > 0 || c.spaces[wire.SpaceApp].probes > 0 {
		return 0
	}
	return c.life.active.Add(max(restAfter, c.loss.PTO()))
}

// rest lets go of it.
func (c *Conn) rest() {
	c.life.rested = true
	c.loss.Compact()
	c.streams.spare = nil
	c.ports.ToProtect.Send(&port.Rest{})
}
