package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// Errors that are matched with errors.Is.
var (
	// ErrTimeout matches every error that is a lack of answer: a handshake or a request that took too long, a
	// connection that went silent. Such errors also say Timeout() == true, as net.Error wants. The deadline of a request's
	// context counts: such an error matches context.DeadlineExceeded too. Not so a context of WithTimeoutCause: its cause is
	// the error, as it is. Only http.Client.Timeout makes errors of its own: for them use Timeout() or
	// context.DeadlineExceeded.
	ErrTimeout error = &timeoutError{what: "timed out"}

	// ErrRefused matches a dial that the network answered with "nobody listens there". Such errors also match
	// syscall.ECONNREFUSED. An engine with Options.OneSocket never learns of it: there such a dial ends by ErrTimeout.
	ErrRefused = errors.New("connection refused")

	// ErrClosed matches what is left of a request when its Transport, Client, Server or Engine was closed on this side.
	ErrClosed = errors.New("api: the Client, Transport, Server or Engine was closed on this side")
)

// A TLSError is a handshake that failed, or a TLS alert at any time.
type TLSError struct {
	Alert  uint8 // the TLS alert that was sent or received (RFC 8446 s6)
	Remote bool  // the peer sent it
	Err    error // what crypto/tls said, if the failure was found on this side
	reason string
}

// Error says what failed and who found it.
func (e *TLSError) Error() string {
	s := "TLS handshake failed"
	if e.Remote {
		s = "the peer ended the TLS handshake"
	}
	alert, detail := tls.AlertError(e.Alert).Error(), e.reason
	if e.Err != nil {
		detail = e.Err.Error()
	}
	if !strings.Contains(detail, alert) {
		s += ": " + alert
	}
	if detail != "" {
		s += ": " + detail
	}
	switch {
	case e.Alert == alertNoProtocol:
		s += " (the other side does not offer HTTP/3 here)"
	case e.Alert == alertCertificateRequired && e.Remote:
		s += ": the server wants a client's certificate: set TLS.Certificates (api.LoadClientTLS)"
	}
	return s
}

// Unwrap returns what crypto/tls said.
func (e *TLSError) Unwrap() error { return e.Err }

const (
	alertCertificateRequired = 116 // RFC 8446 s6.2: a server got none
	alertNoProtocol          = 120 // no_application_protocol (RFC 7301 s3.2)
)

// A CertificateError is a peer whose certificate was not accepted on this side. The error of crypto/x509 or crypto/tls
// lies beneath and is found with errors.As.
type CertificateError struct {
	Err error
}

// Error says what is wrong with the certificate.
func (e *CertificateError) Error() string { return "certificate not accepted: " + e.Err.Error() }

// Unwrap returns the error of crypto/x509 or crypto/tls.
func (e *CertificateError) Unwrap() error { return e.Err }

// A VersionError is a server that speaks none of our QUIC versions (RFC 9000 s6.2).
type VersionError struct {
	Offers []uint32 // what it speaks
}

// Error lists what the server speaks.
func (e *VersionError) Error() string {
	s := "the server speaks no QUIC version of ours; it offers"
	if len(e.Offers) == 0 {
		s += " none"
	}
	for _, v := range e.Offers {
		s += fmt.Sprintf(" 0x%08x", v)
	}
	return s
}

// A StreamError is one request that was ended by an error code, while its connection lives on.
type StreamError struct {
	Code   uint64 // RFC 9114 s8.1
	Remote bool   // the peer ended it
	Reason string
}

// Error names the code, who sent it, and why, or else what it means.
func (e *StreamError) Error() string {
	s := "request ended by this side with "
	if e.Remote {
		s = "request ended by the peer with "
	}
	code := h3wire.ErrorCode(e.Code)
	s += code.String()
	if e.Reason != "" {
		s += ": " + e.Reason
	} else if meaning := meanings[code]; meaning != "" {
		s += ": " + meaning
	}
	return s
}

// meanings is what a code says of a request (RFC 9114 s8.1).
var meanings = map[h3wire.ErrorCode]string{
	h3wire.CodeNoError:           "the rest of it is not wanted",
	h3wire.CodeInternalError:     "something failed there, in a handler for instance",
	h3wire.CodeExcessiveLoad:     "it is too large, or there are too many",
	h3wire.CodeRequestRejected:   "it was not processed, and may be sent again",
	h3wire.CodeRequestCancelled:  "it is not wanted any more",
	h3wire.CodeRequestIncomplete: "it ended before it was complete",
	h3wire.CodeMessageError:      "it finds the message malformed",
	h3wire.CodeConnectError:      "the tunnel's other end was reset or closed",
	h3wire.CodeVersionFallback:   "it wants this request over HTTP/1.1",
}

// A ConnectionError is a connection that ended under the request.
type ConnectionError struct {
	Code   uint64 // what CONNECTION_CLOSE said; 0 if there was none
	App    bool   // Code is HTTP/3's (RFC 9114 s8.1), not QUIC's (RFC 9000 s20.1)
	Reason string
	Remote bool  // the peer closed
	Err    error // the engine's own account of it

	timeout, refused, closed bool
}

