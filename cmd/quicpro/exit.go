package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"quicpro/api"
)

// Exit codes, curl's numbers.
const (
	exitOK          = 0
	exitProtocol    = 1  // a URL that is not https; serve cannot listen; a seed of sim that failed
	exitUsage       = 2  // flags
	exitURL         = 3  // URL
	exitResolve     = 6  // name not resolved
	exitConnect     = 7  // refused
	exitPartial     = 18 // the body ended early
	exitHTTP        = 22 // -f and a status of 400 or more
	exitWrite       = 23 // output
	exitRead        = 26 // a file to send
	exitTimeout     = 28
	exitTLS         = 35 // handshake
	exitRedirects   = 47
	exitClientCert  = 58 // --cert, --key
	exitCertificate = 60 // the server's certificate
	exitCAFile      = 77 // --cacert
	exitHTTP3       = 95
	exitQUIC        = 96
	exitInterrupt   = 130
)

const exitCodeTable = `Exit codes are curl's:
    0 done                  23 output not writable      58 --cert or --key unusable
    1 not https; no listen  26 file to send unreadable  60 server's certificate not trusted
    2 bad options           28 timeout                  77 --cacert unusable
    3 bad URL               35 TLS handshake            95 HTTP/3 error
    6 name not resolved     47 too many redirects       96 QUIC error
    7 refused               18 body incomplete         130 interrupted
   22 -f and an HTTP error
sim exits with 1 when a seed has failed.
`

// failure is an error with its exit code and a message that says what to do next.
type failure struct {
	code int
	msg  string
	err  error // cause, may be nil
}

func (f *failure) Error() string { return f.msg }
func (f *failure) Unwrap() error { return f.err }

func failf(code int, format string, args ...any) *failure {
	return &failure{code: code, msg: fmt.Sprintf(format, args...)}
}

func wrapf(code int, err error, format string, args ...any) *failure {
	return &failure{code: code, msg: fmt.Sprintf(format, args...), err: err}
}

// fail prints one failure as curl does and returns its exit code. An interrupt needs no words.
func (a *app) fail(f *failure) int {
	if f.code != exitInterrupt {
		fmt.Fprintf(a.stderr, "quicpro: (%d) %s\n", f.code, f.msg)
	}
	return f.code
}

// attempt is what a failed transfer tells about itself.
type attempt struct {
	url      *url.URL
	dialled  string        // host:port that was dialled, after --resolve and --connect-to
	limit    time.Duration // -m
	elapsed  time.Duration
	received int64
	got      bool // a response head has arrived
}

// explain turns any error of a transfer into a failure. ctx is the transfer's own: its end beats whatever the end caused.
func (t attempt) explain(ctx context.Context, err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return wrapf(exitTimeout, err, "Operation timed out after %d ms with %d bytes received; raise -m (now %v) if the server is only slow",
			t.elapsed.Milliseconds(), t.received, t.limit)
	case ctx.Err() != nil:
		return wrapf(exitInterrupt, err, "interrupted")
	}
	for _, explain := range []func(error) *failure{t.resolving, t.certificate, t.handshake, t.connecting, t.protocol} {
		if f := explain(err); f != nil {
			return f
		}
	}
	return wrapf(exitHTTP3, err, "%s: %s", t.url.Host, plain(err))
}

func (t attempt) resolving(err error) *failure {
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return nil
	}
	host, port, _ := net.SplitHostPort(t.dialled)
	return wrapf(exitResolve, err, "Could not resolve host: %s (%s); check the spelling, or give its address with --resolve %s:%s:ADDRESS",
		host, dns.Err, bracket(host), port)
}

