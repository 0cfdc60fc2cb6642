package conn

import (
	"math"
	"testing"
	"time"

	"quicpro/internal/congestion"
	"quicpro/internal/mono"
	"quicpro/internal/recovery"
	"quicpro/wire"
)

// chat says a small message every gap, for a while, and returns when the last one was.
func chat(k *Company, from mono.Time, gap, while time.Duration) mono.Time {
	at := from
	for at = from; at < from.Add(while); at = at.Add(gap) {
		k.Said(at)
	}
	return at.Add(-gap)
}

func TestCompanySpeaksWhileSmallMessagesCome(t *testing.T) {
	const start = mono.Time(time.Hour)
	for _, c := range []struct {
		what       string
		gap, while time.Duration
		later      time.Duration
		want       bool
	}{
		{"many", 100 * time.Microsecond, 2 * companyAfter, 0, true},
		{"few", smallWhile - time.Microsecond, 2 * companyAfter, 0, true},
		{"a moment later", 100 * time.Microsecond, 2 * companyAfter, smallWhile - companyTick, true},
		{"when they are over", 100 * time.Microsecond, 2 * companyAfter, smallWhile, false},
		{"rare ones", smallWhile + companyTick, 10 * companyAfter, 0, false},
		{"those that begin many downloads", 10 * time.Microsecond, companyAfter / 2, 0, false},
	} {
		var k Company
		last := chat(&k, start, c.gap, c.while)
		if got := k.Speaks(last.Add(c.later)); got != c.want {
			t.Errorf("%s: company speaks: %v, want %v", c.what, got, c.want)
		}
	}
	var silent Company
	var none *Company
	if none.Said(start); silent.Speaks(0) || silent.Speaks(start) || none.Speaks(start) {
		t.Error("nobody speaks")
	}
}

// A connection's bulk makes room for others' small messages, and for nobody's when there are none.
func TestBulkMakesRoomForTheSmallMessagesOfOthers(t *testing.T) {
	var k Company
	s := newSolo(t, wire.Server, func(c *Config) { c.Company = &k })
	c := s.conn
	rtt := c.loss.RTT()
	fit := func(smoothed time.Duration) int {
		*rtt = recovery.NewRTT(recovery.InitialRTT)
		rtt.Update(s.now, time.Millisecond, 0)
		for rtt.Smoothed() < smoothed-time.Microsecond {
			rtt.Update(s.now, smoothed, 0)
		}
		return c.amongSmall(512 << 10)
	}
	c.now = s.now.Add(time.Hour)
	c.streams.bulkAt = c.now
	if got := fit(4 * time.Millisecond); got != math.MaxInt {
		t.Errorf("%d bytes of bulk alone may be in flight, want any number", got)
	}
	c.now = chat(&k, c.now, time.Millisecond, 2*companyAfter)
	if got := fit(4 * time.Millisecond); got != math.MaxInt {
		t.Errorf("%d bytes may be in flight on a connection without bulk, want any number", got)
	}
	c.streams.bulkAt = c.now
	for _, w := range []struct {
		smoothed time.Duration
		want     int
	}{
		{time.Millisecond, 1 << 20}, // no queue
		{4 * time.Millisecond, leastAmongOthers},
		{2 * nearPath, math.MaxInt},
	} {
		if got := fit(w.smoothed); got < w.want-w.want/100 || got > w.want+w.want/100 && w.want < math.MaxInt {
			t.Errorf("with %v for an empty round trip of 1ms %d bytes may be in flight, want %d", w.smoothed, got, w.want)
		}
	}
	c.streams.smallAt = c.now
	if got := fit(4 * time.Millisecond); got > 257<<10 {
		t.Errorf("%d bytes may be in flight beside small messages of the connection, want 256 KiB", got)
	}
}

func TestAConnectionTellsOfItsSmallMessages(t *testing.T) {
	var k Company
	s := newSolo(t, wire.Server, func(c *Config) { c.Company = &k })
	s.say(get)
	s.streams[0].whole("200", true)
	s.heard()
	if mono.Time(k.last.Load()) != s.conn.streams.smallAt || k.last.Load() == 0 {
		t.Errorf("company heard a small message at %d, it was said at %d", k.last.Load(), s.conn.streams.smallAt)
	}
}

// wide is a congestion window of some MiB.
type wide struct{ congestion.Controller }

func (wide) Window() int { return 8 << 20 }

// Whoever holds bulk back says so: processors have pauses then.
func TestWhoHoldsBulkBackSaysSo(t *testing.T) {
	var k Company
	s := newSolo(t, wire.Server, func(c *Config) { c.Company = &k })
	c := s.conn
	c.cc = wide{c.cc}
	c.now = s.now.Add(time.Hour)
	for _, w := range []struct {
		what     string
		smoothed time.Duration
		small    bool
		want     bool
	}{
		{"bulk alone", 4 * time.Millisecond, false, false},
		{"beside small messages of others", 4 * time.Millisecond, true, true},
		{"the same, on a long path", 2 * nearPath, true, false},
	} {
		if c.now = c.now.Add(time.Second); w.small {
			c.now = chat(&k, c.now, time.Millisecond, 2*companyAfter)
		}
		*c.loss.RTT() = recovery.NewRTT(recovery.InitialRTT)
		c.loss.RTT().Update(c.now, time.Millisecond, 0)
		for c.loss.RTT().Smoothed() < w.smoothed-time.Microsecond {
			c.loss.RTT().Update(c.now, w.smoothed, 0)
		}
		c.streams.bulkAt = c.now
		c.path.challenge.owed = true // there is something to plan for
		c.plan()
		if got := k.Holds(c.now); got != w.want {
			t.Errorf("%s: bulk is held back: %v, want %v", w.what, got, w.want)
		}
		if k.Holds(c.now.Add(smallWhile)) {
			t.Errorf("%s: bulk is held back for ever", w.what)
		}
	}
	var none *Company
	if none.Hold(c.now); none.Holds(c.now) {
		t.Error("nobody holds bulk back")
	}
}
