package conn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
)

// solo is one side whose peer is the test: after the handshake the other side is cut off and packets are written by
// hand.
type solo struct {
	*side
	*world
	t    *testing.T
	next [wire.NumSpaces]wire.PacketNumber
	keys uint32 // the key phase of the peer's 1-RTT packets
	mark int    // what was sent before is not looked at
}

// newSolo connects a pair and cuts the other side off.
func newSolo(t *testing.T, role wire.Role, tune func(*Config)) *solo {
	t.Helper()
	p := newPair(t, 77, tune)
	p.connect()
	p.quiet()
	s := &solo{side: p.client, world: p.world, t: t}
	if role == wire.Server {
		s.side = p.server
	}
	p.client.wire, p.server.wire = func([]byte) {}, func([]byte) {}
	for i := range s.next {
		s.next[i] = s.conn.spaces[i].received.largest + 1
	}
	s.mark = len(s.out)
	return s
}

// packet is a packet of the peer's.
func (s *solo) packet(level wire.Level, fs ...wire.Frame) port.RxPacket {
	sp := level.Space()
	x := port.RxPacket{Kind: port.RxOpened, Level: level, Number: s.next[sp], Phase: s.keys, Source: s.conn.ids.initial, Dest: s.conn.cfg.LocalID}
	s.next[sp]++
	for i := range fs {
		x.Payload = fs[i].Append(x.Payload)
	}
	return x
}

// batch brings packets, in one read of the socket.
func (s *solo) batch(fill func(*port.RxBatch), xs ...port.RxPacket) {
	b := port.NewRxBatch(make([]byte, 1200), func(*port.RxBatch) { s.rx-- })
	s.rx++
	b.SegmentSize, b.At, b.Path, b.Packets = 1200, s.now, s.conn.path.addr, xs
	if fill != nil {
		fill(b)
	}
	s.home.Send(b)
	s.settle()
}

// say brings one 1-RTT packet.
func (s *solo) say(fs ...wire.Frame) { s.batch(nil, s.packet(wire.LevelApp, fs...)) }

// ack acknowledges the 1-RTT packets [lo, hi].
func (s *solo) ack(lo, hi wire.PacketNumber) wire.Frame {
	b, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: lo, Hi: hi}}, 0, nil, 100)
	var f wire.Frame
	if _, err := wire.NextFrame(b, &f); err != nil {
		s.t.Fatal(err)
	}
	return f
}

// heard lists the types of what was sent since the last call, a packet in brackets.
func (s *solo) heard() string {
	s.settle()
	var b strings.Builder
	for _, x := range s.out[s.mark:] {
		b.WriteByte('[')
		for i, f := range frames(x.payload) {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f.Type.String())
		}
		b.WriteByte(']')
	}
	s.mark = len(s.out)
	return b.String()
}

func (s *solo) expect(want, why string) {
	s.t.Helper()
	if got := s.heard(); got != want {
		s.t.Errorf("%s: sent %q, want %q", why, got, want)
	}
}

// closed expects a close with a code.
func (s *solo) closed(code wire.ErrorCode) {
	s.t.Helper()
	s.settle()
	c := s.conn.life.cause
	if c == nil || c.Why != port.Ours || wire.ErrorCode(c.Code) != code {
		s.t.Fatalf("cause %v, want %v", c, code)
	}
	sent := false
	for _, x := range s.out[s.mark:] {
		for _, f := range frames(x.payload) {
			sent = sent || f.Type == wire.TypeConnectionClose && f.ConnectionClose.Code == uint64(code)
		}
	}
	if !sent {
		s.t.Errorf("no CONNECTION_CLOSE with %v was sent", code)
	}
	s.gone()
}

// gone expects that everything is over and home.
func (s *solo) gone() {
	s.t.Helper()
	s.settle()
	if !s.left || !s.h3.gone || !s.protect.gone || !s.handshake.gone || s.side.ended() != len(s.order) {
		s.t.Error("a room has not left")
	}
	if s.rx != 0 || s.pool.out != 0 || s.chunks.Out() != 0 {
		s.t.Errorf("not home: %d receive batches, %d transmit batches, %d chunks", s.rx, s.pool.out, s.chunks.Out())
	}
	if s.h3.cause != s.conn.life.cause {
		s.t.Errorf("h3 was told %v", s.h3.cause)
	}
}

var ping = wire.Frame{Type: wire.TypePing}

func stream(id wire.StreamID, off wire.Offset, data string, fin bool) wire.Frame {
	return wire.Frame{Type: wire.TypeStream, Stream: wire.Stream{ID: id, Offset: off, Data: []byte(data), Fin: fin}}
}

