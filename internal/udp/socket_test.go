package udp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// loopbacks are the addresses that the portable stories are told on.
var loopbacks = []struct{ network, ip string }{{"udp4", "127.0.0.1"}, {"udp6", "::1"}}

// kinds are the ways a server's and a client's datagrams may move; the bytes must be the same by each.
var kinds = []struct {
	name   string
	server Options
	client Options
	plain  bool
}{
	{name: "offload"},
	{name: "train sent, singles received", server: Options{DisableGRO: true}},
	{name: "singles sent, offload received", client: Options{DisableGSO: true}},
	{name: "no offload", server: Options{DisableGSO: true}, client: Options{DisableGSO: true}},
	{name: "portable", plain: true},
}

func TestDatagramsArriveWholeAndInOrder(t *testing.T) {
	sizes := []struct {
		name       string
		bytes, seg int
	}{
		{"one", 1200, 0},
		{"one with its size", 1200, 1200},
		{"one smaller than its size", 700, 1200},
		{"44 full", 44 * 1452, 1452},
		{"odd last", 9*1252 + 7, 1252},
		{"more than one call takes", 130 * 100, 100},
		{"more than one train takes", 60 * 1452, 1452},
		{"too large for two in a train", 2 * 40000, 40000},
		{"one byte each", 70, 1},
	}
	for _, lo := range loopbacks {
		for _, kind := range kinds {
			t.Run(lo.network+"/"+kind.name, func(t *testing.T) {
				server, client := pair(t, lo.network, lo.ip, kind.server, kind.client)
				if kind.plain {
					makePlain(server, client)
				}
				for _, size := range sizes {
					b := pattern(size.bytes)
					sent, err := client.Write(b, size.seg, netip.AddrPort{}, netip.Addr{}, NotECT)
					if err != nil || sent != len(b) {
						t.Fatalf("%s: Write = %d, %v; want all %d bytes", size.name, sent, err, len(b))
					}
					checkDatagrams(t, size.name, server, client.LocalAddr(), b, size.seg)
				}
			})
		}
	}
}

func TestAnswerReachesTheConnectedClient(t *testing.T) {
	for _, lo := range loopbacks {
		for _, kind := range kinds {
			t.Run(lo.network+"/"+kind.name, func(t *testing.T) {
				server, client := pair(t, lo.network, lo.ip, kind.server, kind.client)
				if kind.plain {
					makePlain(server, client)
				}
				b := pattern(5*1200 + 1)
				if _, err := server.Write(b, 1200, client.LocalAddr(), netip.Addr{}, NotECT); err != nil {
					t.Fatal(err)
				}
				checkDatagrams(t, "answer", client, server.LocalAddr(), b, 1200)
			})
		}
	}
}

func TestEmptyDatagramIsReportedNotLost(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			server, client := pair(t, "udp4", "127.0.0.1", kind.server, kind.client)
			if kind.plain {
				makePlain(server, client)
			}
			for _, b := range []string{"", "after"} {
				if _, err := client.Write([]byte(b), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
					t.Fatal(err)
				}
			}
			buf, m := make([]byte, ReadSize), Meta{SegmentSize: 99}
			if n, err := server.Read(buf, &m); n != 0 || err != nil || m.SegmentSize != 0 || m.Remote != client.LocalAddr() {
				t.Fatalf("empty: %d, %+v, %v", n, m, err)
			}
			if n, err := server.Read(buf, &m); string(buf[:n]) != "after" || err != nil {
				t.Fatalf("next: %q, %v", buf[:n], err)
			}
		})
	}
}

// A wildcard IPv6 socket serves IPv4 too, and nobody sees mapped addresses.
func TestDualStackSocketReportsIPv4(t *testing.T) {
	server, err := Listen("udp", ":0", Options{})
	if err != nil {
		t.Skip("no dual-stack socket here:", err)
	}
	expire(t, server)
	client := dial(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().Port()), Options{})
	b := pattern(3000)
	if _, err := client.Write(b, 1000, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
		t.Fatal(err)
	}
	checkDatagrams(t, "to the server", server, client.LocalAddr(), b, 1000)
	if _, err := server.Write(b, 1000, client.LocalAddr(), netip.Addr{}, NotECT); err != nil {
		t.Fatal(err)
	}
	checkDatagrams(t, "to the client", client, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().Port()), b, 1000)
}

