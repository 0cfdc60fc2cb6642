package buffer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicpro/internal/actor"
	"quicpro/internal/race"
	"quicpro/wire"
)

// stream is what a peer could send: the byte at an offset follows from the offset.
func streamBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8*7)
	}
	return b
}

// popAll pops in pieces of at most limit bytes a call, and releases them.
func popAll(r *Reassembly, limit int) (all []byte) {
	for r.Readable() > 0 {
		for _, p := range r.Pop(nil, limit) {
			all = append(all, p.B...)
			p.Chunk.Release()
		}
	}
	return all
}

func home(t *testing.T, chunks *actor.Chunks) {
	t.Helper()
	if n := chunks.Out(); n != 0 {
		t.Errorf("%d chunks are not home", n)
	}
}

func code(err error) wire.ErrorCode {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return wire.NoError
}

func TestReassemblyOrdersFrames(t *testing.T) {
	type frame struct{ lo, hi int }
	tests := []struct {
		story    string
		frames   []frame
		readable int
		highest  int
		gaps     int
	}{
		{"one frame", []frame{{0, 100}}, 100, 100, 0},
		{"an empty frame", []frame{{0, 0}}, 0, 0, 0},
		{"an empty frame ahead", []frame{{0, 5}, {9, 9}}, 5, 9, 0},
		{"in order", []frame{{0, 100}, {100, 200}, {200, 201}}, 201, 201, 0},
		{"a duplicate", []frame{{0, 100}, {0, 100}, {10, 20}}, 100, 100, 0},
		{"an overlap with new bytes", []frame{{0, 100}, {50, 150}}, 150, 150, 0},
		{"a gap holds the rest back", []frame{{0, 100}, {150, 200}}, 100, 200, 1},
		{"nothing at the start", []frame{{50, 60}, {10, 20}}, 0, 60, 2},
		{"the gap closes", []frame{{0, 100}, {150, 200}, {100, 150}}, 200, 200, 0},
		{"the gap closes bit by bit", []frame{{0, 100}, {150, 200}, {140, 150}, {100, 110}, {110, 140}}, 200, 200, 0},
		{"one frame closes many gaps", []frame{{10, 20}, {30, 40}, {50, 60}, {0, 70}}, 70, 70, 0},
		{"one frame closes some gaps", []frame{{10, 20}, {30, 40}, {50, 60}, {15, 52}}, 0, 60, 1},
		{"a retransmission cut differently", []frame{{10, 20}, {30, 40}, {5, 35}}, 0, 40, 1},
		{"a frame larger than any chunk", []frame{{0, 200_000}}, 200_000, 200_000, 0},
		{"large frames back to front", []frame{{100_000, 200_000}, {0, 100_000}}, 200_000, 200_000, 0},
	}
	data := streamBytes(200_000)
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			var chunks actor.Chunks
			r := NewReassembly(4)
			for _, f := range tt.frames {
				if err := r.Insert(wire.Offset(f.lo), data[f.lo:f.hi], &chunks); err != nil {
					t.Fatal(err)
				}
			}
			if r.Readable() != tt.readable || r.Highest() != wire.Offset(tt.highest) || r.Gaps() != tt.gaps {
				t.Errorf("readable %d, highest %d, gaps %d; want %d, %d, %d",
					r.Readable(), r.Highest(), r.Gaps(), tt.readable, tt.highest, tt.gaps)
			}
			if got := popAll(&r, 1<<20); !bytes.Equal(got, data[:tt.readable]) {
				t.Errorf("popped %d bytes that are not the stream's first %d", len(got), tt.readable)
			}
			if r.Offset() != wire.Offset(tt.readable) {
				t.Errorf("read position %d", r.Offset())
			}
			r.Release()
			home(t, &chunks)
		})
	}
}

