package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/api"
)

func TestUntrustedCertificate(t *testing.T) {
	s := startSite(t, everything)
	_, otherCA := newCertificate(t, "site.test")
	quicpro(t, "get", "--cacert", otherCA, "--connect-to", "::"+s.addr, "https://site.test/hello").
		want(t, exitCertificate, "--cacert FILE, or -k")
	quicpro(t, "get", "-k", "--connect-to", "::"+s.addr, "https://site.test/hello").want(t, exitOK, "")
}

func TestCertificateOfAnotherName(t *testing.T) {
	s := startSite(t, everything)
	s.get(t, "https://other.test/hello").want(t, exitCertificate, `is not for "other.test"`)
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	quicpro(t, "get", "--cacert", s.ca, "--resolve", "site.test:"+port+":127.0.0.1", "https://site.test:"+port+"/hello").want(t, exitOK, "")
}

func TestWrongALPN(t *testing.T) {
	s := startSite(t, everything, func(conf *tls.Config) {
		other := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: conf.Certificates, NextProtos: []string{"not-h3"}}
		conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }
	})
	s.get(t, "-m", "5", "https://site.test/hello").want(t, exitTLS, "speaks QUIC but not HTTP/3")
}

func TestServerWantsClientCertificate(t *testing.T) {
	s := startSite(t, everything, func(conf *tls.Config) { conf.ClientAuth = tls.RequireAnyClientCert })
	s.get(t, "-m", "5", "https://site.test/hello").want(t, exitTLS, "--cert and --key")
	_, mine := newCertificate(t, "me")
	s.get(t, "--cert", mine, "https://site.test/hello").want(t, exitOK, "")
}

func TestRefusedPort(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := socket.LocalAddr().String()
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	quicpro(t, "get", "-k", "https://"+addr+"/").want(t, exitConnect, "quicpro: (7) Failed to connect to "+addr)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %v to see that the port is refused", took)
	}
}

func TestUnresolvableHost(t *testing.T) {
	// A test machine may have no resolver, or a slow one: the limit beyond which the story would be another.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	quicproWith(t, ctx, "", "get", "https://nosuch.invalid/").
		want(t, exitResolve, "quicpro: (6) Could not resolve host: nosuch.invalid")
}

// answering is a UDP port that is no QUIC server: it answers each datagram as it likes, or not at all.
func answering(t *testing.T, answer func(datagram []byte) []byte) string {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 2048)
		for {
			n, peer, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				_, _ = socket.WriteTo(reply, peer)
			}
		}
	}()
	t.Cleanup(func() {
		_ = socket.Close()
		<-ended
	})
	return socket.LocalAddr().String()
}

func TestPortsThatAreNoServer(t *testing.T) {
	for name, answer := range map[string]func([]byte) []byte{
		"silent":    func([]byte) []byte { return nil },
		"echo":      func(b []byte) []byte { return b },
		"garbage":   func([]byte) []byte { return []byte(strings.Repeat("\xc0garbage", 100)) },
		"truncated": func(b []byte) []byte { return b[:min(len(b), 40)] },
		"oversized": func(b []byte) []byte { return append(b, make([]byte, 8000)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := answering(t, answer)
			started := time.Now()
			quicpro(t, "get", "-k", "-m", "0.5", "https://"+addr+"/").want(t, exitTimeout, "quicpro: (28) Operation timed out after")
			if took := time.Since(started); took > 3*time.Second {
				t.Errorf("-m 0.5 took %v", took)
			}
		})
	}
}

func TestSilentPortWithoutLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("lasts as long as the default dial timeout")
	}
	t.Parallel()
	addr := answering(t, func([]byte) []byte { return nil })
	started := time.Now()
	quicpro(t, "get", "-k", "https://"+addr+"/").want(t, exitTimeout, "quicpro: (28) No connection to "+addr)
	if took := time.Since(started); took > 15*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

