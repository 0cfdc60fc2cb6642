package stream

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/flow"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// recvState is the state of the receiving half (RFC 9000 s3.2, figure 3).
type recvState uint8

const (
	recvRecv       recvState = iota // the final size is unknown
	recvSizeKnown                   // a FIN has come, and bytes are missing
	recvDataRecvd                   // all bytes are here
	recvDataRead                    // h3 has all bytes and the FIN, or it wants none
	recvResetRecvd                  // the peer has reset its half
	recvResetRead                   // h3 knows
	recvAbsent                      // a stream that only we send on
)

// receiving is the receiving half of a stream. What few bytes are enough for lives as long as the stream; the rest, an arrival,
// exists from the peer's first word to its last, since ten thousand streams may wait for that at once.
type receiving struct {
	*arrival // nil while nothing has come, and when h3 has all that it will get
	common   *Common
	bound    wire.Offset // how far the peer may send: while nothing has come the first window, behind the arrival the final size

	state    recvState
	stopped  bool // h3 wants nothing more
	stopOwed bool // conn is owed a STOP_SENDING
	urgent   bool // the credit that conn is owed does not wait
	untaken  int  // bytes that h3 has and may still read
	consumed int  // connection credit that conn is owed
}

// arrival is what comes on a stream.
type arrival struct {
	bytes  buffer.Reassembly
	window flow.RecvWindow
	rtt    time.Duration // smoothed, as conn told last
	gaps   int           // that this stream has counted

	discards  bool // what is not delivered never will be
	moved     bool // bytes were consumed since the window was asked
	stopCode  uint64
	resetCode uint64      // the peer's
	discarded wire.Offset // bytes that h3 will never see
	maxData   wire.Offset // MAX_STREAM_DATA that conn is owed; 0: none
	maxWindow int         // the window, when it grew
}

var arrivals actor.Pool[arrival]

func (r *receiving) begin(c Config, exists bool) {
	*r = receiving{common: c.Common, bound: wire.Offset(c.Options.RecvWindow)}
	if !exists {
		r.state = recvAbsent
	}
}

// arrive makes the arrival, before anything is noted in it.
func (r *receiving) arrive() {
	if r.arrival != nil {
		return
	}
	a, limits := r.common.arrivals.get(&arrivals), r.common.Limits
	*a = arrival{bytes: a.bytes, window: flow.NewRecvWindow(r.bound, wire.Offset(limits.StreamWindowMax))}
	a.bytes.Renew(limits.StreamGaps)
	r.arrival = a
}

// rest lets the arrival go when h3 has all that it will get, and conn knows what it is owed.
func (r *receiving) rest() {
	if r.arrival != nil && r.delivered() && !r.stopOwed {
		r.bound, _ = r.bytes.Final()
		r.release()
	}
}

// late looks at what comes behind the arrival: it tells nothing new, but RFC 9000 s4.5 has it fit the final size.
func (r *receiving) late(end wire.Offset, final bool) error {
	switch {
	case end > r.bound:
		return wire.NewError(wire.FinalSizeError, 0, "stream data beyond the final size")
	case final && end != r.bound:
		return wire.NewError(wire.FinalSizeError, 0, "final size changed")
	}
	return nil
}

// spans takes the data of STREAM frames and gives their batches back; nothing but that if deaf.
func (r *receiving) spans(spans []port.Span, deaf bool) (fault *wire.Error) {
	for i := range spans {
		span := &spans[i]
		if fault == nil && !deaf {
			fault = r.insert(span)
		}
		span.Batch.Release()
	}
	clear(spans) // the record may lie for long, and would keep the memory of batches that went home
	if fault == nil && !deaf && len(spans) > 0 {
		r.settle()
	}
	return fault
}

