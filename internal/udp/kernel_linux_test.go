package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func needOffload(t testing.TB, sockets ...*Socket) {
	t.Helper()
	for _, s := range sockets {
		if caps := s.Capabilities(); !caps.GSO || !caps.GRO {
			t.Skipf("this kernel or environment has no segmentation offload: %+v", caps)
		}
	}
}

func TestATrainIsOneRead(t *testing.T) {
	for _, lo := range loopbacks {
		for _, size := range []int{44 * 1452, 43*1452 + 17, 2 * 1252} {
			t.Run(lo.network, func(t *testing.T) {
				server, client := pair(t, lo.network, lo.ip, Options{}, Options{})
				needOffload(t, server, client)
				b, seg := pattern(size), 1452
				if size == 2*1252 {
					seg = 1252
				}
				if _, err := client.Write(b, seg, netip.AddrPort{}, netip.Addr{}, ECT0); err != nil {
					t.Fatal(err)
				}
				buf, m := make([]byte, ReadSize), Meta{}
				n, err := server.Read(buf, &m)
				if err != nil || !bytes.Equal(buf[:n], b) {
					t.Fatalf("Read = %d bytes, %v; want the train of %d", n, err, len(b))
				}
				want := Meta{Remote: client.LocalAddr(), Local: netip.MustParseAddr(lo.ip), SegmentSize: seg, ECN: ECT0, Alone: m.Alone}
				if m != want {
					t.Fatalf("meta %+v, want %+v", m, want)
				}
			})
		}
	}
}

func TestEnvironmentSwitchesOffload(t *testing.T) {
	tests := []struct {
		gso, gro         string
		wantGSO, wantGRO bool
	}{
		{"", "", true, true},
		{"0", "false", true, true},
		{"1", "", false, false},
		{"", "1", true, false},
	}
	for _, test := range tests {
		t.Setenv("QUICPRO_DISABLE_GSO", "")
		t.Setenv("QUICPRO_DISABLE_GRO", "")
		reference, _ := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
		needOffload(t, reference)
		t.Setenv("QUICPRO_DISABLE_GSO", test.gso)
		t.Setenv("QUICPRO_DISABLE_GRO", test.gro)
		server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
		if caps := server.Capabilities(); caps.GSO != test.wantGSO || caps.GRO != test.wantGRO {
			t.Fatalf("GSO %q, GRO %q: %+v", test.gso, test.gro, caps)
		}
		b := pattern(20*1452 + 3)
		if _, err := client.Write(b, 1452, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
			t.Fatal(err)
		}
		checkDatagrams(t, "same bytes", server, client.LocalAddr(), b, 1452)
	}
}

func TestMarksTravelBothWays(t *testing.T) {
	routes := []struct{ network, listen, dial string }{
		{"udp4", "127.0.0.1", "127.0.0.1"}, {"udp6", "::1", "::1"}, {"udp", "", "127.0.0.1"}, {"udp", "", "::1"},
	}
	for _, route := range routes {
		for _, o := range []Options{{}, {DisableGSO: true}} {
			server, err := Listen(route.network, net.JoinHostPort(route.listen, "0"), o)
			if err != nil {
				t.Logf("skipped %+v: %v", route, err)
				continue
			}
			expire(t, server)
			client := dial(t, netip.AddrPortFrom(netip.MustParseAddr(route.dial), server.LocalAddr().Port()), o)
			for _, ecn := range []ECN{NotECT, ECT1, ECT0, CE, NotECT} {
				buf, m := make([]byte, ReadSize), Meta{}
				if _, err := client.Write(pattern(2000), 1000, netip.AddrPort{}, netip.Addr{}, ecn); err != nil {
					t.Fatal(err)
				}
				for at := 0; at < 2000; {
					n, err := server.Read(buf, &m)
					if err != nil || m.ECN != ecn || m.Local != netip.MustParseAddr(route.dial) {
						t.Fatalf("%+v: server got %+v, %v; want mark %d", route, m, err, ecn)
					}
					at += n
				}
				if _, err := server.Write([]byte("x"), 0, m.Remote, m.Local, ecn); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Read(buf, &m); err != nil || m.ECN != ecn {
					t.Fatalf("%+v: client got %+v, %v; want mark %d", route, m, err, ecn)
				}
			}
		}
	}
}

