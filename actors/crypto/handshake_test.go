package crypto

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// peer is one end of a handshake: its room, and what it said so far.
type peer struct {
	*Handshake
	t      testing.TB
	role   wire.Role
	conn   inbox[port.ToConn]
	out    [wire.NumLevels][]byte // crypto bytes not delivered yet
	events []port.HandshakeEvent
	fault  *wire.Error
	cause  error
}

func newPeer(t testing.TB, role wire.Role, c *tls.Config) *peer {
	return newPeerIn(t.Context(), t, role, c)
}

func newPeerIn(ctx context.Context, t testing.TB, role wire.Role, c *tls.Config) *peer {
	p := &peer{t: t, role: role, Handshake: new(Handshake)}
	p.Init(HandshakeConfig{Role: role, TLS: c, Context: ctx})
	p.Connect(HandshakePorts{ToConn: spawn("conn", &p.conn)})
	t.Cleanup(p.stop)
	return p
}

func (p *peer) stop() {
	p.Handle(arrival, &port.Stop{})
	p.Flush(arrival)
	if !p.Left() {
		p.t.Error("a stopped room stays")
	}
}

func (p *peer) order(o *port.Order) *port.Answer {
	p.t.Helper()
	p.Handle(mono.Time(1), o)
	p.Flush(mono.Time(1))
	if err := p.Check(); err != nil {
		p.t.Fatal(err)
	}
	mail := p.conn.take()
	if len(mail) != 1 {
		p.t.Fatalf("%v: %d answers to an order, want 1", p.role, len(mail))
	}
	a := mail[0].(*port.Answer)
	for _, e := range a.Events {
		if e.Kind == port.HandshakeCrypto {
			p.out[e.Level] = append(p.out[e.Level], e.Data...)
		}
	}
	p.events = append(p.events, a.Events...)
	p.fault, p.cause = a.Err, a.Cause
	return a
}

func (p *peer) start() {
	p.t.Helper()
	p.order(&port.Order{Start: true, Params: []byte("parameters of the " + p.role.String())})
}

// hear delivers what q said, in orders of at most n bytes, each level in its turn. It reports whether there was any.
func (p *peer) hear(q *peer, n int) (any bool) {
	p.t.Helper()
	for level := range q.out {
		for len(q.out[level]) > 0 {
			var o port.Order
			k := min(n, len(q.out[level]))
			o.Crypto[level].B = bytes.Clone(q.out[level][:k])
			q.out[level] = q.out[level][k:]
			p.order(&o)
			any = true
		}
	}
	return any
}

// pump runs a handshake to its end.
func pump(client, server *peer, n int) {
	client.start()
	server.start()
	for server.hear(client, n) || client.hear(server, n) {
	}
}

func (p *peer) event(kind port.HandshakeKind, level wire.Level) *port.HandshakeEvent {
	for i := range p.events {
		if e := &p.events[i]; e.Kind == kind && e.Level == level {
			return e
		}
	}
	return nil
}

func (p *peer) wantFault(alert uint8) {
	p.t.Helper()
	if p.fault == nil || p.fault.Code != wire.CryptoError(alert) {
		p.t.Errorf("%v: fault %v (%v), want alert %d", p.role, p.fault, p.cause, alert)
	}
}

func (p *peer) wantCode(code wire.ErrorCode) {
	p.t.Helper()
	if p.fault == nil || p.fault.Code != code {
		p.t.Errorf("%v: fault %v (%v), want %v", p.role, p.fault, p.cause, code)
	}
}

// wantDone checks a handshake that succeeded on both sides.
func wantDone(t *testing.T, client, server *peer) {
	t.Helper()
	for _, p := range []*peer{client, server} {
		if p.fault != nil {
			t.Fatalf("%v: %v (%v)", p.role, p.fault, p.cause)
		}
		q := client
		if p == client {
			q = server
		}
		for _, level := range []wire.Level{wire.LevelHandshake, wire.LevelApp} {
			w, r := p.event(port.HandshakeWriteKeys, level), q.event(port.HandshakeReadKeys, level)
			if w == nil || r == nil || w.Suite != r.Suite || len(w.Secret) < 32 || !bytes.Equal(w.Secret, r.Secret) {
				t.Fatalf("%v: the %v keys do not agree: %+v, %+v", p.role, level, w, r)
			}
		}
		if e := p.event(port.HandshakeParams, 0); e == nil || string(e.Data) != "parameters of the "+q.role.String() {
			t.Errorf("%v: peer's parameters are %+v", p.role, e)
		}
		if e := p.event(port.HandshakeComplete, 0); e == nil || e.State.NegotiatedProtocol != "h3" || !e.State.HandshakeComplete {
			t.Errorf("%v: complete is %+v", p.role, e)
		}
	}
}

