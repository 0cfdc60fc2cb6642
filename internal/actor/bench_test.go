package actor_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// goes is the engine's System without bookkeeping.
type goes struct{ born time.Time }

func (s *goes) Now() mono.Time        { return mono.Time(time.Since(s.born)) + 1 }
func (s *goes) Stepping() bool        { return false }
func (s *goes) Launch(r actor.Runner) { go r.Run() }

// hop passes a token on in its Flush, as most rooms do.
type hop struct {
	next port
	held any
	last func(m any) bool // whether the token stays in the ring
}

func (h *hop) Handle(_ mono.Time, m any) { h.held = m }

func (h *hop) Flush(mono.Time) {
	m := h.held
	if m == nil {
		return
	}
	h.held = nil
	if h.last == nil || h.last(m) {
		h.next.Send(m)
	}
}

func ring(sys actor.System, n int) []*hop {
	hops := make([]*hop, n)
	ports := make([]port, n)
	for i := range hops {
		hops[i] = &hop{}
		ports[i] = actor.Spawn(sys, actor.Spec{Name: fmt.Sprint("room ", i), Capacity: 1}, hops[i]).Port("ring", 1)
	}
	for i := range hops {
		hops[i].next = ports[(i+1)%n]
	}
	return hops
}

// BenchmarkRing is the round trip of one token through seven rooms that are idle whenever they do not hold it.
func BenchmarkRing(b *testing.B) {
	hops := ring(&goes{time.Now()}, 7)
	done := make(chan struct{})
	left := b.N
	hops[0].last = func(any) bool {
		if left--; left < 0 {
			close(done)
		}
		return left >= 0
	}
	b.ReportAllocs()
	b.ResetTimer()
	hops[6].next.Send(&letter{})
	<-done
}

// load is a batch of packets in a streaming pipeline.
type load struct{ packets [][]byte }

// stage does one room's work on batches, in order.
type stage struct {
	work func(*load)
	out  func(*load)
}

func (s *stage) Handle(_ mono.Time, m any) {
	l := m.(*load)
	if s.work != nil {
		s.work(l)
	}
	s.out(l)
}

func (s *stage) Flush(mono.Time) {}

// BenchmarkStream moves packets through stream (copy), conn, protect (AES-128-GCM) and writer, one or many a message.
func BenchmarkStream(b *testing.B) {
	const size, inFlight, overhead = 1452, 8, 16
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	for _, packets := range []int{1, 10, 44} {
		b.Run(fmt.Sprint("packets=", packets), func(b *testing.B) {
			sys := &goes{time.Now()}
			home := make(chan *load, inFlight)
			source, nonce := make([]byte, size), make([]byte, 12)
			stages := []*stage{
				{work: func(l *load) {
					for i := range l.packets {
						copy(l.packets[i][:size], source)
					}
				}},
				{},
				{work: func(l *load) {
					for i, p := range l.packets {
						l.packets[i] = aead.Seal(p[:0], nonce, p[:size], nil)
					}
				}},
				{out: func(l *load) { home <- l }},
			}
			var first port
			for i := len(stages) - 1; i >= 0; i-- {
				if next := first; stages[i].out == nil {
					stages[i].out = func(l *load) { next.Send(l) }
				}
				first = actor.Spawn(sys, actor.Spec{Name: fmt.Sprint("room ", i), Capacity: inFlight}, stages[i]).Port("out", inFlight)
			}
			for range inFlight {
				l := &load{packets: make([][]byte, packets)}
				for i := range l.packets {
					l.packets[i] = make([]byte, size, size+overhead)
				}
				home <- l
			}
			b.SetBytes(int64(size * packets))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				first.Send(<-home)
			}
			for range inFlight {
				<-home
			}
		})
	}
}

// BenchmarkRingParked is the same ring as bare goroutines that park on their channels, with a clock reading a turn: the
// yardstick for Ring, which also counts, flushes, guards against panics, and costs no memory while idle.
func BenchmarkRingParked(b *testing.B) {
	sys := &goes{time.Now()}
	edges := make([]chan any, 7)
	for i := range edges {
		edges[i] = make(chan any, 1)
	}
	for i := 1; i < len(edges); i++ {
		go func() {
			for m := range edges[i] {
				if sys.Now() == 0 {
					panic("no clock")
				}
				edges[(i+1)%len(edges)] <- m
			}
			close(edges[(i+1)%len(edges)])
		}()
	}
	m := any(&letter{})
	b.ReportAllocs()
	for range b.N {
		edges[1] <- m
		<-edges[0]
	}
	close(edges[1])
	<-edges[0]
}
