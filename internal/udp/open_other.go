//go:build !linux

package udp

import "net"

// open chooses how datagrams move: one a call, whatever the connection.
func open(conn net.PacketConn, o Options) (link, error) {
	var caps Capabilities
	caps.ReadBuffer, caps.WriteBuffer = growBuffers(conn, o.Buffer)
	if udp, ok := conn.(*net.UDPConn); ok {
		raw, err := udp.SyscallConn()
		if err != nil {
			return nil, err
		}
		caps.DontFragment = dontFragment(raw)
	}
	return newPlainLink(conn, caps), nil
}
