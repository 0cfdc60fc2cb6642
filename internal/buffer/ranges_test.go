package buffer

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicpro/wire"
)

type pnRange = Range[wire.PacketNumber]

func setOf(limit int, ranges ...pnRange) *RangeSet[wire.PacketNumber] {
	s := NewRangeSet[wire.PacketNumber](limit)
	for _, r := range ranges {
		s.Add(r.Lo, r.Hi)
	}
	return &s
}

func TestRangeSetAdd(t *testing.T) {
	tests := []struct {
		story string
		held  []pnRange
		add   pnRange
		want  []pnRange
		gone  pnRange
	}{
		{"the first range", nil, pnRange{5, 6}, []pnRange{{5, 6}}, pnRange{}},
		{"nothing", []pnRange{{1, 2}}, pnRange{5, 5}, []pnRange{{1, 2}}, pnRange{}},
		{"the next number extends the highest", []pnRange{{0, 3}, {5, 6}}, pnRange{6, 7}, []pnRange{{0, 3}, {5, 7}}, pnRange{}},
		{"a number after a gap", []pnRange{{0, 3}}, pnRange{4, 5}, []pnRange{{0, 3}, {4, 5}}, pnRange{}},
		{"a known number changes nothing", []pnRange{{0, 3}, {5, 9}}, pnRange{6, 7}, []pnRange{{0, 3}, {5, 9}}, pnRange{}},
		{"a known number of a low range", []pnRange{{0, 3}, {5, 9}}, pnRange{1, 2}, []pnRange{{0, 3}, {5, 9}}, pnRange{}},
		{"closing a gap merges", []pnRange{{0, 3}, {4, 6}, {8, 9}}, pnRange{3, 4}, []pnRange{{0, 6}, {8, 9}}, pnRange{}},
		{"extending downwards", []pnRange{{4, 6}, {8, 9}}, pnRange{3, 4}, []pnRange{{3, 6}, {8, 9}}, pnRange{}},
		{"swallowing all", []pnRange{{4, 6}, {8, 9}}, pnRange{0, 20}, []pnRange{{0, 20}}, pnRange{}},
		{"swallowing the middle, touching both ends", []pnRange{{0, 2}, {4, 6}, {8, 9}}, pnRange{2, 8}, []pnRange{{0, 9}}, pnRange{}},
		{"between two", []pnRange{{0, 2}, {8, 9}}, pnRange{4, 5}, []pnRange{{0, 2}, {4, 5}, {8, 9}}, pnRange{}},
		{"one too many forgets the oldest", []pnRange{{0, 1}, {2, 3}, {4, 5}}, pnRange{6, 7}, []pnRange{{2, 3}, {4, 5}, {6, 7}}, pnRange{0, 1}},
		{"one too many in the middle", []pnRange{{0, 1}, {2, 3}, {8, 9}}, pnRange{5, 6}, []pnRange{{2, 3}, {5, 6}, {8, 9}}, pnRange{0, 1}},
		{"one too many that is itself the oldest", []pnRange{{2, 3}, {4, 5}, {8, 9}}, pnRange{0, 1}, []pnRange{{2, 3}, {4, 5}, {8, 9}}, pnRange{0, 1}},
		{"merging needs no room", []pnRange{{0, 1}, {2, 3}, {4, 5}}, pnRange{5, 7}, []pnRange{{0, 1}, {2, 3}, {4, 7}}, pnRange{}},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			s := setOf(3, tt.held...)
			gone := s.Add(tt.add.Lo, tt.add.Hi)
			if diff := cmp.Diff(tt.want, s.Ranges()); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
			if gone != tt.gone {
				t.Errorf("forgot %v, want %v", gone, tt.gone)
			}
		})
	}
}

func TestRangeSetSub(t *testing.T) {
	tests := []struct {
		story string
		held  []pnRange
		sub   pnRange
		want  []pnRange
		gone  pnRange
	}{
		{"from nothing", nil, pnRange{5, 6}, nil, pnRange{}},
		{"nothing", []pnRange{{1, 4}}, pnRange{2, 2}, []pnRange{{1, 4}}, pnRange{}},
		{"a gap", []pnRange{{1, 4}, {6, 8}}, pnRange{4, 6}, []pnRange{{1, 4}, {6, 8}}, pnRange{}},
		{"a head", []pnRange{{1, 4}, {6, 8}}, pnRange{0, 3}, []pnRange{{3, 4}, {6, 8}}, pnRange{}},
		{"a tail", []pnRange{{1, 4}, {6, 8}}, pnRange{7, 9}, []pnRange{{1, 4}, {6, 7}}, pnRange{}},
		{"a whole range", []pnRange{{1, 4}, {6, 8}}, pnRange{1, 4}, []pnRange{{6, 8}}, pnRange{}},
		{"a piece splits", []pnRange{{1, 9}}, pnRange{3, 5}, []pnRange{{1, 3}, {5, 9}}, pnRange{}},
		{"across ranges", []pnRange{{1, 4}, {6, 8}, {10, 12}}, pnRange{2, 11}, []pnRange{{1, 2}, {11, 12}}, pnRange{}},
		{"splitting a full set forgets the oldest", []pnRange{{0, 1}, {2, 3}, {5, 9}}, pnRange{6, 7}, []pnRange{{2, 3}, {5, 6}, {7, 9}}, pnRange{0, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			s := setOf(3, tt.held...)
			gone := s.Sub(tt.sub.Lo, tt.sub.Hi)
			if diff := cmp.Diff(tt.want, append([]pnRange(nil), s.Ranges()...)); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
			if gone != tt.gone {
				t.Errorf("forgot %v, want %v", gone, tt.gone)
			}
		})
	}
}

