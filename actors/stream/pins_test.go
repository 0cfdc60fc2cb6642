package stream

import (
	"testing"

	"quicpro/actors/port"
)

// A record that was read names nothing any more, although its sender empties it only when it fills it again: a quiet
// stream would keep receive buffers and chunks from the collector, which their pools have let go.
func TestARecordThatWasReadPinsNothing(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.deliver(func(m *port.Deliver) { m.Spans = append(m.Spans, d.span(0, "ab", false), d.span(2, "cd", false)) })
	d.says("hello", false)
	d1, d2 := d.link.Down.Both()
	for _, m := range []*port.Deliver{d1, d2} {
		if m == nil {
			continue // never needed
		}
		for _, s := range m.Spans[:cap(m.Spans)] {
			if s.B != nil || s.Batch != nil {
				t.Error("a Deliver still names a batch")
			}
		}
	}
	w1, w2 := d.link.Out.Both()
	for _, m := range []*port.Write{w1, w2} {
		if m == nil {
			continue
		}
		for _, c := range m.Chunks[:cap(m.Chunks)] {
			if c != nil {
				t.Error("a Write still names a chunk")
			}
		}
	}
}
