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
)

// A packet costs no allocation in the steady state: not in the reader and not in the writer, nor in any room or app task
// between them, of both sides together. What is allowed is a hundredth for each datagram that the server's socket saw. A
// batch is at most 46 datagrams, so that one allocation for each batch of one side would be twice that. In a window something may
// still grow, or the runtime may do something of its own; the best of them counts. (testing.AllocsPerRun would do the same
// sum, but of one processor only: with one, the rooms find other batches than with several.)
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
			t.Logf("upload %v, %d processors: allocations a datagram %.5f", upload, processors, rates)
			if best := slices.Min(rates); best > 0.01 {
				t.Errorf("upload %v, %d processors: %.4f allocations a datagram, want at most 0.01", upload, processors, best)
			}
		}
	}
}

// steadyBulk moves steadyTotal bytes over a new connection and returns the allocations a datagram of each window.
func steadyBulk(t *testing.T, upload bool) []float64 {
	e := newTestEngine(t)
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

// countingLink is a socket that counts the datagrams of both directions.
type countingLink struct {
	Socket
	datagrams atomic.Int64
}

func (l *countingLink) Read(buf []byte, m *udp.Meta) (int, error) {
	n, err := l.Socket.Read(buf, m)
	l.count(n, m.SegmentSize)
	return n, err
}

func (l *countingLink) Write(b []byte, seg int, to netip.AddrPort, from netip.Addr, ecn udp.ECN) (int, error) {
	l.count(len(b), seg)
	return l.Socket.Write(b, seg, to, from, ecn)
}

func (l *countingLink) count(n, seg int) {
	if seg <= 0 || seg > n {
		seg = max(n, 1)
	}
	l.datagrams.Add(int64((n + seg - 1) / seg))
}

// steadyMeter is told how much was received.
type steadyMeter struct {
	link     *countingLink
	received int
	windows  int // begun
	rates    [steadyWindows]float64

	memory    runtime.MemStats
	mallocs   uint64 // when the window began
	datagrams int64
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
	mallocs, datagrams := m.memory.Mallocs, m.link.datagrams.Load()
	if m.windows > 0 {
		m.rates[m.windows-1] = float64(mallocs-m.mallocs) / float64(datagrams-m.datagrams)
	}
	m.mallocs, m.datagrams = mallocs, datagrams
	m.windows++
}
