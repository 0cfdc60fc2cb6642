package engine

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"quicpro/actors/port"
	"quicpro/actors/timer"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/wire"
)

// socket is one UDP socket with its reader, its writer and its timer; a server's, or one that clients share, has an endpoint
// and many connections, any other client's one connection.
type socket struct {
	e     *Engine
	name  string
	link  Socket
	local netip.AddrPort
	only  *connection // a client's one connection; nil for a server, and where clients share
	rx    *rxPool
	tx    *txPool

	random   port.Random
	routes   *routes // nil with only
	writer   *actor.Room[port.ToWriter]
	timer    *actor.Room[port.ToTimer]
	endpoint *actor.Room[port.ToEndpoint] // nil with only

	toEndpoint actor.Port[port.ToEndpoint] // the reader's edge
	strays     rxAccount                   // what waits for the endpoint
	closes     actor.Port[port.ToEndpoint] // the dead connections' edge
	answers    answers

	alive   actor.Count // connections, dead ones included until the endpoint knows
	closing atomic.Bool
	falling atomic.Bool   // it is closed when its last connection has gone: see StartClose
	done    chan struct{} // the reader has left
	inside  actor.Count   // the reader, the shared rooms, the connections and the buffers that dead ones still have
	empty   chan struct{} // all of them have left
	failed  atomic.Pointer[error]
	bulk    bulk                 // of all connections
	among   bulk                 // beside several requests of its connection
	host    atomic.Pointer[lane] // one that has a goroutine on loan
	alone   atomic.Int64         // bytes of large batches since a request began
}

// socketRooms is how large the rooms of a socket are.
type socketRooms struct {
	connections int
	limits      *port.Limits
}

func newSocket(e *Engine, name string, link Socket, size socketRooms) *socket {
	s := &socket{e: e, name: name, link: link, local: link.LocalAddr(), random: e.world.Random(name), done: make(chan struct{}), empty: make(chan struct{})}
	s.rx, s.tx = newRxPool(rxPoolSize, &e.spares, &e.lost), newTxPool(txPoolSize, &e.spares, &e.lost)
	s.rx.late = s.went
	if e.world.Stepping() {
		s.rx.pause = e.world.Pause
	}
	// A connection's small batch and its share of the pool, the endpoint's answers, and Stop.
	places := size.connections + txPoolSize + answersOut + 1
	if e.world.Stepping() {
		places = size.connections*(1+size.limits.BigBatches) + answersOut + 1
	}
	var system actor.System = e.world
	if u, ok := link.(*udp.Socket); ok && u.Kernel() {
		system = writerSeat{e.world, s}
	}
	s.writer = actor.Spawn(system, actor.Spec{Name: name + "/writer", Capacity: places, Supervisor: roomCount{s}},
		guard[port.ToWriter](&writer{s: s}, s.panicked))
	s.timer = newTimer(e, s, size.connections*bellsPerConnection+1)
	e.rooms.Add(2)
	s.inside.Add(3) // and the reader
	return s
}

// searches is the sizes of datagrams that connections look for. Where datagrams may be fragmented, a probe tells nothing (RFC 9000 s14).
func (s *socket) searches() []int {
	if u, ok := s.link.(*udp.Socket); ok && !u.Capabilities().DontFragment {
		return nil
	}
	return largeDatagrams[:]
}

// newTimer spawns the timer room of a socket for that many cells.
func newTimer(e *Engine, s *socket, cells int) *actor.Room[port.ToTimer] {
	// An alarm may go off while its last Tick is still on its way, for it cannot know.
	const ticks = 4
	var tick func()
	alarm := e.world.Alarm(func() { tick() })
	room := actor.Spawn(e.world, actor.Spec{Name: s.name + "/timer", Capacity: cells + ticks + 1, Supervisor: roomCount{s}},
		guard[port.ToTimer](timer.New(alarm), s.panicked))
	edge := room.Port("alarm>timer", ticks)
	tick = func() { edge.Send(&port.Tick{}) }
	return room
}

// bell is a room's deadline, with its way to the socket's timer and the ring's to the room: an actor.Bell.
type bell[M any] struct {
	cell   actor.Cell
	posted port.Posted
	timer  actor.Port[port.ToTimer]
	room   actor.Port[M]
}

func (b *bell[M]) init(s *socket, room actor.Port[M]) {
	b.timer, b.room = s.timer.Port("cell>timer", 1), room
	b.posted.Cell = &b.cell
	b.cell.Init(b)
}

