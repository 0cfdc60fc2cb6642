package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quicpro/api"
)

func TestMain(m *testing.M) {
	if os.Getenv(simChild) != "" { // quicpro sim runs its own program again: here that is the test
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// result is what one command line did.
type result struct {
	code           int
	stdout, stderr string
}

func quicpro(t *testing.T, args ...string) result {
	t.Helper()
	return quicproWith(t, t.Context(), "", args...)
}

func quicproWith(t *testing.T, ctx context.Context, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func (r result) want(t *testing.T, code int, inStderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if !strings.Contains(r.stderr, inStderr) {
		t.Errorf("standard error lacks %q", inStderr)
	}
	if t.Failed() {
		t.Fatalf("stdout: %q\nstderr: %q", r.stdout, r.stderr)
	}
}

// site is a server on loopback whose certificate holds the name site.test and nothing else.
type site struct {
	addr string // host:port
	ca   string // PEM file
	tls  *tls.Config
}

func startSite(t *testing.T, handler http.HandlerFunc, change ...func(*tls.Config)) *site {
	t.Helper()
	certificate, ca := newCertificate(t, "site.test")
	s := &site{ca: ca, tls: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}}
	for _, c := range change {
		c(s.tls)
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = socket.LocalAddr().String()
	srv := &api.Server{Handler: handler, TLSConfig: s.tls}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(socket)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})
	return s
}

// get runs quicpro get against the site, under its right name.
func (s *site) get(t *testing.T, args ...string) result {
	t.Helper()
	return quicpro(t, s.args(args...)...)
}

func (s *site) args(args ...string) []string {
	return append([]string{"get", "--cacert", s.ca, "--connect-to", "::" + s.addr}, args...)
}

// newCertificate makes a self-signed certificate and a PEM file to trust it by.
func newCertificate(t *testing.T, names ...string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "certificate.pem")
	content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// fixedDate keeps golden outputs golden.
func fixedDate(w http.ResponseWriter) {
	w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
}

func TestHelpAndVersion(t *testing.T) {
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{nil, exitUsage, "", "quicpro get [options] URL..."},
		{[]string{"help"}, exitOK, "Exit codes are curl's", ""},
		{[]string{"help", "get"}, exitOK, "--connect-to HOST1:PORT1:HOST2:PORT2", ""},
		{[]string{"get", "--help"}, exitOK, "-k, --insecure", ""},
		{[]string{"serve", "-h"}, exitOK, "--addr address", ""},
		{[]string{"demo", "--help"}, exitOK, "usage: quicpro demo", ""},
		{[]string{"version"}, exitOK, "QUIC version 1", ""},
	} {
		r := quicpro(t, c.args...)
		r.want(t, c.code, c.stderr)
		if !strings.Contains(r.stdout, c.stdout) {
			t.Errorf("%q: standard output lacks %q:\n%s", c.args, c.stdout, r.stdout)
		}
	}
}

