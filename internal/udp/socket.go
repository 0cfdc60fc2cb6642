// Package udp is the engine's socket: datagrams in and out with everything QUIC wants to know about them.
//
// One Read returns a whole train of equal datagrams where the kernel can merge them (UDP_GRO), one Write sends one
// (UDP_SEGMENT); both carry ECN marks and the local address. Where the kernel cannot, the same calls work with
// batches (sendmmsg, recvmmsg) or datagram by datagram: callers never branch on the platform. The package starts no
// goroutine, and reads the clock only to bound how long it asks an empty socket.
package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// ReadSize is the length in bytes of the buffer that Read wants: no UDP datagram and no merged train is longer.
const ReadSize = 64 << 10

const (
	// MaxSegments is how many datagrams one system call sends; Linux refused more than 64 for years.
	MaxSegments = 64
	// MaxTrain bounds the bytes of one train: the largest UDP payload over IPv4 (65,535 - 20 - 8).
	MaxTrain = 65507
)

// defaultBuffer is what a socket asks of the kernel for each direction: 8 MiB hold 50 ms at 1.3 Gbit/s, the time a
// reader may be kept from running without a loss.
const defaultBuffer = 8 << 20

// ECN is the Explicit Congestion Notification field of an IP header (RFC 3168 s5).
type ECN uint8

// The four codepoints (RFC 3168 s5); the values are those on the wire.
const (
	NotECT ECN = 0 // not ECN-capable
	ECT1   ECN = 1
	ECT0   ECN = 2
	CE     ECN = 3 // congestion experienced
)

// Meta says what a Read brought besides bytes.
type Meta struct {
	// Remote is the sender; an IPv4-mapped address is reported as IPv4.
	Remote netip.AddrPort
	// Local is the address the datagram was sent to, the `from` of an answer. It is invalid where a socket bound to
	// the wildcard address cannot tell (Capabilities.PacketInfo).
	Local netip.Addr
	// SegmentSize is the length in bytes of every datagram of the read but the last, which may be shorter. For a
	// single datagram it equals the bytes read, and so is 0 only for an empty one.
	SegmentSize int
	// ECN is the mark, the same for all datagrams of the read.
	ECN ECN
	// Alone says that the socket was empty before what was read came, and that nothing else had come by then. Only Linux
	// tells.
	Alone bool
}

// Options shape a socket. The zero value is right for an engine.
type Options struct {
	// Buffer is the size in bytes wanted for each kernel buffer; 0 means 8 MiB, negative leaves the system's. Less is
	// taken where the system grants no more.
	Buffer int
	// Local is the address Dial binds to before it connects; the zero value lets the system choose.
	Local netip.AddrPort
	// DisableGSO sends and receives without segmentation offload, as QUICPRO_DISABLE_GSO=1 in the environment does.
	DisableGSO bool
	// DisableGRO only receives without it, as QUICPRO_DISABLE_GRO=1 does.
	DisableGRO bool
	// OnGSOOff is called at most once, within Write, when the kernel or the device refused a train whose datagrams
	// then went through singly. The socket sends without GSO from there on. It must not call the socket's Write.
	OnGSOOff func(cause error)
}

// Capabilities says what a socket can do, for logs.
type Capabilities struct {
	GSO          bool // trains are segmented by the kernel or the device; may turn false while running
	GRO          bool // trains are received in one read
	Batch        bool // without GSO or GRO, one system call still moves several datagrams
	ECN          bool // marks are sent and received
	PacketInfo   bool // bound to all addresses, it knows and chooses the local one per datagram
	DontFragment bool // datagrams leave unfragmented whatever ICMP says (RFC 9000 s14)
	ReadBuffer   int  // bytes of kernel buffer granted; 0 is unknown
	WriteBuffer  int  // bytes of kernel buffer granted; 0 is unknown
}

// Socket is one UDP socket. One goroutine may Read while another Writes; Close, LocalAddr and Capabilities may be
// called from anywhere.
type Socket struct {
	conn  net.PacketConn
	local netip.AddrPort
	link  link
}

// link moves datagrams between a socket and the system: kernelLink with all of Linux's offloads, plainLink one by one.
type link interface {
	// read has the contract of Socket.Read.
	read(buf []byte, m *Meta) (int, error)
	// write has the contract of Socket.Write, with 0 < seg <= len(b), or both 0.
	write(b []byte, seg int, to netip.AddrPort, from netip.Addr, ecn ECN) (int, error)
	// capabilities may be called at any time.
	capabilities() Capabilities
}

// Listen opens an unconnected socket. network is "udp" (IPv6 with IPv4 for a wildcard address), "udp4" or "udp6";
// addr is as in net.ListenPacket.
func Listen(network, addr string, o Options) (*Socket, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(context.Background(), network, addr)
	if err != nil {
		return nil, fmt.Errorf("udp: listen: %w", err)
	}
	return opened(conn, o)
}

// Dial opens a socket connected to remote. Only remote's datagrams are received, and the answers of a closed port
// are seen as ErrRefused.
func Dial(remote netip.AddrPort, o Options) (*Socket, error) {
	if !remote.IsValid() || remote.Port() == 0 {
		return nil, fmt.Errorf("udp: dial: %v is no address to dial", remote) // package net would take it for localhost
	}
	var local *net.UDPAddr
	if o.Local.IsValid() {
		local = net.UDPAddrFromAddrPort(unmapped(o.Local))
	}
	conn, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(unmapped(remote)))
	if err != nil {
		return nil, fmt.Errorf("udp: dial: %w", err)
	}
	return opened(conn, o)
}

