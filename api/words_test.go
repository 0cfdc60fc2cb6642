package api

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// What a user reads of each end, in full: it says what happened, and not by a word that only we know.
func TestErrorsSayWhatHappened(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&port.StreamError{Code: 0x100, Remote: true}, "request ended by the peer with H3_NO_ERROR: the rest of it is not wanted"},
		{&port.StreamError{Code: 0x102, Remote: true}, "request ended by the peer with H3_INTERNAL_ERROR: something failed there, in a handler for instance"},
		{&port.StreamError{Code: 0x107, Remote: true}, "request ended by the peer with H3_EXCESSIVE_LOAD: it is too large, or there are too many"},
		{&port.StreamError{Code: 0x10b, Remote: true}, "request ended by the peer with H3_REQUEST_REJECTED: it was not processed, and may be sent again"},
		{&port.StreamError{Code: 0x10c, Remote: true}, "request ended by the peer with H3_REQUEST_CANCELLED: it is not wanted any more"},
		{&port.StreamError{Code: 0x10c}, "request ended by this side with H3_REQUEST_CANCELLED: it is not wanted any more"},
		{&port.StreamError{Code: 0x10d, Remote: true}, "request ended by the peer with H3_REQUEST_INCOMPLETE: it ended before it was complete"},
		{&port.StreamError{Code: 0x10e, Remote: true}, "request ended by the peer with H3_MESSAGE_ERROR: it finds the message malformed"},
		{&port.StreamError{Code: 0x10f, Remote: true}, "request ended by the peer with H3_CONNECT_ERROR: the tunnel's other end was reset or closed"},
		{&port.StreamError{Code: 0x110, Remote: true}, "request ended by the peer with H3_VERSION_FALLBACK: it wants this request over HTTP/1.1"},
		{&port.StreamError{Code: 0x77, Remote: true}, "request ended by the peer with H3 error 0x77"},
		{&port.StreamError{Code: 0x100, Remote: true, Reason: "the peer reads no more"}, "request ended by the peer with H3_NO_ERROR: the peer reads no more"},
		{&port.StreamError{Code: 0x10b, Unprocessed: true, Err: port.ErrGoaway}, "request ended by this side with H3_REQUEST_REJECTED: the connection takes no new requests (GOAWAY): send it on another"},
		{&port.StreamError{Unprocessed: true, Err: fmt.Errorf("%w: %w", port.ErrGone, &port.Cause{Why: port.Idle})}, "quic: idle timeout: nothing was heard for that long"},
		{&port.Cause{Why: port.TimedOut}, "quic: timed out: the peer does not answer"},
		{&port.Cause{Why: port.TimedOut, Reason: "the handshake took too long"}, "quic: timed out: the handshake took too long"},
		{&port.Cause{Why: port.Reset}, "quic: stateless reset: the peer has lost the connection, by a restart for instance"},
		{&port.Cause{Why: port.Refused, Err: syscall.ECONNREFUSED}, "connection refused: nobody listens on that UDP port"},
		{&port.Cause{Why: port.Theirs, App: true, Code: 0x100}, "connection closed by the peer with H3_NO_ERROR"},
		{&port.Cause{Why: port.Theirs, Code: 2}, "quic: closed by the peer with CONNECTION_REFUSED: it takes no new connections: it is full, or about to end"},
		{&port.Cause{Why: port.Theirs, Code: 2, Reason: "why not"}, "quic: closed by the peer with CONNECTION_REFUSED: why not"},
		{&port.Cause{Why: port.Ours, Code: 0xa, Reason: "bad frame"}, "quic: closed by us with PROTOCOL_VIOLATION: bad frame"},
		{&port.Cause{Why: port.Panicked, Code: 1, Err: errors.New("room conn panicked")}, "quic: internal failure: room conn panicked"},
		{&port.Cause{Why: port.Abandoned}, "quic: abandoned: this side has closed it"},
		{&port.Cause{Why: port.Abandoned, Reason: "the engine is closed"}, "quic: abandoned: the engine is closed"},
		{&port.Cause{Why: port.NoVersion, Offers: []wire.Version{0xff00001d, 1}}, "the server speaks no QUIC version of ours; it offers 0xff00001d 0x00000001"},
		{&port.Cause{Why: port.NoVersion}, "the server speaks no QUIC version of ours; it offers none"},
		{ErrClosed, "api: the Client, Transport, Server or Engine was closed on this side"},
	} {
		if got := publicError(c.err).Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What is the user's own mistake says how to mend it.
func TestMistakesSayHowToMendThem(t *testing.T) {
	for err, mend := range map[error]string{
		errHandlerReturned: "it must wait for its goroutines",
		errCopied:          "one at a time may read it",
		tooLong(3):         "ContentLength=3, but the body is longer: set it to the body's length, or to -1",
	} {
		if !strings.Contains(err.Error(), mend) {
			t.Errorf("%q is not in %v", mend, err)
		}
	}
}
