package engine

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/udp"
	"quicpro/wire"
)

// fakeLink is a Socket whose other end is the test.
type fakeLink struct {
	in     chan fakeRead
	out    chan []byte
	closed chan struct{}
	once   sync.Once
}

type fakeRead struct {
	b    []byte
	seg  int
	from netip.AddrPort
}

var (
	fakeLocal  = netip.MustParseAddrPort("192.0.2.1:443")
	fakeRemote = netip.MustParseAddrPort("198.51.100.7:50000")
)

func newFakeLink() *fakeLink {
	return &fakeLink{in: make(chan fakeRead), out: make(chan []byte, 10_000), closed: make(chan struct{})}
}

func (l *fakeLink) Read(buf []byte, m *udp.Meta) (int, error) {
	select {
	case r := <-l.in:
		*m = udp.Meta{Remote: r.from, Local: fakeLocal.Addr(), SegmentSize: r.seg}
		return copy(buf, r.b), nil
	case <-l.closed:
		return 0, net.ErrClosed
	}
}

func (l *fakeLink) Write(b []byte, seg int, _ netip.AddrPort, _ netip.Addr, _ udp.ECN) (int, error) {
	for at := 0; at < len(b); at += seg {
		l.out <- append([]byte(nil), b[at:min(at+seg, len(b))]...)
	}
	return len(b), nil
}

func (l *fakeLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *fakeLink) LocalAddr() netip.AddrPort { return fakeLocal }

// deliver lets the socket read datagrams of one size in one go.
func (l *fakeLink) deliver(seg int, datagrams ...[]byte) {
	var b []byte
	for _, d := range datagrams {
		b = append(b, d...)
	}
	l.in <- fakeRead{b, seg, fakeRemote}
}

// answer is the next datagram that the socket writes; nil if none comes.
func (l *fakeLink) answer() []byte {
	select {
	case b := <-l.out:
		return b
	case <-time.After(5 * time.Second):
		return nil
	}
}

// server is a listener on a fake link.
type server struct {
	*fakeLink
	e *Engine
	l *H3Listener
}

func newServer(t *testing.T, maxConns int) *server {
	t.Helper()
	s := &server{fakeLink: newFakeLink(), e: newTestEngine(t)}
	var err error
	s.l, err = s.e.serveH3(func() (Socket, error) { return s.fakeLink, nil }, H3Config{TLS: serverTLS(), MaxConns: maxConns}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settled delivers a datagram that is always answered, and waits until everything that the endpoint sent before is out:
// the endpoint answers in order.
func (s *server) settled(t *testing.T) (before [][]byte) {
	t.Helper()
	probe := versioned(wire.Version(0x1a2a3a4a), []byte("the mark"), []byte("peer"), minInitial)
	s.deliver(len(probe), probe)
	for {
		b := s.answer()
		if b == nil {
			t.Fatal("the endpoint does not answer")
		}
		if v, err := wire.ParseVersionNegotiation(b); err == nil && string(v.SCID) == "the mark" {
			return before
		}
		before = append(before, b)
	}
}

// versioned is a long-header datagram of any version.
func versioned(v wire.Version, dcid, scid []byte, size int) []byte {
	b := []byte{0xc0, byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v), byte(len(dcid))}
	b = append(b, dcid...)
	b = append(append(b, byte(len(scid))), scid...)
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// initial is a client's first Initial datagram, with a PING and padding.
func initial(dcid, scid string, size int) []byte {
	return initialOf(wire.Ping{}.Append(nil), dcid, scid, size)
}

// initialOf is an Initial datagram with these frames and padding.
func initialOf(frames []byte, dcid, scid string, size int) []byte {
	d, _ := wire.MakeConnectionID([]byte(dcid))
	s, _ := wire.MakeConnectionID([]byte(scid))
	b, lengthAt := wire.AppendLongHeader(nil, wire.PacketInitial, d, s, nil, 2)
	numberAt := len(b)
	b = wire.AppendNumber(b, 0, 2)
	b = append(b, frames...)
	b = append(b, make([]byte, size-len(b))...)
	wire.PatchLength(b, lengthAt, len(b)-numberAt)
	crypto.SealInitial(wire.Client, d, b, numberAt, 2, 0)
	return b
}

// short is a short-header datagram.
func short(dcid string, size int) []byte {
	b := append([]byte{0x40}, dcid...)
	return append(b, make([]byte, max(0, size-len(b)))...)
}

var _ Socket = (*fakeLink)(nil)
var _ port.TxPool = (*lender)(nil)
