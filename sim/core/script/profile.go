package script

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
)

// Profile is a named range of runs.
type Profile struct {
	Name, What string
	part       func(d dice, s *setting) // what it adds to clean
}

// setting is what a profile draws for one run.
type setting struct {
	clients  int
	conns    int // of each client
	atOnce   int // of each client
	requests int // of each client
	most     int // bytes of a body
	up, down link.Config
	server   HostOptions
	bounds   func(*port.Limits)
	slack    time.Duration

	cancels, slows, stalls float64 // the probability of each, for each request
	crashes, pauses        float64 // the probability of each of three
	goodbyes               float64
}

// Profiles lists them all.
func Profiles() []Profile {
	return []Profile{
		{"smoke", "one small connection with a loss now and then, for many seeds", smoke},
		{"clean", "links with a rate and a delay, and nothing else", func(dice, *setting) {}},
		{"lossy", "1 to 10 % of the datagrams are lost, each on its own", lossy},
		{"bursty", "losses in bursts, and by a small queue", bursty},
		{"mobile", "jitter, reordering, changes of the path, outages of up to three seconds", mobile},
		{"narrow", "tiny windows, quotas, queues and lives of keys on fast links", narrow},
		{"hostile-network", "corrupt, doubled, reordered, remarked and targeted datagrams, a smaller MTU", hostile},
		{"crash", "a server that crashes, pauses and says goodbye", crash},
		{"everything", "a random part of all of the above at once", everything},
	}
}

// ProfileNamed finds one.
func ProfileNamed(name string) (Profile, bool) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// dice are what a profile throws, by name: none shifts another.
type dice struct{ at draw.Place }

func (d dice) between(what string, low, high int) int { return low + d.at.IntN(0, what, high-low+1) }
func (d dice) share(what string, low, high float64) float64 {
	return low + (high-low)*d.at.Float64(0, what)
}
func (d dice) time(what string, low, high time.Duration) time.Duration {
	return low + d.at.Duration(0, what, high-low+1)
}
func (d dice) coin(what string) bool { return d.at.IntN(0, what, 2) == 0 }

// clean is what all profiles begin with.
func clean(d dice, s *setting) {
	s.clients = d.between("clients", 1, 3)
	s.conns = d.between("connections", 1, 2)
	s.atOnce = d.between("at once", 1, 8)
	s.requests = d.between("requests", 1, 12)
	s.most = 1 << d.between("size", 10, 17)
	rate := link.Rate(d.between("rate", 2, 100)) * link.Mbit
	delay := d.time("delay", 200*time.Microsecond, 60*time.Millisecond)
	s.up = link.Config{Delay: delay / 2, Rate: rate}
	s.down = s.up
	if d.coin("asymmetric") {
		s.up.Rate = rate/10 + link.Mbit
	}
	s.server.Down.Delay, s.server.Up.Delay = delay/2, delay/2
	s.cancels, s.slows, s.stalls = 0.1, 0.1, 0.05
	s.slack = 100 * time.Millisecond
}

func (s *setting) both(f func(c *link.Config)) {
	f(&s.up)
	f(&s.down)
}

func smoke(d dice, s *setting) {
	s.clients, s.conns, s.atOnce = 1, 1, d.between("smoke at once", 1, 3)
	s.requests = d.between("smoke requests", 1, 4)
	s.most = 1 << d.between("smoke size", 8, 13)
	s.both(func(c *link.Config) { c.Loss = d.share("smoke loss", 0, 0.05) })
}

func lossy(d dice, s *setting) {
	s.up.Loss, s.down.Loss = d.share("loss up", 0.01, 0.1), d.share("loss down", 0.01, 0.1)
}

func bursty(d dice, s *setting) {
	length, share := d.share("burst", 2, 8), d.share("share", 0.005, 0.05)
	s.both(func(c *link.Config) {
		c.Burst = &link.GilbertElliott{LeaveBad: 1 / length, EnterBad: share / length, LossBad: d.share("bad", 0.5, 1)}
		c.Queue = 1500 * d.between("queue", 8, 40)
	})
	s.down.AQM = link.AQM(d.between("aqm", 0, 2))
}

