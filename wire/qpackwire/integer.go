// Package qpackwire turns QPACK bytes into values and back (RFC 9204): prefix
// integers, Huffman-coded literals, the static table, the representations of
// field lines, and the instructions of the encoder and decoder streams. On top
// it codes whole field sections that need no dynamic table.
//
// Everything is pure and holds no dynamic table. Encoders append; decoders
// return values and aliases of their input. Errors are *h3wire.Error with the
// code to answer with, ready-made, so that a bad peer costs no allocation.
package qpackwire

// MaxInt is the largest prefix integer accepted or written (RFC 9204 s4.1.1).
const MaxInt = 1<<62 - 1

// maxContinuation bounds the bytes after the prefix: nine carry 63 bits.
// RFC 7541 s5.1: an integer of excessive length MUST be a decoding error.
const maxContinuation = 9

// AppendInt appends v with a prefix of prefixBits bits, 1 to 8. The bits of
// first above the prefix go out with it; those below are zero (RFC 7541 s5.1).
// It panics if v exceeds MaxInt.
func AppendInt(b []byte, first byte, prefixBits uint8, v uint64) []byte {
	limit := uint64(1)<<prefixBits - 1
	if v < limit {
		return append(b, first|byte(v))
	}
	if v > MaxInt {
		panic("qpackwire: integer exceeds 2^62-1")
	}
	b = append(b, first|byte(limit))
	for v -= limit; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// ConsumeInt decodes the integer in the low prefixBits bits of b[0] and the
// bytes after it. n is its size, 0 if b is too short, -1 if the value exceeds
// MaxInt or its encoding is longer than any value needs.
func ConsumeInt(b []byte, prefixBits uint8) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	limit := uint64(1)<<prefixBits - 1
	if v = uint64(b[0]) & limit; v < limit {
		return v, 1
	}
	for i, c := range b[1:] {
		if i == maxContinuation {
			return 0, -1
		}
		v += uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if v > MaxInt {
				return 0, -1
			}
			return v, i + 2
		}
	}
	if len(b) > maxContinuation {
		return 0, -1
	}
	return 0, 0
}
