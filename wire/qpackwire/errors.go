package qpackwire

import "quicpro/wire/h3wire"

// ErrSectionTooLarge is returned for a field section over the caller's limit.
// The stream may be answered with status 431 or given up; the connection and its
// tables are unharmed (RFC 9114 s4.2.2).
var ErrSectionTooLarge error = &h3wire.Error{
	Code:   h3wire.CodeExcessiveLoad,
	Reason: "field section exceeds the size limit",
}

// RFC 9204 s2.2, s6: a field section that cannot be interpreted.
var (
	errPrefixTruncated = failed("field section ends within its prefix")
	errPrefixInteger   = failed("field section prefix has an oversized integer")
	errInsertCount     = failed("impossible Required Insert Count")
	errBase            = failed("negative Base")
	errLineTruncated   = failed("field section ends within a field line")
	errLineInteger     = failed("field line has an oversized integer")
	errLineHuffman     = failed("field line has an invalid Huffman string")
	errStaticIndex     = failed("field line names no static table entry")
	errDynamicRef      = failed("field line refers to an empty dynamic table")
)

// RFC 9204 s6: an instruction that cannot be interpreted.
var (
	errEncoderInteger = encoderStream("oversized integer or literal in an instruction")
	errEncoderStatic  = encoderStream("insertion names no static table entry")
	errDecoderInteger = decoderStream("oversized integer in an instruction")
	errZeroIncrement  = decoderStream("Insert Count Increment of zero")
)

func failed(reason string) error {
	return &h3wire.Error{Code: h3wire.CodeQPACKDecompressionFailed, Reason: reason}
}

func encoderStream(reason string) error {
	return &h3wire.Error{Code: h3wire.CodeQPACKEncoderStreamError, Reason: reason}
}

func decoderStream(reason string) error {
	return &h3wire.Error{Code: h3wire.CodeQPACKDecoderStreamError, Reason: reason}
}
