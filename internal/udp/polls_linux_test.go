package udp

import "testing"

// read plays one read of a socket that has a message after so many empty answers; it reports whether the reader waits.
func (p *polls) read(empty int) (waits bool) {
	p.begin()
	for range empty {
		if !p.again() {
			return true
		}
	}
	return false
}

func TestPollingStopsWhereItIsInVain(t *testing.T) {
	var p polls
	const soon, never = 30, 1 << 30
	for i := range 10 {
		if p.read(soon) {
			t.Fatalf("read %d waits for a datagram that is %d rounds away", i, soon)
		}
	}
	// The gaps between reads that poll in vain: 1, 3, 7, ... reads that wait at once.
	var gaps []int
	for gap, i := 0, 0; i < 400; i++ {
		before := p.vain
		if !p.read(never) {
			t.Fatal("it polls for ever")
		}
		if p.vain == before && p.rounds == 0 && p.rest != p.vain {
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
		p.read(never)
	}
	p.read(soon)
	if p.read(soon) || !p.read(never) || p.rest != 1 {
		t.Errorf("after a poll that found something and one in vain %d reads wait at once, want 1", p.rest)
	}
	p.off = true
	if !p.read(1) {
		t.Error("it polls when it is told not to")
	}
}
