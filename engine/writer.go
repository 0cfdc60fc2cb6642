package engine

import (
	"errors"
	"runtime/debug"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// writer is the room that writes to a socket: Behaviour[port.ToWriter]. It waits in the kernel, and only there.
type writer struct {
	s    *socket
	gone bool
}

// Handle takes one message.
func (w *writer) Handle(_ mono.Time, m port.ToWriter) {
	switch m := m.(type) {
	case *port.TxBatch:
		w.send(m)
	case *port.Stop:
		w.gone = true
	}
}

// Flush has nothing to do: a batch is written when it is handled.
func (w *writer) Flush(mono.Time) {}

// Left reports whether the socket is closed.
func (w *writer) Left() bool { return w.gone }

// send writes a batch, one system call a run, and sends it home with what the socket said; a small one of which it said
// nothing, and for which conn does not wait, goes to the pool.
func (w *writer) send(t *port.TxBatch) {
	c, ours := t.Owner.(*connection)
	if ours {
		c.moved(len(t.B))
		if t.Closing {
			c.keepClose(t)
		}
	}
	for i := range t.Runs {
		r := &t.Runs[i]
		_, err := w.s.link.Write(t.B[r.Off:r.Off+r.Len], r.SegmentSize, r.Path.Remote, r.Path.Local.Addr(), udp.ECN(r.ECN))
		if err == nil {
			continue
		}
		t.TooLong = t.TooLong || errors.Is(err, udp.ErrMessageTooLong)
		if t.Err == nil || t.TooLong {
			t.Err = err
		}
		if ours && errors.Is(err, udp.ErrRefused) {
			c.notice(port.SawRefusal, err)
		}
	}
	switch {
	case !t.Home.Connected():
		w.s.answers.home(t)
	case ours && t.Small != nil && t.Err == nil && !t.Small.Free():
		c.tx.Return(t) // conn sees that its slot is free
	default:
		t.Home.Send(t)
	}
}

// zeroHome is the edge of a batch that nobody has.
var zeroHome actor.Port[port.ToConn]

// guarded keeps a panic of a shared room inside the message that caused it.
type guarded[M any] struct {
	b        actor.Behaviour[M]
	leaver   actor.Leaver
	panicked func(m, value any, stack []byte)
}

func guard[M any](b actor.Behaviour[M], panicked func(m, value any, stack []byte)) *guarded[M] {
	leaver, _ := b.(actor.Leaver)
	return &guarded[M]{b: b, leaver: leaver, panicked: panicked}
}

// Handle takes one message.
func (g *guarded[M]) Handle(now mono.Time, m M) {
	defer g.rescue(m)
	g.b.Handle(now, m)
}

// Flush ends a turn.
func (g *guarded[M]) Flush(now mono.Time) {
	defer g.rescue(nil)
	g.b.Flush(now)
}

// Left reports whether the room has.
func (g *guarded[M]) Left() bool { return g.leaver != nil && g.leaver.Left() }

func (g *guarded[M]) rescue(m any) {
	if v := recover(); v != nil {
		g.panicked(m, v, debug.Stack())
	}
}
