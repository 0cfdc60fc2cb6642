// Package h3wire turns HTTP/3 bytes into values and back: frames, stream types,
// SETTINGS, identifiers, error codes and the syntax of fields (RFC 9114), with
// the frames and settings of RFC 9218, RFC 9220 and RFC 9297.
//
// Everything is pure. Encoders append and decoders return values or aliases of
// their input, so neither allocates; only error values do.
package h3wire

import "quicpro/wire"

// FrameType is the type of an HTTP/3 frame (RFC 9114 s7.2), at most 2^62-1.
type FrameType uint64

// The frame types of RFC 9114 s7.2 and RFC 9218 s7.2.
const (
	FrameData                  FrameType = 0x0
	FrameHeaders               FrameType = 0x1
	FrameCancelPush            FrameType = 0x3
	FrameSettings              FrameType = 0x4
	FramePushPromise           FrameType = 0x5
	FrameGoaway                FrameType = 0x7
	FrameMaxPushID             FrameType = 0xd
	FramePriorityUpdateRequest FrameType = 0xf0700
	FramePriorityUpdatePush    FrameType = 0xf0701
)

// String returns the frame's name in the RFC, or "UNKNOWN".
func (t FrameType) String() string {
	switch t {
	case FrameData:
		return "DATA"
	case FrameHeaders:
		return "HEADERS"
	case FrameCancelPush:
		return "CANCEL_PUSH"
	case FrameSettings:
		return "SETTINGS"
	case FramePushPromise:
		return "PUSH_PROMISE"
	case FrameGoaway:
		return "GOAWAY"
	case FrameMaxPushID:
		return "MAX_PUSH_ID"
	case FramePriorityUpdateRequest, FramePriorityUpdatePush:
		return "PRIORITY_UPDATE"
	}
	return "UNKNOWN"
}

// IsHTTP2 reports whether t was a frame of HTTP/2 without a counterpart here:
// PRIORITY, PING, WINDOW_UPDATE or CONTINUATION. RFC 9114 s7.2.8: receipt is a
// connection error of type H3_FRAME_UNEXPECTED.
func (t FrameType) IsHTTP2() bool {
	return t == 0x2 || t == 0x6 || t == 0x8 || t == 0x9
}

// StreamType is the first varint of a unidirectional stream (RFC 9114 s6.2).
type StreamType uint64

// The stream types of RFC 9114 s6.2 and RFC 9204 s4.2.
const (
	StreamControl      StreamType = 0x0
	StreamPush         StreamType = 0x1
	StreamQPACKEncoder StreamType = 0x2
	StreamQPACKDecoder StreamType = 0x3
)

const (
	greaseBase = 0x21
	greaseStep = 0x1f
	greaseMax  = (wire.MaxVarint - greaseBase) / greaseStep
)

// IsGrease reports whether v, a frame type, stream type, setting identifier or
// error code, is reserved to exercise the rule that unknown values are ignored:
// 0x1f*N + 0x21 (RFC 9114 s6.2.3, s7.2.4.1, s7.2.8, s8.1).
func IsGrease(v uint64) bool {
	return v >= greaseBase && (v-greaseBase)%greaseStep == 0
}

// Grease returns the n-th reserved value, n taken modulo their count, so that
// any random number serves.
func Grease(n uint64) uint64 {
	return greaseStep*(n%(greaseMax+1)) + greaseBase
}

// FrameHeader precedes every frame's payload. Length is the payload's size in
// bytes (RFC 9114 s7.1).
type FrameHeader struct {
	Type   FrameType
	Length uint64
}

// MaxFrameHeader is the size in bytes of the longest frame header.
const MaxFrameHeader = 16

// AppendFrameHeader appends the header of a frame with length bytes of payload
// (RFC 9114 s7.1). It panics if either value exceeds 2^62-1.
func AppendFrameHeader(b []byte, t FrameType, length uint64) []byte {
	return wire.AppendVarint(wire.AppendVarint(b, uint64(t)), length)
}

// FrameHeaderLen returns the size in bytes of what AppendFrameHeader appends.
func FrameHeaderLen(t FrameType, length uint64) int {
	return wire.VarintLen(uint64(t)) + wire.VarintLen(length)
}

// ConsumeFrameHeader decodes the frame header at the start of b. n is its size,
// or 0 if b is too short.
func ConsumeFrameHeader(b []byte) (h FrameHeader, n int) {
	t, n := wire.ConsumeVarint(b)
	if n == 0 {
		return FrameHeader{}, 0
	}
	length, m := wire.ConsumeVarint(b[n:])
	if m == 0 {
		return FrameHeader{}, 0
	}
	return FrameHeader{FrameType(t), length}, n + m
}

// AppendFrame appends a whole frame: header and payload.
func AppendFrame(b []byte, t FrameType, payload []byte) []byte {
	return append(AppendFrameHeader(b, t, uint64(len(payload))), payload...)
}
