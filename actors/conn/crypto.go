package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/wire"
)

// crypto is the cryptographic handshake seen from conn: bytes in order, keys, and how far it is (RFC 9001 s4, s6).
type crypto struct {
	levels    [wire.NumSpaces]cryptoLevel // by space: 0-RTT has no CRYPTO frames
	ordered   bool                        // an Order is with the handshake room
	complete  bool                        // RFC 9001 s4.1.1
	confirmed bool                        // RFC 9001 s4.1.2
	params    *wire.TransportParameters   // the peer's
	phase     keyPhase                    // of 1-RTT packets
}

// cryptoLevel is the CRYPTO bytes of one level.
type cryptoLevel struct {
	in  buffer.Reassembly
	out buffer.CryptoSend
}

func newCrypto(gaps int) (k crypto) {
	for i := range k.levels {
		k.levels[i].in = buffer.NewReassembly(gaps)
	}
	return k
}

// received takes a CRYPTO frame of a level.
func (l *cryptoLevel) received(f *wire.Crypto, bound int, chunks *actor.Chunks) error {
	// RFC 9000 s7.5: at least 4096 bytes must be buffered; beyond its bound an endpoint MUST close the connection.
	if f.Offset+wire.Offset(len(f.Data)) > l.in.Offset()+wire.Offset(bound) {
		return wire.NewError(wire.CryptoBufferExceeded, wire.TypeCrypto, "more CRYPTO data than is buffered")
	}
	if err := l.in.Insert(f.Offset, f.Data, chunks); err != nil {
		return wire.NewError(wire.CryptoBufferExceeded, wire.TypeCrypto, err.Error())
	}
	return nil
}

// discard forgets the level's bytes.
func (l *cryptoLevel) discard() {
	l.in.Release()
	l.out.Discard()
}

// orderHandshake hands ordered CRYPTO bytes to TLS, one Order at a time.
func (c *Conn) orderHandshake() {
	if c.crypto.ordered {
		return
	}
	var order *port.Order
	for i := range c.crypto.levels {
		in := &c.crypto.levels[i].in
		n := in.Readable()
		if n == 0 {
			continue
		}
		if order == nil {
			order = new(port.Order)
		}
		b := make([]byte, n)
		in.Read(b)
		in.Rest()
		order.Crypto[level(wire.Space(i))].B = b
	}
	if order != nil {
		c.crypto.ordered, c.yield.moved = true, true
		c.ports.ToHandshake.Send(order)
	}
}

// answered takes what TLS said.
func (c *Conn) answered(a *port.Answer) {
	c.crypto.ordered, c.yield.moved = false, true
	for i := range a.Events {
		if c.life.state != alive {
			return
		}
		if err := c.handshakeEvent(&a.Events[i]); err != nil {
			c.fail(err)
		}
	}
	if a.Err != nil {
		c.failBeneath(a.Err, a.Cause)
	}
}

func (c *Conn) handshakeEvent(e *port.HandshakeEvent) error {
	switch e.Kind {
	case port.HandshakeCrypto:
		return c.crypto.levels[e.Level.Space()].out.Write(e.Data)
	case port.HandshakeReadKeys:
		c.install(e, false)
	case port.HandshakeWriteKeys:
		c.install(e, true)
		c.spaces[e.Level.Space()].keys = true
		if e.Level == wire.LevelHandshake {
			c.loss.SetHandshakeKeys()
		}
	case port.HandshakeParams:
		return c.learnParams(e.Data)
	case port.HandshakeComplete:
		c.completed(e)
	}
	return nil
}

func (c *Conn) install(e *port.HandshakeEvent, write bool) {
	c.ports.ToProtect.Send(&port.InstallKeys{Level: e.Level, Write: write, Suite: e.Suite, Secret: e.Secret})
	if t := c.cfg.Trace; t != nil {
		what := "read keys installed"
		if write {
			what = "write keys installed"
		}
		t.Keys(c.now, e.Level, what)
	}
}