func (t attempt) certificate(err error) *failure {
	var name x509.HostnameError
	if errors.As(err, &name) {
		return wrapf(exitCertificate, err, "The server's certificate is not for %q: %s; use a name it holds (--connect-to reaches the same server), or -k to skip the check",
			name.Host, plain(name))
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	var verify *tls.CertificateVerificationError
	var certificate *api.CertificateError
	switch {
	case errors.As(err, &unknown), errors.As(err, &roots):
		return wrapf(exitCertificate, err, "The certificate of %s is not trusted: %s; give its CA with --cacert FILE, or -k to skip the check", t.url.Host, plain(err))
	case errors.As(err, &invalid), errors.As(err, &verify), errors.As(err, &certificate):
		return wrapf(exitCertificate, err, "The certificate of %s is not valid: %s; the server must mend it, or -k skips the check", t.url.Host, plain(err))
	}
	return nil
}

func (t attempt) handshake(err error) *failure {
	var alert tls.AlertError
	var failed *api.TLSError
	switch {
	case errors.As(err, &alert):
	case errors.As(err, &failed):
	default:
		return nil
	}
	what := plain(err)
	if strings.Contains(what, "application protocol") { // no_application_protocol, RFC 7301 s3.2
		return wrapf(exitTLS, err, "%s speaks QUIC but not HTTP/3 on this port (no common ALPN): %s; check the port", t.dialled, what)
	}
	return wrapf(exitTLS, err, "TLS handshake with %s failed: %s; -v shows more, and some servers want --cert and --key", t.dialled, what)
}

func (t attempt) connecting(err error) *failure {
	var timeout net.Error
	var version *api.VersionError
	switch {
	case errors.Is(err, api.ErrRefused), errors.Is(err, syscall.ECONNREFUSED):
		return wrapf(exitConnect, err, "Failed to connect to %s: refused, nothing listens on that UDP port; check the port, and that the server speaks HTTP/3", t.dialled)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return wrapf(exitConnect, err, "Failed to connect to %s: %s; check the network and its firewall", t.dialled, plain(err))
	case errors.As(err, &version):
		return wrapf(exitQUIC, err, "%s speaks no QUIC version that quicpro speaks: %s; the server must offer QUIC version 1", t.dialled, plain(err))
	case errors.Is(err, api.ErrTimeout), errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		// A ConnectionError: there was a connection, so somebody there did speak QUIC.
		if silent := (*api.ConnectionError)(nil); t.got || errors.As(err, &silent) {
			return wrapf(exitTimeout, err, "%s went silent after %d bytes: %s; try again", t.dialled, t.received, plain(err))
		}
		return wrapf(exitTimeout, err, "No connection to %s after %.1f s: nothing there speaks QUIC, a firewall drops UDP, or the server stopped answering; check the port, and try from another network",
			t.dialled, t.elapsed.Seconds())
	}
	return nil
}

func (t attempt) protocol(err error) *failure {
	var stream *api.StreamError
	var conn *api.ConnectionError
	switch {
	case errors.As(err, &stream):
		return wrapf(exitHTTP3, err, "%s after %d bytes; %s", plain(err), t.received, whose(stream.Remote))
	case errors.As(err, &conn) && conn.App:
		return wrapf(exitHTTP3, err, "%s after %d bytes; %s", plain(err), t.received, whose(conn.Remote))
	case errors.As(err, &conn):
		return wrapf(exitQUIC, err, "%s after %d bytes; %s", plain(err), t.received, whose(conn.Remote))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wrapf(exitPartial, err, "The body ended early, after %d bytes; what came is kept, try again", t.received)
	case errors.Is(err, api.ErrClosed):
		return wrapf(exitQUIC, err, "The connection was closed: %s; try again", plain(err))
	}
	return nil
}

func whose(remote bool) string {
	if remote {
		return "the server ended it: its log may say why, and -v --qlog DIR records this side"
	}
	return "quicpro ended it: the server broke the protocol, and --qlog DIR records how"
}

// plain is an error's text without the frames that net/http and net/url put around it.
func plain(err error) string {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// fileReason says in words why a file could not be used.
func fileReason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
