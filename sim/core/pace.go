package core

import "time"

// Pace makes time pass and waits for app tasks. Its methods are called by the executor only, but for Kick.
type Pace interface {
	// Now is how long the world has existed.
	Now() time.Duration
	// Wait returns at the given time or, earlier, after a Kick. A time that is never reached is negative: then it returns
	// only after a Kick.
	Wait(until time.Duration)
	// Kick makes Wait return. Any goroutine may call it.
	Kick()
	// Settle waits until every app task waits for something.
	Settle()
	// Start starts an app task.
	Start(f func())
	// Goroutine tells the goroutines of app tasks apart; the executor's is 0. Any goroutine may call it.
	Goroutine() uint64
}

// scripted is a Pace without app tasks: time jumps.
type scripted struct{ now time.Duration }

// Scripted makes a Pace for a world whose apps are scripts: no goroutine lives beside the executor's.
func Scripted() Pace { return &scripted{} }

func (p *scripted) Now() time.Duration { return p.now }

func (p *scripted) Wait(until time.Duration) {
	if until < 0 {
		panic("core: a scripted world has nothing to wait for")
	}
	p.now = until
}

func (p *scripted) Kick()             {}
func (p *scripted) Settle()           {}
func (p *scripted) Start(f func())    { f() }
func (p *scripted) Goroutine() uint64 { return 0 }
