package main

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/sim/core/link"
)

// Scenario is a network and the flows over it. Each flow has a server and a client of its own; all cross one bottleneck.
type Scenario struct {
	Name, What string
	Link       link.Config   // the bottleneck, on the way from the servers to the clients
	Back       link.Config   // the way back, which has the rest of the round trip's delay
	RTT        time.Duration // without the queue; the Link's delay is half of it
	Flows      []Flow
	// Length ends flows without a size; their goodput is measured from From on.
	Length, From time.Duration
}

// Flow is what one client asks of its server.
type Flow struct {
	Start time.Duration
	Bytes int // of each response; 0: as many as come before the end
	// Count is how many requests it makes, each on a connection of its own, Every so often. 0 is one.
	Count int
	Every time.Duration
	// Cross marks traffic that is there to disturb: it always has the default controller, and is not counted.
	Cross bool
}

// kilobytes and megabytes are of bodies and queues.
const (
	kilobytes = 1000
	megabytes = 1000 * kilobytes
)

// Scenarios are the published ones. Queues are one bandwidth-delay product unless the scenario is about them.
func Scenarios() []Scenario {
	const usual = 40 * time.Millisecond
	wire := func(rate link.Rate, rtt time.Duration, change func(c *link.Config)) link.Config {
		c := link.Config{Rate: rate, Delay: rtt / 2, Queue: int(float64(rate) / 8 * rtt.Seconds())}
		if change != nil {
			change(&c)
		}
		return c
	}
	plain := wire(20*link.Mbit, usual, nil)
	staggered := func(n int) (flows []Flow) {
		for i := range n {
			flows = append(flows, Flow{Start: time.Duration(i) * 2 * time.Second})
		}
		return flows
	}
	one := func(bytes int) []Flow { return []Flow{{Bytes: bytes}} }
	return []Scenario{
		{Name: "bulk", What: "10 MB over 20 Mbit/s", Link: plain, RTT: usual, Flows: one(10 * megabytes)},
		{Name: "long", What: "20 MB over 50 Mbit/s with a round trip of 120 ms", Link: wire(50*link.Mbit, 3*usual, nil), RTT: 3 * usual,
			Flows: one(20 * megabytes)},
		{Name: "fast", What: "20 MiB over 100 Mbit/s with a round trip of 50 ms: W8 of bench", Link: wire(100*link.Mbit, 50*time.Millisecond, nil),
			RTT: 50 * time.Millisecond, Flows: one(20 << 20)},
		{Name: "short", What: "40 responses of 30 KB, each on a new connection, every 150 ms", Link: plain, RTT: usual,
			Flows: []Flow{{Bytes: 30 * kilobytes, Count: 40, Every: 150 * time.Millisecond}}},
		{Name: "fair2", What: "two flows, the second 2 s later", Link: plain, RTT: usual, Flows: staggered(2),
			Length: 30 * time.Second, From: 12 * time.Second},
		{Name: "fair4", What: "four flows, each 2 s behind the one before", Link: plain, RTT: usual, Flows: staggered(4),
			Length: 30 * time.Second, From: 12 * time.Second},
		{Name: "cross", What: "a bulk flow, and 100 KB of others every 400 ms", Link: plain, RTT: usual,
			Flows:  []Flow{{}, {Start: time.Second, Bytes: 100 * kilobytes, Count: 40, Every: 400 * time.Millisecond, Cross: true}},
			Length: 18 * time.Second, From: 2 * time.Second},
		{Name: "loss", What: "5 MB, 1 % of the datagrams lost", RTT: usual, Flows: one(5 * megabytes),
			Link: wire(20*link.Mbit, usual, func(c *link.Config) { c.Loss = 0.01 })},
		{Name: "bursts", What: "5 MB, 1 % lost in bursts of four", RTT: usual, Flows: one(5 * megabytes),
			Link: wire(20*link.Mbit, usual, func(c *link.Config) {
				c.Burst = &link.GilbertElliott{EnterBad: 0.0025, LeaveBad: 0.25, LossBad: 1}
			})},
		{Name: "reorder", What: "5 MB, 2 % overtaken by up to five others", RTT: usual, Flows: one(5 * megabytes),
			Link: wire(20*link.Mbit, usual, func(c *link.Config) { c.Reorder = 0.02 })},
		{Name: "overtake", What: "10 MB, 5 % skip the delay each way and 5 % come twice: netlab's", RTT: 50 * time.Millisecond, Flows: one(10 * megabytes),
			Back: link.Config{Overtake: 0.05, Duplicate: 0.05},
			Link: wire(20*link.Mbit, 50*time.Millisecond, func(c *link.Config) { c.Overtake, c.Duplicate = 0.05, 0.05 })},
		{Name: "bloat", What: "10 MB over 10 Mbit/s with a queue of 1 MB: 800 ms", RTT: usual, Flows: one(10 * megabytes),
			Link: wire(10*link.Mbit, usual, func(c *link.Config) { c.Queue = megabytes })},
		{Name: "codel", What: "the same with CoDel", RTT: usual, Flows: one(10 * megabytes),
			Link: wire(10*link.Mbit, usual, func(c *link.Config) { c.Queue, c.AQM = megabytes, link.CoDel })},
		{Name: "policer", What: "5 MB over 100 Mbit/s, policed to 10 Mbit/s with a bucket of 50 KB", RTT: usual, Flows: one(5 * megabytes),
			Link: wire(100*link.Mbit, usual, func(c *link.Config) {
				c.Policer = &link.Policer{Rate: 10 * link.Mbit, Burst: 50 * kilobytes}
			})},
		{Name: "path", What: "the path changes to 5 Mbit/s and 120 ms after 6 s, and back after 12 s", RTT: usual, Flows: []Flow{{}},
			Link: wire(20*link.Mbit, usual, func(c *link.Config) {
				c.Changes = []link.Change{
					{At: mono.Time(6 * time.Second), Delay: 2 * usual, Rate: 5 * link.Mbit},
					{At: mono.Time(12 * time.Second), Delay: usual / 2, Rate: 20 * link.Mbit},
				}
			}), Length: 18 * time.Second},
	}
}
