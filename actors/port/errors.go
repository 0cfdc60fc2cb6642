package port

import (
	"errors"
	"strconv"
)

// ErrGoaway lies beneath a StreamError when the peer, or we, said goodbye before the request was processed.
var ErrGoaway = errors.New("the connection takes no new requests (GOAWAY): send it on another")

// ErrGone lies beneath a StreamError when a request met a connection that had already ended.
var ErrGone = errors.New("the connection has ended")

// FieldsTooLarge lies beneath a StreamError for a head, or trailers, that its receiver does not accept (RFC 9114 s4.2.2).
type FieldsTooLarge struct {
	Size     uint64 // as the RFC counts; 0 for what came, of which nobody decodes more than Limit
	Limit    uint64
	Sent     bool // it was ours, and the limit is the peer's
	Request  bool // a request's, not a response's
	Trailers bool // not a head
}

func (e *FieldsTooLarge) Error() string {
	s := "the response's "
	if e.Request {
		s = "the request's "
	}
	if e.Trailers {
		s += "trailers"
	} else {
		s += "header"
	}
	if e.Size > 0 {
		s += " of " + strconv.FormatUint(e.Size, 10)
	}
	s += " exceeds the " + strconv.FormatUint(e.Limit, 10) + " bytes that "
	if e.Request {
		s += "the server"
	} else {
		s += "the client"
	}
	return s + " accepts"
}

// StreamError ends a stream, or one half of it, while the connection lives on. It is made once and never changed.
// Over HTTP/3 it ends one exchange; with a *Cause beneath, one that died with its connection unprocessed.
type StreamError struct {
	Code        uint64 // of RESET_STREAM or STOP_SENDING, an application error code (RFC 9000 s20.2; HTTP/3: RFC 9114 s8.1)
	Remote      bool   // the peer's doing
	Unprocessed bool   // HTTP/3: the peer has not acted on the request, it may be sent again (RFC 9114 s4.1.1, s5.2)
	Reason      string
	Err         error // what lies beneath; may be nil
}

func (e *StreamError) Error() string {
	s := "quic: stream ended by us"
	if e.Remote {
		s = "quic: stream ended by the peer"
	}
	s += " with 0x" + strconv.FormatUint(e.Code, 16)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what lies beneath.
func (e *StreamError) Unwrap() error { return e.Err }
