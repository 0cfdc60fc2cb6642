package link

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

const ms = time.Millisecond

// at is the time so long after the start.
func at(d time.Duration) mono.Time { return mono.Time(d) }

// sample is a link of its own, drawn from seed 1.
func sample(t testing.TB, c Config) *Link {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return New(c, draw.New(1).At("cli>net"))
}

// trip is what became of one datagram of a stream.
type trip struct {
	Verdict
	arrivals []mono.Time
	ecn      udp.ECN // of the first arrival
	bytes    []byte  // of the first arrival
}

// stream sends count datagrams of size bytes, one each gap, and waits for the last.
func stream(l *Link, count, size int, gap time.Duration, ecn udp.ECN) []trip {
	trips := make([]trip, count)
	take := func(arrivals []Arrival) {
		for _, a := range arrivals {
			t := &trips[a.Verdict.N]
			if t.arrivals = append(t.arrivals, a.At); len(t.arrivals) == 1 {
				t.ecn, t.bytes = a.ECN, a.Bytes
			}
		}
	}
	b := make([]byte, size)
	for i := range trips {
		arrivals, v := l.Send(at(gap*time.Duration(i)), Datagram{ECN: ecn, Bytes: b})
		trips[i].Verdict = v
		take(arrivals)
	}
	take(l.Overdue(at(gap*time.Duration(count) + time.Hour)))
	return trips
}

// share is the part of the trips for which is holds.
func share(trips []trip, is func(trip) bool) float64 {
	n := 0
	for _, t := range trips {
		if is(t) {
			n++
		}
	}
	return float64(n) / float64(len(trips))
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s is %.4f, want %v within %v", what, got, want, within)
	}
}

func TestAPerfectLinkDeliversAtOnce(t *testing.T) {
	for _, trip := range stream(sample(t, Config{}), 10, 1200, ms, udp.ECT0) {
		want := at(ms * time.Duration(trip.N))
		if trip.Fate != Delivered || !slices.Equal(trip.arrivals, []mono.Time{want}) || trip.ecn != udp.ECT0 {
			t.Errorf("#%d, sent at %v: %+v", trip.N, want, trip)
		}
	}
}

// 1250 bytes are 10,000 bits: 1 ms at 10 Mbit/s. Ten datagrams sent at once leave 1 ms apart and travel for 25 ms.
func TestARateSpacesDatagrams(t *testing.T) {
	l := sample(t, Config{Rate: 10 * Mbit, Delay: 25 * ms})
	for i, trip := range stream(l, 10, 1250, 0, 0) {
		depart := at(ms * time.Duration(i+1))
		if trip.Depart != depart || trip.QueueBytes != 1250*i || trip.Arrive != depart.Add(25*ms) || trip.arrivals[0] != trip.Arrive {
			t.Errorf("#%d: %+v", i, trip)
		}
	}
	// The link was idle since: the next one waits for nobody.
	if _, v := l.Send(at(2*time.Hour), Datagram{Bytes: make([]byte, 1250)}); v.Depart != at(2*time.Hour+ms) || v.QueueBytes != 0 {
		t.Errorf("after idle time: %+v", v)
	}
}

// A queue of 10,000 bytes takes ten of 1000; 3 ms later, at 8 Mbit/s, three of them are gone and three more get in.
func TestAFullQueueDropsTheTail(t *testing.T) {
	l := sample(t, Config{Rate: 8 * Mbit, Queue: 10_000})
	send := func(when time.Duration, count int) (fates []Fate) {
		for range count {
			_, v := l.Send(at(when), Datagram{Bytes: make([]byte, 1000)})
			fates = append(fates, v.Fate)
		}
		return fates
	}
	if got := fmt.Sprint(send(0, 12)); got != "[delivered delivered delivered delivered delivered delivered delivered delivered delivered delivered queue full queue full]" {
		t.Errorf("of a burst of 12: %s", got)
	}
	if got := fmt.Sprint(send(3*ms, 4)); got != "[delivered delivered delivered queue full]" {
		t.Errorf("3 ms later: %s", got)
	}
	if c := l.Counts(); c.Sent != 16 || c.Fates[Delivered] != 13 || c.Fates[QueueFull] != 3 {
		t.Errorf("counts: %+v", c)
	}
}

