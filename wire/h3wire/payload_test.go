package h3wire

import (
	"testing"

	"quicpro/wire"
)

func payloadOf(t *testing.T, frame []byte, want FrameType) []byte {
	t.Helper()
	h, n := ConsumeFrameHeader(frame)
	if h.Type != want || int(h.Length) != len(frame)-n {
		t.Fatalf("header %+v before %d bytes, want a %v", h, len(frame)-n, want)
	}
	return frame[n:]
}

func TestFramesOfOneIdentifier(t *testing.T) {
	for _, id := range []uint64{0, 4, 64, 16384, wire.MaxVarint - 3} {
		for typ, frame := range map[FrameType][]byte{
			FrameGoaway:     AppendGoaway(nil, id),
			FrameCancelPush: AppendCancelPush(nil, id),
			FrameMaxPushID:  AppendMaxPushID(nil, id),
		} {
			payload := payloadOf(t, frame, typ)
			if got, err := ParseID(payload); got != id || err != nil {
				t.Errorf("%v of %d reads %d, %v", typ, id, got, err)
			}
			if len(payload) > MaxIDPayload {
				t.Errorf("payload of %d bytes", len(payload))
			}
		}
	}
	for _, bad := range [][]byte{nil, {0x40}, {0x00, 0x00}, append(AppendGoaway(nil, 1<<40)[2:], 1)} {
		_, err := ParseID(bad)
		wantCode(t, err, CodeFrameError)
		_, err = ParseGoaway(bad, Client)
		wantCode(t, err, CodeFrameError)
	}
}

func TestAServersGoawayNamesARequestStream(t *testing.T) {
	for id := range uint64(8) {
		_, err := ParseGoaway([]byte{byte(id)}, Server)
		if id%4 == 0 {
			if err != nil {
				t.Errorf("stream %d: %v", id, err)
			}
		} else {
			wantCode(t, err, CodeIDError)
		}
		if got, err := ParseGoaway([]byte{byte(id)}, Client); err != nil || got != id {
			t.Errorf("push %d from a client reads %d, %v", id, got, err)
		}
	}
}

func TestPriorityUpdate(t *testing.T) {
	payload := payloadOf(t, AppendPriorityUpdate(nil, FramePriorityUpdateRequest, 400, "u=1, i"), FramePriorityUpdateRequest)
	if id, value, err := ParsePriorityUpdate(FramePriorityUpdateRequest, payload); id != 400 || string(value) != "u=1, i" || err != nil {
		t.Errorf("reads %d, %q, %v", id, value, err)
	}
	payload = payloadOf(t, AppendPriorityUpdate(nil, FramePriorityUpdatePush, 3, ""), FramePriorityUpdatePush)
	if id, value, err := ParsePriorityUpdate(FramePriorityUpdatePush, payload); id != 3 || len(value) != 0 || err != nil {
		t.Errorf("reads %d, %q, %v", id, value, err)
	}
	_, _, err := ParsePriorityUpdate(FramePriorityUpdateRequest, []byte{3})
	wantCode(t, err, CodeIDError)
	_, _, err = ParsePriorityUpdate(FramePriorityUpdatePush, []byte{0x80, 0})
	wantCode(t, err, CodeFrameError)
}

func TestPushPromiseBeginsWithItsID(t *testing.T) {
	if id, n, err := ConsumePushID([]byte{0x41, 0x00, 0xaa}); id != 256 || n != 2 || err != nil {
		t.Errorf("reads %d, %d, %v", id, n, err)
	}
	_, _, err := ConsumePushID([]byte{0x41})
	wantCode(t, err, CodeFrameError)
}
