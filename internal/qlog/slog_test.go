package qlog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// all reports one event of each kind.
func all(t port.Trace) {
	p := wire.DefaultTransportParameters()
	t.State(at(0), "handshake")
	t.Parameters(at(0), true, &p)
	t.Keys(at(0), wire.LevelInitial, "installed")
	t.Packet(at(1), port.PacketEvent{Sent: true, Payload: []byte{1}, Size: 30})
	t.Packet(at(1), port.PacketEvent{Payload: []byte{1}, Size: 30})
	t.Dropped(at(2), 9, "duplicate")
	t.Lost(at(3), wire.LevelApp, 4, "time threshold")
	t.Metrics(at(4), port.Metrics{Window: 12000, PTOCount: 1})
	t.H3Frame(at(5), true, 4, 1, 10, []port.Field{{Name: "cookie", Value: "secret"}})
	t.H3Frame(at(5), false, 4, 1, 10, []port.Field{{Name: ":status", Value: "431"}})
	t.Closed(at(6), &port.Cause{Why: port.Idle})
}

const kinds = 11

var peer = netip.MustParseAddrPort("192.0.2.1:4433")

func TestEachEventIsADebugLineWithItsConnection(t *testing.T) {
	var b bytes.Buffer
	all(NewLines(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), wire.Server, original(), peer))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != kinds {
		t.Fatalf("%d lines, want %d", len(lines), kinds)
	}
	for _, line := range lines {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r["level"] != "DEBUG" || r["connection"] != "8394c8f03e515708" || r["role"] != "server" || r["remote"] != "192.0.2.1:4433" {
			t.Errorf("line %s", line)
		}
	}
	if !strings.Contains(lines[9], `"status":"431"`) {
		t.Errorf("no status in %s", lines[9])
	}
	if strings.Contains(b.String(), "secret") {
		t.Error("a field's value is in the log")
	}
}

func TestALoggerAboveDebugCostsNothing(t *testing.T) {
	if NewLines(slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)), wire.Client, original(), peer) != nil || NewLines(nil, wire.Client, original(), peer) != nil {
		t.Error("a trace that writes nothing should be nil")
	}
}

func TestTeeTellsBothAndClosesThose(t *testing.T) {
	f, g := &file{}, &file{}
	a, b := New(f, wire.Client, original(), wall, start), New(g, wire.Client, original(), wall, start)
	both := Tee(a, b)
	all(both)
	if err := both.(interface{ Close() error }).Close(); err != nil {
		t.Fatal(err)
	}
	if f.b.String() != g.b.String() || f.closed != 1 || g.closed != 1 {
		t.Error("the two logs differ, or one is still open")
	}
	// Both directions of the Initial keys, and the congestion state that came with the metrics.
	if n := len(records(t, f.b.String())); n != 2+kinds+2 {
		t.Errorf("%d records, want %d", n, 2+kinds+2)
	}
	if Tee(nil, nil) != nil || Tee(a, nil) != port.Trace(a) || Tee(nil, b) != port.Trace(b) {
		t.Error("a tee of one is that one")
	}
}
