package engine

import (
	"net"

	"quicpro/internal/udp"
)

// lease is a reader's buffer: one of the pool's large ones, or none while the reader waits. It is a udp.Lender.
type lease struct {
	pool  *rxPool
	bulk  *bulk     // while it flows, the reader does not poll
	among *bulk     // but if it flows among small requests
	idle  *idleLine // nor while somebody waits for an idle processor
	b     *rxBuffer
}

// read reads from a socket of this machine, or of a simulation, where nobody minds a buffer that waits.
func (l *lease) read(link Socket, m *udp.Meta) (int, error) {
	if u, ok := link.(*udp.Socket); ok {
		u.Poll(l.how())
		return u.ReadLent(l, m)
	}
	buf := l.Lend()
	if buf == nil {
		return 0, net.ErrClosed
	}
	return link.Read(buf, m)
}

// how is how a read polls.
func (l *lease) how() udp.Polling {
	among := l.among.counted()
	switch {
	case l.bulk.counted() && !among || l.idle.taken.Load():
		return udp.NoPolling
	case among:
		return udp.EagerPolling
	}
	return udp.ThriftyPolling
}

// Lend gives the reader its buffer, nil once the pool is closed.
func (l *lease) Lend() []byte {
	if l.b == nil {
		l.b = l.pool.large()
	}
	if l.b == nil {
		return nil
	}
	return l.b.mem
}

// TakeBack sends the buffer home.
func (l *lease) TakeBack() {
	if l.b != nil {
		l.pool.home(l.b)
		l.b = nil
	}
}
