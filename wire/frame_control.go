package wire

// Padding is a run of PADDING frames (RFC 9000 s19.1).
type Padding struct {
	// Count is the number of frames, which is the number of bytes.
	Count int
}

// ParsePadding consumes all PADDING frames at the start of b.
func ParsePadding(b []byte) (f Padding, n int, err error) {
	for n < len(b) && b[n] == byte(TypePadding) {
		n++
	}
	if n == 0 {
		return f, 0, NewError(FrameEncodingError, TypePadding, "not a frame of this type")
	}
	return Padding{Count: n}, n, nil
}

// Append appends the frames.
func (f Padding) Append(b []byte) []byte {
	for n := f.Count; n > 0; {
		step := min(n, len(zeros))
		b = append(b, zeros[:step]...)
		n -= step
	}
	return b
}

// Len returns the size in bytes that Append adds.
func (f Padding) Len() int { return f.Count }

var zeros [256]byte

// Ping is a PING frame (RFC 9000 s19.2).
type Ping struct{}

// Append appends the frame.
func (Ping) Append(b []byte) []byte { return append(b, byte(TypePing)) }

// Len returns the size in bytes that Append adds.
func (Ping) Len() int { return 1 }

// HandshakeDone is a HANDSHAKE_DONE frame (RFC 9000 s19.20).
type HandshakeDone struct{}

// Append appends the frame.
func (HandshakeDone) Append(b []byte) []byte { return append(b, byte(TypeHandshakeDone)) }

// Len returns the size in bytes that Append adds.
func (HandshakeDone) Len() int { return 1 }

// NewToken is a NEW_TOKEN frame (RFC 9000 s19.7).
type NewToken struct {
	// Token is for a later connection's Initial packets; never empty. It
	// aliases the packet after parsing.
	Token []byte
}

// ParseNewToken decodes a NEW_TOKEN frame.
func ParseNewToken(b []byte) (f NewToken, n int, err error) {
	c := openFrame(b, TypeNewToken, 0)
	f.Token = c.bytes(c.varint())
	// RFC 9000 s19.7: an empty token is a FRAME_ENCODING_ERROR.
	if len(f.Token) == 0 {
		c.fail("empty token")
	}
	n, err = c.close(TypeNewToken)
	return f, n, err
}

// Append appends the frame.
func (f NewToken) Append(b []byte) []byte {
	return AppendBytes(append(b, byte(TypeNewToken)), f.Token)
}

// Len returns the size in bytes that Append adds.
func (f NewToken) Len() int { return 1 + VarintLen(uint64(len(f.Token))) + len(f.Token) }

// NewConnectionID is a NEW_CONNECTION_ID frame (RFC 9000 s19.15).
type NewConnectionID struct {
	// Seq is the sequence number of ID.
	Seq uint64
	// RetirePriorTo asks to retire all IDs numbered below it; at most Seq.
	RetirePriorTo uint64
	// ID is 1 to 20 bytes long.
	ID ConnectionID
	// Token is the stateless reset token that goes with ID.
	Token ResetToken
}

// ParseNewConnectionID decodes a NEW_CONNECTION_ID frame.
func ParseNewConnectionID(b []byte) (f NewConnectionID, n int, err error) {
	c := openFrame(b, TypeNewConnectionID, 0)
	f.Seq = c.varint()
	f.RetirePriorTo = c.varint()
	size := c.bytes(1)
	// RFC 9000 s19.15: lengths below 1 and above 20 are a FRAME_ENCODING_ERROR.
	if size != nil && (size[0] < 1 || size[0] > MaxConnectionIDLen) {
		c.fail("connection ID length is not 1 to 20")
	} else if size != nil {
		f.ID, _ = MakeConnectionID(c.bytes(uint64(size[0])))
	}
	copy(f.Token[:], c.bytes(uint64(len(f.Token))))
	// RFC 9000 s19.15: Retire Prior To must not exceed the Sequence Number.
	if f.RetirePriorTo > f.Seq {
		c.fail("Retire Prior To above Sequence Number")
	}
	n, err = c.close(TypeNewConnectionID)
	return f, n, err
}

// Append appends the frame.
func (f NewConnectionID) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeNewConnectionID)), f.Seq)
	b = AppendVarint(b, f.RetirePriorTo)
	b = append(b, f.ID.size)
	b = f.ID.Append(b)
	return append(b, f.Token[:]...)
}

// Len returns the size in bytes that Append adds.
func (f NewConnectionID) Len() int {
	return 1 + VarintLen(f.Seq) + VarintLen(f.RetirePriorTo) + 1 + f.ID.Len() + len(f.Token)
}

