package engine

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/wire"
)

// widest notes the largest datagrams that connections came to.
type widest struct {
	witness
	datagram *atomic.Int64
}

func (w *widest) Metrics(_ mono.Time, m port.Metrics) {
	if n := int64(m.Datagram); n > w.datagram.Load() {
		w.datagram.Store(n)
	}
}

// plainConn hides what a socket can do.
type plainConn struct{ net.PacketConn }

// Loopback carries the largest datagrams; but where the system may fragment them, a probe that comes back tells nothing (RFC 9000 s14).
func TestLargeDatagramsAreUsedWhereTheyAreNotFragmented(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(net.PacketConn) net.PacketConn
	}{
		{"a kernel's socket", func(p net.PacketConn) net.PacketConn { return p }},
		{"a PacketConn", func(p net.PacketConn) net.PacketConn { return plainConn{p} }},
	} {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		probe, err := udp.Wrap(c.wrap(pc), udp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := int64(maxDatagram)
		if probe.Capabilities().DontFragment {
			want = int64(largeDatagrams[len(largeDatagrams)-1])
		}
		var server atomic.Int64
		e := New(Options{Trace: func(role wire.Role, _ wire.ConnectionID) port.Trace {
			w := &widest{datagram: new(atomic.Int64)}
			if role == wire.Server {
				w.datagram = &server
			}
			return w
		}})
		l, err := e.ServeH3(c.wrap(pc), H3Config{TLS: serverTLS()}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
		if err != nil {
			t.Fatal(err)
		}
		if status, _, err := fetch(t, h, "GET", "/blob/3000000", nil); err != nil || status != "200" {
			t.Fatal(status, err)
		}
		_ = e.Close()
		expectEmpty(t, e)
		if got := server.Load(); got != want {
			t.Errorf("%s: the server's datagrams grew to %d bytes, want %d", c.name, got, want)
		}
	}
}
