package api

import (
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// canonical are the field names that most messages carry, in the form net/http gives them. Both directions of the table
// below are made from it, so that common names are converted without an allocation.
var canonical = [...]string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Allow-Credentials",
	"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
	"Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Request-Headers",
	"Access-Control-Request-Method", "Age", "Allow", "Alt-Svc", "Authorization", "Cache-Control", "Content-Disposition",
	"Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-Range",
	"Content-Security-Policy", "Content-Type", "Cookie", "Date", "Dnt", "Early-Data", "Etag", "Expect", "Expires",
	"Forwarded", "From", "Grpc-Encoding", "Grpc-Message", "Grpc-Status", "Host", "If-Match", "If-Modified-Since",
	"If-None-Match", "If-Range", "If-Unmodified-Since", "Last-Modified", "Link", "Location", "Max-Forwards", "Nel",
	"Origin", "Pragma", "Priority", "Proxy-Authenticate", "Proxy-Authorization", "Purpose", "Range", "Referer",
	"Referrer-Policy", "Refresh", "Report-To", "Retry-After", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site",
	"Sec-Fetch-User", "Server", "Server-Timing", "Set-Cookie", "Strict-Transport-Security", "Te", "Timing-Allow-Origin",
	"Trailer", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via", "Www-Authenticate", "X-Cache",
	"X-Content-Type-Options", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Frame-Options",
	"X-Powered-By", "X-Request-Id", "X-Requested-With", "X-Xss-Protection",
}

var (
	toLower     = make(map[string]string, len(canonical))
	toCanonical = make(map[string]string, len(canonical))
	statusLines = make(map[int]string, 64)
	statusCodes = make(map[int]string, 64)
)

func init() {
	for _, name := range canonical {
		lower := strings.ToLower(name)
		toLower[name], toCanonical[lower] = lower, name
	}
	for code := 100; code < 600; code++ {
		if text := http.StatusText(code); text != "" {
			statusCodes[code] = strconv.Itoa(code)
			statusLines[code] = statusCodes[code] + " " + text
		}
	}
}

// lowerName returns a field name as HTTP/3 writes it (RFC 9114 s4.2).
func lowerName(name string) string {
	if lower, ok := toLower[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}

// headerKey returns a field name as http.Header keeps it.
func headerKey(lower string) string {
	if key, ok := toCanonical[lower]; ok {
		return key
	}
	return http.CanonicalHeaderKey(lower)
}

// statusText returns the :status value of a code.
func statusText(code int) string {
	if s, ok := statusCodes[code]; ok {
		return s
	}
	return strconv.Itoa(code)
}

// statusLine returns what http.Response calls the Status of a code.
func statusLine(code int) string {
	if s, ok := statusLines[code]; ok {
		return s
	}
	return strconv.Itoa(code)
}

// parseStatus reads a :status value: three digits (RFC 9110 s15). It returns 0 for anything else.
func parseStatus(s string) int {
	if len(s) != 3 {
		return 0
	}
	code := 0
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		code = code*10 + int(s[i]-'0')
	}
	if code < 100 {
		return 0
	}
	return code
}

// connectionSpecific reports whether a field belongs to HTTP/1 connections and is never sent (RFC 9114 s4.2).
func connectionSpecific(lower string) bool {
	switch lower {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings":
		return true
	}
	return false
}

// sensitive reports whether a field's value is to be kept out of compression tables (RFC 9204 s7.1).
func sensitive(lower string) bool {
	switch lower {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return true
	}
	return false
}

// bodyAllowed reports whether a response of this status may have content (RFC 9110 s6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// hasToken reports whether a list-valued header contains token, whatever its case.
func hasToken(values []string, token string) bool {
	return len(values) > 0 && httpguts.HeaderValuesContainsToken(values, token)
}

// eachElement calls f for each comma-separated element of values that is not empty.
func eachElement(values []string, f func(string)) {
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				f(e)
			}
		}
	}
}

// pseudo reports whether a field name is a pseudo-header's (RFC 9114 s4.3).
func pseudo(name string) bool { return name != "" && name[0] == ':' }
