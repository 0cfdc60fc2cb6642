package qlog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

var update = flag.Bool("update", false, "write testdata/story.sqlog anew")

// story is a short life of a client's connection.
func story(l *Log) {
	ms := time.Millisecond
	ours := wire.DefaultTransportParameters()
	ours.MaxIdleTimeout, ours.InitialMaxData, ours.InitialMaxStreamsUni = 30*time.Second, 1<<20, 16
	l.State(at(0), "handshake")
	l.Parameters(at(0), true, &ours)
	l.Keys(at(0), wire.LevelInitial, "installed")
	hello := wire.Padding{Count: 900}.Append(wire.Crypto{Data: make([]byte, 250)}.Append(nil))
	l.Packet(at(1500*time.Microsecond), port.PacketEvent{Sent: true, Level: wire.LevelInitial, Size: 1200, Payload: hello})
	l.Dropped(at(2*ms), 48, "no room to wait for keys")
	answer, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 0, Hi: 0}}, 25, nil, 100)
	l.Packet(at(21*ms), port.PacketEvent{Level: wire.LevelInitial, Size: 150, Payload: wire.Crypto{Data: make([]byte, 90)}.Append(answer)})
	m := port.Metrics{MinRTT: 20 * ms, SmoothedRTT: 20 * ms, LatestRTT: 20 * ms, RTTVariance: 10 * ms, Window: 12000, Threshold: math.MaxInt, SlowStart: true}
	l.Metrics(at(21*ms), m)
	l.Keys(at(22*ms), wire.LevelHandshake, "read keys installed")
	l.Keys(at(22*ms), wire.LevelHandshake, "read keys installed") // by another room
	l.Keys(at(22*ms), wire.LevelHandshake, "write keys installed")
	l.Keys(at(23*ms), wire.LevelInitial, "dropped")
	l.State(at(23*ms), "connected")
	l.H3Frame(at(24*ms), true, 0, uint64(h3wire.FrameHeaders), 30, []port.Field{
		{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/\"quoted\"\\"}, {Name: "cookie", Value: "secret"}, {Name: "x-token", Value: "secret", Sensitive: true},
	})
	request := wire.Stream{ID: 0, Data: make([]byte, 32), Fin: true, ToEnd: true}.Append(nil)
	l.Packet(at(24*ms), port.PacketEvent{Sent: true, Level: wire.LevelApp, Number: 1, Size: 70, Payload: request})
	l.Lost(at(60*ms), wire.LevelApp, 1, "time threshold")
	m.Window, m.Threshold, m.SlowStart = 8400, 8400, false
	l.Metrics(at(60*ms), m)
	l.Metrics(at(61*ms), m)
	l.H3Frame(at(80*ms), false, 0, uint64(h3wire.FrameData), 1<<53, nil)
	l.Keys(at(90*ms), wire.LevelApp, "updated by the peer")
	l.State(at(100*ms), "closing")
	l.Closed(at(100*ms), &port.Cause{Why: port.Theirs, App: true, Code: 0x100, Reason: "bye\x00\xff"})
}

func TestAShortStoryIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/story.sqlog"
	got := written(t, wire.Client, story)
	records(t, got)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("record %d is\n%q, want\n%q", i, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d records, want %d", len(gotLines)-1, len(wantLines)-1)
	}
}