func TestOnePacketIsAcknowledgedLateTwoAtOnce(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(ping)
	s.expect("", "one packet waits")
	s.run(26 * time.Millisecond)
	s.expect("[ACK]", "within max_ack_delay")
	s.say(ping)
	s.say(ping)
	s.expect("[ACK]", "the second at once")
	s.batch(nil, s.packet(wire.LevelApp, ping), s.packet(wire.LevelApp, ping), s.packet(wire.LevelApp, ping), s.packet(wire.LevelApp, ping))
	s.expect("[ACK]", "one ACK a batch")
	s.say(s.ack(0, 0))
	s.run(time.Second)
	s.expect("", "an ACK is not acknowledged")
}

func TestAGapIsAcknowledgedAtOnce(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	missing := s.packet(wire.LevelApp, ping)
	s.say(ping)
	s.expect("[ACK]", "a gap")
	s.batch(nil, missing)
	s.expect("[ACK]", "and what fills it")
	s.batch(nil, missing)
	s.run(time.Second)
	s.expect("", "a duplicate says nothing")
}

// Where the handshake runs on conn's own goroutine, a flush waits for it, and no longer than it goes on: then the ACK of a
// flight shares a datagram with the answer.
func TestTheACKOfAFlightLeavesWithTheAnswer(t *testing.T) {
	w := newWorld(7)
	s := newSide(w, wire.Server, nil)
	s.handshake.mute = true // this test answers
	c, hello := s.conn, wire.Crypto{Data: []byte("hello")}
	b := port.NewRxBatch(make([]byte, 1200), func(*port.RxBatch) {})
	b.SegmentSize, b.At, b.Path = 1200, w.now, c.path.addr
	b.Packets = []port.RxPacket{{Kind: port.RxOpened, Level: wire.LevelInitial, Source: c.ids.initial, Dest: c.cfg.LocalID, Payload: hello.Append(nil)}}
	c.Handle(w.now, b)
	waits := func(when string) {
		t.Helper()
		if got := c.Yields(w.now); got != actor.ForRooms {
			t.Errorf("%s: waits %d, want for the rooms beside it", when, got)
		}
		if got := c.Yields(w.now); got != actor.NoWait {
			t.Errorf("%s: waits again, %d, though nothing has moved", when, got)
		}
	}
	waits("TLS has the bytes")
	c.Handle(w.now, &port.Answer{Events: []port.HandshakeEvent{
		{Kind: port.HandshakeCrypto, Level: wire.LevelInitial, Data: []byte("hello yourself")},
		{Kind: port.HandshakeWriteKeys, Level: wire.LevelHandshake},
		{Kind: port.HandshakeCrypto, Level: wire.LevelHandshake, Data: []byte("certificate")},
	}})
	waits("TLS has answered")
	c.Flush(w.now)
	w.settle()
	var said []string
	for _, p := range s.out {
		for _, f := range frames(p.payload) {
			if f.Type != wire.TypePadding {
				said = append(said, fmt.Sprint(p.level, f.Type, " ", p.size))
			}
		}
	}
	if got := strings.Join(said, ", "); got != "Initial ACK 1200, Initial CRYPTO 1200, Handshake CRYPTO 1200" {
		t.Errorf("said %s, want one datagram", got)
	}
}

func TestAnACKRidesOnTheAnswer(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "question", true))
	s.streams[0].write([]byte("answer"), true)
	s.expect("[ACK STREAM]", "the answer")
	if d := s.streams[0].delivers; d != 1 {
		t.Errorf("%d messages to the stream, want 1", d)
	}
}

func TestAProbeCarriesWhatIsMissing(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "question", true))
	s.streams[0].write([]byte("answer"), true)
	s.expect("[ACK STREAM]", "the answer")
	pto := s.conn.loss.PTO()
	s.run(pto + 30*time.Millisecond)
	got := s.heard()
	if !strings.HasPrefix(got, "[PING PADDING]") || strings.Count(got, "STREAM") != 1 {
		t.Errorf("after a PTO sent %q", got)
	}
	s.run(2*pto + 30*time.Millisecond)
	if got := s.heard(); strings.Count(got, "[") != 2 {
		t.Errorf("after the second PTO sent %q, want two packets", got)
	}
	last := s.out[len(s.out)-1].number
	s.say(s.ack(last-3, last))
	s.run(time.Minute)
	s.heard()
	if n := s.conn.loss.BytesInFlight(); n != 0 {
		t.Errorf("%d bytes in flight after all was acknowledged or lost", n)
	}
}