// A connected client takes answers only from the address it asked, so the server must send from there.
func TestWildcardListenerAnswersFromTheAddressAsked(t *testing.T) {
	for _, listen := range []struct{ network, addr string }{{"udp4", "0.0.0.0:0"}, {"udp", "[::]:0"}} {
		for _, o := range []Options{{}, {DisableGSO: true}} {
			server, err := Listen(listen.network, listen.addr, o)
			if err != nil {
				t.Logf("skipped %+v: %v", listen, err)
				continue
			}
			expire(t, server)
			if !server.Capabilities().PacketInfo {
				t.Fatalf("no packet information: %+v", server.Capabilities())
			}
			asked := []string{"127.0.0.1", "127.0.0.2", "127.1.2.3"}
			if listen.network == "udp" {
				asked = append(asked, "::1")
			}
			for _, ip := range asked {
				client := dial(t, netip.AddrPortFrom(netip.MustParseAddr(ip), server.LocalAddr().Port()), o)
				if _, err := client.Write([]byte("who?"), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
					t.Fatal(err)
				}
				buf, m := make([]byte, ReadSize), Meta{}
				if _, err := server.Read(buf, &m); err != nil || m.Local.String() != ip {
					t.Fatalf("asked on %s, heard on %v: %v", ip, m.Local, err)
				}
				answer := pattern(2500)
				if _, err := server.Write(answer, 1000, m.Remote, m.Local, ECT0); err != nil {
					t.Fatal(err)
				}
				checkDatagrams(t, ip, client, netip.AddrPortFrom(m.Local, server.LocalAddr().Port()), answer, 1000)
			}
		}
	}
}

func TestRefusedPortIsSeenByReadAndWrite(t *testing.T) {
	for _, lo := range loopbacks {
		for _, kind := range kinds {
			t.Run(lo.network+"/"+kind.name, func(t *testing.T) {
				server, client := pair(t, lo.network, lo.ip, kind.server, kind.client)
				if kind.plain {
					makePlain(client)
				}
				server.Close()
				write := func() error {
					_, err := client.Write([]byte("anyone?"), 0, netip.AddrPort{}, netip.Addr{}, NotECT)
					return err
				}
				check := func(op string, err error) {
					t.Helper()
					if !errors.Is(err, ErrRefused) || !errors.Is(err, syscall.ECONNREFUSED) || Transient(err) {
						t.Fatalf("%s: %v; want ErrRefused", op, err)
					}
				}
				if err := write(); err != nil {
					t.Fatal("the first datagram cannot know:", err)
				}
				var m Meta
				_, err := client.Read(make([]byte, ReadSize), &m)
				check("Read", err)
				if err := write(); err != nil {
					t.Fatal("a refusal is told once:", err)
				}
				awaitError(t, client)
				check("Write", write())
			})
		}
	}
}

// SO_NO_CHECK makes the kernel refuse trains, and nothing but trains, with EINVAL.
func TestRefusedTrainGoesSinglyAndTurnsOffloadOff(t *testing.T) {
	var causes []error
	server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{OnGSOOff: func(cause error) { causes = append(causes, cause) }})
	needOffload(t, server, client)
	setOption(t, client, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1)
	for range 2 {
		b := pattern(30*1452 + 5)
		sent, err := client.Write(b, 1452, netip.AddrPort{}, netip.Addr{}, NotECT)
		if sent != len(b) || err != nil {
			t.Fatalf("Write = %d, %v", sent, err)
		}
		checkDatagrams(t, "singly", server, client.LocalAddr(), b, 1452)
	}
	if client.Capabilities().GSO {
		t.Error("segmentation offload is still on")
	}
	if len(causes) != 1 || !errors.Is(causes[0], syscall.EINVAL) {
		t.Errorf("reported %v, want EINVAL once", causes)
	}
}

// An address that is not ours makes the kernel refuse trains and single datagrams alike: offload is not to blame.
func TestForeignSourceAddressIsTransientAndKeepsOffload(t *testing.T) {
	server, err := Listen("udp4", "0.0.0.0:0", Options{OnGSOOff: func(cause error) { t.Error("offload blamed:", cause) }})
	if err != nil {
		t.Fatal(err)
	}
	expire(t, server)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().Port())
	before := server.Capabilities()
	sent, err := server.Write(pattern(3000), 1000, to, netip.MustParseAddr("192.0.2.77"), NotECT)
	if sent != 0 || !Transient(err) {
		t.Fatalf("Write = %d, %v; want a transient error", sent, err)
	}
	if server.Capabilities() != before {
		t.Error("capabilities changed")
	}
}

