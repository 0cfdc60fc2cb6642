package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// timers are the deadlines that no core keeps.
type timers struct {
	pacing       mono.Time // when the pacer lets the next quantum go
	dropPrevious mono.Time // when the read keys of the previous phase go
}

// expire does what the deadlines that have come ask for.
func (c *Conn) expire() {
	c.retireLife()
	if c.life.state != alive {
		return
	}
	if d := c.timers.dropPrevious; !d.IsZero() && d <= c.now {
		c.timers.dropPrevious = 0
		c.ports.ToProtect.Send(&port.DropPrevious{})
	}
	if d := c.keepAliveDeadline(); !d.IsZero() && d <= c.now {
		c.probe(wire.SpaceApp, 1) // nothing is in flight, so it is a PING
	}
	c.expireLoss()
	if d := c.restDeadline(); !d.IsZero() && d <= c.now {
		c.rest()
	}
}

// expireLoss does what the deadlines of loss recovery ask for.
func (c *Conn) expireLoss() {
	c.loss.SetAmplificationLimited(c.path.blocked())
	// A loss timeout can uncover a probe timeout; each space has one of both.
	for range 2 * wire.NumSpaces {
		at := c.loss.Deadline()
		if at.IsZero() || at > c.now {
			return
		}
		due, o := c.loss.OnTimeout(c.now)
		switch due.Kind {
		case recovery.NoTimeout:
			return
		case recovery.LossTimeout:
			c.congest(&o, due.Space)
		case recovery.ProbeTimeout:
			c.judgeSilence(due.Space)
			c.probe(due.Space, due.Probes)
			c.traceMetrics() // the backoff has grown
		}
	}
}

// judgeSilence judges the size of datagrams when nobody answers, so that nothing is declared lost. What a handshake says again leaves in
// the smallest ones: the path may not carry more, and without it there is no connection.
func (c *Conn) judgeSilence(sp wire.Space) {
	if !c.crypto.complete && c.path.datagram > minDatagram {
		c.resize(minDatagram)
	}
	for pn, p, ok := c.loss.Outstanding(sp, 0); ok && !c.path.hole.missed; pn, p, ok = c.loss.Outstanding(sp, pn+1) {
		c.path.miss(sp, p)
	}
	c.judgeSize()
}

// probe makes packets of a space ignore the congestion window, and gives them something to say (RFC 9002 s6.2.4).
func (c *Conn) probe(sp wire.Space, count int) {
	c.spaces[sp].probes, c.spaces[sp].pinged = count, false
	c.resend(sp, count)
	if sp == wire.SpaceInitial && c.spaces[wire.SpaceHandshake].sendable() {
		// RFC 9002 s6.2.4: a probe can be coalesced with others; a flight spans both levels.
		c.resend(wire.SpaceHandshake, count)
	}
}

// resend reports the facts of the oldest packets of a space lost, though they may still arrive: so the probes carry
// what is most likely missing. Stream bytes come back with the stream's next Push.
func (c *Conn) resend(sp wire.Space, count int) {
	for from := wire.PacketNumber(0); count > 0; {
		pn, p, ok := c.loss.Outstanding(sp, from)
		if !ok {
			return
		}
		from = pn + 1
		if p.Content.again || p.Flags&recovery.AckEliciting == 0 || p.Flags&recovery.SizeProbe != 0 {
			continue
		}
		c.each(&p.Content, sp, (*Conn).factLost)
		p.Content.again = true
		count--
	}
}

// arm sets the one deadline of the room.
func (c *Conn) arm() {
	if c.life.state != alive {
		c.cfg.Cell.Arm(0)
		return
	}
	c.loss.SetAmplificationLimited(c.path.blocked())
	d := mono.Earliest(c.loss.Deadline(), c.timers.pacing)
	d = mono.Earliest(d, c.timers.dropPrevious)
	d = mono.Earliest(d, c.lifeDeadline())
	d = mono.Earliest(d, mono.Earliest(c.keepAliveDeadline(), c.restDeadline()))
	for i := range c.spaces {
		// One that is due and was not sent waits for a batch, or for the peer; not for time.
		if s := &c.spaces[i]; s.sendable() && !s.received.due(c.now) {
			d = mono.Earliest(d, s.received.deadline)
		}
	}
	c.cfg.Cell.Arm(d)
}
