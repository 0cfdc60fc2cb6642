package engine

import (
	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

const (
	// minInitial is the smallest datagram that may carry a client's Initial, in bytes (RFC 9000 s14.1).
	minInitial = 1200
	// minOriginal is the shortest Destination Connection ID of a client's first Initial, in bytes (RFC 9000 s7.2).
	minOriginal = 8
)

// accept is where server connections are born: in the endpoint, after their first Initial was authenticated.
type accept struct {
	e        *endpoint
	maxConns int
	half     *actor.Count                                                // connections in their handshake
	spawn    func(first crypto.FirstInitial, path port.Path) *connection // nil: a client's socket
	changed  func()                                                      // a connection has gone for good
	stopped  func() bool                                                 // no more connections are wanted
}

// open looks at a datagram of version 1 with a long header. It reports whether the batch, which the datagram is the
// first of, now belongs to a new connection.
func (a *accept) open(b *port.RxBatch, datagram []byte) bool {
	// RFC 9000 s14.1: a server MUST discard an Initial in a smaller datagram.
	if len(datagram) < minInitial {
		return false
	}
	first, ok := crypto.OpenInitial(datagram)
	// RFC 9000 s7.2: at least 8 bytes.
	if !ok || first.Dest.Len() < minOriginal {
		return false
	}
	making := &a.e.s.e.births // who closes the socket waits until the connection is on the list
	making.Lock()
	defer making.Unlock()
	// Beyond halfOpen the Initial is dropped without a word: the client sends it again.
	switch {
	case a.stopped():
		a.refuse(first, b, "shutting down")
		return false
	case a.e.s.alive.Load() >= int64(a.maxConns):
		a.refuse(first, b, "too many connections")
		return false
	case a.half.Load() >= halfOpen:
		return false
	}
	a.hand(a.spawn(first, b.Path), b)
	return true
}

// hand gives a stray batch to its connection, within the quota of that one.
func (a *accept) hand(c *connection, b *port.RxBatch) {
	buffer, ok := b.Owner.(*rxBuffer)
	if !ok || !a.e.s.rx.recharge(buffer, &c.rx) {
		b.Release()
		return
	}
	c.fromReader.Send(b)
}

// refuse answers a first Initial with the close of a connection that never was.
func (a *accept) refuse(first crypto.FirstInitial, b *port.RxBatch, reason string) {
	if !a.e.rate.allows(b.At) {
		return
	}
	t := a.e.s.answers.take()
	if t == nil {
		return
	}
	var own [idLen]byte
	a.e.s.routes.random.Bytes("connection id", own[:])
	scid, _ := wire.MakeConnectionID(own[:])
	const numberLen, tagLen = 2, 16
	out, lengthAt := wire.AppendLongHeader(t.B, wire.PacketInitial, first.Source, scid, nil, numberLen)
	numberAt := len(out)
	out = wire.AppendNumber(out, 0, numberLen)
	// RFC 9000 s5.2.2: a server that is too busy MAY respond with CONNECTION_REFUSED.
	out = wire.ConnectionClose{Code: uint64(wire.ConnectionRefused), Reason: []byte(reason)}.Append(out)
	out = append(out, make([]byte, tagLen)...)
	wire.PatchLength(out, lengthAt, len(out)-numberAt)
	crypto.SealInitial(wire.Server, first.Dest, out, numberAt, numberLen, 0)
	t.B = out
	a.e.send(t, b.Path)
}
