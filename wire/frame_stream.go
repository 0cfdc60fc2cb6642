package wire

// The flag bits of a STREAM frame's type (RFC 9000 s19.8).
const (
	streamFin = 0x01
	streamLen = 0x02
	streamOff = 0x04
)

// Stream is a STREAM frame (RFC 9000 s19.8).
type Stream struct {
	// ID is the stream.
	ID StreamID
	// Offset is the position of the first byte of Data. Offset + len(Data) is
	// at most 2^62-1.
	Offset Offset
	// Data aliases the packet after parsing.
	Data []byte
	// Fin marks the end of the stream.
	Fin bool
	// ToEnd leaves out the Length field: Data runs to the end of the packet.
	ToEnd bool
}

// ParseStream decodes a STREAM frame of any of the eight types.
func ParseStream(b []byte) (f Stream, n int, err error) {
	c := openFrame(b, TypeStream, streamBits)
	if c.fault != "" {
		n, err = c.close(TypeStream)
		return f, n, err
	}
	flags := b[0]
	f.Fin = flags&streamFin != 0
	f.ToEnd = flags&streamLen == 0
	f.ID = StreamID(c.varint())
	if flags&streamOff != 0 {
		f.Offset = Offset(c.varint())
	}
	if f.ToEnd {
		f.Data = c.bytes(uint64(len(c.b) - c.at))
	} else {
		f.Data = c.bytes(c.varint())
	}
	// RFC 9000 s19.8: the largest offset on a stream is 2^62-1.
	if uint64(f.Offset)+uint64(len(f.Data)) > MaxVarint {
		c.fail("data beyond offset 2^62-1")
	}
	n, err = c.close(FrameType(flags))
	return f, n, err
}

// Append appends the frame, data included.
func (f Stream) Append(b []byte) []byte {
	b = AppendStreamHeader(b, f.ID, f.Offset, len(f.Data), f.Fin, f.ToEnd)
	return append(b, f.Data...)
}

// Len returns the size in bytes that Append adds.
func (f Stream) Len() int {
	return StreamHeaderLen(f.ID, f.Offset, len(f.Data), f.ToEnd) + len(f.Data)
}

// AppendStreamHeader appends all of a STREAM frame but its data, which the
// caller appends: exactly size bytes, and up to the packet's end if toEnd.
func AppendStreamHeader(b []byte, id StreamID, offset Offset, size int, fin, toEnd bool) []byte {
	t := byte(TypeStream)
	if fin {
		t |= streamFin
	}
	if offset > 0 {
		t |= streamOff
	}
	if !toEnd {
		t |= streamLen
	}
	b = AppendVarint(append(b, t), uint64(id))
	if offset > 0 {
		b = AppendVarint(b, uint64(offset))
	}
	if !toEnd {
		b = AppendVarint(b, uint64(size))
	}
	return b
}

// StreamHeaderLen returns the size in bytes that AppendStreamHeader adds.
func StreamHeaderLen(id StreamID, offset Offset, size int, toEnd bool) int {
	n := 1 + VarintLen(uint64(id))
	if offset > 0 {
		n += VarintLen(uint64(offset))
	}
	if !toEnd {
		n += VarintLen(uint64(size))
	}
	return n
}

// StreamFit returns how many bytes of data a STREAM frame with a Length field
// can carry in room bytes; -1 if not even a frame without data fits.
func StreamFit(id StreamID, offset Offset, room int) int {
	return fitData(room - StreamHeaderLen(id, offset, 0, true))
}

// fitData returns the largest n for which a varint of n and n bytes fit into
// room; -1 if there is none.
func fitData(room int) int {
	// Each width of the length has its own best fit; room is below 2^30.
	return max(-1, min(room-1, 1<<6-1), min(room-2, 1<<14-1), room-4)
}

// Crypto is a CRYPTO frame (RFC 9000 s19.6).
type Crypto struct {
	// Offset is the position of the first byte of Data in the handshake data of
	// its level. Offset + len(Data) is at most 2^62-1.
	Offset Offset
	// Data aliases the packet after parsing.
	Data []byte
}

// ParseCrypto decodes a CRYPTO frame.
func ParseCrypto(b []byte) (f Crypto, n int, err error) {
	c := openFrame(b, TypeCrypto, 0)
	f.Offset = Offset(c.varint())
	f.Data = c.bytes(c.varint())
	if uint64(f.Offset)+uint64(len(f.Data)) > MaxVarint {
		c.fail("data beyond offset 2^62-1")
	}
	n, err = c.close(TypeCrypto)
	return f, n, err
}

// Append appends the frame, data included.
func (f Crypto) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeCrypto)), uint64(f.Offset))
	return AppendBytes(b, f.Data)
}

// Len returns the size in bytes that Append adds.
func (f Crypto) Len() int {
	size := len(f.Data)
	return 1 + VarintLen(uint64(f.Offset)) + VarintLen(uint64(size)) + size
}

// CryptoFit returns how many bytes of data a CRYPTO frame can carry in room
// bytes; -1 if not even a frame without data fits.
func CryptoFit(offset Offset, room int) int {
	return fitData(room - 1 - VarintLen(uint64(offset)))
}

// ResetStream is a RESET_STREAM frame (RFC 9000 s19.4).
type ResetStream struct {
	// ID is the stream that its sender abandons.
	ID StreamID
	// Code is the application's reason.
	Code AppErrorCode
	// FinalSize is the final size of the stream in bytes.
	FinalSize Offset
}

// ParseResetStream decodes a RESET_STREAM frame.
func ParseResetStream(b []byte) (f ResetStream, n int, err error) {
	c := openFrame(b, TypeResetStream, 0)
	f.ID = StreamID(c.varint())
	f.Code = AppErrorCode(c.varint())
	f.FinalSize = Offset(c.varint())
	n, err = c.close(TypeResetStream)
	return f, n, err
}

// Append appends the frame.
func (f ResetStream) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeResetStream)), uint64(f.ID))
	b = AppendVarint(b, uint64(f.Code))
	return AppendVarint(b, uint64(f.FinalSize))
}

// Len returns the size in bytes that Append adds.
func (f ResetStream) Len() int {
	return 1 + VarintLen(uint64(f.ID)) + VarintLen(uint64(f.Code)) + VarintLen(uint64(f.FinalSize))
}

// StopSending is a STOP_SENDING frame (RFC 9000 s19.5).
type StopSending struct {
	// ID is the stream that its receiver no longer reads.
	ID StreamID
	// Code is the application's reason.
	Code AppErrorCode
}

// ParseStopSending decodes a STOP_SENDING frame.
func ParseStopSending(b []byte) (f StopSending, n int, err error) {
	c := openFrame(b, TypeStopSending, 0)
	f.ID = StreamID(c.varint())
	f.Code = AppErrorCode(c.varint())
	n, err = c.close(TypeStopSending)
	return f, n, err
}

// Append appends the frame.
func (f StopSending) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeStopSending)), uint64(f.ID))
	return AppendVarint(b, uint64(f.Code))
}

// Len returns the size in bytes that Append adds.
func (f StopSending) Len() int {
	return 1 + VarintLen(uint64(f.ID)) + VarintLen(uint64(f.Code))
}