// A server that dies behind its first answer is as silent as one that was never there.
func TestServerDiesMidHandshake(t *testing.T) {
	t.Parallel()
	s := startSite(t, everything)
	dying := func(t *testing.T) string {
		server, err := net.Dial("udp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		n := 0
		return answering(t, func(b []byte) []byte {
			if n++; n > 2 {
				return nil
			}
			_, _ = server.Write(b)
			if n == 1 {
				return nil // a ClientHello is two datagrams
			}
			reply := make([]byte, 2048)
			_ = server.SetReadDeadline(time.Now().Add(5 * time.Second))
			k, err := server.Read(reply)
			if err != nil {
				t.Errorf("the server's first answer: %v", err)
			}
			return reply[:k]
		})
	}
	t.Run("with a limit", func(t *testing.T) {
		quicpro(t, "get", "-k", "-m", "0.5", "https://"+dying(t)+"/").want(t, exitTimeout, "quicpro: (28) Operation timed out after")
	})
	t.Run("without", func(t *testing.T) {
		if testing.Short() {
			t.Skip("lasts as long as the default dial timeout")
		}
		quicpro(t, "get", "-k", "https://"+dying(t)+"/").want(t, exitTimeout, "or the server stopped answering")
	})
}

// A server that speaks other versions only says so in a Version Negotiation packet (RFC 9000 s17.2.1).
func TestOtherVersionsOnly(t *testing.T) {
	addr := answering(t, func(b []byte) []byte {
		if len(b) < 7 || b[0]&0x80 == 0 || len(b) < 7+int(b[5]) {
			return nil
		}
		to := b[6 : 6+int(b[5])]
		from := b[6+int(b[5])+1:]
		from = from[:b[6+int(b[5])]]
		reply := append([]byte{0xc0, 0, 0, 0, 0, byte(len(from))}, from...)
		reply = append(append(reply, byte(len(to))), to...)
		return append(reply, 0x1a, 0x2a, 0x3a, 0x4a, 0xff, 0, 0, 29)
	})
	quicpro(t, "get", "-k", "-m", "5", "https://"+addr+"/").want(t, exitQUIC, "speaks no QUIC version")
}

func TestMaxTimeInTheBody(t *testing.T) {
	s := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	file := filepath.Join(t.TempDir(), "part")
	var r result
	for _, limit := range []string{"0.3", "1", "3", "10"} { // on a machine that is busy the body may begin late
		if r = s.get(t, "-m", limit, "-o", file, "https://site.test/"); strings.Contains(r.stderr, "with 5 bytes received") {
			break
		}
	}
	r.want(t, exitTimeout, "with 5 bytes received")
	wantFile(t, file, "begun")
}

// An output that cannot be written is seen before a request is made.
func TestUnwritableOutputMakesNoRequest(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := startSite(t, func(http.ResponseWriter, *http.Request) { asked <- struct{}{} })
	s.get(t, "-o", filepath.Join(t.TempDir(), "no", "such"), "https://site.test/").want(t, exitWrite, "quicpro: (23)")
	select {
	case <-asked:
		t.Error("the request was made")
	default:
	}
}

// With several URLs, the first failure is the exit code, and the others are fetched nevertheless.
func TestOneOfSeveralFails(t *testing.T) {
	s := startSite(t, everything)
	for _, how := range []string{"-s", "-sZ"} {
		r := s.get(t, how, "-f", "https://site.test/hello", "https://site.test/missing", "https://site.test/hello")
		r.want(t, exitHTTP, "")
		if r.stdout != "hello\nhello\n" {
			t.Errorf("%s: got %q", how, r.stdout)
		}
	}
}

func TestKeyLogNotWritable(t *testing.T) {
	t.Setenv("SSLKEYLOGFILE", filepath.Join(t.TempDir(), "no", "such"))
	r := startSite(t, everything).get(t, "https://site.test/hello")
	r.want(t, exitOK, "warning: SSLKEYLOGFILE")
	if r.stdout != "hello\n" {
		t.Errorf("got %q", r.stdout)
	}
}

func TestServerPortTaken(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	quicpro(t, "serve", "--addr", socket.LocalAddr().String(), t.TempDir()).want(t, exitProtocol, "choose another --addr")
}

// A server that falls silent behind the handshake did speak QUIC: nobody is told to look for a firewall.
func TestServerGoesSilentUnderTheRequest(t *testing.T) {
	t.Parallel()
	var mute atomic.Bool
	s := startSite(t, func(_ http.ResponseWriter, r *http.Request) {
		mute.Store(true)
		<-r.Context().Done()
	})
	server, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relay sync.WaitGroup
	defer relay.Wait()
	defer server.Close()
	defer front.Close()
	var client atomic.Value
	relay.Go(func() {
		for b := make([]byte, 1<<16); ; {
			n, peer, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			client.Store(peer)
			_, _ = server.Write(b[:n])
		}
	})
	relay.Go(func() {
		for b := make([]byte, 1<<16); ; {
			n, err := server.Read(b)
			if err != nil {
				return
			}
			if !mute.Load() {
				_, _ = front.WriteTo(b[:n], client.Load().(net.Addr))
			}
		}
	})
	tr := &api.Transport{IdleTimeout: 500 * time.Millisecond, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.Close()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+front.LocalAddr().String()+"/", nil)
	_, err = tr.RoundTrip(req)
	f := attempt{url: req.URL, dialled: req.URL.Host}.explain(t.Context(), err)
	if f.code != exitTimeout || !strings.Contains(f.msg, "went silent after 0 bytes") {
		t.Errorf("(%d) %s", f.code, f.msg)
	}
}
