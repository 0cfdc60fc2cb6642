package engine

import (
	"net"

	"quicpro/internal/udp"
)

// lease is a reader's buffer: one of the pool's large ones, or none while the reader waits. It is a udp.Lender.
type lease struct {
	s *socket
	b *rxBuffer
}

// read reads from a socket of this machine, or of a simulation, where nobody minds a buffer that waits.
func (l *lease) read(link Socket, m *udp.Meta) (int, error) {
	if u, ok := link.(*udp.Socket); ok {
		u.Poll(l.s.polls())
		return u.ReadLent(l, m)
	}
	buf := l.Lend()
	if buf == nil {
		return 0, net.ErrClosed
	}
	return link.Read(buf, m)
}

// Lend gives the reader its buffer, nil once the pool is closed.
func (l *lease) Lend() []byte {
	if l.b == nil {
		l.b = l.s.rx.large()
	}
	if l.b == nil {
		return nil
	}
	return l.b.mem
}

// TakeBack sends the buffer home.
func (l *lease) TakeBack() {
	if l.b != nil {
		l.s.rx.home(l.b)
		l.b = nil
	}
}
