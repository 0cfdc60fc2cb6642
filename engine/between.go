package engine

import (
	"quicpro/actors/conn"
	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// Between stands between conn and protect of one connection and sees every packet in plaintext. It is for simulations that
// need a peer which breaks the rules under valid keys. Its methods are called on the turns of two rooms, of which a
// stepping world runs one at a time.
type Between interface {
	// Sending may rewrite a batch before it is sealed: what it leaves must be what conn could have made, each packet inside a
	// datagram of one run, with room for its tag, and its memory no smaller than it was.
	Sending(now mono.Time, t *port.TxBatch)
	// Receiving may rewrite the frames of a batch's packets in place, after they were opened.
	Receiving(now mono.Time, b *port.RxBatch)
}

// protectRoom is protect, behind what stands between if anything does.
func (c *connection) protectRoom() actor.Behaviour[port.ToProtect] {
	if c.between == nil {
		return &c.protect
	}
	return betweenProtect{&c.protect, c.between}
}

// connRoom is conn, behind what stands between if anything does.
func (c *connection) connRoom() actor.Behaviour[port.ToConn] {
	if c.between == nil {
		return &c.core
	}
	return betweenConn{&c.core, c.between}
}

// betweenProtect is a protect room that seals what became of a batch.
type betweenProtect struct {
	*crypto.Protect
	between Between
}

// Handle takes one message.
func (b betweenProtect) Handle(now mono.Time, m port.ToProtect) {
	if t, ok := m.(*port.TxBatch); ok && !b.Left() {
		b.between.Sending(now, t)
	}
	b.Protect.Handle(now, m)
}

// betweenConn is a conn room that reads what became of a batch.
type betweenConn struct {
	*conn.Conn
	between Between
}

// Handle takes one message.
func (b betweenConn) Handle(now mono.Time, m port.ToConn) {
	if r, ok := m.(*port.RxBatch); ok {
		b.between.Receiving(now, r)
	}
	b.Conn.Handle(now, m)
}
