package qpackwire

// Literal is a string as it travels: coded by the Huffman code or plain. Data
// aliases the bytes it was decoded from (RFC 9204 s4.1.2).
type Literal struct {
	Data    []byte
	Huffman bool
}

// AppendTo appends the decoded string to dst. It returns dst unchanged with
// ErrTooLong as soon as the string exceeds max bytes, and with ErrHuffman if it
// is not properly coded.
func (l Literal) AppendTo(dst []byte, max int) ([]byte, error) {
	if l.Huffman {
		return appendHuffmanDecoded(dst, l.Data, max)
	}
	if len(l.Data) > max {
		return dst, ErrTooLong
	}
	return append(dst, l.Data...), nil
}

// consumeLiteral decodes a literal with a prefix of prefixBits bits, the Huffman
// flag included. n is its size, 0 if b is too short, and -1 if its length is
// over max bytes or no valid integer; a length over max is found before the
// string arrives.
func consumeLiteral(b []byte, prefixBits uint8, max uint64) (l Literal, n int) {
	length, n := ConsumeInt(b, prefixBits-1)
	if n <= 0 {
		return Literal{}, n
	}
	if length > max {
		return Literal{}, -1
	}
	if length > uint64(len(b)-n) {
		return Literal{}, 0
	}
	end := n + int(length)
	return Literal{b[n:end:end], b[0]>>(prefixBits-1)&1 == 1}, end
}

// appendLiteral appends s with a prefix of prefixBits bits, in the shorter of
// the two codings. The bits of first above the prefix go out with it.
func appendLiteral(b []byte, first byte, prefixBits uint8, s string) []byte {
	if n := HuffmanLen(s); n < len(s) {
		b = AppendInt(b, first|1<<(prefixBits-1), prefixBits-1, uint64(n))
		return AppendHuffman(b, s)
	}
	b = AppendInt(b, first, prefixBits-1, uint64(len(s)))
	return append(b, s...)
}
