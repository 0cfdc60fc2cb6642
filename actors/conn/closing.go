package conn

import (
	"time"
	"unicode/utf8"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// lifeState says how far the connection is on its way to the end.
type lifeState uint8

const (
	alive   lifeState = iota
	closing           // a CONNECTION_CLOSE waits for a batch
	over              // everybody was told
)

// life is the connection's end, and what leads to it.
type life struct {
	state    lifeState
	announce bool // the peer is to be told
	orphaned bool // batches may never come home: a room that held some died
	cause    *port.Cause
	stop     port.Stop
	behind   *port.CloseOrder // waits for the last bidirectional stream
	last     *port.CloseOrder // is carried out when
	leave    mono.Time        // has come

	born      mono.Time
	active    mono.Time // when the idle timeout began
	asked     bool      // an ack-eliciting packet was sent since one was received
	processed bool      // a packet of the peer was authenticated
	rested    bool      // since the last packet
	newest    mono.Time // when such a packet came last
	idle      time.Duration
}

// heard notes a packet of the peer that was processed.
func (l *life) heard(at mono.Time) {
	// RFC 9000 s10.1: the idle timer restarts when a packet is received and processed.
	l.active, l.asked, l.processed, l.newest, l.rested = max(l.active, at), false, true, at, false
}

// spoke notes an ack-eliciting packet of ours.
func (l *life) spoke(now mono.Time) {
	l.rested = false
	// RFC 9000 s10.1: and when an ack-eliciting packet is sent, the first since one was received.
	if !l.asked {
		l.active, l.asked = now, true
	}
}

// idlePeriod is how long the connection may be idle, zero for ever.
func (c *Conn) idlePeriod() time.Duration {
	if c.life.idle == 0 {
		return 0
	}
	// RFC 9000 s10.1: at least three times the PTO.
	return max(c.life.idle, 3*c.loss.PTO())
}

// idleDeadline is when the connection ends silently.
func (c *Conn) idleDeadline() mono.Time {
	if d := c.idlePeriod(); d > 0 {
		return c.life.active.Add(d)
	}
	return 0
}

// handshakeDeadline is when a handshake that is not complete is given up.
func (c *Conn) handshakeDeadline() mono.Time {
	if c.crypto.complete || c.cfg.Limits.Handshake == 0 {
		return 0
	}
	return c.life.born.Add(c.cfg.Limits.Handshake)
}

// maxQuiet is how long a client with open requests is silent: RFC 9000 s10.1.2 found that most middleboxes forget a
// flow after 30 s.
const maxQuiet = 15 * time.Second

// keepAliveDeadline is when a client that waits for a response asks whether the server is there, zero for never.
func (c *Conn) keepAliveDeadline() mono.Time {
	// RFC 9114 s5.1: a client is expected to keep the connection open while responses are outstanding. Unidirectional
	// streams do not count: HTTP/3 never ends them.
	if c.cfg.Role != wire.Client || !c.crypto.confirmed || c.streams.local[0].live == 0 {
		return 0
	}
	// What is in flight will be answered, or the probe timeout asks again. A PING that waits for a batch needs no time.
	if c.loss.ElicitingInFlight(wire.SpaceApp) > 0 || c.spaces[wire.SpaceApp].probes > 0 {
		return 0
	}
	wait := maxQuiet
	if d := c.idlePeriod(); d > 0 {
		wait = min(wait, d/2)
	}
	return c.life.active.Add(max(wait, c.loss.PTO()))
}

// lifeDeadline is the earliest deadline of the connection itself.
func (c *Conn) lifeDeadline() mono.Time {
	return mono.Earliest(c.life.leave, mono.Earliest(c.idleDeadline(), c.handshakeDeadline()))
}

// retireLife ends a connection whose time is over.
func (c *Conn) retireLife() {
	if d := c.handshakeDeadline(); !d.IsZero() && d <= c.now {
		// RFC 9000 s20.1: NO_ERROR closes abruptly in the absence of any error. The peer may still wait for an answer.
		c.close(&port.Cause{Why: port.TimedOut, Reason: "the handshake took too long"}, true)
		return
	}
	if d := c.idleDeadline(); !d.IsZero() && d <= c.now {
		why := port.Idle
		if !c.crypto.complete {
			why = port.TimedOut
		}
		c.die(&port.Cause{Why: why})
	}
	if d := c.life.leave; !d.IsZero() && d <= c.now {
		c.obey(c.life.last)
	}
}

// fail closes the connection for a fault of the peer, or of ours.
func (c *Conn) fail(err error) { c.failBeneath(err, nil) }

// failBeneath is fail with the error that lies beneath.
func (c *Conn) failBeneath(err, beneath error) {
	e, ok := err.(*wire.Error)
	if !ok {
		e = wire.NewError(wire.InternalError, 0, "")
		beneath = err
	}
	c.close(&port.Cause{Why: port.Ours, Code: uint64(e.Code), Frame: e.FrameType, Reason: e.Reason, Err: beneath}, true)
}

// die ends the connection without a word to the peer.
func (c *Conn) die(cause *port.Cause) { c.close(cause, false) }

// close begins the end; the first cause counts.
func (c *Conn) close(cause *port.Cause, announce bool) {
	if c.life.state != alive {
		return
	}
	c.life.state, c.life.cause, c.life.announce = closing, cause, announce
	c.life.stop = port.Stop{Cause: cause}
	if t := c.cfg.Trace; t != nil {
		state := "closing"
		if cause.Why == port.Theirs || cause.Why == port.Reset {
			state = "draining" // RFC 9000 s10.2.2, s10.3.1
		}
		t.State(c.now, state)
		t.Closed(c.now, cause)
	}
}

// ordered closes by order of h3, the app or the supervisor.
func (c *Conn) ordered(o *port.CloseOrder) {
	if o.Behind && c.streams.bidi > 0 {
		c.life.behind = o
		return
	}
	c.life.behind = nil
	if o.Late && c.life.state == alive && c.life.last == nil {
		// RFC 9114 s5.2: the peer hears of the GOAWAY first. What it carries is still on its way from h3 by way of a stream.
		c.life.last, c.life.leave = o, c.now.Add(c.loss.PTO())
		return
	}
	c.obey(o)
}

func (c *Conn) obey(o *port.CloseOrder) {
	c.close(&port.Cause{Why: o.Why, App: o.App, Code: o.Code, Reason: o.Reason, Err: o.Err}, o.Why == port.Ours || o.Why == port.Panicked)
}

// closedByPeer takes a CONNECTION_CLOSE: the connection drains (RFC 9000 s10.2.2).
func (c *Conn) closedByPeer(f *wire.ConnectionClose) {
	c.die(&port.Cause{Why: port.Theirs, App: f.App, Code: f.Code, Frame: f.FrameType, Reason: phrase(string(f.Reason))})
}

// noticed takes a fact from outside the packets.
func (c *Conn) noticed(n *port.Notice) {
	switch n.Kind {
	case port.SawReset:
		c.die(&port.Cause{Why: port.Reset})
	case port.SawRefusal:
		// An ICMP message is not authenticated: it ends only what has not begun (RFC 9000 s14.2.1, s21.1).
		if !c.crypto.complete {
			c.die(&port.Cause{Why: port.Refused, Err: n.Err})
		}
	}
}

// stopped ends the connection by order of the engine.
func (c *Conn) stopped(cause *port.Cause) {
	if cause == nil {
		cause = &port.Cause{Why: port.Abandoned}
	}
	c.die(cause)
	c.life.announce = false
	c.life.orphaned = cause.Why == port.Panicked
}

// end seals the close if there is one, then stops every room of the connection.
func (c *Conn) end() {
	if c.life.state == over || !c.closePackets() {
		return
	}
	c.life.state = over
	s := &c.streams
	for _, r := range s.rows {
		s.discard(r)
		s.unkeep(r)
		if r.link != nil {
			r.link.Down.Filled().Release()
			r.link.FromConn.Send(&c.life.stop)
		}
	}
	c.ports.ToH3.Send(&c.life.stop)
	c.ports.ToHandshake.Send(&c.life.stop)
	c.ports.ToProtect.Send(&c.life.stop)
	for i := range c.crypto.levels {
		c.crypto.levels[i].discard()
	}
	if p := c.ids.peer.current(); p.hasToken {
		c.cfg.Routes.UnwatchReset(p.token)
	}
}

// closePackets sends CONNECTION_CLOSE at every level that has keys, in one datagram. It reports false while there is
// no batch for it.
func (c *Conn) closePackets() bool {
	if !c.life.announce {
		return true
	}
	b := c.tx.take(c.cfg.TxPool, false)
	if b == nil {
		return c.tx.home()
	}
	k := &c.packing
	k.begin(b)
	size := min(c.path.datagram, safeDatagram, c.path.room())
	for sp := range c.spaces {
		// RFC 9000 s10.2.3: until the handshake is confirmed, at every level, so that the peer can read one.
		if !c.spaces[sp].sendable() {
			continue
		}
		lv := level(wire.Space(sp))
		f := c.closeFrame(lv)
		// RFC 9000 s8.1: before its address is validated the peer gets what the limit leaves.
		if k.at+size-len(k.b) < 2*tagLen+leastRoom+f.Len() {
			break
		}
		if k.open {
			c.closePacket(0)
		}
		c.openPacket(lv, k.at+size)
		// RFC 9000 s14.1: a server expands only what elicits an ACK.
		k.expand = k.expand || lv == wire.LevelInitial && c.cfg.Role == wire.Client
		k.b = f.Append(k.b)
	}
	if !k.open {
		c.tx.put(b)
		return true
	}
	pad := 0
	if k.expand {
		pad = k.at + minDatagram
	}
	c.closePacket(pad)
	b.B, b.Closing = k.b, true
	appendRun(b, c.path.addr, k.at, len(b.B)-k.at)
	c.ship(b)
	return true
}

// closeFrame is the CONNECTION_CLOSE for a level.
func (c *Conn) closeFrame(lv wire.Level) wire.ConnectionClose {
	cause := c.life.cause
	if cause.App && lv != wire.LevelApp {
		// RFC 9000 s10.2.3: an application's close MUST be replaced, and its reason SHOULD be cleared, in Initial and
		// Handshake packets.
		return wire.ConnectionClose{Code: uint64(wire.ApplicationError)}
	}
	return wire.ConnectionClose{App: cause.App, Code: min(cause.Code, wire.MaxVarint), FrameType: cause.Frame, Reason: []byte(phrase(cause.Reason))}
}

// maxPhrase bounds a reason phrase, in bytes: three of them fit into one datagram.
const maxPhrase = 200

// phrase cuts a reason to its bound, between characters.
func phrase(s string) string {
	if len(s) <= maxPhrase {
		return s
	}
	s = s[:maxPhrase]
	for len(s) > maxPhrase-utf8.UTFMax && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s[:len(s)-1]
}

// record tells loss recovery, congestion control and the idle timer of a packet that was written.
func (c *Conn) record(sp wire.Space, p *packet, size int, flags recovery.Flags) {
	*c.loss.OnSent(c.now, sp, p.number, size, flags, 0) = p.content
	if flags&recovery.AckEliciting != 0 {
		c.life.spoke(c.now)
	}
	if flags&recovery.InFlight == 0 {
		return
	}
	pn := wire.NoPacketNumber
	if sp == wire.SpaceApp {
		pn = p.number
		c.packing.allowance -= size
	}
	c.cc.OnSent(c.now, pn, size, c.loss.BytesInFlight())
	c.pacer.OnSent(c.now, size)
}
