package wire

import "strconv"

// ErrorCode is a transport error code, as CONNECTION_CLOSE of type 0x1c
// carries it (RFC 9000 s20.1).
type ErrorCode uint64

// The transport error codes of RFC 9000 s20.1.
const (
	// NoError closes a connection that met no error.
	NoError ErrorCode = 0x00
	// InternalError says that the endpoint cannot go on with the connection.
	InternalError ErrorCode = 0x01
	// ConnectionRefused says that the server refused a new connection.
	ConnectionRefused ErrorCode = 0x02
	// FlowControlError answers more data than the limits permit.
	FlowControlError ErrorCode = 0x03
	// StreamLimitError answers a stream ID beyond the advertised limit.
	StreamLimitError ErrorCode = 0x04
	// StreamStateError answers a frame that the stream's state does not permit.
	StreamStateError ErrorCode = 0x05
	// FinalSizeError answers a final size that changed or was overrun.
	FinalSizeError ErrorCode = 0x06
	// FrameEncodingError answers a badly formed frame.
	FrameEncodingError ErrorCode = 0x07
	// TransportParameterError answers badly formed or invalid parameters.
	TransportParameterError ErrorCode = 0x08
	// ConnectionIDLimitError answers more connection IDs than the limit.
	ConnectionIDLimitError ErrorCode = 0x09
	// ProtocolViolation answers violations that no other code describes.
	ProtocolViolation ErrorCode = 0x0a
	// InvalidToken answers an Initial with an invalid Retry token.
	InvalidToken ErrorCode = 0x0b
	// ApplicationError stands in for an application's code in early packets.
	ApplicationError ErrorCode = 0x0c
	// CryptoBufferExceeded answers more CRYPTO data than can be buffered.
	CryptoBufferExceeded ErrorCode = 0x0d
	// KeyUpdateError answers a violation of the key update rules.
	KeyUpdateError ErrorCode = 0x0e
	// AEADLimitReached closes when a key's usage limit is used up.
	AEADLimitReached ErrorCode = 0x0f
	// NoViablePath closes when no network path supports QUIC.
	NoViablePath ErrorCode = 0x10

	cryptoErrorFirst ErrorCode = 0x100
	cryptoErrorLast  ErrorCode = 0x1ff
)

var errorNames = [...]string{
	NoError:                 "NO_ERROR",
	InternalError:           "INTERNAL_ERROR",
	ConnectionRefused:       "CONNECTION_REFUSED",
	FlowControlError:        "FLOW_CONTROL_ERROR",
	StreamLimitError:        "STREAM_LIMIT_ERROR",
	StreamStateError:        "STREAM_STATE_ERROR",
	FinalSizeError:          "FINAL_SIZE_ERROR",
	FrameEncodingError:      "FRAME_ENCODING_ERROR",
	TransportParameterError: "TRANSPORT_PARAMETER_ERROR",
	ConnectionIDLimitError:  "CONNECTION_ID_LIMIT_ERROR",
	ProtocolViolation:       "PROTOCOL_VIOLATION",
	InvalidToken:            "INVALID_TOKEN",
	ApplicationError:        "APPLICATION_ERROR",
	CryptoBufferExceeded:    "CRYPTO_BUFFER_EXCEEDED",
	KeyUpdateError:          "KEY_UPDATE_ERROR",
	AEADLimitReached:        "AEAD_LIMIT_REACHED",
	NoViablePath:            "NO_VIABLE_PATH",
}

// CryptoError returns the CRYPTO_ERROR code for a TLS alert (RFC 9001 s4.8).
func CryptoError(alert uint8) ErrorCode { return cryptoErrorFirst | ErrorCode(alert) }

// Alert returns the TLS alert inside a CRYPTO_ERROR code; ok is false for any
// other code.
func (c ErrorCode) Alert() (alert uint8, ok bool) {
	if c < cryptoErrorFirst || c > cryptoErrorLast {
		return 0, false
	}
	return uint8(c), true
}

// String returns the name RFC 9000 s20.1 gives the code, with the alert number
// for CRYPTO_ERROR, or the number in hexadecimal.
func (c ErrorCode) String() string {
	if c < ErrorCode(len(errorNames)) {
		return errorNames[c]
	}
	if alert, ok := c.Alert(); ok {
		return "CRYPTO_ERROR(alert " + strconv.Itoa(int(alert)) + ")"
	}
	return "0x" + strconv.FormatUint(uint64(c), 16)
}

// AppErrorCode is an application protocol's error code, as RESET_STREAM,
// STOP_SENDING and CONNECTION_CLOSE of type 0x1d carry it (RFC 9000 s20.2).
type AppErrorCode uint64

// Error is a violation that closes the connection: the CONNECTION_CLOSE frame
// to send, as a Go error.
type Error struct {
	// Code is the transport error code to send.
	Code ErrorCode
	// FrameType is the type of the frame at fault; 0 if no frame is, or if it
	// is not known (RFC 9000 s19.19).
	FrameType FrameType
	// Reason says in English what was wrong; it becomes the reason phrase.
	Reason string
}

// NewError returns the Error of these three fields.
func NewError(code ErrorCode, frameType FrameType, reason string) *Error {
	return &Error{Code: code, FrameType: frameType, Reason: reason}
}

// Error returns the code's name, the frame's name if one is known, and the
// reason.
func (e *Error) Error() string {
	s := e.Code.String()
	if e.FrameType != 0 {
		s += " in " + e.FrameType.String()
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}
