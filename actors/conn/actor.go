package conn

import (
	"cmp"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/congestion"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// Config is what a connection is born with.
type Config struct {
	Role    wire.Role
	Version wire.Version
	Path    port.Path
	// LocalID is our first connection ID: the SCID of our first packet. The engine has routed it.
	LocalID wire.ConnectionID
	// PeerID is where the first packets go: a server's is the client's SCID, a client's a random one of at least 8
	// bytes (RFC 9000 s7.2).
	PeerID wire.ConnectionID
	// OriginalDest is the DCID of the client's very first Initial. Only a server sets it.
	OriginalDest wire.ConnectionID
	// RetrySource is the SCID of the server's Retry, if the client's token shows that it took one. Only a server sets
	// it; it validates the client's address.
	RetrySource wire.OptionalConnectionID
	// Token is what a client puts into its first Initial; nil for none.
	Token []byte
	// Params is what we declare. conn fills in the connection IDs and lowers the stream limits to what Limits.Streams
	// allows. A server's ResetToken belongs to LocalID and is the engine's to set.
	Params wire.TransportParameters
	Limits *port.Limits
	// MaxDatagram is the largest UDP payload sent once the handshake is complete, in bytes, at least 1232.
	MaxDatagram int
	// SearchDatagrams are larger ones, in rising order, that are sent to peers that take them once a probe has shown that the path carries
	// them; none for no search.
	SearchDatagrams []int
	// Congestion makes the controller of a path that carries datagrams of so many bytes; nil is congestion.NewCubic.
	Congestion func(datagram int) congestion.Controller

	Heard   *actor.Count // is set, every turn, to when a packet of the peer was last opened; may be nil
	Company *Company     // of the connections that bulk makes room for; may be nil
	Random  port.Random
	Chunks  *actor.Chunks // for CRYPTO bytes that wait
	TxPool  port.TxPool
	Routes  port.Routes
	Streams port.Streams
	Cell    *actor.Cell // rings this room
	Trace   port.Trace  // may be nil
}

// Ports are the edges that lead out of a conn room.
type Ports struct {
	ToProtect   actor.Port[port.ToProtect]
	ToHandshake actor.Port[port.ToHandshake]
	ToH3        actor.Port[port.ToH3]
	// Home leads back into this room: transmit batches come home on it, and BatchFree.
	Home actor.Port[port.ToConn]
}

// Conn is a conn room: Behaviour[port.ToConn], Leaver, Yielder.
type Conn struct {
	cfg   Config
	ports Ports
	now   mono.Time // of the present turn

	life    life
	spaces  [wire.NumSpaces]space
	loss    recovery.Loss[content]
	cc      congestion.Controller
	pacer   congestion.Pacer
	crypto  crypto
	streams streams
	flow    connFlow
	ids     ids
	path    path
	owed    owed
	tx      tx
	packing packing
	sent    spills
	timers  timers
	yield   yields
	frame   wire.Frame // being read
}

// Init makes k the connection of c, in memory that is zero. It says nothing before its first mail: for a server the first
// RxBatch, for a client a ring of its cell.
func (k *Conn) Init(c Config) {
	k.cfg = c
	k.streams = newStreams(&k.cfg)
	k.flow = newConnFlow(&k.cfg)
	k.ids = newIDs(&k.cfg)
	k.path = newPath(&k.cfg)
	k.life.idle = k.cfg.Params.MaxIdleTimeout
	for i := range k.spaces {
		k.spaces[i] = newSpace(c.Limits.AckRanges)
	}
	k.loss.Init(recovery.Config[content]{Role: c.Role, Fates: (*fates)(k)})
	k.crypto = newCrypto(cmp.Or(c.Limits.CryptoGaps, c.Limits.StreamGaps))
	k.tx.most = c.Limits.BigBatches
}

// Connect gives the room its edges, before its first mail.
func (c *Conn) Connect(p Ports) {
	c.ports = p
	c.tx.free.Port = p.Home
}

// Handle takes one message.
func (c *Conn) Handle(now mono.Time, m port.ToConn) {
	c.begin(now)
	switch m := m.(type) {
	case *port.RxBatch:
		c.receive(m)
	case *port.TxBatch:
		c.cameHome(m)
	case *port.Answer:
		c.answered(m)
	case *port.Push:
		c.pushed(m)
	case *port.StreamWake:
		c.streams.woken(m.Stream)
	case *port.CloseOrder:
		c.ordered(m)
	case *port.CreditTaken:
		c.streams.creditOut = false
	case *port.Notice:
		c.noticed(m)
	case *port.BatchFree:
		c.tx.waiting = false
	case *port.Fired:
		c.cfg.Cell.Heard()
	case *port.Stop:
		c.stopped(m.Cause)
	}
}

// Flush does what deadlines ask for, sends what is owed and may be sent, and hands the streams their news.
func (c *Conn) Flush(now mono.Time) {
	c.begin(now)
	if c.life.state == alive {
		c.expire()
		if o := c.life.behind; o != nil {
			c.ordered(o)
		}
	}
	if c.life.state == alive {
		c.orderHandshake()
		c.owe()
		c.transmit()
		c.grantStreams()
	}
	if c.life.state == alive {
		c.deliver()
	} else {
		c.end()
	}
	c.tx.returnSpares(c.cfg.TxPool)
	if c.cfg.Heard != nil {
		c.cfg.Heard.Set(int64(c.life.newest))
	}
	c.arm()
	c.endTurn()
}

// Left reports whether the connection is over and every batch home.
func (c *Conn) Left() bool { return c.life.state == over && (c.life.orphaned || c.tx.home()) }

// Ended returns the cause of the end and how long the endpoint answers for the connection, from now on: 3 PTO after a
// close (RFC 9000 s10.2), zero if there is nobody to answer. It is meant for the supervisor, after Left.
func (c *Conn) Ended() (cause *port.Cause, until mono.Time) {
	cause = c.life.cause
	if cause == nil {
		return nil, 0
	}
	told := cause.Why == port.TimedOut && c.life.announce
	if !told && cause.Why != port.Ours && cause.Why != port.Theirs && cause.Why != port.Panicked {
		return cause, 0
	}
	return cause, c.now.Add(3 * c.loss.PTO())
}

// begin opens a turn; the first one brings the connection to life.
func (c *Conn) begin(now mono.Time) {
	c.now = now
	if c.life.born.IsZero() {
		c.start()
	}
}

// restartPath begins with the estimates of a path that nothing is known of.
func (c *Conn) restartPath() {
	if make := c.cfg.Congestion; make != nil {
		c.cc = make(c.path.datagram)
	} else {
		c.cc = congestion.NewCubic(c.path.datagram)
	}
	c.pacer = congestion.NewPacer(c.now, c.path.datagram, recovery.InitialRTT)
}

// start derives the Initial keys and asks TLS for its first words.
func (c *Conn) start() {
	c.life.born, c.life.active = c.now, c.now
	c.restartPath()
	c.ports.ToProtect.Send(&port.InitialKeys{Version: c.cfg.Version, Dest: c.ids.keyed})
	c.spaces[wire.SpaceInitial].keys = true
	if t := c.cfg.Trace; t != nil {
		t.State(c.now, "handshake")
		t.Parameters(c.now, true, &c.cfg.Params)
	}
	grease := wire.GreaseParameter{ID: wire.GreaseParameterID(uint32(c.cfg.Random.Uint64("grease")) & 0xffff)}
	c.crypto.ordered, c.yield.moved = true, true
	c.ports.ToHandshake.Send(&port.Order{Start: true, Params: c.cfg.Params.Append(nil, c.cfg.Role, grease)})
}
