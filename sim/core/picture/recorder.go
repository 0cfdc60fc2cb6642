package picture

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core"
	"quicpro/sim/core/link"
	"quicpro/wire"
)

// The bounds of what is kept. A run beyond them is drawn in part, and the page says so; losses are drawn all the same.
const (
	maxDatagrams = 200_000
	maxPoints    = 200_000 // of one curve
)

// Options are what a Recorder needs to know of its run.
type Options struct {
	Dir  string                                  // where the files go; it is made, with its parents
	Now  func() time.Duration                    // the world's age
	Host func(netip.Addr) (name string, ok bool) // whose an address is
	Day  time.Time                               // when the world began
}

// Recorder keeps what a picture of a run needs: a core.Watch, and more.
type Recorder struct {
	o       Options
	hosts   names
	words   names // places, reasons
	flights map[uint64]*flight
	capture *capture
	keys    []byte

	datagrams []datagram
	packets   []packet
	marks     []mark
	copies    []second
	changes   []change
	bands     []band
	delays    map[string]int64 // of links, in microseconds
	conns     []*connection
	byID      map[string]*connection
	byPeer    map[netip.AddrPort]*connection // by its client's address, as its server sees it
	calm      time.Duration                  // since when links have no faults; 0: never
	omitted   int                            // datagrams
	err       error                          // the first, of writing
}

// names numbers names in the order of their coming.
type names struct {
	list  []string
	index map[string]int
}

func (n *names) number(s string) int {
	if n.index == nil {
		n.index = make(map[string]int)
	}
	i, ok := n.index[s]
	if !ok {
		i = len(n.list)
		n.index[s] = i
		n.list = append(n.list, s)
	}
	return i
}

// datagram is one datagram as it left its host.
type datagram struct {
	sent    time.Duration
	arrived time.Duration // -1: never
	from    int           // hosts
	to      int           // -1: nobody
	size    int
	queued  time.Duration // in all queues
	conn    int           // -1: unknown
	class   class
	ecn     udp.ECN
	first   int // packet
	count   int // of packets
}

// flight is a datagram on its way.
type flight struct {
	index    int         // of the datagram, -1: omitted
	alive    int         // copies
	client   *connection // whose client sent it; nil: another's
	captured *captured
}

// mark is what happened to one datagram.
type mark struct {
	datagram int
	at       time.Duration
	place    int // words: a link, a NAT, a host
	n        uint64
	what     int // words
	loss     bool
}

// second is another arrival of a datagram.
type second struct {
	datagram int
	at       time.Duration
}

// change is one of a host.
type change struct {
	at   time.Duration
	host int
	what core.Change
}

// New makes a recorder and its folder.
func New(o Options) (*Recorder, error) {
	if err := os.MkdirAll(o.Dir, 0o777); err != nil {
		return nil, err
	}
	c, err := newCapture(o.Dir, o.Day)
	if err != nil {
		return nil, err
	}
	return &Recorder{o: o, flights: make(map[uint64]*flight), byID: make(map[string]*connection), byPeer: make(map[netip.AddrPort]*connection), delays: make(map[string]int64), capture: c}, nil
}

// AddHost gives a host its lane: hosts are drawn in the order of these calls.
func (r *Recorder) AddHost(name string) { r.hosts.number(name) }

// KeyLog is where TLS writes its secrets.
func (r *Recorder) KeyLog() *KeyLog { return &KeyLog{r} }

// KeyLog is a tls.Config's KeyLogWriter, of which each Write is a line. The executor waits while TLS works.
type KeyLog struct{ r *Recorder }

// Write keeps a line that the other end has not told yet.
func (k *KeyLog) Write(line []byte) (int, error) {
	if !bytes.Contains(k.r.keys, line) {
		k.r.keys = append(k.r.keys, line...)
	}
	return len(line), nil
}

// Tap hears of every datagram at both ends of every link.
func (r *Recorder) Tap(e link.Event) {
	if e.Exit {
		return // who takes it says so
	}
	f := r.flights[e.Serial]
	if f == nil {
		f = r.depart(e.Serial, e.From, e.To, e.ECN, e.Bytes)
	}
	v := &e.Verdict
	switch {
	case v.Fate != link.Delivered:
		f.alive--
	case v.Twice:
		f.alive++
	}
	at := time.Duration(e.At)
	if v.Depart > 0 {
		at = time.Duration(v.Depart)
		if f.index >= 0 {
			r.datagrams[f.index].queued += v.Depart.Sub(e.At)
		}
	}
	if v.Fate != link.Delivered {
		r.lost(f, &e, at)
	}
	for _, each := range [...]struct {
		is   bool
		what string
	}{{v.Corrupt, "corrupt"}, {v.Twice, "twice"}, {v.Late, "late"}, {v.Early, "early"}, {v.Marked, "marked"}} {
		if each.is {
			r.mark(f, at, e.Link, v.N, each.what, false)
		}
	}
	r.settle(e.Serial, f)
}

