package link

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

// Network is hosts around a core that is infinitely fast. Each host has a link to it and one from it; several may share a
// bottleneck in between. It is driven by one executor: Send, and Advance at the times that Next says.
type Network struct {
	// Tap, if set, is told of every datagram as it enters and leaves a link, and of those that end between links.
	Tap func(Event)

	source *draw.Source
	now    mono.Time
	hosts  []*host
	owners map[netip.Addr]*host // of addresses, those of NATs included
	shared []*bottleneck
	links  []*Link
	transit
	memory memory
	out    []Delivery
	ends   Counts
	sent   uint64 // datagrams, ever
}

// Delivery is a datagram that has reached a host. Its bytes are the receiver's until it gives them back by Release.
type Delivery struct {
	At       mono.Time
	From, To netip.AddrPort // as the receiver sees them
	ECN      udp.ECN
	Bytes    []byte
	Serial   uint64 // as in Event
}

// Event is one datagram at one end of one link.
type Event struct {
	At   mono.Time
	Link string // "cli>net", "net>srv", "dsl toward", "dsl back"; a NAT, "cli nat"; or "net"
	// Exit is set as a datagram comes out of the link. As it enters, the verdict already tells the rest. A NAT and the
	// core have no exit: their events are of what ends there.
	Exit     bool
	Copy     bool // of a datagram that comes twice
	From, To netip.AddrPort
	ECN      udp.ECN
	Bytes    []byte // valid during the call, not to be changed
	Verdict  Verdict
	// Serial numbers the datagrams that hosts have sent, from 1. Copies of one, and what is left of it behind a link that
	// corrupts it, keep its number.
	Serial uint64
}

type host struct {
	name     string
	addr     netip.Addr
	up, down *Link
	behind   []*bottleneck // the nearest first
	nat      *nat
	ways     map[*host]*way // to others; nil: to nobody
}

type bottleneck struct {
	name         string
	toward, back *Link
}

// way is the links from one host to another. Without links it is a host's way to itself.
type way struct {
	links []*Link
	to    *host // nil: nobody
}

// NewNetwork is a network without hosts, whose links draw from source by their names.
func NewNetwork(source *draw.Source) *Network {
	return &Network{source: source, owners: map[netip.Addr]*host{}}
}

// Attach adds a host with the links "name>net" and "net>name".
func (n *Network) Attach(name string, addr netip.Addr, up, down Config) error {
	addr = addr.Unmap()
	switch {
	case name == "" || name == "net" || strings.Contains(name, " #"):
		return fmt.Errorf("link: a host cannot be called %q: give it a name other than \"net\" and without \" #\"", name)
	case n.host(name) != nil:
		return fmt.Errorf("link: there is a host %s already: give the second one another name", name)
	case !addr.IsValid() || addr.IsUnspecified():
		return fmt.Errorf("link: %s has the address %v: say one that others can send to, 10.0.0.1 for instance", name, addr)
	case n.owners[addr] != nil:
		return fmt.Errorf("link: %s and %s have one address, %v: give each its own", n.owners[addr].name, name, addr)
	}
	if err := checkBoth(name+">net", up, "net>"+name, down); err != nil {
		return err
	}
	h := &host{name: name, addr: addr, up: n.link(name+">net", up), down: n.link("net>"+name, down)}
	n.hosts, n.owners[addr] = append(n.hosts, h), h
	n.forget()
	return nil
}

// Bottleneck puts two links between hosts and the core, which these share: "name toward" carries what they send to others,
// "name back" what others send to them. What they send to one another crosses neither. A host may be behind several; the
// first is the nearest.
func (n *Network) Bottleneck(name string, toward, back Config, hosts ...string) error {
	same := func(b *bottleneck) bool { return b.name == name }
	if name == "" || strings.Contains(name, " #") || slices.ContainsFunc(n.shared, same) {
		return fmt.Errorf("link: a bottleneck cannot be called %q: give it a name of its own and without \" #\"", name)
	}
	for i, h := range hosts {
		if n.host(h) == nil {
			return fmt.Errorf("link: there is no host %s to be behind the bottleneck %s: attach it first", h, name)
		}
		if slices.Contains(hosts[:i], h) {
			return fmt.Errorf("link: the host %s is twice behind the bottleneck %s: name it once", h, name)
		}
	}
	if err := checkBoth(name+" toward", toward, name+" back", back); err != nil {
		return err
	}
	b := &bottleneck{name, n.link(name+" toward", toward), n.link(name+" back", back)}
	n.shared = append(n.shared, b)
	for _, name := range hosts {
		h := n.host(name)
		h.behind = append(h.behind, b)
	}
	n.forget()
	return nil
}

func checkBoth(name string, c Config, other string, o Config) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := o.Check(); err != nil {
		return fmt.Errorf("%s: %w", other, err)
	}
	return nil
}

func (n *Network) link(name string, c Config) *Link {
	l := New(c, n.source.At(name))
	l.memory = &n.memory
	n.links = append(n.links, l)
	return l
}

// forget drops the known ways: there are new links.
func (n *Network) forget() {
	for _, h := range n.hosts {
		h.ways = nil
	}
}