// Post posts the cell to the timer.
func (b *bell[M]) Post(*actor.Cell) { b.timer.Send(&b.posted) }

// Ring rings the room.
func (b *bell[M]) Ring() { b.room.Send(any(&port.Fired{}).(M)) }

// silence takes the cell out of the timer, which would otherwise keep a dead connection alive until the deadline comes.
func (b *bell[M]) silence() {
	b.cell.Forget()
	b.timer.Close()
}

// read is the reader: the socket's loop until it is closed.
func (s *socket) read() {
	defer s.unread()
	var meta udp.Meta
	l := lease{s: s}
	for {
		n, err := l.read(s.link, &meta)
		if err == nil && n > 0 {
			l.b = s.distribute(l.b, n, &meta)
			continue
		}
		if err != nil && !s.survives(err) {
			break
		}
	}
	l.TakeBack()
}

// unread notes that the reader has left, or never was.
func (s *socket) unread() {
	close(s.done)
	s.went()
}

// went counts one of those inside the socket that has left. With the last one the engine forgets the socket.
func (s *socket) went() {
	if s.inside.Add(-1) == 0 {
		s.e.forget(s)
		close(s.empty)
		s.e.stir()
	}
}

// survives reports whether the reader goes on after err.
func (s *socket) survives(err error) bool {
	switch {
	case errors.Is(err, udp.ErrRefused):
		if s.only != nil {
			s.only.notice(port.SawRefusal, err)
		}
		return true
	case errors.Is(err, udp.ErrMessageTooLong), udp.Transient(err):
		return true
	case s.closing.Load():
		return false
	}
	s.failed.Store(&err)
	about := []any{"socket", s.name, "error", err}
	if s.only != nil {
		about = append(about, "connection", s.only.name, "remote", s.only.remote)
	}
	s.e.log.Error("a socket failed", about...)
	for _, c := range s.e.of(s) {
		c.stopRooms(&port.Cause{Why: port.Abandoned, Reason: "the socket failed", Err: err})
	}
	return false
}

// distribute hands the datagrams in b to their connections and returns the buffer for the next read, nil if there is
// none any more.
func (s *socket) distribute(b *rxBuffer, n int, meta *udp.Meta) *rxBuffer {
	now := s.e.world.Now() // RFC 9002 s5.1: taken before any queue
	train := b.mem[:n]
	seg := meta.SegmentSize
	if seg <= 0 || seg > n {
		seg = n
	}
	path := port.Path{Remote: meta.Remote, Local: netip.AddrPortFrom(meta.Local, s.local.Port())}
	if !meta.Local.IsValid() {
		path.Local = s.local
	}
	run := rxRun{seg: seg, path: path, ecn: uint8(meta.ECN), at: now, alone: meta.Alone}
	whole := len(train)
	if s.only != nil {
		run.path.Remote = s.only.remote // connected: the kernel has compared it, and a zone's name may differ
		run.to, run.b, run.whole = s.only, train, true
		return s.deliver(run, b)
	}
	for len(train) > 0 {
		// Whatever follows for the same connection belongs to the run. In a train of one sender that is nearly always all.
		id := destination(train[:min(seg, len(train))])
		end := min(seg, len(train))
		for end < len(train) && bytes.Equal(destination(train[end:min(end+seg, len(train))]), id) {
			end = min(end+seg, len(train))
		}
		run.to, run.b, run.whole = nil, train[:end], end == whole
		if len(id) > 0 {
			run.to = s.routes.lookup(id)
		}
		if b = s.deliver(run, b); b == nil || end == len(train) {
			break
		}
		train = train[end:]
	}
	return b
}

// rxRun is consecutive datagrams of one read with one destination.
type rxRun struct {
	to    *connection // nil: the endpoint
	b     []byte
	whole bool // b is all that was read
	alone bool // and nothing else waits to be read
	seg   int
	path  port.Path
	ecn   uint8
	at    mono.Time
}