func TestTheFinalSizeHolds(t *testing.T) {
	insert := func(lo, hi int) func(*Reassembly, *actor.Chunks) error {
		return func(r *Reassembly, c *actor.Chunks) error { return r.Insert(wire.Offset(lo), make([]byte, hi-lo), c) }
	}
	final := func(size int) func(*Reassembly, *actor.Chunks) error {
		return func(r *Reassembly, _ *actor.Chunks) error { return r.SetFinal(wire.Offset(size)) }
	}
	type steps = []func(*Reassembly, *actor.Chunks) error
	tests := []struct {
		story string
		steps steps // all but the last succeed
		want  wire.ErrorCode
	}{
		{"FIN twice is the same FIN", steps{insert(0, 10), final(10), final(10)}, wire.NoError},
		{"FIN ahead of the bytes", steps{final(10), insert(0, 10)}, wire.NoError},
		{"an empty frame at the end", steps{final(10), insert(10, 10)}, wire.NoError},
		{"an empty stream", steps{final(0), insert(0, 0)}, wire.NoError},
		{"it changes upwards", steps{final(10), final(11)}, wire.FinalSizeError},
		{"it changes downwards", steps{final(10), final(9)}, wire.FinalSizeError},
		{"bytes beyond", steps{final(10), insert(5, 11)}, wire.FinalSizeError},
		{"bytes at the end", steps{final(10), insert(10, 11)}, wire.FinalSizeError},
		{"an empty frame beyond", steps{final(10), insert(11, 11)}, wire.FinalSizeError},
		{"below what came in order", steps{insert(0, 10), final(9)}, wire.FinalSizeError},
		{"below what came behind a gap", steps{insert(20, 30), final(29)}, wire.FinalSizeError},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			var chunks actor.Chunks
			r := NewReassembly(4)
			for i, step := range tt.steps {
				want := wire.NoError
				if i == len(tt.steps)-1 {
					want = tt.want
				}
				if err := step(&r, &chunks); code(err) != want {
					t.Fatalf("step %d: %v, want %v", i, err, want)
				}
			}
			r.Release()
			home(t, &chunks)
		})
	}
}

func TestAStreamIsFinishedWhenItsLastByteWasRead(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	r.Insert(0, []byte("hello "), &chunks)
	r.Insert(8, []byte("rld"), &chunks)
	r.SetFinal(11)
	if size, ok := r.Final(); size != 11 || !ok || r.Complete() || r.Finished() {
		t.Errorf("final size %d, %v; complete %v, finished %v with a gap", size, ok, r.Complete(), r.Finished())
	}
	r.Insert(6, []byte("wo"), &chunks)
	if !r.Complete() || r.Finished() {
		t.Errorf("complete %v, finished %v with all bytes here and none read", r.Complete(), r.Finished())
	}
	var p [20]byte
	if n := r.Read(p[:7]); string(p[:n]) != "hello w" {
		t.Errorf("read %q", p[:n])
	}
	if n := r.Read(p[:]); string(p[:n]) != "orld" {
		t.Errorf("read %q", p[:n])
	}
	if !r.Finished() {
		t.Error("not finished")
	}
	home(t, &chunks) // by itself: no room is kept for frames that cannot come
}

func TestALoneFinFreesTheRoomThatWasKept(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	r.Insert(0, []byte("hello"), &chunks)
	popAll(&r, 100)
	if chunks.Out() != 1 {
		t.Fatalf("%d chunks are kept for the next small frame, want 1", chunks.Out())
	}
	r.SetFinal(5)
	home(t, &chunks)
}

func TestAnIdleStreamPinsNoLargeChunk(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	data := make([]byte, 6000)
	r.Insert(0, data[:5000], &chunks) // into a chunk of 16 KiB
	popAll(&r, 1<<20)
	home(t, &chunks)
	r.Insert(5000, data[:3000], &chunks) // into one of 4 KiB
	popAll(&r, 1<<20)
	if chunks.Out() != 1 {
		t.Errorf("%d chunks are kept, want 1", chunks.Out())
	}
	r.Release()
	home(t, &chunks)
}

func TestAReaderThatRestsKeepsNoRoom(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	insert := func(off wire.Offset, s string) {
		t.Helper()
		if err := r.Insert(off, []byte(s), &chunks); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want string) {
		t.Helper()
		b := make([]byte, 10)
		if n := r.Read(b); string(b[:n]) != want {
			t.Fatalf("read %q, want %q", b[:n], want)
		}
	}
	insert(0, "abc")
	r.Rest()
	read("abc")
	if r.Rest(); chunks.Out() != 0 {
		t.Errorf("%d chunks are held for no byte", chunks.Out())
	}
	insert(5, "f")
	r.Rest()
	insert(3, "de")
	read("def")
	if r.Rest(); chunks.Out() != 0 {
		t.Errorf("%d chunks are held for no byte, after a gap", chunks.Out())
	}
}

