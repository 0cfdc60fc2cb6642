package engine

import (
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/race"
	"quicpro/internal/udp"
)

// steady is a transfer in bulk, of which windows are measured once everything has found its size.
const (
	steadyWarm    = 128 << 20 // bytes: flow control, the congestion window and every list and pool have grown by then
	steadyWindow  = 32 << 20
	steadyWindows = 5
	steadyTotal   = steadyWarm + steadyWindows*steadyWindow
	steadyMost    = 0.1 // allocations a read or write
)

// A packet costs no allocation in the steady state: not in the reader and not in the writer, nor in any room or app task
// between them, of both sides together. What is allowed is a tenth for each time that the server's socket reads or writes. A
// batch is one write there or one read, and rarely more than one of the other follows it, so that one allocation for each batch of
// one side would be several times that. In a window something may still grow, or the runtime may do something of its own; the best
// of them counts. (testing.AllocsPerRun would do the same sum, but of one processor only: with one, the rooms find other batches
// than with several.)
func TestSteadyStateAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("pools forget under the race detector")
	}
	// The collector empties pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, runtime.NumCPU()} {
		runtime.GOMAXPROCS(processors)
		for _, upload := range []bool{false, true} {
			rates := steadyBulk(t, upload)
			t.Logf("upload %v, %d processors: allocations a read or write %.5f", upload, processors, rates)
			if best := slices.Min(rates); best > steadyMost {
				t.Errorf("upload %v, %d processors: %.4f allocations a read or write, want at most %v", upload, processors, best, steadyMost)
			}
		}
	}
}

// steadyBulk moves steadyTotal bytes over a new connection and returns the allocations a read or write of each window.
func steadyBulk(t *testing.T, upload bool) []float64 {
	e := newTestEngine(t)
	defer keepHands(&e.world.(*machine).crew)()
	link := &countingLink{}
	open := func() (s Socket, err error) {
		link.Socket, err = e.world.Listen("127.0.0.1:0")
		return link, err
	}
	m := steadyMeter{link: link} // of the one side that receives
	l, err := e.serveH3(open, H3Config{TLS: serverTLS()}, handled(func(h *H3Conn, x *port.Exchange) {
		if m.drain(h, x); upload {
			pour(h, x, []port.Field{{Name: ":status", Value: "200"}}, 0)
		} else {
			pour(h, x, []port.Field{{Name: ":status", Value: "200"}}, steadyTotal)
		}
		x.CancelOrder.HandlerDone = true
		h.Cancel(x)
	}))
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	x, err := h.Exchange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Release(x)
	x.OpenOrder.Fields = []port.Field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: "/"},
	}
	h.Open(x)
	if upload {
		pour(h, x, nil, steadyTotal)
	} else {
		pour(h, x, nil, 0)
	}
	m.drain(h, x)
	return m.rates[:]
}

// keepHands has no goroutine that rests let go: they go by the clock and are made again, the more of them the slower the machine is,
// whatever the packets cost. The function that it returns lets them go.
func keepHands(c *crew) (release func()) {
	c.counting = true // nobody works yet
	return func() {
		c.mu.Lock()
		c.spare = len(c.idle)
		c.mu.Unlock()
		c.count()
	}
}

// pour sends a message with a body of that size.
func pour(h *H3Conn, x *port.Exchange, head []port.Field, left int) {
	m := port.NewSendIn(x)
	for m.Head = head; ; m.Head = nil {
		m.Chunks = m.Chunks[:0]
		if left > 0 {
			c := h.Chunks().Get(actor.ChunkHuge)
			n := min(left, actor.ChunkHuge-actor.HeadHeadroom)
			c.B = c.Space()[actor.HeadHeadroom : actor.HeadHeadroom+n]
			m.Chunks = append(m.Chunks, c)
			left -= n
		}
		m.Fin = left == 0
		h.Send(x)
		if s := <-x.Writes.C(); s.Last {
			return
		}
	}
}

// countingLink is a socket that counts what is read and written.
type countingLink struct {
	Socket
	times atomic.Int64
}

func (l *countingLink) Read(buf []byte, m *udp.Meta) (int, error) {
	l.times.Add(1)
	return l.Socket.Read(buf, m)
}

func (l *countingLink) Write(b []byte, seg int, to netip.AddrPort, from netip.Addr, ecn udp.ECN) (int, error) {
	l.times.Add(1)
	return l.Socket.Write(b, seg, to, from, ecn)
}

// steadyMeter is told how much was received.
type steadyMeter struct {
	link     *countingLink
	received int
	windows  int // begun
	rates    [steadyWindows]float64

	memory  runtime.MemStats
	mallocs uint64 // when the window began
	times   int64
}

// drain takes a message to its end. That of the other direction is empty.
func (m *steadyMeter) drain(h *H3Conn, x *port.Exchange) {
	for last := false; !last; {
		d := <-x.Reads.C()
		n := 0
		for _, p := range d.Pieces {
			n += len(p.B)
			p.Chunk.Release()
		}
		used := d.Used
		if last = d.Last; !used {
			x.TakenOrder.Bytes = n
			h.Taken(x)
		}
		m.more(n)
	}
}

// more notes received bytes, and ends and begins windows.
func (m *steadyMeter) more(n int) {
	if m.received += n; n == 0 || m.received < steadyWarm+m.windows*steadyWindow {
		return
	}
	runtime.ReadMemStats(&m.memory)
	mallocs, times := m.memory.Mallocs, m.link.times.Load()
	if m.windows > 0 {
		m.rates[m.windows-1] = float64(mallocs-m.mallocs) / float64(times-m.times)
	}
	m.mallocs, m.times = mallocs, times
	m.windows++
}
