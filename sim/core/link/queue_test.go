package link

import (
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// sojourn is the mean time in the queue of those trips sent from one time on and before another, and their share dropped.
func sojourn(trips []trip, gap, from, to time.Duration) (mean time.Duration, dropped float64) {
	n := 0
	for i, trip := range trips {
		sent := gap * time.Duration(i)
		if sent < from || sent >= to {
			continue
		}
		if trip.Fate != Delivered {
			dropped++
			continue
		}
		mean += trip.Depart.Sub(mono.Time(sent))
		n++
	}
	return mean / time.Duration(n), dropped / (dropped + float64(n))
}

// 10 Mbit/s, offered 10.5 Mbit/s for 40 s. A plain queue of 250 ms fills and stays full; CoDel keeps it near its target of
// 5 ms, dropping no more than must go, one in 21.
func TestCoDelKeepsAStandingQueueNearItsTarget(t *testing.T) {
	const gap = time.Millisecond * 100 / 105
	for _, c := range []struct {
		aqm         AQM
		least, most time.Duration
	}{{TailDrop, 240 * ms, 251 * ms}, {CoDel, 4 * ms, 12 * ms}} {
		trips := stream(sample(t, Config{Rate: 10 * Mbit, Queue: 312_500, AQM: c.aqm}), 42_000, 1250, gap, 0)
		mean, dropped := sojourn(trips, gap, 20*time.Second, 40*time.Second)
		if mean < c.least || mean > c.most {
			t.Errorf("AQM %d: %v in the queue, want %v to %v", c.aqm, mean, c.least, c.most)
		}
		near(t, "the share dropped", dropped, 1./21, 0.005)
	}
}

// 50 datagrams at once queue for up to 50 ms, but the queue is empty within an interval: no reason to drop.
func TestCoDelLetsABurstPass(t *testing.T) {
	l := sample(t, Config{Rate: 10 * Mbit, Queue: 312_500, AQM: CoDel})
	for round := range 20 {
		for range 50 {
			if _, v := l.Send(at(200*ms*time.Duration(round)), Datagram{Bytes: make([]byte, 1250)}); v.Fate != Delivered {
				t.Fatalf("round %d: %+v", round, v)
			}
		}
	}
}

// A slow link whose queue holds one datagram at a time is above the target of 5 ms, and is let alone (RFC 8289 s5).
func TestCoDelSparesASingleDatagram(t *testing.T) {
	for _, trip := range stream(sample(t, Config{Rate: Mbit, AQM: CoDel}), 1000, 1250, 10*ms, 0) {
		if trip.Fate != Delivered {
			t.Fatalf("%+v", trip)
		}
	}
	for _, trip := range stream(sample(t, Config{Rate: Mbit, AQM: CoDel}), 1000, 1250, 9990*time.Microsecond, 0) {
		if trip.Fate != Delivered {
			t.Fatalf("slightly too fast: %+v", trip)
		}
	}
}

// RED marks what can be marked and loses nothing of it, and drops the same datagrams if they cannot. Under an overload that
// marks do not slow down the queue fills, which is nobody's fault but the sender's.
func TestREDMarksAndDropsTheSameDatagrams(t *testing.T) {
	const gap = time.Millisecond * 10 / 11
	c := Config{Rate: 10 * Mbit, Queue: 125_000, AQM: RED}
	marked := stream(sample(t, c), 400, 1250, gap, udp.ECT0)
	dropped := stream(sample(t, c), 400, 1250, gap, udp.NotECT)
	first := -1
	for i := range marked {
		if marked[i].Fate != Delivered || marked[i].Marked != (marked[i].ecn == udp.CE) || dropped[i].Marked {
			t.Fatalf("#%d: %+v, %+v", i, marked[i], dropped[i])
		}
		if marked[i].Marked && first < 0 {
			if first = i; dropped[i].Fate != ByRED || marked[i].QueueBytes < 31_250 {
				t.Errorf("the first mark, with %d bytes queued, is the first drop: %+v", marked[i].QueueBytes, dropped[i])
			}
		}
	}
	if first < 0 {
		t.Fatal("there was no mark")
	}
	isMarked := func(t trip) bool { return t.Marked }
	isRED := func(t trip) bool { return t.Fate == ByRED }
	long := stream(sample(t, c), 20_000, 1250, gap, udp.ECT0)
	near(t, "the share marked of a full queue", share(long[10_000:], func(t trip) bool { return t.Marked || t.Fate == QueueFull }), 1, 0)
	calm := stream(sample(t, c), 20_000, 1250, ms+1, udp.ECT0)
	near(t, "the share marked at a rate that fits", share(calm, isMarked), 0, 0)
	overload := stream(sample(t, c), 20_000, 1250, gap, udp.NotECT)
	near(t, "the share dropped in the long run", share(overload[10_000:], isRED), 1./11, 0.01)
}

// At half of the queue, the middle between the thresholds, one datagram in twenty is signalled: every twentieth.
func TestREDSpacesItsSignalsEvenly(t *testing.T) {
	var r red
	for range 200 { // until the average is there
		r.signals(50_000, 100_000)
	}
	var gaps []int
	for gap := 1; len(gaps) < 20; gap++ {
		if r.signals(50_000, 100_000) {
			gaps, gap = append(gaps, gap), 0
		}
	}
	for _, gap := range gaps[1:] {
		if gap < 20 || gap > 21 {
			t.Fatalf("signals come after %v datagrams, want 20 or 21", gaps)
		}
	}
}
