package link

import (
	"math"
	"slices"
	"testing"
	"time"

	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

// Each fault meets its share of 100,000 datagrams. 0.3 of a percent is more than four standard deviations.
func TestFaultsKeepToTheirProbabilities(t *testing.T) {
	for name, c := range map[string]struct {
		Config
		is   func(Verdict) bool
		want float64
	}{
		"Loss":      {Config{Loss: 0.03}, func(v Verdict) bool { return v.Fate == Lost }, 0.03},
		"Reorder":   {Config{Reorder: 0.02}, func(v Verdict) bool { return v.Late }, 0.02},
		"Overtake":  {Config{Overtake: 0.02}, func(v Verdict) bool { return v.Early }, 0.02},
		"Duplicate": {Config{Duplicate: 0.05}, func(v Verdict) bool { return v.Twice }, 0.05},
		"Corrupt":   {Config{Corrupt: 0.01}, func(v Verdict) bool { return v.Corrupt }, 0.01},
		"MarkCE":    {Config{MarkCE: 0.1}, func(v Verdict) bool { return v.Marked }, 0.1},
		"Burst":     {Config{Burst: &GilbertElliott{LossGood: 0.03, LossBad: 1}}, func(v Verdict) bool { return v.Fate == InBurst }, 0.03},
	} {
		l, n, b := sample(t, c.Config), 0, make([]byte, 10)
		for i := range 100_000 {
			if _, v := l.Send(at(time.Duration(i)*100*time.Microsecond), Datagram{ECN: udp.ECT0, Bytes: b}); c.is(v) {
				n++
			}
		}
		near(t, "the share of "+name, float64(n)/100_000, c.want, 0.003)
	}
}

// A channel that turns bad in 1 % of the datagrams and good in 25 % is bad for 1/26 of them, four at a time.
func TestAGilbertElliottChannelLosesInBursts(t *testing.T) {
	l := sample(t, Config{Burst: &GilbertElliott{EnterBad: 0.01, LeaveBad: 0.25, LossBad: 1}})
	lost, bursts, before := 0, 0, false
	for i := range 100_000 {
		_, v := l.Send(at(time.Duration(i)), Datagram{})
		is := v.Fate == InBurst
		if is {
			lost++
		}
		if is && !before {
			bursts++
		}
		before = is
	}
	near(t, "the share lost", float64(lost)/100_000, 1./26, 0.003)
	near(t, "the length of a burst", float64(lost)/float64(bursts), 4, 0.4)
}

// In a replay, of what the channel would lose only the listed datagrams are.
func TestAReplayTakesBurstsApart(t *testing.T) {
	c := Config{Burst: &GilbertElliott{EnterBad: 0.05, LeaveBad: 0.25, LossBad: 1}}
	s := draw.New(2)
	stream(New(c, s.At("x")), 1000, 10, ms, 0)
	some := []draw.Decision{s.Taken()[0], s.Taken()[5]}
	var lost []draw.Decision
	for _, trip := range stream(New(c, draw.Replay(2, some).At("x")), 1000, 10, ms, 0) {
		if trip.Fate != Delivered {
			lost = append(lost, draw.Decision{Where: "x", N: trip.N, What: trip.Fate.String()})
		}
	}
	if !slices.Equal(lost, some) {
		t.Errorf("lost are %v, want %v", lost, some)
	}
}

func TestAnOutageLosesWhatIsSentInIt(t *testing.T) {
	c := Config{Delay: 5 * ms, Outages: []Outage{{at(10 * ms), at(20 * ms)}, {at(30 * ms), 0}}}
	s := draw.New(1)
	for i, trip := range stream(New(c, s.At("x")), 40, 10, ms, 0) {
		if down := i >= 10 && i < 20 || i >= 30; down != (trip.Fate == WasDown) {
			t.Errorf("at %d ms: %v", i, trip.Fate)
		}
	}
	want := []draw.Decision{{Where: "x", N: 0, What: "outage"}, {Where: "x", N: 1, What: "outage"}}
	if !slices.Equal(s.Taken(), want) {
		t.Errorf("decisions: %v", s.Taken())
	}
	for i, trip := range stream(New(c, draw.Replay(1, want[1:]).At("x")), 40, 10, ms, 0) {
		if down := i >= 30; down != (trip.Fate == WasDown) {
			t.Errorf("without the first one, at %d ms: %v", i, trip.Fate)
		}
	}
	// What waits in the queue as the outage begins is lost as its turn comes: at 8 Mbit/s, 1000 bytes a ms.
	q := sample(t, Config{Rate: 8 * Mbit, Outages: []Outage{{at(3500 * time.Microsecond), at(6 * ms)}}})
	var fates []Fate
	for _, trip := range stream(q, 7, 1000, 0, 0) {
		fates = append(fates, trip.Fate)
	}
	if !slices.Equal(fates, []Fate{0, 0, 0, WasDown, WasDown, 0, 0}) {
		t.Errorf("of seven in the queue: %v", fates)
	}
	// What is sent in the outage does not queue for the time after.
	short := sample(t, Config{Rate: 8 * Mbit, Outages: []Outage{{0, at(ms / 2)}}})
	if _, v := short.Send(0, Datagram{Bytes: make([]byte, 1000)}); v.Fate != WasDown || v.Depart != 0 {
		t.Errorf("sent in an outage, before its end: %+v", v)
	}
}

func TestAnMTUThatChangesMidFlow(t *testing.T) {
	c := Config{MTU: 1400, MTUChanges: []MTUChange{{at(10 * ms), 1250}, {at(20 * ms), 0}}}
	fate := func(s *draw.Source, when time.Duration, size int) Fate {
		_, v := New(c, s.At("x")).Send(at(when), Datagram{Bytes: make([]byte, size)})
		return v.Fate
	}
	for _, c := range []struct {
		when time.Duration
		size int
		want Fate
	}{
		{9 * ms, 1400, Delivered}, {9 * ms, 1401, TooBig}, {10 * ms, 1250, Delivered}, {10 * ms, 1251, TooBig},
		{19 * ms, 1251, TooBig}, {20 * ms, 1472, Delivered}, {20 * ms, 1473, TooBig},
	} {
		if got := fate(draw.New(1), c.when, c.size); got != c.want {
			t.Errorf("%d bytes at %v: %v, want %v", c.size, c.when, got, c.want)
		}
	}
	if got := fate(draw.Replay(1, nil), 25*ms, 1401); got != TooBig {
		t.Errorf("a replay without the changes: %v", got)
	}
}

// A bucket of 3000 bytes that gains 1000 a ms.
func TestAPolicerDropsWhatExceedsItsRate(t *testing.T) {
	l := sample(t, Config{Policer: &Policer{Rate: 8 * Mbit, Burst: 3000}})
	send := func(when time.Duration, n int) (passed int) {
		for range n {
			switch _, v := l.Send(at(when), Datagram{Bytes: make([]byte, 1000)}); {
			case v.Fate == Delivered && v.Depart == at(when):
				passed++
			case v.Fate != Policed:
				t.Errorf("%+v", v)
			}
		}
		return passed
	}
	for _, c := range []struct {
		when       time.Duration
		sent, pass int
	}{{0, 5, 3}, {ms / 2, 5, 0}, {ms, 5, 1}, {3 * ms, 5, 2}, {time.Hour, 5, 3}} {
		if got := send(c.when, c.sent); got != c.pass {
			t.Errorf("at %v %d of %d passed, want %d", c.when, got, c.sent, c.pass)
		}
	}
}

func TestMarksAndTheirRewriting(t *testing.T) {
	for _, c := range []struct {
		Config
		sent, want udp.ECN
	}{
		{Config{MarkCE: 1}, udp.ECT0, udp.CE},
		{Config{MarkCE: 1}, udp.ECT1, udp.CE},
		{Config{MarkCE: 1}, udp.NotECT, udp.NotECT},
		{Config{}, udp.CE, udp.CE},
		{Config{ECN: Bleach}, udp.ECT0, udp.NotECT},
		{Config{ECN: Bleach, MarkCE: 1}, udp.ECT0, udp.NotECT},
		{Config{ECN: Remark}, udp.ECT0, udp.ECT1},
		{Config{ECN: Remark}, udp.CE, udp.CE},
		{Config{ECN: Remark}, udp.NotECT, udp.NotECT},
	} {
		trips := stream(sample(t, c.Config), 1, 10, 0, c.sent)
		if trips[0].ecn != c.want || trips[0].Marked != (c.MarkCE == 1 && c.sent != udp.NotECT) {
			t.Errorf("%+v: %d becomes %+v", c.Config, c.sent, trips[0])
		}
	}
}

func TestWrongValuesAreExplained(t *testing.T) {
	if err := everything().Check(); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]Config{
		"link: Loss is 3: a probability is from 0 to 1; for 3 % say 0.03":                                                     {Loss: 3},
		"link: Corrupt is NaN: a probability is from 0 to 1":                                                                  {Corrupt: math.NaN()},
		"link: Delay is -1ms: say 0 to 1h0m0s":                                                                                {Delay: -ms},
		"link: Jitter is 2h0m0s: say 0 to 1h0m0s":                                                                             {Jitter: 2 * time.Hour},
		"link: Rate is -1 bit/s: say 0 for no limit, or a multiple of Kbit, Mbit or Gbit":                                     {Rate: -1},
		"link: Queue is -1 bytes: say 0 for one bandwidth-delay product, or a positive number":                                {Queue: -1},
		"link: Queue is set, but a link without a Rate never queues: set Rate too":                                            {Queue: 1},
		"link: AQM is set, but a link without a Rate never queues: set Rate too":                                              {AQM: CoDel},
		"link: AQM is 9: say TailDrop, CoDel or RED":                                                                          {AQM: 9},
		"link: MTU is -1 bytes: say 0 for 1472, or a positive number":                                                         {MTU: -1},
		"link: ECN is 7: say KeepECN, Bleach or Remark":                                                                       {ECN: 7},
		"link: the Policer has 1000000 bit/s and a Burst of 10 bytes: say a positive Rate and a Burst of 1500 to 1073741824":  {Policer: &Policer{Mbit, 10}},
		"link: Burst.LeaveBad is 0, so that a burst never ends: say 1 through its mean length in datagrams, or use an Outage": {Burst: &GilbertElliott{EnterBad: 0.1, LossBad: 1}},
		"link: Burst.LossBad is 0, and not above LossGood, 0: say 1 if a burst loses everything":                              {Burst: &GilbertElliott{EnterBad: 0.1, LeaveBad: 0.1}},
		"link: Outages[0] is from 2s until 1s: say Until after From, or 0 for ever":                                           {Outages: []Outage{{at(2 * time.Second), at(time.Second)}}},
		"link: MTUChanges[1] is not after the one in front: sort them by At":                                                  {MTUChanges: []MTUChange{{2, 1}, {1, 1}}},
		"link: Changes[1] is not after the one in front: sort them by At":                                                     {Changes: []Change{{2, 1, 1}, {1, 1, 1}}},
		"link: Changes[0] is to a Delay of -1ns: say 0 to 1h0m0s":                                                             {Changes: []Change{{2, -1, 1}}},
		"link: Changes[0] is to -1 bit/s: say 0 for no limit, or a multiple of Kbit, Mbit or Gbit":                            {Changes: []Change{{2, 1, -1}}},
		"link: MTUChanges[0] is to -1 bytes: say 0 for 1472, or a positive number":                                            {MTUChanges: []MTUChange{{2, -1}}},
		"link: Drop[0] has no Kind: say Initial, Handshake and so on, or Any":                                                 {Drop: []Target{{0, 1}}},
		"link: Drop[0] has N 0: datagrams are counted from 1":                                                                 {Drop: []Target{{Any, 0}}},
	} {
		if err := c.Check(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// From the time of a change on, datagrams take the new path; none overtakes those that are on the old one.
func TestAPathChanges(t *testing.T) {
	slow, back := Change{at(20 * ms), 30 * ms, 400 * Kbit}, Change{at(60 * ms), 5 * ms, 8 * Mbit}
	c := Config{Delay: 10 * ms, Rate: 8 * Mbit, Changes: []Change{slow, back}}
	for _, trip := range stream(sample(t, c), 60, 1000, 10*ms, 0) {
		sent := at(10 * ms * time.Duration(trip.N))
		want := sent.Add(ms + 10*ms)
		switch {
		case sent >= back.At: // the last that was sent at the slow rate leaves at 100 ms and arrives at 130
			want = max(at(130*ms), sent.Add(ms+5*ms))
		case sent >= slow.At:
			want = at(20*ms + 20*ms*time.Duration(trip.N-1) + 30*ms)
		}
		if len(trip.arrivals) != 1 || trip.arrivals[0] != want {
			t.Errorf("#%d, sent at %v, arrives at %v, want %v", trip.N, time.Duration(sent), trip.arrivals, want)
		}
	}
	only := []draw.Decision{{Where: "x", N: 1, What: "change"}}
	l := New(c, draw.Replay(1, only).At("x"))
	for _, trip := range stream(l, 10, 1000, 10*ms, 0) {
		sent := at(10 * ms * time.Duration(trip.N))
		want := sent.Add(ms + 10*ms)
		if sent >= back.At {
			want = sent.Add(ms + 5*ms)
		}
		if trip.arrivals[0] != want {
			t.Errorf("without the first change, #%d arrives at %v, want %v", trip.N, trip.arrivals, want)
		}
	}
}
