package oracle

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// A set of packet numbers says what a map says, of what it has not forgotten.
func TestSpansAgainstAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s spans
		want := map[wire.PacketNumber]bool{}
		for i := range wire.PacketNumber(3000) {
			pn := i + wire.PacketNumber(r.IntN(200))
			if seed%2 == 0 {
				pn = 2*i + wire.PacketNumber(r.IntN(10)) // many gaps
			}
			if got := s.add(pn, pn); pn >= s.floor && got == want[pn] {
				t.Fatalf("seed %d: add %d is new: %v", seed, pn, got)
			}
			want[pn] = true
			lo := max(pn-wire.PacketNumber(r.IntN(300)), s.floor)
			hi := lo + wire.PacketNumber(r.IntN(3))
			all, highest := true, wire.NoPacketNumber
			for n := lo; n <= hi; n++ {
				all = all && want[n]
				if want[n] {
					highest = n
				}
			}
			if got := s.covers(lo, hi); got != all {
				t.Fatalf("seed %d: %d to %d: %v", seed, lo, hi, got)
			}
			if got, ok := s.overlaps(lo, hi); ok != (highest >= 0) || ok && got != highest {
				t.Fatalf("seed %d: %d to %d overlap at %d, %v", seed, lo, hi, got, ok)
			}
		}
		if len(s.s) > maxSpans {
			t.Errorf("%d runs", len(s.s))
		}
	}
}

// Whatever is written again, in whatever pieces, is compared with what was written first; a wrong byte is found as long as
// it is remembered.
func TestMemoryComparesEveryPiece(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := &contents{bound: 1 << 20}
		var m memory
		text := make([]byte, 600_000)
		Content(seed, "", 0, text)
		found, wrong := 0, 0
		for high := 0; high < len(text)-2000; {
			off := high
			if r.IntN(3) == 0 {
				off = max(0, high-r.IntN(100_000))
			}
			n := 1 + r.IntN(2000)
			p := bytes.Clone(text[off : off+n])
			if at := r.IntN(n); off+at < high && r.IntN(8) == 0 {
				p[at] ^= 1
				wrong++
				if where, ok := m.write(c, wire.Offset(off), p); !ok && where == wire.Offset(off+at) {
					found++
				} else if wire.Offset(off+at) >= m.from {
					t.Fatalf("seed %d: a wrong byte at %d of %d: %d, %v", seed, off+at, high, where, ok)
				}
				continue
			}
			if where, ok := m.write(c, wire.Offset(off), p); !ok {
				t.Fatalf("seed %d: %d bytes at %d: differ at %d", seed, n, off, where)
			}
			high = max(high, off+n)
		}
		if found < wrong/2 || wrong < 10 || len(m.b) != mostMemory {
			t.Errorf("found %d of %d wrong bytes with %d bytes of memory", found, wrong, len(m.b))
		}
	}
}

// Beyond its bound a book forgets the oldest streams, and a forgotten stream begins anew.
func TestContentsAreBounded(t *testing.T) {
	c := &contents{bound: 64 << 10}
	all := make([]memory, 3000)
	p := make([]byte, 1000)
	for i := range all {
		if _, ok := all[i].write(c, 0, p); !ok || c.bytes > c.bound {
			t.Fatalf("stream %d: %d bytes of memory", i, c.bytes)
		}
	}
	if _, ok := all[0].write(c, 0, []byte("other")); !ok {
		t.Error("a forgotten stream is compared")
	}
	if _, ok := all[0].write(c, 1000, p); !ok {
		t.Error("a forgotten stream does not go on")
	}
	if at, ok := all[0].write(c, 1500, []byte("other")); ok || at != 1500 {
		t.Errorf("what came after it was forgotten is not compared: %d, %v", at, ok)
	}
	if len(c.live) > 2200 {
		t.Errorf("%d streams are remembered", len(c.live))
	}
}

// A ring keeps what is in flight, however much that is, and what it has forgotten it does not judge.
func TestTheRingKeepsWhatIsInFlight(t *testing.T) {
	var s sentSpace
	for pn := range wire.PacketNumber(5000) {
		s.push(sentPacket{number: pn, size: 10, flight: true, eliciting: true, used: true})
	}
	if s.inFlight != 50_000 || s.eliciting != 5000 || s.blind {
		t.Errorf("%d bytes, %d packets", s.inFlight, s.eliciting)
	}
	if fresh := s.ack(0, 4990); fresh != 4991 || s.inFlight != 90 {
		t.Errorf("%d acknowledged, %d bytes left", fresh, s.inFlight)
	}
	s.ack(4991, 4999)
	s.advance()
	size := len(s.slots)
	for pn := wire.PacketNumber(5000); pn < 50_000; pn++ {
		s.push(sentPacket{number: pn, size: 10, flight: true, used: true})
		s.ack(pn-1, pn)
		s.advance()
	}
	if len(s.slots) != size || s.inFlight != 0 {
		t.Errorf("%d slots of %d, %d bytes", len(s.slots), size, s.inFlight)
	}
	if p, known := s.find(100); p != nil || known {
		t.Error("packet 100 is remembered")
	}
	s.push(sentPacket{number: 1 << 60, size: 10, flight: true, used: true})
	if p, known := s.find(1 << 59); p != nil || !known || s.inFlight != 10 {
		t.Error("a number that was jumped over counts as sent")
	}
}

