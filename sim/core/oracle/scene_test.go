package oracle

import (
	"slices"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// scene is a client and a server whose rooms say what a test tells them to.
type scene struct {
	t    *testing.T
	b    *Book
	c, s *Side
	now  mono.Time
	next map[*Side]*[wire.NumSpaces]wire.PacketNumber
}

// appender is a frame.
type appender interface{ Append(b []byte) []byte }

// raw is the bytes of frames.
type raw []byte

func (r raw) Append(b []byte) []byte { return append(b, r...) }

// acks is an ACK frame for ranges of packet numbers: lo, hi, highest first.
func acks(bounds ...wire.PacketNumber) raw { return acksECN(nil, bounds...) }

func acksECN(ecn *wire.ECNCounts, bounds ...wire.PacketNumber) raw {
	var ranges []wire.AckRange
	for i := 0; i < len(bounds); i += 2 {
		ranges = append(ranges, wire.AckRange{Lo: bounds[i], Hi: bounds[i+1]})
	}
	b, _ := wire.AppendAck(nil, ranges, 0, ecn, 1000)
	return b
}

// what both sides declare
func declared(role wire.Role) *wire.TransportParameters {
	p := wire.DefaultTransportParameters()
	p.InitialMaxData = 1000
	p.InitialMaxStreamDataBidiLocal, p.InitialMaxStreamDataBidiRemote, p.InitialMaxStreamDataUni = 300, 400, 500
	p.InitialMaxStreamsBidi, p.InitialMaxStreamsUni = 4, 3
	p.ActiveConnectionIDLimit = 3
	p.InitialSCID = wire.SomeConnectionID(id(byte(role) + 100))
	return &p
}

func id(n byte) wire.ConnectionID {
	id, _ := wire.MakeConnectionID([]byte{n, 1, 2, 3})
	return id
}

// born is a scene before the first packet.
func born(t *testing.T) *scene {
	b := New(Options{AckMargin: 100 * time.Millisecond, ProbeMargin: 100 * time.Millisecond, ContentBytes: 1 << 20})
	x := &scene{t: t, b: b, now: mono.Time(time.Second), next: map[*Side]*[wire.NumSpaces]wire.PacketNumber{}}
	x.c, x.s = b.Open("client 0a0b", wire.Client), b.Open("server 0a0b", wire.Server)
	for _, s := range []*Side{x.c, x.s} {
		x.next[s] = new([wire.NumSpaces]wire.PacketNumber)
		s.State(x.now, "handshake")
		s.Parameters(x.now, true, declared(s.role))
	}
	return x
}

// met is a scene in which both sides have all keys and parameters, and the handshake is not complete.
func met(t *testing.T) *scene {
	x := born(t)
	for _, s := range []*Side{x.c, x.s} {
		for _, level := range []wire.Level{wire.LevelHandshake, wire.LevelApp} {
			s.Keys(x.now, level, "read keys installed")
			s.Keys(x.now, level, "write keys installed")
		}
		s.Parameters(x.now, false, declared(s.role.Peer()))
	}
	return x
}

// opened is a scene in which the handshake is confirmed, and nothing is in flight.
func opened(t *testing.T) *scene {
	x := met(t)
	x.tell(x.c, wire.LevelHandshake, wire.Padding{Count: 10})
	x.s.State(x.now, "connected")
	x.s.State(x.now, "confirmed")
	x.tell(x.s, wire.LevelApp, wire.HandshakeDone{})
	x.c.State(x.now, "connected")
	x.c.State(x.now, "confirmed")
	for _, s := range []*Side{x.c, x.s} {
		s.Keys(x.now, wire.LevelInitial, "dropped")
		s.Keys(x.now, wire.LevelHandshake, "dropped")
	}
	x.tell(x.c, wire.LevelApp, acks(0, 0))
	x.metrics(x.s, 0, 0)
	return x
}

// say lets a side send a packet of frames. It is 20 bytes longer than they are.
func (x *scene) say(s *Side, level wire.Level, frames ...appender) port.PacketEvent {
	p := port.PacketEvent{Sent: true, Level: level, Number: x.next[s][level.Space()]}
	x.next[s][level.Space()]++
	for _, f := range frames {
		p.Payload = f.Append(p.Payload)
	}
	p.Size = len(p.Payload) + 20
	s.Packet(x.now, p)
	return p
}

// hear lets a side receive a packet.
func (x *scene) hear(s *Side, p port.PacketEvent) {
	p.Sent = false
	s.Packet(x.now, p)
}

// tell lets a side send a packet, which arrives.
func (x *scene) tell(from *Side, level wire.Level, frames ...appender) port.PacketEvent {
	p := x.say(from, level, frames...)
	x.hear(x.peer(from), p)
	return p
}

func (x *scene) peer(s *Side) *Side {
	if s == x.c {
		return x.s
	}
	return x.c
}

// app is tell for 1-RTT packets of the client, and reply of the server.
func (x *scene) app(frames ...appender) port.PacketEvent {
	return x.tell(x.c, wire.LevelApp, frames...)
}
func (x *scene) reply(frames ...appender) port.PacketEvent {
	return x.tell(x.s, wire.LevelApp, frames...)
}

func (x *scene) metrics(s *Side, inFlight, probes int) {
	s.Metrics(x.now, port.Metrics{
		Window: 12_000, InFlight: inFlight, PTOCount: probes,
		SmoothedRTT: 20 * time.Millisecond, RTTVariance: 5 * time.Millisecond,
	})
}

// wait lets time pass, and the book look.
func (x *scene) wait(d time.Duration) {
	x.now = x.now.Add(d)
	x.b.Check(x.now)
}

func data(id wire.StreamID, off wire.Offset, text string) wire.Stream {
	return wire.Stream{ID: id, Offset: off, Data: []byte(text)}
}

func fin(id wire.StreamID, off wire.Offset, text string) wire.Stream {
	return wire.Stream{ID: id, Offset: off, Data: []byte(text), Fin: true}
}

func zeros(n int) string { return string(make([]byte, n)) }

// expect runs a story to the end and compares the first violation; none is wanted if rule is empty.
func expect(t *testing.T, begin func(*testing.T) *scene, story func(*scene), rule Rule) {
	t.Helper()
	x := begin(t)
	if len(x.b.violations) > 0 {
		t.Fatalf("the beginning itself: %v", x.b.Fault())
	}
	story(x)
	x.b.Finish()
	switch all := x.b.Violations(); {
	case rule == "" && len(all) > 0:
		t.Errorf("the legal neighbour: %v", &all[0])
	case rule != "" && len(all) == 0:
		t.Error("nothing was found")
	case rule != "" && all[0].Rule != rule:
		t.Errorf("found %v first, want %s", &all[0], rule)
	case rule != "" && (all[0].Side == "" || all[0].At == 0 || all[0].What == ""):
		t.Errorf("found %+v, which does not say what", all[0])
	}
}

// story is a way to break a rule, and the nearest one that does not.
type story struct {
	name  string
	rule  Rule
	begin func(*testing.T) *scene
	bad   func(*scene)
	good  func(*scene)
}

func TestEveryRuleIsSeenToFail(t *testing.T) {
	stories := slices.Concat(packetStories, keyStories, ackStories, streamStories, idStories, lifeStories, recoveryStories, h3Stories)
	told := map[Rule]bool{}
	for _, y := range stories {
		told[y.rule] = true
		t.Run(string(y.rule)+"/"+y.name, func(t *testing.T) {
			expect(t, y.begin, y.bad, y.rule)
			expect(t, y.begin, y.good, "")
		})
	}
	for _, r := range Rules() {
		if !told[r] {
			t.Errorf("no story breaks %s", r)
		}
	}
}