func TestEveryFrameTypeIsNamed(t *testing.T) {
	id := original()
	ack, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 9, Hi: 9}, {Lo: 2, Hi: 5}}, 125, &wire.ECNCounts{ECT0: 7, CE: 1}, 100)
	table := []struct {
		want string
		b    []byte
	}{
		{"padding raw:map[length:3 payload_length:3]", []byte{0, 0, 0}},
		{"ping raw:map[length:1]", []byte{1}},
		{"ack ack_delay:1 acked_ranges:[[9] [2 5]] ce:1 ect0:7 ect1:0 raw:map[length:11]", ack},
		{"reset_stream error:http_request_cancelled final_size:99 raw:map[length:6] stream_id:4", wire.ResetStream{ID: 4, Code: 0x10c, FinalSize: 99}.Append(nil)},
		{"stop_sending error:unknown error_code:5 raw:map[length:3] stream_id:4", wire.StopSending{ID: 4, Code: 5}.Append(nil)},
		{"crypto offset:7 raw:map[length:2 payload_length:2]", wire.Crypto{Offset: 7, Data: []byte("hi")}.Append(nil)},
		{"new_token raw:map[length:4] token:map[raw:map[data:6869 length:2] type:resumption]", wire.NewToken{Token: []byte("hi")}.Append(nil)},
		{"stream fin:true offset:3 raw:map[length:2 payload_length:2] stream_id:8", wire.Stream{ID: 8, Offset: 3, Data: []byte("hi"), Fin: true}.Append(nil)},
		{"max_data maximum:10 raw:map[length:2]", wire.MaxData{Max: 10}.Append(nil)},
		{"max_stream_data maximum:4611686018427387903 raw:map[length:10] stream_id:8", wire.MaxStreamData{ID: 8, Max: wire.MaxVarint}.Append(nil)},
		{"max_streams maximum:9 raw:map[length:2] stream_type:bidirectional", wire.MaxStreams{Max: 9}.Append(nil)},
		{"max_streams maximum:9 raw:map[length:2] stream_type:unidirectional", wire.MaxStreams{Uni: true, Max: 9}.Append(nil)},
		{"data_blocked limit:9 raw:map[length:2]", wire.DataBlocked{Limit: 9}.Append(nil)},
		{"stream_data_blocked limit:9 raw:map[length:3] stream_id:4", wire.StreamDataBlocked{ID: 4, Limit: 9}.Append(nil)},
		{"streams_blocked limit:9 raw:map[length:2] stream_type:bidirectional", wire.StreamsBlocked{Limit: 9}.Append(nil)},
		{"streams_blocked limit:9 raw:map[length:2] stream_type:unidirectional", wire.StreamsBlocked{Uni: true, Limit: 9}.Append(nil)},
		{"new_connection_id connection_id:8394c8f03e515708 raw:map[length:28] retire_prior_to:1 sequence_number:2 stateless_reset_token:00000000000000000000000000000000",
			wire.NewConnectionID{Seq: 2, RetirePriorTo: 1, ID: id}.Append(nil)},
		{"retire_connection_id raw:map[length:2] sequence_number:2", wire.RetireConnectionID{Seq: 2}.Append(nil)},
		{"path_challenge data:0100000000000000 raw:map[length:9]", wire.PathChallenge{Data: [8]byte{1}}.Append(nil)},
		{"path_response data:0100000000000000 raw:map[length:9]", wire.PathResponse{Data: [8]byte{1}}.Append(nil)},
		{"connection_close error:frame_encoding_error error_space:transport raw:map[length:7] reason:bad trigger_frame_type:8",
			wire.ConnectionClose{Code: 7, FrameType: 8, Reason: []byte("bad")}.Append(nil)},
		{"connection_close error:crypto_error_0x12a error_space:transport raw:map[length:6] reason_bytes:ff",
			wire.ConnectionClose{Code: 0x12a, Reason: []byte{0xff}}.Append(nil)},
		{"connection_close error:http_no_error error_space:application raw:map[length:4] reason:",
			wire.ConnectionClose{App: true, Code: 0x100}.Append(nil)},
		{"handshake_done raw:map[length:1]", []byte{0x1e}},
		{"unknown frame_type_bytes:48 raw:map[data:30aa length:2]", []byte{0x30, 0xaa}},
		{"unknown frame_type_bytes:6 raw:map[data:0600 length:2]", []byte{0x06, 0x00}}, // truncated CRYPTO
	}
	for _, c := range table {
		all := events(t, wire.Server, func(l *Log) {
			l.Packet(at(0), port.PacketEvent{Level: wire.LevelApp, Payload: c.b, Size: len(c.b) + 20})
		})
		frames := all[0].data()["frames"].([]any)
		if len(frames) != 1 {
			t.Errorf("%d frames instead of %q", len(frames), c.want)
			continue
		}
		f := frames[0].(map[string]any)
		name := f["frame_type"].(string)
		delete(f, "frame_type")
		got := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(f), "map["), "]")
		if got = strings.TrimSpace(name + " " + got); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestABrokenFrameEndsTheListButKeepsWhatCameBefore(t *testing.T) {
	all := events(t, wire.Server, func(l *Log) {
		l.Packet(at(0), port.PacketEvent{Level: wire.LevelApp, Payload: []byte{0x01, 0x02, 0xff, 0xff}})
	})
	frames := all[0].data()["frames"].([]any)
	if len(frames) != 2 || frames[1].(map[string]any)["frame_type"] != "unknown" {
		t.Errorf("frames are %v, want a ping and an unknown one", frames)
	}
}

