package conn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

var testLimits = port.Limits{
	Streams: 40, RxBatches: 1000, BigBatches: 4, CryptoBytes: 64 << 10, StreamGaps: 1000, AckRanges: 64, EarlyPackets: 32,
	UnsentBytes: 256 << 10, StreamWindow: 256 << 10, StreamWindowMax: 1 << 20, ConnWindow: 512 << 10, ConnWindowMax: 4 << 20,
	UniStreams: 4, ConnectionIDs: 4, IdleTimeout: 30 * time.Second, Handshake: 10 * time.Second, MaxAckDelay: 25 * time.Millisecond,
}

func addr(last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 4433)
}

// side is one end: a conn room and stand-ins for the rooms around it. Protect does not encrypt, the handshake room
// only exchanges parameters, streams keep what they get.
type side struct {
	w      *world
	role   wire.Role
	conn   *Conn
	room   *actor.Room[port.ToConn]
	home   actor.Port[port.ToConn]
	cell   *actor.Cell
	pool   *txPool
	routes *routes
	chunks *actor.Chunks

	protect   *fakeProtect
	handshake *fakeHandshake
	h3        *fakeH3
	streams   map[wire.StreamID]*fakeStream
	order     []*fakeStream
	mostRooms int

	wire  func(datagram []byte) // where datagrams go
	out   []sentPacket          // what was sent, with frames in plaintext
	rx    int                   // receive batches not home
	left  bool
	tuned func(*Config)
}

// sentPacket is a packet that the conn under test sent.
type sentPacket struct {
	at      mono.Time
	level   wire.Level
	number  wire.PacketNumber
	size    int // of its datagram
	payload []byte
	dest    wire.ConnectionID
	token   []byte
}

// frames decodes a payload.
func frames(payload []byte) (all []wire.Frame) {
	for len(payload) > 0 {
		var f wire.Frame
		n, err := wire.NextFrame(payload, &f)
		if err != nil {
			panic(err)
		}
		all = append(all, f)
		payload = payload[n:]
	}
	return all
}

func newSide(w *world, role wire.Role, tune func(*Config)) *side {
	s := &side{w: w, role: role, streams: map[wire.StreamID]*fakeStream{}, mostRooms: 1000, wire: func([]byte) {}}
	r := randomness{w.random}
	s.chunks = new(actor.Chunks)
	s.pool = &txPool{most: 8}
	s.routes = &routes{random: r, issued: map[wire.ConnectionID]bool{}, watched: map[wire.ResetToken]bool{}}
	l := testLimits
	p := wire.DefaultTransportParameters()
	p.MaxIdleTimeout, p.MaxAckDelay = l.IdleTimeout, l.MaxAckDelay
	p.InitialMaxData = wire.Offset(l.ConnWindow)
	p.InitialMaxStreamDataBidiLocal, p.InitialMaxStreamDataBidiRemote = wire.Offset(l.StreamWindow), wire.Offset(l.StreamWindow)
	p.InitialMaxStreamDataUni = wire.Offset(l.StreamWindow)
	p.InitialMaxStreamsBidi, p.InitialMaxStreamsUni = 16, 4
	cfg := Config{
		Role: role, Version: wire.Version1, Path: port.Path{Remote: addr(1), Local: addr(2)}, LocalID: s.routes.id(), PeerID: s.routes.id(),
		OriginalDest: s.routes.id(), Params: p, Limits: &l, MaxDatagram: 1452, Random: r, Chunks: s.chunks,
		TxPool: s.pool, Routes: s.routes, Streams: s,
	}
	s.tuned = tune
	if role == wire.Client {
		cfg.Path = port.Path{Remote: addr(2), Local: addr(1)}
	}
	if tune != nil {
		tune(&cfg)
	}
	s.cell = w.cell(func() { s.home.Send(&port.Fired{}) })
	cfg.Cell = s.cell
	s.conn = new(Conn)
	s.conn.Init(cfg)
	name := role.String()
	s.room = actor.Spawn[port.ToConn](w, actor.Spec{Name: name, Capacity: 1 << 16, Supervisor: s}, s.conn)
	s.home = s.room.Port("all", 1<<15)
	s.protect = &fakeProtect{s: s}
	s.handshake = &fakeHandshake{s: s}
	s.h3 = &fakeH3{s: s}
	s.protect.port = actor.Spawn[port.ToProtect](w, actor.Spec{Name: name + " protect", Capacity: 1 << 16, Supervisor: w}, s.protect).Port("all", 1<<15)
	handshake := actor.Spawn[port.ToHandshake](w, actor.Spec{Name: name + " handshake", Capacity: 2, Supervisor: w}, s.handshake)
	h3 := actor.Spawn[port.ToH3](w, actor.Spec{Name: name + " h3", Capacity: 4, Supervisor: w}, s.h3)
	s.conn.Connect(Ports{ToProtect: s.protect.port, ToHandshake: handshake.Port("conn", 2), ToH3: h3.Port("conn", 3), Home: s.home})
	return s
}