func TestTheDefaultQueueIsABandwidthDelayProduct(t *testing.T) {
	for _, c := range []struct {
		Config
		want int
	}{
		{Config{Rate: 100 * Mbit, Delay: 20 * ms}, 500_000},
		{Config{Rate: Mbit, Delay: 20 * ms}, 64 << 10},
	} {
		if q := newQueue(&c.Config); q.limit != c.want {
			t.Errorf("%d bit/s and %v: %d bytes, want %d", c.Rate, c.Delay, q.limit, c.want)
		}
	}
	// Even a queue smaller than a datagram takes one when it is idle.
	l := sample(t, Config{Rate: Mbit, Queue: 100})
	if _, v := l.Send(1, Datagram{Bytes: make([]byte, 1200)}); v.Fate != Delivered {
		t.Errorf("an idle link: %v", v.Fate)
	}
}

func TestJitterSpreadsArrivalsAndKeepsTheOrder(t *testing.T) {
	trips := stream(sample(t, Config{Delay: 10 * ms, Jitter: 20 * ms}), 10_000, 100, 30*ms, 0)
	least, most, sum := time.Hour, time.Duration(0), time.Duration(0)
	for i, trip := range trips {
		extra := trip.Arrive.Sub(at(30*ms*time.Duration(i))) - 10*ms
		least, most, sum = min(least, extra), max(most, extra), sum+extra
	}
	if least < 0 || least > ms || most > 20*ms || most < 19*ms {
		t.Errorf("jitter from %v to %v, want 0 to 20 ms", least, most)
	}
	near(t, "the mean of the jitter in ms", float64(sum)/1e6/10_000, 10, 0.2)

	// Datagrams sent 1 ms apart would overtake, if they could.
	trips = stream(sample(t, Config{Delay: 10 * ms, Jitter: 20 * ms}), 10_000, 100, ms, 0)
	for i := 1; i < len(trips); i++ {
		if trips[i].Arrive < trips[i-1].Arrive {
			t.Fatalf("#%d arrives at %d, before the one in front, at %d", i, trips[i].Arrive, trips[i-1].Arrive)
		}
	}
}

// A late datagram arrives behind one to five later ones, and these keep their times.
func TestReorderLetsLaterOnesOvertake(t *testing.T) {
	plain := stream(sample(t, Config{Delay: 10 * ms}), 2000, 100, ms, 0)
	trips := stream(sample(t, Config{Delay: 10 * ms, Reorder: 0.05}), 2000, 100, ms, 0)
	overtaken := map[int]int{}
	for i, trip := range trips {
		if !trip.Late {
			if trip.arrivals[0] != plain[i].arrivals[0] {
				t.Fatalf("#%d is not late, and arrives at %d and not at %d", i, trip.arrivals[0], plain[i].arrivals[0])
			}
			continue
		}
		by := 0
		for _, later := range trips[i+1 : min(i+40, len(trips))] {
			if !later.Late && later.arrivals[0] < trip.arrivals[0] {
				by++
			}
		}
		overtaken[by]++
		if by < 1 || by > 5 || trip.arrivals[0] > trip.Arrive {
			t.Errorf("#%d is late and overtaken by %d", i, by)
		}
	}
	if len(overtaken) != 5 {
		t.Errorf("late ones are overtaken by %v others, want each of 1 to 5", overtaken)
	}
}

// One that overtakes arrives when it has left the queue, and the others keep their times.
func TestOvertakingSkipsTheDelay(t *testing.T) {
	c := Config{Delay: 10 * ms, Jitter: 2 * ms, Rate: 10 * Mbit}
	plain := stream(sample(t, c), 2000, 100, ms, 0)
	c.Overtake = 0.05
	trips, early := stream(sample(t, c), 2000, 100, ms, 0), 0
	for i, trip := range trips {
		want := plain[i].arrivals[0]
		if trip.Early {
			early++
			want = trip.Depart
		}
		if trip.arrivals[0] != want || trip.Arrive != want {
			t.Fatalf("#%d arrives at %d, want %d: %+v", i, trip.arrivals[0], want, trip)
		}
	}
	if early < 50 || early > 150 {
		t.Errorf("%d of 2000 overtake, want 5 %%", early)
	}
}

// The last datagram of a flow that is late has nobody to overtake it: it arrives all the same, 2 x 25 ms late.
func TestALateDatagramThatNobodyFollowsArrives(t *testing.T) {
	l := sample(t, Config{Delay: 25 * ms, Reorder: 1})
	arrivals, v := l.Send(at(ms), Datagram{Bytes: []byte("last")})
	if len(arrivals) != 0 || !v.Late || v.Arrive != at(76*ms) || l.Held() != 1 {
		t.Fatalf("%v, %+v", arrivals, v)
	}
	if early := l.Overdue(at(76*ms) - 1); len(early) != 0 {
		t.Errorf("too early: %v", early)
	}
	if due := l.Overdue(at(76 * ms)); len(due) != 1 || due[0].At != at(76*ms) || string(due[0].Bytes) != "last" || l.Held() != 0 {
		t.Errorf("%v", due)
	}
}

