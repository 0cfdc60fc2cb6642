package conn

import (
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// Company is what connections that share the processors tell each other: that small messages are said, all the time. The zero
// Company is silent, and so is a nil one.
type Company struct {
	since actor.Count // when the first of them was, with no pause of smallWhile since
	last  actor.Count // and the last, about
}

const (
	// companyAfter is for how long they must have come: as many downloads as may begin at once are none, though each begins with a small
	// message.
	companyAfter = 30 * time.Millisecond
	// companyTick is how exactly the last one is known: all connections read it.
	companyTick = time.Millisecond
)

// Said notes a small message.
func (k *Company) Said(now mono.Time) {
	if k == nil {
		return
	}
	last := mono.Time(k.last.Load())
	if now >= last.Add(smallWhile) {
		k.since.Set(int64(now))
	}
	if now >= last.Add(companyTick) {
		k.last.Set(int64(now))
	}
}

// Speaks reports whether small messages are said all the time, and have been for a while.
func (k *Company) Speaks(now mono.Time) bool {
	if k == nil {
		return false
	}
	last := mono.Time(k.last.Load())
	return now < last.Add(smallWhile) && last >= mono.Time(k.since.Load()).Add(companyAfter)
}
