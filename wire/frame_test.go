package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// codec is what every frame can do.
type codec interface {
	Append([]byte) []byte
	Len() int
}

// content returns the field of f that its type names.
func content(f *Frame) codec {
	switch f.Type {
	case TypePadding:
		return f.Padding
	case TypePing:
		return Ping{}
	case TypeAck, TypeAckECN:
		return f.Ack
	case TypeResetStream:
		return f.ResetStream
	case TypeStopSending:
		return f.StopSending
	case TypeCrypto:
		return f.Crypto
	case TypeNewToken:
		return f.NewToken
	case TypeStream:
		return f.Stream
	case TypeMaxData:
		return f.MaxData
	case TypeMaxStreamData:
		return f.MaxStreamData
	case TypeMaxStreamsBidi, TypeMaxStreamsUni:
		return f.MaxStreams
	case TypeDataBlocked:
		return f.DataBlocked
	case TypeStreamDataBlocked:
		return f.StreamDataBlocked
	case TypeStreamsBlockedBidi, TypeStreamsBlockedUni:
		return f.StreamsBlocked
	case TypeNewConnectionID:
		return f.NewConnectionID
	case TypeRetireConnectionID:
		return f.RetireConnectionID
	case TypePathChallenge:
		return f.PathChallenge
	case TypePathResponse:
		return f.PathResponse
	case TypeConnectionClose, TypeConnectionCloseApp:
		return f.ConnectionClose
	case TypeHandshakeDone:
		return HandshakeDone{}
	}
	return nil
}