func TestHandshakeInAnyPieces(t *testing.T) {
	for _, n := range []int{1 << 20, 1000, 7, 1} {
		client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
		pump(client, server, n)
		wantDone(t, client, server)
		if server.tls.quic != nil || client.tls.quic != nil {
			t.Error("the TLS stack is kept after its last word")
		}
	}
}

func TestSeveralLevelsInOneOrder(t *testing.T) {
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	client.start()
	server.start()
	server.hear(client, 1<<20)
	var o port.Order
	for level := range o.Crypto {
		o.Crypto[level].B, server.out[level] = server.out[level], nil
	}
	client.order(&o)
	server.hear(client, 1<<20)
	wantDone(t, client, server)
}

func TestReadKeysForApplicationDataComeAfterCompletion(t *testing.T) {
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	for _, p := range []*peer{client, server} {
		complete := false
		for _, e := range p.events {
			complete = complete || e.Kind == port.HandshakeComplete
			if e.Kind == port.HandshakeReadKeys && e.Level == wire.LevelApp && !complete {
				t.Errorf("%v: keys to read 1-RTT packets before the handshake is complete", p.role) // RFC 9001 s5.7
			}
		}
	}
}

func TestHandshakeWithClientCertificate(t *testing.T) {
	c, s := clientTLS(), serverTLS()
	c.Certificates = []tls.Certificate{certificateFor("someone")}
	s.ClientAuth, s.ClientCAs = tls.RequireAndVerifyClientCert, authority.pool
	client, server := newPeer(t, wire.Client, c), newPeer(t, wire.Server, s)
	pump(client, server, 1<<20)
	wantDone(t, client, server)
	if got := server.event(port.HandshakeComplete, 0).State.PeerCertificates[0].DNSNames[0]; got != "someone" {
		t.Errorf("the client is %q", got)
	}
}

func TestClientWithoutTheRequiredCertificate(t *testing.T) {
	s := serverTLS()
	s.ClientAuth, s.ClientCAs = tls.RequireAndVerifyClientCert, authority.pool
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, s)
	pump(client, server, 1<<20)
	server.wantFault(116) // certificate_required
}

func TestHandshakeWithALargeCertificateChain(t *testing.T) {
	s := serverTLS()
	s.Certificates = []tls.Certificate{largeChain()}
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, s)
	pump(client, server, 1200)
	wantDone(t, client, server)
	if n := len(client.event(port.HandshakeComplete, 0).State.PeerCertificates); n < 10 {
		t.Errorf("%d certificates arrived", n)
	}
}

func TestHandshakeWithChaCha(t *testing.T) {
	// crypto/tls cannot be told its TLS 1.3 suites, but prefers ChaCha20 on machines without AES instructions.
	if os.Getenv("QUICPRO_TEST_CHACHA") == "" {
		run := exec.Command(os.Args[0], "-test.run=^TestHandshakeWithChaCha$", "-test.v")
		run.Env = append(os.Environ(), "GODEBUG=cpu.aes=off,cpu.pclmulqdq=off", "QUICPRO_TEST_CHACHA=1")
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("SKIP")) {
			t.Skip("this machine's AES instructions cannot be switched off")
		}
		return
	}
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	wantDone(t, client, server)
	e := client.event(port.HandshakeWriteKeys, wire.LevelApp)
	if e.Suite != tls.TLS_CHACHA20_POLY1305_SHA256 {
		t.Skipf("suite is %s", tls.CipherSuiteName(e.Suite))
	}
}

func TestTheKeysOfAHandshakeProtectPackets(t *testing.T) {
	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	c, s := ends(t)
	for _, x := range []struct {
		p *peer
		e *end
	}{{client, c}, {server, s}} {
		for _, e := range x.p.events {
			if e.Kind == port.HandshakeReadKeys || e.Kind == port.HandshakeWriteKeys {
				x.e.tell(&port.InstallKeys{Level: e.Level, Write: e.Kind == port.HandshakeWriteKeys, Suite: e.Suite, Secret: e.Secret})
			}
		}
	}
	for _, level := range []wire.Level{wire.LevelHandshake, wire.LevelApp} {
		want(t, s.get(0, c.one(level, "frames up")), opened(level, 0, 0, "frames up"))
		want(t, c.get(0, s.one(level, "frames down")), opened(level, 0, 0, "frames down"))
	}
}

