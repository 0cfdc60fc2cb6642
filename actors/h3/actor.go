package h3

import (
	"time"

	"quicpro/actors/port"
	"quicpro/actors/qpack"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// Config is what a router is born with.
type Config struct {
	Role    wire.Role
	Limits  *port.Limits
	Chunks  *actor.Chunks // for what the router itself writes
	Streams port.Streams
	Tasks   port.Tasks
	Hand    actor.Hand // brings mail to app tasks
	Random  port.Random
	Trace   port.Trace // may be nil
	// Cell rings this room. It is needed for ReadHeaderTimeout, and by a client to ask for a stream room again that was
	// refused; without it the room asks when it next has mail.
	Cell *actor.Cell
	// ReadHeaderTimeout is how long a server waits for the head of a request whose first byte has come; 0 means for
	// ever.
	ReadHeaderTimeout time.Duration
	// MaxFieldSection is the decoded size of a field section that is accepted, in bytes; 0 means Limits.FieldSection.
	MaxFieldSection int
}

// Ports are the edges out of the room, but for those to streams and apps, which travel with them.
type Ports struct {
	ToConn actor.Port[port.ToConn]
}

// Router is an h3 router: Behaviour[port.ToH3], Leaver.
type Router struct {
	cfg   Config
	ports Ports
	now   mono.Time // of the present turn

	control  control
	opening  opening
	goodbye  goodbye
	requests []*request // with a stream, in no order
	unis     []*uni     // both sides'
	headless queue      // a server's requests without a complete head, earliest first
	dirty    []*lane    // rows with something to do in the coming flush

	decoder qpack.Decoder
	spare   []*request // rows to use again
	section []byte     // a head that is being written; at most actor.HeadHeadroom
	sent    port.Sent  // the answer to a Send that is not the last
	share   int        // bytes taken that a row may hold back

	order   port.CloseOrder
	ordered bool // conn was asked to close: what the peer says counts no more
	left    bool
}

// New makes a router. Connect must follow before its first mail.
func New(c Config) *Router {
	if c.MaxFieldSection == 0 {
		c.MaxFieldSection = c.Limits.FieldSection
	}
	r := &Router{cfg: c}
	r.control.settings = h3wire.DefaultSettings()
	r.goodbye.received, r.goodbye.sent = noGoaway, noGoaway
	if n := c.Limits.Streams; n > 0 {
		r.share = min(c.Limits.ConnWindow/(4*n), c.Limits.StreamWindow/4)
	}
	return r
}

// Connect gives the room its edges.
func (r *Router) Connect(p Ports) { r.ports = p }

// Handle takes one message.
func (r *Router) Handle(now mono.Time, m port.ToH3) {
	r.now = now
	if r.left {
		drop(m)
		return
	}
	switch m := m.(type) {
	case *port.Read:
		r.read(m)
	case *port.StreamWake:
		r.woken(m)
	case *port.Connected:
		r.connected(m)
	case *port.StreamCredit:
		r.granted(m)
	case *port.Open:
		r.open(m)
	case *port.Send:
		r.send(m)
	case *port.Taken:
		r.taken(m)
	case *port.Cancel:
		r.cancel(m)
	case *port.Goodbye:
		r.farewell()
	case *port.Fired:
		r.heard()
	case *port.Stop:
		r.stop(m.Cause)
	}
}

// Flush opens what may be opened and tells streams and apps what they are owed.
func (r *Router) Flush(now mono.Time) {
	r.now = now
	if r.left {
		return
	}
	r.expire()
	r.openCritical()
	r.openRequests()
	for i := 0; i < len(r.dirty); i++ {
		r.settle(r.dirty[i])
	}
	clear(r.dirty)
	r.dirty = r.dirty[:0]
	r.tellReady()
	r.depart()
	r.arm()
}

// Left reports whether the connection has died and everybody knows.
func (r *Router) Left() bool { return r.left }

// read takes what a stream has to say. The first Read of a stream of the peer introduces it.
func (r *Router) read(m *port.Read) {
	s := m.Stream
	if s.H3Row == nil && !r.ordered {
		r.introduce(s)
	}
	row := s.H3Row
	if q, ok := row.(*request); ok && m.Ended {
		q.part() // whatever comes of the rest
	}
	if r.ordered {
		row = nil
	}
	switch row := row.(type) {
	case *request:
		r.readRequest(row, m)
	case *uni:
		r.readUni(row, m)
	default:
		dropPieces(m.Pieces)
	}
	clear(m.Pieces) // what lies in the record after that must not keep the chunks
	if s.In.Free() {
		s.FromH3.Send(port.WakeIn)
	}
}

// introduce makes the row of a stream that the peer opened.
func (r *Router) introduce(s *port.Stream) {
	switch {
	case s.ID.IsUni():
		r.newUni(s, unknownType)
	case r.cfg.Role == wire.Server:
		r.arrive(s)
	default:
		// RFC 9114 s6.1: a client MUST treat a server-initiated bidirectional stream as a connection error.
		r.fail(connFault(h3wire.CodeStreamCreationError, "bidirectional stream from a server"))
	}
}

// woken is told that a stream has freed its Write.
func (r *Router) woken(m *port.StreamWake) {
	m.Stream.Out.Woken()
	switch row := m.Stream.H3Row.(type) {
	case *request:
		row.lane.waits = false
		r.touch(&row.lane)
	case *uni:
		row.lane.waits = false
		r.touch(&row.lane)
	}
}

// touch puts a row on the list of the coming flush.
func (r *Router) touch(l *lane) {
	if !l.dirty {
		l.dirty = true
		r.dirty = append(r.dirty, l)
	}
}

// settle does what a row owes.
func (r *Router) settle(l *lane) {
	l.dirty = false
	if q := l.request; q != nil {
		if q.stream == nil {
			return // it has ended in this turn
		}
		r.pump(q)
		r.deliver(q)
		if l.flush(r.share, q.silent() && q.over()) {
			r.forgetRequest(q)
		}
		return
	}
	u := l.uni
	if u.stream != nil && l.flush(r.share, u.over && !u.critical()) {
		r.forgetUni(u)
	}
}

// fail ends the connection for a violation. The first one counts.
func (r *Router) fail(f *fault) {
	if r.ordered {
		return
	}
	r.ordered = true
	r.order = port.CloseOrder{App: true, Code: uint64(f.code), Reason: f.reason}
	r.ports.ToConn.Send(&r.order)
}

// heard is told that a deadline may have come: the coming flush looks.
func (r *Router) heard() {
	if r.cfg.Cell != nil {
		r.cfg.Cell.Heard()
	}
}

// arm sets the room's one deadline.
func (r *Router) arm() {
	if r.cfg.Cell == nil {
		return
	}
	at := r.opening.retry
	if q := r.headless.first; q != nil {
		at = mono.Earliest(at, q.deadline)
	}
	r.cfg.Cell.Arm(at)
}

// dropPieces releases what nobody wants.
func dropPieces(pieces []port.Piece) {
	for i := range pieces {
		pieces[i].Chunk.Release()
	}
}

// drop releases mail that comes after the end.
func drop(m port.ToH3) {
	if rel, ok := m.(actor.Releaser); ok {
		rel.Release()
	}
}