func TestChunksGrowWithTheRunButNotBeyondTheHole(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	spaces := func() (sizes []int) {
		for _, s := range r.segments {
			sizes = append(sizes, len(s.chunk.Space()))
		}
		return sizes
	}
	data := make([]byte, 30_000)
	for off := 0; off < 21_504; off += 512 {
		r.Insert(wire.Offset(off), data[:512], &chunks)
	}
	if diff := cmp.Diff([]int{1 << 10, 4 << 10, 16 << 10}, spaces()); diff != "" {
		t.Errorf("chunks of an ordered run (-want +got):\n%s", diff)
	}
	r.Insert(21_904, data[:1024], &chunks)
	r.Insert(21_504, data[:200], &chunks) // a hole of 400 bytes behind a full chunk of 16 KiB
	if diff := cmp.Diff([]int{1 << 10, 4 << 10, 16 << 10, 1 << 10, 1 << 10}, spaces()); diff != "" {
		t.Errorf("chunks with a hole (-want +got):\n%s", diff)
	}
	r.Release()
	home(t, &chunks)
}

func TestSmallFramesShareAChunk(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	data := streamBytes(1000)
	var held []Piece
	for i := 0; i < len(data); i += 10 {
		r.Insert(wire.Offset(i), data[i:i+10], &chunks)
		if i%100 == 0 { // a reader that takes pieces while the chunk still fills
			held = r.Pop(held, 15)
		}
	}
	held = r.Pop(held, 1000)
	if n := chunks.Out(); n != 3 { // the first ones are tiny and little
		t.Errorf("100 frames of 10 bytes take %d chunks", n)
	}
	var got []byte
	for _, p := range held {
		if cap(p.B) != len(p.B) {
			t.Error("a piece reaches into bytes that are not its own")
		}
		got = append(got, p.B...)
	}
	if !bytes.Equal(got, data) {
		t.Error("later frames changed popped pieces")
	}
	r.Release()
	for _, p := range held {
		p.Chunk.Release()
	}
	home(t, &chunks)
}

func TestTooManyGapsAreAnError(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(3)
	for i := range 3 {
		if err := r.Insert(wire.Offset(10+10*i), []byte{1}, &chunks); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Insert(11, []byte{1}, &chunks); err != nil {
		t.Errorf("a byte that makes no gap: %v", err)
	}
	if err := r.Insert(100, []byte{1}, &chunks); code(err) != wire.InternalError {
		t.Errorf("a fourth gap: %v", err)
	}
	if err := r.Insert(25, []byte{1}, &chunks); code(err) != wire.InternalError {
		t.Errorf("a gap split in two: %v", err)
	}
	r.Release()
	home(t, &chunks)
}

func TestAReleasedReassemblyStillKeepsTheBooks(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(3)
	r.Insert(0, make([]byte, 100), &chunks)
	r.Insert(5000, make([]byte, 100), &chunks)
	r.Read(make([]byte, 30))
	r.Release()
	home(t, &chunks)
	if r.Readable() != 0 || r.Offset() != 30 || r.Gaps() != 0 {
		t.Errorf("readable %d, offset %d, gaps %d", r.Readable(), r.Offset(), r.Gaps())
	}
	if err := r.Insert(9000, make([]byte, 1000), &chunks); err != nil || r.Highest() != 10_000 {
		t.Errorf("%v, highest %d: late bytes still use flow control", err, r.Highest())
	}
	if err := r.SetFinal(9999); code(err) != wire.FinalSizeError {
		t.Errorf("final size below received bytes: %v", err)
	}
	if err := r.SetFinal(20_000); err != nil || r.Highest() != 20_000 {
		t.Errorf("%v, highest %d: a final size uses flow control", err, r.Highest())
	}
	home(t, &chunks)
}

// check compares every fact with the oracle: which bytes are in, and how much memory they take.
func (r *Reassembly) check(t *testing.T, in []bool, maxGaps int) {
	t.Helper()
	if err := errors.Join(r.Check(), r.CheckAll()); err != nil {
		t.Fatal(err)
	}
	ordered, held, space, gaps := int(r.read), 0, 0, 0
	for ordered < len(in) && in[ordered] {
		ordered++
	}
	for i := int(r.read); i < len(in); i++ {
		if in[i] {
			held++
			if i > int(r.read) && !in[i-1] || i == int(r.read)+1 && !in[int(r.read)] {
				gaps++
			}
		}
	}
	if r.Readable() != ordered-int(r.read) || r.Gaps() != gaps {
		t.Fatalf("readable %d, gaps %d; want %d, %d", r.Readable(), r.Gaps(), ordered-int(r.read), gaps)
	}
	size := 0
	for i := r.head; i < len(r.segments); i++ {
		size += r.segments[i].size()
		space += len(r.segments[i].chunk.Space())
	}
	if size != held {
		t.Fatalf("%d bytes in segments, %d bytes held", size, held)
	}
	// Chunks of 1 KiB at least for the first gaps, then tiny ones; a chunk of 4n for n bytes; one chunk partly read at the head.
	few := min(gaps, fewGaps+1)
	if bound := 6*held + actor.ChunkSmall*(few+2) + 2*actor.ChunkTiny*(gaps-few) + actor.ChunkLarge; space > bound {
		t.Fatalf("%d bytes and %d gaps take %d bytes of memory, more than %d", held, gaps, space, bound)
	}
	if gaps > maxGaps {
		t.Fatalf("%d gaps", gaps)
	}
}

func TestReassemblyIsTheStreamInOrder(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var chunks actor.Chunks
		const maxGaps = 1 << 20
		size := 1 + rng.IntN(60_000)
		longest := 1 + rng.IntN(1<<(1+rng.IntN(14)))
		data, in := streamBytes(size), make([]bool, size)
		r := NewReassembly(maxGaps)
		var got []byte
		for step := 0; len(got) < size; step++ {
			lo := int(r.Offset()) + rng.IntN(size-int(r.Offset()))
			if rng.IntN(3) == 0 { // close the first gap
				lo = int(r.Offset()) + r.Readable()
			}
			lo = max(0, lo-rng.IntN(5))
			hi := min(size, lo+rng.IntN(longest+1+step/50))
			if err := r.Insert(wire.Offset(lo), data[lo:hi], &chunks); err != nil {
				t.Fatal(err)
			}
			for ; lo < hi; lo++ {
				in[lo] = true
			}
			if step%16 == 0 {
				r.check(t, in, maxGaps)
			}
			switch rng.IntN(4) {
			case 0:
				for _, p := range r.Pop(nil, rng.IntN(3000)) {
					got = append(got, p.B...)
					p.Chunk.Release()
				}
			case 1:
				p := make([]byte, rng.IntN(3000))
				got = append(got, p[:r.Read(p)]...)
			}
		}
		if !bytes.Equal(got, data) {
			t.Fatalf("seed %d: the bytes read are not the stream", seed)
		}
		if err := r.SetFinal(wire.Offset(size)); err != nil || !r.Finished() {
			t.Fatalf("seed %d: not finished: %v", seed, err)
		}
		home(t, &chunks)
	}
}

