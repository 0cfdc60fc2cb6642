package conn

import (
	"math"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

const (
	tagLen = 16
	// leastRoom is what another packet of a datagram must find, in bytes: its header, an ACK or a PING, the tag.
	leastRoom = 128
	// slack is how many unused bytes at the end of a full datagram are padded, so that a run keeps its segment size.
	slack = 32
	// samples is how many bytes the packet number and the payload have at least, so that the header protection finds
	// its sample (RFC 9001 s5.4.2).
	samples = 4
)

// packing is the batch that is being filled, and its open packet.
type packing struct {
	batch     *port.TxBatch
	b         []byte // the batch's memory, filled so far
	at        int    // where the open datagram begins
	expand    bool   // the datagram must have 1200 bytes
	open      bool
	p         packet
	held      bool // below the congestion window, for small messages: RFC 9002 s7.8, it SHOULD NOT grow for that
	allowance int  // bytes that congestion control and the pacer still allow at the 1-RTT level
}

// packet is the packet that is being written.
type packet struct {
	level     wire.Level
	number    wire.PacketNumber
	start     int // of the header
	numberAt  int
	numberLen int
	lengthAt  int // of the Length field; long headers
	payload   int // where the frames begin
	end       int // where they must end
	eliciting bool
	sizing    bool // a path MTU probe
	toEnd     bool // the last frame runs to the end of the packet
	content   content
	chain     int32 // the last spill of content
}

// begin starts a batch.
func (k *packing) begin(b *port.TxBatch) {
	k.batch, k.b, k.at, k.expand, k.open = b, b.B[:0], 0, false, false
}

// room is how many bytes of frames still fit into the open packet.
func (k *packing) room() int {
	if k.p.content.n >= maxFacts || k.p.toEnd {
		return 0
	}
	return k.p.end - len(k.b)
}

// remember notes a fact of the open packet.
func (c *Conn) remember(f fact) {
	p := &c.packing.p
	i := int(p.content.n)
	p.content.n++
	if i < inlineFacts {
		p.content.facts[i] = f
		return
	}
	at := (i - inlineFacts) % spillFacts
	if at == 0 {
		more := c.sent.take()
		if p.content.spill == 0 {
			p.content.spill = more
		} else {
			c.sent.nodes[p.chain-1].next = more
		}
		p.chain = more
	}
	c.sent.nodes[p.chain-1].facts[at] = f
}

// transmit fills batches with what is owed and may be sent.
func (c *Conn) transmit() {
	k := &c.packing
	k.allowance = c.plan()
	c.seek()
	shipped := false
	for c.wantsAny() {
		if c.path.room() < minDatagram {
			return // RFC 9000 s8.1
		}
		b := c.takeBatch()
		if b == nil {
			return
		}
		c.updateKeys()
		k.begin(b)
		for len(b.Packets) < maxSegments && c.datagram() {
		}
		b.B = k.b
		if len(b.Packets) == 0 {
			c.tx.put(b)
			break
		}
		shipped = true
		handshake := false
		for i := range b.Packets {
			handshake = handshake || b.Packets[i].Level == wire.LevelHandshake
		}
		c.ship(b)
		if handshake && c.cfg.Role == wire.Client {
			// RFC 9001 s4.9.1: a client MUST discard Initial keys when it first sends a Handshake packet.
			c.dropLevel(wire.LevelInitial)
		}
	}
	if shipped {
		c.plan() // what is left may have to wait for the pacer
	}
}

// plan returns how many bytes may leave at the 1-RTT level now: a quantum is awaited, except for the tail and when
// nothing in flight brings us back here. If it is the pacer that holds them, its deadline is armed.
func (c *Conn) plan() int {
	c.timers.pacing, c.packing.held = 0, false
	backlog := c.backlog()
	if backlog == 0 || !c.spaces[wire.SpaceApp].sendable() || c.loss.Full(wire.SpaceApp) {
		return 0
	}
	inFlight := c.loss.BytesInFlight()
	// RFC 9002 s7: MUST NOT send a packet if that would make the bytes in flight larger than the window.
	fit := c.amongSmall(inFlight)
	if c.packing.held = fit < c.cc.Window(); c.packing.held {
		c.cfg.Company.Hold(c.now)
	}
	room := min(c.cc.Window(), fit) - inFlight
	need := min(c.pacer.Quantum(), backlog)
	if room < need && c.awaitsAck() || room <= 0 {
		return 0
	}
	budget := c.pacer.Budget(c.now)
	if budget < need {
		c.timers.pacing = c.pacer.NextSend(c.now, need)
		return 0
	}
	return min(room, budget)
}

const (
	// smallWhile is for how long a small message, and bulk, make the bytes in flight fit the path.
	smallWhile = 10 * time.Millisecond
	// leastAmongSmall is how many bytes may be in flight then in any case: three large batches, one for each that works on them.
	leastAmongSmall = 192 << 10
	// leastAmongOthers is as much where the small messages are other connections'. They do not stand behind this one's bulk, which takes
	// a part of the processors' time that grows with what is in flight.
	leastAmongOthers = 768 << 10
	// nearPath is the smoothed round trip of a path that is too long for that: its queues are routers', its round trips are
	// longer than the smallest for many a reason, and congestion control alone answers them.
	nearPath = 5 * time.Millisecond
)

// amongSmall is how many bytes may be in flight while bulk is sent beside small messages: twice what the path carries in the round trip of an
// empty one. More would stand in queues, on a fast network those of the peer's own rooms, and each small message behind it. Those of other
// connections stand behind it in the queue for a processor.
func (c *Conn) amongSmall(inFlight int) int {
	rtt := c.loss.RTT()
	if !rtt.HasSample() || rtt.Smoothed() >= nearPath || c.now >= c.streams.bulkAt.Add(smallWhile) {
		return math.MaxInt
	}
	least := leastAmongSmall
	if c.now >= c.streams.smallAt.Add(smallWhile) {
		if !c.cfg.Company.Speaks(c.now) {
			return math.MaxInt
		}
		least = leastAmongOthers
	}
	carried := int64(inFlight) * int64(rtt.Min()) / int64(max(rtt.Smoothed(), 1))
	return max(least, int(2*carried))
}

// backlog estimates the bytes that 1-RTT packets with all that is owed would have; zero if nothing is owed.
func (c *Conn) backlog() int {
	n := 0
	if c.crypto.complete {
		n = c.streams.backlog(c.flow.send.Available())
	}
	if c.owesControl() {
		n += leastRoom
	}
	if n > 0 {
		n += leastRoom/2 + n/16
	}
	return n
}

// awaitsAck reports whether something in flight will be acknowledged or probed for. What is padding alone will not.
func (c *Conn) awaitsAck() bool {
	for sp := range c.spaces {
		if c.loss.ElicitingInFlight(wire.Space(sp)) > 0 {
			return true
		}
	}
	return false
}

// takeBatch takes a batch that fits what there is to say.
func (c *Conn) takeBatch() *port.TxBatch {
	bulk := min(c.backlog(), c.packing.allowance)
	for i := range c.crypto.levels {
		bulk += c.crypto.levels[i].out.Outstanding()
	}
	if bulk == 0 && !c.probing() {
		return c.tx.takeSmall(c.cfg.TxPool) // an ACK alone waits for it
	}
	datagram := min(c.path.datagram, port.SmallBatch)
	return c.tx.take(c.cfg.TxPool, bulk > port.SmallBatch/datagram*datagram)
}

// wantsAny reports whether any level has something to send.
func (c *Conn) wantsAny() bool {
	for sp := range c.spaces {
		if c.wants(level(wire.Space(sp))) {
			return true
		}
	}
	return false
}

// wants reports whether a level has something to send that may be sent.
func (c *Conn) wants(lv wire.Level) bool {
	s := &c.spaces[lv.Space()]
	return s.sendable() && (s.received.due(c.now) || c.mayElicit(lv))
}

// mayElicit reports whether a level has ack-eliciting frames to send that may be sent, or a probe.
func (c *Conn) mayElicit(lv wire.Level) bool {
	s, k := &c.spaces[lv.Space()], &c.packing
	if lv != wire.LevelApp {
		owes := c.crypto.levels[lv.Space()].out.Owes()
		if s.probes > 0 && (owes || !s.pinged) {
			return true
		}
		// The handshake does not wait for the pacer. One of its packets does not wait for the window either (RFC 9002 s7), as a
		// probe would not: the window may be full of 1-RTT packets, which the peer cannot acknowledge before it has these
		// bytes, and s6.2.1 arms no probe timeout for those. With nothing of this level in flight no timer is left.
		return owes && (c.loss.ElicitingInFlight(lv.Space()) == 0 || c.loss.BytesInFlight()+c.path.datagram <= c.cc.Window())
	}
	backlog := c.backlog()
	if s.probes > 0 && (backlog > 0 || !s.pinged) {
		return true
	}
	return backlog > 0 && (k.allowance >= c.path.datagram || k.allowance >= backlog)
}

// datagram writes one datagram, of one packet a level that wants; it reports false if there was none to write.
func (c *Conn) datagram() bool {
	k := &c.packing
	size := min(c.path.datagram, c.path.room())
	if !k.batch.Big {
		size = min(size, cap(k.b)-len(k.b))
	}
	if cap(k.b)-len(k.b) < size || size < minDatagram {
		return false
	}
	k.at, k.expand, k.open = len(k.b), false, false
	for sp := range c.spaces {
		lv := level(wire.Space(sp))
		if !c.wants(lv) {
			continue
		}
		if k.open {
			if k.at+size-len(k.b)-tagLen < leastRoom {
				break
			}
			c.closePacket(0)
		}
		c.openPacket(lv, k.at+size)
		c.fill()
		// RFC 9000 s14.1: a client expands every datagram with an Initial packet, a server those that elicit an ACK.
		k.expand = k.expand || lv == wire.LevelInitial && (k.p.eliciting || c.cfg.Role == wire.Client)
	}
	if !k.open {
		return false
	}
	if len(k.b) == k.p.payload && k.p.start == k.at {
		k.b = k.b[:k.at] // nothing of what was wanted could be rendered
		return false
	}
	pad := 0
	switch left := k.p.end - len(k.b); {
	case k.expand && len(k.b)+tagLen < k.at+minDatagram:
		pad = k.at + minDatagram
	case left < slack && !k.p.toEnd:
		pad = k.at + size
	}
	c.closePacket(pad)
	sent := len(k.b) - k.at
	appendRun(k.batch, c.path.addr, k.at, sent)
	if !c.path.validated {
		c.path.sent += sent
	}
	return true
}

// openPacket writes the header of a packet in the open datagram, which must end before limit.
func (c *Conn) openPacket(lv wire.Level, limit int) {
	k := &c.packing
	sp := lv.Space()
	pn := c.loss.Next(sp)
	if sp == wire.SpaceApp {
		pn = c.spaces[sp].skip.next(pn, c.cfg.Random)
	}
	k.open = true
	k.p = packet{level: lv, number: pn, start: len(k.b), end: limit - tagLen}
	k.p.numberLen = wire.NumberLen(pn, c.loss.LargestAcked(sp))
	dest := c.ids.peer.current().id
	if lv == wire.LevelApp {
		k.b = wire.AppendShortHeader(k.b, dest, false, false, k.p.numberLen)
	} else {
		t := wire.PacketInitial
		if lv == wire.LevelHandshake {
			t = wire.PacketHandshake
		}
		var token []byte
		if lv == wire.LevelInitial {
			token = c.cfg.Token
		}
		k.b, k.p.lengthAt = wire.AppendLongHeader(k.b, t, dest, c.cfg.LocalID, token, k.p.numberLen)
	}
	k.p.numberAt = len(k.b)
	k.b = wire.AppendNumber(k.b, pn, k.p.numberLen)
	k.p.payload = len(k.b)
}

// closePacket pads the open packet until its tag ends at padTo, if that is more, and records it.
func (c *Conn) closePacket(padTo int) {
	k := &c.packing
	p := &k.p
	k.open = false
	padded := false
	// RFC 9000 s12.4: a payload is never empty.
	pad := max(padTo-tagLen, p.payload+max(samples-p.numberLen, 1)) - len(k.b)
	if pad > 0 {
		padded = true
		k.b = wire.Padding{Count: pad}.Append(k.b)
	}
	plain := k.b[p.payload:]
	k.b = k.b[:len(k.b)+tagLen]
	size := len(k.b) - p.start
	if p.level != wire.LevelApp {
		wire.PatchLength(k.b, p.lengthAt, len(k.b)-p.numberAt)
	}
	k.batch.Packets = append(k.batch.Packets, port.TxPacket{
		Off: p.start, Len: size, NumberOff: p.numberAt - p.start, NumberLen: uint8(p.numberLen),
		Level: p.level, Number: p.number,
	})
	var flags recovery.Flags
	if p.eliciting {
		flags = recovery.AckEliciting | recovery.InFlight
		if c.packing.held || c.backlog() == 0 {
			flags |= recovery.AppLimited
		}
	}
	if p.sizing {
		flags |= recovery.SizeProbe
	}
	if padded {
		// RFC 9002 s2: packets with PADDING count as in flight.
		flags |= recovery.InFlight
	}
	if s := &c.spaces[p.level.Space()]; p.eliciting && s.probes > 0 {
		s.probes--
	}
	c.record(p.level.Space(), p, size, flags)
	if t := c.cfg.Trace; t != nil {
		t.Packet(c.now, port.PacketEvent{Sent: true, Level: p.level, Number: p.number, Size: size, Payload: plain})
	}
}
