package engine

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"runtime"
	"time"

	"quicpro/actors/port"
	"quicpro/wire"
)

// transport is what we declare for l. Peers may open bidi bidirectional streams; conn lowers it to what fits.
func transport(l *port.Limits, bidi int) wire.TransportParameters {
	p := wire.DefaultTransportParameters()
	p.MaxIdleTimeout = l.IdleTimeout.Truncate(time.Millisecond)
	p.MaxAckDelay = l.MaxAckDelay
	p.InitialMaxData = wire.Offset(l.ConnWindow)
	p.InitialMaxStreamDataBidiLocal = wire.Offset(l.StreamWindow)
	p.InitialMaxStreamDataBidiRemote = wire.Offset(l.StreamWindow)
	p.InitialMaxStreamDataUni = wire.Offset(l.StreamWindow)
	p.InitialMaxStreamsBidi = uint64(bidi)
	p.InitialMaxStreamsUni = uint64(l.UniStreams)
	p.DisableActiveMigration = true // RFC 9000 s9: conn does not follow a peer to another address
	return p
}

// tlsConfig prepares the embedder's TLS configuration for QUIC.
func (e *Engine) tlsConfig(c *tls.Config, alpn string) *tls.Config {
	if c == nil {
		c = &tls.Config{}
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS13 // RFC 9001 s4.2
	if c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS13 {
		c.MaxVersion = 0
	}
	if len(c.NextProtos) == 0 && alpn != "" {
		c.NextProtos = []string{alpn}
	}
	if c.Time == nil {
		c.Time = e.world.Wall
	}
	// A resumed session would need its transport parameters remembered (RFC 9000 s7.4.1).
	c.SessionTicketsDisabled, c.ClientSessionCache = true, nil
	contained(c)
	if f := c.GetConfigForClient; f != nil {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (chosen *tls.Config, err error) {
			defer contain(&err)
			if chosen, err = f(h); chosen != nil {
				chosen = e.tlsConfig(chosen, alpn)
			}
			return chosen, err
		}
	}
	return c
}

// waits reports whether a handshake may have to wait for anything but a processor: a callback, a key that lives elsewhere,
// a system that verifies certificates itself and may ask the network.
func waits(c *tls.Config, role wire.Role) bool {
	called := c.GetCertificate != nil || c.GetClientCertificate != nil || c.GetConfigForClient != nil ||
		c.VerifyPeerCertificate != nil || c.VerifyConnection != nil || c.Rand != nil || c.KeyLogWriter != nil ||
		c.GetEncryptedClientHelloKeys != nil || c.EncryptedClientHelloRejectionVerify != nil
	verifies, roots := !c.InsecureSkipVerify, c.RootCAs
	if role == wire.Server {
		verifies, roots = c.ClientAuth >= tls.VerifyClientCertIfGiven, c.ClientCAs
	}
	if called || verifies && asksSystem(roots, runtime.GOOS) {
		return true
	}
	for i := range c.Certificates {
		switch c.Certificates[i].PrivateKey.(type) {
		case *ecdsa.PrivateKey, ed25519.PrivateKey, *rsa.PrivateKey:
		default:
			return true
		}
	}
	return false
}

// asksSystem reports whether the verification of a certificate may be the system's. On some, crypto/x509 asks it too if the
// roots began as x509.SystemCertPool, and does not tell which do.
func asksSystem(roots *x509.CertPool, system string) bool {
	return roots == nil || system == "darwin" || system == "ios" || system == "windows"
}

// contained keeps a panic in an embedder's TLS callback inside its handshake. crypto/tls calls them on a goroutine of its
// own, where nobody else could.
func contained(c *tls.Config) {
	if f := c.GetCertificate; f != nil {
		c.GetCertificate = func(h *tls.ClientHelloInfo) (_ *tls.Certificate, err error) {
			defer contain(&err)
			return f(h)
		}
	}
	if f := c.GetClientCertificate; f != nil {
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (_ *tls.Certificate, err error) {
			defer contain(&err)
			return f(r)
		}
	}
	if f := c.VerifyPeerCertificate; f != nil {
		c.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) (err error) {
			defer contain(&err)
			return f(raw, chains)
		}
	}
	if f := c.VerifyConnection; f != nil {
		c.VerifyConnection = func(s tls.ConnectionState) (err error) {
			defer contain(&err)
			return f(s)
		}
	}
}

func contain(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("engine: a TLS callback panicked: %v", v)
	}
}
