package stream

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/flow"
	"quicpro/wire"
)

// sendState is the state of the sending half (RFC 9000 s3.1, figure 2).
type sendState uint8

const (
	sendReady      sendState = iota // nothing was handed to conn yet
	sendSend                        // bytes were
	sendDataSent                    // all bytes and the FIN were
	sendDataRecvd                   // the peer has them
	sendResetSent                   // RESET_STREAM is owed or sent
	sendResetRecvd                  // the peer has it
	sendAbsent                      // a stream that we only receive on
)

// pushAhead is how many bytes conn may hold that were in no packet yet. Beyond, they wait here, where a reset or a lost
// range still comes before them.
const pushAhead = 256 << 10

// maxSegment is the largest segment handed out; a chunk is never larger.
const maxSegment = 64 << 10

// wholeMessage is how many bytes conn keeps for us if they are all that we ever send.
const wholeMessage = 16 << 10

// sending is the sending half of a stream. As with receiving, most of it, a departure, exists while there is something to send:
// from h3's first word until the peer has all that it will get.
type sending struct {
	*departure
	common *Common
	limit  wire.Offset // the peer's, while there is no departure

	state     sendState
	fin       bool // h3 writes no more
	behind    bool // a reset with resetCode waits until all bytes are acknowledged
	resetOwed bool // conn is owed the RESET_STREAM
	stopOwed  bool // h3 is owed the peer's STOP_SENDING
	toldNone  bool // h3 was told that there is no room
}

// departure is what we send on a stream.
type departure struct {
	bytes  buffer.SendBuffer
	window flow.SendWindow

	written   wire.Offset // by h3
	sentTo    wire.Offset // bytes below were in a packet
	offered   int         // how much room h3 believes there is
	resetCode uint64
	stopCode  uint64
	blocked   wire.Offset // STREAM_DATA_BLOCKED that conn is owed; 0: none
	blockedAt wire.Offset // the limit of the last one
}

var departures actor.Pool[departure]

func (s *sending) begin(c Config, exists bool) {
	*s = sending{common: c.Common, limit: c.Options.SendLimit}
	if !exists {
		s.state = sendAbsent
	}
}

// depart makes the departure, before anything is noted in it.
func (s *sending) depart() {
	if s.departure != nil {
		return
	}
	d := s.common.departures.get(&departures)
	*d = departure{bytes: d.bytes, window: flow.NewSendWindow(s.limit), offered: s.most()}
	s.departure = d
}

// rest lets the departure go when the peer has all that it will get, and h3 knows what it is owed.
func (s *sending) rest() {
	if s.ended() && !s.stopOwed {
		s.release()
	}
}

// open reports whether the half may still send data.
func (s *sending) open() bool { return s.state <= sendDataSent }

// write takes bytes and ends from h3. What comes after a reset is released.
func (s *sending) write(m *port.Write) {
	if s.state == sendAbsent && len(m.Chunks) > 0 {
		panic("stream: h3 wrote to a stream that we only receive on")
	}
	if s.departure == nil && s.ended() {
		s.writeLate(m)
		return
	}
	if len(m.Chunks) > 0 || m.Fin || m.HasReset {
		s.depart()
	}
	for _, c := range m.Chunks {
		s.written += wire.Offset(len(c.B))
		s.offered = max(s.offered-len(c.B), 0)
		s.bytes.Write(c) // takes over the hold
	}
	clear(m.Chunks) // what lies in the record after that must not keep them
	if m.Fin && s.open() {
		s.bytes.Fin()
		s.fin = true
	}
	switch {
	case m.HasReset && m.Behind && s.open():
		// RFC 9000 s3.2: a receiver may discard what it has when a reset comes, so what shall be read must be there before.
		s.behind, s.fin, s.resetCode = true, true, m.ResetCode
		s.resetBehind()
	case m.HasReset:
		s.reset(m.ResetCode)
	}
}

// writeLate takes what h3 wrote before it heard that the peer has asked us to stop.
func (s *sending) writeLate(m *port.Write) {
	if s.state == sendDataRecvd && len(m.Chunks) > 0 {
		panic("stream: h3 wrote behind the end")
	}
	for _, c := range m.Chunks {
		c.Release()
	}
	clear(m.Chunks)
}

// resetBehind begins the reset that waits for the last acknowledgement.
func (s *sending) resetBehind() {
	if s.behind && s.bytes.Settled() {
		s.reset(s.resetCode)
	}
}

// reset abandons what is not acknowledged; nothing if all is.
func (s *sending) reset(code uint64) {
	if !s.open() {
		return
	}
	s.bytes.Reset()
	s.state, s.resetCode, s.resetOwed, s.blocked = sendResetSent, code, true, 0
}

// frames takes the peer's STOP_SENDING and MAX_STREAM_DATA.
func (s *sending) frames(m *port.Deliver) *wire.Error {
	if s.state == sendAbsent {
		switch {
		case m.HasStop:
			// RFC 9000 s19.5: MUST terminate with STREAM_STATE_ERROR upon a STOP_SENDING for a receive-only stream.
			return wire.NewError(wire.StreamStateError, wire.TypeStopSending, "STOP_SENDING for a stream that only the peer sends on")
		case m.MaxStreamData > 0:
			// RFC 9000 s19.10: the same for a MAX_STREAM_DATA.
			return wire.NewError(wire.StreamStateError, wire.TypeMaxStreamData, "MAX_STREAM_DATA for a stream that only the peer sends on")
		}
		return nil
	}
	if s.departure == nil {
		s.limit = max(s.limit, m.MaxStreamData)
	} else if s.window.Raise(m.MaxStreamData) {
		s.blocked = 0
	}
	return nil
}

