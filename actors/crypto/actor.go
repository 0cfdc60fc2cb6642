package crypto

import (
	"context"
	"crypto/tls"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// ProtectConfig is what a protect room knows from birth.
type ProtectConfig struct {
	Role    wire.Role
	Version wire.Version // only Version1 exists
	IDLen   int          // length in bytes of the connection IDs that we issue
	Limits  *port.Limits // EarlyPackets
	Trace   port.Trace   // may be nil
	First   *FirstKeys   // a server's, of the packet that the connection is born for; nil: they are ordered
}

// ProtectPorts are where a protect room sends.
type ProtectPorts struct {
	ToConn   actor.Port[port.ToConn]
	ToWriter actor.Port[port.ToWriter]
}

// Protect is the protect room: Behaviour[port.ToProtect]. It opens and seals the packets of one connection in place.
type Protect struct {
	cfg   ProtectConfig
	ports ProtectPorts

	levels  [wire.NumLevels]levelKeys
	phases  phases                            // of the 1-RTT keys
	largest [wire.NumSpaces]wire.PacketNumber // the largest number opened
	early   []earlyPacket
	retry   retryWatch
	born    bool        // with Initial keys, which are still to be ordered
	resting bool        // the 1-RTT keys have no ciphers
	forged  uint64      // packets that failed authentication, RFC 9001 s6.6
	fault   *wire.Error // nothing is opened any more
	left    bool
}

// Init makes a protect room without any keys, in memory that is zero. It panics if the version is not one it can speak.
func (p *Protect) Init(cfg ProtectConfig) {
	if cfg.Version != wire.Version1 {
		panic("crypto: a connection of an unknown version")
	}
	p.cfg = cfg
	if k := cfg.First; k != nil {
		p.levels[wire.LevelInitial] = levelKeys{read: k.read, readHeader: k.readHeader}
		p.levels[wire.LevelInitial].setWrite(aes128, k.write)
		p.cfg.First, p.born = nil, true
	}
	for i := range p.largest {
		p.largest[i] = wire.NoPacketNumber
	}
}

// Connect gives the room its ports, before the first mail.
func (p *Protect) Connect(ports ProtectPorts) { p.ports = ports }

// Handle takes one message.
func (p *Protect) Handle(now mono.Time, m port.ToProtect) {
	if p.left {
		if r, ok := m.(actor.Releaser); ok {
			r.Release()
		}
		return
	}
	switch m := m.(type) {
	case *port.RxBatch:
		p.receive(now, m)
	case *port.TxBatch:
		p.send(m)
	case *port.InitialKeys:
		p.installInitial(now, m)
	case *port.InstallKeys:
		p.install(now, m)
	case *port.DropKeys:
		p.drop(now, m.Level)
	case *port.UpdateKeys:
		p.wake() // the packets that the keys are for come next
		p.phases.update(&p.levels[wire.LevelApp], m.Phase)
	case *port.DropPrevious:
		p.phases.previous = nil
	case *port.Rest:
		p.rest()
	case *port.Stop:
		p.stop()
	}
}

// Flush makes the keys of the next phase ready, away from the packets: RFC 9001 s6.3 wants no timing signal there.
func (p *Protect) Flush(mono.Time) { p.phases.ready(p.largest[wire.SpaceApp]) }

// Left reports whether the room was stopped.
func (p *Protect) Left() bool { return p.left }

func (p *Protect) receive(now mono.Time, b *port.RxBatch) {
	p.wake()
	p.openBatch(now, b)
	p.ports.ToConn.Send(b)
}

func (p *Protect) send(t *port.TxBatch) {
	p.wake()
	p.sealBatch(t)
	p.ports.ToWriter.Send(t)
}

func (p *Protect) stop() {
	p.levels, p.phases, p.early, p.left = [wire.NumLevels]levelKeys{}, phases{}, nil, true
}

// HandshakeConfig is what a handshake room knows from birth.
type HandshakeConfig struct {
	Role    wire.Role
	TLS     *tls.Config     // MinVersion TLS 1.3, NextProtos, Time, no sessions: neither tickets nor a cache; not changed
	Context context.Context // given to TLS callbacks; its end makes the handshake fail
	Reseed  func()          // called before TLS may draw random bytes; a simulation's, else nil
}

// HandshakePorts are where a handshake room sends.
type HandshakePorts struct{ ToConn actor.Port[port.ToConn] }

// Handshake is the handshake room: Behaviour[port.ToHandshake]. It answers every Order.
type Handshake struct {
	ports HandshakePorts
	tls   handshake
	left  bool
}

// Init makes a handshake room that waits for its first Order, in memory that is zero.
func (h *Handshake) Init(cfg HandshakeConfig) {
	if c := cfg.TLS; !c.SessionTicketsDisabled || c.ClientSessionCache != nil {
		// RFC 9000 s7.4.1: the transport parameters of a session that is resumed would have to be remembered.
		panic("crypto: a TLS configuration that lets sessions be resumed")
	}
	h.tls.cfg = cfg
}

// Connect gives the room its port, before the first mail.
func (h *Handshake) Connect(ports HandshakePorts) { h.ports = ports }

// Handle takes one message. It is the one Handle that may block, in a callback of the TLS configuration.
func (h *Handshake) Handle(_ mono.Time, m port.ToHandshake) {
	if h.left {
		return
	}
	switch m := m.(type) {
	case *port.Order:
		if reseed := h.tls.cfg.Reseed; reseed != nil {
			reseed()
		}
		h.ports.ToConn.Send(h.tls.advance(m))
	case *port.Stop:
		h.tls.close()
		h.left = true
	}
}

// Flush has nothing to do: an Order is answered when it is handled.
func (h *Handshake) Flush(mono.Time) {}

// Left reports whether the room was stopped.
func (h *Handshake) Left() bool { return h.left }
