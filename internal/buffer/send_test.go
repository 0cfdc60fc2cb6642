package buffer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"quicpro/internal/actor"
	"quicpro/internal/race"
	"quicpro/wire"
)

const plenty = wire.Offset(1) << 62

func write(b *SendBuffer, chunks *actor.Chunks, data []byte) {
	c := chunks.Get(len(data))
	c.B = append(c.B, data...)
	b.Write(c)
}

// next takes a segment, gives its chunk back and returns it for a look.
func next(b *SendBuffer, limit int, credit wire.Offset) (Segment, bool) {
	s, ok := b.Next(limit, credit)
	if s.Chunk != nil {
		s.Chunk.Release()
	}
	return s, ok
}

func wantSegment(t *testing.T, b *SendBuffer, limit int, credit, off wire.Offset, data string, fin, fresh bool) {
	t.Helper()
	s, ok := next(b, limit, credit)
	if !ok || s.Off != off || string(s.B) != data || s.Fin != fin || s.Fresh != fresh {
		t.Errorf("got %v %d %q fin=%v fresh=%v; want %d %q fin=%v fresh=%v", ok, s.Off, s.B, s.Fin, s.Fresh, off, data, fin, fresh)
	}
}

func wantNothing(t *testing.T, b *SendBuffer, limit int, credit wire.Offset) {
	t.Helper()
	if s, ok := next(b, limit, credit); ok {
		t.Errorf("handed out %d %q fin=%v", s.Off, s.B, s.Fin)
	}
}

func TestSegmentsEndAtLimitCreditAndChunk(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	wantNothing(t, &b, 100, plenty)
	write(&b, &chunks, []byte("abcdef"))
	write(&b, &chunks, []byte("ghi"))
	b.Fin()
	if b.Unsent() != 9 || b.Buffered() != 9 || !b.Owes() {
		t.Errorf("unsent %d, buffered %d, owes %v", b.Unsent(), b.Buffered(), b.Owes())
	}
	wantNothing(t, &b, 0, plenty)
	wantNothing(t, &b, 100, 0)
	wantSegment(t, &b, 2, plenty, 0, "ab", false, true)
	wantSegment(t, &b, 100, 3, 2, "cde", false, true)
	wantSegment(t, &b, 100, plenty, 5, "f", false, true)
	wantSegment(t, &b, 100, plenty, 6, "ghi", true, true)
	wantNothing(t, &b, 100, plenty)
	if b.Unsent() != 0 || b.Sent() != 9 || b.Owes() {
		t.Errorf("unsent %d, sent %d, owes %v", b.Unsent(), b.Sent(), b.Owes())
	}
	b.Acked(0, 9, true)
	if !b.AllAcked() || b.Buffered() != 0 {
		t.Errorf("all acked %v, buffered %d", b.AllAcked(), b.Buffered())
	}
	home(t, &chunks)
}

func TestAFinMayComeAlone(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	write(&b, &chunks, []byte("abc"))
	wantSegment(t, &b, 100, plenty, 0, "abc", false, true)
	b.Fin()
	b.Fin()
	wantNothing(t, &b, 0, plenty)
	wantSegment(t, &b, 100, 0, 3, "", true, false)
	wantNothing(t, &b, 100, plenty)
	b.Acked(0, 3, false)
	if b.AllAcked() {
		t.Error("all acked without the FIN")
	}
	b.Lost(3, 3, true)
	if !b.Owes() {
		t.Error("a lost FIN is not owed")
	}
	wantSegment(t, &b, 100, 0, 3, "", true, false)
	b.Acked(3, 3, true)
	b.Lost(3, 3, true) // the first one's packet, late
	wantNothing(t, &b, 100, plenty)
	if !b.AllAcked() {
		t.Error("not all acked")
	}
	home(t, &chunks)
}

func TestLostBytesGoFirstAndNeedNoCredit(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	write(&b, &chunks, []byte("abcdefghij"))
	write(&b, &chunks, []byte("klm"))
	b.Fin()
	for range 5 {
		next(&b, 2, plenty)
	}
	b.Acked(4, 6, false)
	b.Lost(2, 8, false) // 4 to 6 arrived in another packet
	b.Lost(7, 10, false)
	if b.Resend() != 6 {
		t.Errorf("%d bytes to send again, want 6", b.Resend())
	}
	wantSegment(t, &b, 100, 0, 2, "cd", false, false)
	wantSegment(t, &b, 3, 0, 6, "ghi", false, false)
	b.Acked(9, 10, false) // declared lost too early
	wantSegment(t, &b, 100, plenty, 10, "klm", true, true)
	b.Lost(10, 13, true)
	wantSegment(t, &b, 100, 0, 10, "klm", true, false)
	if wantNothing(t, &b, 100, plenty); b.Resend() != 0 {
		t.Errorf("%d bytes to send again", b.Resend())
	}
	b.Acked(0, 13, true)
	if !b.AllAcked() {
		t.Error("not all acked")
	}
	home(t, &chunks)
}

