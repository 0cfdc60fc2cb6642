package udp

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	tooLongErrnos = []syscall.Errno{windows.WSAEMSGSIZE}
	refusedErrnos = []syscall.Errno{windows.WSAECONNREFUSED, windows.WSAECONNRESET}
	// transientErrnos: WSAENETRESET reports an expired TTL of something sent earlier.
	transientErrnos = []syscall.Errno{
		windows.WSAENOBUFS, windows.WSAEWOULDBLOCK, windows.WSAEINTR, windows.WSAEACCES, windows.WSAENETUNREACH,
		windows.WSAEHOSTUNREACH, windows.WSAEHOSTDOWN, windows.WSAENETDOWN, windows.WSAENETRESET,
		windows.WSAEADDRNOTAVAIL, windows.WSAEINVAL, windows.WSAETIMEDOUT, windows.WSAEAFNOSUPPORT,
	}
)