// learnParams takes the peer's transport parameters.
func (c *Conn) learnParams(b []byte) error {
	from := c.cfg.Role.Peer()
	p, err := wire.ParseTransportParameters(b, from)
	if err != nil {
		return err
	}
	seen := wire.ConnectionIDs{PeerInitialSCID: c.ids.initial, OriginalDCID: c.ids.original, RetrySCID: c.ids.retry}
	if err := p.ValidateCIDs(from, seen); err != nil {
		return err
	}
	c.crypto.params = &p
	if t := c.cfg.Trace; t != nil {
		t.Parameters(c.now, false, &p)
	}
	c.flow.send.Raise(p.InitialMaxData)
	c.loss.SetMaxAckDelay(p.MaxAckDelay)
	c.streams.local[0].allowed = p.InitialMaxStreamsBidi
	c.streams.local[1].allowed = p.InitialMaxStreamsUni
	c.path.size.taken(p.MaxUDPPayloadSize)
	// RFC 9000 s10.1: the smaller of both, where zero is none.
	if d := p.MaxIdleTimeout; d > 0 && (c.life.idle == 0 || d < c.life.idle) {
		c.life.idle = d
	}
	if p.HasResetToken {
		first := c.ids.peer.current()
		first.token, first.hasToken = p.ResetToken, true
		c.cfg.Routes.WatchReset(p.ResetToken)
	}
	if p.HasPreferredAddress {
		// RFC 9000 s5.1.1: its ID has sequence number 1, whether or not the address is used.
		c.ids.peer.list = append(c.ids.peer.list, peerID{seq: 1, id: p.PreferredAddress.ID, token: p.PreferredAddress.Token, hasToken: true})
	}
	return nil
}

// completed begins the life of streams.
func (c *Conn) completed(e *port.HandshakeEvent) {
	if c.crypto.params == nil {
		// RFC 9001 s8.2: an endpoint MUST receive the extension. TLS sees to it; without it nothing can be sent.
		c.fail(wire.NewError(wire.CryptoError(missingExtension), wire.TypeCrypto, "no transport parameters"))
		return
	}
	c.crypto.complete, c.yield.opens = true, true
	c.ids.local.most = int(min(c.crypto.params.ActiveConnectionIDLimit, uint64(c.cfg.Limits.ConnectionIDs)))
	p := &c.cfg.Params
	c.streams.connected = port.Connected{
		Role: c.cfg.Role, State: e.State, Path: c.path.addr, Peer: c.crypto.params,
		RecvWindow: int(p.InitialMaxStreamDataBidiLocal),
	}
	c.ports.ToH3.Send(&c.streams.connected)
	c.grantStreams() // what it opens now may share the packets of this turn
	if t := c.cfg.Trace; t != nil {
		t.State(c.now, "connected")
	}
	if c.cfg.Role == wire.Server {
		// RFC 9001 s4.1.2: the server's handshake is confirmed when it is complete; HANDSHAKE_DONE tells the client.
		c.owed.handshakeDone = true
		c.confirm()
	}
}

const missingExtension = 109 // TLS alert, RFC 8446 s6.2

// confirm notes that the handshake is confirmed (RFC 9001 s4.1.2).
func (c *Conn) confirm() {
	if c.crypto.confirmed {
		return
	}
	c.crypto.confirmed = true
	c.loss.ConfirmHandshake()
	c.dropLevel(wire.LevelInitial)
	// RFC 9001 s4.9.2: MUST discard Handshake keys when the handshake is confirmed.
	c.dropLevel(wire.LevelHandshake)
	if t := c.cfg.Trace; t != nil {
		t.State(c.now, "confirmed")
	}
}

// dropLevel forgets Initial or Handshake: keys, bytes, and sent packets.
func (c *Conn) dropLevel(level wire.Level) {
	sp := level.Space()
	s := &c.spaces[sp]
	if s.dropped {
		return
	}
	s.dropped, s.probes = true, 0
	s.received = newReceived(1)
	c.ports.ToProtect.Send(&port.DropKeys{Level: level})
	c.forget(sp)
	c.loss.Discard(c.now, sp)
	c.crypto.levels[sp].discard()
	if t := c.cfg.Trace; t != nil {
		t.Keys(c.now, level, "dropped")
	}
}