func TestADuplicateArrivesTwice(t *testing.T) {
	trips := stream(sample(t, Config{Delay: 8 * ms, Duplicate: 0.5}), 1000, 100, ms, 0)
	for _, trip := range trips {
		if trip.Twice != (len(trip.arrivals) == 2) || trip.Twice && trip.arrivals[1].Sub(trip.arrivals[0]) > 2*ms {
			t.Fatalf("%+v", trip)
		}
	}
	near(t, "the share of duplicates", share(trips, func(t trip) bool { return t.Twice }), 0.5, 0.05)
}

func TestCorruptionChangesOnePlaceOfACopy(t *testing.T) {
	l := sample(t, Config{Corrupt: 1})
	bits, changed := 0, map[int]bool{}
	for i := range 2000 {
		original := bytes.Repeat([]byte{0x5a}, 50)
		arrivals, v := l.Send(mono.Time(i), Datagram{Bytes: original})
		if !v.Corrupt || !bytes.Equal(original, bytes.Repeat([]byte{0x5a}, 50)) {
			t.Fatalf("the sender's bytes: %x, %+v", original, v)
		}
		differ := 0
		for j, b := range arrivals[0].Bytes {
			if b != 0x5a {
				differ++
				changed[j] = true
				if x := b ^ 0x5a; x&(x-1) == 0 {
					bits++
				}
			}
		}
		if differ != 1 {
			t.Fatalf("%d bytes differ", differ)
		}
	}
	if len(changed) != 50 || bits == 0 || bits == 2000 {
		t.Errorf("%d of 50 places were met, %d times one bit only", len(changed), bits)
	}
	if _, v := l.Send(3000, Datagram{}); v.Corrupt {
		t.Error("an empty datagram has nothing to change")
	}
	both := sample(t, Config{Corrupt: 1, Duplicate: 1})
	arrivals, _ := both.Send(0, Datagram{Bytes: []byte("hello")})
	if len(arrivals) != 2 || string(arrivals[0].Bytes) == "hello" || string(arrivals[1].Bytes) != "hello" || !arrivals[1].Copy {
		t.Errorf("of two copies one is corrupt: %v", arrivals)
	}
}

// everything is a link with every fault.
func everything() Config {
	return Config{
		Delay: 20 * ms, Jitter: 5 * ms, Rate: 12 * Mbit, Queue: 20_000, AQM: RED, Policer: &Policer{Rate: 15 * Mbit, Burst: 20_000},
		Loss: 0.02, Burst: &GilbertElliott{EnterBad: 0.01, LeaveBad: 0.2, LossBad: 0.8},
		Drop: []Target{{Any, 7}, {OneRTT, 3}}, Outages: []Outage{{at(30 * ms), at(40 * ms)}},
		Reorder: 0.03, Duplicate: 0.02, Corrupt: 0.02, Overtake: 0.03, MTU: 1400, MTUChanges: []MTUChange{{at(200 * ms), 1100}}, MarkCE: 0.05, ECN: Remark,
	}
}

// storm sends 2000 datagrams of many sizes at many times, the same for each seed, and is all that came out of the link.
func storm(t *testing.T, l *Link, seed uint64) ([]Verdict, []string) {
	r := rand.New(rand.NewPCG(seed, 0))
	var verdicts []Verdict
	var log []string
	got, now := map[uint64]int{}, time.Duration(0)
	note := func(arrivals []Arrival) {
		for _, a := range arrivals {
			got[a.Verdict.N]++
			log = append(log, fmt.Sprintf("%d #%d %d %x", a.At, a.Verdict.N, a.ECN, a.Bytes))
		}
	}
	for range 2000 {
		now += time.Duration(r.ExpFloat64() * 4e5)
		b := make([]byte, 1+r.IntN(1450))
		b[0] = byte(0x40 + r.IntN(0x40))
		arrivals, v := l.Send(at(now), Datagram{ECN: udp.ECN(r.IntN(4)), Bytes: b})
		verdicts = append(verdicts, v)
		note(arrivals)
	}
	note(l.Overdue(at(now + time.Minute)))
	for _, v := range verdicts {
		want := 0
		if v.Fate == Delivered {
			want = 1
		}
		if v.Twice {
			want++
		}
		if got[v.N] != want {
			t.Fatalf("%+v arrived %d times", v, got[v.N])
		}
	}
	return verdicts, log
}

