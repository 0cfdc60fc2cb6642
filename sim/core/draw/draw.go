// Package draw answers every random question of a simulated run.
//
// A question has a key: where it is asked, how often it was asked there before, and what about. The answer depends on the
// seed and the key alone, never on what was asked elsewhere, so that a fault taken away leaves all other draws as they
// were. The answers that are not the default ("lost", where a packet usually is not) are the run's decisions: a run is its
// seed and that list, and a shorter list is a smaller run.
package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Decision is one thing that happened in a run and need not have: What, to the N-th item at Where.
type Decision struct {
	Where string // a link, a host, the schedule, the workload; without " #"
	N     uint64
	What  string // "lost", "twice", "crash": one word or more, in the words of the place
}

// String writes d as Parse reads it: "cli>srv #14 lost".
func (d Decision) String() string {
	return d.Where + " #" + strconv.FormatUint(d.N, 10) + " " + d.What
}

// Parse reads what String writes.
func Parse(s string) (Decision, error) {
	where, rest, ok := strings.Cut(s, " #")
	number, what, ok2 := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	if !ok || !ok2 || err != nil || where == "" || what == "" {
		return Decision{}, fmt.Errorf("draw: %q is no decision, which looks like \"cli>srv #14 lost\"", s)
	}
	return Decision{where, n, what}, nil
}

// Compare orders decisions by place, number and matter.
func (d Decision) Compare(o Decision) int {
	return cmp.Or(strings.Compare(d.Where, o.Where), cmp.Compare(d.N, o.N), strings.Compare(d.What, o.What))
}

// Source is where one run's answers come from. It is not safe for concurrent use: a run has one executor.
type Source struct {
	seed  uint64
	only  map[Decision]bool // a replay: exactly these happen; nil: chance decides
	taken []Decision
}

// New is the source of a run in which chance decides.
func New(seed uint64) *Source { return &Source{seed: seed} }

// Replay is the source of a run in which of all that may happen exactly the decisions in only do. Values, a delay for
// instance, are those of the seed.
func Replay(seed uint64, only []Decision) *Source {
	s := &Source{seed: seed, only: make(map[Decision]bool, len(only))}
	for _, d := range only {
		s.only[d] = true
	}
	return s
}

// Seed is the run's seed.
func (s *Source) Seed() uint64 { return s.seed }

// Replaying reports whether the decisions were given, and not left to chance.
func (s *Source) Replaying() bool { return s.only != nil }

// Taken lists the decisions so far, in the order in which they fell.
func (s *Source) Taken() []Decision { return slices.Clone(s.taken) }

// At is the source as one place sees it.
func (s *Source) At(where string) Place { return Place{s, where, mix(s.seed ^ hash(where))} }

// Place is where questions are asked. The zero Place cannot be asked.
type Place struct {
	s     *Source
	where string
	key   uint64
}

// Name is the place's.
func (p Place) Name() string { return p.where }

// Happens decides whether what happens to item n, with the given probability from 0 to 1, and notes it if it does. In a
// replay the list decides, whatever the probability.
func (p Place) Happens(n uint64, what string, probability float64) bool {
	switch {
	case p.s.only != nil:
		if !p.s.only[Decision{p.where, n, what}] {
			return false
		}
	case probability <= 0 || p.Float64(n, what) >= probability:
		return false
	}
	p.s.taken = append(p.s.taken, Decision{p.where, n, what})
	return true
}

// Uint64 is a uniform number.
func (p Place) Uint64(n uint64, what string) uint64 { return mix(mix(p.key^hash(what)) ^ n) }

// IntN is a uniform number of [0, limit). It panics if limit is not positive.
func (p Place) IntN(n uint64, what string, limit int) int {
	if limit <= 0 {
		panic("draw: a number below " + strconv.Itoa(limit) + " was asked for")
	}
	return int(p.Uint64(n, what) % uint64(limit)) // the bias of a modulo is below 2^-32 for every limit in use
}

// Float64 is a uniform number of [0, 1).
func (p Place) Float64(n uint64, what string) float64 {
	return float64(p.Uint64(n, what)>>11) / (1 << 53)
}

// Duration is a uniform duration of [0, limit); 0 if limit is not positive.
func (p Place) Duration(n uint64, what string, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(p.Uint64(n, what) % uint64(limit))
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix is the finaliser of splitmix64: every bit of x reaches every bit of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
