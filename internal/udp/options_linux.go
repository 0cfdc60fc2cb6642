package udp

import "golang.org/x/sys/unix"

// prepare sets every option of a new socket that the kernel grants and says which those are, and whether the socket's
// addresses are IPv6 ones.
func prepare(fd int, wildcard bool, o Options) (inet6 bool, caps Capabilities) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	inet6 = err == nil && domain == unix.AF_INET6

	on := func(level, option, value int) bool { return unix.SetsockoptInt(fd, level, option, value) == nil }
	// An IPv6 socket serves IPv4 too, and is asked for both; the IPv4 answer matters only where it is all there is.
	either := func(v4, v6, value int) bool {
		ok := on(unix.IPPROTO_IP, v4, value)
		if inet6 {
			ok = on(unix.IPPROTO_IPV6, v6, value)
		}
		return ok
	}
	// RFC 9000 s14: datagrams must not be fragmented. PROBE also makes the kernel forget what ICMP told it about the
	// path: only our own probes, which are acknowledged under encryption, decide.
	caps.DontFragment = either(unix.IP_MTU_DISCOVER, unix.IPV6_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	caps.ECN = either(unix.IP_RECVTOS, unix.IPV6_RECVTCLASS, 1)
	if wildcard {
		// An IPv6 socket reports IPv4 addresses in the same option, mapped.
		if inet6 {
			caps.PacketInfo = on(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		} else {
			caps.PacketInfo = on(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	}
	caps.Batch = true
	if !o.DisableGSO {
		_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		caps.GSO = err == nil
	}
	if !o.DisableGRO {
		caps.GRO = on(unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	}
	caps.ReadBuffer = growBuffer(fd, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, o.Buffer)
	caps.WriteBuffer = growBuffer(fd, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, o.Buffer)
	return inet6, caps
}

// growBuffer raises a kernel buffer to size bytes, beyond the system's limit where the process may (CAP_NET_ADMIN),
// else up to it, and returns what it then is. It never shrinks one.
func growBuffer(fd, option, force, size int) int {
	if size > bufferSize(fd, option) && unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		grow(func(bytes int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bytes) }, size)
	}
	return bufferSize(fd, option)
}

// bufferSize undoes the kernel's doubling, its allowance for bookkeeping (socket(7)).
func bufferSize(fd, option int) int {
	doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	if err != nil {
		return 0
	}
	return doubled / 2
}
