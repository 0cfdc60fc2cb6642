package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// keyPhase is the key updates of 1-RTT packets seen from conn (RFC 9001 s6): protect has the keys, conn knows what was acknowledged.
type keyPhase struct {
	read  uint32            // how often the peer has updated its keys, as its packets show
	write uint32            // how often ours were updated: one more while the peer has not answered
	first wire.PacketNumber // no packet from this one on is of an earlier phase than write
	acked mono.Time         // when one of those was first acknowledged; zero: none was
}

// updateKeys begins a key update when the keys have protected enough packets. It is asked before each batch.
func (c *Conn) updateKeys() {
	k, next := &c.crypto.phase, c.loss.Next(wire.SpaceApp)
	most := c.cfg.Limits.KeyPhasePackets
	if most <= 0 || next-k.first < wire.PacketNumber(most) || !c.mayUpdateKeys() {
		return
	}
	k.write, k.first, k.acked = k.write+1, next, 0
	c.ports.ToProtect.Send(&port.UpdateKeys{Phase: k.write})
	c.traceKeyPhase("write keys updated")
}

// mayUpdateKeys reports whether a key update may begin.
func (c *Conn) mayUpdateKeys() bool {
	k := &c.crypto.phase
	switch {
	case !c.crypto.confirmed:
		return false // RFC 9001 s6.1: MUST NOT before the handshake is confirmed
	case k.acked.IsZero():
		return false // RFC 9001 s6.1: MUST NOT before a packet of the current phase was acknowledged
	case k.write == 0:
		return true // there are no keys before these
	}
	// RFC 9001 s6.5: SHOULD wait three times the PTO after that acknowledgement: as long the peer may keep its old keys.
	return c.now >= k.acked.Add(3*c.loss.PTO())
}

// keyPhaseSeen takes the key phase of a 1-RTT packet of the peer.
func (c *Conn) keyPhaseSeen(phase uint32) {
	k := &c.crypto.phase
	if phase <= k.read {
		return
	}
	k.read = phase
	// RFC 9001 s6.5: old read keys are kept for three times the PTO.
	c.timers.dropPrevious = c.now.Add(3 * c.loss.PTO())
	if k.write >= phase {
		c.traceKeyPhase("read keys updated") // the update is ours
		return
	}
	// RFC 9001 s6.2: protect seals with the new keys already. What it has still sealed with the old ones is below next.
	k.write, k.first, k.acked = phase, c.loss.Next(wire.SpaceApp), 0
	c.traceKeyPhase("updated by the peer")
}

// keyPhaseAcked takes the largest number of an ACK frame in a 1-RTT packet of a phase.
func (c *Conn) keyPhaseAcked(largest wire.PacketNumber, phase uint32, at mono.Time) error {
	k := &c.crypto.phase
	switch {
	case largest < k.first:
	case phase < k.write:
		// RFC 9001 s6.2: the peer has a packet of the new phase and does not follow; MAY be a KEY_UPDATE_ERROR.
		return wire.NewError(wire.KeyUpdateError, wire.TypeAck, "a packet with newer keys was acknowledged in one with older keys")
	case k.acked.IsZero():
		k.acked = at
	}
	return nil
}

func (c *Conn) traceKeyPhase(what string) {
	if t := c.cfg.Trace; t != nil {
		t.Keys(c.now, wire.LevelApp, what)
	}
}
