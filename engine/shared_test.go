package engine

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
	"quicpro/wire"
)

// sharing makes an engine whose clients share a socket, and that must be empty at the end.
func sharing(t *testing.T) *Engine {
	t.Helper()
	e := New(Options{OneSocket: true})
	t.Cleanup(func() {
		_ = e.Close()
		expectEmpty(t, e)
	})
	return e
}

// Connections to several servers share a socket as long as there are any, and each gets its own datagrams.
func TestClientsShareASocket(t *testing.T) {
	far, e := newTestEngine(t), sharing(t)
	var servers [2]*H3Listener
	for i := range servers {
		l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		servers[i] = l
	}
	for range 2 { // the second time on another socket
		var conns [20]*H3Conn
		var all sync.WaitGroup
		for i := range conns {
			all.Go(func() {
				h, err := e.DialH3(within(t, 5*time.Second), servers[i%2].Addr(), H3Config{TLS: clientTLS()})
				if conns[i] = h; err != nil {
					t.Error(err)
					return
				}
				if _, got, err := fetch(t, h, "GET", "/blob/100000", nil); err != nil || len(got) != 100_000 {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		if o := e.Outstanding(); o.Sockets != 1 || o.Connections != len(conns) {
			t.Errorf("%d connections on %d sockets", o.Connections, o.Sockets)
		}
		for _, h := range conns {
			if h.LocalAddr() != conns[0].LocalAddr() {
				t.Errorf("a connection is at %v, another at %v", h.LocalAddr(), conns[0].LocalAddr())
			}
			h.Close(0, "")
			<-h.Done()
		}
		expectEmpty(t, e)
	}
}

// What a connected socket hears of the network, a shared one does not: a dial waits for its timeout.
func TestASharedSocketIsNotRefused(t *testing.T) {
	e := sharing(t)
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := gone.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = gone.Close()
	if cause := dialFails(t, e, to, H3Config{TLS: clientTLS(), HandshakeTimeout: 300 * time.Millisecond}); cause.Why != port.TimedOut {
		t.Errorf("%v", cause)
	}
}

// Nobody is served on the clients' socket, and nobody is answered who wants to be.
func TestNoConnectionIsBornOnAClientsSocket(t *testing.T) {
	far, e := newTestEngine(t), sharing(t)
	l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []func() []byte{
		func() []byte { return initial("original", "mine", 1200) },
		func() []byte { return versioned(0x1a2a3a4a, []byte("original"), []byte("mine"), 1200) },
	} {
		noise, err := net.Dial("udp", loopback(h.LocalAddr()).String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := noise.Write(version()); err != nil {
			t.Fatal(err)
		}
		_ = noise.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := noise.Read(make([]byte, 1500)); err == nil {
			t.Errorf("answered with %d bytes", n)
		}
		_ = noise.Close()
	}
	if _, _, err := fetch(t, h, "GET", "/blob/10", nil); err != nil {
		t.Errorf("the connection suffers: %v", err)
	}
}

// others lets other goroutines run for so many scheduler rounds.
func others(rounds int) {
	for range rounds {
		runtime.Gosched()
	}
}

// Close meets dials at every moment: each succeeds or fails, none is forgotten.
func TestTheEngineClosesWhileClientsDial(t *testing.T) {
	far := newTestEngine(t)
	l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		e := New(Options{OneSocket: true})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				h, err := e.DialH3(within(t, 8*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
				if err == nil {
					select {
					case <-h.Done():
					case <-within(t, 5*time.Second).Done():
						t.Error("a connection outlives its engine")
					}
				} else if cause := (*port.Cause)(nil); !errors.As(err, &cause) || cause.Why == port.TimedOut {
					t.Error(err)
				}
			})
		}
		others(round * 100)
		_ = e.Close()
		all.Wait()
		expectEmpty(t, e)
	}
}

// tornWorld is a World with one Socket, of which the reads fail once it is torn.
type tornWorld struct {
	World
	link *fakeLink
	torn chan struct{}
}

func (w *tornWorld) Listen(string) (Socket, error) { return tornLink{w.link, w.torn}, nil }

type tornLink struct {
	*fakeLink
	torn chan struct{}
}

func (l tornLink) Read([]byte, *udp.Meta) (int, error) {
	<-l.torn
	return 0, errors.New("torn")
}

// A socket that fails while a connection is made on it stops those that it has, and that one.
func TestADialOnASocketThatFailsMeanwhileEndsAtOnce(t *testing.T) {
	w := &tornWorld{World: NewWorld(), link: newFakeLink(), torn: make(chan struct{})}
	var e *Engine
	e = New(Options{World: w, OneSocket: true, Logger: quiet(), Trace: func(wire.Role, wire.ConnectionID) port.Trace {
		close(w.torn)
		<-e.shared.done
		return nil
	}})
	if cause := dialFails(t, e, fakeRemote, H3Config{TLS: clientTLS(), HandshakeTimeout: time.Second}); cause.Why != port.Abandoned {
		t.Errorf("%v", cause)
	}
	_ = e.Close()
	expectEmpty(t, e)
}

// Close comes while a connection is half made: it waits for it, or the connection ends at once.
func TestCloseMeetsAConnectionThatIsHalfMade(t *testing.T) {
	for _, one := range []bool{false, true} {
		far := newTestEngine(t)
		l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		var e *Engine
		closed := make(chan error)
		e = New(Options{OneSocket: one, Trace: func(wire.Role, wire.ConnectionID) port.Trace {
			go func() { closed <- e.Close() }()
			others(5000) // Close must wait for us, which shows by nothing else
			return nil
		}})
		h, err := e.DialH3(within(t, 2*time.Second), l.Addr(), H3Config{TLS: clientTLS(), HandshakeTimeout: 2 * time.Second})
		if err == nil {
			<-h.Done()
		} else if cause := (*port.Cause)(nil); !errors.As(err, &cause) || cause.Why == port.TimedOut {
			t.Errorf("a socket for all %v: %v", one, err)
		}
		<-closed
		expectEmpty(t, e)
	}
}

// A listener that closes while a connection is half made closes that as well.
func TestAListenerClosesWhatIsHalfMade(t *testing.T) {
	e := newTestEngine(t)
	var once sync.Once
	listening, closed := make(chan *H3Listener, 1), make(chan error, 1)
	far := New(Options{Trace: func(wire.Role, wire.ConnectionID) port.Trace {
		once.Do(func() {
			go func() { closed <- (<-listening).Close() }()
			others(5000) // Close must wait for us, which shows by nothing else
		})
		return nil
	}})
	l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), HandshakeTimeout: time.Second}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	listening <- l
	_, _ = e.DialH3(within(t, 500*time.Millisecond), l.Addr(), H3Config{TLS: clientTLS()})
	select {
	case <-closed:
		expectEmpty(t, far)
	case <-time.After(3 * time.Second):
		t.Fatalf("Close waits: %+v", far.Outstanding())
	}
}

// A socket with one connection needs no connection IDs (RFC 9000 s5.1), and one that connections share does.
func TestAClientsOwnSocketNeedsNoConnectionIDs(t *testing.T) {
	for _, shared := range []bool{false, true} {
		e := New(Options{OneSocket: shared})
		lengths := make(chan int, 1)
		far := New(Options{Trace: func(wire.Role, wire.ConnectionID) port.Trace { return &params{got: lengths} }})
		l, err := far.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := fetch(t, h, "GET", "/blob/100000", nil); err != nil || len(got) != 100_000 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		want := 0
		if shared {
			want = idLen
		}
		if n := <-lengths; n != want {
			t.Errorf("shared %v: the client's connection ID has %d bytes, want %d", shared, n, want)
		}
		_, _ = e.Close(), far.Close()
	}
}

// params tells the length of the connection ID that the peer has chosen.
type params struct {
	witness
	got chan int
}

func (p *params) Parameters(_ mono.Time, ours bool, tp *wire.TransportParameters) {
	if !ours {
		p.got <- tp.InitialSCID.ID.Len()
	}
}