// depart notes a datagram that enters the network.
func (r *Recorder) depart(serial uint64, from, to netip.AddrPort, ecn udp.ECN, b []byte) *flight {
	f := &flight{index: -1, alive: 1}
	host := r.host(from.Addr())
	conn, s := r.attribute(host, to, b)
	if s != nil && s.role == wire.Client {
		f.client = s.c
	}
	if len(r.datagrams) < maxDatagrams {
		f.index = len(r.datagrams)
		d := datagram{sent: r.o.Now(), arrived: -1, from: host, to: r.host(to.Addr()), size: len(b), conn: conn, ecn: ecn}
		d.first = len(r.packets)
		d.class = r.contents(s, b)
		d.count = len(r.packets) - d.first
		r.datagrams = append(r.datagrams, d)
	} else {
		r.omitted++
	}
	f.captured = r.capture.add(r.o.Now(), max(host, 0), from, to, ecn, b)
	if serial != 0 {
		r.flights[serial] = f
	}
	return f
}

// host is the lane of an address, -1 for none.
func (r *Recorder) host(a netip.Addr) int {
	name, ok := r.o.Host(a)
	if !ok {
		return -1
	}
	return r.hosts.number(name)
}

// lost marks a loss. That of a datagram beyond the bound makes it drawn after all.
func (r *Recorder) lost(f *flight, e *link.Event, at time.Duration) {
	if f.index < 0 {
		r.omitted--
		f.index = len(r.datagrams)
		r.datagrams = append(r.datagrams, datagram{
			sent: time.Duration(e.At), arrived: -1, from: max(r.host(e.From.Addr()), 0), to: r.host(e.To.Addr()), size: len(e.Bytes),
			conn: -1, class: otherClass, first: len(r.packets),
		})
	}
	r.mark(f, at, e.Link, e.Verdict.N, e.Verdict.Fate.String(), true)
}

func (r *Recorder) mark(f *flight, at time.Duration, place string, n uint64, what string, loss bool) {
	f.captured.tell(fmt.Sprintf("%s #%d %s", place, n, what))
	if f.index >= 0 {
		r.marks = append(r.marks, mark{f.index, at, r.words.number(place), n, r.words.number(what), loss})
	}
}

// settle forgets a datagram that nothing can happen to any more.
func (r *Recorder) settle(serial uint64, f *flight) {
	if f.alive <= 0 {
		delete(r.flights, serial)
		f.captured.settled = true
		r.capture.flush(false)
	}
}

// missed are the reasons why a socket did not take a datagram.
var missed = [...]string{
	core.MissedCutOff: "cut off", core.MissedNoSocket: "nobody listens", core.MissedStranger: "not its peer",
	core.MissedFull: "buffer full",
}

// Arrived implements core.Watch.
func (r *Recorder) Arrived(d link.Delivery, a core.Arrival) {
	f := r.flights[d.Serial]
	if f == nil { // it came from the host itself, and met no link
		f = r.depart(d.Serial, d.From, d.To, d.ECN, d.Bytes)
	}
	f.alive--
	if f.client != nil {
		r.byPeer[d.From] = f.client
	}
	e := link.Event{At: d.At, Link: r.nameOf(d.To.Addr()), From: d.From, To: d.To, Bytes: d.Bytes}
	unread := a == core.MissedNoSocket || a == core.MissedStranger // it came all the way
	if unread {
		r.mark(f, time.Duration(d.At), e.Link, uint64(max(f.index, 0)), missed[a], false)
	}
	switch {
	case a != core.Taken && !unread:
		r.lose(f, &e, missed[a])
	case f.index < 0:
	case r.datagrams[f.index].arrived < 0:
		r.datagrams[f.index].arrived = time.Duration(d.At)
	default:
		r.copies = append(r.copies, second{f.index, time.Duration(d.At)})
	}
	r.settle(d.Serial, f)
}

// lose marks a loss outside the links.
func (r *Recorder) lose(f *flight, e *link.Event, why string) {
	if f.index >= 0 {
		r.mark(f, time.Duration(e.At), e.Link, uint64(f.index), why, true)
	}
}

func (r *Recorder) nameOf(a netip.Addr) string {
	if name, ok := r.o.Host(a); ok {
		return name
	}
	return "net"
}

// Unsent implements core.Watch.
func (r *Recorder) Unsent(from, to netip.AddrPort, ecn udp.ECN, b []byte) {
	f := r.depart(0, from, to, ecn, b)
	r.lose(f, &link.Event{At: mono.Time(r.o.Now()), Link: r.nameOf(from.Addr())}, "cut off")
	f.captured.settled = true
	r.capture.flush(false)
}

// Changed implements core.Watch.
func (r *Recorder) Changed(host string, what core.Change) {
	r.changes = append(r.changes, change{r.o.Now(), r.hosts.number(host), what})
}

var _ core.Watch = (*Recorder)(nil)