// Error says how the connection ended.
func (e *ConnectionError) Error() string {
	switch {
	case e.refused:
		return "connection refused: nobody listens on that UDP port"
	case e.Err != nil && !e.App:
		return e.Err.Error()
	}
	s := "connection closed by this side with "
	if e.Remote {
		s = "connection closed by the peer with "
	}
	if e.App {
		s += h3wire.ErrorCode(e.Code).String()
	} else {
		s += wire.ErrorCode(e.Code).String()
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Unwrap returns the engine's own account.
func (e *ConnectionError) Unwrap() error { return e.Err }

// Timeout reports whether the connection ended for lack of answers.
func (e *ConnectionError) Timeout() bool { return e.timeout }

// Temporary is what net.Error asks for; it says the same as Timeout.
func (e *ConnectionError) Temporary() bool { return e.timeout }

// Is matches ErrTimeout, ErrRefused and syscall.ECONNREFUSED, and ErrClosed if this side closed and there was no error.
func (e *ConnectionError) Is(target error) bool {
	switch target {
	case ErrTimeout:
		return e.timeout
	case ErrRefused, syscall.ECONNREFUSED:
		return e.refused
	case ErrClosed:
		return e.closed
	}
	return false
}

// timeoutError is a wait that took too long.
type timeoutError struct {
	what string
	err  error
}

func (e *timeoutError) Error() string {
	if e.err != nil {
		return e.what + ": " + e.err.Error()
	}
	return e.what
}
func (e *timeoutError) Unwrap() error        { return e.err }
func (e *timeoutError) Timeout() bool        { return true }
func (e *timeoutError) Temporary() bool      { return true }
func (e *timeoutError) Is(target error) bool { return target == ErrTimeout }

// stepError says at what an error happened. Unlike fmt.Errorf it goes on being a timeout: url.Error and http.Client ask
// only the outermost error.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string        { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error        { return e.err }
func (e *stepError) Timeout() bool        { return isTimeout(e.err) }
func (e *stepError) Temporary() bool      { return isTimeout(e.err) }
func (e *stepError) Is(target error) bool { return target == ErrTimeout && isTimeout(e.err) }

// againError is the failure of a request that was sent again, with what the first attempt had died of.
type againError struct{ last, first error }

// afterFirst adds the first attempt's error, if there is one and it says something else.
func afterFirst(last, first error) error {
	if first == nil || first.Error() == last.Error() {
		return last
	}
	return &againError{last, first}
}

func (e *againError) Error() string {
	return e.last.Error() + " (sent again, the first attempt failed: " + e.first.Error() + ")"
}
func (e *againError) Unwrap() []error { return []error{e.last, e.first} }
func (e *againError) Timeout() bool   { return isTimeout(e.last) }
func (e *againError) Temporary() bool { return isTimeout(e.last) }

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// contextError is the error of a wait that ended with its context.
func contextError(ctx context.Context, during string) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return &timeoutError{what: "timed out " + during, err: err}
	}
	return err
}

// publicError turns what rooms say into what callers match. Every error of the engine passes here and nowhere else.
func publicError(err error) error {
	if err == nil {
		return nil
	}
	var public *ConnectionError
	if errors.As(err, &public) {
		return err // a dial's, with words around it that must not be lost
	}
	var cause *port.Cause
	if errors.As(err, &cause) && cause != nil {
		return causeError(cause)
	}
	var stream *port.StreamError
	if errors.As(err, &stream) {
		reason := stream.Reason
		if reason == "" && stream.Err != nil {
			reason = stream.Err.Error()
		}
		public := &StreamError{Code: stream.Code, Remote: stream.Remote, Reason: reason}
		if large, ok := stream.Err.(*port.FieldsTooLarge); ok {
			return newTooLarge(large, public)
		}
		return public
	}
	return err
}

// unprocessed reports whether err says that the server has not acted on the request, so that it may be sent again
// whatever its method (RFC 9114 s4.1.1, s5.2).
func unprocessed(err error) bool {
	var stream *port.StreamError
	return errors.As(err, &stream) && (stream.Unprocessed || stream.Remote && stream.Code == uint64(h3wire.CodeRequestRejected))
}

// causeError turns the death of a connection into a public error.
func causeError(c *port.Cause) error {
	alert, isAlert := wire.ErrorCode(c.Code).Alert()
	switch {
	case c.Why == port.NoVersion:
		offers := make([]uint32, len(c.Offers))
		for i, v := range c.Offers {
			offers[i] = uint32(v)
		}
		return &VersionError{Offers: offers}
	case c.Err != nil && certificateFault(c.Err):
		return &CertificateError{Err: c.Err}
	case isAlert && !c.App && (c.Why == port.Ours || c.Why == port.Theirs):
		return &TLSError{Alert: alert, Remote: c.Why == port.Theirs, Err: c.Err, reason: c.Reason}
	}
	return &ConnectionError{
		Code: c.Code, App: c.App, Reason: c.Reason, Remote: c.Why == port.Theirs || c.Why == port.Reset, Err: c,
		timeout: c.Why == port.TimedOut || c.Why == port.Idle, refused: c.Why == port.Refused,
		closed: c.Why == port.Ours && withoutError(c) || c.Why == port.Abandoned && c.Err == nil,
	}
}

// withoutError reports whether the CONNECTION_CLOSE of c blamed nobody, in QUIC's words or in HTTP/3's.
func withoutError(c *port.Cause) bool {
	if c.App {
		return c.Code == noError
	}
	return c.Code == uint64(wire.NoError)
}

// certificateFault reports whether err is about a certificate that this side did not accept.
func certificateFault(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}
