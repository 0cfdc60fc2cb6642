package udp

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// From ws2ipdef.h.
const (
	ipDontFragment   = 14 // IP_DONTFRAGMENT
	ipv6DontFragment = 14 // IPV6_DONTFRAG
)

// dontFragment keeps datagrams whole (RFC 9000 s14). A socket takes the option of its own family only, and one that
// serves both takes both: one success is what there is to get.
func dontFragment(raw syscall.RawConn) bool {
	var err4, err6 error
	err := raw.Control(func(fd uintptr) {
		err4 = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipDontFragment, 1)
		err6 = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, ipv6DontFragment, 1)
	})
	return err == nil && (err4 == nil || err6 == nil)
}
