package h3wire

import "quicpro/wire"

// VarintReader assembles one variable-length integer from pieces of any size:
// a stream type, a push ID, a frame type. The zero value is ready.
type VarintReader struct {
	value   uint64
	missing uint8 // bytes still to come, once begun
	begun   bool
}

// Feed takes bytes from b until the integer is complete. n is how many it took;
// when done is true it takes no more and Value may be read.
func (r *VarintReader) Feed(b []byte) (n int, done bool) {
	if !r.begun {
		if len(b) == 0 {
			return 0, false
		}
		r.begun = true
		if r.value, n = wire.ConsumeVarint(b); n > 0 {
			return n, true
		}
		// RFC 9000 s16: the two high bits are the base-2 logarithm of the size.
		r.value, r.missing, n = uint64(b[0]&0x3f), 1<<(b[0]>>6)-1, 1
	}
	for r.missing > 0 && n < len(b) {
		r.value = r.value<<8 | uint64(b[n])
		r.missing--
		n++
	}
	return n, r.missing == 0
}

// Value returns the integer; it means something only once Feed returned done.
func (r *VarintReader) Value() uint64 { return r.value }

// Begun reports whether at least one byte was taken.
func (r *VarintReader) Begun() bool { return r.begun }

// FrameHeaderReader assembles one frame header from pieces of any size. The zero
// value is ready; assign it again for the next frame.
type FrameHeaderReader struct {
	typ, length VarintReader
}

// Feed takes bytes from b until the header is complete. n is how many it took;
// when done is true it takes no more and Header may be read.
func (r *FrameHeaderReader) Feed(b []byte) (n int, done bool) {
	n, done = r.typ.Feed(b)
	if !done {
		return n, false
	}
	m, done := r.length.Feed(b[n:])
	return n + m, done
}

// Header returns the header; it means something only once Feed returned done.
func (r *FrameHeaderReader) Header() FrameHeader {
	return FrameHeader{FrameType(r.typ.value), r.length.value}
}

// FrameReader cuts a stream of frames into spans, whatever pieces its bytes
// arrive in. It keeps a header in progress and never a payload. The zero value
// is at the start of a frame.
type FrameReader struct {
	header    FrameHeaderReader
	frame     FrameHeader
	remaining uint64 // payload bytes to come, while inPayload
	inPayload bool
}

// FrameSpan is a piece of one frame. Payload aliases the bytes given to Next.
// The first span of a frame has Start, even if no payload is there yet, so an
// unwelcome type or length can be refused at once; the last one has End.
type FrameSpan struct {
	FrameHeader
	Payload    []byte
	Start, End bool
}

// Next takes a header, if one is due, and as much of its payload as b has, and
// returns them as a span; n is how many bytes it took. ok is false if b ended
// before there was anything to tell. Call it with the rest of b until it is.
func (r *FrameReader) Next(b []byte) (span FrameSpan, n int, ok bool) {
	if !r.inPayload {
		var done bool
		if n, done = r.header.Feed(b); !done {
			return FrameSpan{}, n, false
		}
		r.frame = r.header.Header()
		r.header = FrameHeaderReader{}
		r.remaining = r.frame.Length
		r.inPayload = true
		span.Start = true
	} else if len(b) == 0 {
		return FrameSpan{}, 0, false
	}
	end := n + int(min(r.remaining, uint64(len(b)-n)))
	span.FrameHeader = r.frame
	span.Payload = b[n:end:end]
	r.remaining -= uint64(end - n)
	r.inPayload = r.remaining > 0
	span.End = !r.inPayload
	return span, end, true
}

// MidFrame reports whether a frame was begun and not finished. RFC 9114 s7.1: a
// stream that ends cleanly here is a connection error of type H3_FRAME_ERROR.
func (r *FrameReader) MidFrame() bool { return r.inPayload || r.header.typ.begun }
