package qpackwire

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// What can be wrong with a literal. The stream it was on decides the error code.
var (
	// ErrHuffman: a string contains EOS, or its padding is longer than 7 bits or
	// not all ones (RFC 7541 s5.2).
	ErrHuffman = errors.New("qpackwire: invalid Huffman coding")
	// ErrTooLong: a decoded string exceeds the caller's limit.
	ErrTooLong = errors.New("qpackwire: literal exceeds the limit")
)

// HuffmanLen returns the size in bytes of s once Huffman-coded.
func HuffmanLen(s string) int {
	bits := 0
	for i := range len(s) {
		bits += int(huffmanLengths[s[i]])
	}
	return (bits + 7) / 8
}

// AppendHuffman appends s in the Huffman code (RFC 7541 s5.2).
func AppendHuffman(b []byte, s string) []byte {
	var acc uint64 // pending bits, right-aligned
	var pending uint
	for i := range len(s) {
		c := s[i]
		acc = acc<<huffmanLengths[c] | uint64(huffmanCodes[c])
		pending += uint(huffmanLengths[c])
		if pending >= 32 {
			pending -= 32
			b = binary.BigEndian.AppendUint32(b, uint32(acc>>pending))
		}
	}
	for pending >= 8 {
		pending -= 8
		b = append(b, byte(acc>>pending))
	}
	if pending > 0 {
		// RFC 7541 s5.2: padded with the most significant bits of EOS, all ones.
		b = append(b, byte(acc<<(8-pending))|0xff>>pending)
	}
	return b
}

// AppendHuffmanDecoded appends the string that src codes to dst, at most
// 8/5 of its size. On ErrHuffman dst is returned unchanged.
func AppendHuffmanDecoded(dst, src []byte) ([]byte, error) {
	return appendHuffmanDecoded(dst, src, math.MaxInt)
}

// appendHuffmanDecoded decodes up to max bytes and no further: what a string
// expands to is bounded while it expands.
func appendHuffmanDecoded(dst, src []byte, max int) ([]byte, error) {
	room := min(len(src)*8/5, max) // the shortest code has 5 bits
	dst = slices.Grow(dst, room+2) // a step writes two bytes, whatever it keeps
	out := dst[:len(dst)+room+2]
	at, end := len(dst), len(dst)+room

	var acc uint64 // bits to decode, left-aligned
	var have uint  // how many of them count; below are zeros or bits to come
	for {
		if len(src) >= 8 {
			acc |= binary.BigEndian.Uint64(src) >> (have & 63)
			src = src[(63-have)>>3:]
			have |= 56
		} else {
			for ; have <= 56 && len(src) > 0; have += 8 {
				acc |= uint64(src[0]) << (56 - have)
				src = src[1:]
			}
		}
		if have < fastBits {
			break
		}
		for have >= fastBits {
			step := fastSteps[acc>>(64-fastBits)]
			if step == 0 {
				symbol, length := longSymbol(uint32(acc >> 32))
				if length > have {
					break
				}
				if symbol == eos {
					return dst, ErrHuffman
				}
				step = huffmanStep(symbol) | 1<<16 | huffmanStep(length)<<20
			}
			out[at], out[at+1] = byte(step), byte(step>>8)
			at += int(step >> 16 & 3)
			if at > end {
				return dst, ErrTooLong
			}
			acc <<= step >> 20 & 63
			have -= uint(step >> 20)
		}
		if have >= fastBits && len(src) == 0 {
			return dst, ErrHuffman // the input ends within a long code
		}
	}
	return finishHuffman(dst, out, at, end, acc, have)
}

// finishHuffman decodes the last codes, which are in acc with have bits, fewer
// than fastBits, and checks the padding.
func finishHuffman(dst, out []byte, at, end int, acc uint64, have uint) ([]byte, error) {
	for {
		symbol, length := longSymbol(uint32(acc >> 32))
		if length > have {
			break
		}
		if at == end {
			return dst, ErrTooLong
		}
		out[at] = byte(symbol)
		at++
		acc <<= length
		have -= length
	}
	// RFC 7541 s5.2: padding longer than 7 bits, or other than the most
	// significant bits of EOS, MUST be a decoding error.
	if have > 7 || acc>>(64-have) != 1<<have-1 {
		return dst, ErrHuffman
	}
	return out[:at], nil
}

const (
	eos      = 256
	fastBits = 11
)

// huffmanStep is what the next fastBits bits decode to: bits 0-7 and 8-15 two
// symbols, 16-19 how many of them there are, 20 and up the bits they took. Zero
// means the first code is longer.
type huffmanStep uint32

// longSymbol returns the symbol whose code begins v, and the code's length.
func longSymbol(v uint32) (symbol uint16, length uint) {
	length = 5
	for uint64(v) >= codeLimits[length] {
		length++
	}
	fromLast := (codeLimits[length] - 1 - uint64(v)) >> (32 - length)
	return codeOrder[codeEnds[length]-1-uint16(fromLast)], length
}

// The Huffman code of RFC 7541 Appendix B is canonical: codes of one length are
// consecutive in the order of their symbols, and continue where the next
// shorter ones end. So the lengths define it, and all tables follow from them.
var (
	huffmanCodes [256]uint32
	codeOrder    [257]uint16 // symbols by length of code, then by value
	codeEnds     [31]uint16  // by length: one past its last symbol in codeOrder
	codeLimits   [31]uint64  // by length: one past its last code, left-aligned to 32 bits
	fastSteps    [1 << fastBits]huffmanStep
)

func init() {
	var code uint64
	var rank uint16
	for length := 5; length <= 30; length++ {
		code <<= 1
		for symbol := range len(codeOrder) {
			if lengthOf(symbol) != length {
				continue
			}
			if symbol != eos {
				huffmanCodes[symbol] = uint32(code)
			}
			codeOrder[rank] = uint16(symbol)
			rank++
			code++
		}
		codeEnds[length] = rank
		codeLimits[length] = code << (32 - length)
	}
	for prefix := range fastSteps {
		v := uint32(prefix) << (32 - fastBits)
		first, n := longSymbol(v)
		if n > fastBits {
			continue
		}
		second, m := longSymbol(v << n)
		if n+m > fastBits {
			fastSteps[prefix] = huffmanStep(first) | 1<<16 | huffmanStep(n)<<20
			continue
		}
		fastSteps[prefix] = huffmanStep(first) | huffmanStep(second)<<8 | 2<<16 | huffmanStep(n+m)<<20
	}
}

func lengthOf(symbol int) int {
	if symbol == eos {
		return 30
	}
	return int(huffmanLengths[symbol])
}

// huffmanLengths holds the length in bits of every byte's code.
var huffmanLengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x0
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
}