func (r *receiving) insert(span *port.Span) *wire.Error {
	if r.state == recvAbsent {
		// RFC 9000 s19.8: MUST terminate with STREAM_STATE_ERROR upon a STREAM frame for a send-only stream.
		return wire.NewError(wire.StreamStateError, wire.TypeStream, "data on a stream that only we send on")
	}
	end := span.Off + wire.Offset(len(span.B))
	if r.arrival == nil && r.delivered() {
		return blame(r.late(end, span.Fin), wire.TypeStream)
	}
	r.arrive()
	if err := r.cover(end); err != nil {
		return blame(err, wire.TypeStream)
	}
	if err := r.bytes.Insert(span.Off, span.B, r.common.Chunks); err != nil {
		return blame(err, wire.TypeStream)
	}
	if !r.countGaps(r.bytes.Gaps()) {
		return wire.NewError(wire.InternalError, wire.TypeStream, "too many gaps in the data of all streams")
	}
	if span.Fin {
		return blame(r.bytes.SetFinal(end), wire.TypeStream)
	}
	return nil
}

// cover spends the peer's credit up to an offset.
func (r *receiving) cover(end wire.Offset) error {
	if highest := r.bytes.Highest(); end > highest {
		return r.window.Received(end - highest)
	}
	return nil
}

// frames takes the peer's RESET_STREAM.
func (r *receiving) frames(m *port.Deliver) *wire.Error {
	if !m.HasReset {
		return nil
	}
	if r.state == recvAbsent {
		// RFC 9000 s19.4: MUST terminate with STREAM_STATE_ERROR upon a RESET_STREAM for a send-only stream.
		return wire.NewError(wire.StreamStateError, wire.TypeResetStream, "reset of a stream that only we send on")
	}
	if r.arrival == nil && r.delivered() {
		return blame(r.late(m.ResetFinal, true), wire.TypeResetStream)
	}
	r.arrive()
	// RFC 9000 s4.5: the final size counts against flow control, whatever of it was received.
	if err := r.cover(m.ResetFinal); err != nil {
		return blame(err, wire.TypeResetStream)
	}
	if err := r.bytes.SetFinal(m.ResetFinal); err != nil {
		return blame(err, wire.TypeResetStream)
	}
	r.stopOwed = false // it has done its work
	if r.state == recvRecv || r.state == recvSizeKnown {
		// RFC 9000 s3.2: a reset in "Data Recvd" may be ignored; in the others undelivered bytes may be discarded.
		r.state, r.resetCode = recvResetRecvd, m.ResetCode
		if r.stopped {
			r.state = recvResetRead // h3 wants to hear nothing
		}
		r.discard()
	}
	r.settle()
	return nil
}

// fates takes what became of our own frames, and the round-trip time.
func (r *receiving) fates(m *port.Deliver) {
	if r.arrival == nil {
		return
	}
	if m.RTT > 0 {
		r.rtt = m.RTT
	}
	if r.state != recvRecv {
		// RFC 9000 s13.3: neither frame is repeated once the final size is known.
		return
	}
	if m.LostStop {
		r.stopOwed = true
	}
	if m.LostMaxData && !r.stopped {
		// RFC 9000 s13.3: an updated value is sent when the packet with the most recent one is lost.
		r.maxData = r.window.Limit()
	}
}

// stop discards what h3 has not got, and all that will come.
func (r *receiving) stop(code uint64) {
	if r.stopped || r.state == recvAbsent {
		return
	}
	r.stopped = true
	if r.arrival == nil && r.delivered() {
		return
	}
	r.arrive()
	switch r.state {
	case recvRecv, recvSizeKnown:
		// RFC 9000 s3.5: SHOULD send STOP_SENDING in these states; in others there is nothing to stop.
		r.stopOwed, r.stopCode = true, code
	case recvDataRecvd:
		r.state = recvDataRead
	case recvResetRecvd:
		r.state = recvResetRead
	}
	r.discard()
	r.settle()
}

// taken notes that h3 has used up n delivered bytes.
func (r *receiving) taken(n int) {
	if n == 0 {
		return
	}
	if n < 0 || n > r.untaken {
		panic("stream: h3 has taken more bytes than it was given")
	}
	r.untaken -= n
	r.consume(n)
	if r.untaken == 0 && r.arrival != nil {
		r.bytes.Rest()
	}
}