func (s *side) Left(string)        { s.left = true }
func (s *side) Died(d actor.Death) { s.w.Died(d) }

// Spawn implements port.Streams.
func (s *side) Spawn(id wire.StreamID, o port.StreamOptions) *port.Stream {
	if len(s.order)-s.ended() >= s.mostRooms {
		return nil
	}
	link := port.NewStream(id)
	f := &fakeStream{s: s, link: link, limit: o.SendLimit, window: o.RecvWindow, granted: wire.Offset(o.RecvWindow), in: buffer.NewReassembly(10000), urgency: port.DefaultUrgency}
	room := actor.Spawn[port.ToStream](s.w, actor.Spec{Name: fmt.Sprint(s.role, " stream ", id), Capacity: 80, Supervisor: s.w}, f)
	link.FromConn = room.Port("conn", 4)
	f.kick = room.Port("test", 64)
	s.streams[id] = f
	s.order = append(s.order, f)
	return link
}

// Forget implements port.Streams.
func (s *side) Forget(link *port.Stream) { s.streams[link.ID].released = true }

func (s *side) ended() (n int) {
	for _, f := range s.order {
		if f.left {
			n++
		}
	}
	return n
}

// open opens a stream of ours.
func (s *side) open(id wire.StreamID) *fakeStream {
	p := s.conn.crypto.params
	limit := p.InitialMaxStreamDataBidiRemote
	if id.IsUni() {
		limit = p.InitialMaxStreamDataUni
	}
	s.Spawn(id, port.StreamOptions{SendLimit: limit, RecvWindow: testLimits.StreamWindow})
	return s.streams[id]
}

// fakeProtect reads and writes packets in plaintext.
type fakeProtect struct {
	s       *side
	port    actor.Port[port.ToProtect]
	read    [wire.NumLevels]bool
	write   [wire.NumLevels]bool
	dropped [wire.NumLevels]bool
	largest [wire.NumSpaces]wire.PacketNumber
	phases  fakePhases
	early   []early
	initial []port.InitialKeys
	orders  []string
	gone    bool
	tooLong int // datagrams larger than this do not go out; 0: all do
	refused int // datagrams that were
	mute    bool
	batches []port.TxBatch // copies of what went out
}

type early struct {
	level    wire.Level
	datagram []byte
}

func (p *fakeProtect) Flush(mono.Time) {}
func (p *fakeProtect) Left() bool      { return p.gone }
func (p *fakeProtect) Handle(now mono.Time, m port.ToProtect) {
	switch m := m.(type) {
	case *port.InitialKeys:
		p.initial = append(p.initial, *m)
		p.read[0], p.write[0] = true, true
		p.orders = append(p.orders, "initial keys")
		p.replay(now, wire.LevelInitial)
	case *port.InstallKeys:
		p.orders = append(p.orders, fmt.Sprint("install ", m.Level, m.Write))
		if m.Write {
			p.write[m.Level] = true
			return
		}
		p.read[m.Level] = true
		p.replay(now, m.Level)
	case *port.DropKeys:
		p.orders = append(p.orders, fmt.Sprint("drop ", m.Level))
		p.dropped[m.Level] = true
	case *port.UpdateKeys:
		p.orders = append(p.orders, fmt.Sprint("update keys ", m.Phase))
		p.phases.write = max(p.phases.write, m.Phase)
	case *port.DropPrevious:
		p.orders = append(p.orders, "drop previous")
	case *port.Rest:
		p.orders = append(p.orders, "rest")
	case *port.RxBatch:
		p.open(m)
	case *port.TxBatch:
		p.seal(now, m)
	case *port.Stop:
		p.orders = append(p.orders, "stop")
		p.gone = true
	}
}

// fakePhases are the key phases without keys.
type fakePhases struct {
	write, read uint32
	highest     wire.PacketNumber // in the read phase
}

// opened is the phase of a packet of the peer.
func (f *fakePhases) opened(bit byte, number wire.PacketNumber) uint32 {
	switch {
	case (bit != 0) == (f.read&1 != 0):
		f.highest = max(f.highest, number)
		return f.read
	case number < f.highest:
		return f.read - 1
	}
	f.read, f.highest = f.read+1, number
	f.write = max(f.write, f.read)
	return f.read
}

