package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sort"
	"strings"
	"time"
)

// showRequest writes what -v shows of a request.
func (t *transfer) showRequest(req *http.Request, routed bool) {
	if !t.s.flags.verbose {
		return
	}
	var b strings.Builder
	if host, port := hostPort(req.URL); routed {
		fmt.Fprintf(&b, "* Connecting to %s for %s:%s\n", t.dialled, bracket(host), port)
	}
	authority := req.Host
	if authority == "" {
		authority = req.URL.Host
	}
	fmt.Fprintf(&b, "> %s %s HTTP/3\n> Host: %s\n", req.Method, req.URL.RequestURI(), authority)
	for _, name := range sortedNames(req.Header) {
		for _, value := range req.Header[name] {
			if value != "" || name != "User-Agent" { // an empty one is not sent
				fmt.Fprintf(&b, "> %s: %s\n", name, value)
			}
		}
	}
	if req.ContentLength > 0 {
		fmt.Fprintf(&b, "> Content-Length: %d\n", req.ContentLength)
	}
	b.WriteString("> \n")
	_, _ = io.WriteString(t.s.stderr, b.String())
}

// showResponse writes the head of a response for -v, -i and -I.
func (t *transfer) showResponse(resp *http.Response) {
	if t.s.flags.verbose && !t.facts && resp.TLS != nil {
		t.facts = true
		t.showConnection(resp.TLS)
	}
	t.showHead(resp.StatusCode, resp.Header)
}

// showHead writes a response head: to the output for -i and -I, to standard error for -v.
func (t *transfer) showHead(status int, header http.Header) {
	var wire, shown strings.Builder
	add := func(line string) {
		wire.WriteString(line + "\r\n")
		shown.WriteString("< " + line + "\n")
	}
	add(fmt.Sprintf("HTTP/3 %d ", status))
	for _, name := range sortedNames(header) {
		for _, value := range header[name] {
			add(strings.ToLower(name) + ": " + value)
		}
	}
	add("")
	t.headBytes += int64(wire.Len())
	if t.s.flags.verbose {
		_, _ = io.WriteString(t.s.stderr, shown.String())
	}
	if t.s.flags.include || t.s.flags.head {
		_, _ = io.WriteString(t.out, wire.String()) // the body's write, or close, meets the same error
	}
}

// showTrailers writes the trailer section for -v and -i.
func (t *transfer) showTrailers(resp *http.Response) {
	for _, name := range sortedNames(resp.Trailer) {
		for _, value := range resp.Trailer[name] {
			line := strings.ToLower(name) + ": " + value
			if t.s.flags.verbose {
				_, _ = io.WriteString(t.s.stderr, "< "+line+"\n")
			}
			if t.s.flags.include {
				_, _ = io.WriteString(t.out, line+"\r\n")
			}
		}
	}
}

// showConnection writes the facts of a connection.
func (t *transfer) showConnection(state *tls.ConnectionState) {
	var b strings.Builder
	fmt.Fprintf(&b, "* Connected: QUIC version 1, %s, %s, key exchange %s, ALPN %s\n",
		tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.CurveID, state.NegotiatedProtocol)
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		names := append([]string{}, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		fmt.Fprintf(&b, "* Server certificate: %s\n*   names:   %s\n*   issuer:  %s\n*   expires: %s\n",
			leaf.Subject, strings.Join(names, ", "), leaf.Issuer, leaf.NotAfter.UTC().Format(time.RFC1123))
	}
	if t.s.flags.insecure {
		b.WriteString("*   not checked, because of -k\n")
	} else {
		b.WriteString("*   verified\n")
	}
	_, _ = io.WriteString(t.s.stderr, b.String())
}

// starLogger turns what the engine logs about connections into lines of -v, and with -vv what it logs about packets.
func starLogger(w io.Writer, verbosity int) *slog.Logger {
	level := slog.LevelInfo
	if verbosity > 1 {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(starWriter{w}, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// starWriter puts curl's mark for facts before each line; slog writes one line a call.
type starWriter struct{ w io.Writer }

func (s starWriter) Write(p []byte) (int, error) {
	if _, err := s.w.Write(append([]byte("* "), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func sortedNames(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
