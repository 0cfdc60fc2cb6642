package main

import (
	"slices"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/sim/core/link"
	"quicpro/wire"
)

// point is a value at a time.
type point struct {
	at    time.Duration
	value float64
}

// sender is what the trace of a flow's server says: port.Trace, of all its connections.
type sender struct {
	rtts    []time.Duration
	rtt     []point   // ms
	window  []point   // KB
	sent    int       // packets
	lost    int       // of them, declared so
	origin  mono.Time // what its host's clock shows when the world begins
	newest  mono.Time
	metrics port.Metrics
}

// spacing is how far apart the points of a plot are.
const spacing = 20 * time.Millisecond

func (s *sender) Metrics(now mono.Time, m port.Metrics) {
	if m.LatestRTT > 0 && m.LatestRTT != s.metrics.LatestRTT {
		s.rtts = append(s.rtts, m.LatestRTT)
	}
	s.metrics = m
	if now.Sub(s.newest) < spacing {
		return
	}
	s.newest = now
	s.rtt = append(s.rtt, point{now.Sub(s.origin), m.LatestRTT.Seconds() * 1000})
	s.window = append(s.window, point{now.Sub(s.origin), float64(m.Window) / kilobytes})
}

func (s *sender) Packet(_ mono.Time, p port.PacketEvent) {
	if p.Sent {
		s.sent++
	}
}

func (s *sender) Lost(mono.Time, wire.Level, wire.PacketNumber, string) { s.lost++ }

func (s *sender) Dropped(mono.Time, int, string)                                       {}
func (s *sender) Parameters(mono.Time, bool, *wire.TransportParameters)                {}
func (s *sender) State(mono.Time, string)                                              {}
func (s *sender) Keys(mono.Time, wire.Level, string)                                   {}
func (s *sender) Closed(mono.Time, *port.Cause)                                        {}
func (s *sender) H3Frame(mono.Time, bool, wire.StreamID, uint64, uint64, []port.Field) {}

var _ port.Trace = (*sender)(nil)

// bottleneck is what is seen of the shared link.
type bottleneck struct {
	queued  []float64 // bytes that each datagram found in the queue
	queue   []point   // KB
	dropped int
	newest  mono.Time
}

func (b *bottleneck) tap(e link.Event) {
	if e.Link != "bottleneck toward" || e.Exit {
		return
	}
	b.queued = append(b.queued, float64(e.Verdict.QueueBytes))
	if e.Verdict.Fate != link.Delivered {
		b.dropped++
	}
	if e.At.Sub(b.newest) >= spacing {
		b.newest = e.At
		b.queue = append(b.queue, point{time.Duration(e.At), float64(e.Verdict.QueueBytes) / kilobytes})
	}
}

// percentile is the value that a share of all does not exceed; 0 of none.
func percentile[T float64 | time.Duration](all []T, share float64) T {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

// jain is the fairness index of Jain: 1 if all are equal, 1/n if one has everything.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum, squares = sum+x, squares+x*x
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(shares)) * squares)
}
