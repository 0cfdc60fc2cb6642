package engine

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

// A link carries datagrams between one client and one server. Each way a function says what becomes of the nth datagram,
// counted from 0; nil loses it.
type link struct {
	front, back *net.UDPConn
	client      atomic.Pointer[netip.AddrPort]
	fromClient  atomic.Int64 // bytes that were let through
	fromServer  atomic.Int64 // bytes that came
}

func newLink(t *testing.T, server netip.AddrPort, toServer, toClient func(n int, b []byte) []byte) (*link, netip.AddrPort) {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Fatal(err)
	}
	l := &link{front: front, back: back}
	var both sync.WaitGroup
	both.Go(func() {
		buf := make([]byte, 1<<16)
		for n := 0; ; n++ {
			k, from, err := front.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			l.client.Store(&from)
			if b := toServer(n, buf[:k]); b != nil {
				l.fromClient.Add(int64(len(b)))
				_, _ = back.Write(b)
			}
		}
	})
	both.Go(func() {
		buf := make([]byte, 1<<16)
		for n := 0; ; n++ {
			k, err := back.Read(buf)
			if err != nil {
				return
			}
			l.fromServer.Add(int64(k))
			if b := toClient(n, buf[:k]); b != nil {
				_, _ = front.WriteToUDPAddrPort(b, *l.client.Load())
			}
		}
	})
	t.Cleanup(func() {
		_, _ = front.Close(), back.Close()
		both.Wait()
	})
	return l, front.LocalAddr().(*net.UDPAddr).AddrPort()
}

func through(_ int, b []byte) []byte { return b }

// first lets n datagrams through.
func first(n int) func(int, []byte) []byte {
	return func(i int, b []byte) []byte {
		if i < n {
			return b
		}
		return nil
	}
}

// awaitConnections waits until an engine has n of them.
func (e *Engine) awaitConnections(t *testing.T, n int, patience time.Duration) {
	t.Helper()
	var got int
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = e.Outstanding().Connections; got == n {
			return
		}
	}
	t.Fatalf("%d connections after %v, want %d", got, patience, n)
}

const briefly = 300 * time.Millisecond

// A client that dies while the handshake is under way costs the server nothing for longer than its handshake timeout,
// and gets at most three times what it sent (RFC 9000 s8.1).
func TestAClientThatDiesMidHandshakeIsForgotten(t *testing.T) {
	for datagrams := 1; datagrams <= 3; datagrams++ {
		var born atomic.Int32
		server, client := New(Options{Trace: func(wire.Role, wire.ConnectionID) port.Trace { born.Add(1); return nil }}), newTestEngine(t)
		t.Cleanup(func() {
			_ = server.Close()
			expectEmpty(t, server)
		})
		l, err := server.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), HandshakeTimeout: briefly}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		// The server hears nothing beyond these, and the client sends its own flight only: it gets no answer.
		way, to := newLink(t, l.Addr(), first(datagrams), first(0))
		if _, err := client.DialH3(t.Context(), to, H3Config{TLS: clientTLS(), HandshakeTimeout: 3 * briefly}); err == nil {
			t.Error("the client believes in a handshake")
		}
		if born.Load() == 0 {
			t.Errorf("%d datagrams: the server had no connection", datagrams)
		}
		server.awaitConnections(t, 0, 5*time.Second)
		if got, most := way.fromServer.Load(), 3*way.fromClient.Load(); got > most {
			t.Errorf("%d datagrams: the server answered %d bytes with %d", datagrams, way.fromClient.Load(), got)
		}
		again, err := client.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
		if err != nil {
			t.Fatalf("%d datagrams: the next client: %v", datagrams, err)
		}
		if _, _, err := fetch(t, again, "GET", "/blob/1", nil); err != nil {
			t.Error(err)
		}
	}
}

// A server that dies in the middle of its first flight: the dial ends with its timeout.
func TestAServerThatDiesMidHandshakeEndsTheDial(t *testing.T) {
	server, client := newTestEngine(t), newTestEngine(t)
	l, err := server.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), HandshakeTimeout: briefly}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	// One datagram of the server's has its ServerHello; the next would be the end of its flight. The client's Finished never
	// arrives.
	_, to := newLink(t, l.Addr(), first(2), first(1))
	started := time.Now()
	cause := dialFails(t, client, to, H3Config{TLS: clientTLS(), HandshakeTimeout: briefly})
	if took := time.Since(started); cause.Why != port.TimedOut || took < briefly/2 || took > 10*briefly {
		t.Errorf("the dial ends in %v with %v", took, cause)
	}
	server.awaitConnections(t, 0, 5*time.Second)
}

// Initials that are cut off, or larger than any path carries, with what follows them in the datagram.
func TestInitialsOfEverySize(t *testing.T) {
	cut := func(to int) func(int, []byte) []byte {
		return func(_ int, b []byte) []byte { return b[:min(to, len(b))] }
	}
	grown := func(to int) func(int, []byte) []byte {
		return func(_ int, b []byte) []byte { return append(bytes.Clone(b), make([]byte, max(0, to-len(b)))...) }
	}
	for _, s := range []struct {
		name               string
		toServer, toClient func(int, []byte) []byte
		works              bool
	}{
		{"the client's are cut to a byte", cut(1), through, false},
		{"the client's are cut in the header", cut(20), through, false},
		{"the client's are cut in the payload", cut(1199), through, false},
		{"the server's are cut to a byte", through, cut(1), false},
		{"the server's are cut in the header", through, cut(20), false},
		{"the server's are cut in the payload", through, cut(80), false},
		// RFC 9000 s12.2: what follows an Initial is another packet, and one that means nothing is dropped. Short header
		// packets would not survive it.
		{"the client's first two grow to 1501 bytes", onlyFirst(2, grown(1501)), through, true},
		{"the client's first two grow to 60,000 bytes", onlyFirst(2, grown(60_000)), through, true},
		{"the server's first grows to 1501 bytes", through, onlyFirst(1, grown(1501)), true},
		{"the server's first grows to 60,000 bytes", through, onlyFirst(1, grown(60_000)), true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server, client := newTestEngine(t), newTestEngine(t)
			l, err := server.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), HandshakeTimeout: 3 * time.Second}, handled(answerer))
			if err != nil {
				t.Fatal(err)
			}
			_, to := newLink(t, l.Addr(), s.toServer, s.toClient)
			if !s.works {
				if cause := dialFails(t, client, to, H3Config{TLS: clientTLS(), HandshakeTimeout: briefly}); cause.Why != port.TimedOut {
					t.Errorf("the dial ends with %v", cause)
				}
				return
			}
			h, err := client.DialH3(within(t, 5*time.Second), to, H3Config{TLS: clientTLS()})
			if err != nil {
				t.Fatal(err)
			}
			if _, got, err := fetch(t, h, "GET", "/blob/10000", nil); err != nil || len(got) != 10_000 {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// onlyFirst changes the first n datagrams.
func onlyFirst(n int, change func(int, []byte) []byte) func(int, []byte) []byte {
	return func(i int, b []byte) []byte {
		if i < n {
			return change(i, b)
		}
		return b
	}
}