// fates takes what became of our own bytes and frames, then the peer's wish that we stop.
func (s *sending) fates(m *port.Deliver) {
	if s.departure == nil {
		if !m.HasStop || !s.open() {
			return
		}
		s.depart()
	}
	s.sentTo = max(s.sentTo, m.SentTo)
	for _, r := range m.Fates {
		if r.Lost {
			s.bytes.Lost(r.Lo, r.Hi, r.Fin)
		} else {
			s.bytes.Acked(r.Lo, r.Hi, r.Fin)
		}
	}
	if s.state == sendDataSent && s.bytes.AllAcked() {
		s.state = sendDataRecvd
	}
	s.resetBehind()
	if s.state == sendResetSent {
		switch {
		case m.AckedReset:
			s.state, s.resetOwed = sendResetRecvd, false
		case m.LostReset:
			// RFC 9000 s13.3: RESET_STREAM is sent until acknowledged, with the same content.
			s.resetOwed = true
		}
	}
	if m.LostBlocked && s.open() {
		s.window.BlockedLost(s.blockedAt)
	}
	if m.HasStop && s.open() {
		// RFC 9000 s3.5: MUST send RESET_STREAM in "Ready" or "Send", and SHOULD copy the code. In "Data Sent" it may
		// be deferred; at once is simpler, and the peer wants the bytes no more.
		s.stopOwed, s.stopCode = true, m.StopCode
		s.reset(m.StopCode)
	}
}

// look notes that the peer's limit stops us.
func (s *sending) look() {
	if s.departure == nil || !s.open() || s.bytes.Unsent() == 0 {
		return
	}
	// RFC 9000 s4.1: a blocked sender SHOULD say so; BlockedAt says it once a limit.
	if at, ok := s.window.BlockedAt(); ok {
		s.blocked, s.blockedAt = at, at
	}
}

// credit is how many new bytes conn may be given.
func (s *sending) credit() wire.Offset {
	ahead := s.bytes.Sent() - s.sentTo
	return min(s.window.Available(), pushAhead-min(ahead, pushAhead))
}

func (s *sending) owesPush() bool {
	return s.departure != nil && (s.resetOwed || s.blocked > 0 || s.sendable())
}

// sendable reports whether a segment may go to conn now.
func (s *sending) sendable() bool {
	if !s.open() || !s.bytes.Owes() {
		return false
	}
	return s.bytes.Unsent() == 0 || s.credit() > 0 || s.bytes.Resend() > 0
}

func (s *sending) fillPush(m *port.Push) {
	if s.departure == nil {
		return
	}
	if s.resetOwed {
		m.HasReset, m.ResetCode, m.ResetFinal, s.resetOwed = true, s.resetCode, s.bytes.Sent(), false
	}
	if s.open() && s.bytes.Owes() {
		s.fillSegments(m)
		s.look()
	}
	m.BlockedAt, s.blocked = s.blocked, 0
}

// fillSegments hands out what may go: lost bytes first, then new ones. A small message that goes as a whole is over with
// that: from here on it is as if the peer had it.
func (s *sending) fillSegments(m *port.Push) {
	first := s.state == sendReady
	for {
		segment, ok := s.bytes.Next(maxSegment, s.credit())
		if !ok {
			break
		}
		if segment.Fresh {
			s.window.Spend(wire.Offset(len(segment.B)))
		}
		if s.state == sendReady {
			s.state = sendSend
		}
		if segment.Fin {
			s.state = sendDataSent
		}
		m.Segments = append(m.Segments, segment)
	}
	if sent := s.bytes.Sent(); first && s.state == sendDataSent && sent <= wholeMessage {
		m.Whole, s.state = true, sendDataRecvd
		s.bytes.Acked(0, sent, true)
	}
}

// most is how many bytes may wait for their first packet.
func (s *sending) most() int { return s.common.Limits.UnsentBytes }

// room is how many bytes more h3 may write.
func (s *sending) room() int {
	switch {
	case s.state == sendAbsent:
		return 0
	case !s.open() || s.departure == nil:
		return s.most() // what is written is dropped: nobody needs to wait for it
	}
	return max(0, s.most()-int(s.written-min(s.sentTo, s.written)))
}

// owesRead reports whether h3 must hear of a STOP_SENDING, or of room. Who was told that there is none waits for any.
// Otherwise only the step from less than half to more is worth a message.
func (s *sending) owesRead() bool {
	if s.stopOwed {
		return true
	}
	if s.fin || !s.open() || s.departure == nil {
		return false
	}
	room, half := s.room(), max(1, s.most()/2)
	return room >= half && s.offered < half || room > 0 && s.toldNone
}

func (s *sending) fillRead(m *port.Read) {
	if s.stopOwed {
		m.HasStop, m.StopCode, s.stopOwed = true, s.stopCode, false
	}
	m.Room = s.room()
	s.toldNone = m.Room == 0
	if s.departure != nil {
		s.offered = m.Room
	}
}

// ended reports whether the peer has all that it will get.
func (s *sending) ended() bool {
	return s.state == sendDataRecvd || s.state == sendResetRecvd || s.state == sendAbsent
}

func (s *sending) release() {
	if s.departure == nil {
		return
	}
	s.bytes.Renew() // a spare one keeps no ranges of a stream that lost much
	s.common.departures.put(s.departure, &departures)
	s.departure = nil
}
