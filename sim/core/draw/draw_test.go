package draw

import (
	"math"
	"testing"
	"time"
)

func TestADecisionIsReadAsItIsWritten(t *testing.T) {
	for _, d := range []Decision{
		{"cli>srv", 14, "lost"},
		{"srv", 0, "crash and restart"},
		{"the schedule", math.MaxUint64, "shuffled"},
	} {
		got, err := Parse(d.String())
		if err != nil || got != d {
			t.Errorf("%v became %v, %v", d, got, err)
		}
	}
	for _, bad := range []string{"", "cli>srv", "cli>srv #", "cli>srv #x lost", "cli>srv #1", " #1 lost", "cli>srv #1 "} {
		if d, err := Parse(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

func TestAnAnswerDependsOnTheSeedAndItsKeyAlone(t *testing.T) {
	a, b := New(7), New(7)
	b.At("elsewhere").Uint64(0, "lost")
	b.At("link").Uint64(0, "lost")
	if a.At("link").Uint64(3, "lost") != b.At("link").Uint64(3, "lost") {
		t.Error("what was asked before shifts an answer")
	}
	first := a.At("link").Uint64(3, "lost")
	for name, other := range map[string]uint64{
		"seed":   New(8).At("link").Uint64(3, "lost"),
		"place":  a.At("kink").Uint64(3, "lost"),
		"number": a.At("link").Uint64(4, "lost"),
		"matter": a.At("link").Uint64(3, "late"),
	} {
		if other == first {
			t.Errorf("the %s makes no difference", name)
		}
	}
}

func TestChanceKeepsToItsProbability(t *testing.T) {
	for _, p := range []float64{0, 0.01, 0.3, 1} {
		s, n := New(1), 0
		for i := range uint64(100_000) {
			if s.At("link").Happens(i, "lost", p) {
				n++
			}
		}
		if got := float64(n) / 100_000; math.Abs(got-p) > 0.005 {
			t.Errorf("of %v became %v", p, got)
		}
		if len(s.Taken()) != n {
			t.Errorf("%d happened, %d were noted", n, len(s.Taken()))
		}
	}
}

func TestAReplayTakesExactlyTheListedDecisions(t *testing.T) {
	chance := New(3)
	ask := func(s *Source) (happened []Decision) {
		for i := range uint64(1000) {
			s.At("a").Happens(i, "lost", 0.05)
			s.At("b").Happens(i, "twice", 0.05)
		}
		return s.Taken()
	}
	all := ask(chance)
	if len(all) < 50 {
		t.Fatalf("only %d decisions", len(all))
	}
	some := []Decision{all[3], all[17], {"a", 5, "lost"}}
	got := ask(Replay(3, some))
	want := map[Decision]bool{}
	for _, d := range some {
		want[d] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d decisions, want %d", len(got), len(want))
	}
	for _, d := range got {
		if !want[d] {
			t.Errorf("%v was not asked for", d)
		}
	}
	if Replay(3, nil).At("a").Float64(9, "x") != chance.At("a").Float64(9, "x") {
		t.Error("a replay changes values")
	}
}

func TestValuesKeepToTheirLimits(t *testing.T) {
	p := New(1).At("x")
	for i := range uint64(1000) {
		if v := p.IntN(i, "n", 7); v < 0 || v >= 7 {
			t.Fatalf("%d of 7", v)
		}
		if d := p.Duration(i, "d", time.Millisecond); d < 0 || d >= time.Millisecond {
			t.Fatalf("%v of 1 ms", d)
		}
	}
	if d := p.Duration(1, "d", 0); d != 0 {
		t.Errorf("%v of nothing", d)
	}
}
