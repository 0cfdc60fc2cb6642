package oracle

import (
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// flow is a bulk transfer as two sides tell it: full packets one way, an ACK for every second one the other way, and one in
// lossEvery lost.
type flow struct {
	c, s      *Side
	now       mono.Time
	out, back wire.PacketNumber
	off       wire.Offset
	payload   []byte
	ack       []byte
	ranges    []wire.AckRange
	flight    int
	lossEvery int
}

func newFlow(lossEvery int) *flow {
	b := New(Options{AckMargin: time.Second, ProbeMargin: time.Second})
	f := &flow{c: b.Open("client x", wire.Client), s: b.Open("server x", wire.Server), now: 1, lossEvery: lossEvery}
	p := wire.DefaultTransportParameters()
	p.InitialMaxData, p.InitialMaxStreamDataBidiRemote, p.InitialMaxStreamsBidi = 1<<60, 1<<60, 1<<20
	p.ActiveConnectionIDLimit = 4
	for _, s := range []*Side{f.c, f.s} {
		s.Parameters(1, true, &p)
		s.Parameters(1, false, &p)
		s.Keys(1, wire.LevelApp, "read keys installed")
		s.Keys(1, wire.LevelApp, "write keys installed")
		s.path.validated = true
	}
	return f
}

// two sends two packets and acknowledges what came: six packet events, if none was lost.
func (f *flow) two() (events int) {
	var body [1200]byte
	for range 2 {
		f.now += 10_000
		pn := f.out
		f.out++
		f.payload = wire.Stream{ID: 4 * wire.StreamID(f.off>>16), Offset: f.off & 0xffff, Data: body[:1190], ToEnd: true}.Append(f.payload[:0])
		f.off += 1190
		if f.off&0xffff > 0xffff-1190 {
			f.off = (f.off | 0xffff) + 1
		}
		e := port.PacketEvent{Sent: true, Level: wire.LevelApp, Number: pn, Size: len(f.payload) + 30, Payload: f.payload}
		f.c.Packet(f.now, e)
		events++
		f.flight += e.Size
		if f.lossEvery > 0 && int(pn)%f.lossEvery == f.lossEvery-1 {
			f.c.Lost(f.now, wire.LevelApp, pn, "packet threshold")
			f.flight -= e.Size
			continue
		}
		e.Sent = false
		f.s.Packet(f.now, e)
		events++
		if n := len(f.ranges); n > 0 && f.ranges[0].Hi == pn-1 {
			f.ranges[0].Hi = pn
		} else {
			f.ranges = append([]wire.AckRange{{Lo: pn, Hi: pn}}, f.ranges[:min(n, 3)]...)
		}
		f.flight -= e.Size // the ACK below
	}
	f.ack, _ = wire.AppendAck(f.ack[:0], f.ranges, 10, nil, 200)
	e := port.PacketEvent{Sent: true, Level: wire.LevelApp, Number: f.back, Size: len(f.ack) + 30, Payload: f.ack}
	f.back++
	f.s.Packet(f.now, e)
	e.Sent = false
	f.c.Packet(f.now, e)
	f.c.Metrics(f.now, port.Metrics{Window: 12_000, InFlight: f.flight})
	return events + 2
}

// A packet costs no allocation in steady state: of streams that come and go, only the state of each new one.
func TestAPacketAllocatesNothing(t *testing.T) {
	f := newFlow(50)
	for range 60_000 {
		f.two()
	}
	if err := f.c.book.Fault(); err != nil {
		t.Fatal(err)
	}
	perPair := testing.AllocsPerRun(2000, func() { f.two() })
	if perPair > 0.2 { // a stream has 55 packets, and two sides
		t.Errorf("%v allocations for two packets", perPair)
	}
}

func BenchmarkPacket(b *testing.B) {
	for _, x := range []struct {
		name string
		loss int
	}{{"clean", 0}, {"lossy", 33}} {
		b.Run(x.name, func(b *testing.B) {
			f := newFlow(x.loss)
			events := 0
			b.ReportAllocs()
			for b.Loop() {
				events += f.two()
			}
			if err := f.c.book.Fault(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/packet-event")
		})
	}
}
