package qlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// file is a log's file in memory.
type file struct {
	mu      sync.Mutex
	b       bytes.Buffer
	closed  int
	full    bool          // writes fail
	gate    chan struct{} // if not nil, each write waits for one
	reached chan struct{} // and says here that it does
}

var errFull = errors.New("disk full")

func (f *file) Write(b []byte) (int, error) {
	if f.gate != nil {
		f.reached <- struct{}{}
		<-f.gate
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return 0, errFull
	}
	return f.b.Write(b)
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

// record is one record of a file.
type record map[string]any

func (r record) data() map[string]any { return r["data"].(map[string]any) }

const start mono.Time = 1_000_000

var wall = time.Date(2026, 3, 1, 12, 30, 0, 250e6, time.FixedZone("here", 3600))

// at is d after the connection's birth.
func at(d time.Duration) mono.Time { return start.Add(d) }

func original() wire.ConnectionID {
	id, _ := wire.MakeConnectionID([]byte{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08})
	return id
}

// written runs a story against a log and returns the file's text.
func written(t *testing.T, role wire.Role, story func(*Log)) string {
	t.Helper()
	f := &file{}
	l := New(f, role, original(), wall, start)
	story(l)
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if f.closed != 1 {
		t.Fatalf("the file was closed %d times", f.closed)
	}
	return f.b.String()
}

// events runs a story and returns its events, without the connection_started that every log begins with.
func events(t *testing.T, role wire.Role, story func(*Log)) []record {
	t.Helper()
	return records(t, written(t, role, story))[2:]
}

// records parses a file and checks what every record has in common.
func records(t *testing.T, text string) []record {
	t.Helper()
	parts := strings.Split(text, "\x1e")
	if parts[0] != "" {
		t.Fatalf("a file begins with a record separator, not with %.20q", parts[0])
	}
	var all []record
	for i, part := range parts[1:] {
		if !strings.HasSuffix(part, "\n") || strings.Count(part, "\n") != 1 {
			t.Fatalf("record %d is not one line: %q", i, part)
		}
		var r record
		if err := json.Unmarshal([]byte(part), &r); err != nil {
			t.Fatalf("record %d: %v\n%s", i, err, part)
		}
		if i > 0 {
			checkEvent(t, r)
		}
		all = append(all, r)
	}
	checkHeader(t, all[0])
	return all
}

func checkHeader(t *testing.T, r record) {
	t.Helper()
	members(t, r, "file_schema", "serialization_format", "trace")
	trace := r["trace"].(map[string]any)
	members(t, trace, "event_schemas", "vantage_point", "common_fields")
	common := trace["common_fields"].(map[string]any)
	members(t, common, "group_id", "time_format", "reference_time")
	members(t, common["reference_time"].(map[string]any), "clock_type", "epoch", "wall_clock_time")
}

// required are the members that an event's data must have (quic-events and h3-events).
var required = map[string][]string{
	"quic:connection_started":       {"local", "remote"},
	"quic:connection_closed":        {"initiator", "reason", "trigger"},
	"quic:connection_state_updated": {"new"},
	"quic:parameters_set":           {"initiator"},
	"quic:packet_sent":              {"header", "frames", "raw"},
	"quic:packet_received":          {"header", "frames", "raw"},
	"quic:packet_dropped":           {"raw", "details", "trigger"},
	"quic:packet_lost":              {"header"},
	"quic:key_updated":              {"key_type", "trigger"},
	"quic:key_discarded":            {"key_type", "trigger"},
	"quic:recovery_metrics_updated": {},
	"quic:mtu_updated":              {"new"},
	"quic:congestion_state_updated": {"new"},
	"http3:frame_created":           {"stream_id", "frame"},
	"http3:frame_parsed":            {"stream_id", "frame"},
	"loglevel:warning":              {"message", "events_missing"},
}

// requiredOfFrame are the members that a frame must have beside its type.
var requiredOfFrame = map[string][]string{
	"padding": {"raw"}, "ping": {}, "ack": {"ack_delay", "acked_ranges"}, "crypto": {"offset", "raw"},
	"reset_stream": {"stream_id", "error", "final_size"}, "stop_sending": {"stream_id", "error"},
	"new_token": {"token"}, "stream": {"stream_id", "offset", "raw"}, "max_data": {"maximum"},
	"max_stream_data": {"stream_id", "maximum"}, "max_streams": {"stream_type", "maximum"},
	"data_blocked": {"limit"}, "stream_data_blocked": {"stream_id", "limit"}, "streams_blocked": {"stream_type", "limit"},
	"new_connection_id":    {"sequence_number", "retire_prior_to", "connection_id"},
	"retire_connection_id": {"sequence_number"}, "path_challenge": {"data"}, "path_response": {"data"},
	"connection_close": {"error_space", "error"}, "handshake_done": {}, "unknown": {"frame_type_bytes"},
}

func checkEvent(t *testing.T, r record) {
	t.Helper()
	members(t, r, "time", "name", "data")
	if _, ok := r["time"].(float64); !ok {
		t.Fatalf("time is %v", r["time"])
	}
	name := r["name"].(string)
	wanted, known := required[name]
	if !known {
		t.Fatalf("unknown event %q", name)
	}
	members(t, r.data(), wanted...)
	if h, ok := r.data()["header"].(map[string]any); ok {
		members(t, h, "packet_type")
	}
	frames, _ := r.data()["frames"].([]any)
	for _, f := range frames {
		frame := f.(map[string]any)
		members(t, frame, "frame_type")
		wanted, known := requiredOfFrame[frame["frame_type"].(string)]
		if !known {
			t.Fatalf("unknown frame type in %v", frame)
		}
		members(t, frame, wanted...)
	}
}

func members(t *testing.T, m map[string]any, wanted ...string) {
	t.Helper()
	for _, k := range wanted {
		if _, ok := m[k]; !ok {
			t.Fatalf("no %q in %v", k, m)
		}
	}
}
