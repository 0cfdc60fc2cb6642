package h3wire

import "strconv"

// ErrorCode is an HTTP/3 or QPACK application error code. It travels in
// RESET_STREAM, STOP_SENDING and the application form of CONNECTION_CLOSE.
// RFC 9114 s8: an unknown code is equivalent to CodeNoError, so a receiver must
// not branch on codes it does not know.
type ErrorCode uint64

// The registered error codes: RFC 9114 s8.1, RFC 9204 s6 and RFC 9297 s5.2.
const (
	CodeDatagramError            ErrorCode = 0x33
	CodeNoError                  ErrorCode = 0x100
	CodeGeneralProtocolError     ErrorCode = 0x101
	CodeInternalError            ErrorCode = 0x102
	CodeStreamCreationError      ErrorCode = 0x103
	CodeClosedCriticalStream     ErrorCode = 0x104
	CodeFrameUnexpected          ErrorCode = 0x105
	CodeFrameError               ErrorCode = 0x106
	CodeExcessiveLoad            ErrorCode = 0x107
	CodeIDError                  ErrorCode = 0x108
	CodeSettingsError            ErrorCode = 0x109
	CodeMissingSettings          ErrorCode = 0x10a
	CodeRequestRejected          ErrorCode = 0x10b
	CodeRequestCancelled         ErrorCode = 0x10c
	CodeRequestIncomplete        ErrorCode = 0x10d
	CodeMessageError             ErrorCode = 0x10e
	CodeConnectError             ErrorCode = 0x10f
	CodeVersionFallback          ErrorCode = 0x110
	CodeQPACKDecompressionFailed ErrorCode = 0x200
	CodeQPACKEncoderStreamError  ErrorCode = 0x201
	CodeQPACKDecoderStreamError  ErrorCode = 0x202
)

// String returns the registered name, or the number in hexadecimal.
func (c ErrorCode) String() string {
	switch {
	case c == CodeDatagramError:
		return "H3_DATAGRAM_ERROR"
	case c >= CodeNoError && c <= CodeVersionFallback:
		return h3CodeNames[c-CodeNoError]
	case c >= CodeQPACKDecompressionFailed && c <= CodeQPACKDecoderStreamError:
		return qpackCodeNames[c-CodeQPACKDecompressionFailed]
	}
	return "H3 error 0x" + strconv.FormatUint(uint64(c), 16)
}

var h3CodeNames = [...]string{
	"H3_NO_ERROR", "H3_GENERAL_PROTOCOL_ERROR", "H3_INTERNAL_ERROR", "H3_STREAM_CREATION_ERROR",
	"H3_CLOSED_CRITICAL_STREAM", "H3_FRAME_UNEXPECTED", "H3_FRAME_ERROR", "H3_EXCESSIVE_LOAD",
	"H3_ID_ERROR", "H3_SETTINGS_ERROR", "H3_MISSING_SETTINGS", "H3_REQUEST_REJECTED",
	"H3_REQUEST_CANCELLED", "H3_REQUEST_INCOMPLETE", "H3_MESSAGE_ERROR", "H3_CONNECT_ERROR",
	"H3_VERSION_FALLBACK",
}

var qpackCodeNames = [...]string{
	"QPACK_DECOMPRESSION_FAILED", "QPACK_ENCODER_STREAM_ERROR", "QPACK_DECODER_STREAM_ERROR",
}

// Error is a violation found in a peer's bytes: the code to answer with and,
// for people, what was wrong. Whether it ends the stream or the connection is
// the receiver's decision (RFC 9114 s8).
type Error struct {
	Code   ErrorCode
	Reason string
}

// Error returns the code's name and the reason.
func (e *Error) Error() string { return e.Code.String() + ": " + e.Reason }
