package script

import (
	"fmt"
	"time"
)

// Plan is one request: what both sides do.
type Plan struct {
	How      How
	Up, Down int  // bytes of the bodies; an Echo's Down is its Up
	Trailers bool // both messages end with some
	Hints    int  // responses with status 103 that come first
	Bite     int  // the most body bytes in one order; 0: 64 KiB

	Start  time.Duration // how long after the one before it has ended, or the start
	Cancel time.Duration // after that time the client wants no more; 0: never
	Slow   time.Duration // how long the client takes for each piece of the response
	Drag   time.Duration // how long the handler takes for each piece of the request
	Stall  time.Duration // how long the handler does nothing at all
}

// How is what a handler does.
type How uint8

// The handlers.
const (
	Get   How = iota // answers when the request is complete, which has no body
	Store            // answers when the request is complete
	Echo             // sends back what comes, as it comes
	Early            // answers at once, and does not read the request
	Both             // answers at once, and reads the request
	Reset            // ends both ways when some of the request has come, or all
	hows
)

func (h How) String() string {
	return [...]string{"get", "store", "echo", "early", "both", "reset"}[h]
}

func (p *Plan) String() string {
	s := fmt.Sprintf("%v up %d down %d", p.How, p.Up, p.Down)
	for _, e := range []struct {
		what string
		d    time.Duration
	}{{"cancelled after", p.Cancel}, {"read slowly", p.Slow}, {"handled slowly", p.Drag}, {"stalled for", p.Stall}} {
		if e.d > 0 {
			s += fmt.Sprintf(", %s %v", e.what, e.d)
		}
	}
	return s
}

// complete makes a plan one that can be carried out.
func (p *Plan) complete() {
	switch p.How {
	case Get:
		p.Up = 0
	case Echo:
		p.Down = p.Up
	}
	if p.Bite <= 0 {
		p.Bite = 64 << 10
	}
}
