package picture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/qlog"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// connection is what is known of one connection.
type connection struct {
	index  int
	odcid  wire.ConnectionID
	sides  []*side
	labels []label
}

// label is what a stream is called: its request and the status of its response.
type label struct {
	stream          wire.StreamID
	request, status string
}

// numbered is a packet of a side.
type numbered struct {
	space  wire.Space
	number wire.PacketNumber
}

// side is the port.Trace of one side of a connection.
type side struct {
	r        *Recorder
	c        *connection
	role     wire.Role
	host     int
	log      *qlog.Log
	frame    wire.Frame
	queue    []packet // sent, and not yet seen in a datagram
	byNumber map[numbered]int
	metrics  []gauge
	sent     flows
	received flows
	events   []event
	dropped  []dropped
}

// gauge is a port.Metrics at a time.
type gauge struct {
	at time.Duration
	port.Metrics
}

// event is a step in a side's life.
type event struct {
	at   time.Duration
	what string
}

type dropped struct {
	why   string
	count int
}

// Trace is an engine's Options.Trace for a host, whose clocks say what the qlog files begin at.
func (r *Recorder) Trace(host string, wall func() time.Time, now func() mono.Time) func(wire.Role, wire.ConnectionID) port.Trace {
	return func(role wire.Role, odcid wire.ConnectionID) port.Trace {
		c := r.byID[string(odcid.Bytes())]
		if c == nil {
			c = &connection{index: len(r.conns), odcid: odcid}
			r.conns = append(r.conns, c)
			r.byID[string(odcid.Bytes())] = c
		}
		s := &side{r: r, c: c, role: role, host: r.hosts.number(host), byNumber: make(map[numbered]int)}
		again := ""
		if n := slices.IndexFunc(c.sides, func(o *side) bool { return o.role == role }); n >= 0 {
			again = fmt.Sprintf("_%d", len(c.sides)) // a server that has lost its memory
		}
		c.sides = append(c.sides, s)
		name := filepath.Join(r.o.Dir, odcid.String()+"_"+role.String()+again+".sqlog")
		if f, err := os.Create(name); err == nil {
			s.log = qlog.NewInline(f, role, odcid, wall(), now())
		} else {
			r.failed(err)
		}
		return s
	}
}

// Close ends the qlog file.
func (s *side) Close() error {
	if s.log == nil {
		return nil
	}
	return s.log.Close()
}

// tell tells the qlog file.
func (s *side) tell(f func(port.Trace)) {
	if s.log != nil {
		f(s.log)
	}
}

// Packet implements port.Trace.
func (s *side) Packet(now mono.Time, e port.PacketEvent) {
	s.tell(func(t port.Trace) { t.Packet(now, e) })
	p := packet{level: e.Level, number: e.Number, size: e.Size}
	s.read(&p, e.Payload, e.Sent)
	if e.Sent {
		s.queue = append(s.queue, p)
		if len(s.queue) > maxQueued {
			s.queue = s.queue[1:] // nobody sends them
		}
	}
}

// Dropped implements port.Trace.
func (s *side) Dropped(now mono.Time, size int, reason string) {
	s.tell(func(t port.Trace) { t.Dropped(now, size, reason) })
	i := slices.IndexFunc(s.dropped, func(d dropped) bool { return d.why == reason })
	if i < 0 {
		i = len(s.dropped)
		s.dropped = append(s.dropped, dropped{why: reason})
	}
	s.dropped[i].count++
}

// Lost implements port.Trace.
func (s *side) Lost(now mono.Time, level wire.Level, number wire.PacketNumber, reason string) {
	s.tell(func(t port.Trace) { t.Lost(now, level, number, reason) })
	if i, ok := s.byNumber[numbered{level.Space(), number}]; ok {
		s.r.packets[i].lostAt, s.r.packets[i].why = s.r.o.Now(), s.r.words.number(reason)
	}
}

// Metrics implements port.Trace.
func (s *side) Metrics(now mono.Time, m port.Metrics) {
	s.tell(func(t port.Trace) { t.Metrics(now, m) })
	g := gauge{s.r.o.Now(), m}
	switch last := len(s.metrics) - 1; {
	case last >= 0 && s.metrics[last].at == g.at:
		s.metrics[last] = g
	case last < maxPoints:
		s.metrics = append(s.metrics, g)
	}
}

// Parameters implements port.Trace.
func (s *side) Parameters(now mono.Time, ours bool, p *wire.TransportParameters) {
	s.tell(func(t port.Trace) { t.Parameters(now, ours, p) })
}

// State implements port.Trace.
func (s *side) State(now mono.Time, state string) {
	s.tell(func(t port.Trace) { t.State(now, state) })
	s.event(state)
}

// Keys implements port.Trace.
func (s *side) Keys(now mono.Time, level wire.Level, what string) {
	s.tell(func(t port.Trace) { t.Keys(now, level, what) })
}

// Closed implements port.Trace.
func (s *side) Closed(now mono.Time, c *port.Cause) {
	s.tell(func(t port.Trace) { t.Closed(now, c) })
	s.event("closed: " + c.Error())
}

func (s *side) event(what string) { s.events = append(s.events, event{s.r.o.Now(), what}) }

// H3Frame implements port.Trace. The fields of a head give its stream a label.
func (s *side) H3Frame(now mono.Time, sent bool, stream wire.StreamID, frameType, length uint64, fields []port.Field) {
	s.tell(func(t port.Trace) { t.H3Frame(now, sent, stream, frameType, length, fields) })
	if h3wire.FrameType(frameType) != h3wire.FrameHeaders || len(fields) == 0 {
		return
	}
	i := slices.IndexFunc(s.c.labels, func(l label) bool { return l.stream == stream })
	if i < 0 {
		i = len(s.c.labels)
		s.c.labels = append(s.c.labels, label{stream: stream})
	}
	l := &s.c.labels[i]
	var method, path string
	for _, f := range fields {
		switch f.Name {
		case ":method":
			method = f.Value
		case ":path":
			path = f.Value
		case ":status":
			l.status = f.Value
		}
	}
	if method != "" {
		l.request = method + " " + path
	}
}

var _ port.Trace = (*side)(nil)