// RetireConnectionID is a RETIRE_CONNECTION_ID frame (RFC 9000 s19.16).
type RetireConnectionID struct {
	// Seq is the sequence number of the ID that will no longer be used.
	Seq uint64
}

// ParseRetireConnectionID decodes a RETIRE_CONNECTION_ID frame.
func ParseRetireConnectionID(b []byte) (f RetireConnectionID, n int, err error) {
	c := openFrame(b, TypeRetireConnectionID, 0)
	f.Seq = c.varint()
	n, err = c.close(TypeRetireConnectionID)
	return f, n, err
}

// Append appends the frame.
func (f RetireConnectionID) Append(b []byte) []byte {
	return AppendVarint(append(b, byte(TypeRetireConnectionID)), f.Seq)
}

// Len returns the size in bytes that Append adds.
func (f RetireConnectionID) Len() int { return 1 + VarintLen(f.Seq) }

// PathChallenge is a PATH_CHALLENGE frame (RFC 9000 s19.17).
type PathChallenge struct {
	// Data is unpredictable.
	Data [8]byte
}

// ParsePathChallenge decodes a PATH_CHALLENGE frame.
func ParsePathChallenge(b []byte) (f PathChallenge, n int, err error) {
	c := openFrame(b, TypePathChallenge, 0)
	copy(f.Data[:], c.bytes(uint64(len(f.Data))))
	n, err = c.close(TypePathChallenge)
	return f, n, err
}

// Append appends the frame.
func (f PathChallenge) Append(b []byte) []byte {
	return append(append(b, byte(TypePathChallenge)), f.Data[:]...)
}

// Len returns the size in bytes that Append adds.
func (f PathChallenge) Len() int { return 1 + len(f.Data) }

// PathResponse is a PATH_RESPONSE frame (RFC 9000 s19.18).
type PathResponse struct {
	// Data repeats that of the PATH_CHALLENGE.
	Data [8]byte
}

// ParsePathResponse decodes a PATH_RESPONSE frame.
func ParsePathResponse(b []byte) (f PathResponse, n int, err error) {
	c := openFrame(b, TypePathResponse, 0)
	copy(f.Data[:], c.bytes(uint64(len(f.Data))))
	n, err = c.close(TypePathResponse)
	return f, n, err
}

// Append appends the frame.
func (f PathResponse) Append(b []byte) []byte {
	return append(append(b, byte(TypePathResponse)), f.Data[:]...)
}

// Len returns the size in bytes that Append adds.
func (f PathResponse) Len() int { return 1 + len(f.Data) }

// ConnectionClose is a CONNECTION_CLOSE frame of either type (RFC 9000 s19.19).
type ConnectionClose struct {
	// App tells the type: 0x1d if set, else 0x1c.
	App bool
	// Code is an AppErrorCode if App, else an ErrorCode.
	Code uint64
	// FrameType is the frame at fault, 0 if unknown. It is not sent if App.
	FrameType FrameType
	// Reason is a phrase for humans, in UTF-8 if the peer is well behaved. It
	// aliases the packet after parsing.
	Reason []byte
}

// ParseConnectionClose decodes a CONNECTION_CLOSE frame of either type.
func ParseConnectionClose(b []byte) (f ConnectionClose, n int, err error) {
	t := TypeConnectionClose
	c := openFrame(b, TypeConnectionClose, 1)
	if len(b) > 0 && FrameType(b[0]) == TypeConnectionCloseApp {
		f.App, t = true, TypeConnectionCloseApp
	}
	f.Code = c.varint()
	if !f.App {
		f.FrameType = FrameType(c.varint())
	}
	f.Reason = c.bytes(c.varint())
	n, err = c.close(t)
	return f, n, err
}

// Append appends the frame.
func (f ConnectionClose) Append(b []byte) []byte {
	if f.App {
		b = AppendVarint(append(b, byte(TypeConnectionCloseApp)), f.Code)
	} else {
		b = AppendVarint(append(b, byte(TypeConnectionClose)), f.Code)
		b = AppendVarint(b, uint64(f.FrameType))
	}
	return AppendBytes(b, f.Reason)
}

// Len returns the size in bytes that Append adds.
func (f ConnectionClose) Len() int {
	n := 1 + VarintLen(f.Code) + VarintLen(uint64(len(f.Reason))) + len(f.Reason)
	if !f.App {
		n += VarintLen(uint64(f.FrameType))
	}
	return n
}
