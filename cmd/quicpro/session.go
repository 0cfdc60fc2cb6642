package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"quicpro/api"
)

// session is one run of get: what its transfers share.
type session struct {
	*app
	flags    *getFlags
	template *template
	routes   routes
	writeOut string
	tls      *tls.Config
	keyLog   io.Closer
	logger   *slog.Logger

	mu         sync.Mutex
	transports map[string]*api.Transport // by the address of --resolve or --connect-to; "" = as the URL says
}

// newSession reads every file the flags name and makes the directory for qlog, so that what is wrong with them shows
// before the first packet.
func (a *app) newSession(f *getFlags) (*session, *failure) {
	s := &session{app: a, flags: f, transports: map[string]*api.Transport{}}
	var fail *failure
	if s.routes, fail = parseRoutes(f.connectTo, f.resolve); fail != nil {
		return s, fail
	}
	if s.writeOut, fail = readFormat(f.writeOut, a.stdin); fail != nil {
		return s, fail
	}
	if s.template, fail = newTemplate(f, a.stdin); fail != nil {
		return s, fail
	}
	if fail = makeDir(f.qlogDir); fail != nil {
		return s, fail
	}
	if s.tls, fail = clientTLS(f); fail != nil {
		return s, fail
	}
	s.keyLog = a.logKeys(s.tls)
	if f.verbose {
		s.logger = starLogger(a.stderr, f.verbosity)
	}
	return s, nil
}

// transport returns the pool of connections for one place to connect to.
func (s *session) transport(connectTo string) *api.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transports[connectTo]
	if t == nil {
		t = &api.Transport{TLSClientConfig: s.tls, ConnectTo: connectTo, DisableCompression: true, Logger: s.logger, QlogDir: s.flags.qlogDir}
		s.transports[connectTo] = t
	}
	return t
}

func (s *session) close() {
	for _, t := range s.transports {
		_ = t.Close()
	}
	if s.keyLog != nil {
		_ = s.keyLog.Close()
	}
}

// report prints a failure unless -s forbids it.
func (s *session) report(f *failure) int {
	if s.flags.silent && !s.flags.showErr {
		return f.code
	}
	return s.fail(f)
}

func clientTLS(f *getFlags) (*tls.Config, *failure) {
	conf := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: f.insecure}
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, wrapf(exitCAFile, err, "Cannot read the CA file %s: %s; check the name after --cacert", f.cacert, fileReason(err))
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failf(exitCAFile, "The CA file %s holds no PEM certificate; --cacert wants '-----BEGIN CERTIFICATE-----' blocks", f.cacert)
		}
	}
	if f.cert != "" {
		key := f.key
		if key == "" {
			key = f.cert
		}
		pair, fail := loadPair(f.cert, key)
		if fail != nil {
			return nil, fail
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// loadPair loads a certificate chain and its key.
func loadPair(cert, key string) (tls.Certificate, *failure) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return pair, wrapf(exitClientCert, err, "Cannot use the certificate %s with the key %s: %s; --cert and --key want matching PEM files", cert, key, plain(err))
	}
	return pair, nil
}

// logKeys honours SSLKEYLOGFILE, for Wireshark and its like. A file that cannot be written is worth a warning only.
func (a *app) logKeys(conf *tls.Config) io.Closer {
	name := os.Getenv("SSLKEYLOGFILE")
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintf(a.stderr, "quicpro: warning: SSLKEYLOGFILE %s: %s; going on without it\n", name, fileReason(err))
		return nil
	}
	conf.KeyLogWriter = file
	return file
}

func makeDir(dir string) *failure {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return wrapf(exitWrite, err, "Cannot make the qlog directory %s: %s; choose another --qlog", dir, fileReason(err))
	}
	return nil
}

// readFormat resolves -w @file and -w @-.
func readFormat(format string, stdin io.Reader) (string, *failure) {
	name, isFile := strings.CutPrefix(format, "@")
	if !isFile {
		return format, nil
	}
	content, err := readNamed(name, stdin)
	if err != nil {
		return "", wrapf(exitRead, err, "Cannot read the format file %s: %s; check the name after -w @", name, fileReason(err))
	}
	return string(content), nil
}

// hops carries the requests of one transfer, of which redirects make several, to the right transport, and shows them.
type hops struct{ t *transfer }

// RoundTrip implements http.RoundTripper.
func (h hops) RoundTrip(req *http.Request) (*http.Response, error) {
	t := h.t
	addr, routed := t.s.routes.apply(req.URL)
	t.effective, t.dialled = req.URL, addr
	connectTo := ""
	if routed {
		connectTo = addr
	}
	t.showRequest(req, routed)
	resp, err := t.s.transport(connectTo).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if t.firstByte == 0 {
		t.firstByte = t.since()
	}
	t.showResponse(resp)
	return resp, nil
}
