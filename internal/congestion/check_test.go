package congestion

import (
	"strings"
	"testing"
	"time"
)

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is
		harm func(c *Cubic)
	}{
		{"", func(*Cubic) {}},
		{"datagrams of 1199 bytes", func(c *Cubic) { c.datagram = 1199 }},
		{"the window is 2399, not within 2400", func(c *Cubic) { c.bytes = 2399 }},
		{"the slow start threshold is 1200", func(c *Cubic) { c.threshold = 1200 }},
		{"nothing has changed the window", func(c *Cubic) { c.touched = false }},
		{"a reduction at 0 for 3 packets", func(c *Cubic) { c.recovery = 0 }},
		{"for 0 packets", func(c *Cubic) { c.event.lost = 0 }},
		{"-1 and", func(c *Cubic) { c.peak.current = -1 }},
		{"towards -1", func(c *Cubic) { c.stage.max = -1 }},
		{"K is -1 us", func(c *Cubic) { c.stage.k = -1 }},
		{"was seen at 1", func(c *Cubic) { c.stage.begin, c.stage.seen = 2, 1 }},
		{"5 rounds of conservative slow start", func(c *Cubic) {
			c.threshold, c.slow.baseline, c.slow.rounds = Unlimited, time.Second, hystartRounds
		}},
	} {
		cubic := NewCubic(size)
		f := newFlow(t, cubic, 50*time.Millisecond)
		f.round()
		f.lose(3)
		c.harm(cubic)
		wants(t, cubic.Check(), c.want)
	}
	reno := NewNewReno(size)
	wants(t, reno.Check(), "")
	reno.credit = reno.bytes
	wants(t, reno.Check(), "38400 acknowledged bytes have not grown a window of 38400")
	reno.bytes = 0
	wants(t, reno.Check(), "the window is 0")

	for _, c := range []struct {
		want string
		harm func(p *Pacer)
	}{
		{"", func(*Pacer) {}},
		{"0 bytes a second", func(p *Pacer) { p.rate = 0 }},
		{"12001 bytes in a bucket of 12000", func(p *Pacer) { p.tokens++ }},
		{"-12001 bytes in a bucket of 12000", func(p *Pacer) { p.tokens = -p.burst - 1 }},
		{"a fraction of 1000000000", func(p *Pacer) { p.rest = 1e9 }},
	} {
		p := NewPacer(epoch, size, 100*time.Millisecond)
		c.harm(&p)
		wants(t, p.Check(), c.want)
	}
}

func wants(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("Check says %v, want %q", err, want)
	}
}

// A path that was fast owes little once it is slow: the debt of a bucket of 250 KB would silence 58 KB/s for four
// seconds.
func TestADebtShrinksWithItsBucket(t *testing.T) {
	p := NewPacer(epoch, size, 100*time.Millisecond)
	p.Update(epoch, 12_500_000, 100*time.Millisecond, false)
	for range 300 { // probes, and the packets of a handshake, do not ask for a budget
		p.OnSent(epoch, size)
	}
	p.Update(epoch, 2*size, 100*time.Millisecond, false)
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if wait := p.NextSend(epoch, 2*size).Sub(epoch); wait > time.Second {
		t.Errorf("the path is silent for %v", wait)
	}
}
