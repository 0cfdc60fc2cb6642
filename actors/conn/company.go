package conn

import (
	"time"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// Company is what connections that share the processors tell each other: that small messages are said, all the time, and that
// bulk is held back for small ones. The zero Company is silent, and so is a nil one.
type Company struct {
	since actor.Count // when the first of them was, with no pause of smallWhile since
	last  actor.Count // and the last, about
	held  actor.Count // when bulk was held back last, about
}

const (
	// companyAfter is for how long they must have come: as many downloads as may begin at once are none, though each begins with a small
	// message.
	companyAfter = 30 * time.Millisecond
	// companyTick is how exactly what is last is known: all connections read it.
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

// Hold notes that bulk is held back.
func (k *Company) Hold(now mono.Time) {
	if k != nil && now >= mono.Time(k.held.Load()).Add(companyTick) {
		k.held.Set(int64(now))
	}
}

// Holds reports whether bulk has been held back lately, so that processors have pauses.
func (k *Company) Holds(now mono.Time) bool {
	if k == nil {
		return false
	}
	held := mono.Time(k.held.Load())
	return held > 0 && now < held.Add(smallWhile)
}