func (n *Network) host(name string) *host {
	for _, h := range n.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// Links lists the links in the order in which they were made, for their names and counts.
func (n *Network) Links() []*Link { return slices.Clone(n.links) }

// Ends counts what became of the datagrams at the end of their ways: Delivered, NoHost and NoMapping.
func (n *Network) Ends() Counts { return n.ends }

// Host is the name of the host that an address leads to. Who sends to another address gets no answer; an executor that
// wants to tell the sender so asks here.
func (n *Network) Host(addr netip.Addr) (name string, ok bool) {
	if h := n.owners[addr.Unmap()]; h != nil {
		return h.name, true
	}
	return "", false
}

// Calm ends the faults of every link. NATs stay as they are.
func (n *Network) Calm() {
	for _, l := range n.links {
		l.Calm()
	}
}

// InFlight is how many datagrams are on their way, copies included.
func (n *Network) InFlight() int {
	sum := n.flying
	for _, l := range n.links {
		sum += l.Held()
	}
	return sum
}

// Lent is how many buffers are in flight or at their receivers, not yet released.
func (n *Network) Lent() int { return n.memory.lent }

// Release gives the bytes of a Delivery back. They must not be read any more.
func (n *Network) Release(b []byte) { n.memory.put(b) }

// Next is when Advance may have something to do; mono.Never if there is nothing. The time at which a late datagram would be
// due stays, and nothing happens then, if others overtake it before: InFlight says what is on its way.
func (n *Network) Next() mono.Time {
	if len(n.heap) == 0 {
		return mono.Never
	}
	return n.heap[0].at
}

// Send puts a datagram on its way, and copies b. from is the address of a host. The time is not before that of the last
// call, nor before Next: what is due is carried on first.
func (n *Network) Send(now mono.Time, from, to netip.AddrPort, ecn udp.ECN, b []byte) {
	if next := n.Next(); now < n.now || next < now {
		panic(fmt.Sprintf("link: a datagram is sent at %d, the network is at %d and had to advance at %d", now, n.now, next))
	}
	n.now = now
	h := n.owners[from.Addr().Unmap()]
	if h == nil {
		panic("link: " + from.String() + " sends, and is no host")
	}
	from, to = unmap(from), unmap(to)
	n.sent++
	d := Datagram{From: from, To: to, ECN: ecn, Bytes: n.memory.copy(b), way: h.way(n.owners[to.Addr()]), serial: n.sent}
	if h.nat != nil && len(d.way.links) > 0 {
		d.From = h.nat.outward(now, from)
	}
	if len(d.way.links) == 0 {
		n.push(now, flight{arrival: Arrival{At: now, Datagram: d}})
		return
	}
	n.forward(now, d)
}

// Advance carries on what is due by now, and is what has arrived, in the order of arrival: valid until the next call.
func (n *Network) Advance(now mono.Time) []Delivery {
	n.out = n.out[:0]
	for len(n.heap) > 0 && n.heap[0].at <= now {
		at, f := n.pop()
		n.now = max(n.now, at)
		switch {
		case f.overdue:
			n.arrive(f.link, f.link.Overdue(at))
		default:
			n.exit(at, f)
		}
	}
	n.now = max(n.now, now)
	return n.out
}

// forward sends a datagram over the next link of its way.
func (n *Network) forward(now mono.Time, d Datagram) {
	l := d.way.links[d.hops]
	d.hops++
	arrivals, v := l.Send(now, d)
	n.tap(now, l.Name(), &d, Event{Verdict: v})
	if v.Fate != Delivered || v.Corrupt && !v.Twice {
		n.memory.put(d.Bytes) // no arrival shares it
	}
	if v.Late {
		n.push(v.Arrive, flight{link: l, overdue: true})
	}
	n.arrive(l, arrivals)
}

func (n *Network) arrive(l *Link, arrivals []Arrival) {
	for _, a := range arrivals {
		n.push(a.At, flight{arrival: a, link: l})
	}
}

// exit takes a datagram out of a link, to the next one or to its host.
func (n *Network) exit(at mono.Time, f flight) {
	d := &f.arrival.Datagram
	if f.link != nil {
		n.tap(at, f.link.Name(), d, Event{Exit: true, Copy: f.arrival.Copy, Verdict: f.arrival.Verdict})
	}
	to := d.way.to
	switch {
	case d.hops < len(d.way.links):
		n.forward(at, *d)
		return
	case to == nil:
		n.end(at, "net", NoHost, d)
		return
	case to.nat != nil && f.link != nil:
		inside, ok := to.nat.inward(at, d.To)
		if !ok {
			n.end(at, to.nat.at.Name(), NoMapping, d)
			return
		}
		d.To = inside
	}
	n.ends.add(Verdict{Fate: Delivered})
	n.out = append(n.out, Delivery{at, d.From, d.To, d.ECN, d.Bytes, d.serial})
}

// end is that of a datagram which nobody gets.
func (n *Network) end(at mono.Time, where string, fate Fate, d *Datagram) {
	v := Verdict{N: n.ends.Sent, Size: len(d.Bytes), Fate: fate}
	n.ends.add(v)
	n.tap(at, where, d, Event{Verdict: v})
	n.memory.put(d.Bytes)
}

// tap tells the tap of an event, which lacks the datagram, the place and the time.
func (n *Network) tap(at mono.Time, where string, d *Datagram, e Event) {
	if n.Tap == nil {
		return
	}
	e.At, e.Link, e.From, e.To, e.ECN, e.Bytes = at, where, d.From, d.To, d.ECN, d.Bytes
	e.Serial = d.serial
	n.Tap(e)
}

// way is the links from h to another host, to nobody if that is nil.
func (h *host) way(to *host) *way {
	if w := h.ways[to]; w != nil {
		return w
	}
	w := &way{to: to}
	if to != h {
		w.links = append(w.links, h.up)
		for _, b := range h.behind {
			if to == nil || !slices.Contains(to.behind, b) {
				w.links = append(w.links, b.toward)
			}
		}
	}
	if to != h && to != nil {
		for _, b := range slices.Backward(to.behind) {
			if !slices.Contains(h.behind, b) {
				w.links = append(w.links, b.back)
			}
		}
		w.links = append(w.links, to.down)
	}
	if h.ways == nil {
		h.ways = map[*host]*way{}
	}
	h.ways[to] = w
	return w
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
