package udp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dontFragment keeps datagrams whole (RFC 9000 s14). A socket takes the option of its own family only, and one that
// serves both takes either or both: one success is what there is to get.
func dontFragment(raw syscall.RawConn) bool {
	var err4, err6 error
	err := raw.Control(func(fd uintptr) {
		err4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_DONTFRAG, 1)
		err6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1)
	})
	return err == nil && (err4 == nil || err6 == nil)
}