func (p *fakeProtect) replay(now mono.Time, level wire.Level) {
	for _, e := range p.early {
		if e.level == level {
			b := port.NewRxBatch(e.datagram, func(*port.RxBatch) { p.s.rx-- })
			p.s.rx++
			b.Replay, b.SegmentSize, b.Path, b.At = true, len(e.datagram), p.s.conn.path.addr, now
			p.open(b)
		}
	}
}

func (p *fakeProtect) open(b *port.RxBatch) {
	for i, rest := 0, b.B; len(rest) > 0; i++ {
		n := min(b.SegmentSize, len(rest))
		p.datagram(b, rest[:n], int32(i))
		rest = rest[n:]
	}
	p.s.home.Send(b)
}

func (p *fakeProtect) datagram(b *port.RxBatch, d []byte, index int32) {
	for len(d) > 0 {
		x := port.RxPacket{Kind: port.RxOpened, Level: wire.LevelApp, Datagram: index}
		at, end := 0, len(d)
		if d[0]&wire.LongHeaderBit != 0 {
			h, err := wire.ParseLongHeader(d)
			if err != nil {
				return
			}
			x.Level, x.Source, x.Dest, at, end = h.Type.Level(), h.SCID, h.DCID, h.NumberAt, h.PacketLen
		} else {
			id, n, err := wire.ParseShortHeader(d, 8)
			if err != nil {
				return
			}
			x.Dest, at = id, n
		}
		if !p.read[x.Level] || p.dropped[x.Level] {
			if !p.dropped[x.Level] && len(p.early) < 32 {
				p.early = append(p.early, early{x.Level, append([]byte(nil), d[:end]...)})
			}
			x.Kind, x.Size = port.RxLate, end
			b.Packets = append(b.Packets, x)
			d = d[end:]
			continue
		}
		n := int(d[0]&wire.NumberLenMask) + 1
		sp := x.Level.Space()
		x.Number = wire.DecodeNumber(p.largest[sp]-1, wire.ReadNumber(d[at:], n), n)
		p.largest[sp] = max(p.largest[sp], x.Number+1)
		if x.Level == wire.LevelApp {
			x.Phase = p.phases.opened(d[0]&wire.KeyPhaseBit, x.Number)
		}
		x.Size, x.Payload = end, d[at+n:end-16]
		b.Packets = append(b.Packets, x)
		d = d[end:]
	}
}

func (p *fakeProtect) seal(now mono.Time, t *port.TxBatch) {
	copied := *t
	copied.B = bytes.Clone(t.B)
	copied.Runs = append([]port.TxRun(nil), t.Runs...)
	copied.Packets = append([]port.TxPacket(nil), t.Packets...)
	p.batches = append(p.batches, copied)
	at := 0
	for _, k := range t.Packets {
		if !p.write[k.Level] || p.dropped[k.Level] {
			panic(fmt.Sprint("sealed without keys: ", k.Level))
		}
		if k.Off != at && k.Off < at {
			panic("packets overlap")
		}
		at = k.Off + k.Len
		if k.Level == wire.LevelApp && p.phases.write&1 != 0 {
			t.B[k.Off] |= wire.KeyPhaseBit
		}
	}
	covered := 0
	for _, r := range t.Runs {
		if r.Off != covered {
			panic("runs leave a hole")
		}
		covered += r.Len
		if r.Len > 65000 || (r.Len+r.SegmentSize-1)/r.SegmentSize > 64 {
			panic("run too large for one system call")
		}
		for o := 0; o < r.Len; o += r.SegmentSize {
			d := bytes.Clone(t.B[r.Off+o : r.Off+min(o+r.SegmentSize, r.Len)])
			if p.tooLong > 0 && len(d) > p.tooLong {
				t.TooLong = true
				p.refused++
				continue
			}
			p.note(now, d, r.Off+o, t)
			if !p.mute {
				p.s.wire(d)
			}
		}
	}
	if covered != len(t.B) {
		panic("runs do not cover the batch")
	}
	if t.Big || t.Small.Free() || t.TooLong {
		t.Home.Send(t)
	}
}

func (p *fakeProtect) note(now mono.Time, d []byte, off int, t *port.TxBatch) {
	for _, k := range t.Packets {
		if k.Off < off || k.Off >= off+len(d) {
			continue
		}
		b := d[k.Off-off : k.Off-off+k.Len]
		x := sentPacket{at: now, level: k.Level, number: k.Number, size: len(d), payload: b[k.NumberOff+int(k.NumberLen) : k.Len-16]}
		if k.Len-k.NumberOff < 20 {
			panic("no room for the header protection sample")
		}
		if k.Level == wire.LevelApp {
			x.dest, _, _ = wire.ParseShortHeader(b, 8)
		} else {
			h, err := wire.ParseLongHeader(b)
			if err != nil || h.PacketLen != k.Len {
				panic(fmt.Sprint("bad long header: ", err))
			}
			x.dest, x.token = h.DCID, h.Token
		}
		frames(x.payload) // they must parse
		p.s.out = append(p.s.out, x)
	}
}