// A peer that sends single bytes must not make us hold a chunk for each of them.
func TestMemoryIsInProportionToTheBytesHeld(t *testing.T) {
	const size, maxGaps = 20_000, 500
	orders := map[string]func(i int) int{ // the n-th byte sent
		"every second byte, then the others": func(n int) int {
			block, k := n/1000*1000, n%1000
			return block + k*2%1000 + k/500
		},
		"backwards, a block at a time": func(n int) int { return n/1000*1000 + 999 - n%1000 },
		"scattered in blocks":          func(n int) int { return n/500*500 + n%500*183%500 },
	}
	for _, story := range []string{"every second byte, then the others", "backwards, a block at a time", "scattered in blocks"} {
		t.Run(story, func(t *testing.T) {
			var chunks actor.Chunks
			data, in := streamBytes(size), make([]bool, size)
			r := NewReassembly(maxGaps)
			for n := range size {
				i := orders[story](n)
				if err := r.Insert(wire.Offset(i), data[i:i+1], &chunks); err != nil {
					t.Fatal(err)
				}
				in[i] = true
				if n%97 == 0 {
					r.check(t, in, maxGaps)
				}
			}
			r.check(t, in, maxGaps)
			if r.Readable() != size || chunks.Out() > 2*size/actor.ChunkTiny {
				t.Errorf("%d bytes in %d chunks", r.Readable(), chunks.Out())
			}
			if !bytes.Equal(popAll(&r, 333), data) {
				t.Error("the bytes read are not the stream")
			}
			r.Release()
			home(t, &chunks)
		})
	}
}

