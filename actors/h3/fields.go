package h3

import (
	"math"
	"strings"

	"quicpro/actors/port"
	"quicpro/wire/h3wire"
)

// noLength is the length of a message that declares none.
const noLength = -1

// requestHead is what the framing of a message must know of its head.
type requestHead struct {
	length  int64 // Content-Length, or noLength
	connect bool
}

// pseudo is the pseudo-header fields of a message, and which of them came.
type pseudo struct {
	method, scheme, authority, path, status string
	seen                                    uint8
}

const (
	sawMethod = 1 << iota
	sawScheme
	sawAuthority
	sawPath
	sawStatus
)

func (p *pseudo) has(which uint8) bool { return p.seen&which != 0 }

// checkRequest judges a request's head (RFC 9114 s4.1.2 to s4.4). wrong says why it is malformed, and is empty if it is
// not.
func checkRequest(fields []port.Field) (head requestHead, wrong string) {
	p, rest, wrong := takePseudo(fields)
	if wrong != "" {
		return head, wrong
	}
	if p.has(sawStatus) {
		// RFC 9114 s4.3: those of responses MUST NOT appear in requests.
		return head, "a request with :status"
	}
	length, host, wrong := checkFields(rest, true)
	if wrong != "" {
		return head, wrong
	}
	if !p.has(sawMethod) || !h3wire.ValidToken(p.method) {
		return head, "no valid :method"
	}
	if host.lines > 1 {
		// RFC 9110 s7.2: a Host line that repeats makes the request invalid.
		return head, "host twice"
	}
	if p.method == "CONNECT" {
		// RFC 9110 s9.3.6: a CONNECT request has no content, so no length of any.
		return requestHead{noLength, true}, checkConnect(&p, host)
	}
	return requestHead{length, false}, checkTarget(&p, host)
}

// checkConnect judges the target of a CONNECT request.
func checkConnect(p *pseudo, host hostLine) string {
	switch {
	case p.has(sawScheme) || p.has(sawPath):
		// RFC 9114 s4.4: :scheme and :path are omitted.
		return "CONNECT with :scheme or :path"
	case !p.has(sawAuthority) || !hasPort(p.authority) || !validAuthority(p.authority):
		return "CONNECT without host and port in :authority"
	case host.lines > 0 && !strings.EqualFold(host.value, p.authority):
		return ":authority and host differ"
	}
	return ""
}

// checkTarget judges the target of any other request.
func checkTarget(p *pseudo, host hostLine) string {
	// RFC 9114 s4.3.1: exactly one value for :method, :scheme and :path.
	if !p.has(sawScheme) || !validScheme(p.scheme) {
		return "no valid :scheme"
	}
	if !p.has(sawPath) || !visible(p.path) {
		return "no valid :path"
	}
	if !strings.EqualFold(p.scheme, "https") && !strings.EqualFold(p.scheme, "http") {
		return ""
	}
	// RFC 9114 s4.3.1: not empty for http and https; "*" is for OPTIONS.
	if p.path == "" || p.path[0] != '/' && (p.path != "*" || p.method != "OPTIONS") {
		return ":path does not begin with a slash"
	}
	switch {
	case p.has(sawAuthority) && !validAuthority(p.authority):
		return "no valid :authority"
	case host.lines > 0 && !validAuthority(host.value):
		return "no valid host"
	case !p.has(sawAuthority) && host.lines == 0:
		return "neither :authority nor host"
	case p.has(sawAuthority) && host.lines > 0 && !strings.EqualFold(p.authority, host.value):
		// RFC 9114 s4.3.1: if both are present, they MUST contain the same value.
		return ":authority and host differ"
	}
	return ""
}

// checkResponse judges a response's head.
func checkResponse(fields []port.Field) (status int, length int64, wrong string) {
	p, rest, wrong := takePseudo(fields)
	if wrong != "" {
		return 0, noLength, wrong
	}
	if p.seen != sawStatus {
		// RFC 9114 s4.3.2: :status MUST be included; those of requests MUST NOT be.
		return 0, noLength, "a response needs :status and no other pseudo-header field"
	}
	if status = parseStatus(p.status); status == 0 {
		return 0, noLength, "no valid :status"
	}
	if status == 101 {
		// RFC 9114 s4.5: HTTP/3 does not support 101.
		return 0, noLength, ":status 101"
	}
	length, _, wrong = checkFields(rest, false)
	return status, length, wrong
}

