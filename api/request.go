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

// check finds a request valid and makes its fields, before anything is dialed. Its errors say what the caller can mend.
func (c *call) check() (o origin, err error) {
	req := c.req
	if err = checkForm(req); err != nil {
		return o, err
	}
	if o, err = originOf(req.URL); err != nil {
		return o, err
	}
	authority, err := authorityOf(req)
	if err != nil {
		return o, err
	}
	path, err := pathOf(req.URL, req.Method)
	if err != nil {
		return o, err
	}
	if u := req.URL; (u.RawQuery != "" || u.ForceQuery) && path != "" {
		path = withQuery(path, u.RawQuery)
	}
	c.list = newFieldList()
	c.list.addTarget(req.Method, authority, path)
	c.sends = bodyLength(req) != 0
	// Not with Range: a part of a compressed file is not a compressed part of it. As net/http does.
	c.gzip = !c.t.DisableCompression && req.Method != http.MethodHead &&
		req.Header["Accept-Encoding"] == nil && req.Header["Range"] == nil
	if len(req.Header) > 0 || len(req.Trailer) > 0 || c.sends || req.Method != http.MethodGet {
		return o, c.list.addRest(req, c.gzip)
	}
	if c.gzip {
		c.list.add("accept-encoding", "gzip")
	}
	c.list.add("user-agent", userAgent)
	return o, nil
}

// checkForm says what is wrong with a request at first sight.
func checkForm(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("api: the request has no URL: make requests with http.NewRequest")
	case req.URL.Scheme != "https":
		return fmt.Errorf("api: the URL's scheme is %q: HTTP/3 needs https", req.URL.Scheme)
	case req.URL.Host == "":
		return errors.New("api: the URL has no host: write https://host/path")
	case req.Header == nil:
		return errors.New("api: the request's Header is nil: make requests with http.NewRequest")
	case req.Method != "" && !validToken(req.Method):
		return fmt.Errorf("api: invalid method %q: it must be one word of ASCII, such as GET", req.Method)
	case len(req.Header) > 0:
		return checkHeader(req.Header, "header")
	}
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
		return fmt.Errorf("api: invalid %s field name %q: letters, digits and hyphens are safe", kind, name)
	default:
		return fmt.Errorf("api: invalid value of the %s field %s: it must have no control characters, and no end of a line", kind, name)
	}
}

func originOf(u *url.URL) (o origin, err error) {
	if o.host, err = httpguts.PunycodeHostPort(u.Hostname()); err != nil || o.host == "" {
		return o, invalid("host", u.Host)
	}
	o.host = strings.TrimSuffix(lower(o.host), ".")
	o.port = u.Port()
	if o.port == "" {
		o.port = "443"
	}
	if !validPort(o.port) {
		return o, invalid("port", u.Host)
	}
	return o, nil
}

func validPort(s string) bool {
	n := 0
	for _, c := range []byte(s) {
		if n = n*10 + int(c-'0'); c < '0' || c > '9' || n > 65535 {
			return false
		}
	}
	return n > 0
}

// invalid is an error about a part of the URL.
func invalid(part, got string) error { return fmt.Errorf("api: invalid %s in the URL: %q", part, got) }

// lower is strings.ToLower, which needs much of a stack where mostly nothing is to do.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}

// authorityOf returns the :authority of a request (RFC 9114 s4.3.1).
func authorityOf(req *http.Request) (string, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	authority, err := httpguts.PunycodeHostPort(host)
	if strings.HasPrefix(authority, "[") {
		authority = withoutZone(authority)
	}
	if err != nil || authority == "" || !httpguts.ValidHostHeader(authority) {
		return "", fmt.Errorf("api: invalid host %q: write host or host:port", host)
	}
	return authority, nil
}

// withoutZone returns the authority of an IPv6 address without its zone. RFC 6874 s4: it means nothing to the other side.
func withoutZone(host string) string {
	if end := strings.LastIndexByte(host, ']'); end > 0 {
		if zone := strings.IndexByte(host[:end], '%'); zone > 0 {
			return host[:zone] + host[end:]
		}
	}
	return host
}

// pathOf returns the :path of a request (RFC 9114 s4.3.1), without the query. It is empty for a CONNECT request.
func pathOf(u *url.URL, method string) (path string, err error) {
	if method == http.MethodConnect {
		return "", nil
	}
	if u.Opaque != "" {
		path = opaquePath(u)
	} else if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	whole := u.RawQuery == "" && !u.ForceQuery
	if !visible(path) || !visible(u.RawQuery) || path == "" || path[0] != '/' && !(path == "*" && whole && method == http.MethodOptions) {
		return "", invalid("path", u.RequestURI())
	}
	return path, nil
}

// opaquePath is the path of an opaque URL.
func opaquePath(u *url.URL) string {
	path := u.Opaque
	if strings.HasPrefix(path, "//") {
		path = u.Scheme + ":" + path
	}
	return strings.TrimPrefix(path, u.Scheme+"://"+u.Host)
}

// withQuery returns path + "?" + query, for which the plain form needs much of a stack.
//
//go:noinline
func withQuery(path, query string) string {
	var space [64]byte
	n := len(path) + 1 + len(query)
	if n > len(space) {
		return path + "?" + query
	}
	copy(space[:], path)
	space[len(path)] = '?'
	copy(space[len(path)+1:], query)
	return string(space[:n])
}

// visible reports whether s is free of white space and control characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func trailerNames(t http.Header) ([]string, error) {
	if len(t) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(t))
	for name := range t { // sorted below
		if !httpguts.ValidTrailerHeader(name) || !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("api: the field %q cannot be a trailer: put it into Header", name)
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

// addTarget appends a request's pseudo-header fields (RFC 9114 s4.3).
func (l *fieldList) addTarget(method, authority, path string) {
	if method == "" {
		method = http.MethodGet
	}
	l.add(":method", method)
	if method == http.MethodConnect { // RFC 9114 s4.4
		l.add(":authority", authority)
		return
	}
	l.add(":scheme", "https")
	l.add(":authority", authority)
	l.add(":path", path)
}

// addRest appends the header in sorted order, and then what we add.
func (l *fieldList) addRest(req *http.Request, gzip bool) error {
	trailers, err := trailerNames(req.Trailer)
	if err != nil {
		return err
	}
	l.addHeader(req.Header, func(lower string) bool {
		switch lower {
		case "host", "content-length", "user-agent", "trailer":
			return true
		}
		return false
	})
	if n := bodyLength(req); n > 0 || n == 0 && (req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch) {
		l.add("content-length", strconv.FormatInt(n, 10))
	}
	if len(trailers) > 0 {
		l.add("trailer", strings.Join(trailers, ","))
	}
	if gzip {
		l.add("accept-encoding", "gzip")
	}
	if agent, ok := req.Header["User-Agent"]; !ok {
		l.add("user-agent", userAgent)
	} else if len(agent) > 0 && agent[0] != "" {
		l.add("user-agent", agent[0])
	}
	return nil
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
