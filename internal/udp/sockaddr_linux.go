package udp

import (
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

const sockaddrSize = unix.SizeofSockaddrInet6

// sockaddr is an address as the kernel reads and writes it: the larger kind, which the smaller one overlays.
type sockaddr struct{ in6 unix.RawSockaddrInet6 }

func (s *sockaddr) pointer() *byte { return (*byte)(unsafe.Pointer(&s.in6)) }

func (s *sockaddr) in4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.in6))
}

// port returns the port's two bytes, which both kinds have in the same place and in network order.
func (s *sockaddr) port() *[2]byte { return (*[2]byte)(unsafe.Pointer(&s.in6.Port)) }

// addrPort returns the address, invalid if it is none of IPv4 or IPv6.
func (s *sockaddr) addrPort(zones *zoneNames) netip.AddrPort {
	var ip netip.Addr
	switch s.in6.Family {
	case unix.AF_INET:
		ip = netip.AddrFrom4(s.in4().Addr)
	case unix.AF_INET6:
		ip = netip.AddrFrom16(s.in6.Addr).Unmap()
		if s.in6.Scope_id != 0 && ip.Is6() {
			ip = ip.WithZone(zones.name(s.in6.Scope_id))
		}
	}
	port := s.port()
	return netip.AddrPortFrom(ip, uint16(port[0])<<8|uint16(port[1]))
}

// set writes a, which a socket of the IPv6 family wants as IPv6, and returns the length.
func (s *sockaddr) set(a netip.AddrPort, inet6 bool, zones *zoneIndices) uint32 {
	size := uint32(sockaddrSize)
	if inet6 {
		s.in6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: a.Addr().As16()}
		if zone := a.Addr().Zone(); zone != "" {
			s.in6.Scope_id = zones.index(zone)
		}
	} else {
		*s.in4() = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Addr().As4()}
		size = unix.SizeofSockaddrInet4
	}
	*s.port() = [2]byte{byte(a.Port() >> 8), byte(a.Port())}
	return size
}

// maxZones bounds the caches of interface names. Looking one up asks the kernel for all interfaces; hosts have few
// that carry link-local traffic, and a full cache starts anew.
const maxZones = 32

// zoneNames gives interface indices the names that netip calls zones.
type zoneNames struct{ known map[uint32]string }

func (z *zoneNames) name(index uint32) string {
	if name, ok := z.known[index]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(index), 10) // what package net calls an interface that is gone
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		name = ifi.Name
	}
	if z.known == nil || len(z.known) == maxZones {
		z.known = make(map[uint32]string, maxZones)
	}
	z.known[index] = name
	return name
}

// zoneIndices is the way back; an unknown zone is 0, which the kernel refuses where it needs one.
type zoneIndices struct{ known map[string]uint32 }

func (z *zoneIndices) index(name string) uint32 {
	if index, ok := z.known[name]; ok {
		return index
	}
	var index uint32
	if ifi, err := net.InterfaceByName(name); err == nil {
		index = uint32(ifi.Index)
	} else if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		index = uint32(n)
	} else {
		return 0 // not kept: the interface may come up
	}
	if z.known == nil || len(z.known) == maxZones {
		z.known = make(map[string]uint32, maxZones)
	}
	z.known[name] = index
	return index
}
