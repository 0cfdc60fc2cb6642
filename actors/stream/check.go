package stream

import (
	"fmt"

	"quicpro/wire"
)

// Check says whether what the room owns is in order; see actor.Checker.
func (s *Stream) Check() error { return s.check(false) }

// CheckAll is Check over all chunks and ranges.
func (s *Stream) CheckAll() error { return s.check(true) }

func (s *Stream) check(all bool) error {
	if s.left {
		return nil
	}
	if err := s.receiving.check(all, s.fault != nil); err != nil {
		return fmt.Errorf("stream %d: receiving: %w", s.link.ID, err)
	}
	if err := s.sending.check(all); err != nil {
		return fmt.Errorf("stream %d: sending: %w", s.link.ID, err)
	}
	switch {
	case s.done && s.receiving.untaken != 0:
		return fmt.Errorf("stream %d: h3 has forgotten it, and %d bytes are not taken", s.link.ID, s.receiving.untaken)
	case s.faultPushed && s.fault == nil:
		return fmt.Errorf("stream %d: conn was told of a fault that there is not", s.link.ID)
	case (s.owesNews() || s.over() && !s.link.In.InFlight()) && !s.link.Up.InFlight():
		return fmt.Errorf("stream %d: conn is owed a Push, none is in flight", s.link.ID)
	case s.owesRead() && !s.link.In.InFlight():
		return fmt.Errorf("stream %d: h3 is owed a Read, none is in flight", s.link.ID)
	}
	return nil
}

func (r *receiving) check(all, fault bool) error {
	if r.arrival == nil {
		return r.checkWithout()
	}
	check := r.bytes.Check
	if all {
		check = r.bytes.CheckAll
	}
	if err := check(); err != nil {
		return err
	}
	if err := r.window.Check(); err != nil {
		return err
	}
	if r.common.Gaps != nil && r.gaps != r.bytes.Gaps() && !fault {
		return fmt.Errorf("%d gaps, %d counted", r.bytes.Gaps(), r.gaps)
	}
	return r.checkStates(fault)
}

// checkWithout is check where there is no arrival.
func (r *receiving) checkWithout() error {
	switch {
	case r.state == recvAbsent && (r.untaken != 0 || r.consumed != 0 || r.stopOwed):
		return fmt.Errorf("%d bytes untaken, %d consumed on a half that does not exist", r.untaken, r.consumed)
	case r.delivered() && !r.stopOwed && r.untaken >= 0 && r.consumed >= 0:
		return nil
	case r.state != recvRecv || r.stopped || r.stopOwed || r.untaken != 0 || r.consumed != 0:
		return fmt.Errorf("nothing has come, and the state is %d, stopped: %v, %d bytes untaken, %d consumed", r.state, r.stopped, r.untaken, r.consumed)
	}
	return nil
}

// checkStates compares the state with the bytes and their credit (RFC 9000 s3.2, s4.1).
func (r *receiving) checkStates(fault bool) error {
	_, sized := r.bytes.Final()
	switch {
	case fault: // what the peer broke is half noted
		return nil
	case sized != (r.state != recvRecv):
		return fmt.Errorf("state %d, final size known: %v", r.state, sized)
	case r.state == recvSizeKnown && (r.bytes.Complete() || r.discards):
		return fmt.Errorf("bytes are missing in a half that is complete, or discards them: %v", r.discards)
	case r.state == recvDataRecvd && (!r.bytes.Complete() || r.discards):
		return fmt.Errorf("all bytes are here, but not to the final size, or they are discarded: %v", r.discards)
	case r.state == recvDataRead && !r.bytes.Finished() && !r.discards:
		return fmt.Errorf("h3 has all bytes, but not to the final size")
	case (r.state == recvResetRecvd || r.state == recvResetRead || r.stopped) && !r.discards:
		return fmt.Errorf("state %d, stopped: %v, and nothing is discarded", r.state, r.stopped)
	case r.stopped && (r.state == recvDataRecvd || r.state == recvResetRecvd):
		return fmt.Errorf("h3 wants nothing, and is owed the end: state %d", r.state)
	case r.stopOwed && (r.state == recvResetRecvd || r.state == recvResetRead || !r.stopped):
		// RFC 9000 s3.5: not for a stream that the peer has reset.
		return fmt.Errorf("a STOP_SENDING is owed in state %d, stopped: %v", r.state, r.stopped)
	case r.maxData > r.window.Limit() || r.maxData > 0 && r.state != recvRecv:
		return fmt.Errorf("a MAX_STREAM_DATA of %d is owed in state %d, the limit is %d", r.maxData, r.state, r.window.Limit())
	case r.untaken < 0 || r.consumed < 0:
		return fmt.Errorf("%d bytes untaken, %d consumed", r.untaken, r.consumed)
	}
	offset, highest := r.bytes.Offset(), r.bytes.Highest()
	// What is not consumed is here, or with h3; what is discarded counts as consumed.
	if want := highest - offset + wire.Offset(r.untaken) - r.discarded; r.window.Unread() != want {
		return fmt.Errorf("%d bytes are not consumed; received %d, delivered %d, of which %d not taken, discarded %d",
			r.window.Unread(), highest, offset, r.untaken, r.discarded)
	}
	if r.discards && r.discarded != highest-offset || !r.discards && r.discarded != 0 {
		return fmt.Errorf("%d bytes discarded of %d received and not delivered: %v", r.discarded, highest-offset, r.discards)
	}
	return nil
}

