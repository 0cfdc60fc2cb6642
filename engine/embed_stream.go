package engine

import (
	"strconv"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// heldCommands is how many commands may wait for their turn. Beyond, the channel of commands blocks.
const heldCommands = 16

// run is a connection's pump: commands in, events out.
func (c *Conn) run() {
	defer close(c.events)
	var queue []Event
	opening := 0
	born, dead := c.born.C(), c.c.done
	for dead != nil || len(queue) > 0 {
		var out chan<- Event
		var next Event
		arrivals, commands, over := born, c.commands, dead
		if len(queue) > 0 {
			out, next, arrivals = c.events, queue[0], nil // one at a time: what waits is bounded by the rooms
		}
		if opening >= heldCommands {
			commands = nil
		}
		if len(arrivals) > 0 { // before the connection's end, which may have come as well
			commands, over = nil, nil
		}
		select {
		case out <- next:
			queue = queue[1:]
		case x := <-arrivals:
			s := newStream(c, x)
			if s.ID.Initiator() == c.role {
				opening--
				queue = append(queue, Opened{s})
			} else {
				queue = append(queue, Accepted{s})
			}
			c.c.s.e.world.Go(c.c.name+"/stream", s.run)
		case m := <-commands:
			opening += c.command(m)
		case <-over:
			c.unborn()
			dead, born, opening = nil, nil, 0
			queue = append(queue, ConnClosed{c.c.cause.Load()})
		}
	}
}

// command obeys the embedder and returns how many streams it wants more.
func (c *Conn) command(m Command) int {
	switch p := m.(type) { // a pointer is as good
	case *OpenStream:
		m = *p
	case *CloseConn:
		m = *p
	}
	switch m := m.(type) {
	case OpenStream:
		x := port.NewExchange(c.c.s.e.hand())
		x.OpenOrder.Uni = m.Uni
		c.order(turnOpen, &x.OpenOrder)
		return 1
	case CloseConn:
		c.c.s.e.post(c.c.name+"/embedder close", "close", func() { c.c.close(true, m.Code, m.Reason) })
	}
	return 0
}

// order brings a message of the pump to the raw room.
func (c *Conn) order(turn int, m port.ToH3) {
	if e := c.c.s.e; e.stage != nil {
		e.inTurn(c.c.name+"/embedder", turn, func() { c.c.app.toUpper.Send(m) })
		return
	}
	c.c.app.toUpper.Send(m)
}

// unborn releases what streams brought that the embedder will never see.
func (c *Conn) unborn() {
	for {
		select {
		case x := <-c.born.C():
			for d, ok := x.Reads.Take(); ok; d, ok = x.Reads.Take() {
				for _, p := range d.Pieces {
					p.Chunk.Release()
				}
			}
		default:
			return
		}
	}
}

// discard plays an embedder that wants nothing of a connection.
func (c *Conn) discard() {
	for e := range c.events {
		switch e := e.(type) {
		case Opened:
			e.Stream.discard()
		case Accepted:
			e.Stream.discard()
		}
	}
}

func (s *Stream) discard() {
	for e := range s.events {
		if r, ok := e.(Received); ok {
			r.Release()
		}
	}
}

// StreamCommand is an order to a stream: Write, ResetStream or StopStream.
type StreamCommand interface{ streamCommand() }

// Write sends bytes. Wrote answers it; until then the bytes must not change. A Write behind a Fin is dropped and not
// answered.
type Write struct {
	B   []byte // may be empty, with Fin or without
	Fin bool   // nothing follows
}

// ResetStream gives up sending, with an application error code. What was not acknowledged may never arrive. On a
// unidirectional stream of the peer, and after WriteEnded, it does nothing.
type ResetStream struct {
	Code uint64 // below 2^62 (RFC 9000 s19.4); a larger one is sent, and reported, as 2^62-1
}

// StopStream says that what the peer sends is not wanted; ReadEnded answers, with Remote false. On a unidirectional stream
// of ours, and after ReadEnded, it does nothing.
type StopStream struct {
	Code uint64 // below 2^62 (RFC 9000 s19.5); a larger one is sent, and reported, as 2^62-1
}

func (Write) streamCommand()       {}
func (ResetStream) streamCommand() {}
func (StopStream) streamCommand()  {}

// StreamEvent is what happens on a stream: Received, ReadEnded, Wrote or WriteEnded.
type StreamEvent interface{ streamEvent() }

// Received brings bytes, in order. Release must be called when they are used up; until then no more come, and the peer's
// credit does not return.
type Received struct {
	Pieces [][]byte
	d      *port.Delivery
	s      *Stream
}

// Release gives the bytes back. It must be called once.
func (r Received) Release() {
	n := 0
	for _, p := range r.d.Pieces {
		n += len(p.B)
		p.Chunk.Release()
	}
	r.s.x.TakenOrder.Bytes = n
	r.s.order(turnTaken, &r.s.x.TakenOrder)
}

// ReadEnded says that no more bytes come: nil after the peer's FIN, else a *StreamError (the peer's ResetStream with
// Remote, or our StopStream without) or the *Cause of the connection's end.
type ReadEnded struct{ Err error }

// Wrote answers a Write: its bytes were taken, and another may follow.
type Wrote struct{}

// WriteEnded says that nothing more is sent: nil after a Write with Fin was taken, else a *StreamError (our ResetStream, or
// the peer's StopStream with Remote) or the *Cause of the connection's end. nil means that the engine holds the bytes, not
// that the peer has them. Writes that wait are not answered.
type WriteEnded struct{ Err error }

func (Received) streamEvent()   {}
func (ReadEnded) streamEvent()  {}
func (Wrote) streamEvent()      {}
func (WriteEnded) streamEvent() {}

// Stream is one stream, as an embedder's channels. The half that a unidirectional stream lacks ends by itself, with nil.
type Stream struct {
	// ID is the stream's number.
	ID wire.StreamID

	c        *Conn
	x        *port.Exchange
	commands chan StreamCommand
	events   chan StreamEvent
	over     chan struct{}

	queue     []StreamEvent
	held      []Write
	sending   bool // a Send is with the room
	rest      []byte
	fin       bool
	readOver  bool
	writeOver bool
	stopped   bool
	reset     bool
}

func newStream(c *Conn, x *port.Exchange) *Stream {
	return &Stream{
		ID: x.Stream.ID, c: c, x: x,
		commands: make(chan StreamCommand), events: make(chan StreamEvent), over: make(chan struct{}),
	}
}

// Commands takes orders. After both ReadEnded and WriteEnded nobody receives: Done tells.
func (s *Stream) Commands() chan<- StreamCommand { return s.commands }

// Events brings what happens. It is closed behind the second of ReadEnded and WriteEnded.
func (s *Stream) Events() <-chan StreamEvent { return s.events }

// Done is closed with Events.
func (s *Stream) Done() <-chan struct{} { return s.over }

// run is the stream's pump. It ends when both halves have: the room tells, whatever becomes of the connection.
func (s *Stream) run() {
	defer close(s.over)
	defer close(s.events)
	dead := s.c.c.done
	for !s.readOver || !s.writeOver || len(s.queue) > 0 {
		var out chan<- StreamEvent
		var next StreamEvent
		if len(s.queue) > 0 {
			out, next = s.events, s.queue[0]
		}
		commands := s.commands
		if len(s.held) >= heldCommands {
			commands = nil
		}
		if !s.mail() {
			select {
			case out <- next:
				s.queue = s.queue[1:]
			case d := <-s.x.Reads.C():
				s.received(d)
			case m := <-s.x.Writes.C():
				s.sent(m)
			case m := <-commands:
				s.command(m)
			case <-dead:
				s.orphaned()
				dead = nil
			}
		}
		s.pump()
	}
}

// mail takes one message of the room that has come already. Both halves may have had one before the pump began: a select
// would choose by itself which half's event the embedder sees first.
func (s *Stream) mail() bool {
	select {
	case d := <-s.x.Reads.C():
		s.received(d)
		return true
	default:
	}
	select {
	case m := <-s.x.Writes.C():
		s.sent(m)
		return true
	default:
		return false
	}
}

func (s *Stream) received(d *port.Delivery) {
	if len(d.Pieces) > 0 {
		r := Received{d: d, s: s}
		for _, p := range d.Pieces {
			r.Pieces = append(r.Pieces, p.B)
		}
		s.queue = append(s.queue, r)
	}
	if d.Last && !s.readOver {
		s.readOver = true
		s.queue = append(s.queue, ReadEnded{d.Err})
	}
}

func (s *Stream) sent(m *port.Sent) {
	s.sending = false
	if m.Err == nil && len(s.rest) == 0 && len(s.held) > 0 {
		s.held = s.held[1:]
		if len(s.held) > 0 {
			s.rest = s.held[0].B
		}
		s.queue = append(s.queue, Wrote{})
	}
	if m.Last && !s.writeOver {
		s.writeOver, s.held, s.rest = true, nil, nil
		s.queue = append(s.queue, WriteEnded{m.Err})
	}
}

func (s *Stream) command(m StreamCommand) {
	switch p := m.(type) { // a pointer is as good
	case *Write:
		m = *p
	case *ResetStream:
		m = *p
	case *StopStream:
		m = *p
	}
	switch m := m.(type) {
	case Write:
		if s.writeOver || s.fin {
			return // WriteEnded says so
		}
		s.fin = m.Fin
		s.held = append(s.held, m)
		if len(s.held) == 1 {
			s.rest = m.B
		}
	case ResetStream:
		s.cancel(&s.reset, port.Cancel{StopWriting: true, Code: min(m.Code, wire.MaxVarint)})
	case StopStream:
		s.cancel(&s.stopped, port.Cancel{StopReading: true, Code: min(m.Code, wire.MaxVarint)})
	}
}

// cancel sends an order, each kind once.
func (s *Stream) cancel(done *bool, m port.Cancel) {
	if !*done {
		*done = true
		m.Exchange = s.x
		s.order(turnCancel, &m)
	}
}

// order brings a message of the app to the raw room.
func (s *Stream) order(turn int, m port.ToH3) {
	e := s.c.c.s.e
	if e.stage == nil {
		s.c.c.app.toUpper.Send(m)
		return
	}
	e.inTurn(s.c.c.name+"/stream "+strconv.FormatUint(uint64(s.ID), 10), turn, func() { s.c.c.app.toUpper.Send(m) })
}

// pump sends the next part of the Write whose turn it is.
func (s *Stream) pump() {
	if s.sending || s.writeOver || len(s.held) == 0 {
		return
	}
	w := &s.held[0]
	m := port.NewSendIn(s.x)
	m.Chunks = nil
	for size := 0; len(s.rest) > 0 && size < actor.ChunkHuge; {
		chunk := s.c.c.s.e.chunks.Get(min(len(s.rest), actor.ChunkLarge))
		n := copy(chunk.Space(), s.rest)
		chunk.B = chunk.Space()[:n]
		m.Chunks = append(m.Chunks, chunk)
		s.rest = s.rest[n:]
		size += n
	}
	m.Fin = w.Fin && len(s.rest) == 0
	s.sending = true
	s.order(turnSend, m)
}

// orphaned ends what the rooms can no longer end: every one of them has left.
func (s *Stream) orphaned() {
	for s.mail() {
	}
	cause := s.c.c.cause.Load()
	s.received(&port.Delivery{Last: true, Err: cause})
	s.sent(&port.Sent{Last: true, Err: cause})
}
