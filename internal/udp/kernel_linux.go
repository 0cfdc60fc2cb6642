package udp

import (
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// kernelLink drives a UDP socket with Linux's own calls: message headers and control buffers are laid out once, so
// that a Read or a Write costs its system call and nothing else.
type kernelLink struct {
	local  netip.AddrPort
	remote netip.AddrPort // valid on a connected socket
	rx     receiver       // the reader's
	tx     sender         // the writer's

	caps     Capabilities // but GSO
	gso      atomic.Bool  // written by the writer, read by capabilities
	onGSOOff func(cause error)
}

// open chooses how datagrams move: the kernel's way if the connection is a kernel's socket.
func open(conn net.PacketConn, o Options) (link, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		var caps Capabilities
		caps.ReadBuffer, caps.WriteBuffer = growBuffers(conn, o.Buffer)
		return newPlainLink(conn, caps), nil
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &kernelLink{local: addrPortOf(udp.LocalAddr()), remote: remoteOf(udp), onGSOOff: o.OnGSOOff}
	var inet6 bool
	err = raw.Control(func(fd uintptr) { inet6, l.caps = prepare(int(fd), l.wildcard(), o) })
	if err != nil {
		return nil, err
	}
	l.gso.Store(l.caps.GSO)
	batch := ringSlots
	if l.caps.GRO {
		batch = 1 // the kernel packs: a merged train is a message
	}
	l.rx.init(raw, batch)
	l.tx.init(raw, inet6, l.remote)
	return l, nil
}

func (l *kernelLink) poll(may bool) { l.rx.polls.off = !may }

func (l *kernelLink) read(buf []byte, m *Meta) (int, error) { return l.readInto(buf, nil, m) }

func (l *kernelLink) readLent(from Lender, m *Meta) (int, error) { return l.readInto(nil, from, m) }

// readInto reads into buf, or into what is lent.
func (l *kernelLink) readInto(buf []byte, from Lender, m *Meta) (int, error) {
	for {
		n, err := l.rx.next(buf, from, m)
		switch {
		case err == nil:
			if l.remote.IsValid() {
				m.Remote = l.remote
			}
			if !m.Local.IsValid() {
				m.Local = boundTo(l.local)
			}
			return n, nil
		case err == unix.EMSGSIZE:
			// Some router's "fragmentation needed", which nothing vouches for: path MTU discovery trusts probes only
			// (RFC 9000 s14.2.1: ICMP must be validated; we ignore it).
		default:
			return 0, failed("read", l.local, l.remote, err)
		}
	}
}

func (l *kernelLink) write(b []byte, seg int, to netip.AddrPort, from netip.Addr, ecn ECN) (sent int, err error) {
	if l.remote.IsValid() {
		to, from = l.remote, netip.Addr{}
	} else if !l.wildcard() {
		from = netip.Addr{} // there is only one
	}
	if err := l.tx.address(to, from, ecn); err != nil {
		return 0, failed("write", l.local, to, err)
	}
	for {
		n, err := l.writeSome(b[sent:], seg)
		sent += n
		if err != nil {
			return sent, failed("write", l.local, to, err)
		}
		if sent == len(b) {
			return sent, nil
		}
	}
}

func (l *kernelLink) capabilities() Capabilities {
	caps := l.caps
	caps.GSO = l.gso.Load()
	return caps
}

// writeSome sends what one system call takes of b. Its errors are plain ones for write to describe.
func (l *kernelLink) writeSome(b []byte, seg int) (int, error) {
	if train := trainBytes(seg); l.gso.Load() && train > seg && len(b) > seg {
		return l.sendTrain(b[:min(train, len(b))], seg)
	}
	return l.tx.sendEach(b, seg)
}

// sendTrain lets the kernel cut b. EIO says that the device cannot checksum what would be cut, EINVAL that something
// about the train or the socket does not suit, or one of the things that are wrong with single datagrams too (a size
// beyond the link's, a source address that is gone). So the proof is in the sending: segmentation is to blame, and
// off, when the same datagrams pass singly.
func (l *kernelLink) sendTrain(b []byte, seg int) (int, error) {
	n, err := l.tx.sendTrain(b, seg)
	if err != unix.EIO && err != unix.EINVAL {
		return n, err
	}
	refusal := err
	n, err = l.tx.sendEach(b, seg)
	if n > 0 {
		l.gso.Store(false)
		if l.onGSOOff != nil {
			l.onGSOOff(failed("segmentation offload at", l.local, l.remote, refusal))
		}
	}
	return n, err
}

// wildcard reports whether datagrams come in by, and may leave from, more than one address.
func (l *kernelLink) wildcard() bool {
	return !l.remote.IsValid() && l.local.Addr().IsUnspecified()
}

// trainBytes returns how many bytes of segments of seg one call may take.
func trainBytes(seg int) int {
	if seg == 0 {
		return 0
	}
	return seg * min(MaxSegments, MaxTrain/seg)
}
