package port

import (
	"fmt"

	"quicpro/wire"
)

// Stop is the last order a room gets. It has a reserved place in every inbox of a connection; the room answers every
// waiter, releases what it holds, and leaves.
type Stop struct{ Cause *Cause }

func (*Stop) toProtect()   {}
func (*Stop) toHandshake() {}
func (*Stop) toConn()      {}
func (*Stop) toStream()    {}
func (*Stop) toH3()        {}
func (*Stop) toTimer()     {}
func (*Stop) toWriter()    {}
func (*Stop) toEndpoint()  {}

// Fired rings a room: a deadline that it armed may have come. One place is reserved for it.
type Fired struct{}

func (*Fired) toConn()     {}
func (*Fired) toH3()       {}
func (*Fired) toEndpoint() {}

// Why says whose doing the end of a connection was.
type Why uint8

// The ways a connection ends.
const (
	Ours      Why = iota // we sent CONNECTION_CLOSE
	Theirs               // the peer sent CONNECTION_CLOSE
	Idle                 // RFC 9000 s10.1
	TimedOut             // the handshake took too long, or nothing came back
	Reset                // a stateless reset, RFC 9000 s10.3
	Refused              // the network says that nobody listens
	NoVersion            // RFC 9000 s6.2: the server speaks none of our versions
	Panicked             // a room of ours died
	Abandoned            // the application or the engine closed before a close could be sent
)

var whys = [...]string{"closed by us", "closed by the peer", "idle timeout", "timed out", "stateless reset", "refused", "no common version", "internal failure", "abandoned"}

func (w Why) String() string {
	if int(w) < len(whys) {
		return whys[w]
	}
	return fmt.Sprintf("why %d", uint8(w))
}

// Cause is why a connection died. It is made once and never changed.
type Cause struct {
	Why    Why
	App    bool           // Code is an application's (RFC 9000 s20.2), not the transport's
	Code   uint64         // what was sent or received in CONNECTION_CLOSE
	Frame  wire.FrameType // the frame type blamed, transport errors only
	Reason string
	Err    error          // what lies beneath: a TLS error, a socket error
	Offers []wire.Version // NoVersion: what the server speaks
}

func (c *Cause) Error() string {
	if c.Why == Refused && c.Reason != "" {
		return "quic: " + c.Reason // Why and Err say the same
	}
	s := "quic: " + c.Why.String()
	if c.Why == Ours || c.Why == Theirs {
		if c.App {
			s += fmt.Sprintf(" with application error 0x%x", c.Code)
		} else {
			s += " with " + wire.ErrorCode(c.Code).String()
		}
	}
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	if c.Err != nil {
		s += ": " + c.Err.Error()
	}
	if c.Reason == "" && c.Err == nil {
		switch {
		case c.Why == Theirs && !c.App && c.Code == uint64(wire.ConnectionRefused):
			s += ": it takes no new connections: it is full, or about to end"
		case meanings[c.Why] != "":
			s += ": " + meanings[c.Why]
		}
	}
	return s
}

// meanings is what an end says that nobody gave a reason for.
var meanings = map[Why]string{
	Idle:      "nothing was heard for that long",
	TimedOut:  "the peer does not answer",
	Reset:     "the peer has lost the connection, by a restart for instance",
	Abandoned: "this side has closed it",
}

// Unwrap returns what lies beneath.
func (c *Cause) Unwrap() error { return c.Err }

// Graceful reports whether the connection was closed by either side with the transport's NO_ERROR. It is false for every
// application close, whatever its code: what an application's code 0 means is not ours to know.
func (c *Cause) Graceful() bool {
	return (c.Why == Ours || c.Why == Theirs) && !c.App && c.Code == 0
}
