package udp

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sender is the writing half of a kernelLink. All messages of a call share one address and one control buffer.
type sender struct {
	raw       syscall.RawConn
	try       func(fd uintptr) bool // t.transmit, bound once
	inet6     bool                  // the socket's own family, which addresses are written in
	connected bool
	name      sockaddr
	nameLen   uint32
	control   controlBuffer
	plain     int       // length of the control messages that single datagrams carry
	msgs      []mmsghdr // one; MaxSegments from the first call on that needs more: 5 KiB
	iovs      []unix.Iovec
	single    bool // the kernel knows no sendmmsg

	count, done int // messages of the call, and how many the kernel took
	errno       syscall.Errno
	zones       zoneIndices
}

func (t *sender) init(raw syscall.RawConn, inet6 bool, remote netip.AddrPort) {
	t.raw, t.inet6, t.connected = raw, inet6, remote.IsValid()
	t.try = t.transmit
	t.grow(1)
}

// grow makes room for n messages, whose addresses address sets.
func (t *sender) grow(n int) {
	t.msgs, t.iovs = make([]mmsghdr, n), make([]unix.Iovec, n)
	for i := range t.msgs {
		h := &t.msgs[i].hdr
		h.Iov = &t.iovs[i]
		h.SetIovlen(1)
		if !t.connected {
			h.Name, h.Namelen = t.name.pointer(), t.nameLen
		}
	}
}

// address sets where the next messages go, where they come from and how they are marked.
func (t *sender) address(to netip.AddrPort, from netip.Addr, ecn ECN) error {
	to, from = unmapped(to), from.Unmap()
	v4 := to.Addr().Is4()
	if !to.IsValid() || (!v4 && !t.inet6) || (from.IsValid() && from.Is4() != v4) {
		return syscall.EAFNOSUPPORT
	}
	if !t.connected {
		t.nameLen = t.name.set(to, t.inet6, &t.zones)
		for i := range t.msgs {
			t.msgs[i].hdr.Name, t.msgs[i].hdr.Namelen = t.name.pointer(), t.nameLen
		}
	}
	t.plain = 0
	if from.IsValid() && !from.IsUnspecified() {
		t.plain = t.control.appendSource(t.plain, from)
	}
	if ecn != NotECT {
		t.plain = t.control.appendECN(t.plain, ecn, v4)
	}
	return nil
}

// sendTrain sends b as one message for the kernel to cut.
func (t *sender) sendTrain(b []byte, seg int) (int, error) {
	t.load(0, b, t.control.appendSegment(t.plain, seg))
	if err := t.flush(1); err != nil {
		return 0, err
	}
	return len(b), nil
}

// sendEach sends the first datagrams of b as messages of their own and returns the bytes the kernel took.
func (t *sender) sendEach(b []byte, seg int) (int, error) {
	if len(b) > seg && len(t.msgs) < MaxSegments {
		t.grow(MaxSegments)
	}
	count, end := 0, 0
	for count == 0 || (end < len(b) && count < MaxSegments) {
		start := end
		end = min(start+seg, len(b))
		t.load(count, b[start:end], t.plain)
		count++
	}
	err := t.flush(count)
	return min(t.done*seg, end), err
}

// load fills message i.
func (t *sender) load(i int, b []byte, control int) {
	t.iovs[i].Base = unsafe.SliceData(b)
	t.iovs[i].SetLen(len(b))
	h := &t.msgs[i].hdr
	h.Control = nil
	if control > 0 {
		h.Control = t.control.pointer()
	}
	h.SetControllen(control)
}

// flush sends count messages, or the first few of them. A nil error means that at least one went.
func (t *sender) flush(count int) error {
	t.count, t.done = count, 0
	err := t.attempt()
	if err == unix.EMSGSIZE && t.connected {
		// It may be an ICMP message's word about an earlier datagram, which the kernel tells connected sockets once
		// and which nothing vouches for. The second answer is about this one.
		err = t.attempt()
	}
	for i := range count {
		t.iovs[i].Base = nil // the caller's bytes are not ours to keep alive
	}
	return err
}

func (t *sender) attempt() error {
	t.errno = 0
	if err := t.raw.Write(t.try); err != nil {
		return err
	}
	if t.errno != 0 {
		return t.errno
	}
	return nil
}

// transmit is one attempt at the system call; false asks to be called again when there is room.
func (t *sender) transmit(fd uintptr) bool {
	for {
		var done uintptr
		var errno syscall.Errno
		if t.count == 1 || t.single {
			_, _, errno = unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&t.msgs[0].hdr)), 0)
			done = 1
		} else {
			done, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&t.msgs[0])), uintptr(t.count), 0, 0, 0)
		}
		switch errno {
		case 0:
			t.done = int(done)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		case unix.ENOSYS: // a sandbox's kernel: without batches then
			if t.count == 1 || t.single {
				t.errno = errno
				return true
			}
			t.single = true
		default:
			t.errno = errno
			return true
		}
	}
}
