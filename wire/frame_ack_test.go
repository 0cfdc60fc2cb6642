package wire

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func rangesOf(f Ack) (all []AckRange) {
	walk := f.Ranges()
	for r, ok := walk.Next(); ok; r, ok = walk.Next() {
		all = append(all, r)
	}
	return all
}

func TestAckRanges(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want []AckRange
	}{
		{"02 00 00 00 00", []AckRange{{0, 0}}},
		{"02 4100 05 00 4100", []AckRange{{0, 256}}},
		// The smallest gap: 9 and 7 acknowledged, 8 not.
		{"02 09 00 01 00 00 00", []AckRange{{9, 9}, {7, 7}}},
		{"02 14 00 02 01 02 03 00 08", []AckRange{{19, 20}, {12, 15}, {2, 10}}},
		{"02 05 00 01 03 00 00", []AckRange{{2, 5}, {0, 0}}},
	} {
		f, _, err := ParseAck(unhex(t, c.hex))
		if got := rangesOf(f); err != nil || !slices.Equal(got, c.want) || f.Count != len(c.want) {
			t.Errorf("%s: %v (Count %d), %v; want %v", c.hex, got, f.Count, err, c.want)
		}
	}
	f, _, err := ParseAck(unhex(t, "03 08 07 00 02 00 03 01"))
	if want := (ECNCounts{0, 3, 1}); err != nil || !f.HasECN || f.ECN != want || f.Delay != 7 {
		t.Errorf("ECN counts %+v, delay %d, %v", f.ECN, f.Delay, err)
	}
	mustPanic(t, "ACK not parsed", func() { Ack{}.Append(nil) })
}

func TestAckDelayTime(t *testing.T) {
	for _, c := range []struct {
		delay    uint64
		exponent uint8
		want     time.Duration
	}{
		{0, 3, 0}, {125, 3, time.Millisecond}, {1000, 0, time.Millisecond},
		{MaxVarint, 20, math.MaxInt64}, {MaxVarint, 0, math.MaxInt64},
	} {
		if got := (Ack{Delay: c.delay}).DelayTime(c.exponent); got != c.want {
			t.Errorf("%d << %d = %v, want %v", c.delay, c.exponent, got, c.want)
		}
	}
}

// Whatever the budget, the frame keeps within it, holds the newest ranges
// first, and has no room for one more.
func TestAppendAckKeepsBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		ranges := randomRanges(r, 1+r.IntN(200))
		var ecn *ECNCounts
		if r.IntN(2) == 0 {
			ecn = &ECNCounts{r.Uint64N(1000), 0, r.Uint64N(70)}
		}
		full, all := AppendAck(nil, ranges, 999, ecn, math.MaxInt)
		if all != len(ranges) {
			t.Fatalf("%d of %d ranges without a limit", all, len(ranges))
		}
		lastSize, lastFit := 0, 0
		for budget := range len(full) + 2 {
			b, fit := AppendAck([]byte{0xee}, ranges, 999, ecn, budget)
			b = b[1:]
			if len(b) > budget || fit < lastFit || (fit == 0) != (len(b) == 0) {
				t.Fatalf("budget %d: %d bytes, %d ranges after %d", budget, len(b), fit, lastFit)
			}
			if fit > lastFit && len(b) != budget {
				t.Fatalf("budget %d: %d ranges fit into %d already", budget, fit, len(b))
			}
			lastSize, lastFit = len(b), fit
			if fit == 0 {
				continue
			}
			f, n, err := ParseAck(b)
			if err != nil || n != len(b) || !slices.Equal(rangesOf(f), ranges[:fit]) || f.Delay != 999 {
				t.Fatalf("budget %d: %x reads %v, %v", budget, b, rangesOf(f), err)
			}
			if f.HasECN != (ecn != nil) || ecn != nil && f.ECN != *ecn {
				t.Fatalf("ECN counts %v, want %v", f.ECN, ecn)
			}
		}
		if lastFit != len(ranges) || lastSize != len(full) {
			t.Fatalf("%d of %d ranges with room for all", lastFit, len(ranges))
		}
	}
}

// randomRanges returns n valid ranges, largest first.
func randomRanges(r *rand.Rand, n int) []AckRange {
	ranges := make([]AckRange, n)
	next := PacketNumber(r.IntN(100))
	for i := n - 1; i >= 0; i-- {
		lo := next
		hi := lo + PacketNumber(r.IntN(1<<r.IntN(16)))
		ranges[i] = AckRange{lo, hi}
		next = hi + 2 + PacketNumber(r.IntN(1<<r.IntN(16)))
	}
	return ranges
}

func TestAppendAckRefusesBrokenRanges(t *testing.T) {
	for what, ranges := range map[string][]AckRange{
		"none":         nil,
		"negative":     {{-1, 3}},
		"upside down":  {{4, 3}},
		"touching":     {{5, 6}, {3, 4}},
		"overlapping":  {{5, 6}, {3, 5}},
		"rising":       {{5, 6}, {8, 9}},
		"second upset": {{5, 6}, {3, 2}},
		"second below": {{5, 6}, {-2, 2}},
	} {
		mustPanic(t, what, func() { AppendAck(nil, ranges, 0, nil, 1000) })
	}
}

// A count of ranges that cannot be true is found out at once, whatever packet number it would count down from: the peer
// chooses both. Found by the fuzzer of sim/core/oracle.
func TestAnImpossibleCountOfRangesTakesNoTime(t *testing.T) {
	for _, rest := range [][]byte{nil, {1}, {0, 1, 0x40}} {
		b := AppendVarint([]byte{byte(TypeAck)}, MaxVarint) // Largest
		b = AppendVarint(b, 0)                              // Delay
		b = AppendVarint(b, MaxVarint)                      // ACK Range Count
		b = append(AppendVarint(b, 0), rest...)             // First ACK Range
		done := make(chan error, 1)
		go func() {
			_, _, err := ParseAck(b)
			done <- err
		}()
		select {
		case err := <-done:
			wantCode(t, err, FrameEncodingError)
		case <-time.After(5 * time.Second):
			t.Fatalf("%x is still being parsed after 5 s", b)
		}
	}
}
