package core

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"quicpro/engine"
	"quicpro/internal/udp"
	"quicpro/sim/core/link"
)

// Socket is a UDP socket of a host: an engine.Socket.
type Socket struct {
	h       *Host
	local   netip.AddrPort
	remote  netip.AddrPort // connected to; invalid: to nobody
	queue   []link.Delivery
	bytes   int
	reads   uint64
	reader  *loop // waits in Read
	refused bool
	closed  bool
}

// socketBuffer is how many bytes wait for a reader. Beyond, datagrams are lost.
const socketBuffer = 8 << 20

// Listen opens a socket on one of the host's ports.
func (h *Host) Listen(addr string) (engine.Socket, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("core: listen %q: %w", addr, err)
	}
	if a, err := netip.ParseAddr(host); host != "" && host != h.name && (err != nil || a != h.addr && !a.IsUnspecified()) {
		return nil, fmt.Errorf("core: listen %q: host %s has the address %v", addr, h.name, h.addr)
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("core: listen %q: the port is no number", addr)
	}
	return h.open(uint16(number), netip.AddrPort{})
}

// Dial opens a socket connected to remote.
func (h *Host) Dial(remote netip.AddrPort) (engine.Socket, error) { return h.open(0, remote) }

func (h *Host) open(port uint16, remote netip.AddrPort) (engine.Socket, error) {
	for port == 0 {
		if h.sockets[h.next] == nil {
			port = h.next
		}
		if h.next++; h.next == 0 {
			h.next = firstPort
		}
	}
	if h.sockets[port] != nil {
		return nil, fmt.Errorf("core: port %d of host %s is in use", port, h.name)
	}
	s := &Socket{h: h, local: netip.AddrPortFrom(h.addr, port), remote: remote}
	h.sockets[port] = s
	return s, nil
}

// LocalAddr is the bound address.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Close closes the socket. A Read that waits returns.
func (s *Socket) Close() error {
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	delete(s.h.sockets, s.local.Port())
	for i := range s.queue {
		s.h.w.net.Release(s.queue[i].Bytes)
	}
	s.queue = nil
	s.wake()
	return nil
}

func (s *Socket) wake() {
	s.h.w.wake(s.reader)
	s.reader = nil
}

// Write sends a train of datagrams.
func (s *Socket) Write(b []byte, segSize int, to netip.AddrPort, _ netip.Addr, ecn udp.ECN) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	w := s.h.w
	if s.remote.IsValid() {
		to = s.remote
	}
	for at := 0; at < len(b); at += segSize {
		datagram := b[at:min(at+segSize, len(b))]
		w.journal.bytes(datagram)
		w.datagrams++
		w.bytes += uint64(len(datagram))
		if !s.h.down {
			w.net.Send(instant(w.now), s.local, to, ecn, datagram)
		} else if w.watch != nil {
			w.watch.Unsent(s.local, to, ecn, datagram)
		}
	}
	return len(b), nil
}

// Read waits for datagrams and returns a train of one sender's.
func (s *Socket) Read(buf []byte, m *udp.Meta) (int, error) {
	for len(s.queue) == 0 && !s.closed && !s.refused {
		s.reader = s.h.w.running
		s.h.w.suspend()
	}
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.refused:
		s.refused = false
		return 0, udp.ErrRefused
	}
	n, count := s.train(buf)
	first := &s.queue[0]
	*m = udp.Meta{Remote: first.From, Local: s.local.Addr(), SegmentSize: len(first.Bytes), ECN: first.ECN}
	for i := range count {
		s.bytes -= len(s.queue[i].Bytes)
		s.h.w.net.Release(s.queue[i].Bytes)
		s.queue[i] = link.Delivery{}
	}
	if s.queue = s.queue[count:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return n, nil
}

// train copies the first datagrams that one read returns. As in a kernel that merges, all but the last have one size; in a
// shuffled window the seed draws how many.
func (s *Socket) train(buf []byte) (n, count int) {
	w := s.h.w
	first, most := &s.queue[0], udp.MaxSegments
	if w.order.mixed {
		most = 1 + w.order.place.IntN(w.journal.steps, "train", 40)
	}
	for count < min(most, len(s.queue)) {
		d := &s.queue[count]
		if d.From != first.From || d.ECN != first.ECN || len(d.Bytes) > len(first.Bytes) || n+len(d.Bytes) > len(buf) {
			break
		}
		n += copy(buf[n:], d.Bytes)
		count++
		if len(d.Bytes) < len(first.Bytes) {
			break
		}
	}
	return n, count
}

// arrive puts a datagram into the socket that it is for.
func (w *World) arrive(d link.Delivery) {
	h := w.addrs[d.To.Addr()]
	if h == nil || h.down {
		w.miss(d, MissedCutOff)
		return
	}
	s := h.sockets[d.To.Port()]
	switch {
	case s == nil:
		w.refuse(d)
		w.miss(d, MissedNoSocket)
	case s.remote.IsValid() && s.remote != d.From:
		w.miss(d, MissedStranger)
	case s.bytes+len(d.Bytes) > socketBuffer:
		w.miss(d, MissedFull)
	default:
		if w.watch != nil {
			w.watch.Arrived(d, Taken)
		}
		s.queue = append(s.queue, d)
		s.bytes += len(d.Bytes)
		s.wake()
	}
}

// refusalTime is how long the network takes to say that nobody listens.
const refusalTime = time.Millisecond

// refuse tells the sender of a datagram that nobody listens, if its socket is connected, as ICMP does.
func (w *World) refuse(d link.Delivery) {
	from, to := d.From, d.To
	w.cal.add(w.now+refusalTime, func() {
		h := w.addrs[from.Addr()]
		if h == nil || h.down {
			return
		}
		if s := h.sockets[from.Port()]; s != nil && s.remote == to {
			s.refused = true
			s.wake()
		}
	})
}
