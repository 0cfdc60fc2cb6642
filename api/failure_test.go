package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRequestsThatAreRefusedBeforeADial(t *testing.T) {
	for want, change := range map[string]func(*http.Request){
		"needs https":                                func(r *http.Request) { r.URL.Scheme = "http" },
		"no host: write https://":                    func(r *http.Request) { r.URL.Host = "" },
		"no URL: make requests with http.NewRequest": func(r *http.Request) { r.URL = nil },
		"Header is nil":                              func(r *http.Request) { r.Header = nil },
		"one word of ASCII":                          func(r *http.Request) { r.Method = "G T" },
		"field name":                                 func(r *http.Request) { r.Header["a b"] = []string{"x"} },
		"no control characters":                      func(r *http.Request) { r.Header.Set("A", "x\ny") },
		"invalid port":                               func(r *http.Request) { r.URL.Host = "example.com:99999" },
		"cannot be a trailer: put it into Header":    func(r *http.Request) { r.Trailer = http.Header{"Content-Length": nil} },
		"write host or host:port":                    func(r *http.Request) { r.Host = "a b" },
	} {
		sent := &watched{Reader: strings.NewReader("x")}
		req, _ := http.NewRequest("POST", "https://example.invalid/", sent)
		change(req)
		tr := &Transport{}
		if _, err := tr.RoundTrip(req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in the error, got %v", want, err)
		}
		if sent.closes == 0 {
			t.Errorf("%s: the body was not closed", want)
		}
	}
}

func TestNamesThatDoNotResolve(t *testing.T) {
	client := &Client{}
	defer client.Close()
	_, err := client.Get(within(t), "https://nosuch.invalid/")
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		t.Error(err)
	}
}