func TestAChunkGoesHomeWhenAllItsBytesAreAcked(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	for range 4 {
		write(&b, &chunks, make([]byte, 10))
	}
	var held Segment
	for b.Unsent() > 0 {
		s, _ := b.Next(5, plenty)
		if s.Off == 15 {
			held = s // a packet that names it is not sealed yet
			continue
		}
		s.Chunk.Release()
	}
	steps := []struct {
		lo, hi wire.Offset
		out    int64
		held   int
	}{
		{25, 35, 4, 40}, // halves of two
		{20, 25, 3, 30}, // the third
		{20, 30, 3, 30}, // again
		{0, 5, 3, 30},
		{10, 20, 3, 20}, // the second, which a segment still holds
		{5, 12, 2, 10},  // the first, and so all up to 35
		{35, 40, 1, 0},
	}
	for _, s := range steps {
		b.Acked(s.lo, s.hi, false)
		if chunks.Out() != s.out || b.Buffered() != s.held {
			t.Errorf("acked [%d, %d): %d chunks and %d bytes held, want %d and %d", s.lo, s.hi, chunks.Out(), b.Buffered(), s.out, s.held)
		}
	}
	held.Chunk.Release()
	home(t, &chunks)
}

func TestAResetBufferIsSilent(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	write(&b, &chunks, make([]byte, 10))
	write(&b, &chunks, make([]byte, 10))
	b.Fin()
	next(&b, 15, plenty)
	b.Lost(0, 5, false)
	b.Reset()
	home(t, &chunks)
	b.Lost(0, 10, true)
	b.Acked(0, 10, true)
	write(&b, &chunks, make([]byte, 10)) // a writer that did not know
	wantNothing(t, &b, 100, plenty)
	if b.Sent() != 10 || b.Unsent() != 0 || b.Resend() != 0 || b.Buffered() != 0 || b.Owes() || b.AllAcked() {
		t.Errorf("sent %d, unsent %d, resend %d, buffered %d, owes %v, all acked %v",
			b.Sent(), b.Unsent(), b.Resend(), b.Buffered(), b.Owes(), b.AllAcked())
	}
	home(t, &chunks)
}

func TestBrokenInvariantsPanic(t *testing.T) {
	tests := map[string]func(b *SendBuffer){
		"an ack of unsent bytes":     func(b *SendBuffer) { b.Acked(0, 6, false) },
		"a loss of unsent bytes":     func(b *SendBuffer) { b.Lost(5, 6, false) },
		"an ack of a FIN before Fin": func(b *SendBuffer) { b.Acked(0, 5, true) },
		"a write after Fin": func(b *SendBuffer) {
			b.Fin()
			write(b, new(actor.Chunks), []byte("x"))
		},
	}
	for story, act := range tests {
		t.Run(story, func(t *testing.T) {
			var chunks actor.Chunks
			var b SendBuffer
			write(&b, &chunks, make([]byte, 10))
			next(&b, 5, plenty)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			act(&b)
		})
	}
}

// flight is a segment on its way: the network decides about each part of it.
type flight struct {
	lo, hi wire.Offset
	fin    bool
}

// network carries segments, cuts them as packets would, loses some and declares some lost that arrive.
type network struct {
	rng      *rand.Rand
	arrived  []byte
	have     []bool
	fin      bool
	inFlight []flight
}

func (n *network) send(s Segment) {
	lo, hi := s.Off, s.Off+wire.Offset(len(s.B))
	for hi-lo > 1 && n.rng.IntN(3) > 0 {
		cut := lo + 1 + wire.Offset(n.rng.Uint64N(uint64(hi-lo-1)))
		n.inFlight = append(n.inFlight, flight{lo, cut, false})
		lo = cut
	}
	n.inFlight = append(n.inFlight, flight{lo, hi, s.Fin})
	copy(n.arrived[s.Off:], s.B) // a byte is the same each time; whether it arrived, `have` says
}