// Words are kept by the order of their letters, and sums are those of the parts.
func TestStatsAddUpAndReadTheSame(t *testing.T) {
	x := opened(t)
	p := x.say(x.c, wire.LevelApp, wire.MaxData{Max: 2000}, data(0, 0, "abc"))
	x.c.Lost(x.now, p.Level, p.Number, "time threshold")
	x.app(wire.MaxData{Max: 2000}, data(0, 0, "abc"), data(0, 0, "ab"))
	x.app(wire.MaxData{Max: 2000})
	x.c.Dropped(x.now, 5, "duplicate")
	x.s.Dropped(x.now, 5, "authentic")
	x.s.Dropped(x.now, 5, "duplicate")
	sum := x.b.Stats()
	a, b := x.c.Stats(), x.s.Stats()
	b.Add(&a)
	if b.String() != sum.String() {
		t.Errorf("%s and %s", &b, &sum)
	}
	for _, line := range []string{
		"sides 2\n", "frame MAX_DATA: sent 3, lost 1, renewed 1\n", "frame STREAM: sent 2, lost 1, renewed 2\n",
		"dropped authentic: 1\ndropped duplicate: 2\n", "packet Handshake: sent 1 (30 bytes), received 1 (30 bytes), lost 0\n",
	} {
		if !strings.Contains(sum.String(), line) {
			t.Errorf("no line %q in\n%s", line, &sum)
		}
	}
}

// One side alone is judged by itself, and a second server of the same connection is no stranger.
func TestSidesWithoutAPartner(t *testing.T) {
	b := New(Options{})
	s := b.Open("odd", wire.Server)
	s.Packet(1, port.PacketEvent{Level: wire.LevelInitial, Size: 1200, Payload: make([]byte, 1000)})
	s.Packet(1, port.PacketEvent{Sent: true, Level: wire.LevelInitial, Size: 1200, Payload: acks(0, 0)})
	b.Check(2)
	b.Finish()
	if err := b.Fault(); err != nil {
		t.Error(err)
	}
	x := opened(t)
	again := x.b.Open("server 0a0b", wire.Server) // it crashed, and a late Initial brought it back
	again.Keys(x.now, wire.LevelApp, "read keys installed")
	again.Keys(x.now, wire.LevelApp, "write keys installed")
	again.Parameters(x.now, true, declared(wire.Server))
	again.Parameters(x.now, false, declared(wire.Client))
	p := x.say(x.c, wire.LevelApp, wire.Ping{})
	x.hear(again, p)
	p = x.say(x.s, wire.LevelApp, wire.Ping{})
	x.hear(x.c, p)
	x.b.Finish()
	if err := x.b.Fault(); err != nil {
		t.Error(err)
	}
}

// FuzzTrace: whatever a trace says, in whatever order, the oracle does not panic and goes on.
func FuzzTrace(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []byte{2, 0, 0, 0, 0}, uint64(3))
	f.Add([]byte{1, 1, 1, 0x41, 1, 1}, []byte(wire.Stream{ID: 1 << 61, Offset: 1 << 61, Data: []byte("x"), Fin: true}.Append(nil)), uint64(1<<60))
	f.Add([]byte{9, 8, 7, 1, 1}, []byte(wire.NewConnectionID{Seq: 1 << 60, ID: id(1)}.Append([]byte{3, 4, 0, 0, 0, 1, 1, 1})), uint64(1<<61))
	f.Fuzz(func(t *testing.T, order, payload []byte, n uint64) {
		b := New(Options{AckMargin: 1, ProbeMargin: 1, ContentBytes: 1})
		sides := []*Side{b.Open("client x", wire.Client), b.Open("server x", wire.Server)}
		now := mono.Time(1)
		for i, o := range order {
			s := sides[o>>6&1]
			now += mono.Time(o)
			level, number := wire.Level(o>>3&7), wire.PacketNumber(n)+wire.PacketNumber(i)
			switch o & 15 {
			case 0:
				s.Dropped(now, int(n), string(payload))
			case 1, 2, 3, 4:
				s.Packet(now, port.PacketEvent{Sent: o&1 == 0, Level: level, Number: number, Size: int(n), Payload: payload})
			case 5:
				s.Lost(now, level, number-1, string(payload))
			case 6:
				s.Metrics(now, port.Metrics{PTOCount: int(n), SmoothedRTT: 1 << 60})
			case 7:
				s.Parameters(now, o&32 != 0, &wire.TransportParameters{InitialMaxData: wire.Offset(n), HasPreferredAddress: true})
			case 8:
				s.State(now, [...]string{"connected", "closing", "draining", "odd"}[n%4])
			case 9:
				s.Keys(now, level, [...]string{"installed", "dropped", "updated", "odd"}[n%4])
			case 10:
				s.H3Frame(now, o&16 != 0, wire.StreamID(n), uint64(o>>4), n, nil)
			case 11:
				s.Closed(now, nil)
			case 12:
				s.Hostile()
			default:
				b.Check(now)
			}
		}
		b.Finish()
		stats := b.Stats()
		_, _ = stats.String(), b.Fault()
	})
}
