package main

import (
	"fmt"
	"strconv"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/congestion"
	"quicpro/sim/core/link"
	"quicpro/sim/core/script"
	"quicpro/wire"
)

// Controller is one that the laboratory knows.
type Controller struct {
	Name string
	Make func(datagram int) congestion.Controller
}

// Controllers lists them.
func Controllers() []Controller {
	return []Controller{
		{"cubic", func(n int) congestion.Controller { return congestion.NewCubic(n) }},
		{"newreno", func(n int) congestion.Controller { return congestion.NewNewReno(n) }},
	}
}

// Result is what one run showed.
type Result struct {
	Goodput    float64         // Mbit/s, of all flows together
	Shares     []float64       // Mbit/s, of each
	Jain       float64         // of the shares
	Took       []time.Duration // the time to completion of each request with a size
	RTTs       []time.Duration
	Sent       int // packets of the servers
	Lost       int // of them, declared so
	Dropped    int // datagrams at the bottleneck
	Again      int // STREAM frames of the servers that carried something again
	QueuedMost float64
	Queued     []float64 // bytes that each datagram found

	queue   []point
	flows   []series
	senders []*sender
}

// series is a flow's goodput over time.
type series struct {
	name   string
	points []point
}

// lab is one run.
type lab struct {
	s       *Scenario
	w       *script.World
	servers map[string]*sender
	shared  bottleneck
	flows   []*flow
	open    int // flows that have not ended
}

// flow is one of a scenario's.
type flow struct {
	Flow
	name     string
	asks     []*script.Ask
	began    []time.Duration
	took     []time.Duration
	over     int
	before   int // bytes that came before From
	seen     int // when the goodput was looked at last
	series   series
	cli, srv *script.Host
}

// came is how many bytes have arrived.
func (f *flow) came() (n int) {
	for _, a := range f.asks {
		n += a.Came()
	}
	return n
}

// Run runs a scenario under a seed.
func Run(s *Scenario, c Controller, seed uint64) (*Result, error) {
	l := &lab{s: s, servers: make(map[string]*sender)}
	l.w = script.NewWorld(script.Options{
		Seed: seed, Tap: l.shared.tap,
		Trace: func(host string, role wire.Role, _ wire.ConnectionID) port.Trace {
			if role != wire.Server {
				return nil
			}
			return l.servers[host]
		},
	})
	if err := l.build(c); err != nil {
		return nil, err
	}
	l.w.Run(10*time.Minute, func() bool { return l.open == 0 })
	if err := l.w.Finish(); err != nil {
		return nil, fmt.Errorf("%s with %s, seed %d: %w", s.Name, c.Name, seed, err)
	}
	return l.result(), nil
}

// build makes the network and starts the flows.
func (l *lab) build(c Controller) error {
	var servers []string
	for i, shape := range l.s.Flows {
		n := strconv.Itoa(i + 1)
		f := &flow{Flow: shape, name: "flow " + n}
		f.series.name = f.name
		o := script.HostOptions{Congestion: c.Make}
		if f.Cross {
			o.Congestion = nil
		}
		var err error
		if f.srv, err = l.w.Host("srv"+n, o); err != nil {
			return err
		}
		up := l.s.Back
		up.Delay = l.s.RTT / 2
		if f.cli, err = l.w.Host("cli"+n, script.HostOptions{Up: up}); err != nil {
			return err
		}
		f.srv.Serve()
		servers = append(servers, f.srv.Name())
		l.servers[f.srv.Name()] = &sender{origin: f.srv.Core().Now()}
		l.flows = append(l.flows, f)
	}
	if err := l.w.Core().Network().Bottleneck("bottleneck", l.s.Link, link.Config{}, servers...); err != nil {
		return err
	}
	for _, f := range l.flows {
		l.start(f)
	}
	l.w.At(l.s.From, func() {
		for _, f := range l.flows {
			f.before = f.came()
		}
	})
	l.look()
	return nil
}

// start plans the requests of a flow.
func (l *lab) start(f *flow) {
	for i := range max(f.Count, 1) {
		l.open++
		l.w.At(f.Start+time.Duration(i)*f.Every, func() { l.request(f) })
	}
}

// endless is the size of a response that is cut off.
const endless = 1 << 30

// request makes one request on a connection of its own.
func (l *lab) request(f *flow) {
	began := l.w.Now()
	f.cli.Dial(f.srv, func(c *script.Conn) {
		p := script.Plan{How: script.Get, Down: f.Bytes}
		if f.Bytes == 0 {
			p.Down, p.Cancel = endless, l.s.Length-l.w.Now()
		}
		a := f.cli.Ask(c, p, func(*script.Ask) {
			l.open--
			f.over++
			if f.Bytes > 0 {
				f.took = append(f.took, l.w.Now()-began)
			}
			c.Close(0x100, "")
		})
		f.asks, f.began = append(f.asks, a), append(f.began, began)
	})
}

// step is how far apart the points of a goodput are.
const step = 200 * time.Millisecond

// look notes what has come, now and then.
func (l *lab) look() {
	for _, f := range l.flows {
		n := f.came()
		if n > f.seen || len(f.series.points) > 0 {
			f.series.points = append(f.series.points, point{l.w.Now(), mbits(n-f.seen, step)})
		}
		f.seen = n
	}
	if l.open > 0 {
		l.w.At(l.w.Now()+step, l.look)
	}
}

func mbits(bytes int, in time.Duration) float64 { return float64(bytes) * 8 / 1e6 / in.Seconds() }

// result reads what the run showed.
func (l *lab) result() *Result {
	r := &Result{Dropped: l.shared.dropped, Queued: l.shared.queued, queue: l.shared.queue}
	for _, f := range l.flows {
		t := l.servers[f.srv.Name()]
		r.flows, r.senders = append(r.flows, f.series), append(r.senders, t)
		if f.Cross {
			continue
		}
		r.RTTs = append(r.RTTs, t.rtts...)
		r.Sent, r.Lost = r.Sent+t.sent, r.Lost+t.lost
		r.Took = append(r.Took, f.took...)
		r.Shares = append(r.Shares, l.share(f))
	}
	for _, x := range r.Shares {
		r.Goodput += x
	}
	r.Jain = jain(r.Shares)
	r.Again = int(l.w.Book().Stats().Frames[wire.TypeStream].Renewed)
	r.QueuedMost = percentile(r.Queued, 1)
	return r
}

// share is the goodput of a flow.
func (l *lab) share(f *flow) float64 {
	if f.Bytes == 0 {
		return mbits(f.came()-f.before, l.s.Length-l.s.From)
	}
	bytes, busy := 0, time.Duration(0)
	for i, a := range f.asks {
		if i < len(f.took) {
			bytes, busy = bytes+a.Came(), busy+f.took[i]
		}
	}
	return mbits(bytes, max(busy, 1))
}
