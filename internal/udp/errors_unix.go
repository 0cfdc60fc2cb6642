//go:build !windows

package udp

import "syscall"

var (
	tooLongErrnos = []syscall.Errno{syscall.EMSGSIZE}
	refusedErrnos = []syscall.Errno{syscall.ECONNREFUSED}
	// transientErrnos: EINVAL and EADDRNOTAVAIL are how systems say that the source address is gone; EPROTO,
	// ENOPROTOOPT and 64 (Linux's ENONET, the BSDs' EHOSTDOWN) come from ICMP messages, which anyone may forge.
	transientErrnos = []syscall.Errno{
		syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR, syscall.EPERM, syscall.EACCES, syscall.ENETUNREACH,
		syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.ENETRESET, syscall.EADDRNOTAVAIL,
		syscall.EINVAL, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EIO, syscall.ETIMEDOUT, syscall.EAFNOSUPPORT, 64,
	}
)
