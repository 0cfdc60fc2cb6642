package qlog

import (
	"strings"
	"unicode/utf8"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// transportErrors are quic-events' names of the codes of RFC 9000 s20.1.
var transportErrors = [...]string{
	wire.NoError:                 "no_error",
	wire.InternalError:           "internal_error",
	wire.ConnectionRefused:       "connection_refused",
	wire.FlowControlError:        "flow_control_error",
	wire.StreamLimitError:        "stream_limit_error",
	wire.StreamStateError:        "stream_state_error",
	wire.FinalSizeError:          "final_size_error",
	wire.FrameEncodingError:      "frame_encoding_error",
	wire.TransportParameterError: "transport_parameter_error",
	wire.ConnectionIDLimitError:  "connection_id_limit_error",
	wire.ProtocolViolation:       "protocol_violation",
	wire.InvalidToken:            "invalid_token",
	wire.ApplicationError:        "application_error",
	wire.CryptoBufferExceeded:    "crypto_buffer_exceeded",
	wire.KeyUpdateError:          "key_update_error",
	wire.AEADLimitReached:        "aead_limit_reached",
	wire.NoViablePath:            "no_viable_path",
}

// transportError writes a transport error code by its name, or as unknown with its number.
func transportError(e *encoder, k string, code uint64) {
	if code < uint64(len(transportErrors)) {
		e.name(k, transportErrors[code])
		return
	}
	if alert, ok := wire.ErrorCode(code).Alert(); ok {
		e.key(k)
		e.b = append(e.b, `"crypto_error_0x1`...)
		e.b = append(e.b, hexDigits[alert>>4], hexDigits[alert&0xf], '"')
		return
	}
	e.name(k, "unknown")
	e.uint("error_code", code)
}

// appError writes an application error code, HTTP/3's if it is one that h3-events names.
func appError(e *encoder, k string, code uint64) {
	if name := h3Error(h3wire.ErrorCode(code)); name != "" {
		e.name(k, name)
		return
	}
	e.name(k, "unknown")
	e.uint("error_code", code)
}

func h3Error(code h3wire.ErrorCode) string {
	switch code {
	case h3wire.CodeNoError:
		return "http_no_error"
	case h3wire.CodeGeneralProtocolError:
		return "http_general_protocol_error"
	case h3wire.CodeInternalError:
		return "http_internal_error"
	case h3wire.CodeStreamCreationError:
		return "http_stream_creation_error"
	case h3wire.CodeClosedCriticalStream:
		return "http_closed_critical_stream"
	case h3wire.CodeFrameUnexpected:
		return "http_frame_unexpected"
	case h3wire.CodeFrameError:
		return "http_frame_error"
	case h3wire.CodeExcessiveLoad:
		return "http_excessive_load"
	case h3wire.CodeIDError:
		return "http_id_error"
	case h3wire.CodeSettingsError:
		return "http_settings_error"
	case h3wire.CodeMissingSettings:
		return "http_missing_settings"
	case h3wire.CodeRequestRejected:
		return "http_request_rejected"
	case h3wire.CodeRequestCancelled:
		return "http_request_cancelled"
	case h3wire.CodeRequestIncomplete:
		return "http_request_incomplete"
	case h3wire.CodeConnectError:
		return "http_connect_error"
	case h3wire.CodeVersionFallback:
		return "http_version_fallback"
	}
	return ""
}

// h3Frame writes an HTTP/3 frame.
func h3Frame(e *encoder, t h3wire.FrameType, length uint64, fields []port.Field) {
	e.object("frame")
	switch name := h3FrameName(t); {
	case name != "":
		e.name("frame_type", name)
	case h3wire.IsGrease(uint64(t)):
		e.name("frame_type", "reserved")
		e.uint("frame_type_bytes", uint64(t))
	default:
		e.name("frame_type", "unknown")
		e.uint("frame_type_bytes", uint64(t))
	}
	if t == h3wire.FrameHeaders || t == h3wire.FramePushPromise {
		headers(e, fields)
	}
	e.object("raw")
	e.uint("payload_length", length)
	e.endObject()
	e.endObject()
}

func h3FrameName(t h3wire.FrameType) string {
	switch t {
	case h3wire.FrameData:
		return "data"
	case h3wire.FrameHeaders:
		return "headers"
	case h3wire.FrameCancelPush:
		return "cancel_push"
	case h3wire.FrameSettings:
		return "settings"
	case h3wire.FramePushPromise:
		return "push_promise"
	case h3wire.FrameGoaway:
		return "goaway"
	case h3wire.FrameMaxPushID:
		return "max_push_id"
	case h3wire.FramePriorityUpdateRequest, h3wire.FramePriorityUpdatePush:
		return "priority_update"
	}
	return ""
}

// maxFields is how many field lines of a section are listed.
const maxFields = 128

func headers(e *encoder, fields []port.Field) {
	e.array("headers")
	for _, f := range fields[:min(len(fields), maxFields)] {
		e.element()
		fieldText(e, "name", "name_bytes", f.Name)
		if !f.Sensitive && !secret(f.Name) {
			fieldText(e, "value", "value_bytes", f.Value)
		}
		e.endObject()
	}
	e.endArray()
	if omitted := len(fields) - maxFields; omitted > 0 {
		e.uint("headers_omitted", uint64(omitted))
	}
}

// fieldText writes a name or value: as text if its characters are allowed in one (h3-events s5.2.2), else as bytes.
func fieldText(e *encoder, k, kBytes, s string) {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }) {
		text(e, k, s)
		return
	}
	e.hex(kBytes, []byte(s[:min(len(s), maxHex)]))
}

// secret reports whether a field carries credentials.
func secret(name string) bool {
	switch name {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return true
	}
	return false
}