// checkTrailers judges a trailer section.
func checkTrailers(fields []port.Field) (wrong string) {
	length, host, wrong := checkFields(fields, false)
	switch {
	case wrong != "":
		return wrong
	case length != noLength || host.lines > 0:
		// RFC 9110 s6.5.1: no trailer field for framing or routing.
		return "content-length or host in trailers"
	}
	return ""
}

// takePseudo takes the pseudo-header fields from the front. One that is unknown, or comes twice, is wrong; one that
// comes late is checkFields' to find.
func takePseudo(fields []port.Field) (p pseudo, rest []port.Field, wrong string) {
	for i := range fields {
		name, value := fields[i].Name, fields[i].Value
		if name == "" || name[0] != ':' {
			return p, fields[i:], ""
		}
		var which uint8
		switch name {
		case ":method":
			which, p.method = sawMethod, value
		case ":scheme":
			which, p.scheme = sawScheme, value
		case ":authority":
			which, p.authority = sawAuthority, value
		case ":path":
			which, p.path = sawPath, value
		case ":status":
			which, p.status = sawStatus, value
		default:
			// RFC 9114 s4.3: undefined ones make a message malformed. :protocol is one unless extended CONNECT was
			// announced (RFC 9220 s3), which we never do.
			return p, nil, "undefined pseudo-header field"
		}
		if p.has(which) {
			return p, nil, "pseudo-header field twice"
		}
		p.seen |= which
	}
	return p, nil, ""
}

// hostLine is what a head says in its Host field.
type hostLine struct {
	value string
	lines int
}

// checkFields judges lines that must not be pseudo-header fields.
func checkFields(fields []port.Field, request bool) (length int64, host hostLine, wrong string) {
	length = noLength
	for i := range fields {
		name, value := fields[i].Name, fields[i].Value
		if !h3wire.ValidFieldName(name) {
			if name != "" && name[0] == ':' {
				// RFC 9114 s4.3: not after regular fields, and not in trailers.
				return length, host, "pseudo-header field out of place"
			}
			// RFC 9114 s4.2: upper-case names are malformed.
			return length, host, "invalid field name"
		}
		// RFC 9110 s5.5: whitespace around a value is not part of it, and is excluded before the value is judged.
		if trimmed := strings.Trim(value, " \t"); trimmed != value {
			// Only then: the lines may be those of an earlier message, which others read.
			value, fields[i].Value = trimmed, trimmed
		}
		if !h3wire.ValidFieldValue(value) {
			return length, host, "invalid field value"
		}
		// RFC 9114 s4.2: no connection-specific fields; TE in requests only.
		if h3wire.ForbiddenField(name, value) || !request && name == "te" {
			return length, host, "connection-specific field"
		}
		switch name {
		case "content-length":
			n, ok := parseLength(value)
			if !ok || length != noLength && n != length {
				// RFC 9110 s8.6: an invalid or a conflicting value is an error.
				return length, host, "invalid or conflicting content-length"
			}
			length = n
		case "host":
			host.value, host.lines = value, host.lines+1
		}
	}
	return length, host, ""
}

// parseLength reads a Content-Length: digits and nothing else.
func parseLength(s string) (n int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// parseStatus reads three digits from 100 on; 0 is none.
func parseStatus(s string) int {
	if len(s) != 3 || s[0] == '0' {
		return 0
	}
	n, ok := parseLength(s)
	if !ok {
		return 0
	}
	return int(n)
}

// validScheme follows RFC 3986 s3.1.
func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// validAuthority reports whether s may be host and port. RFC 9114 s4.3.1: no userinfo, not empty.
func validAuthority(s string) bool {
	return s != "" && visible(s) && !strings.ContainsAny(s, "@/?#\\")
}

// hasPort reports whether s ends in a port.
func hasPort(s string) bool {
	at := strings.LastIndexByte(s, ':')
	if at <= 0 {
		return false
	}
	n, ok := parseLength(s[at+1:])
	return ok && n <= math.MaxUint16
}

// visible reports whether s is visible ASCII, as the parts of a URI are, or the UTF-8 that some senders leave there.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