// What is wrong with a command line shows before the network is touched, with curl's exit code and a way out.
func TestBadCommandLines(t *testing.T) {
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "no.pem")
	if err := os.WriteFile(noPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent", "file")
	const u = "https://site.test/"
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"unknown command", []string{"fetch"}, exitUsage, `no command "fetch"`},
		{"unknown long flag", []string{"get", "--nosuch", u}, exitUsage, "unknown flag: --nosuch\nquicpro: try 'quicpro get --help'"},
		{"unknown short flag", []string{"get", "-q", u}, exitUsage, "unknown shorthand flag: 'q'"},
		{"flag without value", []string{"get", u, "-o"}, exitUsage, "'o'"},
		{"no URL", []string{"get", "-v"}, exitUsage, "no URL given"},
		{"-m not a number", []string{"get", "-m", "soon", u}, exitUsage, "want a number of seconds"},
		{"-m negative", []string{"get", "-m", "-1", u}, exitUsage, "want a number of seconds"},
		{"-d and -I", []string{"get", "-d", "a", "-I", u}, exitUsage, "give only one of them"},
		{"-T and two URLs", []string{"get", "-T", noPEM, u, u}, exitUsage, "one file to one URL"},
		{"--key alone", []string{"get", "--key", noPEM, u}, exitUsage, "--key needs --cert"},
		{"more -o than URLs", []string{"get", "-o", "a", "-O", u}, exitUsage, "more -o and -O"},
		{"-u without password", []string{"get", "-u", "me", u}, exitUsage, "name:password"},
		{"-X not a token", []string{"get", "-X", "GET /", u}, exitUsage, "not a method name"},
		{"-H without colon", []string{"get", "-H", "Accept", u}, exitUsage, "want 'Name: value'"},
		{"-H with line end", []string{"get", "-H", "A: b\r\nC: d", u}, exitUsage, "must not"},
		{"--resolve without address", []string{"get", "--resolve", "site.test:443", u}, exitUsage, "HOST:PORT:ADDRESS"},
		{"--resolve to a name", []string{"get", "--resolve", "site.test:443:other", u}, exitUsage, "HOST:PORT:ADDRESS"},
		{"--connect-to too short", []string{"get", "--connect-to", "::127.0.0.1", u}, exitUsage, "HOST1:PORT1:HOST2:PORT2"},
		{"--connect-to bad port", []string{"get", "--connect-to", "::127.0.0.1:x", u}, exitUsage, "HOST1:PORT1:HOST2:PORT2"},

		{"http", []string{"get", "http://site.test/"}, exitProtocol, "write https://"},
		{"ftp", []string{"get", "ftp://site.test/"}, exitProtocol, `"ftp" is not supported`},
		{"no host", []string{"get", "https:///path"}, exitURL, "has no host"},
		{"empty", []string{"get", ""}, exitURL, "has no host"},
		{"space", []string{"get", "https://site.test/a b"}, exitURL, "%20"},
		{"port too large", []string{"get", "https://site.test:65536/"}, exitURL, "1 to 65535"},
		{"port not a number", []string{"get", "https://site.test:x/"}, exitURL, "malformed"},
		{"open bracket", []string{"get", "https://[::1/"}, exitURL, "malformed"},
		{"second of two", []string{"get", u, "https://"}, exitURL, "has no host"},

		{"-o into no directory", []string{"get", "-o", absent, u}, exitWrite, "make its directory"},
		{"-o onto a directory", []string{"get", "-o", dir, u}, exitWrite, "directory"},
		{"-O without a name", []string{"get", "-O", u}, exitWrite, "name the file with -o"},
		{"-O upwards", []string{"get", "-O", "https://site.test/a/.."}, exitWrite, "name the file with -o"},
		{"-d @absent", []string{"get", "-d", "@" + absent, u}, exitRead, "no such file"},
		{"-H @absent", []string{"get", "-H", "@" + absent, u}, exitRead, "no such file"},
		{"-T absent", []string{"get", "-T", absent, u}, exitRead, "no such file"},
		{"-T directory", []string{"get", "-T", dir, u}, exitRead, "is a directory"},
		{"-w @absent", []string{"get", "-w", "@" + absent, u}, exitRead, "no such file"},
		{"--cacert absent", []string{"get", "--cacert", absent, u}, exitCAFile, "check the name after --cacert"},
		{"--cacert not PEM", []string{"get", "--cacert", noPEM, u}, exitCAFile, "no PEM certificate"},
		{"--cert not PEM", []string{"get", "--cert", noPEM, u}, exitClientCert, "matching PEM files"},
		{"--qlog under a file", []string{"get", "--qlog", noPEM + "/x", u}, exitWrite, "choose another --qlog"},
		{"-qlog under a file", []string{"get", "-qlog", noPEM + "/x", u}, exitWrite, "choose another --qlog"},

		{"serve nothing", []string{"serve"}, exitUsage, "one directory"},
		{"serve absent", []string{"serve", absent}, exitRead, "want a readable directory"},
		{"serve a file", []string{"serve", noPEM}, exitRead, "want a readable directory"},
		{"serve --cert alone", []string{"serve", "--cert", noPEM, dir}, exitUsage, "belong together"},
		{"serve bad certificate", []string{"serve", "--cert", noPEM, "--key", noPEM, dir}, exitClientCert, "matching PEM files"},
		{"serve bad address", []string{"serve", "--addr", "4433", dir}, exitUsage, "HOST:PORT"},
		{"demo of what", []string{"demo", "it"}, exitUsage, "no arguments"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := quicpro(t, c.args...)
			r.want(t, c.code, c.says)
			if r.stdout != "" {
				t.Errorf("standard output: %q", r.stdout)
			}
		})
	}
}

func TestDemo(t *testing.T) {
	r := quicpro(t, "demo")
	r.want(t, exitOK, "")
	for _, says := range []string{"< HTTP/3.0 200 OK\n", "< content-type: text/plain", "Hello over HTTP/3.0", "Good day, QUIC & you.", "32 MiB uploaded", "361 400\n20 responses"} {
		if !strings.Contains(r.stdout, says) {
			t.Errorf("standard output lacks %q:\n%s", says, r.stdout)
		}
	}
}
