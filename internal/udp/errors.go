package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

var (
	// ErrMessageTooLong says that a datagram is larger than the first link, or UDP itself, carries. It concerns that
	// size only: the socket and smaller datagrams are fine (RFC 9000 s14.3, RFC 8899).
	ErrMessageTooLong = errors.New("message too long")
	// ErrRefused says that nobody listens on the remote port of a connected socket, according to an ICMP message,
	// which is not authenticated. Such an error also matches syscall.ECONNREFUSED.
	ErrRefused = errors.New("remote port refused")
)

// Transient reports whether err, from Read or Write, concerns one datagram, path or moment and leaves the socket
// usable: full queues, a firewall's refusal, no route for now, a source address that went away, a destination of a
// family that the socket does not speak, an ICMP error. The datagram counts as lost. It is false for ErrMessageTooLong and ErrRefused, which are facts of their own, and for
// errors that end the socket.
func Transient(err error) bool {
	var family *net.AddrError // package net's word for a destination of the wrong family
	return isErrno(err, transientErrnos) || errors.As(err, &family)
}

// opError is an I/O error with its fact, if it is one of the exported ones, and the system's own cause.
type opError struct {
	op     string
	local  netip.AddrPort
	remote netip.AddrPort // invalid when unknown
	fact   error          // ErrMessageTooLong, ErrRefused or nil
	cause  error
}

// failed describes what op met. It allocates: errors are not the hot path.
func failed(op string, local, remote netip.AddrPort, cause error) error {
	e := &opError{op: op, local: local, remote: remote, cause: cause}
	switch {
	case isErrno(cause, tooLongErrnos):
		e.fact = ErrMessageTooLong
	case isErrno(cause, refusedErrnos):
		e.fact = ErrRefused
	}
	return e
}

func (e *opError) Error() string {
	s := "udp: " + e.op + " " + e.local.String()
	if e.remote.IsValid() {
		s += " with " + e.remote.String()
	}
	return s + ": " + e.cause.Error()
}

func (e *opError) Unwrap() []error {
	if e.fact == nil {
		return []error{e.cause}
	}
	return []error{e.fact, e.cause}
}

// Is lets a refusal match syscall.ECONNREFUSED on systems whose own number for it is another.
func (e *opError) Is(target error) bool {
	return target == syscall.ECONNREFUSED && e.fact == ErrRefused
}

func isErrno(err error, among []syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(among, errno)
}
