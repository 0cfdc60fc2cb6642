package link

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core/draw"
)

var (
	cli = netip.MustParseAddrPort("10.0.0.1:1111")
	srv = netip.MustParseAddrPort("10.0.0.2:443")
	oth = netip.MustParseAddrPort("[fd00::3]:3333")
	pub = netip.MustParseAddr("192.0.2.1")
	alt = netip.MustParseAddr("192.0.2.2")
)

// star is three hosts, cli, srv and oth, with one Config for all links.
func star(t testing.TB, s *draw.Source, c Config) *Network {
	t.Helper()
	n := NewNetwork(s)
	must(t, n.Attach("cli", cli.Addr(), c, c))
	must(t, n.Attach("srv", srv.Addr(), c, c))
	must(t, n.Attach("oth", oth.Addr(), c, c))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run advances to a time, and says what arrives: "time from>to bytes".
func run(n *Network, until time.Duration) (got []string) {
	for n.Next() <= at(until) {
		for _, d := range n.Advance(n.Next()) {
			got = append(got, fmt.Sprintf("%v %v>%v %s", time.Duration(d.At), d.From, d.To, d.Bytes))
			n.Release(d.Bytes)
		}
	}
	n.Advance(at(until))
	return got
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Up and down are 5 ms each; the network's bytes are its own.
func TestADatagramCrossesBothAccessLinks(t *testing.T) {
	n := star(t, draw.New(1), Config{Delay: 5 * ms})
	b := []byte("hello")
	n.Send(at(ms), cli, srv, udp.ECT0, b)
	copy(b, "XXXXX")
	n.Send(at(2*ms), srv, oth, udp.ECT0, []byte("over"))
	n.Send(at(2*ms), oth, oth, udp.ECT0, []byte("self"))
	if n.InFlight() != 3 || n.Lent() != 3 || n.Next() != at(2*ms) {
		t.Errorf("%d in flight, %d lent, next at %d", n.InFlight(), n.Lent(), n.Next())
	}
	equal(t, run(n, time.Second), "2ms [fd00::3]:3333>[fd00::3]:3333 self", "11ms 10.0.0.1:1111>10.0.0.2:443 hello", "12ms 10.0.0.2:443>[fd00::3]:3333 over")
	if n.InFlight() != 0 || n.Lent() != 0 || n.Next() != mono.Never {
		t.Errorf("%d in flight, %d lent, next at %d", n.InFlight(), n.Lent(), n.Next())
	}
	if name, ok := n.Host(oth.Addr()); !ok || name != "oth" {
		t.Errorf("%v is %q", oth, name)
	}
}

// Datagrams that arrive at one time do so in the order in which they were sent.
func TestWhatArrivesAtOneTimeKeepsItsOrder(t *testing.T) {
	n := star(t, draw.New(1), Config{Delay: 5 * ms})
	for i := range 100 {
		n.Send(at(ms), cli, srv, 0, []byte{byte(i)})
	}
	n.Advance(n.Next())
	got := n.Advance(n.Next())
	if len(got) != 100 {
		t.Fatalf("%d of 100 arrive together", len(got))
	}
	for i, d := range got {
		if d.At != at(11*ms) || d.Bytes[0] != byte(i) {
			t.Fatalf("place %d: %+v", i, d)
		}
	}
}

// An executor that forgets to advance, or turns the clock back, hears of it at once.
func TestANetworkThatIsLeftBehindPanics(t *testing.T) {
	panics := func(what string, f func()) {
		defer func() {
			if recover() == nil {
				t.Error(what)
			}
		}()
		f()
	}
	n := star(t, draw.New(1), Config{Delay: 5 * ms})
	n.Send(at(ms), cli, srv, 0, []byte("a"))
	panics("a datagram was sent past one that is due", func() { n.Send(at(7*ms), cli, srv, 0, []byte("b")) })
	panics("a datagram was sent in the past", func() { n.Send(0, cli, srv, 0, []byte("b")) })
	panics("a stranger sends", func() { n.Send(at(ms), netip.MustParseAddrPort("10.9.9.9:1"), srv, 0, nil) })
	l := sample(t, Config{})
	l.Send(5, Datagram{})
	panics("a link's clock ran backwards", func() { l.Send(4, Datagram{}) })
	panics("a wrong Config became a link", func() { New(Config{Loss: 2}, draw.New(1).At("x")) })
}

func TestATapSeesEntryAndExitOfEveryLink(t *testing.T) {
	n := star(t, draw.Replay(1, []draw.Decision{{Where: "net>srv", N: 1, What: "lost"}}), Config{Delay: 5 * ms})
	var got []string
	n.Tap = func(e Event) {
		end := "in"
		if e.Exit {
			end = "out"
		}
		got = append(got, fmt.Sprintf("%v %s %s #%d %v %s", time.Duration(e.At), e.Link, end, e.Verdict.N, e.Verdict.Fate, e.Bytes))
	}
	n.Send(at(ms), cli, srv, 0, []byte("a"))
	n.Send(at(2*ms), cli, srv, 0, []byte("b"))
	n.Send(at(3*ms), cli, netip.MustParseAddrPort("10.9.9.9:1"), 0, []byte("c"))
	run(n, time.Second)
	equal(t, got,
		"1ms cli>net in #0 delivered a", "2ms cli>net in #1 delivered b", "3ms cli>net in #2 delivered c",
		"6ms cli>net out #0 delivered a", "6ms net>srv in #0 delivered a",
		"7ms cli>net out #1 delivered b", "7ms net>srv in #1 lost b",
		"8ms cli>net out #2 delivered c", "8ms net in #0 no host c",
		"11ms net>srv out #0 delivered a")
	if e := n.Ends(); e.Sent != 2 || e.Fates[NoHost] != 1 || e.Fates[Delivered] != 1 || n.Lent() != 0 {
		t.Errorf("ends: %+v, %d lent", e, n.Lent())
	}
}

// Two hosts behind a DSL line of 8 Mbit/s that offer it 8 Mbit/s each, at times of chance, get half of it each; what they
// send to one another does not cross it.
func TestABottleneckIsSharedFairlyByEqualFlows(t *testing.T) {
	n := star(t, draw.New(1), Config{Rate: 100 * Mbit, Delay: ms})
	must(t, n.Bottleneck("dsl", Config{Rate: 8 * Mbit, Queue: 30_000}, Config{Rate: 8 * Mbit}, "cli", "oth"))
	r := rand.New(rand.NewPCG(1, 1))
	got := map[netip.AddrPort]int{}
	var now, last mono.Time
	b := make([]byte, 1000)
	advance := func(now mono.Time) {
		for _, d := range n.Advance(now) {
			got[d.From]++
			last = d.At
			n.Release(d.Bytes)
		}
	}
	for range 8000 {
		now += mono.Time(r.ExpFloat64() * 5e5)
		advance(now)
		n.Send(now, []netip.AddrPort{cli, oth}[r.IntN(2)], srv, 0, b)
	}
	advance(at(time.Hour))
	near(t, "the share of cli", float64(got[cli])/float64(got[cli]+got[oth]), 0.5, 0.05)
	near(t, "the rate of both in Mbit/s", float64(got[cli]+got[oth])*8000/1e6/time.Duration(last).Seconds(), 8, 0.1)

	before := n.Links()[len(n.Links())-2].Counts().Sent
	n.Send(at(2*time.Hour), cli, oth, 0, b)
	n.Send(at(2*time.Hour), srv, oth, 0, b)
	run(n, 3*time.Hour)
	toward, back := n.Links()[len(n.Links())-2], n.Links()[len(n.Links())-1]
	if toward.Name() != "dsl toward" || toward.Counts().Sent != before || back.Name() != "dsl back" || back.Counts().Sent != 1 {
		t.Errorf("%s carried %d more, %s %d", toward.Name(), toward.Counts().Sent-before, back.Name(), back.Counts().Sent)
	}
}

// A late datagram is overtaken on the way, and arrives also if nothing follows; all buffers come home whatever happens.
func TestEveryBufferComesHome(t *testing.T) {
	c := everything()
	c.Outages = []Outage{{at(300 * ms), at(310 * ms)}}
	n := star(t, draw.New(4), c)
	must(t, n.NAT("cli", pub, Rebind{At: at(150 * ms)}, Rebind{At: at(250 * ms), Addr: alt}))
	r := rand.New(rand.NewPCG(1, 1))
	now, delivered, all := mono.Time(1), 0, []netip.AddrPort{cli, srv, oth, netip.MustParseAddrPort("10.9.9.9:1"), netip.AddrPortFrom(pub, 20001)}
	take := func(until mono.Time) {
		for n.Next() <= until {
			for _, d := range n.Advance(n.Next()) {
				delivered++
				n.Release(d.Bytes)
			}
		}
	}
	for range 5000 {
		now += mono.Time(r.IntN(200_000))
		take(now)
		n.Send(now, all[r.IntN(3)], all[r.IntN(5)], udp.ECT0, make([]byte, r.IntN(1500)))
		if n.Lent() != n.InFlight() {
			t.Fatalf("%d buffers are lent for %d datagrams in flight", n.Lent(), n.InFlight())
		}
	}
	take(now.Add(time.Minute))
	if n.Lent() != 0 || n.InFlight() != 0 || delivered < 1000 {
		t.Errorf("%d lent, %d in flight, %d delivered", n.Lent(), n.InFlight(), delivered)
	}
}

func TestWhoReadsReleasedBytesReadsPoison(t *testing.T) {
	n := star(t, draw.New(1), Config{})
	n.Send(1, cli, srv, 0, []byte("hello"))
	n.Advance(1)
	d := n.Advance(1)
	if len(d) != 0 {
		t.Fatal("a delivery twice")
	}
	n.Send(2, cli, srv, 0, []byte("hello"))
	kept := n.Advance(2)[0].Bytes
	n.Release(kept)
	if string(kept) != "\xdb\xdb\xdb\xdb\xdb" {
		t.Errorf("%q", kept)
	}
}

func TestANetworkIsTheSameForASeed(t *testing.T) {
	log := func(seed uint64) (all []string) {
		n := star(t, draw.New(seed), Config{Delay: 10 * ms, Jitter: 5 * ms, Loss: 0.1, Reorder: 0.1, Duplicate: 0.1})
		for i := range 300 {
			now := at(ms * time.Duration(i+1))
			all = append(all, run(n, time.Duration(now))...)
			n.Send(now, cli, srv, 0, []byte{byte('a' + i%26)})
		}
		return append(all, run(n, time.Minute)...)
	}
	if a, b := log(1), log(1); !slices.Equal(a, b) || len(a) < 200 {
		t.Errorf("one seed, two runs, of %d and %d deliveries", len(a), len(b))
	}
	if slices.Equal(log(1), log(2)) {
		t.Error("two seeds, one run")
	}
}

func TestMisuseOfANetworkIsExplained(t *testing.T) {
	n := star(t, draw.New(1), Config{})
	must(t, n.Bottleneck("dsl", Config{}, Config{}, "cli"))
	must(t, n.NAT("srv", pub))
	for want, err := range map[string]error{
		`link: a host cannot be called "net": give it a name other than "net" and without " #"`:   n.Attach("net", alt, Config{}, Config{}),
		`link: there is a host cli already: give the second one another name`:                     n.Attach("cli", alt, Config{}, Config{}),
		`link: x has the address 0.0.0.0: say one that others can send to, 10.0.0.1 for instance`: n.Attach("x", netip.IPv4Unspecified(), Config{}, Config{}),
		`link: cli and x have one address, 10.0.0.1: give each its own`:                           n.Attach("x", cli.Addr(), Config{}, Config{}),
		`net>x: link: Loss is 5: a probability is from 0 to 1; for 5 % say 0.05`:                  n.Attach("x", alt, Config{}, Config{Loss: 5}),
		`link: there is no host x to be behind the bottleneck b: attach it first`:                 n.Bottleneck("b", Config{}, Config{}, "x"),
		`link: the host cli is twice behind the bottleneck b: name it once`:                       n.Bottleneck("b", Config{}, Config{}, "cli", "cli"),
		`link: a bottleneck cannot be called "dsl": give it a name of its own and without " #"`:   n.Bottleneck("dsl", Config{}, Config{}),
		`link: there is no host x to be behind a NAT: attach it first`:                            n.NAT("x", alt),
		`link: the host srv is behind a NAT already: name all its rebinds there`:                  n.NAT("srv", alt),
		`link: the NAT of cli has the address 192.0.2.1, which is srv's: give it one of its own`:  n.NAT("cli", pub),
		`link: rebind 1 of cli is not after the one in front: sort them by At`:                    n.NAT("cli", alt, Rebind{At: 5}, Rebind{At: 5}),
		`link: the NAT of cli has no address: say which one others see, 192.0.2.1 for instance`:   n.NAT("cli", netip.Addr{}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
