package recovery

import (
	"math/rand/v2"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// model is what a Loss must agree with, kept the plain way: in a map.
type model struct {
	t      *testing.T
	seed   uint64
	fate   map[number]string
	size   map[number]int
	counts map[string]int
}

func (m *model) Acked(sp wire.Space, pn wire.PacketNumber, p *Packet[int]) {
	m.turn(number{sp, pn}, p, "sent", "acked")
}

func (m *model) Lost(sp wire.Space, pn wire.PacketNumber, p *Packet[int]) {
	m.turn(number{sp, pn}, p, "sent", "lost")
}

func (m *model) Spurious(sp wire.Space, pn wire.PacketNumber, p *Packet[int]) {
	m.turn(number{sp, pn}, p, "lost", "spurious")
}

func (m *model) turn(n number, p *Packet[int], from, to string) {
	m.t.Helper()
	if m.fate[n] != from || p.Content != int(n.pn) {
		m.t.Fatalf("seed %d: %v is %s after %q, content %d", m.seed, n, to, m.fate[n], p.Content)
	}
	m.fate[n] = to
	m.counts[to]++
}

// check compares the counts; bytes in flight are the sum over what is sent and has no fate.
func (m *model) check(l *Loss[int]) {
	m.t.Helper()
	bytes := 0
	for n, fate := range m.fate {
		if fate == "sent" {
			bytes += m.size[n]
		}
	}
	if got := l.BytesInFlight(); got != bytes {
		m.t.Fatalf("seed %d: %d bytes in flight, want %d", m.seed, got, bytes)
	}
	for i := range l.spaces {
		s := &l.spaces[i]
		if s.low > s.cursor || s.cursor > s.next || s.held() > len(s.slots) {
			m.t.Fatalf("seed %d: ring %d <= %d <= %d of %d", m.seed, s.low, s.cursor, s.next, len(s.slots))
		}
	}
	if err := l.CheckAll(); err != nil {
		m.t.Fatalf("seed %d: %v", m.seed, err)
	}
}

// A lossy, reordering network with a receiver that remembers few ranges: whatever happens, each packet has one fate,
// only sent packets are acknowledged, and the counts agree.
func TestPropertyEveryPacketHasOneFate(t *testing.T) {
	total := map[string]int{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9002))
		m := &model{t: t, seed: seed, fate: map[number]string{}, size: map[number]int{}, counts: total}
		l := NewLoss(Config[int]{Role: wire.Server, Fates: m})
		l.ConfirmHandshake()
		now := epoch
		received := map[wire.PacketNumber]bool{}
		var flying []wire.PacketNumber
		for step := range 1500 {
			now += mono.Time(rng.Int64N(int64(5 * time.Millisecond)))
			switch rng.IntN(5) {
			case 0, 1:
				for range 1 + rng.IntN(20) {
					pn := l.Next(app)
					if rng.IntN(50) == 0 {
						pn++
					}
					flags := AckEliciting
					if rng.IntN(10) == 0 {
						flags = 0
					}
					size := 40 + rng.IntN(1400)
					m.fate[number{app, pn}] = "sent"
					if flags != 0 {
						m.size[number{app, pn}] = size
					}
					*l.OnSent(now, app, pn, size, flags, 0) = int(pn)
					if rng.IntN(12) != 0 {
						flying = append(flying, pn)
					}
				}
			case 2:
				// Some arrive, mostly in order.
				for range rng.IntN(30) {
					if len(flying) == 0 {
						break
					}
					i := 0
					if rng.IntN(8) == 0 {
						i = rng.IntN(len(flying))
					}
					received[flying[i]] = true
					flying = append(flying[:i], flying[i+1:]...)
				}
			case 3:
				if f := acknowledge(rng, received, l.Next(app)); f != nil {
					if _, err := l.OnAck(now, app, f, 0, 0); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
			case 4:
				if d := l.Deadline(); !d.IsZero() && d.Sub(now) < time.Hour { // an idle timeout comes first
					now = max(now, d)
					l.OnTimeout(now)
				}
			}
			if step%50 == 0 {
				m.check(l)
			}
		}
		m.check(l)
	}
	if total["acked"] == 0 || total["lost"] == 0 || total["spurious"] == 0 {
		t.Fatalf("the story is too tame: %v", total)
	}
}

// acknowledge builds a frame of the largest ranges received; now and then an old one.
func acknowledge(rng *rand.Rand, received map[wire.PacketNumber]bool, next wire.PacketNumber) *wire.Ack {
	if rng.IntN(4) == 0 {
		next -= wire.PacketNumber(rng.Int64N(int64(next)/8 + 1))
	}
	var bounds []wire.PacketNumber
	for pn := next - 1; pn >= 0 && len(bounds) < 40; pn-- {
		if !received[pn] {
			continue
		}
		hi := pn
		for received[pn-1] {
			pn--
		}
		bounds = append(bounds, pn, hi)
	}
	if bounds == nil {
		return nil
	}
	return frame(bounds...)
}

// FuzzOnAck feeds arbitrary ACK frames: they may be refused but never corrupt the counts.
func FuzzOnAck(f *testing.F) {
	f.Add([]byte{2, 10, 0, 0, 3, 0, 0, 1, 1})
	f.Add([]byte{2, 63, 0, 0, 63})
	f.Add([]byte{3, 40, 1, 2, 2, 1, 1, 5, 5, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &model{t: t, fate: map[number]string{}, size: map[number]int{}, counts: map[string]int{}}
		l := NewLoss(Config[int]{Fates: m})
		now := epoch
		for frames := 0; len(b) > 0 && frames < 40; frames++ {
			for range 10 {
				pn := l.Next(app) + l.Next(app)%7/6
				m.fate[number{app, pn}], m.size[number{app, pn}] = "sent", 1000
				*l.OnSent(now, app, pn, 1000, AckEliciting, 0) = int(pn)
			}
			ack, n, err := wire.ParseAck(b)
			if err != nil {
				return
			}
			b = b[n:]
			now += 10 * ms
			_, err = l.OnAck(now, app, &ack, 0, 0)
			m.check(l)
			if err != nil {
				return
			}
			l.OnTimeout(now)
			m.check(l)
		}
	})
}
