package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// writeOut writes -w's format, after success and failure alike.
func (t *transfer) writeOut() {
	var b strings.Builder
	w := t.s.stdout
	flush := func(next io.Writer) {
		_, _ = io.WriteString(w, b.String())
		b.Reset()
		w = next
	}
	for rest := t.s.writeOut; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			rest = rest[2:]
		case strings.HasPrefix(rest, "%{"), strings.HasPrefix(rest, "%header{"):
			before, after, closed := strings.Cut(rest, "}")
			if !closed {
				b.WriteString(rest)
				rest = ""
				continue
			}
			kind, name, _ := strings.Cut(before, "{")
			rest = after
			switch {
			case kind == "%header":
				b.WriteString(t.responseHeader(name))
			case name == "stdout":
				flush(t.s.stdout)
			case name == "stderr":
				flush(t.s.stderr)
			default:
				b.WriteString(t.variable(name))
			}
		case len(rest) > 1 && rest[0] == '\\':
			b.WriteString(unescape(rest[1]))
			rest = rest[2:]
		default:
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	flush(nil)
}

// variable is the value of one %{name}.
func (t *transfer) variable(name string) string {
	switch name {
	case "http_code", "response_code":
		return fmt.Sprintf("%03d", t.status())
	case "http_version":
		if t.resp == nil {
			return "0"
		}
		return "3"
	case "size_download":
		return strconv.FormatInt(t.received, 10)
	case "size_upload":
		return strconv.FormatInt(t.sent.Load(), 10)
	case "size_header":
		return strconv.FormatInt(t.headBytes, 10)
	case "time_total":
		return seconds(t.elapsed)
	case "time_starttransfer":
		return seconds(t.firstByte)
	case "speed_download":
		return t.speed(t.received)
	case "speed_upload":
		return t.speed(t.sent.Load())
	case "url":
		return t.s.flags.urls[t.index]
	case "url_effective":
		return t.effective.String()
	case "urlnum":
		return strconv.Itoa(t.index)
	case "num_redirects":
		return strconv.Itoa(t.redirects)
	case "redirect_url":
		return t.redirectURL()
	case "content_type":
		return t.responseHeader("Content-Type")
	case "method":
		if t.resp != nil && t.resp.Request != nil {
			return t.resp.Request.Method
		}
		return t.s.template.method
	case "scheme":
		return "https"
	case "filename_effective":
		return t.out.path
	case "exitcode":
		if t.failed != nil {
			return strconv.Itoa(t.failed.code)
		}
		return "0"
	case "errormsg":
		if t.failed != nil {
			return t.failed.msg
		}
		return ""
	}
	if value, known := t.dial.variable(name); known {
		return value
	}
	fmt.Fprintf(t.s.stderr, "quicpro: unknown --write-out variable: '%s'\n", name)
	return ""
}

func (t *transfer) status() int {
	if t.resp == nil {
		return 0
	}
	return t.resp.StatusCode
}

func (t *transfer) responseHeader(name string) string {
	if t.resp == nil {
		return ""
	}
	return t.resp.Header.Get(name)
}

// redirectURL is where a redirect that was not followed leads.
func (t *transfer) redirectURL() string {
	where := t.responseHeader("Location")
	if where == "" || t.status() < http.StatusMultipleChoices || t.status() > 399 {
		return ""
	}
	u, err := t.effective.Parse(where)
	if err != nil {
		return where
	}
	return u.String()
}

// speed is bytes a second.
func (t *transfer) speed(bytes int64) string {
	if t.elapsed <= 0 {
		return "0"
	}
	return strconv.FormatInt(int64(float64(bytes)/t.elapsed.Seconds()), 10)
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	}
	return "\\" + string(c)
}
