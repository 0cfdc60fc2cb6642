package conn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// tracer is a port.Trace that remembers.
type tracer struct {
	port.Trace // H3Frame is not conn's
	sent, got  map[packetName]int
	dropped    []string
	sizes      []int // of the dropped ones
	lost       []string
	states     []string
	keys       []string
	backoffs   []int // pto_count, as told
}

type packetName struct {
	level  wire.Level
	number wire.PacketNumber
}

func (r *tracer) Packet(_ mono.Time, p port.PacketEvent) {
	to := r.got
	if p.Sent {
		to = r.sent
	}
	to[packetName{p.Level, p.Number}] = p.Size
}
func (r *tracer) Dropped(_ mono.Time, size int, why string) {
	r.dropped, r.sizes = append(r.dropped, why), append(r.sizes, size)
}
func (r *tracer) Lost(_ mono.Time, _ wire.Level, _ wire.PacketNumber, why string) {
	r.lost = append(r.lost, why)
}
func (r *tracer) State(_ mono.Time, s string)                           { r.states = append(r.states, s) }
func (r *tracer) Metrics(_ mono.Time, m port.Metrics)                   { r.backoffs = append(r.backoffs, m.PTOCount) }
func (r *tracer) Parameters(mono.Time, bool, *wire.TransportParameters) {}
func (r *tracer) Keys(_ mono.Time, _ wire.Level, what string)           { r.keys = append(r.keys, what) }
func (r *tracer) Closed(mono.Time, *port.Cause)                         {}

// traced makes both sides of a pair remember: the client's tracer, then the server's.
func traced(rs *[]*tracer) func(*Config) {
	return func(c *Config) {
		r := &tracer{sent: map[packetName]int{}, got: map[packetName]int{}}
		*rs = append(*rs, r)
		c.Trace = r
	}
}

func TestReceivedPacketsAreAsLargeAsTheyWereSent(t *testing.T) {
	var rs []*tracer
	p := newPair(t, 1, traced(&rs))
	p.connect()
	p.client.open(0).write(pattern(20_000, 1), true)
	p.quiet()
	client, server := rs[0], rs[1]
	for _, way := range [][2]*tracer{{client, server}, {server, client}} {
		if len(way[1].got) < 3 {
			t.Errorf("%d packets arrived", len(way[1].got))
		}
		for k, size := range way[1].got {
			if sent := way[0].sent[k]; sent != size {
				t.Errorf("%v packet %d: %d bytes sent, %d received", k.level, k.number, sent, size)
			}
		}
	}
}

func TestADroppedDuplicateHasItsSize(t *testing.T) {
	var rs []*tracer
	s := newSolo(t, wire.Server, traced(&rs))
	x := s.packet(wire.LevelApp, ping)
	x.Size = 40
	r := rs[1]
	r.dropped, r.sizes = nil, nil
	s.batch(nil, x)
	s.batch(nil, x)
	if !slices.Equal(r.dropped, []string{"duplicate"}) || !slices.Equal(r.sizes, []int{40}) {
		t.Errorf("dropped %q of %v bytes", r.dropped, r.sizes)
	}
	// protect has reported these itself, or keeps them.
	s.batch(nil, port.RxPacket{Kind: port.RxLate, Size: 50}, port.RxPacket{Kind: port.RxUnopened, Size: 50, Payload: make([]byte, 50)})
	if len(r.dropped) != 1 {
		t.Errorf("dropped %q", r.dropped)
	}
}

func TestLossesAreTracedWithTheirRule(t *testing.T) {
	var rs []*tracer
	s := newSolo(t, wire.Server, traced(&rs))
	s.say(stream(0, 0, "x", false))
	f := s.streams[0]
	send := func(n int) wire.PacketNumber {
		for range n {
			f.write([]byte("more"), false)
			s.settle()
		}
		return s.out[len(s.out)-1].number
	}
	last := send(5)
	s.say(s.ack(last, last))
	byNumber := rs[1].lost
	if len(byNumber) == 0 || slices.ContainsFunc(byNumber, func(why string) bool { return why != "packet threshold" }) {
		t.Errorf("lost %q", byNumber)
	}
	rs[1].lost = nil
	s.run(time.Second)
	if !slices.Contains(rs[1].lost, "time threshold") || slices.Contains(rs[1].lost, "") {
		t.Errorf("lost %q", rs[1].lost)
	}
}

// Metrics are told when they change, and a probe timeout changes pto_count.
func TestAProbeTimeoutIsTraced(t *testing.T) {
	var rs []*tracer
	p := newPair(t, 1, traced(&rs))
	p.connect()
	p.quiet()
	r := rs[0]
	r.backoffs = nil
	p.link.drop = func(wire.Role, []byte) bool { return true }
	p.client.open(0).write(pattern(100, 1), true)
	p.run(time.Second)
	if n := len(r.backoffs); n < 3 || !slices.Equal(r.backoffs[:3], []int{1, 2, 3}) {
		t.Errorf("told pto_count %v, want 1, 2, 3", r.backoffs)
	}
}

func TestTheSideThatIsClosedDrains(t *testing.T) {
	var rs []*tracer
	p := newPair(t, 1, traced(&rs))
	p.connect()
	p.close()
	for i, want := range []string{"closing", "draining"} {
		if got := rs[i].states; got[len(got)-1] != want || strings.Contains(strings.Join(got[:len(got)-1], " "), "ing") {
			t.Errorf("states %q, want the last to be %q", got, want)
		}
	}
}
