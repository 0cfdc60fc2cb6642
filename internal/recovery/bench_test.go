package recovery

import (
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// facts stands for the content of a real sender.
type facts struct {
	slot     uint32
	size     uint32
	offset   uint64
	more     [2]uint64
	resolved int
}

type sink struct{ acked, lost int }

func (s *sink) Acked(_ wire.Space, _ wire.PacketNumber, p *Packet[facts]) {
	s.acked += int(p.Content.size)
}
func (s *sink) Lost(wire.Space, wire.PacketNumber, *Packet[facts])     { s.lost++ }
func (s *sink) Spurious(wire.Space, wire.PacketNumber, *Packet[facts]) {}

// pipe sends and acknowledges in batches of 44, with 2000 packets in flight. hole leaves one packet in so many
// unacknowledged, so that frames have many ranges.
type pipe struct {
	l      *Loss[facts]
	sink   sink
	now    mono.Time
	oldest wire.PacketNumber
	hole   wire.PacketNumber
	ranges []wire.AckRange
	b      []byte
	frame  wire.Ack
}

const (
	batch    = 44
	inFlight = 2000
)

func newPipe(hole wire.PacketNumber) *pipe {
	p := &pipe{now: epoch, hole: hole}
	p.l = NewLoss(Config[facts]{Fates: &p.sink})
	p.l.ConfirmHandshake()
	for p.l.Next(app) < inFlight {
		p.send()
	}
	for range 200 {
		p.build()
		p.ack()
		p.send()
	}
	return p
}

func (p *pipe) send() {
	p.now += mono.Time(50 * time.Microsecond)
	for range batch {
		*p.l.OnSent(p.now, app, p.l.Next(app), 1452, AckEliciting, 0) = facts{slot: 1, size: 1400}
	}
}

// build makes the ACK frame for the next batch, with 32 ranges at most.
func (p *pipe) build() {
	p.oldest += batch
	hi := p.oldest - 1
	p.ranges = p.ranges[:0]
	if p.hole == 0 {
		p.ranges = append(p.ranges, wire.AckRange{Lo: 0, Hi: hi})
	}
	for p.hole > 0 && hi > 0 && len(p.ranges) < 32 {
		lo := hi/p.hole*p.hole + 1
		if lo <= hi {
			p.ranges = append(p.ranges, wire.AckRange{Lo: lo, Hi: hi})
		}
		hi = lo - 2
	}
	p.b, _ = wire.AppendAck(p.b[:0], p.ranges, 0, nil, 4096)
	p.frame, _, _ = wire.ParseAck(p.b)
}

func (p *pipe) ack() {
	p.now += mono.Time(50 * time.Microsecond)
	if _, err := p.l.OnAck(p.now, app, &p.frame, 0, 0); err != nil {
		panic(err)
	}
	p.l.Deadline()
}

func BenchmarkSendAndAck44Of2000(b *testing.B) {
	for _, c := range []struct {
		name string
		hole wire.PacketNumber
	}{{"inOrder", 0}, {"oneIn20Lost", 20}} {
		b.Run(c.name, func(b *testing.B) {
			p := newPipe(c.hole)
			b.ReportAllocs()
			for b.Loop() {
				p.build()
				p.ack()
				p.send()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/packet")
		})
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	for _, hole := range []wire.PacketNumber{0, 20} {
		p := newPipe(hole)
		if got := testing.AllocsPerRun(200, func() {
			p.build()
			p.ack()
			p.send()
		}); got != 0 {
			t.Errorf("%v allocations a batch with a hole in %d", got, hole)
		}
		if p.sink.acked == 0 || hole > 0 && p.sink.lost == 0 {
			t.Errorf("nothing happened: %+v", p.sink)
		}
	}
}
