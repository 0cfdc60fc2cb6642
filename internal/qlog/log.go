package qlog

import (
	"io"
	"sync"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

const (
	// maxBuffered is how many bytes wait for the file. Beyond, events are dropped, counted, and the loss is logged: a
	// slow disk never holds up a room.
	maxBuffered = 1 << 20
	// writeAt is how many bytes wait before they are written.
	writeAt = 16 << 10

	// RFC 7464 s2.2: a record begins with RS and ends with LF.
	recordStart, recordEnd = 0x1e, '\n'

	// Drafts of an event schema say their number: quic-events and h3-events s2.1, main-schema s8.1.
	schemaFile  = "urn:ietf:params:qlog:file:sequential"
	schemaQUIC  = "urn:ietf:params:qlog:events:quic-13"
	schemaHTTP3 = "urn:ietf:params:qlog:events:http3-13"
	schemaLevel = "urn:ietf:params:qlog:events:loglevel-14"
)

// Log is the qlog file of one connection: a port.Trace, safe for several goroutines. No method but Close waits for the
// file.
type Log struct {
	role  wire.Role
	start mono.Time

	mu      sync.Mutex
	e       encoder // records that wait
	dropped uint64  // events since the last one that had room
	lastAt  mono.Time
	told    told
	frame   wire.Frame // scratch
	closed  bool

	inline  bool      // whoever reports writes
	writing bool      // a goroutine writes
	idle    sync.Cond // it ended
	spare   []byte
	w       io.WriteCloser
	err     error // of the first write that failed; nothing is written after it
}

// told is what the log has said: events report changes.
type told struct {
	state   string
	metrics port.Metrics
	any     bool // metrics are set
	keys    [wire.NumLevels][2]bool
	phase   [2]uint64 // of the 1-RTT keys of the peer and of ours

	// ack_delay_exponent of 1-RTT packets received and sent
	exponent [2]uint8
}

// New makes the log of a connection that began at start on the engine's clock, wallStart on the wall's. odcid is the
// Destination Connection ID of the client's first Initial; it names the trace on both sides. The Log owns w and closes
// it.
func New(w io.WriteCloser, role wire.Role, odcid wire.ConnectionID, wallStart time.Time, start mono.Time) *Log {
	l := &Log{role: role, start: start, w: w, e: encoder{make([]byte, 0, writeAt)}}
	l.idle.L = &l.mu
	l.told.exponent = [2]uint8{wire.DefaultAckDelayExponent, wire.DefaultAckDelayExponent}
	l.header(odcid, wallStart)
	l.mu.Lock()
	l.started(odcid)
	l.mu.Unlock()
	return l
}

// NewInline is New for a simulated run: the goroutine that reports an event writes it, so that nothing is ever dropped, and
// the file is a function of the events.
func NewInline(w io.WriteCloser, role wire.Role, odcid wire.ConnectionID, wallStart time.Time, start mono.Time) *Log {
	l := New(w, role, odcid, wallStart, start)
	l.inline = true
	return l
}

// Packet implements port.Trace.
func (l *Log) Packet(now mono.Time, p port.PacketEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := "quic:packet_received"
	if p.Sent {
		name = "quic:packet_sent"
	}
	if e := l.event(now, name); e != nil {
		header(e, p.Level, p.Number)
		frames(e, p.Payload, &l.frame, l.exponent(p))
		e.raw(p.Size, len(p.Payload))
		l.end()
	}
}

// Dropped implements port.Trace.
func (l *Log) Dropped(now mono.Time, size int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.event(now, "quic:packet_dropped"); e != nil {
		e.raw(size, -1)
		e.object("details")
		text(e, "reason", reason)
		e.endObject()
		e.name("trigger", dropTrigger(reason))
		l.end()
	}
}

// Lost implements port.Trace.
func (l *Log) Lost(now mono.Time, level wire.Level, number wire.PacketNumber, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.event(now, "quic:packet_lost"); e != nil {
		header(e, level, number)
		if trigger := lossTrigger(reason); trigger != "" {
			e.name("trigger", trigger)
		}
		l.end()
	}
}

// Metrics implements port.Trace. Only what changed since the last call is written.
func (l *Log) Metrics(now mono.Time, m port.Metrics) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, first := l.told.metrics, !l.told.any
	slowStart := first || m.SlowStart != old.SlowStart
	datagram := old.Datagram
	old.SlowStart, old.Datagram = m.SlowStart, m.Datagram
	if first || m != old {
		e := l.event(now, "quic:recovery_metrics_updated")
		if e == nil {
			return // these changes are told with the next
		}
		metrics(e, m, old, first)
		l.end()
	}
	l.told.metrics, l.told.any = m, true
	if e := l.eventIf(slowStart, now, "quic:congestion_state_updated"); e != nil {
		e.name("new", congestionState(m.SlowStart))
		l.end()
	}
	if e := l.eventIf(m.Datagram != datagram, now, "quic:mtu_updated"); e != nil {
		if datagram > 0 {
			e.uint("old", uint64(datagram))
		}
		e.uint("new", uint64(m.Datagram))
		l.end()
	}
}

// Parameters implements port.Trace.
func (l *Log) Parameters(now mono.Time, ours bool, p *wire.TransportParameters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told.exponent[way(ours)] = p.AckDelayExponent
	if e := l.event(now, "quic:parameters_set"); e != nil {
		e.name("initiator", initiator(ours))
		parameters(e, p)
		l.end()
	}
}

// State implements port.Trace. A state that the schema does not know keeps its own name.
func (l *Log) State(now mono.Time, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state = stateName(state)
	if e := l.event(now, "quic:connection_state_updated"); e != nil {
		if l.told.state != "" {
			text(e, "old", l.told.state)
		}
		text(e, "new", state)
		l.told.state = state
		l.end()
		l.write() // steps are rare, and a log that is read while it grows shows them
	}
}

