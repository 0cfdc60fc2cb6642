package sim

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/engine"
	"quicpro/internal/race"
	"quicpro/sim/core/link"
)

// TestSwarm runs random programs over random networks. `go test ./sim -run '^TestSwarm$' -sim.seeds=1..1000 -sim.workers=2`
// is what CI does, and 1..100000 what a night is for.
func TestSwarm(t *testing.T) {
	report := Sweep(t, Seeds{1, Seed(race.Fewer(t, 40, 10))}, swarm)
	if !t.Failed() {
		t.Logf("%v", report)
	}
	if report.Seeds >= 1000 {
		judgeCoverage(t, report)
	}
}

// swarm is one run: a few faults, a few programs, and then a world in order in which everything must come to its end.
func swarm(w *World) {
	s := &story{w: w, faults: w.Place("faults"), work: w.Place(Workload)}
	s.network()
	s.hosts()
	s.programs()
	s.trouble()
	s.politely()
	s.calm()
	s.genuine()
}

// story is what happens in one world of the swarm.
type story struct {
	w            *World
	faults, work Place

	server     *Server
	clients    []*clientHost
	links      []Link
	longest    time.Duration // outage
	narrowPath bool          // the path may carry less than the engine begins with
	deadly     bool          // a connection may die: requests may fail, with an error that says so
	restart    bool
	corrupts   bool
	overtaken  bool // packets may be, by more than the length of their numbers allows for (RFC 9000 s17.1)
	all        sync.WaitGroup
	bytes      int       // of all bodies
	window     int       // the narrowest of a stream
	slowest    link.Rate // of the links
	delay      time.Duration
}

// clientHost is a client's machine.
type clientHost struct {
	*Host
	client *api.Client
	raw    bool
}

func (s *story) happens(n int, what string, p float64) bool {
	return s.faults.Happens(uint64(n), what, p)
}

// pick draws one of several.
func pick[T any](p Place, n int, what string, from ...T) T {
	return from[p.IntN(uint64(n), what, len(from))]
}

// network draws the links: one each way for the server and for each client.
func (s *story) network() {
	count := 1 + s.work.IntN(0, "clients", 2)
	for i := range count + 1 {
		s.links = append(s.links, s.link(2*i), s.link(2*i+1))
	}
}

// link draws one direction.
func (s *story) link(n int) Link {
	p := s.faults
	l := Link{Delay: pick(p, n, "delay", 0, time.Millisecond, 5*time.Millisecond, 25*time.Millisecond, 80*time.Millisecond)}
	s.delay = max(s.delay, l.Delay)
	if s.happens(n, "rate", 0.5) {
		l.Rate = pick(p, n, "rate", 2*Mbit, 5*Mbit, 20*Mbit, 100*Mbit)
		l.Queue = pick(p, n, "queue", 0, 0, 20_000, 300_000)
		l.AQM = pick(p, n, "aqm", link.TailDrop, link.TailDrop, link.CoDel, link.RED)
		if s.slowest == 0 || l.Rate < s.slowest {
			s.slowest = l.Rate
		}
	}
	if s.happens(n, "loss", 0.25) {
		l.Loss = pick(p, n, "loss", 0.002, 0.01, 0.03, 0.1, 0.25)
	}
	if s.happens(n, "bursts", 0.08) {
		l.Burst = &link.GilbertElliott{EnterBad: 0.01, LeaveBad: pick(p, n, "burst", 0.5, 0.2), LossBad: 0.9}
	}
	if s.happens(n, "jittery", 0.15) {
		l.Jitter = pick(p, n, "jitter", time.Millisecond, 10*time.Millisecond)
	}
	if s.happens(n, "reordering", 0.15) {
		l.Reorder = pick(p, n, "reorder", 0.01, 0.1)
	}
	if s.happens(n, "overtaking", 0.1) {
		s.overtaken = true
		l.Overtake = pick(p, n, "overtake", 0.01, 0.1)
	}
	if s.happens(n, "duplicating", 0.15) {
		l.Duplicate = pick(p, n, "duplicate", 0.01, 0.2)
	}
	if s.happens(n, "corrupting", 0.1) {
		s.corrupts = true
		l.Corrupt = pick(p, n, "corrupt", 0.003, 0.03)
	}
	if s.happens(n, "marking", 0.05) {
		l.MarkCE = 0.1
	}
	if s.happens(n, "bleaching", 0.04) {
		l.ECN = link.Bleach
	}
	if s.happens(n, "policing", 0.03) {
		l.Policer = &link.Policer{Rate: 5 * Mbit, Burst: 30_000}
	}
	if s.happens(n, "down for a while", 0.06) {
		from := p.Duration(uint64(n), "outage begins", time.Second)
		long := pick(p, n, "outage", 50*time.Millisecond, 500*time.Millisecond, 2500*time.Millisecond)
		l.Outages = []link.Outage{{From: instant(from), Until: instant(from + long)}}
		s.longest = max(s.longest, long)
	}
	if s.happens(n, "aimed at", 0.1) {
		l.Drop = []link.Target{{Kind: pick(p, n, "target", link.Initial, link.Handshake, link.OneRTT), N: uint64(1 + p.IntN(uint64(n), "target", 3))}}
	}
	if s.happens(n, "small mtu", 0.03) {
		l.MTU = pick(p, n, "mtu", 1200, 1300, 1400)
	}
	jumbo := s.happens(0, "jumbo", 0.1) // all links: one that is not narrows the whole path
	if jumbo {
		l.MTU = 8972
	}
	if s.happens(n, "mtu shrinks", 0.03) {
		l.MTUChanges = []link.MTUChange{{At: instant(p.Duration(uint64(n), "mtu shrinks", time.Second)), MTU: 1300}}
	}
	if jumbo && s.happens(n, "jumbo ends", 0.1) {
		l.MTUChanges = []link.MTUChange{{At: instant(p.Duration(uint64(n), "jumbo ends", time.Second)), MTU: pick(p, n, "jumbo ends at", 1472, 4000)}}
	}
	return l
}