func TestWrongFamilyIsTransient(t *testing.T) {
	server, _ := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
	plain, _ := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
	makePlain(plain)
	for _, s := range []*Socket{server, plain} {
		_, err := s.Write([]byte("x"), 0, netip.MustParseAddrPort("[2001:db8::1]:443"), netip.Addr{}, NotECT)
		if !Transient(err) {
			t.Errorf("IPv6 on an IPv4 socket: %v; want a transient error", err)
		}
	}
	if _, err := server.Write([]byte("x"), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err == nil {
		t.Error("Write to nowhere succeeded")
	}
}

func TestDatagramBeyondTheBufferIsDropped(t *testing.T) {
	for _, o := range []Options{{}, {DisableGRO: true}} {
		server, client := pair(t, "udp4", "127.0.0.1", o, Options{})
		for _, size := range []int{100, 101, 500, 99} {
			if _, err := client.Write(pattern(size), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 100)
		for _, want := range []int{100, 99} {
			var m Meta
			if n, err := server.Read(buf, &m); n != want || err != nil {
				t.Fatalf("%+v: Read = %d, %v; want %d", o, n, err, want)
			}
		}
	}
}

// A kernel without sendmmsg and recvmmsg moves the same bytes.
func TestWithoutBatches(t *testing.T) {
	server, client := pair(t, "udp4", "127.0.0.1", Options{DisableGSO: true}, Options{DisableGSO: true})
	server.link.(*kernelLink).rx.batch = 1
	client.link.(*kernelLink).tx.single = true
	b := pattern(10*1200 + 1)
	if sent, err := client.Write(b, 1200, netip.AddrPort{}, netip.Addr{}, CE); sent != len(b) || err != nil {
		t.Fatalf("Write = %d, %v", sent, err)
	}
	checkDatagrams(t, "single", server, client.LocalAddr(), b, 1200)
}

func TestSocketIsPrepared(t *testing.T) {
	for _, lo := range loopbacks {
		server, _ := pair(t, lo.network, lo.ip, Options{}, Options{})
		caps := server.Capabilities()
		if !caps.DontFragment || !caps.ECN || !caps.Batch {
			t.Errorf("%s: %+v", lo.network, caps)
		}
		small, _ := pair(t, lo.network, lo.ip, Options{Buffer: -1}, Options{})
		if left := small.Capabilities(); caps.ReadBuffer < left.ReadBuffer || caps.WriteBuffer < left.WriteBuffer || left.ReadBuffer == 0 {
			t.Errorf("%s: buffers %+v are no larger than the system's %+v", lo.network, caps, left)
		}
		if caps.ReadBuffer > defaultBuffer || caps.WriteBuffer > defaultBuffer {
			t.Errorf("%s: buffers beyond what was asked: %+v", lo.network, caps)
		}
		discover := option(t, server, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
		if discover != unix.IP_PMTUDISC_PROBE {
			t.Errorf("%s: IP_MTU_DISCOVER is %d", lo.network, discover)
		}
	}
}

func TestGrowHalvesUntilGranted(t *testing.T) {
	var asked []int
	limit := func(max int) func(int) error {
		asked = nil
		return func(n int) error {
			asked = append(asked, n)
			if n > max {
				return syscall.ENOBUFS
			}
			return nil
		}
	}
	if got := grow(limit(3<<20), 8<<20); got != 2<<20 || len(asked) != 3 {
		t.Errorf("grow = %d after %v", got, asked)
	}
	if got := grow(limit(0), 8<<20); got != 0 || len(asked) != 8 {
		t.Errorf("grow = %d after %v", got, asked)
	}
}

func TestReadAndWriteDoNotAllocate(t *testing.T) {
	for _, lo := range loopbacks {
		for _, kind := range kinds {
			t.Run(lo.network+"/"+kind.name, func(t *testing.T) {
				server, client := pair(t, lo.network, lo.ip, kind.server, kind.client)
				if kind.plain {
					makePlain(server, client)
				}
				b, buf, m := pattern(9*1452), make([]byte, ReadSize), &Meta{}
				read := func(s *Socket) {
					for at := 0; at < len(b); {
						n, err := s.Read(buf, m)
						if err != nil {
							t.Fatal(err)
						}
						at += n
					}
				}
				allocs := testing.AllocsPerRun(50, func() {
					if _, err := client.Write(b, 1452, netip.AddrPort{}, netip.Addr{}, ECT0); err != nil {
						t.Fatal(err)
					}
					read(server)
					if _, err := server.Write(b, 1452, m.Remote, m.Local, ECT0); err != nil {
						t.Fatal(err)
					}
					read(client)
				})
				if allocs != 0 {
					t.Errorf("%v allocations", allocs)
				}
			})
		}
	}
}

func TestZonesAreRemembered(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Skip("no interfaces to be seen:", err)
	}
	ifi := interfaces[0]
	want := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%"+ifi.Name), 4433)
	var a sockaddr
	var names zoneNames
	var indices zoneIndices
	round := func() netip.AddrPort {
		a.set(want, true, &indices)
		return a.addrPort(&names)
	}
	if got := round(); got != want {
		t.Fatalf("%v came back as %v", want, got)
	}
	if allocs := testing.AllocsPerRun(10, func() { round() }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if got := indices.index("77"); got != 77 {
		t.Errorf("numeric zone is %d", got)
	}
	if got := indices.index("no such interface"); got != 0 {
		t.Errorf("unknown zone is %d", got)
	}
	const gone = 1<<31 - 1
	if got := names.name(gone); got != "2147483647" {
		t.Errorf("interface that is gone is called %q", got)
	}
	for i := range uint32(2 * maxZones) {
		names.name(gone - i)
	}
	if len(names.known) > maxZones {
		t.Errorf("%d zones kept", len(names.known))
	}
}

// One goroutine reads while another writes, both ways at once: the race detector's story.
func TestReadBesideWrite(t *testing.T) {
	server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
	const rounds, atOnce = 200, 20 // the kernel may have no room for all of them
	read := make(chan error, 2*rounds+2)
	for _, s := range []*Socket{server, client} {
		go func() {
			buf, m := make([]byte, ReadSize), &Meta{}
			for got := 0; got < rounds*3000; {
				n, err := s.Read(buf, m)
				if err != nil {
					read <- err
					return
				}
				for range (got+n)/3000 - got/3000 {
					read <- nil
				}
				got += n
			}
		}()
	}
	for i := range rounds {
		for _, w := range []struct {
			s  *Socket
			to netip.AddrPort
		}{{server, client.LocalAddr()}, {client, server.LocalAddr()}} {
			if _, err := w.s.Write(pattern(3000), 1000, w.to, netip.Addr{}, ECT0); err != nil {
				t.Fatal(err)
			}
			_ = w.s.Capabilities()
		}
		runtime.Gosched()
		if (i+1)%atOnce == 0 {
			for range 2 * atOnce {
				if err := <-read; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Whatever control messages say, parsing ends and keeps its promises.
func FuzzControl(f *testing.F) {
	var c controlBuffer
	at := c.appendSource(0, netip.MustParseAddr("127.0.0.2"))
	at = c.appendECN(at, CE, true)
	at = c.appendSegment(at, 1452)
	f.Add(bytes.Clone(c.bytes()[:at]))
	at = c.appendSource(0, netip.MustParseAddr("::1"))
	at = c.appendECN(at, ECT0, false)
	f.Add(bytes.Clone(c.bytes()[:at]))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c controlBuffer
		m := Meta{SegmentSize: 1200}
		c.parse(copy(c.bytes(), b), &m)
		if m.ECN > CE || m.SegmentSize <= 0 || m.Local.Is4In6() {
			t.Fatalf("%+v", m)
		}
	})
}

// awaitError waits until the socket has an error to tell: on a busy machine the kernel handles what loopback carries a moment later.
func awaitError(t *testing.T, s *Socket) {
	t.Helper()
	control(t, s, func(fd int) error {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 20_000)
		for err == unix.EINTR { // Go interrupts goroutines so
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 20_000)
		}
		if err == nil && n == 0 {
			err = errors.New("the refusal does not come")
		}
		return err
	})
}

func setOption(t *testing.T, s *Socket, level, name, value int) {
	t.Helper()
	control(t, s, func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) })
}

func option(t *testing.T, s *Socket, level, name int) (value int) {
	t.Helper()
	control(t, s, func(fd int) (err error) {
		value, err = unix.GetsockoptInt(fd, level, name)
		return err
	})
	return value
}

func control(t *testing.T, s *Socket, f func(fd int) error) {
	t.Helper()
	raw, err := s.conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = f(int(fd)) }); err != nil || failure != nil {
		t.Fatal(err, failure)
	}
}

// BenchmarkLoopback moves 44 datagrams of 1452 bytes there in turn with their reception, in one goroutine.
func BenchmarkLoopback(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			server, client := pair(b, "udp4", "127.0.0.1", kind.server, kind.client)
			if kind.plain {
				makePlain(server, client)
			}
			train, buf, m := pattern(44*1452), make([]byte, ReadSize), &Meta{}
			b.SetBytes(int64(len(train)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(train, 1452, netip.AddrPort{}, netip.Addr{}, ECT0); err != nil {
					b.Fatal(err)
				}
				for at := 0; at < len(train); {
					n, err := server.Read(buf, m)
					if err != nil {
						b.Fatal(err)
					}
					at += n
				}
			}
		})
	}
}