func (n *network) report(t *testing.T, b *SendBuffer) {
	if len(n.inFlight) == 0 {
		return
	}
	i := n.rng.IntN(len(n.inFlight))
	f := n.inFlight[i]
	n.inFlight[i] = n.inFlight[len(n.inFlight)-1]
	n.inFlight = n.inFlight[:len(n.inFlight)-1]
	switch n.rng.IntN(5) {
	case 0:
		b.Lost(f.lo, f.hi, f.fin)
		return
	case 1: // declared lost, acked later all the same
		b.Lost(f.lo, f.hi, f.fin)
		n.inFlight = append(n.inFlight, f)
		return
	}
	b.Acked(f.lo, f.hi, f.fin)
	for ; f.lo < f.hi; f.lo++ {
		n.have[f.lo] = true
	}
	n.fin = n.fin || f.fin
}

func TestEveryByteArrivesWhateverIsLost(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var chunks actor.Chunks
		var b SendBuffer
		data := streamBytes(rng.IntN(20_000))
		n := network{rng: rng, arrived: make([]byte, len(data)), have: make([]bool, len(data))}
		written, fresh := 0, 0
		for step := 0; !b.AllAcked(); step++ {
			switch rng.IntN(3) {
			case 0:
				size := min(rng.IntN(2000), len(data)-written)
				write(&b, &chunks, data[written:written+size])
				if written += size; written == len(data) && rng.IntN(4) == 0 {
					b.Fin()
				}
			case 1:
				for range rng.IntN(4) {
					s, ok := b.Next(1+rng.IntN(1200), wire.Offset(rng.IntN(1500)))
					if !ok {
						break
					}
					if !bytes.Equal(s.B, data[s.Off:int(s.Off)+len(s.B)]) {
						t.Fatalf("seed %d: segment at %d has other bytes than written", seed, s.Off)
					}
					if s.Fresh {
						if int(s.Off) != fresh {
							t.Fatalf("seed %d: new bytes at %d, want %d", seed, s.Off, fresh)
						}
						fresh += len(s.B)
					} else {
						for i := range s.B {
							if n.have[int(s.Off)+i] {
								t.Fatalf("seed %d: acked byte %d is sent again", seed, int(s.Off)+i)
							}
						}
					}
					n.send(s)
					if s.Chunk != nil {
						s.Chunk.Release()
					}
				}
			case 2:
				for range rng.IntN(6) {
					n.report(t, &b)
				}
			}
			if err := errors.Join(b.Check(), b.CheckAll()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if b.Unsent() != written-fresh {
				t.Fatalf("seed %d: %d bytes unsent, want %d", seed, b.Unsent(), written-fresh)
			}
			if step > 1_000_000 {
				t.Fatalf("seed %d: the stream never ends", seed)
			}
		}
		for i, ok := range n.have {
			if !ok {
				t.Fatalf("seed %d: all acked, but byte %d is not", seed, i)
			}
		}
		if !n.fin || !bytes.Equal(n.arrived, data) || b.Buffered() != 0 || b.Owes() {
			t.Fatalf("seed %d: fin %v, buffered %d, owes %v", seed, n.fin, b.Buffered(), b.Owes())
		}
		if acked, lost := b.bytes.fates().acked.Len(), b.bytes.fates().lost.Len(); acked+lost > 0 {
			t.Fatalf("seed %d: all acked, but %d acked and %d lost ranges are kept", seed, acked, lost)
		}
		home(t, &chunks)
	}
}

func TestSendBufferAllocatesNothingInSteadyState(t *testing.T) {
	var chunks actor.Chunks
	var b SendBuffer
	lag := wire.Offset(0)
	round := func() {
		for range 8 {
			c := chunks.Get(4000)
			c.B = c.Space()[:4000]
			b.Write(c)
			for b.Unsent() > 0 {
				next(&b, 1400, plenty)
			}
		}
		end := b.Sent()
		b.Lost(end-8000, end-6000, false) // the newest is lost, sent again, and acked in the next round
		next(&b, 4000, 0)
		b.Acked(lag, end-8000, false)
		b.Acked(end-6000, end-4000, false)
		b.Acked(end-8000, end-7000, false)
		lag = end - 7000
	}
	for range 20 {
		round()
	}
	if allocs := testing.AllocsPerRun(200, round); allocs > 0.1 && !race.Enabled {
		t.Errorf("%v allocations a round of 8 writes", allocs)
	}
	b.Reset()
	home(t, &chunks)
}

func BenchmarkSendBuffer(b *testing.B) {
	var chunks actor.Chunks
	var s SendBuffer
	b.SetBytes(1400)
	acked := wire.Offset(0)
	b.ReportAllocs()
	for i := range b.N {
		if s.Unsent() == 0 {
			c := chunks.Get(actor.ChunkLarge)
			c.B = c.Space()
			s.Write(c)
		}
		next(&s, 1400, plenty)
		if i%10 == 9 && s.Sent() > 200_000 {
			s.Acked(acked, s.Sent()-200_000, false)
			acked = s.Sent() - 200_000
		}
	}
}
