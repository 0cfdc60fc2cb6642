package udp

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlSize is room for every control message of one datagram: at most a source (40 bytes), a mark (24) and a
// segment size (24), and as much again for options that whoever made a wrapped socket switched on.
const controlSize = 256

// controlBuffer holds control messages, in words because the kernel's headers want their alignment.
type controlBuffer [controlSize / 8]uint64

func (c *controlBuffer) pointer() *byte { return (*byte)(unsafe.Pointer(c)) }
func (c *controlBuffer) bytes() []byte  { return unsafe.Slice(c.pointer(), controlSize) }

// parse reads the first n bytes, as received, into m. Messages it does not know, and the end of what the kernel cut
// short, are skipped.
func (c *controlBuffer) parse(n int, m *Meta) {
	for rest := c.bytes()[:min(n, controlSize)]; len(rest) >= unix.SizeofCmsghdr; {
		h, data, remainder, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return
		}
		rest = remainder
		parseControl(h.Level, h.Type, data, m)
	}
}

func parseControl(level, kind int32, data []byte, m *Meta) {
	switch {
	case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO && len(data) >= 4:
		if size := int32(binary.NativeEndian.Uint32(data)); size > 0 {
			m.SegmentSize = int(size)
		}
	case level == unix.IPPROTO_IP && kind == unix.IP_TOS && len(data) >= 1:
		m.ECN = ECN(data[0] & 3) // RFC 3168 s5: the field's two low bits
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_TCLASS && len(data) >= 4:
		m.ECN = ECN(binary.NativeEndian.Uint32(data) & 3)
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		m.Local = netip.AddrFrom4([4]byte(data[8:12])) // ipi_addr: the header's destination
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		m.Local = netip.AddrFrom16([16]byte(data[:16])).Unmap()
	}
}

// appendSource adds the source address after the first `at` bytes and returns the new length, as its siblings do.
// An IPv6 socket that sends IPv4 takes the IPv4 messages.
func (c *controlBuffer) appendSource(at int, from netip.Addr) int {
	if from.Is4() {
		data, end := c.append(at, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		source := from.As4()
		clear(data)
		copy(data[4:8], source[:]) // ipi_spec_dst; interface 0 leaves the route to the kernel
		return end
	}
	data, end := c.append(at, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	source := from.As16()
	clear(data)
	copy(data, source[:])
	return end
}

func (c *controlBuffer) appendECN(at int, ecn ECN, v4 bool) int {
	level, kind := int32(unix.IPPROTO_IPV6), int32(unix.IPV6_TCLASS)
	if v4 {
		level, kind = unix.IPPROTO_IP, unix.IP_TOS
	}
	data, end := c.append(at, level, kind, 4)
	binary.NativeEndian.PutUint32(data, uint32(ecn&3))
	return end
}

func (c *controlBuffer) appendSegment(at, seg int) int {
	data, end := c.append(at, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(data, uint16(seg)) // at most MaxTrain/2: trainBytes
	return end
}

func (c *controlBuffer) append(at int, level, kind int32, size int) (data []byte, end int) {
	space := c.bytes()[at:]
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(space)))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	return space[unix.CmsgLen(0):unix.CmsgLen(size)], at + unix.CmsgSpace(size)
}
