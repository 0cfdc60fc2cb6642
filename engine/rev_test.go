package engine

import (
	"os"
	"testing"
	"time"
	"errors"
	"net/netip"

	"quicpro/actors/port"
	"quicpro/internal/udp"
	"quicpro/wire"
)

func TestRevTracePanic(t *testing.T) {
	boom := true
	e := New(Options{OneSocket: true, Logger: quiet(), Trace: func(wire.Role, wire.ConnectionID) port.Trace {
		if boom {
			panic("a trace")
		}
		return nil
	}})
	func() {
		defer func() { recover() }()
		e.DialH3(within(t, time.Second), netip.MustParseAddrPort("127.0.0.1:9"), H3Config{TLS: clientTLS()})
	}()
	done := make(chan bool)
	go func() { e.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Fatal("Close hangs")
	}
	expectEmpty(t, e)
}

func fds() int { l, _ := os.ReadDir("/proc/self/fd"); return len(l) }

func TestRevFds(t *testing.T) {
	before := fds()
	var all []*Engine
	for range 20 {
		e := New(Options{})
		e.AwaitIdle(time.Millisecond)
		e.Close()
		all = append(all, e)
	}
	t.Log(before, fds(), len(all))
	if fds() > before+2 {
		t.Errorf("%d files before, %d after", before, fds())
	}
}

type failing struct {
	Socket
	fail chan struct{}
}

func (f *failing) Read(b []byte, m *udp.Meta) (int, error) {
	<-f.fail
	return 0, errors.New("torn out")
}

type failWorld struct {
	World
	e *Engine
	link *failing
}

func (w *failWorld) Listen(string) (Socket, error) { return w.link, nil }
func TestRevFailed(t *testing.T) {
	w := &failWorld{World: NewWorld(), link: &failing{newFakeLink(), make(chan struct{})}}
	var e *Engine
	e = New(Options{World: w, OneSocket: true, Logger: quiet(), Trace: func(wire.Role, wire.ConnectionID) port.Trace {
		close(w.link.fail)
		<-e.shared.done
		return nil
	}})
	began := time.Now()
	_, err := e.DialH3(within(t, 8*time.Second), fakeRemote, H3Config{TLS: clientTLS(), HandshakeTimeout: 3 * time.Second})
	t.Log(time.Since(began), err)
	if time.Since(began) > time.Second {
		t.Error("waited")
	}
	e.Close()
}
