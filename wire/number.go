package wire

// MaxPacketNumber is the last packet number of a space; a connection that has
// used it must close (RFC 9000 s12.3).
const MaxPacketNumber PacketNumber = MaxVarint

// NumberLen returns how many bytes, 1 to 4, a header needs to carry pn when
// largestAcked is the largest number the peer acknowledged in this space, or
// NoPacketNumber. It panics if pn is not larger than largestAcked or is 2^31
// or more ahead of it, where no encoding exists.
func NumberLen(pn, largestAcked PacketNumber) int {
	// RFC 9000 s17.1: the encoding must represent more than twice as large a
	// range as the distance to the largest acknowledged packet.
	ahead := pn - largestAcked
	switch {
	case ahead <= 0:
		panic("wire: packet number not above the largest acknowledged")
	case ahead < 1<<7:
		return 1
	case ahead < 1<<15:
		return 2
	case ahead < 1<<23:
		return 3
	case ahead < 1<<31:
		return 4
	}
	panic("wire: packet number too far above the largest acknowledged")
}

// AppendNumber appends the n low bytes of pn; n is 1 to 4.
func AppendNumber(b []byte, pn PacketNumber, n int) []byte {
	switch n {
	case 1:
		return append(b, byte(pn))
	case 2:
		return append(b, byte(pn>>8), byte(pn))
	case 3:
		return append(b, byte(pn>>16), byte(pn>>8), byte(pn))
	case 4:
		return append(b, byte(pn>>24), byte(pn>>16), byte(pn>>8), byte(pn))
	}
	panic("wire: packet number length is not 1 to 4")
}

// ReadNumber returns the truncated packet number in the first n bytes of b; n
// is 1 to 4 and b at least as long.
func ReadNumber(b []byte, n int) uint32 {
	var v uint32
	for _, x := range b[:n] {
		v = v<<8 | uint32(x)
	}
	return v
}

// DecodeNumber recovers the full packet number from its n low bytes, given the
// largest number opened so far in the space, or NoPacketNumber
// (RFC 9000 s17.1 and A.3).
func DecodeNumber(largest PacketNumber, truncated uint32, n int) PacketNumber {
	// No packet follows the last one: the answer must stay within the space.
	expected := min(largest+1, MaxPacketNumber)
	window := PacketNumber(1) << (8 * n)
	half := window / 2
	candidate := expected&^(window-1) | PacketNumber(truncated)
	switch {
	case candidate <= expected-half && candidate <= MaxPacketNumber-window:
		return candidate + window
	case candidate > expected+half && candidate >= window:
		return candidate - window
	}
	return candidate
}
