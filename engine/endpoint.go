package engine

import (
	"sync"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// endpoint is the room that deals with the datagrams that lead to no connection: Behaviour[port.ToEndpoint], Leaver. A
// server's socket has one.
type endpoint struct {
	s    *socket
	out  actor.Port[port.ToWriter]
	bell bell[port.ToEndpoint]

	accept accept
	closed closed
	rate   rate
	gone   bool
}

// newEndpoint spawns the endpoint of a socket with many connections, and makes their routes.
func newEndpoint(s *socket, a accept) *endpoint {
	e := &endpoint{s: s, accept: a, closed: newClosed(), rate: rate{perSecond: resetsPerSecond}}
	e.accept.e = e
	s.routes = newRoutes(s.e.resetKey[:], s.random)
	e.out = s.writer.Port("endpoint>writer", answersOut)
	s.endpoint = actor.Spawn(s.e.world, actor.Spec{
		Name:       s.name + "/endpoint",
		Capacity:   unrouted + a.maxConns + 2, // strays, the dead, one ring, Stop
		Supervisor: roomCount{s},
	}, guard[port.ToEndpoint](e, s.panicked))
	s.e.rooms.Add(1)
	s.inside.Add(1)
	s.toEndpoint = s.endpoint.Port("reader>endpoint", unrouted)
	s.closes = s.endpoint.Port("connections>endpoint", a.maxConns)
	s.strays = s.rx.account(unrouted, unrouted/4)
	e.bell.init(s, s.endpoint.Port("timer>endpoint", 1))
	return e
}

// Handle takes one message.
func (e *endpoint) Handle(now mono.Time, m port.ToEndpoint) {
	switch m := m.(type) {
	case *port.RxBatch:
		e.stray(now, m)
	case *port.Closed:
		e.ended(now, m)
	case *port.Fired:
		e.bell.cell.Heard()
	case *port.Stop:
		e.gone = true
		e.bell.silence()
	}
}

// Flush forgets the closed connections whose time has come.
func (e *endpoint) Flush(now mono.Time) {
	if e.gone {
		return
	}
	e.closed.expire(now)
	e.bell.cell.Arm(e.closed.next())
}

// Left reports whether the socket is closed.
func (e *endpoint) Left() bool { return e.gone }

// stray deals with datagrams of one sender and one destination that had no route when they were read.
func (e *endpoint) stray(now mono.Time, b *port.RxBatch) {
	datagram := b.B[:min(b.SegmentSize, len(b.B))]
	id := destination(datagram)
	if c := e.s.routes.lookup(id); c != nil && len(id) > 0 {
		e.accept.hand(c, b) // the connection was born meanwhile
		return
	}
	header, ok := wire.ParseInvariant(datagram)
	known := e.closed.find(id)
	switch {
	case !ok:
	case known != nil:
		e.repeatClose(known, b, len(datagram))
	case !header.Long:
		e.short(now, b, datagram, id)
	case e.accept.spawn == nil:
		// A client's socket, where no connection is born: it is late for one that has gone.
	case header.Version == wire.VersionNegotiationMark:
		// RFC 9000 s6.1: a server gets none, and never answers one.
	case header.Version != wire.Version1:
		e.negotiate(now, b, datagram, header)
	default:
		if e.accept.open(b, datagram) {
			return // the batch belongs to the new connection
		}
	}
	b.Release()
}

// short deals with a packet of a connection that we do not have.
func (e *endpoint) short(now mono.Time, b *port.RxBatch, datagram, id []byte) {
	if c := e.s.routes.resets(datagram); c != nil {
		c.notice(port.SawReset, nil)
		return
	}
	e.reset(now, b, datagram, id)
}

// ended takes a connection over whose rooms have left.
func (e *endpoint) ended(now mono.Time, m *port.Closed) {
	if m.Until > now {
		e.closed.add(m)
	}
	e.s.alive.Add(-1)
	e.accept.changed()
}

// negotiate answers a version that we do not speak.
func (e *endpoint) negotiate(now mono.Time, b *port.RxBatch, datagram []byte, h wire.Invariant) {
	// RFC 9000 s6.1: only in answer to a datagram large enough for a first Initial; s6.1 also lets a server limit the
	// number of Version Negotiation packets.
	if len(datagram) < minInitial || !e.rate.allows(now) {
		return
	}
	t := e.s.answers.take()
	if t == nil {
		return
	}
	unused := byte(e.s.routes.random.Uint64("version negotiation"))
	// RFC 9000 s6.3: a reserved version among them keeps clients from relying on the list.
	grease := wire.Version(e.s.routes.random.Uint64("grease version"))&0xf0f0f0f0 | 0x0a0a0a0a
	t.B = wire.AppendVersionNegotiation(t.B, unused&0x3f, h.SCID, h.DCID, wire.Version1, grease)
	e.send(t, b.Path)
}

// repeatClose answers a packet of a connection that we closed.
func (e *endpoint) repeatClose(c *closedConn, b *port.RxBatch, size int) {
	// RFC 9000 s10.2.1: limit the rate, for example by progressively more packets between answers; s10.2.2: a draining
	// endpoint sends nothing. An address that was never validated gets at most three times what it sent.
	if !c.answers() || len(c.packet) > 3*size {
		return
	}
	t := e.s.answers.take()
	if t == nil {
		return
	}
	t.B = append(t.B, c.packet...)
	e.send(t, b.Path)
}

// send gives a datagram to the writer.
func (e *endpoint) send(t *port.TxBatch, to port.Path) {
	t.Runs = append(t.Runs, port.TxRun{Path: to, Len: len(t.B), SegmentSize: len(t.B)})
	e.out.Send(t)
}

// answers are the batches in which an endpoint writes its own datagrams.
type answers struct {
	mu     sync.Mutex
	out    int
	spares []*port.TxBatch
}

// take returns an empty batch, nil if answersOut are on their way.
func (a *answers) take() *port.TxBatch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.out >= answersOut {
		return nil
	}
	a.out++
	if n := len(a.spares); n > 0 {
		t := a.spares[n-1]
		a.spares = a.spares[:n-1]
		return t
	}
	return &port.TxBatch{B: make([]byte, 0, port.SmallBatch)}
}

// home takes a batch back.
func (a *answers) home(t *port.TxBatch) {
	t.Reset()
	a.mu.Lock()
	a.out--
	a.spares = append(a.spares, t)
	a.mu.Unlock()
}