// consume returns the credit of n bytes.
func (r *receiving) consume(n int) {
	r.consumed += n
	if r.arrival != nil {
		r.window.Consumed(wire.Offset(n))
		r.moved = true
	}
}

// discard gives up what is not delivered: h3 wants no more, or the peer has reset.
func (r *receiving) discard() {
	r.discards = true
	r.bytes.Release()
	r.countGaps(0)
}

// settle follows the facts: the credit of discarded bytes, then the state.
func (r *receiving) settle() {
	if r.arrival == nil {
		return
	}
	if r.discards {
		// RFC 9000 s3.5: discarded bytes still count; their credit returns at once, or the connection would starve.
		if n := r.bytes.Highest() - r.bytes.Offset() - r.discarded; n > 0 {
			r.discarded += n
			r.consume(int(n))
			r.urgent = true
		}
	}
	if _, sized := r.bytes.Final(); sized && r.state == recvRecv {
		r.state = recvSizeKnown
	}
	if r.state == recvSizeKnown {
		switch {
		case r.discards: // bytes that are missing would be discarded too, and their credit has returned
			r.state = recvDataRead
		case r.bytes.Complete():
			r.state = recvDataRecvd
		}
	}
}

// grant asks the window whether the peer is owed credit.
func (r *receiving) grant(now mono.Time) {
	if r.arrival == nil {
		return
	}
	// RFC 9000 s13.3: no MAX_STREAM_DATA once the final size is known; nor for a stream that we asked to stop.
	if r.state != recvRecv || r.stopped {
		r.maxData, r.maxWindow = 0, 0
		return
	}
	if !r.moved {
		return
	}
	r.moved = false
	before := r.window.Size()
	limit, ok := r.window.Owed(now, r.rtt)
	if !ok {
		return
	}
	r.maxData = limit
	if size := r.window.Size(); size > before {
		r.maxWindow = int(size)
	}
}

func (r *receiving) owesPush() bool {
	return r.stopOwed || r.arrival != nil && r.maxData > 0 || r.consumed > 0 && (r.urgent || r.consumed >= r.common.heldBack())
}

func (r *receiving) fillPush(m *port.Push) {
	if r.stopOwed {
		m.HasStop, m.StopCode = true, r.stopCode
	}
	m.Consumed = r.consumed
	r.stopOwed, r.urgent, r.consumed = false, false, 0
	if r.arrival != nil {
		m.MaxData, m.MaxWindow = r.maxData, r.maxWindow
		r.maxData, r.maxWindow = 0, 0
	}
}

func (r *receiving) owesRead() bool {
	switch r.state {
	case recvRecv, recvSizeKnown:
		return r.arrival != nil && r.bytes.Readable() > 0
	case recvDataRecvd, recvResetRecvd:
		return true
	}
	return false
}

func (r *receiving) fillRead(m *port.Read) {
	if r.arrival == nil {
		return
	}
	if n := r.bytes.Readable(); n > 0 {
		m.Pieces = r.bytes.Pop(m.Pieces, n)
		r.untaken += n
	}
	switch r.state {
	case recvDataRecvd:
		m.Fin, r.state = true, recvDataRead
	case recvResetRecvd:
		m.HasReset, m.ResetCode, r.state = true, r.resetCode, recvResetRead
	}
}

// delivered reports whether h3 has got all that it will get.
func (r *receiving) delivered() bool {
	return r.state == recvAbsent || r.state == recvDataRead || r.state == recvResetRead
}

// ended reports whether h3 has got all that it will get, and used it up.
func (r *receiving) ended() bool { return r.delivered() && r.untaken == 0 }

func (r *receiving) release() {
	if r.arrival == nil {
		return
	}
	r.bytes.Release()
	r.countGaps(0)
	r.common.arrivals.put(r.arrival, &arrivals)
	r.arrival = nil
}
