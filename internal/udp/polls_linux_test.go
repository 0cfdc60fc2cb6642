package udp

import (
	"testing"
	"time"
)

// read plays one read of a socket that has a message after a time; it reports whether the reader waits, and how often it
// asked again. A round takes a while.
func (p *polls) read(after, round time.Duration) (waits bool, asked int) {
	p.begin()
	for now := time.Unix(1, 0); ; now = now.Add(round) {
		switch {
		case now.Sub(time.Unix(1, 0)) >= after:
			return false, asked
		case !p.again(now):
			return true, asked
		}
		asked++
	}
}

func TestPollingStopsWhereItIsInVain(t *testing.T) {
	var p polls
	const round, soon, never = time.Microsecond / 3, 10 * time.Microsecond, time.Hour
	waits := func(after time.Duration) bool {
		w, _ := p.read(after, round)
		return w
	}
	for i := range 10 {
		if waits(soon) {
			t.Fatalf("read %d waits for a datagram that is %v away", i, soon)
		}
	}
	// The gaps between reads that poll in vain: 1, 3, 7, ... reads that wait at once.
	var gaps []int
	for gap, i := 0, 0; i < 400; i++ {
		before := p.vain
		if !waits(never) {
			t.Fatal("it polls for ever")
		}
		if p.vain == before && p.rest != p.vain {
			gap++
			continue
		}
		gaps = append(gaps, gap)
		gap = 0
	}
	want := []int{0, 1, 3, 7, 15, 31, 63, 63}
	for i, w := range want {
		if i >= len(gaps) || gaps[i] != w {
			t.Fatalf("reads that wait at once between vain polls: %v, want %v ...", gaps, want)
		}
	}
	// One that was worth it makes it eager again.
	for p.rest > 0 {
		waits(never)
	}
	waits(soon)
	if waits(soon) || !waits(never) || p.rest != 1 {
		t.Errorf("after a poll that found something and one in vain %d reads wait at once, want 1", p.rest)
	}
	p.off = true
	if !waits(round) {
		t.Error("it polls when it is told not to")
	}
}

func TestPollingEndsByTimeNotByRounds(t *testing.T) {
	for _, c := range []struct {
		round time.Duration
		asked int
	}{
		{time.Microsecond / 4, 400}, // nobody else has anything to do
		{40 * time.Microsecond, 3},  // all have
		{10 * time.Millisecond, 1},  // a round is longer than it may take
	} {
		var p polls
		if waits, asked := p.read(time.Hour, c.round); !waits || asked != c.asked {
			t.Errorf("rounds of %v: asked %d times and waits: %v, want %d times", c.round, asked, waits, c.asked)
		}
	}
}