func TestAPacketOfManyFramesIsCutShort(t *testing.T) {
	text := written(t, wire.Server, func(l *Log) {
		l.Packet(at(0), port.PacketEvent{Level: wire.LevelApp, Payload: bytes.Repeat([]byte{1}, 60_000)})
	})
	if len(text) > 20_000 {
		t.Errorf("a packet of PINGs makes %d bytes of log", len(text))
	}
	if got := records(t, text)[2].data()["frames_omitted"]; got != float64(60_000-maxFrames) {
		t.Errorf("%v frames omitted, want %d", got, 60_000-maxFrames)
	}
}

func TestAckDelaysUseTheExponentOfTheSender(t *testing.T) {
	p := wire.DefaultTransportParameters()
	p.AckDelayExponent = 0
	ack, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 0, Hi: 3}}, 1000, nil, 100)
	all := events(t, wire.Client, func(l *Log) {
		l.Parameters(at(0), false, &p)
		for _, e := range []port.PacketEvent{
			{Level: wire.LevelApp}, {Level: wire.LevelApp, Sent: true}, {Level: wire.LevelHandshake},
		} {
			e.Payload = ack
			l.Packet(at(0), e)
		}
	})
	for i, want := range []float64{1, 8, 8} { // ms
		frame := all[i+1].data()["frames"].([]any)[0].(map[string]any)
		if frame["ack_delay"] != want {
			t.Errorf("packet %d: delay %v ms, want %v", i, frame["ack_delay"], want)
		}
	}
}

func TestOnlyChangedMetricsAreWritten(t *testing.T) {
	m := port.Metrics{MinRTT: 1, SmoothedRTT: 2, LatestRTT: 3, RTTVariance: 4, Window: 5, Threshold: 6, InFlight: 7, PTOCount: 8}
	all := events(t, wire.Client, func(l *Log) {
		l.Metrics(at(0), m)
		l.Metrics(at(1), m)
		m.InFlight = 70
		l.Metrics(at(2), m)
	})
	if len(all) != 3 {
		t.Fatalf("%d events, want the metrics, the congestion state, and one change", len(all))
	}
	if n := len(all[0].data()); n != 8 {
		t.Errorf("first %d members, want all 8: %v", n, all[0])
	}
	if want := (map[string]any{"bytes_in_flight": 70.0}); !reflect.DeepEqual(all[2].data(), want) {
		t.Errorf("then %v, want %v", all[2].data(), want)
	}
}

func TestTheSizeOfDatagramsIsAnEventOfItsOwn(t *testing.T) {
	m := port.Metrics{Window: 5, Datagram: 1452}
	all := events(t, wire.Client, func(l *Log) {
		l.Metrics(at(0), m)
		l.Metrics(at(1), m)
		m.Datagram = 8848
		l.Metrics(at(2), m)
	})
	if len(all) != 4 {
		t.Fatalf("%d events, want the metrics, the congestion state, and the size twice: %v", len(all), all)
	}
	for i, want := range []map[string]any{{"new": 1452.0}, {"old": 1452.0, "new": 8848.0}} {
		if r := all[2+i]; r["name"] != "quic:mtu_updated" || !reflect.DeepEqual(r.data(), want) {
			t.Errorf("got %v, want %v", r, want)
		}
	}
}