func TestTooLongIsAFactAndTheSocketGoesOn(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			server, client := pair(t, "udp4", "127.0.0.1", kind.server, kind.client)
			if kind.plain {
				makePlain(server, client)
			}
			sent, err := client.Write(make([]byte, 66000), 0, netip.AddrPort{}, netip.Addr{}, NotECT)
			if sent != 0 || !errors.Is(err, ErrMessageTooLong) || Transient(err) || errors.Is(err, ErrRefused) {
				t.Fatalf("Write = %d, %v; want ErrMessageTooLong alone", sent, err)
			}
			if _, err := client.Write([]byte("ok"), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
				t.Fatal(err)
			}
			checkDatagrams(t, "after", server, client.LocalAddr(), []byte("ok"), 0)
		})
	}
}

func TestCloseUnblocksRead(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			server, _ := pair(t, "udp4", "127.0.0.1", kind.server, kind.client)
			if kind.plain {
				makePlain(server)
			}
			failed := make(chan error)
			go func() {
				var m Meta
				_, err := server.Read(make([]byte, ReadSize), &m)
				failed <- err
			}()
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-failed; !errors.Is(err, net.ErrClosed) || Transient(err) {
				t.Fatalf("Read after Close: %v; want net.ErrClosed", err)
			}
			if _, err := server.Write([]byte("x"), 0, server.LocalAddr(), netip.Addr{}, NotECT); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Write after Close: %v; want net.ErrClosed", err)
			}
		})
	}
}

// A connection that is not the kernel's is served too, whatever its type of address is.
func TestWrapForeignConnection(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.1:443")
	foreign := &scripted{in: []string{"one", "from nowhere", "", "two"}, from: []net.Addr{
		net.UDPAddrFromAddrPort(peer), &net.UnixAddr{Name: "nowhere"}, text("[::ffff:192.0.2.1]:443"), text("192.0.2.1:443")}}
	s, err := Wrap(foreign, Options{})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, ReadSize)
	for _, want := range []string{"one", "", "two"} {
		var m Meta
		n, err := s.Read(buf, &m)
		if err != nil || string(buf[:n]) != want || m.Remote != peer || m.SegmentSize != n {
			t.Fatalf("Read = %q, %+v, %v; want %q from %v", buf[:n], m, err, want, peer)
		}
	}
	if sent, err := s.Write([]byte("aabbc"), 2, peer, netip.Addr{}, ECT0); sent != 5 || err != nil {
		t.Fatalf("Write = %d, %v", sent, err)
	}
	want := "192.0.2.1:443 aa;192.0.2.1:443 bb;192.0.2.1:443 c;"
	if got := foreign.out.String(); got != want {
		t.Fatalf("wrote %q, want %q", got, want)
	}
	if caps := s.Capabilities(); caps != (Capabilities{}) {
		t.Fatalf("capabilities of a foreign connection: %+v", caps)
	}
	var m Meta
	if _, err := s.Read(buf, &m); !errors.Is(err, io.ErrUnexpectedEOF) || Transient(err) {
		t.Fatalf("the connection's own error: %v", err)
	}
}

func TestErrorsAreClassified(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:1")
	wrap := func(err error) error { return failed("write", at, at, &net.OpError{Op: "write", Err: err}) }
	tests := []struct {
		err                         error
		transient, refused, tooLong bool
	}{
		{err: wrap(transientErrnos[0]), transient: true},
		{err: wrap(&net.AddrError{Err: "non-IPv4 address"}), transient: true},
		{err: wrap(refusedErrnos[0]), refused: true},
		{err: wrap(tooLongErrnos[0]), tooLong: true},
		{err: wrap(syscall.ENOSYS)},
		{err: wrap(net.ErrClosed)},
		{err: nil},
	}
	for _, test := range tests {
		if Transient(test.err) != test.transient || errors.Is(test.err, ErrRefused) != test.refused ||
			errors.Is(test.err, syscall.ECONNREFUSED) != test.refused || errors.Is(test.err, ErrMessageTooLong) != test.tooLong {
			t.Errorf("%v is misjudged: transient %v, refused %v, too long %v", test.err,
				Transient(test.err), errors.Is(test.err, ErrRefused), errors.Is(test.err, ErrMessageTooLong))
		}
	}
}

