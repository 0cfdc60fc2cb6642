package picture

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/sim/core"
	"quicpro/sim/core/link"
	"quicpro/wire"
)

var (
	cli = netip.MustParseAddrPort("10.0.0.1:50000")
	srv = netip.MustParseAddrPort("10.0.0.2:443")
)

// stage is a recorder with a clock that a test moves.
type stage struct {
	*Recorder
	now time.Duration
	dir string
}

func newStage(t *testing.T) *stage {
	s := &stage{dir: filepath.Join(t.TempDir(), "run")}
	names := map[netip.Addr]string{cli.Addr(): "cli", srv.Addr(): "srv"}
	r, err := New(Options{
		Dir: s.dir, Day: time.Unix(1000, 0), Now: func() time.Duration { return s.now },
		Host: func(a netip.Addr) (string, bool) { name, ok := names[a]; return name, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Recorder = r
	r.AddHost("cli")
	r.AddHost("srv")
	return s
}

// over passes a datagram over a link.
func (s *stage) over(serial uint64, name string, v link.Verdict) {
	s.Tap(link.Event{At: mono.Time(s.now), Link: name, From: cli, To: srv, ECN: udp.ECT0, Bytes: []byte("0123456789abc"), Serial: serial, Verdict: v})
}

func (s *stage) arrive(serial uint64, what core.Arrival) {
	s.Arrived(link.Delivery{At: mono.Time(s.now), From: cli, To: srv, Bytes: []byte("0123456789abc"), Serial: serial}, what)
}

func (s *stage) finish(t *testing.T) {
	t.Helper()
	if _, err := s.Finish(Summary{Test: "TestX", Seed: 7}); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestADatagramIsDrawnFromItsDepartureToItsArrival(t *testing.T) {
	s := newStage(t)
	s.now = time.Millisecond
	s.over(1, "cli>net", link.Verdict{Depart: mono.Time(3 * time.Millisecond)})
	s.now = 20 * time.Millisecond
	s.over(1, "net>srv", link.Verdict{N: 5, Depart: mono.Time(20 * time.Millisecond), Twice: true})
	s.now = 30 * time.Millisecond
	s.arrive(1, core.Taken)
	s.now = 31 * time.Millisecond
	s.arrive(1, core.Taken)
	d := s.datagrams[0]
	if d.sent != time.Millisecond || d.arrived != 30*time.Millisecond || d.from != 0 || d.to != 1 || d.queued != 2*time.Millisecond {
		t.Errorf("%+v", d)
	}
	if len(s.copies) != 1 || s.copies[0].at != 31*time.Millisecond {
		t.Errorf("the second copy: %+v", s.copies)
	}
	if len(s.flights) != 0 {
		t.Error("it is still under way")
	}
}

func TestALossIsMarkedWhereItHappened(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(s *stage)
		want string
	}{
		{"on the second link", func(s *stage) {
			s.over(1, "cli>net", link.Verdict{})
			s.over(1, "net>srv", link.Verdict{N: 14, Fate: link.Lost})
		}, "net>srv #14 lost"},
		{"at a host that is cut off", func(s *stage) {
			s.over(1, "cli>net", link.Verdict{})
			s.arrive(1, core.MissedCutOff)
		}, "srv #0 cut off"},
		{"one copy of two", func(s *stage) {
			s.over(1, "cli>net", link.Verdict{Twice: true})
			s.over(1, "net>srv", link.Verdict{N: 3, Fate: link.QueueFull})
			s.over(1, "net>srv", link.Verdict{N: 4})
			s.arrive(1, core.Taken)
		}, "net>srv #3 queue full"},
		{"before it is sent", func(s *stage) { s.Unsent(cli, srv, udp.NotECT, []byte{1}) }, "cli #0 cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			c.lose(s)
			if s.losses() != 1 || len(s.flights) != 0 {
				t.Errorf("%d losses, %d under way", s.losses(), len(s.flights))
			}
			s.finish(t)
			if text := s.file(t, "decisions.txt"); !strings.Contains(text, c.want) {
				t.Errorf("no %q in\n%s", c.want, text)
			}
			if !strings.Contains(s.file(t, "run.pcapng"), c.want) {
				t.Error("the capture's packet has no comment about it")
			}
		})
	}
}

func TestWhatArrivesAtAClosedPortIsNotLost(t *testing.T) {
	s := newStage(t)
	s.over(1, "cli>net", link.Verdict{})
	s.arrive(1, core.MissedNoSocket)
	if s.losses() != 0 || len(s.marks) != 1 || s.datagrams[0].arrived < 0 {
		t.Errorf("%d losses, %+v, %+v", s.losses(), s.marks, s.datagrams[0])
	}
}

func TestBandsOfHostsAndLinks(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		at   time.Duration
		host string
		what core.Change
	}{
		{1, "srv", core.Froze}, {2, "cli", core.WentDown}, {3, "srv", core.Thawed}, {4, "cli", core.CameBack}, {5, "srv", core.Crashed},
		{6, "srv", core.CameBack}, {8, "srv", core.Restarted}, {9, "srv", core.Froze},
	} {
		s.now = c.at
		s.Changed(c.host, c.what)
	}
	s.now = 20
	s.Calmed()
	decisions := []string{"cli>net #1 outage", "cli>net #0 mtu", "cli nat #0 rebind"}
	s.Link("cli>net", link.Config{Outages: []link.Outage{{From: 1, Until: 2}, {From: 3}}, MTUChanges: []link.MTUChange{{At: 6, MTU: 1300}}}, decisions)
	s.NAT("cli", []link.Rebind{{At: 7}}, decisions)
	want := []band{
		{"srv", 1, 3, "frozen"}, {"cli", 2, 4, "cut off"}, {"srv", 5, 8, "crashed, restarted"}, {"srv", 9, -1, "frozen"},
		{"cli>net", 3, 20, "outage"}, {"cli>net", 6, 6, "MTU 1300"}, {"cli", 7, 7, "rebind"},
	}
	if got := s.hostBands(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestChecksumsOfTheCaptureAreRight(t *testing.T) {
	for _, payload := range []string{"", "odd", "even"} {
		b := appendIP(nil, cli, srv, udp.CE, []byte(payload))
		if sum := fold(add(0, b[:20])); sum != 0 {
			t.Errorf("%q: the IP header sums up to %#x", payload, sum)
		}
		pseudo := append(append([]byte{}, b[12:20]...), 0, protocolUDP, 0, byte(len(b)-20))
		if sum := fold(add(add(0, pseudo), b[20:])); sum != 0 {
			t.Errorf("%q: the UDP datagram sums up to %#x", payload, sum)
		}
		if b[1]&3 != 3 || binary.BigEndian.Uint16(b[2:]) != uint16(28+len(payload)) {
			t.Errorf("%q: % x", payload, b[:20])
		}
	}
}

func TestStreamsAreWholeUpToTheFirstGap(t *testing.T) {
	var fs flows
	for i, c := range []struct {
		offset wire.Offset
		size   int
		whole  wire.Offset
	}{{0, 10, 10}, {20, 10, 10}, {40, 5, 10}, {30, 5, 10}, {10, 10, 35}, {35, 5, 45}, {0, 10, 45}} {
		fs.add(time.Duration(i), 4, c.offset, c.size, false)
		if got := fs.of(4).whole; got != c.whole {
			t.Errorf("after %d+%d it is whole up to %d, want %d", c.offset, c.size, got, c.whole)
		}
	}
	if f := fs.of(4); f.end != 45 || len(f.ranges) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestALossBeyondTheBoundIsDrawnAllTheSame(t *testing.T) {
	s := newStage(t)
	s.datagrams = make([]datagram, maxDatagrams)
	s.over(1, "cli>net", link.Verdict{})
	s.over(2, "cli>net", link.Verdict{Fate: link.Lost})
	if s.omitted != 1 || len(s.datagrams) != maxDatagrams+1 || s.losses() != 1 {
		t.Errorf("%d omitted, %d kept, %d losses", s.omitted, len(s.datagrams), s.losses())
	}
}