// hosts makes the machines.
func (s *story) hosts() {
	h := s.w.HostOf(HostConfig{Name: "srv", Up: s.links[0], Down: s.links[1], Clock: s.clock(0), Tune: s.tune(0)})
	s.server = h.Server(&api.Server{Handler: s.handler()})
	s.echoStreams()
	for i := 0; 2*i+3 < len(s.links); i++ {
		name := fmt.Sprintf("cli%d", i)
		h := s.w.HostOf(HostConfig{Name: name, Up: s.links[2*i+2], Down: s.links[2*i+3], Clock: s.clock(i + 1), Tune: s.tune(i + 1)})
		if s.happens(i, "rebinding", 0.06) {
			at := instant(100*time.Millisecond + s.faults.Duration(uint64(i), "rebind", time.Second))
			h.NAT(Rebind{At: at, Addr: pick(s.faults, i, "rebind to", netip.Addr{}, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))})
			s.deadly = true // conn does not follow a peer to another address yet
		}
		s.clients = append(s.clients, &clientHost{Host: h, client: h.Client()})
	}
}

// clock draws a machine's clocks.
func (s *story) clock(n int) (c Clock) {
	if s.happens(n, "drifting", 0.05) {
		c.Drift = pick[int64](s.faults, n, "drift", -20_000, -200, 200, 20_000)
	}
	if s.happens(n, "skewed", 0.05) {
		c.Skew = pick(s.faults, n, "skew", -time.Hour, time.Hour)
	}
	if s.happens(n, "late timers", 0.06) {
		c.LateTimers, c.Lateness = 0.2, pick(s.faults, n, "lateness", time.Millisecond, 30*time.Millisecond)
	}
	return c
}

// tune draws narrow bounds, so that what is rare otherwise is common.
func (s *story) tune(n int) func(*engine.Limits) {
	narrow, packets := s.tight(n), 0
	if s.happens(n, "short keys", 0.4) {
		packets = 1 << s.faults.IntN(uint64(n), "packets with a key", 8)
	}
	return func(l *engine.Limits) {
		l.KeyPhasePackets = cmp.Or(packets, l.KeyPhasePackets)
		if narrow != nil {
			narrow(l)
		}
	}
}

