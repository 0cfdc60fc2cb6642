package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// Options shape a Book. The zero value leaves the two rules about time off.
type Options struct {
	// AckMargin is what an ACK may be late beyond max_ack_delay: a round of the scheduler, a paused host. 0: AckInTime is off.
	AckMargin time.Duration
	// ProbeMargin is what a probe may be late beyond its timeout. 0: ProbeInTime is off.
	ProbeMargin time.Duration
	// ContentBytes bounds the stream data that is remembered for StreamContent, in bytes over all connections. Beyond it
	// the oldest is forgotten, and not compared. 0: 32 MiB.
	ContentBytes int
}

// Book judges all connections of a run.
type Book struct {
	options    Options
	sides      []*Side // in the order of Open
	pairs      []*pair
	byID       map[string]*pair
	violations []Violation
	contents   contents
	frame      wire.Frame // being read
}

// pair is the sides of one connection. A server that has lost its memory may answer as a second one.
type pair struct {
	sides  []*Side
	judged bool // the transport parameters were compared
}

// maxViolations bounds the violations that are kept.
const maxViolations = 64

// New makes an empty book.
func New(o Options) *Book {
	if o.ContentBytes <= 0 {
		o.ContentBytes = 32 << 20
	}
	return &Book{options: o, byID: map[string]*pair{}, contents: contents{bound: o.ContentBytes}}
}

// Open returns the trace of one side of a connection. name is the role, a space, and the original destination connection
// ID: what follows the space pairs the sides.
func (b *Book) Open(name string, role wire.Role) *Side {
	_, id, ok := strings.Cut(name, " ")
	if !ok {
		id = name
	}
	p := b.byID[id]
	if p == nil {
		p = &pair{}
		b.byID[id] = p
		b.pairs = append(b.pairs, p)
	}
	s := newSide(b, p, name, role)
	p.sides = append(p.sides, s)
	b.sides = append(b.sides, s)
	return s
}

// Fault is the first violation, a *Violation; nil if there is none.
func (b *Book) Fault() error {
	if len(b.violations) == 0 {
		return nil
	}
	return &b.violations[0]
}

// Violations lists the first violations, at most 64, in the order in which they were found.
func (b *Book) Violations() []Violation { return slices.Clone(b.violations) }

// Check judges what has not happened in time, and what both sides must agree on. It is cheap enough for every turn of an
// executor in which nothing else was to do.
func (b *Book) Check(now mono.Time) {
	for _, s := range b.sides {
		s.checkTime(now)
	}
	for _, p := range b.pairs {
		p.agree(now)
	}
}

// Finish judges the end of a run, at the time of each side's last event.
func (b *Book) Finish() {
	for _, s := range b.sides {
		s.endDatagram()
	}
	for _, p := range b.pairs {
		p.agree(0)
	}
}

// Sides lists the sides of a connection, by its original destination connection ID.
func (b *Book) Sides(id string) []*Side {
	if p := b.byID[id]; p != nil {
		return p.sides
	}
	return nil
}

// Stats sums up all connections.
func (b *Book) Stats() Stats {
	var t Stats
	for _, s := range b.sides {
		t.Add(&s.stats)
	}
	return t
}

// Stats is what the traces of this side have said.
func (s *Side) Stats() Stats {
	t := Stats{}
	t.Add(&s.stats)
	return t
}

// violate notes a violation. What it says is only made when there is one.
func (s *Side) violate(now mono.Time, rule Rule, format string, args ...any) {
	b := s.book
	if s.hostile {
		return // it is not what its engine says that it sends
	}
	if len(b.violations) < maxViolations {
		b.violations = append(b.violations, Violation{rule, s.name, now, fmt.Sprintf(format, args...)})
	}
}

// agree compares what both sides say of the handshake, once both have said it.
func (p *pair) agree(now mono.Time) {
	if p.judged || len(p.sides) < 2 {
		return
	}
	for _, s := range p.sides {
		if !s.theirs.known || s.tampered() {
			continue
		}
		for _, o := range p.sides {
			if o.role == s.role || !o.ours.known {
				continue
			}
			p.judged = true
			if o.ours.p == s.theirs.p {
				return
			}
		}
		if p.judged {
			s.violate(max(now, s.last), ParametersAgree, "read the transport parameters %+v, which the peer did not declare", s.theirs.p)
			return
		}
	}
}
