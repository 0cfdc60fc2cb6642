package port

import (
	"time"

	"quicpro/internal/buffer"
	"quicpro/wire"
)

// ToConn is what reaches a conn room: *RxBatch from protect and the endpoint; *TxBatch from the writer; *Answer from
// handshake; *Push and *StreamWake from streams; *ConnOrder from h3 and the app; *Notice from endpoint and supervisor;
// *BatchFree, *Fired, *Stop.
type ToConn interface{ toConn() }

// ToStream is what reaches a stream room: *Deliver, *Wake and *Stop from conn; *Write and *Wake from h3.
type ToStream interface{ toStream() }

// StreamWake tells conn or h3 that a stream freed their slot: they say Woken to the pair.
type StreamWake struct{ Stream *Stream }

func (*StreamWake) toConn() {}
func (*StreamWake) toH3()   {}

// Wake tells a stream that conn or h3 freed its slot: it says Woken to that pair, and its next flush sends what it owes.
type Wake struct{ FromConn bool }

func (*Wake) toStream() {}

// The two wakes there are. They say the same to every stream, and nobody writes to them.
var (
	WakeUp = &Wake{FromConn: true} // sent by conn: you wanted to push more
	WakeIn = &Wake{}               // sent by h3: you wanted to hand over more
)

// Deliver is everything conn has for a stream since the last one: frames of the peer and the fate of our own.
type Deliver struct {
	Spans []Span // STREAM frames; each holds its batch once

	ResetCode     uint64
	ResetFinal    wire.Offset
	StopCode      uint64
	MaxStreamData wire.Offset // MAX_STREAM_DATA, 0: none
	HasReset      bool        // RESET_STREAM
	HasStop       bool        // STOP_SENDING

	// The flags are neighbours: records are most of what a waiting stream is.
	AckedReset, LostReset bool // our RESET_STREAM
	LostStop              bool // our STOP_SENDING
	LostMaxData           bool // our MAX_STREAM_DATA
	LostBlocked           bool // our STREAM_DATA_BLOCKED

	SentTo wire.Offset // bytes below were put in packets at least once; not told of a message that was pushed Whole
	Fates  []SentRange // of bytes that were

	RTT time.Duration // for the receive window; zero while none is known
}

func (*Deliver) toStream() {}

// Release gives back what the message holds; the supervisor calls it for a stream that is gone.
func (d *Deliver) Release() {
	if d == nil {
		return
	}
	for i := range d.Spans {
		d.Spans[i].Batch.Release()
	}
	d.Reset()
}

// Reset empties the record for another filling. There may be none yet.
func (d *Deliver) Reset() {
	if d == nil {
		return
	}
	clear(d.Spans)
	*d = Deliver{Spans: d.Spans[:0], Fates: d.Fates[:0]}
	if cap(d.Spans) > KeptSpans {
		d.Spans = nil
	}
}

// KeptSpans is how many spans a record keeps room for: several trains of full datagrams. A train of STREAM frames of a few
// bytes has 16,000, a megabyte of spans, which a stream would otherwise keep as long as it lives. For longer ones conn has
// lists to lend.
const KeptSpans = 512

// Span is the data of one STREAM frame, in the batch it came in.
type Span struct {
	Off   wire.Offset
	B     []byte
	Fin   bool
	Batch *RxBatch
}

// SentRange is stream bytes whose packets met one fate.
type SentRange struct {
	Lo, Hi wire.Offset
	Fin    bool
	Lost   bool // or else acknowledged
}

// Push is everything a stream wants conn to do: bytes to send, lost ones first, and frames that it owes.
type Push struct {
	Stream   *Stream
	Segments []buffer.Segment // each holds its chunk once; conn releases it when it is in a packet

	ResetCode  uint64
	ResetFinal wire.Offset // the end of all segments; conn sends less if it forgot some: those have no connection credit
	StopCode   uint64
	HasReset   bool // send RESET_STREAM and forget unsent segments
	HasStop    bool // send STOP_SENDING
	Ended      bool // both halves are at their end, h3 is done with them, and the room leaves with this message
	// Whole says that Segments, to the FIN, are all that the stream ever sends, and few bytes: conn keeps them until the peer
	// has them, repeats what is lost, and answers a STOP_SENDING. The stream hears nothing of their fate.
	Whole bool

	Priority  Priority
	MaxData   wire.Offset // send MAX_STREAM_DATA, 0: none
	BlockedAt wire.Offset // send STREAM_DATA_BLOCKED, 0: none

	Consumed  int // bytes whose connection credit returns: read by the app, or discarded
	MaxWindow int // the stream's receive window, when it grew: the connection's is at least twice that

	Fault *wire.Error // the peer broke a rule of this stream: close the connection
}

func (*Push) toConn() {}

// Release gives back what the message holds.
func (p *Push) Release() {
	for i := range p.Segments {
		if c := p.Segments[i].Chunk; c != nil {
			c.Release()
		}
	}
	p.Reset()
}

// Reset empties the record for another filling.
func (p *Push) Reset() {
	clear(p.Segments)
	*p = Push{Stream: p.Stream, Segments: p.Segments[:0]}
}

// Priority orders streams in conn: lower Urgency first (RFC 9218 s4.1); equal ones share round-robin.
type Priority struct{ Urgency uint8 }

// DefaultUrgency is RFC 9218's; control streams use 0.
const DefaultUrgency = 3
