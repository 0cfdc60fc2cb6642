package conn

import (
	"fmt"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Check says whether what the room owns is in order; see actor.Checker. What takes a walk over all streams or all sent
// packets is CheckAll's.
func (c *Conn) Check() error {
	if c.life.born.IsZero() {
		return nil
	}
	if err := c.tx.check(); err != nil {
		return err
	}
	if err := c.checkDeadline(); err != nil || c.life.state != alive {
		return err
	}
	if err := c.checkCores(); err != nil {
		return err
	}
	if err := c.checkHandshake(); err != nil {
		return err
	}
	for sp := range c.spaces {
		if err := c.checkSpace(wire.Space(sp)); err != nil {
			return err
		}
	}
	if err := c.ids.check(); err != nil {
		return err
	}
	if err := c.path.check(); err != nil {
		return err
	}
	if err := c.checkStreams(checkWindow); err != nil {
		return err
	}
	return c.checkProgress()
}

// checkCores asks what the connection is made of.
func (c *Conn) checkCores() error {
	if err := c.loss.Check(); err != nil {
		return err
	}
	if k, ok := c.cc.(actor.Checker); ok {
		if err := k.Check(); err != nil {
			return err
		}
	}
	if err := c.pacer.Check(); err != nil {
		return err
	}
	if err := c.flow.recv.Check(); err != nil {
		return fmt.Errorf("conn: receiving: %w", err)
	}
	if err := c.flow.send.Check(); err != nil {
		return fmt.Errorf("conn: sending: %w", err)
	}
	return nil
}

// checkDeadline compares the cell with everything that time is owed to.
func (c *Conn) checkDeadline() error {
	armed, least := c.cfg.Cell.Armed(), mono.Time(0)
	if c.life.state == alive {
		least = mono.Earliest(c.loss.Deadline(), c.timers.pacing)
		least = mono.Earliest(least, mono.Earliest(c.timers.dropPrevious, c.keepAliveDeadline()))
		least = mono.Earliest(least, mono.Earliest(c.lifeDeadline(), c.restDeadline()))
		for sp := range c.spaces {
			// One that has come waits for a batch, or for the peer.
			if r := &c.spaces[sp].received; r.waiting > 0 && !r.urgent && r.deadline > c.now && c.spaces[sp].sendable() {
				least = mono.Earliest(least, r.deadline)
			}
		}
	}
	if armed != least {
		return fmt.Errorf("conn: the cell is armed for %d, owed is %d: loss or probe %d, pacing %d, old keys %d, keep-alive %d, rest %d, idle %d, handshake %d, goodbye %d, or an ACK; now is %d",
			armed, least, c.loss.Deadline(), c.timers.pacing, c.timers.dropPrevious, c.keepAliveDeadline(), c.restDeadline(), c.idleDeadline(), c.handshakeDeadline(), c.life.leave, c.now)
	}
	if armed != 0 && armed <= c.now {
		return fmt.Errorf("conn: the cell is armed for %d, which has come; now is %d", armed, c.now)
	}
	return c.cfg.Cell.Check()
}

// checkHandshake compares how far the handshake is with the keys and bytes that there are.
func (c *Conn) checkHandshake() error {
	k := &c.crypto
	app, early := &c.spaces[wire.SpaceApp], !c.spaces[wire.SpaceInitial].dropped || !c.spaces[wire.SpaceHandshake].dropped
	switch {
	case k.complete && (k.params == nil || !app.keys):
		return fmt.Errorf("conn: the handshake is complete; parameters: %v, 1-RTT keys: %v", k.params != nil, app.keys)
	case k.confirmed && (!k.complete || early):
		// RFC 9001 s4.9.2.
		return fmt.Errorf("conn: the handshake is confirmed; complete: %v, Initial and Handshake dropped: %v", k.complete, !early)
	case c.cfg.Role == wire.Server && k.complete != k.confirmed:
		// RFC 9001 s4.1.2.
		return fmt.Errorf("conn: a server's handshake; complete: %v, confirmed: %v", k.complete, k.confirmed)
	case k.complete && !c.path.validated:
		return fmt.Errorf("conn: the handshake is complete, and the peer's address not validated")
	case app.dropped:
		return fmt.Errorf("conn: 1-RTT keys were dropped")
	}
	if err := k.phase.check(c.loss.Next(wire.SpaceApp), c.loss.LargestAcked(wire.SpaceApp)); err != nil {
		return err
	}
	for i := range k.levels {
		l, sp := &k.levels[i], wire.Space(i)
		if c.spaces[sp].dropped {
			continue // that nothing is left to send, checkSpace sees
		}
		if err := l.in.Check(); err != nil {
			return fmt.Errorf("conn: CRYPTO at %v: %w", sp, err)
		}
		if err := l.out.Check(); err != nil {
			return fmt.Errorf("conn: at %v: %w", sp, err)
		}
		if n := l.in.Highest() - l.in.Offset(); n > wire.Offset(c.cfg.Limits.CryptoBytes) {
			return fmt.Errorf("conn: %d CRYPTO bytes at %v, at most %d", n, sp, c.cfg.Limits.CryptoBytes)
		}
		if n := l.in.Readable(); n > 0 && !k.ordered {
			return fmt.Errorf("conn: %d CRYPTO bytes at %v, and TLS has no order", n, sp)
		}
	}
	return nil
}

// check compares the key phases with the packets that were sent and acknowledged (RFC 9001 s6.1).
func (k *keyPhase) check(next, acked wire.PacketNumber) error {
	switch {
	case k.write-k.read > 1:
		return fmt.Errorf("conn: packets are sent in key phase %d, and have come in %d", k.write, k.read)
	case k.first > next || k.write == 0 && k.first != 0:
		return fmt.Errorf("conn: key phase %d begins with packet %d, %d is next", k.write, k.first, next)
	case !k.acked.IsZero() && (k.write != k.read || acked < k.first):
		return fmt.Errorf("conn: key phase %d was acknowledged; packets have come in %d, it begins with %d, the largest acknowledged is %d", k.write, k.read, k.first, acked)
	}
	return nil
}

func (c *Conn) checkSpace(sp wire.Space) error {
	s := &c.spaces[sp]
	switch n := c.loss.ElicitingInFlight(sp); {
	case !s.keys && c.loss.Next(sp) > 0:
		return fmt.Errorf("conn: %d packets were sent in the %v space, which has no keys", c.loss.Next(sp), sp)
	case s.dropped && (n > 0 || s.probes > 0 || c.crypto.levels[sp].out.Outstanding() > 0):
		return fmt.Errorf("conn: the %v space was dropped; %d packets in flight, %d probes, %d CRYPTO bytes",
			sp, n, s.probes, c.crypto.levels[sp].out.Outstanding())
	case s.probes < 0 || s.probes > 2:
		return fmt.Errorf("conn: %d probes in the %v space", s.probes, sp)
	case s.dropped:
		return nil
	}
	if err := s.received.check(); err != nil {
		return fmt.Errorf("conn: received in the %v space: %w", sp, err)
	}
	return nil
}

func (r *received) check() error {
	if err := r.ranges.Check(); err != nil {
		return err
	}
	switch set := &r.ranges; {
	case set.Empty() != (r.largest == wire.NoPacketNumber) || !set.Empty() && set.Last().Hi != r.largest+1:
		return fmt.Errorf("the largest is %d, the last range [%d, %d)", r.largest, set.Last().Lo, set.Last().Hi)
	case !set.Empty() && set.First().Lo < r.floor:
		return fmt.Errorf("the first range is [%d, %d), all below %d are forgotten", set.First().Lo, set.First().Hi, r.floor)
	case r.eliciting > r.largest || r.known > r.largest+1:
		return fmt.Errorf("the largest is %d, the largest ack-eliciting one %d; the peer knows of all below %d", r.largest, r.eliciting, r.known)
	case r.waiting > 0 && (!r.fresh || !r.urgent && r.deadline.IsZero()) || r.waiting > 1 && !r.urgent:
		// RFC 9000 s13.2.1: every ack-eliciting packet is acknowledged in time; s13.2.2: after two at once.
		return fmt.Errorf("%d packets wait for an ACK; urgent: %v, due at %d", r.waiting, r.urgent, r.deadline)
	case r.waiting <= 0 && (r.waiting < 0 || r.urgent || !r.deadline.IsZero()):
		return fmt.Errorf("%d packets wait for an ACK; urgent: %v, due at %d", r.waiting, r.urgent, r.deadline)
	}
	return nil
}

func (d *ids) check() error {
	l, p := &d.local, &d.peer
	if len(l.list) > max(l.most, 1) {
		return fmt.Errorf("conn: %d connection IDs of ours, the peer keeps %d", len(l.list), l.most)
	}
	for i := range l.list {
		if e := &l.list[i]; e.seq >= l.next || i > 0 && e.seq <= l.list[i-1].seq {
			return fmt.Errorf("conn: connection ID %d of ours at %d; the next will be %d", e.seq, i, l.next)
		}
	}
	switch {
	case len(p.list) == 0 || len(p.list) > p.limit:
		// RFC 9000 s5.1.1.
		return fmt.Errorf("conn: %d connection IDs of the peer, active_connection_id_limit is %d", len(p.list), p.limit)
	case len(p.retiring) > 2*p.limit:
		return fmt.Errorf("conn: %d retirements are owed, at most %d", len(p.retiring), 2*p.limit)
	}
	for i := range p.list {
		if p.list[i].seq < p.retireBelow {
			return fmt.Errorf("conn: connection ID %d of the peer is in use, those below %d are retired", p.list[i].seq, p.retireBelow)
		}
		for j := range p.list[:i] {
			if p.list[i].seq == p.list[j].seq || p.list[i].id == p.list[j].id {
				return fmt.Errorf("conn: connection ID %d of the peer stands twice", p.list[i].seq)
			}
		}
	}
	return nil
}

func (p *path) check() error {
	switch {
	case !p.validated && p.sent > amplification*p.received:
		// RFC 9000 s8.1.
		return fmt.Errorf("conn: %d bytes sent, %d received, and the address is not validated", p.sent, p.received)
	case p.datagram < minDatagram || p.datagram > p.most:
		return fmt.Errorf("conn: datagrams of %d bytes, within %d and %d", p.datagram, minDatagram, p.most)
	}
	return nil
}

// check counts the batches: between turns each is with the pool or on its way.
func (t *tx) check() error {
	if t.big < 0 || t.big > t.most || t.away != t.big || len(t.spares) != 0 || t.small != nil {
		return fmt.Errorf("conn: %d big batches away, %d ours of at most %d, %d spare, small one here: %v", t.away, t.big, t.most, len(t.spares), t.small != nil)
	}
	return nil
}

// checkProgress asks why what is owed was not sent. There must be something that will bring the room back to it.
func (c *Conn) checkProgress() error {
	if c.path.blocked() {
		return nil // the peer must speak first
	}
	if c.wantsAny() && !c.tx.awaited() && !c.tx.waiting {
		return fmt.Errorf("conn: something is to be sent, may be sent, and no batch is awaited; backlog %d, allowance %d", c.backlog(), c.packing.allowance)
	}
	if !c.crypto.complete || c.tx.awaited() || c.tx.waiting || !c.timers.pacing.IsZero() || c.loss.Full(wire.SpaceApp) {
		return nil
	}
	if n := c.backlog(); n > 0 && !c.awaitsAck() {
		return fmt.Errorf("conn: about %d bytes are owed; nothing is in flight, no batch is awaited, and the pacer is not", n)
	}
	return nil
}