// arrive gives the side a train of datagrams of one size.
func (s *side) arrive(segment int, datagrams ...[]byte) {
	b := port.NewRxBatch(bytes.Join(datagrams, nil), func(*port.RxBatch) { s.rx-- })
	s.rx++
	b.SegmentSize, b.At, b.Path = segment, s.w.now, s.conn.path.addr
	s.protect.port.Send(b)
}

// fakeHandshake exchanges parameters: hello both ways, the server's flight, the client's finish.
type fakeHandshake struct {
	s      *side
	in     [wire.NumLevels][]byte
	params []byte
	flight int // bytes of the server's Handshake flight
	fail   *wire.Error
	mute   bool
	gone   bool
	ready  bool // server: the client's hello is there
	orders int
}

func (h *fakeHandshake) Flush(mono.Time) {}
func (h *fakeHandshake) Left() bool      { return h.gone }
func (h *fakeHandshake) Handle(now mono.Time, m port.ToHandshake) {
	switch m := m.(type) {
	case *port.Stop:
		h.gone = true
	case *port.Order:
		h.orders++
		if h.mute {
			return
		}
		a := &port.Answer{Err: h.fail}
		h.answer(m, a)
		h.s.home.Send(a)
	}
}

func message(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func (h *fakeHandshake) take(level wire.Level) []byte {
	b := h.in[level]
	if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint32(b)) {
		return nil
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	h.in[level] = b[n:]
	return b[4:n]
}

func (h *fakeHandshake) answer(o *port.Order, a *port.Answer) {
	say := func(k port.HandshakeKind, l wire.Level, data []byte) {
		a.Events = append(a.Events, port.HandshakeEvent{Kind: k, Level: l, Data: data})
	}
	for i := range o.Crypto {
		h.in[i] = append(h.in[i], o.Crypto[i].B...)
	}
	client := h.s.role == wire.Client
	if o.Start {
		h.params = o.Params
		if client {
			say(port.HandshakeCrypto, wire.LevelInitial, message(append(o.Params, make([]byte, 0)...)))
		}
	}
	if b := h.take(wire.LevelInitial); b != nil {
		if client {
			say(port.HandshakeReadKeys, wire.LevelHandshake, nil)
			say(port.HandshakeWriteKeys, wire.LevelHandshake, nil)
		} else {
			say(port.HandshakeParams, 0, b)
			say(port.HandshakeCrypto, wire.LevelInitial, message([]byte("hello")))
			say(port.HandshakeReadKeys, wire.LevelHandshake, nil)
			say(port.HandshakeWriteKeys, wire.LevelHandshake, nil)
			say(port.HandshakeCrypto, wire.LevelHandshake, append(message(h.params), message(make([]byte, h.flight))...))
			say(port.HandshakeWriteKeys, wire.LevelApp, nil)
		}
	}
	if client && len(h.in[wire.LevelHandshake]) >= 4 {
		rest := h.in[wire.LevelHandshake]
		if first := h.take(wire.LevelHandshake); first != nil {
			if second := h.take(wire.LevelHandshake); second == nil {
				h.in[wire.LevelHandshake] = rest
				return
			}
			say(port.HandshakeParams, 0, first)
			say(port.HandshakeCrypto, wire.LevelHandshake, message([]byte("finished")))
			say(port.HandshakeReadKeys, wire.LevelApp, nil)
			say(port.HandshakeWriteKeys, wire.LevelApp, nil)
			say(port.HandshakeComplete, 0, nil)
		}
	} else if !client && h.take(wire.LevelHandshake) != nil {
		say(port.HandshakeReadKeys, wire.LevelApp, nil)
		say(port.HandshakeComplete, 0, nil)
	}
}

// fakeH3 notes what it hears.
type fakeH3 struct {
	s         *side
	connected *port.Connected
	credit    port.StreamCredit
	cause     *port.Cause
	gone      bool
}

func (h *fakeH3) Flush(mono.Time) {}
func (h *fakeH3) Left() bool      { return h.gone }
func (h *fakeH3) Handle(now mono.Time, m port.ToH3) {
	switch m := m.(type) {
	case *port.Connected:
		h.connected = m
	case *port.StreamCredit:
		h.credit = *m
		h.s.home.Send(&port.CreditTaken{})
	case *port.Stop:
		h.cause, h.gone = m.Cause, true
	}
}
