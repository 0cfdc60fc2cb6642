package engine

import (
	"crypto/tls"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"

	"quicpro/actors/conn"
	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// upper is the room above the streams: the h3 router, or an embedder's.
type upper interface {
	actor.Behaviour[port.ToH3]
	actor.Leaver
}

// birth is what a connection is born with.
type birth struct {
	role   wire.Role
	remote netip.AddrPort
	path   port.Path
	tls    *tls.Config
	limits *port.Limits
	params wire.TransportParameters
	trace  tracer // may be nil

	// a server's: of the authenticated first Initial
	original wire.ConnectionID
	source   wire.ConnectionID
	keys     *crypto.FirstKeys

	// The room above: how many messages the app may have on the way to it, and how it is made. bind is called before
	// any room runs.
	places int
	bind   func(c *connection, parts upperParts) upper
	// gone is called once, when every room has left.
	gone func(cause *port.Cause)
}

// upperParts is what the engine gives the room above.
type upperParts struct {
	cell   *actor.Cell
	toConn actor.Port[port.ToConn]
	trace  port.Trace
	random port.Random
}

// connection is the wiring of one connection.
type connection struct {
	s      *socket
	name   string
	role   wire.Role
	remote netip.AddrPort
	limits *port.Limits

	fromReader actor.Port[port.ToProtect]
	toWriter   actor.Port[port.ToWriter] // protect's
	app        struct {                  // the app's edges
		toConn  actor.Port[port.ToConn]
		toUpper actor.Port[port.ToH3]
		closed  atomic.Bool // its one CloseOrder is sent
	}
	guard  supervisor
	handle any // what the app holds: *H3Conn or *Conn

	protect   crypto.Protect
	handshake crypto.Handshake
	core      conn.Conn
	between   Between // nil outside a simulation
	routes    connRoutes
	rx        rxAccount
	tx        lender
	streams   streams
	place     placement
	trace     port.Trace

	contexts contexts
	gone     func(*port.Cause)
	cause    atomic.Pointer[port.Cause]
	heard    actor.Count   // when a packet of the peer was last opened, in the engine's time
	done     chan struct{} // every room has left

	keptMu sync.Mutex
	kept   []byte // the sealed CONNECTION_CLOSE
}

// newConnection makes the rooms of a connection and connects them. Nothing runs before its first mail: a server's first
// datagram, or start.
func newConnection(s *socket, b birth) *connection {
	c := &connection{s: s, role: b.role, remote: b.remote, limits: b.limits, gone: b.gone, done: make(chan struct{})}
	world := s.e.world
	c.place.how, c.place.waits = s.e.placement, waits(b.tls, b.role)
	c.place.world, _ = world.(*machine)
	c.rx = s.rx.account(b.limits.RxBatches, b.limits.RxTrains)
	c.tx = lender{pool: s.tx, owner: c}
	c.routes = connRoutes{table: s.routes, c: c}

	routes := port.Routes(&c.routes)
	if s.routes == nil {
		routes = alone{}
	}
	id, token := routes.Issue()
	cfg := conn.Config{
		Role: b.role, Version: wire.Version1, Path: b.path, LocalID: id,
		Params: b.params, Limits: b.limits, MaxDatagram: maxDatagram, SearchDatagrams: s.searches(), Congestion: s.e.control,
		Chunks: &s.e.chunks, TxPool: &c.tx, Routes: routes, Streams: &c.streams,
	}
	original := b.original
	if b.role == wire.Server {
		cfg.PeerID, cfg.OriginalDest = b.source, b.original
		// RFC 9000 s18.2: the token of the handshake's ID travels in the transport parameters.
		cfg.Params.ResetToken, cfg.Params.HasResetToken = token, true
	} else {
		original = s.originalID()
		cfg.PeerID = original
	}
	c.name = connectionName(b.role, original)
	cfg.Random, cfg.Heard, cfg.Company = world.Random(c.name), &c.heard, c.company()
	if b.trace != nil {
		c.trace = b.trace(b.role, original, b.remote)
		cfg.Trace = c.trace
	}
	if c.trace == nil && c.place.how != Apart {
		c.place.host, c.place.sole = &s.host, s.routes == nil
	}
	if s.e.between != nil {
		c.between = s.e.between(b.role, original)
	}
	c.connect(cfg, b)
	if b.role == wire.Server {
		// Where the client's Initials go until it knows our ID, and late ones after that. It is known to the world, so that
		// the rooms must be connected by now.
		c.routes.add(b.original)
	}
	s.alive.Add(1)
	s.inside.Add(1)
	s.e.add(c)
	return c
}

// connect spawns the four rooms and gives each its edges. The quotas are those of the table in actors/port.
func (c *connection) connect(cfg conn.Config, b birth) {
	l := b.limits
	tx := 1 + l.BigBatches
	const keys, replays, notices = 12, 3, 2
	// A stream has a record and a wake on the way; the last record to h3 of one that has left may be on the way still.
	streamMail := 2 * l.Streams
	c.guard.init(c)

	c.protect.Init(crypto.ProtectConfig{Role: c.role, Version: wire.Version1, IDLen: cfg.LocalID.Len(), Limits: l, Trace: c.trace, First: b.keys})
	c.handshake.Init(crypto.HandshakeConfig{Role: c.role, TLS: b.tls, Context: c.contexts.forTLS(c.s.e.world.Context()), Reseed: c.s.e.reseed(c.name)})
	g := &c.guard
	spawn(c, &g.protect, roomProtect, l.RxBatches+tx+keys+2, c.protectRoom())
	spawn(c, &g.handshake, roomHandshake, 3, actor.Behaviour[port.ToHandshake](&c.handshake))

	cfg.Cell = &g.bells.conn.cell
	c.core.Init(cfg)
	spawn(c, &g.conn, roomConn, l.RxBatches+replays+tx+1+1+streamMail+3+1+2+notices+1, c.connRoom())
	g.bells.conn.init(c.s, g.conn.Port("timer>conn", 1))

	up := b.bind(c, upperParts{cell: &g.bells.upper.cell, toConn: g.conn.Port("h3>conn", 3), trace: c.trace, random: cfg.Random})
	spawn(c, &g.upper, roomUpper, streamMail+l.Streams+3+1+1+b.places, actor.Behaviour[port.ToH3](up))
	g.bells.upper.init(c.s, g.upper.Port("timer>h3", 1))
	c.streams.init(c, &g.conn, &g.upper)

	c.fromReader = g.protect.Port("reader>protect", l.RxBatches)
	c.app.toConn = g.conn.Port("app>conn", 1)
	c.app.toUpper = g.upper.Port("app>h3", b.places)
	c.toWriter = c.s.writer.Port("protect>writer", tx)
	c.protect.Connect(crypto.ProtectPorts{
		ToConn:   g.conn.Port("protect>conn", l.RxBatches+replays),
		ToWriter: c.toWriter,
	})
	c.handshake.Connect(crypto.HandshakePorts{ToConn: g.conn.Port("handshake>conn", 1)})
	c.core.Connect(conn.Ports{
		ToProtect:   g.protect.Port("conn>protect", tx+keys+1),
		ToHandshake: g.handshake.Port("conn>handshake", 2),
		ToH3:        g.upper.Port("conn>h3", 3),
		Home:        g.conn.Port("home>conn", tx+1),
	})
	g.connectStops(notices)
}

// start brings a client's connection to life.
func (c *connection) start() { c.guard.bells.conn.cell.Ring() }

// close orders the connection closed; the first order of the app counts. It does not wait.
func (c *connection) close(app bool, code uint64, reason string) {
	if !c.app.closed.Swap(true) {
		c.app.toConn.Send(&port.CloseOrder{App: app, Code: min(code, wire.MaxVarint), Reason: reason, Why: port.Ours})
	}
}

// stopRooms ends the connection without a word to the peer.
func (c *connection) stopRooms(cause *port.Cause) { c.guard.stopAll(cause) }

// notice tells conn what was seen outside the packets.
func (c *connection) notice(kind port.NoticeKind, err error) { c.guard.notice(kind, err) }

// keepClose copies the first datagram of the sealed close, on the writer's turn.
func (c *connection) keepClose(t *port.TxBatch) {
	if c.role == wire.Client || len(t.Runs) == 0 {
		return
	}
	r := &t.Runs[0]
	c.keptMu.Lock()
	c.kept = append([]byte(nil), t.B[r.Off:r.Off+min(r.Len, r.SegmentSize)]...)
	c.keptMu.Unlock()
}

// buried is called when every room has left.
func (c *connection) buried(cause *port.Cause, m *port.Closed) {
	c.contexts.end()
	c.cause.Store(cause)
	c.keptMu.Lock()
	m.Packet = c.kept
	c.keptMu.Unlock()
	m.IDs = c.routes.list()
	c.toWriter.Close() // conn has left, with all batches home; what one that panicked has left there the writer still writes
	// The endpoint knows before the routes go: what arrives from here on is behind this message in its inbox.
	c.s.left(c, m)
	c.routes.clear()
	panicked := cause.Why == port.Panicked
	if late := c.s.rx.writeOff(&c.rx, panicked); !panicked {
		c.s.inside.Add(int64(late))
	}
	c.tx.close()
	if closer, ok := c.trace.(io.Closer); ok {
		_ = closer.Close() // a log that cannot be written must not disturb the connection
	}
	c.gone(cause)
	c.s.e.remove(c)
	c.s.fallen()
	c.s.e.afterMail(func() {
		close(c.done) // whoever waits for it takes for granted that the rooms' last words are in the mailboxes
		c.s.e.stir()
		c.s.went()
	})
}
