package link

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"quicpro/sim/core/draw"
)

// exchange sends "ping" from the client, and answers what the server sees with "pong". It says whom the server saw, and
// whether the answer came.
func exchange(t *testing.T, n *Network, now time.Duration) (seen netip.AddrPort, answered bool) {
	t.Helper()
	n.Send(at(now), cli, srv, 0, []byte("ping"))
	for n.Next() <= at(now+time.Second) {
		for _, d := range n.Advance(n.Next()) {
			if d.To == srv {
				seen = d.From
				n.Send(d.At, srv, d.From, 0, []byte("pong"))
			} else if answered = d.To == cli; !answered {
				t.Errorf("the answer reached %v", d.To)
			}
			n.Release(d.Bytes)
		}
	}
	return seen, answered
}

// natted is a client behind a NAT that gives it another port at 10 s, and another address at 20 s.
func natted(t *testing.T, s *draw.Source) *Network {
	n := star(t, s, Config{Delay: 5 * ms})
	must(t, n.NAT("cli", pub, Rebind{At: at(10 * time.Second)}, Rebind{At: at(20 * time.Second), Addr: alt}))
	return n
}

func TestANATRebindsPortAndAddress(t *testing.T) {
	s := draw.New(1)
	n := natted(t, s)
	var seen [3]netip.AddrPort
	for i := range seen {
		for _, second := range []time.Duration{1, 5} {
			who, ok := exchange(t, n, (time.Duration(i)*10+second)*time.Second)
			if !ok || second == 5 && who != seen[i] {
				t.Fatalf("round %d: the server sees %v, then %v; answered: %v", i, seen[i], who, ok)
			}
			seen[i] = who
		}
	}
	if seen[0].Addr() != pub || seen[1].Addr() != pub || seen[2].Addr() != alt {
		t.Errorf("the addresses are %v", seen)
	}
	if seen[0].Port() == seen[1].Port() || seen[1].Port() == seen[2].Port() || seen[0].Port() < firstPort {
		t.Errorf("the ports are %v", seen)
	}
	// The old mappings, the private address and the right port at the old address lead nowhere.
	for _, to := range []netip.AddrPort{seen[0], seen[1], cli, netip.AddrPortFrom(pub, seen[2].Port())} {
		n.Send(at(28*time.Second), srv, to, 0, []byte("stale"))
	}
	if got := run(n, 29*time.Second); len(got) != 0 || n.Ends().Fates[NoMapping] != 4 || n.Lent() != 0 {
		t.Errorf("%v arrived, %d had no mapping", got, n.Ends().Fates[NoMapping])
	}
	want := []draw.Decision{{Where: "cli nat", N: 0, What: "rebind"}, {Where: "cli nat", N: 1, What: "rebind"}}
	if !slices.Equal(s.Taken(), want) {
		t.Errorf("decisions: %v", s.Taken())
	}
}

// An answer that is on its way while the mapping changes is lost at the NAT.
func TestARebindCatchesAnAnswerOnItsWay(t *testing.T) {
	n := natted(t, draw.New(1))
	if _, answered := exchange(t, n, 10*time.Second-15*ms); answered {
		t.Error("the answer came through the old mapping")
	}
}

func TestAReplayWithoutARebindKeepsTheMapping(t *testing.T) {
	n := natted(t, draw.Replay(1, []draw.Decision{{Where: "cli nat", N: 1, What: "rebind"}}))
	first, _ := exchange(t, n, time.Second)
	second, _ := exchange(t, n, 11*time.Second)
	third, _ := exchange(t, n, 21*time.Second)
	if first != second || third.Addr() != alt {
		t.Errorf("seen are %v, %v and %v", first, second, third)
	}
}
