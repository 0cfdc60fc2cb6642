package wire

import "encoding/binary"

// MaxVarint is the largest value a QUIC variable-length integer can carry
// (RFC 9000 s16).
const MaxVarint = 1<<62 - 1

// VarintLen returns the size in bytes of the shortest encoding of v: 1, 2, 4
// or 8. It panics if v exceeds MaxVarint: callers bound their values first.
func VarintLen(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	case v <= MaxVarint:
		return 8
	}
	panic("wire: varint exceeds 2^62-1")
}

// AppendVarint appends the shortest encoding of v to b (RFC 9000 s16). It
// panics if v exceeds MaxVarint.
func AppendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return append(b, byte(v>>8)|0x40, byte(v))
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|0x80000000)
	case v <= MaxVarint:
		return binary.BigEndian.AppendUint64(b, v|0xc000000000000000)
	}
	panic("wire: varint exceeds 2^62-1")
}

// AppendVarintLen appends v in exactly n bytes; n is 1, 2, 4 or 8. A fixed
// width lets a length be patched in after the bytes it counts are written.
// It panics if n is another value or v does not fit.
func AppendVarintLen(b []byte, v uint64, n int) []byte {
	switch {
	case n == 1 && v < 1<<6:
		return append(b, byte(v))
	case n == 2 && v < 1<<14:
		return append(b, byte(v>>8)|0x40, byte(v))
	case n == 4 && v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|0x80000000)
	case n == 8 && v <= MaxVarint:
		return binary.BigEndian.AppendUint64(b, v|0xc000000000000000)
	}
	panic("wire: value does not fit the fixed varint width")
}

// ConsumeVarint decodes the variable-length integer at the start of b and
// returns it with the number of bytes it took. n is 0 if b is too short.
// Encodings longer than needed are valid (RFC 9000 s16).
func ConsumeVarint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	first := b[0]
	switch {
	case first < 0x40:
		return uint64(first), 1
	case first < 0x80:
		if len(b) < 2 {
			return 0, 0
		}
		return uint64(first&0x3f)<<8 | uint64(b[1]), 2
	case first < 0xc0:
		if len(b) < 4 {
			return 0, 0
		}
		return uint64(binary.BigEndian.Uint32(b) & 0x3fffffff), 4
	}
	if len(b) < 8 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(b) & MaxVarint, 8
}

// AppendBytes appends data preceded by its length as a varint.
func AppendBytes(b, data []byte) []byte {
	return append(AppendVarint(b, uint64(len(data))), data...)
}

// ConsumeBytes decodes a byte string preceded by its length as a varint. data
// aliases b; n counts the length field and the data, and is 0 if b is too
// short.
func ConsumeBytes(b []byte) (data []byte, n int) {
	size, n := ConsumeVarint(b)
	if n == 0 || size > uint64(len(b)-n) {
		return nil, 0
	}
	end := n + int(size)
	return b[n:end:end], end
}
