package h3wire

import "quicpro/wire"

// AppendGoaway appends a GOAWAY frame. id is a request stream's ID from a server
// and a push ID from a client (RFC 9114 s7.2.6).
func AppendGoaway(b []byte, id uint64) []byte { return appendID(b, FrameGoaway, id) }

// AppendCancelPush appends a CANCEL_PUSH frame (RFC 9114 s7.2.3).
func AppendCancelPush(b []byte, pushID uint64) []byte { return appendID(b, FrameCancelPush, pushID) }

// AppendMaxPushID appends a MAX_PUSH_ID frame (RFC 9114 s7.2.7).
func AppendMaxPushID(b []byte, pushID uint64) []byte { return appendID(b, FrameMaxPushID, pushID) }

// MaxIDPayload is the size in bytes of the longest payload of a GOAWAY,
// CANCEL_PUSH or MAX_PUSH_ID frame; a longer one is an H3_FRAME_ERROR.
const MaxIDPayload = 8

// ParseID decodes the payload of CANCEL_PUSH or MAX_PUSH_ID: one push ID. The
// error is H3_FRAME_ERROR (RFC 9114 s7.1).
func ParseID(payload []byte) (uint64, error) {
	id, n := wire.ConsumeVarint(payload)
	if n == 0 || n != len(payload) {
		return 0, errIDPayload
	}
	return id, nil
}

// ParseGoaway decodes the payload of a GOAWAY frame from sender. The error is
// H3_FRAME_ERROR, or H3_ID_ERROR if a server named another kind of stream.
func ParseGoaway(payload []byte, sender Role) (uint64, error) {
	id, err := ParseID(payload)
	if err != nil {
		return 0, err
	}
	// RFC 9114 s7.2.6: a server's GOAWAY names a client-initiated bidirectional
	// stream.
	if sender == Server && !isRequestStream(id) {
		return 0, errGoawayID
	}
	return id, nil
}

// ConsumePushID decodes the push ID that begins a PUSH_PROMISE payload; the
// encoded field section is payload[n:]. The error is H3_FRAME_ERROR.
func ConsumePushID(payload []byte) (pushID uint64, n int, err error) {
	pushID, n = wire.ConsumeVarint(payload)
	if n == 0 {
		return 0, 0, errPushPromise
	}
	return pushID, n, nil
}

// AppendPriorityUpdate appends a PRIORITY_UPDATE frame for the element id: a
// request stream's ID or a push ID, as t says. value is a Priority header field
// value (RFC 9218 s7.2).
func AppendPriorityUpdate(b []byte, t FrameType, id uint64, value string) []byte {
	b = AppendFrameHeader(b, t, uint64(wire.VarintLen(id)+len(value)))
	return append(wire.AppendVarint(b, id), value...)
}

// ParsePriorityUpdate decodes the payload of a PRIORITY_UPDATE frame of type t.
// value aliases payload. The error is H3_FRAME_ERROR, or H3_ID_ERROR for a
// stream that cannot carry a request (RFC 9218 s7.2).
func ParsePriorityUpdate(t FrameType, payload []byte) (id uint64, value []byte, err error) {
	id, n := wire.ConsumeVarint(payload)
	if n == 0 {
		return 0, nil, errPriorityUpdate
	}
	if t == FramePriorityUpdateRequest && !isRequestStream(id) {
		return 0, nil, errPriorityUpdateID
	}
	return id, payload[n:], nil
}

var (
	errIDPayload        = &Error{CodeFrameError, "payload is not exactly one identifier"}
	errGoawayID         = &Error{CodeIDError, "GOAWAY names a stream that is not a request stream"}
	errPushPromise      = &Error{CodeFrameError, "PUSH_PROMISE ends within its push ID"}
	errPriorityUpdate   = &Error{CodeFrameError, "PRIORITY_UPDATE ends within its element ID"}
	errPriorityUpdateID = &Error{CodeIDError, "PRIORITY_UPDATE names a stream that is not a request stream"}
)

func appendID(b []byte, t FrameType, id uint64) []byte {
	b = AppendFrameHeader(b, t, uint64(wire.VarintLen(id)))
	return wire.AppendVarint(b, id)
}

// RFC 9000 s2.1: the two low bits of a client-initiated bidirectional stream's
// ID are zero.
func isRequestStream(id uint64) bool { return id&3 == 0 }
