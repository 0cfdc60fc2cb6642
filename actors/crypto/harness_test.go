package crypto

import (
	"bytes"
	"crypto/tls"
	"testing"

	"go.uber.org/goleak"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inline is a System that runs a room inside the send that woke it.
type inline struct{}

func (inline) Now() mono.Time        { return 1 }
func (inline) Stepping() bool        { return false }
func (inline) Launch(r actor.Runner) { r.Run() }

// inbox is a room that keeps its mail.
type inbox[M any] struct{ mail []M }

func (i *inbox[M]) Handle(_ mono.Time, m M) { i.mail = append(i.mail, m) }
func (i *inbox[M]) Flush(mono.Time)         {}

// take empties the inbox.
func (i *inbox[M]) take() []M {
	mail := i.mail
	i.mail = i.mail[:0]
	return mail
}

func spawn[M any](name string, b actor.Behaviour[M]) actor.Port[M] {
	return actor.Spawn[M](inline{}, actor.Spec{Name: name, Capacity: 8}, b).Port("test", 8)
}

const (
	idLen   = 8
	arrival = mono.Time(7)
)

var (
	clientID  = mustID("c1c1c1c1c1c1c1c1")
	serverID  = mustID("5e5e5e5e5e5e5e5e")
	firstDest = mustID("8394c8f03e515708")
)

func mustID(hex string) wire.ConnectionID {
	id, ok := wire.MakeConnectionID(unhex(hex))
	if !ok {
		panic("bad connection ID " + hex)
	}
	return id
}

// end is one end of a connection: its protect room between an inbox for conn and one for the writer.
type end struct {
	*Protect
	t      testing.TB
	role   wire.Role
	conn   inbox[port.ToConn]
	writer inbox[port.ToWriter]
	events []string // trace
	tx     port.TxBatch
	next   [wire.NumLevels]wire.PacketNumber
}

func newEnd(t testing.TB, role wire.Role) *end { return bornWith(t, role, nil) }

func bornWith(t testing.TB, role wire.Role, first *FirstKeys) *end {
	e := &end{t: t, role: role}
	e.Protect = new(Protect)
	e.Protect.Init(ProtectConfig{
		Role: role, Version: wire.Version1, IDLen: idLen, Limits: &port.Limits{EarlyPackets: 4}, Trace: &trace{end: e}, First: first,
	})
	e.Connect(ProtectPorts{ToConn: spawn("conn", &e.conn), ToWriter: spawn("writer", &e.writer)})
	return e
}

// ends makes both ends with Initial keys.
func ends(t testing.TB) (client, server *end) {
	client, server = newEnd(t, wire.Client), newEnd(t, wire.Server)
	for _, e := range []*end{client, server} {
		e.tell(&port.InitialKeys{Version: wire.Version1, Dest: firstDest})
	}
	return client, server
}

// established makes both ends with the keys of all levels.
func established(t testing.TB, suite uint16) (client, server *end) {
	client, server = ends(t)
	for _, level := range []wire.Level{wire.LevelHandshake, wire.LevelApp} {
		client.install(level, suite)
		server.install(level, suite)
	}
	return client, server
}

func (e *end) tell(m port.ToProtect) {
	e.Handle(arrival, m)
	e.Flush(arrival)
	if err := e.Check(); err != nil {
		e.t.Fatal(err)
	}
}

func secretOf(suite uint16, from wire.Role, level wire.Level) []byte {
	_, n := suiteOf(suite).sum(nil)
	return bytes.Repeat([]byte{0x10 + byte(from) + 2*byte(level)}, n)
}

func (e *end) install(level wire.Level, suite uint16) {
	e.tell(&port.InstallKeys{Level: level, Write: true, Suite: suite, Secret: secretOf(suite, e.role, level)})
	e.installRead(level, suite)
}

func (e *end) installRead(level wire.Level, suite uint16) {
	e.tell(&port.InstallKeys{Level: level, Suite: suite, Secret: secretOf(suite, e.role.Peer(), level)})
}

func (e *end) id() wire.ConnectionID {
	if e.role == wire.Client {
		return clientID
	}
	return serverID
}

func (e *end) peerID() wire.ConnectionID {
	if e.role == wire.Client {
		return serverID
	}
	return clientID
}

// put builds one plaintext packet with the next number of its level.
func (e *end) put(level wire.Level, payload string) {
	e.putNumber(level, payload, e.next[level], 4)
	e.next[level]++
}

func (e *end) putNumber(level wire.Level, payload string, number wire.PacketNumber, numberLen int) {
	t := &e.tx
	q := port.TxPacket{Off: len(t.B), NumberLen: uint8(numberLen), Level: level, Number: number}
	lengthAt := -1
	if level == wire.LevelApp {
		t.B = wire.AppendShortHeader(t.B, e.peerID(), false, false, numberLen)
	} else {
		t.B, lengthAt = wire.AppendLongHeader(t.B, wire.PacketType(level), e.peerID(), e.id(), nil, numberLen)
	}
	q.NumberOff = len(t.B) - q.Off
	t.B = append(wire.AppendNumber(t.B, number, numberLen), payload...)
	t.B = append(t.B, make([]byte, tagLen)...)
	q.Len = len(t.B) - q.Off
	if lengthAt >= 0 {
		wire.PatchLength(t.B, lengthAt, q.Len-q.NumberOff)
	}
	t.Packets = append(t.Packets, q)
}

// seal has the packets that were put sealed, and returns the bytes that went to the writer.
func (e *end) seal() []byte {
	e.t.Helper()
	e.tell(&e.tx)
	out := e.writer.take()
	if len(out) != 1 || out[0] != port.ToWriter(&e.tx) {
		e.t.Fatalf("the writer got %v, not the one batch", out)
	}
	b := bytes.Clone(e.tx.B)
	e.tx.Reset()
	return b
}

// one seals a single packet.
func (e *end) one(level wire.Level, payload string) []byte {
	e.t.Helper()
	e.put(level, payload)
	return e.seal()
}

// get opens datagrams of one size and returns the batch that went to conn.
func (e *end) get(segmentSize int, datagrams ...[]byte) *port.RxBatch {
	e.t.Helper()
	b := port.NewRxBatch(bytes.Join(datagrams, nil), nil)
	b.SegmentSize, b.At = segmentSize, arrival
	e.tell(b)
	return e.got()
}

// got is the one batch that went to conn.
func (e *end) got() *port.RxBatch {
	e.t.Helper()
	mail := e.conn.take()
	if len(mail) != 1 {
		e.t.Fatalf("conn got %d messages, want 1", len(mail))
	}
	return mail[0].(*port.RxBatch)
}

// want checks what a batch lists.
func want(t testing.TB, b *port.RxBatch, packets ...port.RxPacket) {
	t.Helper()
	if len(b.Packets) != len(packets) {
		t.Fatalf("batch lists %d packets, want %d: %+v", len(b.Packets), len(packets), b.Packets)
	}
	for i, w := range packets {
		g := b.Packets[i]
		if g.Size <= len(g.Payload) && g.Kind == port.RxOpened || g.Size == 0 || g.Size > len(b.B) && !b.Replay {
			t.Errorf("packet %d has %d bytes on the wire, %d of payload", i, g.Size, len(g.Payload))
		}
		if g.Kind != w.Kind || g.Level != w.Level || g.Datagram != w.Datagram || g.Number != w.Number || w.Payload != nil && !bytes.Equal(g.Payload, w.Payload) {
			t.Errorf("packet %d is %+v\nwant %+v", i, g, w)
		}
	}
}

func opened(level wire.Level, datagram int32, number wire.PacketNumber, payload string) port.RxPacket {
	return port.RxPacket{Kind: port.RxOpened, Level: level, Datagram: datagram, Number: number, Payload: []byte(payload)}
}

func wantFault(t testing.TB, b *port.RxBatch, code wire.ErrorCode) {
	t.Helper()
	if b.Fault == nil || b.Fault.Code != code {
		t.Errorf("fault is %v, want %v", b.Fault, code)
	}
}

// pad makes a payload as long as a datagram of 1200 bytes needs.
func pad(payload string) string { return payload + string(make([]byte, 1200-len(payload))) }

type trace struct {
	port.Trace
	end *end
}

func (r *trace) Dropped(_ mono.Time, _ int, why string) { r.end.events = append(r.end.events, why) }
func (r *trace) Keys(_ mono.Time, level wire.Level, what string) {
	r.end.events = append(r.end.events, level.String()+" "+what)
}

var allSuites = map[string]uint16{
	"AES-128-GCM":       tls.TLS_AES_128_GCM_SHA256,
	"AES-256-GCM":       tls.TLS_AES_256_GCM_SHA384,
	"ChaCha20-Poly1305": tls.TLS_CHACHA20_POLY1305_SHA256,
}
