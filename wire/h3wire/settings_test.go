package h3wire

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"quicpro/wire"
)

var fullSettings = Settings{
	QPACKMaxTableCapacity: 4096, MaxFieldSectionSize: 65536, QPACKBlockedStreams: 16,
	EnableConnectProtocol: true, H3Datagram: true,
}

func TestSettingsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name   string
		s      Settings
		grease Setting
		want   string
	}{
		{"defaults need no bytes", DefaultSettings(), Setting{}, "04 00"},
		{"all", fullSettings, Setting{}, "04 0e  01 5000  06 80010000  07 10  08 01  33 01"},
		{"grease is sent even as zero", DefaultSettings(), Setting{SettingID(Grease(0)), 0}, "04 02  21 00"},
		{"no field section at all", Settings{}, Setting{}, "04 02  06 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got := AppendSettings(nil, c.s, c.grease)
			if !bytes.Equal(got, want) {
				t.Fatalf("appended %x, want %x", got, want)
			}
			h, n := ConsumeFrameHeader(got)
			if h.Type != FrameSettings || int(h.Length) != len(got)-n {
				t.Fatalf("header %+v before %d bytes", h, len(got)-n)
			}
			if s, err := ParseSettings(got[n:]); err != nil || s != c.s {
				t.Errorf("parsed %+v, %v", s, err)
			}
		})
	}
}

func TestUnknownSettingsAreIgnored(t *testing.T) {
	b := pairs(0x4d, 5, Grease(9), 77, 0x2b603742, 1, 0x33, 1)
	want := DefaultSettings()
	want.H3Datagram = true
	if s, err := ParseSettings(b); err != nil || s != want {
		t.Errorf("parsed %+v, %v", s, err)
	}
}

func TestBadSettingsAreRefusedByName(t *testing.T) {
	many := make([]uint64, 0, 2*MaxSettings+2)
	for i := range uint64(MaxSettings + 1) {
		many = append(many, 0x100+i, 0)
	}
	for _, c := range []struct {
		name    string
		payload []byte
		code    ErrorCode
		says    string
	}{
		{"twice the same", pairs(1, 0, 7, 3, 1, 0), CodeSettingsError, "0x1 occurs twice"},
		{"twice the same unknown", pairs(0x4d, 5, 0x4d, 5), CodeSettingsError, "0x4d occurs twice"},
		{"identifier 0", pairs(0, 0), CodeSettingsError, "0x0 is reserved"},
		{"ENABLE_PUSH", pairs(2, 0), CodeSettingsError, "0x2 is reserved"},
		{"MAX_CONCURRENT_STREAMS", pairs(3, 100), CodeSettingsError, "0x3 is reserved"},
		{"INITIAL_WINDOW_SIZE", pairs(4, 65535), CodeSettingsError, "0x4 is reserved"},
		{"MAX_FRAME_SIZE", pairs(5, 16384), CodeSettingsError, "0x5 is reserved"},
		{"CONNECT protocol of 2", pairs(8, 2), CodeSettingsError, "0x8 is neither"},
		{"datagram of 2", pairs(0x33, 2), CodeSettingsError, "0x33 is neither"},
		{"identifier alone", pairs(1), CodeFrameError, "ends within"},
		{"half an identifier", []byte{0x40}, CodeFrameError, "ends within"},
		{"half a value", []byte{0x01, 0x40}, CodeFrameError, "ends within"},
		{"too many", pairs(many...), CodeExcessiveLoad, "more than 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSettings(c.payload)
			wantCode(t, err, c.code)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	if _, err := ParseSettings(pairs(many[:2*MaxSettings]...)); err != nil {
		t.Errorf("%d settings: %v", MaxSettings, err)
	}
}

func TestAcceptedZeroRTTBindsTheServer(t *testing.T) {
	change := func(f func(*Settings)) Settings { s := fullSettings; f(&s); return s }
	for _, c := range []struct {
		name  string
		fresh Settings
		code  ErrorCode // 0: kept
	}{
		{"the same", fullSettings, 0},
		{"larger limits", change(func(s *Settings) { s.MaxFieldSectionSize++; s.QPACKBlockedStreams++ }), 0},
		{"a larger table", change(func(s *Settings) { s.QPACKMaxTableCapacity++ }), CodeQPACKDecoderStreamError},
		{"no table", change(func(s *Settings) { s.QPACKMaxTableCapacity = 0 }), CodeQPACKDecoderStreamError},
		{"fewer blocked streams", change(func(s *Settings) { s.QPACKBlockedStreams-- }), CodeSettingsError},
		{"smaller sections", change(func(s *Settings) { s.MaxFieldSectionSize-- }), CodeSettingsError},
		{"no extended CONNECT", change(func(s *Settings) { s.EnableConnectProtocol = false }), CodeSettingsError},
		{"no datagrams", change(func(s *Settings) { s.H3Datagram = false }), CodeSettingsError},
	} {
		err := CheckResumed(fullSettings, c.fresh)
		if c.code == 0 {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		t.Run(c.name, func(t *testing.T) { wantCode(t, err, c.code) })
	}
	raised := Settings{QPACKMaxTableCapacity: 100, MaxFieldSectionSize: Unlimited}
	if err := CheckResumed(DefaultSettings(), raised); err != nil {
		t.Errorf("a capacity remembered as zero may rise: %v", err)
	}
}

func TestGreaseMustMeanNothing(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a meaningful identifier was sent as grease")
		}
	}()
	AppendSettings(nil, DefaultSettings(), Setting{0x6, 1})
}

func pairs(values ...uint64) (b []byte) {
	for _, v := range values {
		b = wire.AppendVarint(b, v)
	}
	return b
}
