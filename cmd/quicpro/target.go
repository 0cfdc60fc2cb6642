package main

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// parseURL accepts what curl accepts of https: the scheme may be missing. The failure is code 3, or 1 for a scheme that
// HTTP/3 does not have.
func parseURL(raw string) (*url.URL, *failure) {
	for _, r := range raw {
		if r <= ' ' || r == 0x7f {
			return nil, failf(exitURL, "URL %q holds a space or control character; write it as %%20 (%%XX) and quote the URL", raw)
		}
	}
	full := raw
	if !strings.Contains(raw, "://") {
		full = "https://" + raw
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, wrapf(exitURL, err, "URL %q is malformed: %s; want https://HOST[:PORT]/PATH", raw, plain(err))
	}
	if u.Scheme != "https" {
		return nil, failf(exitProtocol, "Protocol %q is not supported: HTTP/3 is always encrypted; write https://", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, failf(exitURL, "URL %q has no host; want https://HOST[:PORT]/PATH", raw)
	}
	if strings.HasSuffix(u.Host, ":") {
		u.Host = strings.TrimSuffix(u.Host, ":")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, failf(exitURL, "URL %q has port %s; want 1 to 65535", raw, p)
		}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// hostPort is the URL's host and port, 443 if none is written.
func hostPort(u *url.URL) (host, port string) {
	if port = u.Port(); port == "" {
		port = "443"
	}
	return strings.ToLower(u.Hostname()), port
}

// remoteName is the file name of -O: the last segment of the path as it is written in the URL, so that an escaped
// separator stays escaped and the file lands in the current directory.
func remoteName(u *url.URL) (string, *failure) {
	name := path.Base(u.EscapedPath())
	if strings.HasSuffix(u.EscapedPath(), "/") || name == "." || name == ".." || strings.ContainsAny(name, `/\:`) {
		return "", failf(exitWrite, "-O finds no file name in %s; name the file with -o FILE", u)
	}
	return name, nil
}

// route is one --resolve or --connect-to. Empty matchers match anything, an empty result keeps what was.
type route struct {
	fromHost, fromPort string
	toHost, toPort     string
}

// routes decide which address is dialled for a URL; the URL's own name stays the one the certificate must hold.
type routes struct {
	connects []route // --connect-to, first match wins
	resolves []route // --resolve, then
}

func parseRoutes(connectTo, resolve []string) (routes, *failure) {
	var r routes
	for _, s := range connectTo {
		parts := splitColons(s)
		if len(parts) != 4 || !isPort(parts[1]) || !isPort(parts[3]) {
			return r, usage("get", "--connect-to %q: want HOST1:PORT1:HOST2:PORT2, IPv6 addresses in brackets, such as ::127.0.0.1:4433", s)
		}
		r.connects = append(r.connects, route{strings.ToLower(parts[0]), parts[1], parts[2], parts[3]})
	}
	for _, s := range resolve {
		host, port, addr, ok := splitResolve(s)
		if !ok {
			return r, usage("get", "--resolve %q: want HOST:PORT:ADDRESS, such as example.org:443:127.0.0.1", s)
		}
		if host == "*" {
			host = ""
		}
		r.resolves = append(r.resolves, route{fromHost: strings.ToLower(host), fromPort: port, toHost: addr})
	}
	return r, nil
}

// apply returns the host:port to dial for u, and whether that differs from the URL's own.
func (r routes) apply(u *url.URL) (addr string, routed bool) {
	host, port := hostPort(u)
	for _, list := range [][]route{r.connects, r.resolves} {
		for _, c := range list {
			if (c.fromHost != "" && c.fromHost != host) || (c.fromPort != "" && c.fromPort != port) {
				continue
			}
			if c.toHost != "" {
				host = c.toHost
			}
			if c.toPort != "" {
				port = c.toPort
			}
			routed = true
			break
		}
	}
	return net.JoinHostPort(host, port), routed
}

// splitColons splits at the colons outside brackets, and takes the brackets away.
func splitColons(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range s {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ':' && depth == 0:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	parts = append(parts, s[from:])
	for i, p := range parts {
		if strings.HasPrefix(p, "[") && strings.HasSuffix(p, "]") {
			parts[i] = p[1 : len(p)-1]
		}
	}
	return parts
}

// splitResolve splits HOST:PORT:ADDRESS; the address may be IPv6 without brackets, and of a list the first is used.
func splitResolve(s string) (host, port, addr string, ok bool) {
	s = strings.TrimPrefix(s, "+")
	parts := splitColons(s)
	if len(parts) < 3 || parts[0] == "" || parts[1] == "" || !isPort(parts[1]) {
		return "", "", "", false
	}
	addr, _, _ = strings.Cut(strings.Join(parts[2:], ":"), ",")
	addr = strings.Trim(addr, "[]")
	if _, err := netip.ParseAddr(addr); err != nil {
		return "", "", "", false
	}
	return parts[0], parts[1], addr, true
}

// isPort accepts 1 to 65535, and nothing at all, which keeps or matches any port.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