func (s *sending) check(all bool) error {
	if s.departure == nil {
		if s.stopOwed || s.resetOwed || s.state != sendReady && !s.ended() || s.state == sendReady && s.fin {
			return fmt.Errorf("nothing is to be sent, and the state is %d, with an end: %v, with one to be told: %v", s.state, s.fin, s.stopOwed || s.resetOwed)
		}
		return nil
	}
	if s.state == sendAbsent {
		return fmt.Errorf("%d bytes written on a half that does not exist", s.written)
	}
	check := s.bytes.Check
	if all {
		check = s.bytes.CheckAll
	}
	if err := check(); err != nil {
		return err
	}
	if err := s.window.Check(); err != nil {
		return err
	}
	sent := s.bytes.Sent()
	switch {
	case s.window.Spent() != sent:
		return fmt.Errorf("%d bytes were sent, %d of the credit are spent", sent, s.window.Spent())
	case s.sentTo > sent || sent-s.sentTo > pushAhead:
		return fmt.Errorf("%d bytes were handed to conn, %d of them are in packets; at most %d ahead", sent, s.sentTo, pushAhead)
	case s.open() && s.written != s.bytes.Written():
		return fmt.Errorf("h3 wrote %d bytes, the buffer has %d", s.written, s.bytes.Written())
	case s.blocked > s.window.Limit() || s.blockedAt > s.window.Limit() || s.blocked != 0 && !s.open():
		return fmt.Errorf("blocked at %d, the limit is %d", max(s.blocked, s.blockedAt), s.window.Limit())
	case s.offered < 0 || s.most() > 0 && s.offered > s.most():
		return fmt.Errorf("h3 was offered room for %d bytes, at most %d", s.offered, s.most())
	}
	return s.checkStates(sent)
}

// checkStates compares the state with the bytes (RFC 9000 s3.1).
func (s *sending) checkStates(sent wire.Offset) error {
	written, finned := s.bytes.Finned()
	reset := s.state == sendResetSent || s.state == sendResetRecvd
	switch {
	case reset != s.bytes.WasReset():
		return fmt.Errorf("state %d, the buffer was reset: %v", s.state, s.bytes.WasReset())
	case s.resetOwed && s.state != sendResetSent:
		return fmt.Errorf("a RESET_STREAM is owed in state %d", s.state)
	case reset:
		return nil
	case s.state == sendReady && (sent > 0 || finned):
		return fmt.Errorf("nothing was sent, but %d bytes; FIN: %v", sent, finned)
	case s.state == sendSend && finned:
		return fmt.Errorf("the FIN was sent, and the state does not know")
	case s.state == sendDataSent && (!written || s.bytes.Unsent() > 0):
		return fmt.Errorf("all was sent, but %d bytes; FIN written: %v", s.bytes.Unsent(), written)
	case s.state == sendDataRecvd != s.bytes.AllAcked():
		return fmt.Errorf("state %d, all is acknowledged: %v", s.state, s.bytes.AllAcked())
	case written && !s.fin:
		return fmt.Errorf("a FIN was written, and h3 writes on")
	}
	return nil
}