// mobile has no NAT that rebinds: the engine does not follow a peer to another address yet, and says so in its transport
// parameters (disable_active_migration); the connection would end by its idle timeout.
func mobile(d dice, s *setting) {
	s.both(func(c *link.Config) {
		c.Jitter = d.time("jitter", 0, 30*time.Millisecond)
		c.Reorder = d.share("reorder", 0, 0.05)
		c.Loss = d.share("loss", 0, 0.02)
	})
	from := d.time("outage", 0, 2*time.Second)
	gap := link.Outage{From: mono.Time(from), Until: mono.Time(from + d.time("how long", 50*time.Millisecond, 3*time.Second))}
	s.down.Outages = []link.Outage{gap}
	if d.coin("another path") {
		at := mono.Time(d.time("path change", 0, 2*time.Second))
		to := link.Change{At: at, Delay: d.time("other delay", 0, 80*time.Millisecond), Rate: link.Rate(d.between("other rate", 1, 50)) * link.Mbit}
		s.both(func(c *link.Config) { c.Changes = []link.Change{to} })
	}
	if d.coin("both ways") {
		s.up.Outages = []link.Outage{gap}
	}
}

func narrow(d dice, s *setting) {
	s.most = 1 << d.between("narrow size", 8, 14)
	s.both(func(c *link.Config) {
		c.Rate, c.Queue = 100*link.Mbit, 1500*d.between("queue", 4, 20)
		c.Delay = d.time("narrow delay", 0, 5*time.Millisecond)
	})
	s.bounds = func(l *port.Limits) {
		l.Streams = 64
		l.StreamWindow = 1 << d.between("stream window", 9, 16)
		l.ConnWindow = 1 << d.between("window", 10, 17)
		l.StreamWindowMax, l.ConnWindowMax = 2*l.StreamWindow, 4*max(l.StreamWindow, l.ConnWindow)
		l.UnsentBytes = 1 << d.between("unsent", 8, 16)
		l.BigBatches = d.between("batches", 1, 4)
		l.RxBatches = d.between("receive batches", 2, 100)
		l.RxTrains = d.between("trains", 1, min(l.RxBatches, 16))
		l.KeyPhasePackets = 1 << d.between("packets with a key", 0, 8)
	}
}

func hostile(d dice, s *setting) {
	s.both(func(c *link.Config) {
		c.Corrupt, c.Duplicate = d.share("corrupt", 0, 0.03), d.share("twice", 0, 0.1)
		c.Reorder, c.MarkCE = d.share("reorder", 0, 0.1), d.share("marks", 0, 0.1)
		c.ECN = link.Rewrite(d.between("ecn", 0, 2))
		if at := mono.Time(d.time("mtu when", 0, time.Second)); d.coin("mtu") {
			c.MTUChanges = []link.MTUChange{{At: at, MTU: d.between("mtu", 1200, 1452)}}
		}
		kinds := []link.Kind{link.Initial, link.Handshake, link.OneRTT}
		for i := range d.between("targets", 0, 3) {
			c.Drop = append(c.Drop, link.Target{Kind: kinds[(i+d.between("kind", 0, 2))%3], N: uint64(1 + i)})
		}
	})
}

func crash(d dice, s *setting) {
	s.requests = d.between("crash requests", 4, 16)
	s.crashes, s.pauses, s.goodbyes = 0.5, 0.3, 0.3
	s.slack = 2 * time.Second
}

func everything(d dice, s *setting) {
	for _, p := range Profiles() {
		if p.Name != "everything" && p.Name != "smoke" && d.coin("with "+p.Name) {
			p.part(d, s)
		}
	}
	s.server.Clock.LateTimers, s.server.Clock.Lateness = d.share("late", 0, 0.05), 20*time.Millisecond
	s.slack = 2 * time.Second
}
