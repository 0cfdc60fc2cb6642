package engine

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// inline is a System that runs a room inside the send that woke it.
type inline struct{}

func (inline) Now() mono.Time        { return 1 }
func (inline) Stepping() bool        { return false }
func (inline) Launch(r actor.Runner) { r.Run() }

// homing is a room that sends home what it gets.
type homing[M any] struct{}

func (homing[M]) Handle(_ mono.Time, m M) {
	if b, ok := any(m).(*port.RxBatch); ok {
		b.Release()
	}
}
func (homing[M]) Flush(mono.Time) {}

func home[M any](name string) actor.Port[M] {
	return actor.Spawn[M](inline{}, actor.Spec{Name: name, Capacity: 1}, homing[M]{}).Port(name, 1)
}

// canned is a socket that always has the same train, for a number of reads, and takes everything.
type canned struct {
	Socket
	train []byte
	seg   int
	reads int
}

func (l *canned) Read(buf []byte, m *udp.Meta) (int, error) {
	if l.reads--; l.reads < 0 {
		return 0, net.ErrClosed
	}
	*m = udp.Meta{Remote: fakeRemote, Local: fakeLocal.Addr(), SegmentSize: l.seg}
	return copy(buf, l.train), nil
}

func (l *canned) Write(b []byte, _ int, _ netip.AddrPort, _ netip.Addr, _ udp.ECN) (int, error) {
	return len(b), nil
}

// The reader's way from one read to the next, without the kernel: routes, quotas, buffers.
func BenchmarkReader(b *testing.B) {
	a, other := short("aaaaaaaa", 1452), short("bbbbbbbb", 1452)
	for _, c := range []struct {
		name  string
		train []byte
	}{
		{"a full train", bytes.Repeat(a, 44)},
		{"a lone datagram", a},
		{"two connections", append(bytes.Repeat(a, 22), bytes.Repeat(other, 22)...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newReading(16)
			r.a.fromReader, r.b.fromReader = home[port.ToProtect]("a"), home[port.ToProtect]("b")
			link := &canned{train: c.train, seg: 1452, reads: b.N}
			r.s.link, r.s.done = link, make(chan struct{})
			r.s.inside.Add(2)       // it is not the last that leaves
			r.s.closing.Store(true) // the end is no failure
			b.SetBytes(int64(len(c.train)))
			b.ReportAllocs()
			b.ResetTimer()
			r.s.read()
			if r.a.rx.dropped > 0 || r.s.rx.out() != 0 {
				b.Fatal(r.a.rx.dropped, r.s.rx.out())
			}
		})
	}
}

// The writer's way from a batch to the system call and home again, without the kernel.
func BenchmarkWriter(b *testing.B) {
	w := guard[port.ToWriter](&writer{s: &socket{link: &canned{}}}, nil)
	edge := actor.Spawn[port.ToWriter](inline{}, actor.Spec{Name: "writer", Capacity: 1}, w).Port("protect>writer", 1)
	t := &port.TxBatch{B: make([]byte, port.BigBatch), Home: home[port.ToConn]("home>conn")}
	for i := range 3 { // runs
		t.Runs = append(t.Runs, port.TxRun{Path: port.Path{Remote: fakeRemote}, Off: i * 14_520, Len: 14_520, SegmentSize: 1452})
	}
	b.ReportAllocs()
	for b.Loop() {
		edge.Send(t)
	}
	if t.Err != nil {
		b.Fatal(t.Err)
	}
}

// What strangers cost: the endpoint's answer to one datagram, up to the writer's system call.
func BenchmarkEndpoint(b *testing.B) {
	forged := initial("12345678", "peer", minInitial)
	forged[minInitial-1] ^= 1
	for _, c := range []struct {
		name     string
		datagram []byte
		answers  bool
	}{
		{"a packet of no connection", short("xxxxxxxx", 100), true},
		{"another version", versioned(0x1a2a3a4a, []byte("12345678"), []byte("peer"), minInitial), true},
		{"an Initial that cannot be opened", forged, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newReading(16)
			link := &counted{}
			r.s.link = link
			edge := actor.Spawn[port.ToWriter](inline{}, actor.Spec{Name: "writer", Capacity: 1}, guard[port.ToWriter](&writer{s: r.s}, nil))
			e := &endpoint{s: r.s, out: edge.Port("endpoint>writer", 1), closed: newClosed(), rate: rate{perSecond: resetsPerSecond}}
			e.accept.e = e
			e.accept.spawn = func(crypto.FirstInitial, port.Path) *connection { return nil } // a server's
			batch := port.NewRxBatch(nil, func(*port.RxBatch) {})
			now, n := mono.Time(1), 0
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second) // or the rest would be silence
				batch.Reuse(c.datagram)
				batch.SegmentSize, batch.Path, batch.At = len(c.datagram), port.Path{Remote: fakeRemote}, now
				e.Handle(now, batch)
				n++
			}
			if c.answers && link.writes != n || !c.answers && link.writes != 0 {
				b.Fatalf("%d answers to %d datagrams", link.writes, n)
			}
		})
	}
}

// counted takes everything and counts.
type counted struct {
	canned
	writes int
}

func (l *counted) Write(b []byte, _ int, _ netip.AddrPort, _ netip.Addr, _ udp.ECN) (int, error) {
	l.writes++
	return len(b), nil
}