// deliver sends a run on, within the receiver's quota. read is the buffer that the run lies in: if the run is all of the
// read, the buffer itself goes, otherwise a copy. It returns the buffer for the next read, nil if there is none any more.
func (s *socket) deliver(run rxRun, read *rxBuffer) *rxBuffer {
	account := &s.strays
	if run.to != nil {
		account = &run.to.rx
	}
	b := read
	switch {
	case len(run.b) <= mediumRead:
		b = s.rx.copyFor(len(run.b))
	case !run.whole:
		if b = s.rx.large(); b == nil {
			return nil
		}
	default:
		if read = s.rx.large(); read == nil {
			s.rx.home(b)
			return nil
		}
	}
	if !s.charge(b, account) {
		s.rx.home(b)
		return read
	}
	if &b.mem[0] != &run.b[0] {
		run.b = b.mem[:copy(b.mem, run.b)]
	}
	batch := b.batch
	batch.Reuse(run.b)
	batch.SegmentSize, batch.Path, batch.ECN, batch.At, batch.Owner = run.seg, run.path, run.ecn, run.at, b
	if run.to != nil {
		run.to.arrived(batch, run.alone && run.whole)
	} else {
		s.toEndpoint.Send(batch)
	}
	return read
}

// charge puts a batch on its receiver's account. A receiver whose quota is used up gets a few scheduler rounds to work
// before the batch is dropped: a drop costs the sender's window, and a reader that runs ahead of the rooms is common. The
// reader of a client's socket, which serves one connection, waits: the kernel's buffer drops for it.
func (s *socket) charge(b *rxBuffer, account *rxAccount) bool {
	for range chargeRounds {
		if s.rx.charge(b, account) {
			return true
		}
		s.e.world.Pause()
	}
	if s.only != nil && s.rx.wait(b, account) {
		return true
	}
	s.rx.drop(account)
	return false
}

// chargeRounds is how many scheduler rounds the reader waits for a receiver.
const chargeRounds = 4

// destination returns the Destination Connection ID of the first packet of a datagram, nil if it is too short for one.
func destination(datagram []byte) []byte {
	if len(datagram) == 0 {
		return nil
	}
	if datagram[0]&wire.LongHeaderBit == 0 {
		if len(datagram) < 1+idLen {
			return nil
		}
		return datagram[1 : 1+idLen]
	}
	const lengthAt = 5
	if len(datagram) <= lengthAt || len(datagram) < lengthAt+1+int(datagram[lengthAt]) {
		return nil
	}
	return datagram[lengthAt+1 : lengthAt+1+int(datagram[lengthAt])]
}

// left notes that a connection's last room has left.
func (s *socket) left(c *connection, m *port.Closed) {
	if s.only != nil {
		// Without the socket nothing that arrives late is answered: RFC 9000 s10.2 lets us end the closing state early.
		s.alive.Add(-1)
		s.close()
		return
	}
	s.closes.Send(m)
}

// shut closes every connection at once, telling the peers, and then the socket. It waits until every room has left. The
// endpoint must refuse new connections by then.
func (s *socket) shut(code wire.ErrorCode, app bool) {
	for list := s.e.of(s); len(list) > 0; list = s.e.of(s) {
		s.e.call(s.name, "close", func() {
			for _, c := range list {
				c.close(app, uint64(code), "")
			}
		})
		for _, c := range list {
			<-c.done
		}
	}
	s.e.call(s.name, "close", s.close)
	<-s.empty
}

// close ends the socket after its last connection.
func (s *socket) close() {
	if s.closing.Swap(true) {
		return
	}
	_ = s.link.Close() // nothing is left to be told
	s.rx.close()
	s.writer.Port("engine>writer", 1).Send(&port.Stop{})
	s.timer.Port("engine>timer", 1).Send(&port.Stop{})
	if s.endpoint != nil {
		s.endpoint.Port("engine>endpoint", 1).Send(&port.Stop{})
	}
}

// panicked is what becomes of a panic in a room that connections share: the message is dropped, its connection ends, and
// the room goes on.
func (s *socket) panicked(m any, value any, stack []byte) {
	about := []any{"socket", s.name, "message", fmt.Sprintf("%T", m), "panic", value, "stack", string(stack)}
	switch m := m.(type) {
	case *port.TxBatch:
		if c, ok := m.Owner.(*connection); ok {
			about = append(about, "connection", c.name, "remote", c.remote)
			defer c.stopRooms(&port.Cause{Why: port.Panicked, Err: fmt.Errorf("writer: %v", value)})
		}
	case *port.RxBatch:
		about = append(about, "remote", m.Path.Remote)
		defer m.Release()
	}
	s.e.log.Error("a shared room panicked", about...)
}