func (s *story) tight(n int) func(*engine.Limits) {
	if !s.happens(n, "narrow", 0.4) {
		return nil
	}
	p, k := s.faults, uint64(n)
	if window := 1 << (10 + p.IntN(k, "stream window", 8)); s.window == 0 || window < s.window {
		s.window = window
	}
	return func(l *engine.Limits) {
		l.StreamWindow = 1 << (10 + p.IntN(k, "stream window", 8))
		l.ConnWindow = 1 << (11 + p.IntN(k, "connection window", 8))
		l.StreamWindowMax, l.ConnWindowMax = 2*l.StreamWindow, 4*max(l.StreamWindow, l.ConnWindow)
		l.UnsentBytes = 1 << (9 + p.IntN(k, "unsent", 9))
		l.BigBatches = 1 + p.IntN(k, "big batches", 4)
		l.RxBatches = 4 + p.IntN(k, "batches", 100)
		l.RxTrains = 1 + p.IntN(k, "trains", min(l.RxBatches, 16))
		l.Streams = 64 + p.IntN(k, "streams", 100)
		l.AckRanges = 4 + p.IntN(k, "ack ranges", 40)
	}
}

// trouble is what happens to machines while programs run.
func (s *story) trouble() {
	p := s.faults
	for i, h := range s.machines() {
		if s.happens(i, "freezes", 0.06) {
			at := p.Duration(uint64(i), "freezes at", time.Second)
			for_ := pick(p, i, "freezes for", 20*time.Millisecond, 300*time.Millisecond, 2*time.Second)
			s.longest = max(s.longest, for_)
			s.all.Go(func() {
				time.Sleep(at)
				h.Freeze()
				time.Sleep(for_)
				h.Thaw()
			})
		}
	}
	if s.happens(0, "crash", 0.06) {
		s.deadly, s.restart = true, true
		keep := p.IntN(0, "keeps keys", 2) == 0
		s.all.Go(func() {
			time.Sleep(50*time.Millisecond + p.Duration(0, "crashes at", time.Second))
			s.server.Host().Crash()
			time.Sleep(p.Duration(0, "is down for", time.Second))
			s.server.Host().Restart(keep)
		})
	}
}

// politely restarts the server: requests that have begun are answered, later ones are refused until it is back. Some are on their way
// when it says so.
func (s *story) politely() {
	if s.restart || !s.happens(0, "restart", 0.06) {
		return
	}
	s.deadly = true
	at := 50*time.Millisecond + s.faults.Duration(0, "restarts at", time.Second)
	s.rush(at)
	s.all.Go(func() {
		time.Sleep(at)
		ctx, cancel := context.WithTimeout(s.w.Context("operator"), 5*time.Second)
		defer cancel()
		_ = s.server.Shutdown(ctx) // a request that takes longer is cut off
		s.server.Host().Crash()
		s.server.Host().Restart(true)
	})
}

// genuine wants that every packet could be opened, whenever keys were updated, unless somebody has broken it, it came to a stranger, or
// its number was taken for another one.
func (s *story) genuine() {
	if s.corrupts || s.deadly || s.overtaken {
		return
	}
	for _, d := range s.w.book.Stats().Dropped {
		if d.Name == "packet failed authentication" {
			s.w.T().Errorf("%d packets failed authentication", d.N)
		}
	}
}

func (s *story) machines() []*Host {
	all := []*Host{s.server.Host()}
	for _, c := range s.clients {
		all = append(all, c.Host)
	}
	return all
}

// calm ends the faults. Then everything that is under way must end in time, and a new request must succeed.
func (s *story) calm() {
	done := make(chan struct{})
	go func() {
		s.all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
	}
	s.w.Heal()
	bound := s.bound()
	select {
	case <-done:
	case <-time.After(bound):
		s.w.T().Errorf("not everything has ended %v after the last fault", bound)
		s.w.cancel()
		<-done
	}
	for i, c := range s.clients {
		s.last(i, c)
	}
}

// bound is how long all may take once nothing goes wrong any more: the probe timeouts may have backed off as far as the
// longest outage, and what is left must go through the slowest link.
func (s *story) bound() time.Duration {
	pto := 3*4*s.delay + 100*time.Millisecond
	bound := 40*pto + 4*s.longest + 5*time.Second
	if s.window > 0 {
		bound += 2 * time.Duration(s.bytes/s.window) * 4 * s.delay // a window a round trip, at worst
	}
	if s.slowest > 0 {
		bound += 3 * time.Duration(int64(s.bytes)*8*int64(time.Second)/int64(s.slowest))
	}
	if s.deadly {
		bound += 2 * (30*time.Second + 10*time.Second) // the idle timeout, and that of a dial
	}
	return bound
}