// rangeOracle is the same set as one bool a number.
type rangeOracle [256]bool

func (o *rangeOracle) set(lo, hi int, in bool) {
	for ; lo < hi; lo++ {
		o[lo] = in
	}
}

func (o *rangeOracle) ranges() (rs []pnRange) {
	for i := 0; i < len(o); i++ {
		if !o[i] {
			continue
		}
		lo := i
		for i < len(o) && o[i] {
			i++
		}
		rs = append(rs, pnRange{wire.PacketNumber(lo), wire.PacketNumber(i)})
	}
	return rs
}

// step changes both sets alike and compares them by every question there is.
func (o *rangeOracle) step(t *testing.T, s *RangeSet[wire.PacketNumber], add bool, lo, hi int) {
	t.Helper()
	var gone pnRange
	if add {
		o.set(lo, hi, true)
		gone = s.Add(wire.PacketNumber(lo), wire.PacketNumber(hi))
	} else {
		o.set(lo, hi, false)
		gone = s.Sub(wire.PacketNumber(lo), wire.PacketNumber(hi))
	}
	if err := s.CheckAll(); err != nil {
		t.Fatal(err)
	}
	if !gone.Empty() {
		if first := o.ranges()[0]; gone != first {
			t.Fatalf("forgot %v, but the lowest is %v", gone, first)
		}
		o.set(int(gone.Lo), int(gone.Hi), false)
	}
	want := o.ranges()
	if !cmp.Equal(want, append([]pnRange(nil), s.Ranges()...)) {
		t.Fatalf("after add=%v [%d, %d): ranges %v, want %v", add, lo, hi, s.Ranges(), want)
	}
	count := 0
	for i, in := range o {
		if s.Contains(wire.PacketNumber(i)) != in {
			t.Fatalf("Contains(%d) = %v", i, !in)
		}
		if in {
			count++
		}
	}
	if int(s.Count()) != count || s.Empty() != (count == 0) || s.Len() != len(want) {
		t.Fatalf("Count %d, Empty %v, Len %d; want %d numbers in %d ranges", s.Count(), s.Empty(), s.Len(), count, len(want))
	}
	if count > 0 && (s.First() != want[0] || s.Last() != want[len(want)-1]) {
		t.Fatalf("First %v, Last %v of %v", s.First(), s.Last(), want)
	}
	all := true
	for i := lo; i < hi; i++ {
		all = all && o[i]
	}
	if got := s.ContainsRange(wire.PacketNumber(lo), wire.PacketNumber(hi)); got != all {
		t.Fatalf("ContainsRange(%d, %d) = %v, want %v", lo, hi, got, all)
	}
}

func TestRangeSetIsASetOfNumbers(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := setOf(1 + rng.IntN(12))
		var o rangeOracle
		for range 400 {
			lo := rng.IntN(250)
			o.step(t, s, rng.IntN(3) > 0, lo, lo+rng.IntN(6))
		}
	}
}

func FuzzRangeSet(f *testing.F) {
	f.Add([]byte{2, 0, 1, 4, 1, 6, 1, 130, 3})
	f.Add([]byte{7, 10, 200, 0, 20, 3, 1, 40, 2, 0, 5, 1, 1, 1, 90})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || len(in) > 600 {
			return
		}
		s := setOf(1 + int(in[0]%16))
		var o rangeOracle
		for in = in[1:]; len(in) >= 3; in = in[3:] {
			lo := int(in[1])
			o.step(t, s, in[0]&1 == 0, lo, min(lo+int(in[2]), len(o)))
		}
	})
}

func TestRangeSetAllocatesNothingAtItsLimit(t *testing.T) {
	s := setOf(32)
	n := wire.PacketNumber(0)
	step := func() {
		for range 100 { // every third number is missing; one gap closes late
			s.Add(n, n+2)
			if n > 30 {
				s.Add(n-28, n-27)
			}
			n += 3
		}
	}
	step()
	if allocs := testing.AllocsPerRun(100, step); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkRangeSetInOrder(b *testing.B) {
	s := NewRangeSet[wire.PacketNumber](32)
	b.ReportAllocs()
	for i := range b.N {
		s.Add(wire.PacketNumber(i), wire.PacketNumber(i+1))
	}
}

func BenchmarkRangeSetWithGaps(b *testing.B) {
	s := NewRangeSet[wire.PacketNumber](32)
	b.ReportAllocs()
	for i := range b.N {
		s.Add(wire.PacketNumber(2*i), wire.PacketNumber(2*i+1))
	}
}