func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 0, 10, 0, 5, 20, 0, 100, 30, 1, 0, 7, 0, 25, 75, 2, 0, 200})
	f.Add([]byte{0, 9, 1, 0, 7, 1, 0, 5, 1, 0, 8, 1, 0, 6, 1, 0, 0, 5, 2, 0, 3, 3, 0, 10, 0, 9, 9})
	f.Add([]byte{0, 255, 255, 4, 0, 255, 3, 1, 0, 0, 0, 255, 1, 0, 255})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 900 {
			return
		}
		const unit, maxGaps = 9, 12 // positions and lengths are in units of 9 bytes
		data := streamBytes(512 * unit)
		in := make([]bool, len(data))
		var chunks actor.Chunks
		var got []byte
		r := NewReassembly(maxGaps)
		defer func() {
			r.Release()
			home(t, &chunks)
			if !bytes.Equal(got, data[:len(got)]) {
				t.Fatal("the bytes read are not the stream")
			}
		}()
		for ; len(ops) >= 3; ops = ops[3:] {
			switch ops[0] % 4 {
			case 0:
				lo, n := int(ops[1])*unit, int(ops[2])*unit/4
				before, final, sized := r.Highest(), r.final, r.sized
				err := r.Insert(wire.Offset(lo), data[lo:lo+n], &chunks)
				if sized && wire.Offset(lo+n) > final {
					if code(err) != wire.FinalSizeError || r.Highest() != before {
						t.Fatalf("beyond the final size: %v", err)
					}
					return
				}
				if err != nil {
					if code(err) != wire.InternalError || r.Gaps() != maxGaps {
						t.Fatalf("%v with %d gaps", err, r.Gaps())
					}
					return
				}
				for i := lo; i < lo+n; i++ {
					in[i] = true
				}
			case 1:
				for _, p := range r.Pop(nil, int(ops[1])*unit) {
					got = append(got, p.B...)
					p.Chunk.Release()
				}
			case 2:
				p := make([]byte, int(ops[2]))
				got = append(got, p[:r.Read(p)]...)
			case 3:
				size := wire.Offset(ops[1])*unit + wire.Offset(ops[2])
				bad := size < r.Highest() || r.sized && size != r.final
				if err := r.SetFinal(size); (code(err) == wire.FinalSizeError) != bad {
					t.Fatalf("SetFinal(%d): %v", size, err)
				} else if err != nil {
					return
				}
			}
			r.check(t, in, maxGaps)
		}
	})
}

func TestReassemblyAllocatesNothingInSteadyState(t *testing.T) {
	var chunks actor.Chunks
	r := NewReassembly(64)
	data := make([]byte, 1400)
	pieces := make([]Piece, 0, 64)
	off := wire.Offset(0)
	tests := []struct {
		story string
		order []wire.Offset
	}{
		{"in order", []wire.Offset{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{"with losses", []wire.Offset{0, 1, 3, 4, 5, 7, 8, 6, 9, 10, 11, 2, 13, 14, 12, 15}},
	}
	for _, tt := range tests {
		round := func() {
			for _, n := range tt.order {
				if err := r.Insert(off+n*1400, data, &chunks); err != nil {
					t.Fatal(err)
				}
			}
			off += 16 * 1400
			for _, p := range r.Pop(pieces, 1<<20) {
				p.Chunk.Release()
			}
		}
		for range 20 {
			round()
		}
		// The collector may empty the chunk pool at any time, so an odd allocation is not ours.
		if allocs := testing.AllocsPerRun(200, round); allocs > 0.1 && !race.Enabled {
			t.Errorf("%s: %v allocations for 16 frames", tt.story, allocs)
		}
	}
	r.Release()
	home(t, &chunks)
}

func BenchmarkReassemblyInOrder(b *testing.B) {
	var chunks actor.Chunks
	r := NewReassembly(64)
	data := make([]byte, 1400)
	var pieces []Piece
	b.SetBytes(1400)
	b.ReportAllocs()
	for i := range b.N {
		r.Insert(wire.Offset(i)*1400, data, &chunks)
		if i%44 == 43 { // a batch of 64 KiB, then the flush
			pieces = r.Pop(pieces[:0], 1<<20)
			for _, p := range pieces {
				p.Chunk.Release()
			}
		}
	}
}

func BenchmarkReassemblyWithLoss(b *testing.B) {
	var chunks actor.Chunks
	r := NewReassembly(64)
	data := make([]byte, 1400)
	var pieces []Piece
	b.SetBytes(1400)
	b.ReportAllocs()
	for i := range b.N {
		at := i
		if i%100 < 50 { // one frame of a hundred comes fifty frames late
			at = i + 1
		} else if i%100 == 50 {
			at = i - 50
		}
		r.Insert(wire.Offset(at)*1400, data, &chunks)
		if i%44 == 43 {
			pieces = r.Pop(pieces[:0], 1<<20)
			for _, p := range pieces {
				p.Chunk.Release()
			}
		}
	}
}

// BenchmarkCopy is what a frame costs at the least: its bytes, into memory of the same sizes.
func BenchmarkCopy(b *testing.B) {
	space := make([]byte, 64<<10)
	data := make([]byte, 1400)
	b.SetBytes(1400)
	b.ReportAllocs()
	for i := range b.N {
		copy(space[i%44*1400:], data)
	}
}