// A machine that slept for many periods has waited once: its next probe comes after two of them, and not after 64.
func TestAProbeTimeoutThatComesLateCountsOnce(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "question", true))
	s.streams[0].write([]byte("answer"), true)
	s.expect("[ACK STREAM]", "the answer")
	pto := s.conn.loss.PTO()
	s.now = s.now.Add(20 * pto)
	s.run(time.Millisecond)
	if got := s.heard(); strings.Count(got, "STREAM") != 1 || s.conn.loss.Backoff() != 1 {
		t.Errorf("after 20 periods sent %q, backoff %d, want 1", got, s.conn.loss.Backoff())
	}
	s.run(2*pto + 60*time.Millisecond)
	if got := s.heard(); strings.Count(got, "STREAM") != 1 {
		t.Errorf("after two periods more sent %q", got)
	}
}

func TestLostControlFramesAreOwedAgain(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(0, 0, "x", false))
	f := s.streams[0]
	f.push(func(p *port.Push) { p.HasStop, p.StopCode = true, 9 })
	s.say(wire.Frame{Type: wire.TypeMaxStreamData, MaxStreamData: wire.MaxStreamData{ID: 0, Max: 1 << 20}})
	if got := s.heard(); !strings.Contains(got, "STOP_SENDING") {
		t.Fatalf("sent %q", got)
	}
	first := s.out[len(s.out)-1].number
	for range 5 {
		f.write([]byte("more"), false)
		s.settle()
	}
	s.heard()
	s.say(s.ack(first+2, s.out[len(s.out)-1].number))
	if got := s.heard(); !strings.Contains(got, "STOP_SENDING") {
		t.Errorf("after the loss sent %q, want STOP_SENDING again", got)
	}
}

func TestPeersViolations(t *testing.T) {
	max := func(v uint64) wire.Frame {
		return wire.Frame{Type: wire.TypeMaxData, MaxData: wire.MaxData{Max: wire.Offset(v)}}
	}
	_ = max
	reset := func(id wire.StreamID, size wire.Offset) wire.Frame {
		return wire.Frame{Type: wire.TypeResetStream, ResetStream: wire.ResetStream{ID: id, FinalSize: size}}
	}
	for _, c := range []struct {
		name   string
		role   wire.Role
		frames []wire.Frame
		code   wire.ErrorCode
	}{
		{"a stream beyond the limit", wire.Server, []wire.Frame{stream(16*4, 0, "x", false)}, wire.StreamLimitError},
		{"a uni stream beyond the limit", wire.Server, []wire.Frame{stream(4*4+2, 0, "x", false)}, wire.StreamLimitError},
		{"data on our own unopened stream", wire.Client, []wire.Frame{stream(0, 0, "x", false)}, wire.StreamStateError},
		{"data on our uni stream", wire.Server, []wire.Frame{stream(3, 0, "x", false)}, wire.StreamStateError},
		{"STOP_SENDING on the peer's uni stream", wire.Server, []wire.Frame{{Type: wire.TypeStopSending, StopSending: wire.StopSending{ID: 2}}}, wire.StreamStateError},
		{"MAX_STREAM_DATA on the peer's uni stream", wire.Server, []wire.Frame{{Type: wire.TypeMaxStreamData, MaxStreamData: wire.MaxStreamData{ID: 2}}}, wire.StreamStateError},
		{"more than the connection's window", wire.Server, []wire.Frame{stream(0, 300<<10, "x", false), stream(4, 250<<10, "x", false)}, wire.FlowControlError},
		{"a final size beyond the window", wire.Server, []wire.Frame{reset(0, 1<<30)}, wire.FlowControlError},
		{"HANDSHAKE_DONE from a client", wire.Server, []wire.Frame{{Type: wire.TypeHandshakeDone}}, wire.ProtocolViolation},
		{"an ACK of what was never sent", wire.Server, nil, wire.ProtocolViolation},
		{"retiring an ID never issued", wire.Server, []wire.Frame{{Type: wire.TypeRetireConnectionID, RetireConnectionID: wire.RetireConnectionID{Seq: 99}}}, wire.ProtocolViolation},
		{"retiring the ID in use", wire.Server, []wire.Frame{{Type: wire.TypeRetireConnectionID, RetireConnectionID: wire.RetireConnectionID{Seq: 0}}}, wire.ProtocolViolation},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSolo(t, c.role, nil)
			if c.frames == nil {
				c.frames = []wire.Frame{s.ack(5000, 5000)}
			}
			s.say(c.frames...)
			s.closed(c.code)
		})
	}
}

func TestBytesThatAreNoFrames(t *testing.T) {
	for _, c := range []struct {
		payload string
		code    wire.ErrorCode
	}{
		{"", wire.ProtocolViolation},
		{"\x3f", wire.FrameEncodingError},
		{"\x40\x01", wire.ProtocolViolation},
		{"\x08", wire.FrameEncodingError},
	} {
		s := newSolo(t, wire.Server, nil)
		x := s.packet(wire.LevelApp)
		x.Payload = []byte(c.payload)
		s.batch(nil, x)
		s.closed(c.code)
	}
}