func TestKeysNameTheirOwner(t *testing.T) {
	all := events(t, wire.Server, func(l *Log) {
		l.Keys(at(0), wire.LevelEarly, "read keys installed")
		l.Keys(at(0), wire.LevelHandshake, "dropped") // there were none
		l.Keys(at(0), wire.LevelApp, "write keys installed")
		l.Keys(at(0), wire.LevelApp, "updated by the peer")
		l.Keys(at(0), wire.LevelApp, "write keys updated")
		l.Keys(at(0), wire.LevelApp, "read keys updated")
		l.Keys(at(0), wire.LevelEarly, "dropped")
		l.Keys(at(0), wire.Level(77), "installed")
	})
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprint(r["name"], " ", r.data()["key_type"], " ", r.data()["trigger"], " ", r.data()["key_phase"]))
	}
	want := []string{
		"quic:key_updated client_0rtt_secret tls <nil>", "quic:key_updated server_1rtt_secret tls 0",
		"quic:key_updated client_1rtt_secret remote_update 1", "quic:key_updated server_1rtt_secret remote_update 1",
		"quic:key_updated server_1rtt_secret local_update 2", "quic:key_updated client_1rtt_secret local_update 2",
		"quic:key_discarded client_0rtt_secret tls <nil>",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTheCauseOfTheEnd(t *testing.T) {
	for _, c := range []struct {
		cause port.Cause
		want  string
	}{
		{port.Cause{Why: port.Ours, Code: 0}, "local no_error <nil> application"},
		{port.Cause{Why: port.Ours, Code: 0x0a}, "local protocol_violation <nil> error"},
		{port.Cause{Why: port.Theirs, Code: 0x178}, "remote crypto_error_0x178 <nil> error"},
		{port.Cause{Why: port.Theirs, Code: 0x4242}, "remote unknown <nil> error"},
		{port.Cause{Why: port.Theirs, App: true, Code: 0x104}, "remote <nil> http_closed_critical_stream application"},
		{port.Cause{Why: port.Idle}, "local <nil> <nil> idle_timeout"},
		{port.Cause{Why: port.Reset}, "remote <nil> <nil> stateless_reset"},
		{port.Cause{Why: port.NoVersion}, "local <nil> <nil> version_mismatch"},
		{port.Cause{Why: port.Panicked, Code: 1}, "local internal_error <nil> error"},
		{port.Cause{Why: port.Abandoned}, "local <nil> <nil> aborted"},
	} {
		d := events(t, wire.Client, func(l *Log) { l.Closed(at(0), &c.cause) })[0].data()
		if got := fmt.Sprint(d["initiator"], " ", d["connection_error"], " ", d["application_error"], " ", d["trigger"]); got != c.want {
			t.Errorf("%v: got %q, want %q", c.cause.Error(), got, c.want)
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	hostile := "\x1e\n\"\\\x00\x7f\xff\xc3</script>\u2028é"
	all := events(t, wire.Server, func(l *Log) {
		l.State(at(0), hostile)
		l.Dropped(at(0), 1, hostile)
		l.Lost(at(0), wire.Level(9), 1, hostile)
		l.Closed(at(0), &port.Cause{Why: port.Theirs, Reason: hostile + strings.Repeat("x", 1<<20)})
		l.H3Frame(at(0), false, 0, 1, 0, []port.Field{{Name: hostile, Value: hostile}, {Name: "a", Value: "\tok é"}})
	})
	if got, want := all[0].data()["new"], strings.ToValidUTF8("\x1e\n\"\\\x00\x7f\ufffd\ufffd</script>\u2028é", ""); got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	if n := len(all[3].data()["reason"].(string)); n > maxText+8 {
		t.Errorf("a reason of %d bytes was kept", n)
	}
	headers := all[4].data()["frame"].(map[string]any)["headers"].([]any)
	bad, good := headers[0].(map[string]any), headers[1].(map[string]any)
	if bad["name"] != nil || bad["name_bytes"] == nil || bad["value_bytes"] == nil || good["value"] != "\tok é" {
		t.Errorf("fields are %v", headers)
	}
}

func TestCredentialsStayOut(t *testing.T) {
	text := written(t, wire.Client, story)
	if strings.Contains(text, "secret\"}") || strings.Contains(text, `"value":"secret"`) {
		t.Error("the value of a cookie or of a never-indexed field is in the log")
	}
}

func TestPreferredAddressAndTokens(t *testing.T) {
	p := wire.DefaultTransportParameters()
	p.OriginalDCID, p.HasResetToken, p.HasPreferredAddress = wire.SomeConnectionID(original()), true, true
	p.PreferredAddress.ID, p.MaxDatagramFrameSize = original(), 9
	d := events(t, wire.Client, func(l *Log) { l.Parameters(at(0), false, &p) })[0].data()
	members(t, d, "original_destination_connection_id", "stateless_reset_token", "max_datagram_frame_size", "preferred_address")
	members(t, d["preferred_address"].(map[string]any), "connection_id", "stateless_reset_token")
}

func TestASlowFileLosesEventsAndSaysSo(t *testing.T) {
	f := &file{gate: make(chan struct{}), reached: make(chan struct{}, 10)}
	l := New(f, wire.Client, original(), wall, start)
	payload := make([]byte, 1200)
	const packets = 50_000
	for i := range packets { // no call waits, though nothing can be written
		l.Packet(at(time.Duration(i)), port.PacketEvent{Level: wire.LevelApp, Number: wire.PacketNumber(i), Payload: payload})
		if i == 1000 {
			<-f.reached // the goroutine that writes has taken what waited, and takes no more
		}
	}
	l.mu.Lock()
	waiting := len(l.e.b)
	l.mu.Unlock()
	if waiting > maxBuffered+4096 {
		t.Errorf("%d bytes wait, more than %d", waiting, maxBuffered)
	}
	close(f.gate)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := records(t, f.b.String())
	last := all[len(all)-1]
	if last["name"] != "loglevel:warning" {
		t.Fatalf("the last event is %v, want a warning", last)
	}
	if missing := last.data()["events_missing"].(float64); int(missing)+len(all)-3 != packets {
		t.Errorf("%v missing and %d written of %d", missing, len(all)-3, packets)
	}
}

func TestAFullDiskIsReportedOnce(t *testing.T) {
	f := &file{full: true}
	l := New(f, wire.Client, original(), wall, start)
	story(l)
	if err := l.Close(); !errors.Is(err, errFull) {
		t.Errorf("close says %v, want %v", err, errFull)
	}
	if err := l.Close(); !errors.Is(err, errFull) || f.closed != 1 {
		t.Errorf("the second close says %v; the file was closed %d times", err, f.closed)
	}
}

func TestEventsAfterCloseAreIgnored(t *testing.T) {
	f := &file{}
	l := New(f, wire.Client, original(), wall, start)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	before := f.b.Len()
	story(l)
	if f.b.Len() != before {
		t.Error("a closed log was written to")
	}
}

func TestSeveralRoomsMayReportAtOnce(t *testing.T) {
	f := &file{}
	l := New(f, wire.Client, original(), wall, start)
	const rooms, turns = 4, 300
	var wg sync.WaitGroup
	for range rooms {
		wg.Go(func() {
			for range turns {
				l.Packet(at(0), port.PacketEvent{Payload: []byte{1}})
				l.State(at(0), "connected")
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(records(t, f.b.String())); n != 2+rooms*turns*2 {
		t.Errorf("%d records, want %d", n, 2+rooms*turns*2)
	}
}

func TestNumbersKeepTheirValue(t *testing.T) {
	e := encoder{[]byte("{")}
	for _, c := range []struct {
		ns   int64
		want string
	}{{0, "0"}, {1, "0.000001"}, {1_500_000, "1.5"}, {-2_000_001, "-2.000001"}, {math.MinInt64, "-9223372036854.775807"}} {
		e.b = append(e.b[:0], '{')
		if e.milliseconds("t", c.ns); string(e.b) != `{"t":`+c.want {
			t.Errorf("%d ns: %s, want %s", c.ns, e.b, c.want)
		}
	}
	e.b = append(e.b[:0], '{')
	e.uint("a", maxExact)
	e.uint("b", maxExact+1)
	if want := `{"a":9007199254740991,"b":"9007199254740992"`; string(e.b) != want {
		t.Errorf("%s, want %s", e.b, want)
	}
}

func BenchmarkPacket(b *testing.B) {
	l := New(discard{}, wire.Client, original(), wall, start)
	ack, _ := wire.AppendAck(nil, []wire.AckRange{{Lo: 2, Hi: 9}}, 10, nil, 100)
	payload := wire.Stream{ID: 4, Offset: 1 << 20, Data: make([]byte, 1100), ToEnd: true}.Append(ack)
	b.ReportAllocs()
	for b.Loop() {
		l.Packet(at(time.Second), port.PacketEvent{Sent: true, Level: wire.LevelApp, Number: 77, Size: 1200, Payload: payload})
	}
	_ = l.Close()
}

type discard struct{ io.Closer }

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }
