package wire

// MaxData is a MAX_DATA frame: a new limit for the connection (RFC 9000 s19.9).
type MaxData struct {
	// Max is the sum of bytes that the peer may send on all streams.
	Max Offset
}

// ParseMaxData decodes a MAX_DATA frame.
func ParseMaxData(b []byte) (f MaxData, n int, err error) {
	c := openFrame(b, TypeMaxData, 0)
	f.Max = Offset(c.varint())
	n, err = c.close(TypeMaxData)
	return f, n, err
}

// Append appends the frame.
func (f MaxData) Append(b []byte) []byte {
	return AppendVarint(append(b, byte(TypeMaxData)), uint64(f.Max))
}

// Len returns the size in bytes that Append adds.
func (f MaxData) Len() int { return 1 + VarintLen(uint64(f.Max)) }

// MaxStreamData is a MAX_STREAM_DATA frame: a new limit for one stream
// (RFC 9000 s19.10).
type MaxStreamData struct {
	// ID is the stream.
	ID StreamID
	// Max is the first offset that the peer may not send.
	Max Offset
}

// ParseMaxStreamData decodes a MAX_STREAM_DATA frame.
func ParseMaxStreamData(b []byte) (f MaxStreamData, n int, err error) {
	c := openFrame(b, TypeMaxStreamData, 0)
	f.ID = StreamID(c.varint())
	f.Max = Offset(c.varint())
	n, err = c.close(TypeMaxStreamData)
	return f, n, err
}

// Append appends the frame.
func (f MaxStreamData) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeMaxStreamData)), uint64(f.ID))
	return AppendVarint(b, uint64(f.Max))
}

// Len returns the size in bytes that Append adds.
func (f MaxStreamData) Len() int { return 1 + VarintLen(uint64(f.ID)) + VarintLen(uint64(f.Max)) }

// MaxStreams is a MAX_STREAMS frame: how many streams of a direction the peer
// may open over the connection's life (RFC 9000 s19.11).
type MaxStreams struct {
	// Uni tells the direction: type 0x13 if set, else 0x12.
	Uni bool
	// Max is at most MaxStreamCount.
	Max uint64
}

// ParseMaxStreams decodes a MAX_STREAMS frame of either direction.
func ParseMaxStreams(b []byte) (f MaxStreams, n int, err error) {
	f.Uni, f.Max, n, err = parseStreamCount(b, TypeMaxStreamsBidi)
	return f, n, err
}

// Append appends the frame.
func (f MaxStreams) Append(b []byte) []byte {
	return appendStreamCount(b, TypeMaxStreamsBidi, f.Uni, f.Max)
}

// Len returns the size in bytes that Append adds.
func (f MaxStreams) Len() int { return 1 + VarintLen(f.Max) }

// DataBlocked is a DATA_BLOCKED frame: the sender wants to exceed the
// connection's limit (RFC 9000 s19.12).
type DataBlocked struct {
	// Limit is the limit that blocks.
	Limit Offset
}

// ParseDataBlocked decodes a DATA_BLOCKED frame.
func ParseDataBlocked(b []byte) (f DataBlocked, n int, err error) {
	c := openFrame(b, TypeDataBlocked, 0)
	f.Limit = Offset(c.varint())
	n, err = c.close(TypeDataBlocked)
	return f, n, err
}

// Append appends the frame.
func (f DataBlocked) Append(b []byte) []byte {
	return AppendVarint(append(b, byte(TypeDataBlocked)), uint64(f.Limit))
}

// Len returns the size in bytes that Append adds.
func (f DataBlocked) Len() int { return 1 + VarintLen(uint64(f.Limit)) }

// StreamDataBlocked is a STREAM_DATA_BLOCKED frame: the sender wants to exceed
// a stream's limit (RFC 9000 s19.13).
type StreamDataBlocked struct {
	// ID is the stream.
	ID StreamID
	// Limit is the limit that blocks.
	Limit Offset
}

// ParseStreamDataBlocked decodes a STREAM_DATA_BLOCKED frame.
func ParseStreamDataBlocked(b []byte) (f StreamDataBlocked, n int, err error) {
	c := openFrame(b, TypeStreamDataBlocked, 0)
	f.ID = StreamID(c.varint())
	f.Limit = Offset(c.varint())
	n, err = c.close(TypeStreamDataBlocked)
	return f, n, err
}

// Append appends the frame.
func (f StreamDataBlocked) Append(b []byte) []byte {
	b = AppendVarint(append(b, byte(TypeStreamDataBlocked)), uint64(f.ID))
	return AppendVarint(b, uint64(f.Limit))
}

// Len returns the size in bytes that Append adds.
func (f StreamDataBlocked) Len() int {
	return 1 + VarintLen(uint64(f.ID)) + VarintLen(uint64(f.Limit))
}

// StreamsBlocked is a STREAMS_BLOCKED frame: the sender wants to open more
// streams of a direction than it may (RFC 9000 s19.14).
type StreamsBlocked struct {
	// Uni tells the direction: type 0x17 if set, else 0x16.
	Uni bool
	// Limit is the limit that blocks, at most MaxStreamCount.
	Limit uint64
}

// ParseStreamsBlocked decodes a STREAMS_BLOCKED frame of either direction.
func ParseStreamsBlocked(b []byte) (f StreamsBlocked, n int, err error) {
	f.Uni, f.Limit, n, err = parseStreamCount(b, TypeStreamsBlockedBidi)
	return f, n, err
}

// Append appends the frame.
func (f StreamsBlocked) Append(b []byte) []byte {
	return appendStreamCount(b, TypeStreamsBlockedBidi, f.Uni, f.Limit)
}

// Len returns the size in bytes that Append adds.
func (f StreamsBlocked) Len() int { return 1 + VarintLen(f.Limit) }

// parseStreamCount reads a frame of two types, bidirectional (even) and
// unidirectional, whose content is a number of streams.
func parseStreamCount(b []byte, bidi FrameType) (uni bool, count uint64, n int, err error) {
	t := bidi
	c := openFrame(b, bidi, 1)
	count = c.varint()
	// RFC 9000 s19.11 and s19.14: no stream ID exists beyond 2^60 streams.
	if count > MaxStreamCount {
		c.fail("more than 2^60 streams")
	}
	if len(b) > 0 && FrameType(b[0]) == bidi|1 {
		uni, t = true, bidi|1
	}
	n, err = c.close(t)
	return uni, count, n, err
}

func appendStreamCount(b []byte, bidi FrameType, uni bool, count uint64) []byte {
	t := bidi
	if uni {
		t |= 1
	}
	return AppendVarint(append(b, byte(t)), count)
}
