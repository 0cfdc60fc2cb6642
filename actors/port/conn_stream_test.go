package port

import "testing"

// A peer that fills its packets with STREAM frames of a few bytes makes a Deliver long, once.
func TestADeliverForgetsWhatAFloodOfFramesMadeOfIt(t *testing.T) {
	d := &Deliver{}
	for range 16_000 {
		d.Spans = append(d.Spans, Span{Batch: NewRxBatch(nil, nil)})
	}
	d.Release()
	if n := cap(d.Spans); n > KeptSpans {
		t.Errorf("an empty record keeps room for %d spans, more than %d", n, KeptSpans)
	}
	for range 100 {
		d.Spans = append(d.Spans, Span{Batch: NewRxBatch(nil, nil)})
	}
	d.Release()
	if cap(d.Spans) < 100 {
		t.Error("the room for an ordinary train was given up: the next one allocates")
	}
}
