package engine

import (
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// witness is a port.Trace that counts.
type witness struct {
	mu                      sync.Mutex
	packets, keys, h3frames int
}

func (w *witness) note(n *int) {
	w.mu.Lock()
	*n++
	w.mu.Unlock()
}

func (w *witness) Packet(mono.Time, port.PacketEvent)                    { w.note(&w.packets) }
func (w *witness) Keys(mono.Time, wire.Level, string)                    { w.note(&w.keys) }
func (w *witness) Dropped(mono.Time, int, string)                        {}
func (w *witness) Lost(mono.Time, wire.Level, wire.PacketNumber, string) {}
func (w *witness) Metrics(mono.Time, port.Metrics)                       {}
func (w *witness) Parameters(mono.Time, bool, *wire.TransportParameters) {}
func (w *witness) State(mono.Time, string)                               {}
func (w *witness) Closed(mono.Time, *port.Cause)                         {}
func (w *witness) H3Frame(mono.Time, bool, wire.StreamID, uint64, uint64, []port.Field) {
	w.note(&w.h3frames)
}

// An engine's Trace hears every room of both sides, with a qlog file beside it and without.
func TestTheEnginesTraceHearsEveryConnection(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		var mu sync.Mutex
		heard := map[string]*witness{}
		e := New(Options{Trace: func(role wire.Role, odcid wire.ConnectionID) port.Trace {
			mu.Lock()
			defer mu.Unlock()
			w := new(witness)
			heard[role.String()+" "+odcid.String()] = w
			return w
		}})
		l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), QlogDir: dir}, handled(answerer))
		if err != nil {
			t.Fatal(err)
		}
		h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
		if err != nil {
			t.Fatal(err)
		}
		if status, _, err := fetch(t, h, "GET", "/blob/100", nil); err != nil || status != "200" {
			t.Fatal(status, err)
		}
		_ = e.Close()
		expectEmpty(t, e)
		if len(heard) != 2 {
			t.Errorf("traces of %d sides", len(heard))
		}
		for name, w := range heard {
			if w.packets < 6 || w.keys < 6 || w.h3frames < 4 {
				t.Errorf("%s: %d packets, %d keys, %d HTTP/3 frames", name, w.packets, w.keys, w.h3frames)
			}
		}
		if dir == "" {
			continue
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("%d qlog files beside the trace, want the server's", len(files))
		}
	}
}

// A Trace that panics costs the trace, on either side, and not the connection.
func TestAConnectionGoesOnWithoutATraceThatPanics(t *testing.T) {
	for _, one := range []bool{false, true} {
		for _, dir := range []string{"", t.TempDir()} {
			e := New(Options{OneSocket: one, Logger: quiet(), Trace: func(wire.Role, wire.ConnectionID) port.Trace { panic("a trace") }})
			l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS(), QlogDir: dir}, handled(answerer))
			if err != nil {
				t.Fatal(err)
			}
			h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS(), QlogDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if status, _, err := fetch(t, h, "GET", "/blob/100", nil); err != nil || status != "200" {
				t.Error(status, err)
			}
			_ = e.Close()
			expectEmpty(t, e)
		}
	}
}

// Who chose an original destination ID may choose it again, for another server that writes into the same directory too: what was
// written of the first connection stays, and names sort by ID, role and time.
func TestAQlogFileIsNeverWrittenOver(t *testing.T) {
	dir := t.TempDir()
	id, _ := wire.MakeConnectionID([]byte{0xab, 0xcd, 0xef, 0, 1, 2, 3, 4})
	peer := netip.MustParseAddrPort("192.0.2.1:4433")
	for range 3 {
		e := New(Options{Logger: quiet()})
		for _, role := range []wire.Role{wire.Client, wire.Server} {
			_ = e.tracer(nil, dir)(role, id, peer).(io.Closer).Close()
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Fatalf("six connections, and the files are %v, %v", files, err)
	}
	for i, f := range files {
		prefix := "abcdef0001020304_" + []string{"client", "server"}[i/3]
		again := strings.TrimSuffix(strings.TrimPrefix(f.Name(), prefix), ".sqlog")
		_, err := time.Parse("_20060102T150405.000000000", again)
		if first := i%3 == 0; !strings.HasPrefix(f.Name(), prefix) || first != (again == "") || !first && err != nil {
			t.Errorf("file %d is %s", i, f.Name())
		}
	}
}
