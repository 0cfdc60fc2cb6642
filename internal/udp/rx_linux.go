package udp

import (
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringSlots is how many datagrams one recvmmsg takes where the kernel does not merge them. A slot holds the largest
// datagram there is, but only the pages that were ever written to are real.
const ringSlots = 8

// receiver is the reading half of a kernelLink. The first message of a call goes straight to the caller's buffer,
// the others wait in the ring for the next calls.
type receiver struct {
	raw   syscall.RawConn
	try   func(fd uintptr) bool // r.receive, bound once: a method value made per call would be an allocation
	slots []slot                // batch of them at birth
	msgs  []mmsghdr             // the same
	batch int                   // messages asked of one call
	ring  []byte                // (ringSlots-1) x ReadSize, made at the first use

	have, taken int // messages the last call brought, and how many of them are handed out
	errno       syscall.Errno
	from        Lender // of this read; nil if the caller has given a buffer
	buf         []byte // of this read; nil while it is not lent
	zones       zoneNames
	polls       polls
	waited      bool // the socket was empty
}

// slot is what a message's header points to.
type slot struct {
	name    sockaddr
	iov     unix.Iovec
	control controlBuffer
}

// mmsghdr is the kernel's struct mmsghdr; the compiler pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

func (r *receiver) init(raw syscall.RawConn, batch int) {
	r.raw, r.batch = raw, batch
	r.try = r.receive
	r.polls.of = inProcess.processors()
	r.slots, r.msgs = make([]slot, batch), make([]mmsghdr, batch)
	for i := range r.msgs {
		h, s := &r.msgs[i].hdr, &r.slots[i]
		h.Name = s.name.pointer()
		h.Iov = &s.iov
		h.SetIovlen(1)
		h.Control = s.control.pointer()
	}
}

// next returns the next message, from the ring or from the kernel, in buf or in what is lent. Messages that do not fit are
// dropped.
func (r *receiver) next(buf []byte, from Lender, m *Meta) (int, error) {
	r.buf, r.from = buf, from
	n, err := r.message(m)
	r.buf, r.from = nil, nil // not ours to keep alive
	return n, err
}

func (r *receiver) message(m *Meta) (int, error) {
	for {
		if r.taken == r.have {
			if err := r.fill(); err != nil {
				return 0, err
			}
		} else if !r.borrow() {
			return 0, net.ErrClosed
		}
		buf := r.buf
		i := r.taken
		r.taken++
		n := int(r.msgs[i].len)
		if r.msgs[i].hdr.Flags&unix.MSG_TRUNC != 0 || n > len(buf) {
			continue
		}
		if i > 0 {
			copy(buf, r.ring[(i-1)*ReadSize:][:n])
		}
		r.describe(i, n, m)
		return n, nil
	}
}

// borrow sees to it that there is a buffer. It reports false if there are none any more.
func (r *receiver) borrow() bool {
	if r.from != nil {
		r.buf = r.from.Lend()
		return r.buf != nil
	}
	return true
}

// fill waits for at least one message.
func (r *receiver) fill() error {
	r.taken, r.have = 0, 0
	if r.batch > 1 && r.ring == nil {
		r.ring = make([]byte, (r.batch-1)*ReadSize)
		for i := 1; i < r.batch; i++ {
			r.slots[i].iov.Base = &r.ring[(i-1)*ReadSize]
			r.slots[i].iov.SetLen(ReadSize)
		}
	}
	r.errno, r.waited = 0, false
	r.polls.begin()
	err := r.raw.Read(r.try)
	if r.polls.gave {
		r.polls.came(time.Now())
	}
	r.polls.end()
	r.slots[0].iov.Base = nil // the caller's buffer is not ours to keep alive
	switch {
	case err != nil:
		return err
	case r.errno != 0:
		r.have = 0
		return r.errno
	case r.have == 0:
		return net.ErrClosed // nothing was lent
	}
	return nil
}

// receive asks the system for messages; false asks to be called again when there is something to read. Until then a buffer
// that was lent is given back.
func (r *receiver) receive(fd uintptr) bool {
	if !r.borrow() {
		return true
	}
	first := &r.slots[0].iov
	first.Base = unsafe.SliceData(r.buf)
	first.SetLen(len(r.buf))
	for {
		for i := range r.batch {
			// Both lengths are what the kernel found there last time.
			h := &r.msgs[i].hdr
			h.Namelen = sockaddrSize
			h.SetControllen(controlSize)
		}
		var got uintptr
		var errno syscall.Errno
		if r.batch == 1 {
			got, _, errno = unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0].hdr)), 0)
			r.msgs[0].len, got = uint32(got), 1
		} else {
			got, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])), uintptr(r.batch), 0, 0, 0)
		}
		switch errno {
		case 0:
			r.have = int(got)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			r.waited = true
			if r.polls.may && r.polls.again(time.Now()) {
				r.polls.round()
				continue
			}
			if r.from != nil {
				first.Base, r.buf = nil, nil
				r.from.TakeBack()
			}
			return false
		case unix.ENOSYS: // a sandbox's kernel: without batches then
			if r.batch == 1 {
				r.errno = errno
				return true
			}
			r.batch = 1
		default:
			r.errno = errno
			return true
		}
	}
}

// describe reads the address and the control messages of message i, n bytes long.
func (r *receiver) describe(i, n int, m *Meta) {
	s := &r.slots[i]
	*m = Meta{Remote: s.name.addrPort(&r.zones), SegmentSize: n, Alone: r.waited && r.have == 1}
	s.control.parse(int(r.msgs[i].hdr.Controllen), m)
	if m.SegmentSize > n {
		m.SegmentSize = n
	}
}
