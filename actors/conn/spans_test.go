package conn

import (
	"testing"

	"quicpro/actors/port"
)

// Records of streams that are slow take turns with few long lists, and what stays with a record is short.
func TestLongListsOfSpansAreLent(t *testing.T) {
	var lists spanLists
	records := make([]port.Deliver, spanLoans)
	batch := port.NewRxBatch(nil, nil)
	round := func(spans int) {
		for i := range records {
			for range spans {
				records[i].Spans = lists.add(records[i].Spans, port.Span{Batch: batch})
			}
		}
		for i := range records {
			if len(records[i].Spans) != spans {
				t.Fatalf("%d spans, want %d", len(records[i].Spans), spans)
			}
			records[i].Spans = lists.back(records[i].Spans)
			records[i].Reset()
			if n := cap(records[i].Spans); n > port.KeptSpans {
				t.Fatalf("a record keeps room for %d spans", n)
			}
		}
	}
	bulk := func() {
		for _, spans := range []int{30, 1400, 400, 900} {
			round(spans)
		}
	}
	for range 5 {
		bulk()
	}
	if n := testing.AllocsPerRun(20, bulk); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for _, list := range append(lists.long, lists.short...) {
		for _, s := range list[:cap(list)] {
			if s.Batch != nil {
				t.Fatal("a list that is kept holds a batch")
			}
		}
	}
	round(16_000) // a flood
	for _, list := range lists.long {
		if cap(list) > longSpans {
			t.Errorf("a list of %d spans is kept", cap(list))
		}
	}
}
