package udp

import (
	"net"
	"net/netip"
)

// plainLink moves one datagram a call over anything that is a net.PacketConn: what systems without offloads, and
// connections that are not the kernel's, are served with. Marks and source addresses are beyond it.
type plainLink struct {
	conn   net.PacketConn
	udp    *net.UDPConn   // conn, if it is one: its netip methods do not allocate
	local  netip.AddrPort // bound address
	remote netip.AddrPort // valid on a connected udp
	caps   Capabilities

	// The writer's: the destination of the last datagram in the form that net.PacketConn wants.
	to     netip.AddrPort
	toAddr *net.UDPAddr
}

func newPlainLink(conn net.PacketConn, caps Capabilities) *plainLink {
	l := &plainLink{conn: conn, local: addrPortOf(conn.LocalAddr()), caps: caps}
	if udp, ok := conn.(*net.UDPConn); ok {
		l.udp, l.remote = udp, remoteOf(udp)
	}
	return l
}

func (l *plainLink) read(buf []byte, m *Meta) (int, error) {
	for {
		n, remote, err := l.receive(buf)
		switch {
		case err == nil && remote.IsValid():
			*m = Meta{Remote: remote, Local: boundTo(l.local), SegmentSize: n}
			return n, nil
		case err != nil && !isErrno(err, tooLongErrnos):
			return 0, failed("read", l.local, l.remote, err)
		}
		// Dropped: longer than buf (Windows says so by an error), or from an address that QUIC cannot answer.
	}
}

func (l *plainLink) write(b []byte, seg int, to netip.AddrPort, _ netip.Addr, _ ECN) (sent int, err error) {
	for {
		end := min(sent+seg, len(b))
		if err := l.send(b[sent:end], to); err != nil {
			return sent, failed("write", l.local, to, err)
		}
		sent = end
		if sent == len(b) {
			return sent, nil
		}
	}
}

func (l *plainLink) capabilities() Capabilities { return l.caps }

func (l *plainLink) receive(buf []byte) (int, netip.AddrPort, error) {
	if l.udp != nil {
		n, remote, err := l.udp.ReadFromUDPAddrPort(buf)
		return n, unmapped(remote), err
	}
	n, addr, err := l.conn.ReadFrom(buf)
	return n, addrPortOf(addr), err
}

func (l *plainLink) send(b []byte, to netip.AddrPort) error {
	var err error
	switch {
	case l.remote.IsValid():
		_, err = l.udp.Write(b)
	case l.udp != nil:
		_, err = l.udp.WriteToUDPAddrPort(b, to)
	default:
		if l.toAddr == nil || l.to != to {
			l.to, l.toAddr = to, net.UDPAddrFromAddrPort(to)
		}
		_, err = l.conn.WriteTo(b, l.toAddr)
	}
	return err
}

// growBuffers asks for kernel buffers of size bytes, halving while the system refuses (the BSDs do, beyond a limit).
func growBuffers(conn net.PacketConn, size int) (read, write int) {
	c, ok := conn.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	})
	if !ok {
		return 0, 0
	}
	return grow(c.SetReadBuffer, size), grow(c.SetWriteBuffer, size)
}

func grow(set func(bytes int) error, size int) int {
	const least = 64 << 10 // below it the system's own default is no worse
	for ; size >= least; size /= 2 {
		if set(size) == nil {
			return size
		}
	}
	return 0
}