func TestErrorsNameTheirPlace(t *testing.T) {
	local, remote := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	if got := failed("write", local, remote, net.ErrClosed).Error(); got != "udp: write 127.0.0.1:1 with 127.0.0.1:2: "+net.ErrClosed.Error() {
		t.Error(got)
	}
	if got := failed("read", local, netip.AddrPort{}, net.ErrClosed).Error(); got != "udp: read 127.0.0.1:1: "+net.ErrClosed.Error() {
		t.Error(got)
	}
}

func TestOpeningFailuresAreErrors(t *testing.T) {
	if _, err := Listen("udp4", "256.0.0.1:x", Options{}); err == nil {
		t.Error("Listen took nonsense")
	}
	if _, err := Dial(netip.AddrPort{}, Options{}); err == nil {
		t.Error("Dial took no address")
	}
	closed, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if _, err := Wrap(closed, Options{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Wrap of a closed connection: %v", err)
	}
}

func TestDialFromAChosenAddress(t *testing.T) {
	server, other := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
	port := other.LocalAddr()
	other.Close()
	client := dial(t, server.LocalAddr(), Options{Local: port})
	if client.LocalAddr() != port {
		t.Fatalf("bound to %v, want %v", client.LocalAddr(), port)
	}
}

// pair returns a listener on ip and a socket connected to it, both with a deadline so that a lost datagram fails a
// test instead of stopping it.
func pair(t testing.TB, network, ip string, server, client Options) (*Socket, *Socket) {
	t.Helper()
	s, err := Listen(network, net.JoinHostPort(ip, "0"), server)
	if err != nil {
		t.Skipf("no %s loopback here: %v", network, err)
	}
	expire(t, s)
	return s, dial(t, s.LocalAddr(), client)
}

func dial(t testing.TB, to netip.AddrPort, o Options) *Socket {
	t.Helper()
	c, err := Dial(to, o)
	if err != nil {
		t.Fatal(err)
	}
	expire(t, c)
	return c
}

func expire(t testing.TB, s *Socket) {
	t.Helper()
	t.Cleanup(func() { s.Close() })
	if err := s.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

func makePlain(sockets ...*Socket) {
	for _, s := range sockets {
		s.link = newPlainLink(s.conn, Capabilities{})
	}
}

// pattern returns n bytes in which no two datagrams look alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>13)
	}
	return b
}

// checkDatagrams reads until want is complete and requires the datagrams that Write's contract promises.
func checkDatagrams(t *testing.T, name string, s *Socket, from netip.AddrPort, want []byte, seg int) {
	t.Helper()
	if seg <= 0 || seg > len(want) {
		seg = len(want)
	}
	buf := make([]byte, ReadSize)
	for at := 0; at < len(want); {
		var m Meta
		n, err := s.Read(buf, &m)
		if err != nil {
			t.Fatalf("%s: Read after %d bytes: %v", name, at, err)
		}
		if m.Remote != from {
			t.Fatalf("%s: from %v, want %v", name, m.Remote, from)
		}
		for b := buf[:n]; len(b) > 0; {
			size := min(m.SegmentSize, len(b))
			if size != min(seg, len(want)-at) || !bytes.Equal(b[:size], want[at:at+size]) {
				t.Fatalf("%s: a datagram of %d bytes at offset %d of %d is not what was sent", name, size, at, len(want))
			}
			b, at = b[size:], at+size
		}
	}
}

type text string

func (text) Network() string  { return "text" }
func (s text) String() string { return string(s) }

// scripted is a connection that reads what it was told and records what is written.
type scripted struct {
	net.PacketConn // nil: nothing else is called
	in             []string
	from           []net.Addr
	out            bytes.Buffer
}

func (c *scripted) LocalAddr() net.Addr { return text("[::]:9") }

func (c *scripted) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(c.in) == 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	n, from := copy(b, c.in[0]), c.from[0]
	c.in, c.from = c.in[1:], c.from[1:]
	return n, from, nil
}

func (c *scripted) WriteTo(b []byte, to net.Addr) (int, error) {
	c.out.WriteString(to.String() + " " + string(b) + ";")
	return len(b), nil
}