// Keys implements port.Trace. Several rooms may report the same keys; they are written once.
func (l *Log) Keys(now mono.Time, level wire.Level, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys(now, level, what)
}

// Closed implements port.Trace.
func (l *Log) Closed(now mono.Time, c *port.Cause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.event(now, "quic:connection_closed"); e != nil {
		closed(e, c)
		l.end()
		l.write()
	}
}

// H3Frame implements port.Trace. What a frame other than HEADERS contains is not known here.
func (l *Log) H3Frame(now mono.Time, sent bool, stream wire.StreamID, frameType uint64, length uint64, fields []port.Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := "http3:frame_parsed"
	if sent {
		name = "http3:frame_created"
	}
	if e := l.event(now, name); e != nil {
		e.uint("stream_id", uint64(stream))
		h3Frame(e, h3wire.FrameType(frameType), length, fields)
		l.end()
	}
}

// Close writes what waits, closes the file, and returns the first error of writing. Later events are ignored.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.err
	}
	l.confess(l.lastAt)
	l.closed = true
	for l.writing {
		l.idle.Wait()
	}
	if l.err == nil && len(l.e.b) > 0 {
		_, l.err = l.w.Write(l.e.b)
	}
	l.e.b, l.spare = nil, nil
	if err := l.w.Close(); l.err == nil {
		l.err = err
	}
	return l.err
}

// header writes the first record.
func (l *Log) header(odcid wire.ConnectionID, wall time.Time) {
	e := &l.e
	e.b = append(e.b, recordStart, '{')
	e.name("file_schema", schemaFile)
	e.name("serialization_format", "application/qlog+json-seq")
	e.name("title", "quicpro "+l.role.String())
	e.object("trace")
	e.object("common_fields")
	e.hex("group_id", odcid.Bytes())
	e.name("time_format", "relative_to_epoch")
	e.object("reference_time")
	// Section 7.1: a monotonic clock has no known epoch.
	e.name("clock_type", "monotonic")
	e.name("epoch", "unknown")
	e.name("wall_clock_time", wall.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	e.endObject()
	e.endObject()
	e.object("vantage_point")
	e.name("type", l.role.String())
	e.endObject()
	e.key("event_schemas")
	e.b = append(e.b, `["`+schemaQUIC+`","`+schemaHTTP3+`","`+schemaLevel+`"]`...)
	e.endObject()
	e.b = append(e.b, '}', recordEnd)
}

// started writes connection_started; the server is known by the ID that the client chose for it.
func (l *Log) started(odcid wire.ConnectionID) {
	e := l.event(l.start, "quic:connection_started")
	for _, end := range [...]string{"local", "remote"} {
		e.object(end)
		if (end == "local") == (l.role == wire.Server) {
			e.array("connection_ids")
			e.separate()
			e.hexValue(odcid.Bytes())
			e.endArray()
		}
		e.endObject()
	}
	l.end()
}

// exponent scales the ACK Delay fields of a packet. RFC 9000 s18.2: it is the one that the packet's sender declared;
// RFC 9000 s19.3 with RFC 9002 s5.3: before 1-RTT nothing was declared yet.
func (l *Log) exponent(p port.PacketEvent) uint8 {
	if p.Level != wire.LevelApp {
		return wire.DefaultAckDelayExponent
	}
	return l.told.exponent[way(p.Sent)]
}

func way(sent bool) int {
	if sent {
		return 1
	}
	return 0
}

// event begins a record, its data member open. It returns nil if there is no room for another one.
func (l *Log) event(now mono.Time, name string) *encoder {
	if l.closed || l.err != nil {
		return nil
	}
	if len(l.e.b) >= maxBuffered {
		l.dropped++
		return nil
	}
	l.confess(now)
	l.begin(now, name)
	return &l.e
}

func (l *Log) eventIf(wanted bool, now mono.Time, name string) *encoder {
	if !wanted {
		return nil
	}
	return l.event(now, name)
}

func (l *Log) begin(now mono.Time, name string) {
	l.lastAt = now
	l.e.b = append(l.e.b, recordStart, '{')
	l.e.milliseconds("time", int64(now.Sub(l.start)))
	l.e.name("name", name)
	l.e.object("data")
}

// end ends a record, and has it written if enough wait.
func (l *Log) end() {
	l.e.b = append(l.e.b, '}', '}', recordEnd)
	if len(l.e.b) >= writeAt {
		l.write()
	}
}

// confess says in the log that events are missing.
func (l *Log) confess(now mono.Time) {
	if l.dropped == 0 || l.closed {
		return
	}
	l.begin(now, "loglevel:warning")
	l.e.name("message", "the file was too slow: events are missing here")
	l.e.uint("events_missing", l.dropped)
	l.e.b = append(l.e.b, '}', '}', recordEnd)
	l.dropped = 0
}

// write has a goroutine write what waits; it lives until nothing does.
func (l *Log) write() {
	if l.inline && l.err == nil {
		_, l.err = l.w.Write(l.e.b)
		l.e.b = l.e.b[:0]
		return
	}
	if !l.writing && l.err == nil {
		l.writing = true
		go l.drain()
	}
}

func (l *Log) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.e.b) > 0 && l.err == nil && !l.closed {
		full := l.e.b
		l.e.b = l.spare[:0]
		l.mu.Unlock()
		_, err := l.w.Write(full)
		l.mu.Lock()
		l.spare = full
		if l.err == nil {
			l.err = err
		}
	}
	l.writing = false
	l.idle.Broadcast()
}