func TestARefusedPort(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	_ = pc.Close()
	client := &Client{}
	defer client.Close()
	_, err = client.Get(within(t), "https://"+addr)
	if err == nil || !strings.Contains(err.Error(), "dialing "+addr) {
		t.Errorf("who refused? %v", err)
	}
	if !errors.Is(err, ErrRefused) || !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

func TestASilentPort(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	client := &Client{DialTimeout: 50 * time.Millisecond}
	defer client.Close()
	_, err = client.Get(within(t), "https://"+pc.LocalAddr().String())
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "50ms") {
		t.Error(err)
	}
	_, wrapped := (&http.Client{Transport: client.RoundTripper()}).Get("https://" + pc.LocalAddr().String())
	for _, err := range []error{err, wrapped} {
		var outer *url.Error
		if !errors.As(err, &outer) || !outer.Timeout() {
			t.Errorf("url.Error says that this is no timeout: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	patient := &Client{ConnectTo: pc.LocalAddr().String()}
	defer patient.Close()
	if _, err = patient.Get(ctx, "https://example.com"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

func TestCertificatesThatAreNotAccepted(t *testing.T) {
	d := demo(t, func(http.ResponseWriter, *http.Request) {})
	untrusting := &Client{}
	defer untrusting.Close()
	_, err := untrusting.Get(within(t), d.URL)
	var certificate *CertificateError
	var authority x509.UnknownAuthorityError
	if !errors.As(err, &certificate) || !errors.As(err, &authority) {
		t.Errorf("an unknown authority: %v", err)
	}
	elsewhere := &Client{TLS: d.Client.TLS, ConnectTo: strings.TrimPrefix(d.URL, "https://")}
	defer elsewhere.Close()
	_, err = elsewhere.Get(within(t), "https://example.com")
	var hostname x509.HostnameError
	if !errors.As(err, &certificate) || !errors.As(err, &hostname) {
		t.Errorf("the wrong name: %v", err)
	}
	resp, err := elsewhere.Get(within(t), "https://localhost/")
	if err != nil {
		t.Fatalf("a name of the certificate, dialed by ConnectTo: %v", err)
	}
	_ = resp.Body.Close()
}

func TestTheWrongProtocol(t *testing.T) {
	cert, err := ThrowawayCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"other"}}
	s := &Server{TLSConfig: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }}}
	go func() { _ = s.Serve(pc) }()
	defer s.Close()
	client := &Client{TLS: &tls.Config{InsecureSkipVerify: true}}
	defer client.Close()
	_, err = client.Get(within(t), "https://"+pc.LocalAddr().String())
	var failure *TLSError
	if !errors.As(err, &failure) || !failure.Remote || failure.Alert != 120 || !strings.Contains(err.Error(), "HTTP/3") {
		t.Error(err)
	}
}

// A tls.Config that was made for TCP is refused here, not by the peer; one that has h3 among others is for h3 alone.
func TestProtocolsOfTheTLSConfig(t *testing.T) {
	d := demo(t, func(http.ResponseWriter, *http.Request) {})
	both := d.Server.TLSConfig.Clone()
	both.NextProtos = []string{"h2", "h3"}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: d.Server.Handler, TLSConfig: both}
	go func() { _ = s.Serve(pc) }()
	defer s.Close()
	for _, c := range []struct {
		protocols []string
		fits      bool
	}{{nil, true}, {[]string{"h2", "h3"}, true}, {[]string{"h2", "http/1.1"}, false}} {
		config := d.Client.TLS.Clone()
		config.NextProtos, config.InsecureSkipVerify = c.protocols, true
		client := &Client{TLS: config}
		resp, err := client.Get(within(t), "https://"+pc.LocalAddr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != c.fits || !c.fits && !strings.Contains(err.Error(), "NextProtos") {
			t.Errorf("a client with %q: %v", c.protocols, err)
		}
		_ = client.Close()
	}
	tcp := both.Clone()
	tcp.NextProtos = []string{"h2", "http/1.1"}
	wrong := &Server{Addr: "127.0.0.1:0", TLSConfig: tcp}
	time.AfterFunc(time.Second, func() { _ = wrong.Close() }) // should it serve after all
	if err := wrong.ListenAndServe(); err == nil || !strings.Contains(err.Error(), "NextProtos") {
		t.Errorf("a server: %v", err)
	}
}

func TestMutualTLSFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) (certFile, keyFile string) {
		cert, err := ThrowawayCertificate("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		for file, block := range map[string]*pem.Block{
			certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
			keyFile:  {Type: "PRIVATE KEY", Bytes: key},
		} {
			if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return certFile, keyFile
	}
	serverCert, serverKey := write("server")
	clientCert, clientKey := write("client")
	config, err := LoadServerTLS(serverCert, serverKey, clientCert)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})}
	go func() { _ = s.Serve(pc) }()
	defer s.Close()
	address := "https://" + pc.LocalAddr().String()

	known, err := LoadClientTLS(serverCert, clientCert, clientKey)
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{TLS: known}
	defer client.Close()
	resp, err := client.Get(within(t), address)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); got != "quicpro throwaway 127.0.0.1" {
		t.Errorf("the server saw %q", got)
	}
	anonymous, err := LoadClientTLS(serverCert, "", "")
	if err != nil {
		t.Fatal(err)
	}
	stranger := &Client{TLS: anonymous}
	defer stranger.Close()
	_, err = stranger.Get(within(t), address)
	var failure *TLSError
	if !errors.As(err, &failure) || !failure.Remote || strings.Count(err.Error(), "certificate required") != 1 {
		t.Errorf("without a certificate: %v", err)
	}
	for _, err := range []error{
		second(LoadServerTLS(serverCert, clientKey, "")), second(LoadServerTLS(serverCert, serverKey, serverKey)),
		second(LoadClientTLS(filepath.Join(dir, "none"), "", "")), second(LoadClientTLS("", clientCert, serverKey)),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "api: loading ") {
			t.Errorf("files that do not fit: %v", err)
		}
	}
}

func second(_ *tls.Config, err error) error { return err }

func TestFilesThatAreMissingArePutInWords(t *testing.T) {
	for want, err := range map[string]error{
		"api: the client's certificate has no key: give keyFile too, or neither":  second(LoadClientTLS("", "client.pem", "")),
		"api: the client's key has no certificate: give certFile too, or neither": second(LoadClientTLS("", "", "client.key")),
		"api: the server's certificate needs both certFile and keyFile":           second(LoadServerTLS("server.pem", "", "")),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Without the check the engine would listen on a random port of every interface.
func TestServeWithoutASocketIsAnError(t *testing.T) {
	cert, err := ThrowawayCertificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []*tls.Config{nil, {Certificates: []tls.Certificate{cert}}} {
		s := &Server{TLSConfig: config}
		time.AfterFunc(time.Second, func() { _ = s.Close() }) // should it serve after all
		if err := s.Serve(nil); err == nil || !strings.HasPrefix(err.Error(), "api: Serve was given no socket (nil)") {
			t.Error(err)
		}
	}
}

func TestAServerWithoutACertificateSaysHowToMendIt(t *testing.T) {
	s := &Server{Addr: "127.0.0.1:0", ErrorLog: log.New(io.Discard, "", 0)}
	if err := s.ListenAndServe(); err == nil || !strings.Contains(err.Error(), "LoadServerTLS") {
		t.Error(err)
	}
	if err := s.ListenAndServeTLS("none.pem", "none.key"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
