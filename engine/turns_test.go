package engine

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// busy is a room that never has an empty inbox, as a writer that many connections keep busy.
type busy struct {
	to   actor.Port[port.ToWriter]
	over chan bool
	left bool
}

func (e *busy) Handle(_ mono.Time, m port.ToWriter) {
	select {
	case <-e.over:
		e.left = true
	default:
		e.to.Send(m)
	}
}
func (e *busy) Flush(mono.Time) {}
func (e *busy) Left() bool      { return e.left }

// A writer that others keep busy does not keep the goroutine that is lent to one connection, nor that connection's lane.
func TestABusyWriterGivesALentGoroutineBack(t *testing.T) {
	c := lone()
	if !c.borrow() {
		t.Fatal("the lane does not borrow a goroutine")
	}
	e := &busy{over: make(chan bool)}
	w := actor.Spawn[port.ToWriter](writerSeat{c.s.e.world, c.s}, actor.Spec{Name: "writer", Capacity: 2}, e)
	e.to = w.Port("writer>writer", 1)
	e.to.Send(&port.Stop{})
	back := make(chan bool)
	go func() { c.payBack(); close(back) }()
	select {
	case <-back:
	case <-time.After(longWait):
		t.Error("the goroutine does not come back")
	}
	room := make(chan bool)
	(&seat{placement: &c.place}).Launch(player{run: func() { close(room) }})
	select {
	case <-room:
	case <-time.After(longWait):
		t.Error("a room of the lane waits for the writer")
	}
	close(e.over)
	<-back
}

// handed is a PacketConn whose writes wait until somebody reads: a relay on one goroutine, for instance, that brings a datagram
// before it takes the next.
type handed struct {
	net.PacketConn
	reading, closed chan struct{}
	once            sync.Once
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return h.PacketConn.Close()
}

func (h *handed) ReadFrom(b []byte) (int, net.Addr, error) {
	stop := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		for {
			select {
			case h.reading <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	defer func() { close(stop); <-left }()
	return h.PacketConn.ReadFrom(b)
}

func (h *handed) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-h.reading:
	case <-h.closed:
		return 0, net.ErrClosed
	}
	return h.PacketConn.WriteTo(b, to)
}

// On a socket that is not the kernel's a write may wait for a read: the reader does not write there.
func TestAReaderDoesNotWriteToASocketOfTheCallers(t *testing.T) {
	server, client := newTestEngine(t), newTestEngine(t)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &handed{PacketConn: pc, reading: make(chan struct{}), closed: make(chan struct{})}
	l, err := server.ServeH3(w, H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(longWait, func() { _ = w.Close() })
	h, err := client.DialH3(t.Context(), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, _, err := fetch(t, h, "GET", "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	if !late.Stop() {
		t.Error("the reader waited for itself")
	}
}

// slow is a trace that waits, as one does that writes to a disk.
type slow struct {
	port.Trace
	until chan struct{}
	armed *atomic.Bool
	once  *sync.Once
	waits chan struct{}
}

func (s slow) Packet(now mono.Time, p port.PacketEvent) {
	if !p.Sent && s.armed.Load() {
		s.once.Do(func() { close(s.waits); <-s.until })
	}
	s.Trace.Packet(now, p)
}

// A trace that waits keeps its connection from work, and no other.
func TestASlowTraceDelaysItsOwnConnectionOnly(t *testing.T) {
	var armed atomic.Bool
	until, waits := make(chan struct{}), make(chan struct{})
	var traced atomic.Int32
	server := New(Options{Trace: func(wire.Role, wire.ConnectionID) port.Trace {
		if traced.Add(1) > 1 {
			return new(witness) // the first connection's only is slow, whatever the second has still to say
		}
		return slow{new(witness), until, &armed, new(sync.Once), waits}
	}})
	t.Cleanup(func() { _ = server.Close() })
	client := newTestEngine(t)
	l, err := server.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	var two [2]*H3Conn
	for i := range two {
		if two[i], err = client.DialH3(t.Context(), l.Addr(), H3Config{TLS: clientTLS()}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fetch(t, two[i], "GET", "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	armed.Store(true)
	got := make(chan error, 2)
	go func() { _, _, err := fetch(t, two[0], "GET", "/", nil); got <- err }()
	<-waits
	armed.Store(false)
	late := time.AfterFunc(longWait, func() { close(until) })
	if _, _, err := fetch(t, two[1], "GET", "/", nil); err != nil {
		t.Error(err)
	}
	if late.Stop() {
		close(until)
	} else {
		t.Error("the other connection waits too")
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}
