package engine

import (
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"quicpro/actors/conn"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/congestion"
	"quicpro/wire"
)

// Options shape an engine. The zero value is right for this machine.
type Options struct {
	// World is where the engine lives; nil is this machine.
	World World
	// Logger gets the engine's own troubles: panics, sockets that failed, qlog files that cannot be made. nil is slog's default.
	Logger *slog.Logger
	// Trace makes a trace for each connection, told beside those of its Logger and QlogDir; nil means none, and so does a
	// nil result. It is called while the connection is made, and must not use the engine. The rooms of a connection call the
	// trace on their own goroutines, several at once. Only this module can implement one: others take Logger or QlogDir.
	Trace func(role wire.Role, odcid wire.ConnectionID) port.Trace
	// ResetKey is what stateless reset tokens are derived from (RFC 9000 s10.3.2). A server that keeps it over a restart, or
	// shares it with those that may take its place, tells clients at once that their connections are gone; without, they find
	// out by their idle timeout. The zero key means a random one. It must be secret.
	ResetKey [32]byte
	// Tune changes the bounds of every connection, beyond what the configurations can say: a simulation makes them tight.
	// nil means none.
	Tune func(*Limits)
	// Congestion makes the congestion controller of a path that carries datagrams of so many bytes; nil is CUBIC with
	// HyStart++. The bytes of a new path are told by SetMaxDatagramSize.
	Congestion func(datagram int) congestion.Controller
	// OneSocket lets all client connections of the engine share a UDP socket, where each has one of its own otherwise: for
	// programs that hold thousands. It saves each connection some 11 KiB, a file descriptor and a goroutine; a socket takes
	// 10,000, then there is another. For it a refusal of the network ends no dial, since the kernel tells it to connected
	// sockets only, one reader serves all: what overruns it is dropped and sent again, instead of waiting in the kernel; and every
	// packet to the client carries a connection ID of 8 bytes.
	OneSocket bool
	// Placement says which goroutines run the rooms of a connection; the zero value adapts to what it does. A simulation's
	// rooms take steps whatever it says.
	Placement Placement
	// Between makes what stands between conn and protect of a connection, in a simulation with a hostile peer; nil means
	// nothing, and so does a nil result.
	Between func(role wire.Role, odcid wire.ConnectionID) Between
}

// Limits are the bounds of one connection. `go doc quicpro/actors/port Limits` has each with its default.
type Limits = port.Limits

// Engine is the home of sockets and their connections. Its methods are safe for any number of goroutines.
type Engine struct {
	world     World
	stage     Stage          // the world, if it is one
	named     map[string]int // on a stage: how many exchanges each identity has had
	log       *slog.Logger
	tune      func(*Limits)                                            // may be nil
	trace     func(role wire.Role, odcid wire.ConnectionID) port.Trace // of every connection; may be nil
	control   func(datagram int) congestion.Controller                 // may be nil
	between   func(role wire.Role, odcid wire.ConnectionID) Between    // may be nil
	placement Placement
	oneSocket bool
	chunks    actor.Chunks
	// What is over and may serve again: a stream's birth costs most of what a small request allocates. It belongs to one
	// engine, for its channels must not leave the synctest bubble that the engine may live in.
	exchanges spare[port.Exchange]
	streams   spare[streamRoom]
	spares    spares
	idle      idleLine
	company   [2]conn.Company // of the connections of each role
	resetKey  [32]byte        // for stateless reset tokens; a server that restarts has another

	lastLimits atomic.Pointer[port.Limits] // of the last configuration

	rooms actor.Count
	dials actor.Count // names client sockets
	lost  actor.Count // buffers whose connection is gone and which have not come home

	mu          sync.Mutex
	sockets     set[*socket]
	connections set[*connection]
	closed      bool

	births sync.Mutex // before mu; held while a connection is made
	shared *socket    // the clients', if they share one and there are any
}

// New makes an engine. It panics if Placement is none.
func New(o Options) *Engine {
	if o.Placement > Fused {
		panic("engine: Options.Placement is " + strconv.Itoa(int(o.Placement)) + ": take Adaptive, Apart or Fused")
	}
	e := &Engine{world: o.World, log: o.Logger, trace: o.Trace, tune: o.Tune, control: o.Congestion, between: o.Between, placement: o.Placement, oneSocket: o.OneSocket}
	if e.world == nil {
		e.world = NewWorld()
	}
	if !e.world.Stepping() {
		e.spares.large.places, e.spares.big.places = shelfPlaces, shelfPlaces
	}
	if e.stage, _ = e.world.(Stage); e.stage != nil {
		e.named = make(map[string]int)
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.resetKey = o.ResetKey; e.resetKey == [32]byte{} {
		e.world.Random("engine").Bytes("reset key", e.resetKey[:])
	}
	return e
}

var (
	defaultOnce   sync.Once
	defaultEngine *Engine
)

// Default is the engine that a program shares. It is made at the first call and has no goroutine while it has no socket.
func Default() *Engine {
	defaultOnce.Do(func() { defaultEngine = New(Options{}) })
	return defaultEngine
}

// Close ends every connection at once and waits until every room has left. The peers are told. Nothing can be dialled
// or accepted after it. Goroutines that rooms ran on are kept for a moment, and gone within a second.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.births.Lock() // a connection that is being made is on the list then
	e.births.Unlock()
	for s := e.anySocket(); s != nil; s = e.anySocket() {
		s.shut(wire.NoError, false)
	}
	e.idle.close()
	return nil
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

func (e *Engine) anySocket() *socket {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sockets.len() == 0 {
		return nil
	}
	return e.sockets.list[0]
}

// Outstanding is what an engine has that is not at home. After the last connection and socket all is zero.
type Outstanding struct {
	Chunks      int64 // payload memory with a holder. Chunks that stay after Close: a Received was not Released
	RxBatches   int   // receive buffers, the one that a reader reads into included; one that waits has none, on Linux
	TxBatches   int   // large transmit batches
	Rooms       int64
	Connections int
	Sockets     int
	Lost        int64 // buffers whose connection is gone: those that rooms took with them when they panicked stay here
}

// Outstanding counts, for tests and for statistics.
func (e *Engine) Outstanding() Outstanding {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := Outstanding{
		Chunks: e.chunks.Out(), Rooms: e.rooms.Load(), Lost: e.lost.Load(),
		Connections: e.connections.len(), Sockets: e.sockets.len(),
	}
	for _, s := range e.sockets.list {
		o.RxBatches += s.rx.out()
		o.TxBatches += s.tx.out()
	}
	return o
}

// enter makes a socket the engine's.
func (e *Engine) enter(s *socket) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return &port.Cause{Why: port.Abandoned, Reason: "the engine is closed"}
	}
	e.sockets.add(s)
	return nil
}

func (e *Engine) forget(s *socket) {
	e.mu.Lock()
	e.sockets.remove(s)
	e.mu.Unlock()
}

func (e *Engine) add(c *connection) {
	e.mu.Lock()
	e.connections.add(c)
	e.mu.Unlock()
}

func (e *Engine) remove(c *connection) {
	e.mu.Lock()
	e.connections.remove(c)
	e.mu.Unlock()
}

// of lists the connections of a socket.
func (e *Engine) of(s *socket) []*connection {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*connection
	for _, c := range e.connections.list {
		if c.s == s {
			list = append(list, c)
		}
	}
	return list
}

var _ io.Closer = (*Engine)(nil)
