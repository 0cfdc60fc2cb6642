package qpackwire

// EncoderKind is one of the instructions of the encoder stream (RFC 9204 s4.3).
type EncoderKind uint8

// The encoder instructions.
const (
	SetCapacity       EncoderKind = iota // Index is the capacity in bytes
	InsertStaticName                     // Index is the name's static entry; Value
	InsertDynamicName                    // Index is relative to the insertion point; Value
	InsertLiteralName                    // Name and Value
	Duplicate                            // Index is relative to the insertion point
)

// EncoderInstruction is one decoded instruction. Literals alias the input.
type EncoderInstruction struct {
	Kind        EncoderKind
	Index       uint64
	Name, Value Literal
}

// AppendSetCapacity appends Set Dynamic Table Capacity, in bytes (RFC 9204
// s4.3.1).
func AppendSetCapacity(b []byte, capacity uint64) []byte { return AppendInt(b, 0x20, 5, capacity) }

// AppendInsertStaticName appends Insert with Name Reference to a static table
// entry (RFC 9204 s4.3.2).
func AppendInsertStaticName(b []byte, index uint64, value string) []byte {
	return appendLiteral(AppendInt(b, 0xc0, 6, index), 0, 8, value)
}

// AppendInsertDynamicName appends Insert with Name Reference to a dynamic table
// entry; relative 0 is the newest (RFC 9204 s4.3.2, s3.2.5).
func AppendInsertDynamicName(b []byte, relative uint64, value string) []byte {
	return appendLiteral(AppendInt(b, 0x80, 6, relative), 0, 8, value)
}

// AppendInsertLiteralName appends Insert with Literal Name (RFC 9204 s4.3.3).
func AppendInsertLiteralName(b []byte, name, value string) []byte {
	return appendLiteral(appendLiteral(b, 0x40, 6, name), 0, 8, value)
}

// AppendDuplicate appends Duplicate; relative 0 is the newest entry (RFC 9204
// s4.3.4).
func AppendDuplicate(b []byte, relative uint64) []byte { return AppendInt(b, 0, 5, relative) }

// ConsumeEncoderInstruction decodes the instruction at the start of b; n is its
// size, 0 if it is not complete yet. A literal longer than maxLiteral encoded
// bytes is refused at its length, so an incomplete instruction is never longer
// than two of them and MaxInstructionOverhead. The error is
// QPACK_ENCODER_STREAM_ERROR.
func ConsumeEncoderInstruction(b []byte, maxLiteral uint64) (in EncoderInstruction, n int, err error) {
	if len(b) == 0 {
		return EncoderInstruction{}, 0, nil
	}
	switch first := b[0]; {
	case first&0x80 != 0:
		in.Kind = InsertDynamicName
		if first&0x40 != 0 {
			in.Kind = InsertStaticName
		}
		n = in.insertReference(b, maxLiteral)
	case first&0x40 != 0:
		in.Kind = InsertLiteralName
		n = in.insertLiteral(b, maxLiteral)
	case first&0x20 != 0:
		in.Kind = SetCapacity
		in.Index, n = ConsumeInt(b, 5)
	default:
		in.Kind = Duplicate
		in.Index, n = ConsumeInt(b, 5)
	}
	switch {
	case n < 0:
		return EncoderInstruction{}, 0, errEncoderInteger
	case n == 0:
		return EncoderInstruction{}, 0, nil
	case in.Kind == InsertStaticName && in.Index >= StaticTableSize:
		// RFC 9204 s3.1: an invalid static table index on the encoder stream.
		return EncoderInstruction{}, 0, errEncoderStatic
	}
	return in, n, nil
}

// MaxInstructionOverhead is the most bytes an instruction has beside its
// literals: two integers of the longest encoding.
const MaxInstructionOverhead = 2 * (1 + maxContinuation)

// DecoderKind is one of the instructions of the decoder stream (RFC 9204 s4.4).
type DecoderKind uint8

// The decoder instructions.
const (
	SectionAck           DecoderKind = iota // Value is a stream ID
	StreamCancellation                      // Value is a stream ID
	InsertCountIncrement                    // Value is the increment, not 0
)

// DecoderInstruction is one decoded instruction.
type DecoderInstruction struct {
	Kind  DecoderKind
	Value uint64
}

// AppendSectionAck appends Section Acknowledgment (RFC 9204 s4.4.1).
func AppendSectionAck(b []byte, streamID uint64) []byte { return AppendInt(b, 0x80, 7, streamID) }

// AppendStreamCancellation appends Stream Cancellation (RFC 9204 s4.4.2).
func AppendStreamCancellation(b []byte, streamID uint64) []byte {
	return AppendInt(b, 0x40, 6, streamID)
}

// AppendInsertCountIncrement appends Insert Count Increment, which must not be 0
// (RFC 9204 s4.4.3).
func AppendInsertCountIncrement(b []byte, increment uint64) []byte {
	return AppendInt(b, 0, 6, increment)
}

// ConsumeDecoderInstruction decodes the instruction at the start of b; n is its
// size, 0 if it is not complete yet, which at ten bytes it is. The error is
// QPACK_DECODER_STREAM_ERROR.
func ConsumeDecoderInstruction(b []byte) (in DecoderInstruction, n int, err error) {
	if len(b) == 0 {
		return DecoderInstruction{}, 0, nil
	}
	switch first := b[0]; {
	case first&0x80 != 0:
		in.Kind = SectionAck
		in.Value, n = ConsumeInt(b, 7)
	case first&0x40 != 0:
		in.Kind = StreamCancellation
		in.Value, n = ConsumeInt(b, 6)
	default:
		in.Kind = InsertCountIncrement
		in.Value, n = ConsumeInt(b, 6)
	}
	switch {
	case n < 0:
		return DecoderInstruction{}, 0, errDecoderInteger
	case n == 0:
		return DecoderInstruction{}, 0, nil
	case in.Kind == InsertCountIncrement && in.Value == 0:
		// RFC 9204 s4.4.3: an Increment of zero is an error.
		return DecoderInstruction{}, 0, errZeroIncrement
	}
	return in, n, nil
}

func (in *EncoderInstruction) insertReference(b []byte, maxLiteral uint64) (n int) {
	if in.Index, n = ConsumeInt(b, 6); n <= 0 {
		return n
	}
	return in.insertValue(b, n, maxLiteral)
}

func (in *EncoderInstruction) insertLiteral(b []byte, maxLiteral uint64) (n int) {
	if in.Name, n = consumeLiteral(b, 6, maxLiteral); n <= 0 {
		return n
	}
	return in.insertValue(b, n, maxLiteral)
}

func (in *EncoderInstruction) insertValue(b []byte, at int, maxLiteral uint64) (n int) {
	if in.Value, n = consumeLiteral(b[at:], 8, maxLiteral); n <= 0 {
		return n
	}
	return at + n
}
