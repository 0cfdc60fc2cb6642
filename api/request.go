package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// userAgent is sent unless the request says otherwise.
const userAgent = "quicpro/0"

// origin is what a connection is for: a host in its ASCII form and a port.
type origin struct {
	host, port string
}

func (o origin) String() string { return net.JoinHostPort(o.host, o.port) }

// outgoing is a request that was found valid, with what the wire needs beside it.
type outgoing struct {
	req       *http.Request
	origin    origin
	authority string
	path      string
	length    int64    // of the body: 0 none, -1 unknown
	trailers  []string // announced, sorted
	gzip      bool     // asked for by us, so undone by us
}

// checkRequest makes o of a request that it has found valid, before anything is dialed. Its errors say what the caller can mend.
func checkRequest(o *outgoing, req *http.Request, disableCompression bool) (err error) {
	o.req = req
	switch {
	case req.URL == nil:
		return errors.New("api: the request has no URL")
	case req.URL.Scheme != "https":
		return fmt.Errorf("api: the URL's scheme is %q: HTTP/3 needs https", req.URL.Scheme)
	case req.URL.Host == "":
		return errors.New("api: the URL has no host")
	case req.Header == nil:
		return errors.New("api: the request's Header is nil: make requests with http.NewRequest")
	case req.Method != "" && !validToken(req.Method):
		return fmt.Errorf("api: invalid method %q", req.Method)
	}
	if len(req.Header) > 0 {
		if err = checkHeader(req.Header, "header"); err != nil {
			return err
		}
	}
	if o.origin, err = originOf(req.URL); err != nil {
		return err
	}
	if o.authority, err = authorityOf(req); err != nil {
		return err
	}
	if o.path, err = pathOf(req.URL, req.Method); err != nil {
		return err
	}
	if o.trailers, err = trailerNames(req.Trailer); err != nil {
		return err
	}
	o.length = bodyLength(req)
	// Not with Range: a part of a compressed file is not a compressed part of it. As net/http does.
	o.gzip = !disableCompression && req.Method != http.MethodHead &&
		req.Header["Accept-Encoding"] == nil && req.Header["Range"] == nil
	return nil
}

// checkHeader returns an error that names an invalid field, the first in sorted order.
func checkHeader(h http.Header, kind string) error {
	var bad []string
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			bad = append(bad, name)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	switch name := slices.Min(bad); {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("api: invalid %s field name %q", kind, name)
	default:
		return fmt.Errorf("api: invalid value of the %s field %s", kind, name)
	}
}

func originOf(u *url.URL) (o origin, err error) {
	if o.host, err = httpguts.PunycodeHostPort(u.Hostname()); err != nil || o.host == "" {
		return o, fmt.Errorf("api: invalid host in the URL: %q", u.Host)
	}
	o.host = strings.TrimSuffix(strings.ToLower(o.host), ".")
	o.port = u.Port()
	if o.port == "" {
		o.port = "443"
	}
	if n, err := strconv.Atoi(o.port); err != nil || n < 1 || n > 65535 {
		return o, fmt.Errorf("api: invalid port in the URL: %q", u.Host)
	}
	return o, nil
}

// authorityOf returns the :authority of a request (RFC 9114 s4.3.1).
func authorityOf(req *http.Request) (string, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil {
		return "", fmt.Errorf("api: invalid host %q", host)
	}
	// RFC 6874 s4: a zone means nothing to the other side.
	if strings.HasPrefix(host, "[") {
		if end := strings.LastIndexByte(host, ']'); end > 0 {
			if zone := strings.IndexByte(host[:end], '%'); zone > 0 {
				host = host[:zone] + host[end:]
			}
		}
	}
	if !httpguts.ValidHostHeader(host) || host == "" {
		return "", fmt.Errorf("api: invalid host %q", host)
	}
	return host, nil
}

// pathOf returns the :path of a request (RFC 9114 s4.3.1).
func pathOf(u *url.URL, method string) (string, error) {
	if method == http.MethodConnect {
		return "", nil
	}
	path := u.RequestURI()
	if u.Opaque != "" {
		path = strings.TrimPrefix(path, u.Scheme+"://"+u.Host)
	}
	if path == "*" && method == http.MethodOptions || strings.HasPrefix(path, "/") {
		if i := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }); i < 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("api: invalid path in the URL: %q", path)
}

func trailerNames(t http.Header) ([]string, error) {
	if len(t) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(t))
	for name := range t { // sorted below
		if !httpguts.ValidTrailerHeader(name) || !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("api: the field %q cannot be a trailer", name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// bodyLength returns how long the body is: 0 if there is none, -1 if it is not known.
func bodyLength(req *http.Request) int64 {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return 0
	case req.ContentLength > 0:
		return req.ContentLength
	}
	return -1
}

func validToken(s string) bool {
	for _, r := range s {
		if !httpguts.IsTokenRune(r) {
			return false
		}
	}
	return s != ""
}

// expectsContinue reports whether the body is to wait for the server's consent (RFC 9110 s10.1.1).
func expectsContinue(req *http.Request) bool {
	return hasToken(req.Header["Expect"], "100-continue")
}

// fields appends the request's head: pseudo-header fields first (RFC 9114 s4.3), then the header in sorted order, then
// what we add.
func (o *outgoing) fields(l *fieldList) {
	method := o.req.Method
	if method == "" {
		method = http.MethodGet
	}
	l.add(":method", method)
	if method != http.MethodConnect { // RFC 9114 s4.4
		l.add(":scheme", "https")
	}
	l.add(":authority", o.authority)
	if method != http.MethodConnect {
		l.add(":path", o.path)
	}
	l.addHeader(o.req.Header, func(lower string) bool {
		switch lower {
		case "host", "content-length", "user-agent", "trailer":
			return true
		}
		return false
	})
	if o.length > 0 || o.length == 0 && (method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch) {
		l.add("content-length", strconv.FormatInt(o.length, 10))
	}
	if len(o.trailers) > 0 {
		l.add("trailer", strings.Join(o.trailers, ","))
	}
	if o.gzip {
		l.add("accept-encoding", "gzip")
	}
	if agent, ok := o.req.Header["User-Agent"]; !ok {
		l.add("user-agent", userAgent)
	} else if len(agent) > 0 && agent[0] != "" {
		l.add("user-agent", agent[0])
	}
}

// idempotent reports whether a request that the server may have acted on may be sent once more (RFC 9110 s9.2.2), as
// net/http decides it: safe methods, and what its author has marked. PUT and DELETE are not among them: a repetition
// may undo what somebody else did in between.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}