func TestCryptoBytesBeyondTheBound(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.say(wire.Frame{Type: wire.TypeCrypto, Crypto: wire.Crypto{Offset: 64 << 10, Data: []byte("x")}})
	s.closed(wire.CryptoBufferExceeded)
}

func TestStreamLimitGrowsAsStreamsEnd(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	for i := range 8 {
		s.say(stream(wire.StreamID(4*i), 0, "x", true))
		s.streams[wire.StreamID(4*i)].end()
		s.settle()
	}
	s.say(stream(0, 0, "x", true)) // a late copy for a stream that ended
	found := s.sent(0, wire.TypeMaxStreamsBidi)
	if len(found) != 1 || found[0].MaxStreams.Max != 24 {
		t.Errorf("MAX_STREAMS sent: %v", found)
	}
	if len(s.order) != 8 {
		t.Errorf("%d streams were spawned, want 8", len(s.order))
	}
}

func TestImplicitlyOpenedStreamsHaveNoRoom(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.say(stream(40, 0, "x", false))
	if len(s.order) != 1 {
		t.Fatalf("%d rooms, want 1", len(s.order))
	}
	s.say(stream(8, 0, "y", false))
	if len(s.order) != 2 {
		t.Errorf("%d rooms after the frame of a lower one, want 2", len(s.order))
	}
}

func TestNoRoomForAStreamIsALimit(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	s.mostRooms = 0
	s.say(stream(0, 0, "x", false))
	s.closed(wire.StreamLimitError)
}

func TestPathChallengeIsAnsweredTheLatestWins(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	a := wire.Frame{Type: wire.TypePathChallenge, PathChallenge: wire.PathChallenge{Data: [8]byte{1}}}
	b := wire.Frame{Type: wire.TypePathChallenge, PathChallenge: wire.PathChallenge{Data: [8]byte{2}}}
	s.say(a, b)
	got := s.sent(s.mark, wire.TypePathResponse)
	if len(got) != 1 || got[0].PathResponse.Data != [8]byte{2} {
		t.Fatalf("responses %v", got)
	}
	if size := s.out[len(s.out)-1].size; size < 1200 {
		t.Errorf("the datagram has %d bytes", size)
	}
}

func TestConnectionIDsAreIssuedAndReplaced(t *testing.T) {
	s := newSolo(t, wire.Server, nil)
	issued := s.sent(0, wire.TypeNewConnectionID)
	if len(issued) != 3 || len(s.routes.issued) != 3 {
		t.Fatalf("%d IDs issued, want 3 beside the first", len(issued))
	}
	s.say(wire.Frame{Type: wire.TypeRetireConnectionID, RetireConnectionID: wire.RetireConnectionID{Seq: 1}})
	if got := s.heard(); !strings.Contains(got, "NEW_CONNECTION_ID") {
		t.Errorf("sent %q, want a new ID", got)
	}
	if s.routes.issued[issued[0].NewConnectionID.ID] {
		t.Error("the retired ID is still routed")
	}
}

func newID(seq, prior uint64) wire.Frame {
	id, _ := wire.MakeConnectionID([]byte(fmt.Sprintf("id%06d", seq)))
	return wire.Frame{Type: wire.TypeNewConnectionID, NewConnectionID: wire.NewConnectionID{Seq: seq, RetirePriorTo: prior, ID: id, Token: wire.ResetToken{byte(seq), 1}}}
}

func TestRetirePriorToMovesToAnotherID(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.say(newID(50, 50))
	if got := s.heard(); strings.Count(got, "RETIRE_CONNECTION_ID") != 4 {
		t.Errorf("sent %q, want four retirements", got)
	}
	if want := newID(50, 50).NewConnectionID.ID; s.out[len(s.out)-1].dest != want {
		t.Errorf("sent to %v, want %v", s.out[len(s.out)-1].dest, want)
	}
	if !s.routes.watched[wire.ResetToken{50, 1}] || len(s.routes.watched) != 1 {
		t.Errorf("watched tokens %v", s.routes.watched)
	}
	s.say(newID(3, 0))
	if got := s.heard(); strings.Contains(got, "CONNECTION_CLOSE") {
		t.Errorf("an ID below Retire Prior To closed the connection: %q", got)
	}
}

func TestARetirementFloodEnds(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	for i := uint64(10); i < 20 && s.conn.life.cause == nil; i++ {
		s.say(newID(i, i))
	}
	s.closed(wire.ConnectionIDLimitError)
}

func TestMoreIDsThanTheLimit(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	s.say(newID(10, 0))
	s.closed(wire.ConnectionIDLimitError)
}

func TestAnIDWithTwoNumbers(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	f := newID(10, 10)
	s.say(f)
	f.NewConnectionID.Seq = 11
	s.say(f)
	s.closed(wire.ProtocolViolation)
}
