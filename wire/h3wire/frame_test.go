package h3wire

import (
	"bytes"
	"testing"

	"quicpro/wire"
)

func TestFrameHeaderOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name string
		h    FrameHeader
		want []byte
	}{
		{"empty DATA", FrameHeader{FrameData, 0}, []byte{0, 0}},
		{"HEADERS of 5", FrameHeader{FrameHeaders, 5}, []byte{1, 5}},
		{"DATA of 16 KiB", FrameHeader{FrameData, 16384}, []byte{0, 0x80, 0, 0x40, 0}},
		{"PRIORITY_UPDATE of 7", FrameHeader{FramePriorityUpdateRequest, 7}, []byte{0x80, 0x0f, 0x07, 0x00, 7}},
		{"longest", FrameHeader{wire.MaxVarint, wire.MaxVarint}, bytes.Repeat([]byte{0xff}, MaxFrameHeader)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AppendFrameHeader([]byte("x"), c.h.Type, c.h.Length)
			if !bytes.Equal(got[1:], c.want) || got[0] != 'x' {
				t.Fatalf("appended %x, want %x after the prefix", got, c.want)
			}
			if n := FrameHeaderLen(c.h.Type, c.h.Length); n != len(c.want) {
				t.Errorf("FrameHeaderLen = %d, want %d", n, len(c.want))
			}
			if h, n := ConsumeFrameHeader(append(c.want, 0xaa)); h != c.h || n != len(c.want) {
				t.Errorf("consumed %+v, %d bytes", h, n)
			}
			for cut := range c.want {
				if _, n := ConsumeFrameHeader(c.want[:cut]); n != 0 {
					t.Errorf("%d of %d bytes made a header", cut, len(c.want))
				}
			}
		})
	}
}

func TestGreaseIsTheFormulaOfTheRFC(t *testing.T) {
	for n := range uint64(1000) {
		if v := 0x1f*n + 0x21; Grease(n) != v || !IsGrease(v) || IsGrease(v+1) || IsGrease(v-1) {
			t.Fatalf("N = %d: Grease = %#x, IsGrease(%#x) = %v", n, Grease(n), v, IsGrease(v))
		}
	}
	for _, n := range []uint64{1 << 57, 1 << 62, 1<<64 - 1} {
		if v := Grease(n); v > wire.MaxVarint || !IsGrease(v) {
			t.Errorf("Grease(%#x) = %#x is no reserved varint", n, v)
		}
	}
	for _, v := range []uint64{0, 1, 0x20, 0x33, uint64(FramePriorityUpdateRequest)} {
		if IsGrease(v) {
			t.Errorf("%#x counts as grease", v)
		}
	}
}

func TestFramesAreLegalAsInTable1(t *testing.T) {
	type where struct{ control, request, push bool }
	everywhere, nowhere := where{true, true, true}, where{}
	for _, c := range []struct {
		t              FrameType
		on             where
		client, server bool // who may send it at all
	}{
		{FrameData, where{request: true, push: true}, true, true},
		{FrameHeaders, where{request: true, push: true}, true, true},
		{FrameCancelPush, where{control: true}, true, true},
		{FrameSettings, where{control: true}, true, true},
		{FramePushPromise, where{request: true}, false, true},
		{FrameGoaway, where{control: true}, true, true},
		{FrameMaxPushID, where{control: true}, true, false},
		{FramePriorityUpdateRequest, where{control: true}, true, false},
		{FramePriorityUpdatePush, where{control: true}, true, false},
		{FrameType(Grease(3)), everywhere, true, true},
		{0x1234, everywhere, true, true},
		{0x2, nowhere, false, false},
		{0x6, nowhere, false, false},
		{0x8, nowhere, false, false},
		{0x9, nowhere, false, false},
	} {
		for kind, on := range map[StreamKind]bool{ControlStream: c.on.control, RequestStream: c.on.request, PushStream: c.on.push} {
			for sender, may := range map[Role]bool{Client: c.client, Server: c.server} {
				err := CheckFrame(c.t, kind, sender)
				if (err == nil) != (on && may) {
					t.Errorf("%v (%#x) on a %v from a %v: %v", c.t, uint64(c.t), kind, sender, err)
				}
				if err != nil {
					wantCode(t, err, CodeFrameUnexpected)
				}
			}
		}
	}
}

func TestNamesOfCodesAndFrames(t *testing.T) {
	for c, want := range map[ErrorCode]string{
		CodeDatagramError:            "H3_DATAGRAM_ERROR",
		CodeNoError:                  "H3_NO_ERROR",
		CodeFrameUnexpected:          "H3_FRAME_UNEXPECTED",
		CodeIDError:                  "H3_ID_ERROR",
		CodeMessageError:             "H3_MESSAGE_ERROR",
		CodeVersionFallback:          "H3_VERSION_FALLBACK",
		CodeQPACKDecompressionFailed: "QPACK_DECOMPRESSION_FAILED",
		CodeQPACKDecoderStreamError:  "QPACK_DECODER_STREAM_ERROR",
		0x111:                        "H3 error 0x111",
		0x1ff:                        "H3 error 0x1ff",
		0x203:                        "H3 error 0x203",
	} {
		if c.String() != want {
			t.Errorf("%#x is %q, want %q", uint64(c), c, want)
		}
	}
	if got := (&Error{CodeFrameError, "too long"}).Error(); got != "H3_FRAME_ERROR: too long" {
		t.Errorf("error reads %q", got)
	}
	for f, want := range map[FrameType]string{
		FrameData: "DATA", FrameHeaders: "HEADERS", FrameCancelPush: "CANCEL_PUSH", FrameSettings: "SETTINGS",
		FramePushPromise: "PUSH_PROMISE", FrameGoaway: "GOAWAY", FrameMaxPushID: "MAX_PUSH_ID",
		FramePriorityUpdatePush: "PRIORITY_UPDATE", 0x77: "UNKNOWN",
	} {
		if f.String() != want {
			t.Errorf("%#x is %q, want %q", uint64(f), f, want)
		}
	}
}

func wantCode(t *testing.T, err error, want ErrorCode) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Code != want {
		t.Errorf("error %v, want %v", err, want)
	}
}
