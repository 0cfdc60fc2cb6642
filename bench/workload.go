package main

import (
	"slices"
	"time"
)

// A workload measures one stack once: run returns a value for each figure. The
// first figure is the one that -min-ratio looks at.
type workload struct {
	name    string // "W4@16": of the family W4
	what    string // in the table
	figures []figure
	run     func(stack) ([]float64, error)
	on      func(stack) bool // nil: all stacks
	asked   bool             // only if -only names it
}

func (w workload) String() string { return w.name }

// A figure is one row of the table.
type figure struct {
	name    string
	unit    string
	less    bool // less is better
	targets []target
}

// A target is what quicpro's median must reach: at least the bound, or, where
// less is better, at most.
type target struct {
	bound float64
	of    string // the stack whose median the bound is multiplied by; empty: the bound is in the figure's unit
}

// base is the stack that ratios are to.
const base = "quic-go"

// times is a target relative to base.
func times(bound float64) []target { return []target{{bound, base}} }

// sizes are what the flags change.
type sizes struct {
	Bulk int64         // bytes of W1
	Span time.Duration // of one repetition in a closed loop
}

func workloads(z sizes) []workload {
	return slices.Concat(bulkWorkloads(z), requestWorkloads(z), connectionWorkloads(z), idleWorkloads(), burstWorkloads(), linkWorkloads(), mixedWorkloads(z), scalingWorkloads(z))
}

// overPackets picks the stacks that run over UDP.
func overPackets(s stack) bool { return s.packets }

// places are the two homes of a server. The suffix is the workload's.
var places = []struct {
	suffix, what string
	apart        bool
}{{"", "", false}, {"-two", ", two processes", true}}