// Wrap makes a Socket of the caller's connection, whose Close then closes it. A *net.UDPConn keeps every capability;
// any other kind is served datagram by datagram, and its addresses must be UDP addresses or read as "ip:port".
func Wrap(conn net.PacketConn, o Options) (*Socket, error) {
	link, err := open(conn, o.withEnvironment())
	if err != nil {
		return nil, fmt.Errorf("udp: open %v: %w", conn.LocalAddr(), err)
	}
	return &Socket{conn: conn, local: addrPortOf(conn.LocalAddr()), link: link}, nil
}

// Kernel reports whether writes wait for the kernel only. Those of another's PacketConn may wait for anything: for a read, even.
func (s *Socket) Kernel() bool {
	_, ok := s.conn.(*net.UDPConn)
	return ok
}

// Read waits for datagrams: one, or a train of them from one sender that the kernel merged. It returns their total
// length and describes them in m. buf should be ReadSize long; what does not fit is lost as if by the network: dropped,
// or cut short on systems that do not tell. An empty datagram is n = 0 with a nil error. It allocates nothing.
//
// Errors: net.ErrClosed after Close; ErrRefused on a connected socket; any other that is not Transient is the
// socket's end.
func (s *Socket) Read(buf []byte, m *Meta) (n int, err error) {
	return s.link.read(buf, m)
}

// Poll says whether the next Read may ask an empty socket again for a while before it waits: for some 200 us of an idle processor, if
// that was worth it lately. Sockets begin with it. It belongs to the goroutine that reads, and has no effect where the system
// cannot be asked without waiting.
func (s *Socket) Poll(may bool) {
	if l, ok := s.link.(poller); ok {
		l.poll(may)
	}
}

// poller is a link that can be asked without waiting.
type poller interface{ poll(may bool) }

// Lender lends a reader its buffer.
type Lender interface {
	// Lend gives a buffer as Read wants it, the same one until it is taken back, or nil if nothing is to be read any more.
	Lend() []byte
	// TakeBack takes the buffer back. Nothing was read into it.
	TakeBack()
}

// ReadLent is Read into a buffer of l's, which it gives back while it has to wait, where the system lets it: a socket at rest
// needs no 64 KiB. When it returns, the last buffer is lent.
//
// Without a buffer the error is net.ErrClosed.
func (s *Socket) ReadLent(l Lender, m *Meta) (n int, err error) {
	if k, ok := s.link.(lentReader); ok {
		return k.readLent(l, m)
	}
	buf := l.Lend()
	if buf == nil {
		return 0, net.ErrClosed
	}
	return s.link.read(buf, m)
}

// lentReader is a link that can wait without a buffer: readLent has the contract of Socket.ReadLent.
type lentReader interface {
	readLent(l Lender, m *Meta) (int, error)
}

// Write sends b as datagrams of segSize bytes, the last one possibly shorter; segSize 0 means one datagram, and an
// empty b is an empty datagram. More than MaxSegments datagrams or MaxTrain bytes take several system calls. It waits
// while the kernel's buffer is full, and allocates nothing.
//
// A connected socket ignores to and from. Elsewhere from chooses the source address; invalid or unspecified leaves it
// to the system. sent counts the bytes of the datagrams that the kernel took, always a prefix of b.
//
// Errors: ErrMessageTooLong, ErrRefused, net.ErrClosed; Transient ones count as loss.
func (s *Socket) Write(b []byte, segSize int, to netip.AddrPort, from netip.Addr, ecn ECN) (sent int, err error) {
	if segSize <= 0 || segSize > len(b) {
		segSize = len(b)
	}
	return s.link.write(b, segSize, to, from, ecn)
}

// Close releases the socket. A Read or Write in progress returns net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }

// LocalAddr returns the bound address; its IP is unspecified for a socket that listens on all.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Capabilities returns what the socket can do now.
func (s *Socket) Capabilities() Capabilities { return s.link.capabilities() }

// opened wraps a connection of our own making, which must not outlive a failure.
func opened(conn net.PacketConn, o Options) (*Socket, error) {
	s, err := Wrap(conn, o)
	if err != nil {
		_ = conn.Close() // the first error is the one to report
	}
	return s, err
}

// withEnvironment adds the operator's switches. They are read here only, once a socket.
func (o Options) withEnvironment() Options {
	o.DisableGSO = o.DisableGSO || switchedOn("QUICPRO_DISABLE_GSO")
	o.DisableGRO = o.DisableGRO || o.DisableGSO || switchedOn("QUICPRO_DISABLE_GRO")
	if o.Buffer == 0 {
		o.Buffer = defaultBuffer
	}
	return o
}

func switchedOn(name string) bool {
	on, err := strconv.ParseBool(os.Getenv(name))
	return err == nil && on
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// addrPortOf converts a connection's address; the result is invalid if there is none in it.
func addrPortOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case nil:
		return netip.AddrPort{}
	case *net.UDPAddr:
		return unmapped(a.AddrPort())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmapped(ap)
}

// remoteOf returns the peer of a connected UDP socket, invalid for an unconnected one.
func remoteOf(conn *net.UDPConn) netip.AddrPort {
	if a, ok := conn.RemoteAddr().(*net.UDPAddr); ok && a != nil {
		return unmapped(a.AddrPort())
	}
	return netip.AddrPort{}
}

// boundTo returns the one address a socket is bound to, invalid if it is bound to all.
func boundTo(local netip.AddrPort) netip.Addr {
	if local.Addr().IsUnspecified() {
		return netip.Addr{}
	}
	return local.Addr()
}