func TestProtocolsThatDoNotMatch(t *testing.T) {
	for _, c := range []struct {
		name           string
		client, server []string
		serverSees     bool
	}{
		{"different", []string{"h3"}, []string{"doq"}, true},
		{"none offered", nil, []string{"h3"}, true},
		{"none selected", []string{"h3"}, nil, false},
		{"none at all", nil, nil, false},
	} {
		ctls, stls := clientTLS(), serverTLS()
		ctls.NextProtos, stls.NextProtos = c.client, c.server
		client, server := newPeer(t, wire.Client, ctls), newPeer(t, wire.Server, stls)
		pump(client, server, 1<<20)
		if c.serverSees {
			server.wantFault(alertNoApplicationProtocol)
		} else {
			client.wantFault(alertNoApplicationProtocol)
		}
		for _, p := range []*peer{client, server} {
			if p.event(port.HandshakeComplete, 0) != nil {
				t.Errorf("%s: the %v completed", c.name, p.role)
			}
		}
	}
}

func TestUntrustedAndMisnamedCertificates(t *testing.T) {
	c := clientTLS()
	c.RootCAs = x509.NewCertPool()
	client, server := newPeer(t, wire.Client, c), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	client.wantFault(42) // bad_certificate
	var unknown x509.UnknownAuthorityError
	if !errors.As(client.cause, &unknown) {
		t.Errorf("cause is %v", client.cause)
	}
	if strings.Contains(client.fault.Reason, "x509") {
		t.Errorf("the peer would be told %q", client.fault.Reason)
	}

	c = clientTLS()
	c.ServerName = "elsewhere.example"
	client, server = newPeer(t, wire.Client, c), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	client.wantFault(42)
	var misnamed x509.HostnameError
	if !errors.As(client.cause, &misnamed) {
		t.Errorf("cause is %v", client.cause)
	}
	// Every later order is answered with the same failure.
	if a := client.order(&port.Order{Crypto: [4]port.CryptoBytes{{B: []byte("more")}}}); a.Err != client.fault || len(a.Events) != 0 {
		t.Errorf("answer after the failure: %+v", a)
	}
}

func TestACallbacksContextEndsTheHandshake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serverTLS()
	s.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		cancel()
		<-h.Context().Done()
		return nil, h.Context().Err()
	}
	client, server := newPeer(t, wire.Client, clientTLS()), newPeerIn(ctx, t, wire.Server, s)
	pump(client, server, 1<<20)
	server.wantFault(alertInternalError)
	if !errors.Is(server.cause, context.Canceled) {
		t.Errorf("cause is %v", server.cause)
	}
}

func TestAHandshakeOfAnOlderTLSIsRefused(t *testing.T) {
	s := serverTLS()
	s.MinVersion = tls.VersionTLS12
	server := newPeer(t, wire.Server, s)
	server.start()
	server.wantFault(alertInternalError)
}

// wiretap is a connection that keeps what is written and has nothing to read.
type wiretap struct {
	net.Conn
	written []byte
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.written = append(w.written, b...)
	return len(b), nil
}
func (w *wiretap) Read([]byte) (int, error) { return 0, io.EOF }

func TestAClientWithoutTransportParametersIsRefused(t *testing.T) {
	tap := new(wiretap)
	if err := tls.Client(tap, clientTLS()).Handshake(); err == nil {
		t.Fatal("a handshake with nobody succeeded")
	}
	hello := tap.written[5:] // without the record header
	server := newPeer(t, wire.Server, serverTLS())
	server.start()
	server.order(order(wire.LevelInitial, hello...))
	server.wantCode(wire.ProtocolViolation) // RFC 9001 s8.4: the session ID of the middlebox compatibility mode

	n := int(hello[sessionIDAt])
	hello = slices.Delete(hello, sessionIDAt+1, sessionIDAt+1+n)
	hello[sessionIDAt] = 0
	body := len(hello) - messageHead
	hello[1], hello[2], hello[3] = byte(body>>16), byte(body>>8), byte(body)
	server = newPeer(t, wire.Server, serverTLS())
	server.start()
	server.order(order(wire.LevelInitial, hello...))
	server.wantFault(109) // RFC 9001 s8.2: missing_extension
}
