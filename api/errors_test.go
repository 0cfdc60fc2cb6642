package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestEveryDeathHasAPublicError(t *testing.T) {
	authority := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for _, c := range []struct {
		cause port.Cause
		want  string // the type, and what it says of itself
	}{
		{port.Cause{Why: port.Theirs, App: true, Code: 0x100}, "*api.ConnectionError remote=true app=true code=0x100"},
		{port.Cause{Why: port.Theirs, Code: 0x2}, "*api.ConnectionError remote=true app=false code=0x2"},
		{port.Cause{Why: port.Theirs, App: true, Code: 0x12a}, "*api.ConnectionError remote=true app=true code=0x12a"},
		{port.Cause{Why: port.Ours, Code: 0xa, Reason: "bad frame"}, "*api.ConnectionError remote=false app=false code=0xa"},
		{port.Cause{Why: port.Ours, App: true, Code: 0x100}, "*api.ConnectionError remote=false app=true code=0x100 closed"},
		{port.Cause{Why: port.Abandoned}, "*api.ConnectionError remote=false app=false code=0x0 closed"},
		{port.Cause{Why: port.Abandoned, Err: syscall.EBADF}, "*api.ConnectionError remote=false app=false code=0x0"},
		{port.Cause{Why: port.Idle}, "*api.ConnectionError remote=false app=false code=0x0 timeout"},
		{port.Cause{Why: port.TimedOut}, "*api.ConnectionError remote=false app=false code=0x0 timeout"},
		{port.Cause{Why: port.Reset}, "*api.ConnectionError remote=true app=false code=0x0"},
		{port.Cause{Why: port.Refused, Err: syscall.ECONNREFUSED}, "*api.ConnectionError remote=false app=false code=0x0 refused"},
		{port.Cause{Why: port.Panicked, Code: 1}, "*api.ConnectionError remote=false app=false code=0x1"},
		{port.Cause{Why: port.NoVersion, Offers: []wire.Version{0xff00001d}}, "*api.VersionError"},
		{port.Cause{Why: port.Theirs, Code: 0x128}, "*api.TLSError"},
		{port.Cause{Why: port.Ours, Code: 0x12a, Err: authority}, "*api.CertificateError"},
	} {
		// Wrapped, as it comes out of an exchange that died with its connection.
		for _, err := range []error{&c.cause, &port.StreamError{Unprocessed: true, Err: fmt.Errorf("%w: %w", port.ErrGone, &c.cause)}} {
			public := publicError(err)
			got := fmt.Sprintf("%T", public)
			var conn *ConnectionError
			if errors.As(public, &conn) {
				got += fmt.Sprintf(" remote=%v app=%v code=0x%x", conn.Remote, conn.App, conn.Code)
			}
			var timeout net.Error
			if errors.Is(public, ErrTimeout) && errors.As(public, &timeout) && timeout.Timeout() {
				got += " timeout"
			}
			if errors.Is(public, ErrRefused) && errors.Is(public, syscall.ECONNREFUSED) {
				got += " refused"
			}
			if errors.Is(public, ErrClosed) {
				got += " closed"
			}
			if got != c.want || public.Error() == "" {
				t.Errorf("%v became %s (%v), want %s", err, got, public, c.want)
			}
		}
	}
	var unknown x509.UnknownAuthorityError
	if err := publicError(&port.Cause{Why: port.Ours, Code: 0x12a, Err: authority}); !errors.As(err, &unknown) {
		t.Errorf("the x509 error is lost in %v", err)
	}
}

// The peer's reason often is the alert's own text, and so is crypto/tls's error.
func TestAnAlertIsNamedOnce(t *testing.T) {
	name := tls.AlertError(42).Error()
	required := tls.AlertError(116).Error()
	for want, cause := range map[string]port.Cause{
		"the peer ended the TLS handshake: " + name: {Why: port.Theirs, Code: 0x12a, Reason: name},
		"the peer ended the TLS handshake: " + required + ": the server wants a client's certificate: " +
			"set TLS.Certificates (api.LoadClientTLS)": {Why: port.Theirs, Code: 0x174, Reason: required},
		"TLS handshake failed: " + required:                          {Why: port.Ours, Code: 0x174},
		"the peer ended the TLS handshake: " + name + ": show me":    {Why: port.Theirs, Code: 0x12a, Reason: "show me"},
		"TLS handshake failed: here: " + name:                        {Why: port.Ours, Code: 0x12a, Err: fmt.Errorf("here: %w", tls.AlertError(42))},
		"TLS handshake failed: " + name + ": something else happens": {Why: port.Ours, Code: 0x12a, Err: errors.New("something else happens")},
	} {
		if got := publicError(&cause).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrorsThatAreNotOursPassThrough(t *testing.T) {
	for _, err := range []error{nil, context.Canceled, ErrClosed} {
		if got := publicError(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestStatusesAreThreeDigits(t *testing.T) {
	for s, want := range map[string]int{"200": 200, "999": 999, "100": 100, "099": 0, "20": 0, "2000": 0, "": 0, "+20": 0, "2 0": 0} {
		if got := parseStatus(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}