// Whatever happens: what is delivered arrives once, or twice if the verdict says so, what is not does not, and the counts
// add up.
func TestNoDatagramIsBothLostAndDelivered(t *testing.T) {
	var all Counts
	for seed := range uint64(20) {
		l := New(everything(), draw.New(seed).At("cli>net"))
		verdicts, _ := storm(t, l, seed)
		var want Counts
		for _, v := range verdicts {
			want.add(v)
		}
		var sum uint64
		for f, n := range l.Counts().Fates {
			sum += n
			all.Fates[f] += n
		}
		if l.Counts() != want || sum != 2000 || l.Held() != 0 {
			t.Fatalf("seed %d: %+v, of which %d fates", seed, l.Counts(), sum)
		}
	}
	for _, f := range Fates()[:NoHost] {
		if all.Fates[f] == 0 && f != ByCoDel {
			t.Errorf("the fate %v never occurred", f)
		}
	}
}

func TestASeedIsARun(t *testing.T) {
	run := func(seed uint64) []string {
		_, log := storm(t, New(everything(), draw.New(seed).At("cli>net")), 1)
		return log
	}
	if a, b := run(5), run(5); !slices.Equal(a, b) {
		t.Error("the same seed gave two runs")
	}
	if a, b := run(5), run(6); slices.Equal(a, b) {
		t.Error("two seeds gave the same run")
	}
}

// A replay of all decisions is the run. Without one of them, only its own datagram fares differently: faults on the wire
// change neither the queue, nor the times of others, nor what is drawn for them. (What an MTU spares does enter the queue, and
// jitter, outages and the ECN field are matters of many datagrams: these are left out here.)
func TestADecisionTakenAwayLeavesTheOtherFates(t *testing.T) {
	c := everything()
	c.Outages, c.MTUChanges = nil, nil
	run := func(s *draw.Source) ([]Verdict, []string) { return storm(t, New(c, s.At("cli>net")), 1) }
	source := draw.New(9)
	verdicts, log := run(source)
	all := source.Taken()
	if again, same := run(draw.Replay(9, all)); !slices.Equal(verdicts, again) || !slices.Equal(log, same) {
		t.Fatal("a replay of all decisions is another run")
	}
	kinds := map[string]int{}
	for i, d := range all {
		if kinds[d.What]++; kinds[d.What] > 3 || d.What == "jitter" || d.What == "remark" {
			continue
		}
		if d.What == "target" { // numbered by the list: {Any, 7} and {OneRTT, 3}, where all are OneRTT
			d.N = []uint64{6, 2}[d.N]
		}
		less, _ := run(draw.Replay(9, slices.Delete(slices.Clone(all), i, i+1)))
		for n, v := range verdicts {
			if less[n] != v && uint64(n) != d.N {
				t.Errorf("without %v: #%d is %+v and not %+v", d, n, less[n], v)
			}
		}
		if less[d.N] == verdicts[d.N] {
			t.Errorf("without %v nothing has changed: %+v", d, less[d.N])
		}
	}
	for _, what := range []string{"lost", "burst", "late", "twice", "corrupt", "marked", "jitter", "target", "remark"} {
		if kinds[what] == 0 {
			t.Errorf("there was no decision %q among %v", what, kinds)
		}
	}
}

// A replay imposes any fault on any link, also on one whose configuration has none.
func TestAReplayImposesFaultsOnAPerfectLink(t *testing.T) {
	s := draw.Replay(1, []draw.Decision{{Where: "x", N: 1, What: "lost"}, {Where: "x", N: 2, What: "twice"}, {Where: "x", N: 3, What: "late"},
		{Where: "x", N: 4, What: "corrupt"}, {Where: "x", N: 5, What: "marked"}, {Where: "x", N: 6, What: "burst"}})
	trips := stream(New(Config{}, s.At("x")), 20, 100, ms, udp.ECT1)
	for n, ok := range map[int]bool{
		0: trips[0].Fate == Delivered && !trips[0].Late, 1: trips[1].Fate == Lost, 2: len(trips[2].arrivals) == 2, 3: trips[3].Late,
		4: trips[4].Corrupt, 5: trips[5].ecn == udp.CE, 6: trips[6].Fate == InBurst,
	} {
		if !ok {
			t.Errorf("#%d: %+v", n, trips[n])
		}
	}
	if len(s.Taken()) != 6 {
		t.Errorf("decisions: %v", s.Taken())
	}
}