// frameCases has every frame of RFC 9000 s19, written out by hand.
var frameCases = []struct {
	hex  string
	typ  FrameType
	want codec
}{
	{"00", TypePadding, Padding{1}},
	{"000000", TypePadding, Padding{3}},
	{"01", TypePing, Ping{}},
	{"02 4100 05 00 4020", TypeAck, nil},
	{"02 4100 05 02 10 00 01 05 03", TypeAck, nil},
	{"03 08 8000ffff 01 02 00 03 01 4040 00", TypeAckECN, nil},
	{"04 04 4123 80010000", TypeResetStream, ResetStream{4, 0x123, 0x10000}},
	{"05 07 02", TypeStopSending, StopSending{7, 2}},
	{"06 4400 03 616263", TypeCrypto, Crypto{0x400, []byte("abc")}},
	{"06 00 00", TypeCrypto, Crypto{0, []byte{}}},
	{"07 03 746f6b", TypeNewToken, NewToken{[]byte("tok")}},
	{"08 04 6869", TypeStream, Stream{ID: 4, Data: []byte("hi"), ToEnd: true}},
	{"09 04 6869", TypeStream, Stream{ID: 4, Data: []byte("hi"), ToEnd: true, Fin: true}},
	{"0a 04 02 6869", TypeStream, Stream{ID: 4, Data: []byte("hi")}},
	{"0b 04 02 6869", TypeStream, Stream{ID: 4, Data: []byte("hi"), Fin: true}},
	{"0c 04 4200 6869", TypeStream, Stream{ID: 4, Offset: 0x200, Data: []byte("hi"), ToEnd: true}},
	{"0d 04 4200 6869", TypeStream, Stream{ID: 4, Offset: 0x200, Data: []byte("hi"), ToEnd: true, Fin: true}},
	{"0e 04 4200 02 6869", TypeStream, Stream{ID: 4, Offset: 0x200, Data: []byte("hi")}},
	{"0f 04 4200 02 6869", TypeStream, Stream{ID: 4, Offset: 0x200, Data: []byte("hi"), Fin: true}},
	{"0f 04 ffffffffffffffff 00", TypeStream, Stream{ID: 4, Offset: MaxVarint, Data: []byte{}, Fin: true}},
	{"10 80100000", TypeMaxData, MaxData{1 << 20}},
	{"11 04 80100000", TypeMaxStreamData, MaxStreamData{4, 1 << 20}},
	{"12 4064", TypeMaxStreamsBidi, MaxStreams{false, 100}},
	{"13 d000000000000000", TypeMaxStreamsUni, MaxStreams{true, MaxStreamCount}},
	{"14 80100000", TypeDataBlocked, DataBlocked{1 << 20}},
	{"15 04 80100000", TypeStreamDataBlocked, StreamDataBlocked{4, 1 << 20}},
	{"16 4064", TypeStreamsBlockedBidi, StreamsBlocked{false, 100}},
	{"17 d000000000000000", TypeStreamsBlockedUni, StreamsBlocked{true, MaxStreamCount}},
	{"18 05 05 01 aa 000102030405060708090a0b0c0d0e0f", TypeNewConnectionID, NewConnectionID{
		5, 5, ConnectionID{[20]byte{0xaa}, 1}, ResetToken{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}},
	{"19 05", TypeRetireConnectionID, RetireConnectionID{5}},
	{"1a 0102030405060708", TypePathChallenge, PathChallenge{[8]byte{1, 2, 3, 4, 5, 6, 7, 8}}},
	{"1b 0102030405060708", TypePathResponse, PathResponse{[8]byte{1, 2, 3, 4, 5, 6, 7, 8}}},
	{"1c 0a 06 03 626164", TypeConnectionClose, ConnectionClose{false, 0x0a, TypeCrypto, []byte("bad")}},
	{"1d 4100 00", TypeConnectionCloseApp, ConnectionClose{true, 0x100, 0, []byte{}}},
	{"1e", TypeHandshakeDone, HandshakeDone{}},
}

func TestFrames(t *testing.T) {
	for _, c := range frameCases {
		b := unhex(t, c.hex)
		var f Frame
		n, err := NextFrame(b, &f)
		if err != nil || n != len(b) || f.Type != c.typ {
			t.Errorf("%s: type %v, n %d, error %v", c.hex, f.Type, n, err)
			continue
		}
		if c.want != nil && !reflect.DeepEqual(content(&f), c.want) {
			t.Errorf("%s: %+v, want %+v", c.hex, content(&f), c.want)
		}
		if out := f.Append(nil); !bytes.Equal(out, b) {
			t.Errorf("%s: appends as %x", c.hex, out)
		}
		if out := content(&f).Append([]byte{9}); !bytes.Equal(out[1:], b) || content(&f).Len() != len(b) {
			t.Errorf("%s: appends as %x, Len %d", c.hex, out, content(&f).Len())
		}
	}
}

// A frame cut anywhere is refused with FRAME_ENCODING_ERROR and its own type,
// except where the cut frame is a frame itself.
func TestFramesCutShort(t *testing.T) {
	for _, c := range frameCases {
		b := unhex(t, c.hex)
		toEnd := c.typ == TypeStream && b[0]&streamLen == 0
		for cut := 1; cut < len(b); cut++ {
			if c.typ == TypePadding || toEnd && cut >= len(b)-2 {
				continue
			}
			var f Frame
			n, err := NextFrame(b[:cut], &f)
			e, _ := err.(*Error)
			if e == nil || e.Code != FrameEncodingError || n != 0 {
				t.Errorf("%s cut to %d: n %d, error %v", c.hex, cut, n, err)
			} else if e.FrameType != FrameType(b[0]) {
				t.Errorf("%s cut to %d: frame type %v", c.hex, cut, e.FrameType)
			}
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	token := strings.Repeat("ee", 16)
	for _, c := range []struct {
		what, hex string
		code      ErrorCode
	}{
		{"no frame", "", ProtocolViolation},
		{"unknown type", "1f", FrameEncodingError},
		{"unknown two-byte type", "4040", FrameEncodingError},
		{"truncated type", "40", FrameEncodingError},
		{"PING in two bytes", "4001", ProtocolViolation},
		{"PADDING in eight bytes", "c000000000000000", ProtocolViolation},
		{"first ACK range below 0", "02 04 00 00 05", FrameEncodingError},
		{"ACK gap below 0", "02 05 00 01 05 00 00", FrameEncodingError},
		{"ACK gap to -1", "02 05 00 01 04 00 00", FrameEncodingError},
		{"second ACK range below 0", "02 09 00 01 00 00 08", FrameEncodingError},
		{"more ACK ranges than bytes", "02 4100 00 bfffffff 00 00 00", FrameEncodingError},
		{"2^62-1 ACK ranges", "02 4100 00 ffffffffffffffff 00 00 00", FrameEncodingError},
		{"ACK gaps of 2^62-1", "02 ffffffffffffffff 00 01 ffffffffffffffff ffffffffffffffff ffffffffffffffff", FrameEncodingError},
		{"STREAM past 2^62-1", "0e 00 ffffffffffffffff 01 aa", FrameEncodingError},
		{"STREAM to end past 2^62-1", "0c 00 ffffffffffffffff aa", FrameEncodingError},
		{"CRYPTO past 2^62-1", "06 ffffffffffffffff 01 aa", FrameEncodingError},
		{"empty NEW_TOKEN", "07 00", FrameEncodingError},
		{"MAX_STREAMS above 2^60", "12 d000000000000001", FrameEncodingError},
		{"MAX_STREAMS uni above 2^60", "13 ffffffffffffffff", FrameEncodingError},
		{"STREAMS_BLOCKED above 2^60", "16 d000000000000001", FrameEncodingError},
		{"STREAMS_BLOCKED uni above 2^60", "17 d000000000000001", FrameEncodingError},
		{"connection ID of 0 bytes", "18 01 00 00" + token, FrameEncodingError},
		{"connection ID of 21 bytes", "18 01 00 15" + strings.Repeat("aa", 21) + token, FrameEncodingError},
		{"retire prior to above sequence", "18 01 02 01 aa" + token, FrameEncodingError},
		{"huge CRYPTO length", "06 00 ffffffffffffffff 00", FrameEncodingError},
	} {
		var f Frame
		n, err := NextFrame(unhex(t, c.hex), &f)
		if err == nil || n != 0 {
			t.Errorf("%s: accepted %d bytes", c.what, n)
			continue
		}
		if e := err.(*Error); e.Code != c.code || e.Reason == "" {
			t.Errorf("%s: %v, want %v", c.what, e, c.code)
		}
	}
}

// Each parser refuses, without panic, what is not its frame.
func TestParsersRefuseOtherFrames(t *testing.T) {
	parsers := []func([]byte) (int, error){
		func(b []byte) (int, error) { _, n, err := ParsePadding(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseAck(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseResetStream(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseStopSending(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseCrypto(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseNewToken(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseStream(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseMaxData(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseMaxStreamData(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseMaxStreams(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseDataBlocked(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseStreamDataBlocked(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseStreamsBlocked(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseNewConnectionID(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseRetireConnectionID(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParsePathChallenge(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParsePathResponse(b); return n, err },
		func(b []byte) (int, error) { _, n, err := ParseConnectionClose(b); return n, err },
	}
	accepted := 0
	for _, c := range frameCases {
		for i, parse := range parsers {
			if n, err := parse(unhex(t, c.hex)); err == nil {
				accepted++
				if n != len(unhex(t, c.hex)) {
					t.Errorf("%s: parser %d took %d bytes", c.hex, i, n)
				}
			} else {
				wantCode(t, err, FrameEncodingError)
			}
		}
	}
	// Every case but PING and HANDSHAKE_DONE has exactly one parser.
	if want := len(frameCases) - 2; accepted != want {
		t.Errorf("%d parses succeeded, want %d", accepted, want)
	}
	for i, parse := range parsers {
		if _, err := parse(nil); err == nil {
			t.Errorf("parser %d accepts nothing at all", i)
		}
	}
}

// RFC 9000 table 3, as printed, with the 0-RTT exception of s12.5.
func TestFrameRules(t *testing.T) {
	table := []struct {
		first, last FrameType
		packets     string
		spec        string
	}{
		{0x00, 0x00, "IH01", "NP"}, {0x01, 0x01, "IH01", ""}, {0x02, 0x03, "IH_1", "N"},
		{0x04, 0x04, "__01", ""}, {0x05, 0x05, "__01", ""}, {0x06, 0x06, "IH_1", ""},
		{0x07, 0x07, "___1", "S"}, {0x08, 0x0f, "__01", ""}, {0x10, 0x17, "__01", ""},
		{0x18, 0x18, "__01", "P"}, {0x19, 0x19, "___1", ""}, {0x1a, 0x1a, "__01", "P"},
		{0x1b, 0x1b, "___1", "P"}, {0x1c, 0x1c, "IH01", "N"}, {0x1d, 0x1d, "__01", "N"},
		{0x1e, 0x1e, "___1", "S"},
	}
	columns := []Level{LevelInitial, LevelHandshake, LevelEarly, LevelApp}
	next := FrameType(0)
	for _, row := range table {
		if row.first != next {
			t.Fatalf("table jumps to %v", row.first)
		}
		next = row.last + 1
		for typ := row.first; typ <= row.last; typ++ {
			for i, level := range columns {
				if got, want := typ.AllowedAt(level), row.packets[i] != '_'; got != want {
					t.Errorf("%v at %v: %v, want %v", typ, level, got, want)
				}
			}
			if got, want := typ.IsAckEliciting(), !strings.Contains(row.spec, "N"); got != want {
				t.Errorf("%v ack-eliciting: %v, want %v", typ, got, want)
			}
			if got, want := typ.IsProbing(), strings.Contains(row.spec, "P"); got != want {
				t.Errorf("%v probing: %v, want %v", typ, got, want)
			}
			if got, want := typ.AllowedFrom(Client), !strings.Contains(row.spec, "S"); got != want {
				t.Errorf("%v from a client: %v, want %v", typ, got, want)
			}
			if !typ.AllowedFrom(Server) {
				t.Errorf("%v not allowed from a server", typ)
			}
		}
	}
	if next != numFrameTypes || FrameType(0x1f).AllowedAt(LevelApp) {
		t.Errorf("table ends at %v", next)
	}
}

// The room for data is exact: so much fits, and one byte more does not.
func TestStreamAndCryptoFit(t *testing.T) {
	for room := range 20_000 {
		n := StreamFit(4, 0x200, room)
		if n < 0 {
			if StreamHeaderLen(4, 0x200, 0, false) <= room {
				t.Fatalf("room %d: an empty STREAM fits", room)
			}
		} else if StreamHeaderLen(4, 0x200, n, false)+n > room || StreamHeaderLen(4, 0x200, n+1, false)+n+1 <= room {
			t.Fatalf("room %d: StreamFit = %d", room, n)
		}
		n = CryptoFit(0x4000, room)
		size := func(n int) int { return 1 + 4 + VarintLen(uint64(n)) + n }
		if n < 0 {
			if size(0) <= room {
				t.Fatalf("room %d: an empty CRYPTO fits", room)
			}
		} else if size(n) > room || size(n+1) <= room {
			t.Fatalf("room %d: CryptoFit = %d", room, n)
		}
	}
}

func TestPaddingRun(t *testing.T) {
	b := Padding{1000}.Append([]byte{1})
	if len(b) != 1001 || bytes.Count(b, []byte{0}) != 1000 {
		t.Errorf("padding of %d bytes", len(b)-1)
	}
	var f Frame
	if n, err := NextFrame(append(b[1:], 1), &f); n != 1000 || err != nil || f.Padding.Count != 1000 {
		t.Errorf("a run of 1000 reads %d, %v", n, err)
	}
	mustPanic(t, "unknown type", func() { (&Frame{Type: 0x1f}).Append(nil) })
}

// decodeAll decodes a whole payload, one Frame value for each frame.
func decodeAll(b []byte) (frames []Frame, err error) {
	for len(b) > 0 {
		var f Frame
		n, err := NextFrame(b, &f)
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
		b = b[n:]
	}
	return frames, nil
}

func FuzzFrames(f *testing.F) {
	for _, seed := range loadSeeds(f, "frames.hex") {
		f.Add(seed)
	}
	var all []byte
	for _, c := range frameCases {
		f.Add(unhex(f, c.hex))
		if b := unhex(f, c.hex); c.typ != TypeStream || b[0]&streamLen != 0 {
			all = append(all, b...)
		}
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := decodeAll(b)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Code != FrameEncodingError && e.Code != ProtocolViolation {
				t.Fatalf("error %v", err)
			}
		}
		var out []byte
		for i := range frames {
			f := &frames[i]
			before := len(out)
			out = f.Append(out)
			if size := content(f).Len(); size != len(out)-before {
				t.Fatalf("%v: Len %d, appended %d", f.Type, size, len(out)-before)
			}
			checkRanges(t, f)
		}
		if len(out) > len(b) {
			t.Fatalf("grew from %d to %d bytes", len(b), len(out))
		}
		again, err := decodeAll(out)
		if err != nil || len(frames) > 0 && !reflect.DeepEqual(frames, again) {
			t.Fatalf("%+v\nreads again as\n%+v, %v", frames, again, err)
		}
	})
}

// checkRanges: ranges fall, with gaps, from Largest to no lower than 0.
func checkRanges(t *testing.T, f *Frame) {
	if f.Type != TypeAck && f.Type != TypeAckECN {
		return
	}
	count, above := 0, f.Ack.Largest+2
	walk := f.Ack.Ranges()
	for r, ok := walk.Next(); ok; r, ok = walk.Next() {
		if r.Lo < 0 || r.Lo > r.Hi || r.Hi > above-2 || count == 0 && r.Hi != f.Ack.Largest {
			t.Fatalf("range %d is %+v, below %d", count, r, above)
		}
		count, above = count+1, r.Lo
	}
	if count != f.Ack.Count {
		t.Fatalf("%d ranges, Count %d", count, f.Ack.Count)
	}
}
