package link

import (
	"cmp"
	"time"

	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
)

// answer is that to a question which is asked once in a run: whether a fault that the configuration orders takes place. It
// does, unless a replay leaves it out.
type answer uint8

const (
	notAsked answer = iota
	no
	yes
)

func (a *answer) ask(at draw.Place, n int, what string) bool {
	if *a == notAsked {
		*a = no
		if at.Happens(uint64(n), what, 1) {
			*a = yes
		}
	}
	return *a == yes
}

// ordered is what a configuration orders for certain times and datagrams, with the answers to whether it takes place.
type ordered struct {
	outages []Outage
	down    []answer // an outage each

	mtu      int
	changes  []MTUChange
	changed  []answer // an MTUChange each
	targets  []Target
	targeted []answer
	seen     []uint64 // datagrams that fit a target

	jitter, rewrite answer
}

func newOrdered(c *Config) ordered {
	return ordered{
		outages: c.Outages, down: make([]answer, len(c.Outages)),
		mtu: c.MTU, changes: c.MTUChanges, changed: make([]answer, len(c.MTUChanges)),
		targets: c.Drop, targeted: make([]answer, len(c.Drop)), seen: make([]uint64, len(c.Drop)),
	}
}

// isDown reports whether there is an outage at a time.
func (o *ordered) isDown(at draw.Place, t mono.Time) bool {
	for i, w := range o.outages {
		if t >= w.From && (w.Until == 0 || t < w.Until) && o.down[i].ask(at, i, "outage") {
			return true
		}
	}
	return false
}

// ethernet is what a frame of 1,500 bytes carries over IPv4, in bytes of UDP payload.
const ethernet = 1472

// mtuAt is the MTU at a time.
func (o *ordered) mtuAt(at draw.Place, now mono.Time) int {
	mtu := o.mtu
	for i, c := range o.changes {
		if now >= c.At && o.changed[i].ask(at, i, "mtu") {
			mtu = c.MTU
		}
	}
	return cmp.Or(mtu, ethernet)
}

// count counts a datagram to the targets that it fits.
func (o *ordered) count(b []byte) (fits bool) {
	if len(o.targets) == 0 {
		return false
	}
	kinds := Kinds(b)
	for i, t := range o.targets {
		if t.fits(kinds) {
			o.seen[i]++
			fits = fits || o.seen[i] == t.N
		}
	}
	return fits
}

// hit reports whether the datagram with b, just counted, is a target's.
func (o *ordered) hit(at draw.Place, b []byte) bool {
	kinds := Kinds(b)
	for i, t := range o.targets {
		if t.fits(kinds) && o.seen[i] == t.N && o.targeted[i].ask(at, i, "target") {
			return true
		}
	}
	return false
}

func (t Target) fits(kinds Kind) bool { return t.Kind == Any || t.Kind&kinds != 0 }

// channel is the state of a Gilbert-Elliott channel.
type channel struct {
	c   *GilbertElliott
	bad bool
}

// step moves the channel on to datagram n, and is the probability that it loses it.
func (g *channel) step(at draw.Place, n uint64) float64 {
	if g.c == nil {
		return 0
	}
	change := g.c.EnterBad
	if g.bad {
		change = g.c.LeaveBad
	}
	if at.Float64(n, "state of the channel") < change {
		g.bad = !g.bad
	}
	if g.bad {
		return g.c.LossBad
	}
	return g.c.LossGood
}

// policer is the state of a token bucket.
type policer struct {
	rate  int64     // bits a second
	full  int64     // billionths of a bit
	level int64     // billionths of a bit
	at    mono.Time // of level
}

func newPolicer(c *Policer) policer {
	if c == nil {
		return policer{}
	}
	full := tokens(c.Burst)
	return policer{rate: int64(c.Rate), full: full, level: full}
}

// passes takes the tokens for size bytes, if they are there.
func (p *policer) passes(now mono.Time, size int) bool {
	if p.rate == 0 {
		return true
	}
	if elapsed, missing := int64(now.Sub(p.at)), p.full-p.level; elapsed > missing/p.rate {
		p.level = p.full // also where the product below would overflow
	} else {
		p.level += elapsed * p.rate
	}
	p.at = now
	if p.level < tokens(size) {
		return false
	}
	p.level -= tokens(size)
	return true
}

// tokens is what size bytes cost, in billionths of a bit: a bit a second is one of them a nanosecond.
func tokens(size int) int64 { return int64(size) * 8 * int64(time.Second) }
