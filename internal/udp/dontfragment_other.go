//go:build !linux && !darwin && !windows

package udp

import "syscall"

// dontFragment knows no way on this system; without one, path MTU discovery must not probe (RFC 9000 s14.3).
func dontFragment(syscall.RawConn) bool { return false }
