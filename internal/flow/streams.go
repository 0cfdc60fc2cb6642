package flow

import "quicpro/wire"

// PeerStreams limits the streams of one direction that the peer opens (RFC 9000 s4.6). Counts are cumulative, as in
// MAX_STREAMS.
type PeerStreams struct {
	limit  uint64 // granted
	opened uint64 // opened <= limit; counts implicitly opened ones
	ended  uint64 // ended <= opened
	window uint64 // how many may be alive at one time
}

// NewPeerStreams returns the books for at most window streams alive at one time, which is also the first limit: that
// of our transport parameters.
func NewPeerStreams(window uint64) PeerStreams {
	window = min(window, wire.MaxStreamCount)
	return PeerStreams{limit: window, window: window}
}

// Open notes a frame for the peer's stream number seq, counted from 0, and reports whether it is one higher than all
// before: that opens it, and all below it (RFC 9000 s3.2). It returns a *wire.Error of STREAM_LIMIT_ERROR for a stream
// beyond the limit.
func (s *PeerStreams) Open(seq uint64) (opened bool, err error) {
	if seq >= s.limit {
		// RFC 9000 s4.6: MUST treat a stream ID exceeding the limit as STREAM_LIMIT_ERROR.
		return false, wire.NewError(wire.StreamLimitError, 0, "stream beyond the advertised limit")
	}
	if seq < s.opened {
		return false, nil
	}
	s.opened = seq + 1
	return true, nil
}

// End notes that a stream is gone, with all that served it. Only that makes room for another one.
func (s *PeerStreams) End() {
	if s.ended == s.opened {
		panic("flow: more streams ended than opened")
	}
	s.ended++
}

// Owed returns the limit to advertise, if it is time: half of the window has ended since the last one, or the peer
// can open no more.
func (s *PeerStreams) Owed() (limit uint64, ok bool) {
	// RFC 9000 s4.6: a limit above 2^60 cannot be expressed as a stream ID.
	raised := min(s.ended+s.window, wire.MaxStreamCount)
	if raised <= s.limit || 2*(raised-s.limit) < s.window && s.opened < s.limit {
		return 0, false
	}
	s.limit = raised
	return raised, true
}

// Limit is the advertised limit.
func (s *PeerStreams) Limit() uint64 { return s.limit }

// Opened is how many streams the peer has opened, those below its highest included.
func (s *PeerStreams) Opened() uint64 { return s.opened }

// Live is how many of them have not ended.
func (s *PeerStreams) Live() uint64 { return s.opened - s.ended }

// LocalStreams limits the streams of one direction that we open, by the peer's MAX_STREAMS (RFC 9000 s4.6).
type LocalStreams struct{ credit SendWindow }

// NewLocalStreams returns the books with the first limit: that of the peer's transport parameters.
func NewLocalStreams(limit uint64) LocalStreams {
	return LocalStreams{credit: NewSendWindow(wire.Offset(limit))}
}

// Raise sets a higher limit and reports whether it was one.
func (s *LocalStreams) Raise(limit uint64) bool { return s.credit.Raise(wire.Offset(limit)) }

// Open returns the number of the next stream, counted from 0; ok is false if the peer allows no more.
func (s *LocalStreams) Open() (seq uint64, ok bool) {
	if s.credit.Available() == 0 {
		return 0, false
	}
	seq = uint64(s.credit.Spent())
	s.credit.Spend(1)
	return seq, true
}

// Available is how many streams may be opened now.
func (s *LocalStreams) Available() uint64 { return uint64(s.credit.Available()) }

// Opened is how many streams were opened.
func (s *LocalStreams) Opened() uint64 { return uint64(s.credit.Spent()) }

// Limit is the peer's limit.
func (s *LocalStreams) Limit() uint64 { return uint64(s.credit.Limit()) }

// BlockedAt returns the limit that ended our opening, once for each limit: a STREAMS_BLOCKED is owed then.
func (s *LocalStreams) BlockedAt() (limit uint64, ok bool) {
	at, ok := s.credit.BlockedAt()
	return uint64(at), ok
}

// BlockedLost notes that the frame which reported limit was lost (RFC 9000 s13.3).
func (s *LocalStreams) BlockedLost(limit uint64) { s.credit.BlockedLost(wire.Offset(limit)) }
