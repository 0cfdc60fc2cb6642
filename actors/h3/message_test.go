package h3

import (
	"fmt"
	"testing"

	"quicpro/actors/qpack"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// what happened to a message that was parsed alone, in pieces of a size.
func parse(server bool, method string, stream []byte, size int) string {
	var dec qpack.Decoder
	m := inbound{decoder: &dec, limit: 4000, sender: h3wire.Server, declared: noLength, head: method == "HEAD", connect: method == "CONNECT"}
	if server {
		m.sender = h3wire.Client
	}
	log, body := "", ""
	say := func(format string, args ...any) {
		if body != "" {
			log += "body(" + body + ") "
			body = ""
		}
		log += fmt.Sprintf(format, args...) + " "
	}
	for len(stream) > 0 {
		piece := stream[:min(size, len(stream))]
		stream = stream[len(piece):]
		for {
			e, n, f := m.next(piece)
			piece = piece[n:]
			if f != nil {
				say("%s", f.text())
				return log
			}
			if e.kind == needMore {
				break
			}
			switch e.kind {
			case gotBody:
				body += string(e.body)
			case gotHead:
				say("head(%s;%d;%v)", show(e.fields), e.length, e.final)
			case gotTrailer:
				say("trailers(%s)", show(e.fields))
			}
		}
		if len(piece) > 0 {
			panic("a piece was not used up")
		}
	}
	if f := m.end(); f != nil {
		say("%s", f.text())
		return log
	}
	say("end")
	return log
}

func (f *fault) text() string {
	if f.conn {
		return fmt.Sprintf("connection error %v: %s", f.code, f.reason)
	}
	return fmt.Sprintf("stream error %v: %s", f.code, f.reason)
}

const noLine = "\x00"

// fieldsOf makes fields with some of the good ones replaced; noLine leaves one out.
func fieldsOf(nv ...string) []string {
	good := []string{":method", "GET", ":scheme", "https", ":authority", "a.test", ":path", "/"}
	var extra []string
	for i := 0; i < len(nv); i += 2 {
		found := false
		for j := 0; j < len(good); j += 2 {
			if good[j] == nv[i] && !found {
				good[j+1], found = nv[i+1], true
			}
		}
		if !found {
			extra = append(extra, nv[i], nv[i+1])
		}
	}
	var out []string
	for j := 0; j < len(good); j += 2 {
		if good[j+1] != noLine {
			out = append(out, good[j:j+2]...)
		}
	}
	return append(out, extra...)
}

// RFC 9114 s4.1.2 to s4.5, one line a rule. wrong is "" for a request that is well-formed.
var requests = []struct {
	why    string
	fields []string
	wrong  string
}{
	{"the plain one", fieldsOf(), ""},
	{"no method", fieldsOf(":method", noLine), "no valid :method"},
	{"empty method", fieldsOf(":method", ""), "no valid :method"},
	{"method with a space", fieldsOf(":method", "GE T"), "no valid :method"},
	{"method of another kind", fieldsOf(":method", "M-SEARCH"), ""},
	{"no scheme", fieldsOf(":scheme", noLine), "no valid :scheme"},
	{"scheme that begins with a digit", fieldsOf(":scheme", "3ttp"), "no valid :scheme"},
	{"another scheme needs no authority", fieldsOf(":scheme", "urn+x", ":authority", noLine, ":path", "a"), ""},
	{"no path", fieldsOf(":path", noLine), "no valid :path"},
	{"empty path", fieldsOf(":path", ""), ":path does not begin with a slash"},
	{"path without a slash", fieldsOf(":path", "a"), ":path does not begin with a slash"},
	{"path with a space", fieldsOf(":path", "/a b"), "no valid :path"},
	{"path with a line break", fieldsOf(":path", "/a\r\nb"), "no valid :path"},
	{"asterisk for GET", fieldsOf(":path", "*"), ":path does not begin with a slash"},
	{"asterisk for OPTIONS", fieldsOf(":method", "OPTIONS", ":path", "*"), ""},
	{"no authority and no host", fieldsOf(":authority", noLine), "neither :authority nor host"},
	{"host alone", fieldsOf(":authority", noLine, "host", "a.test"), ""},
	{"empty host", fieldsOf(":authority", noLine, "host", ""), "no valid host"},
	{"empty authority", fieldsOf(":authority", ""), "no valid :authority"},
	{"userinfo", fieldsOf(":authority", "me@a.test"), "no valid :authority"},
	{"authority with a path", fieldsOf(":authority", "a.test/x"), "no valid :authority"},
	{"authority and host agree", fieldsOf("host", "A.test"), ""},
	{"authority and host differ", fieldsOf("host", "b.test"), ":authority and host differ"},
	{"host twice", fieldsOf("host", "a.test", "host", "a.test"), "host twice"},
	{"pseudo-header field twice", append([]string{":path", "/"}, fieldsOf()...), "pseudo-header field twice"},
	{"pseudo-header field late", []string{":method", "GET", ":scheme", "https", ":path", "/", "x", "y", ":authority", "a.test"}, "pseudo-header field out of place"},
	{"undefined pseudo-header field", append([]string{":protocol", "websocket"}, fieldsOf()...), "undefined pseudo-header field"},
	{"that of a response", append([]string{":status", "200"}, fieldsOf()...), "a request with :status"},
	{"upper case", fieldsOf("X-A", "b"), "invalid field name"},
	{"empty name", fieldsOf("", "b"), "invalid field name"},
	{"name with a space", fieldsOf("x a", "b"), "invalid field name"},
	{"name with a colon", fieldsOf("x:", "b"), "invalid field name"},
	{"value with NUL", fieldsOf("x", "a\x00b"), "invalid field value"},
	{"value with CR", fieldsOf("x", "a\rb"), "invalid field value"},
	{"value with LF", fieldsOf("x", "a\nb"), "invalid field value"},
	{"value with blanks around", fieldsOf("x", " a\t"), ""},
	{"empty value", fieldsOf("x", ""), ""},
	{"connection", fieldsOf("connection", "close"), "connection-specific field"},
	{"keep-alive", fieldsOf("keep-alive", "5"), "connection-specific field"},
	{"proxy-connection", fieldsOf("proxy-connection", "x"), "connection-specific field"},
	{"transfer-encoding", fieldsOf("transfer-encoding", "chunked"), "connection-specific field"},
	{"upgrade", fieldsOf("upgrade", "h2c"), "connection-specific field"},
	{"te: trailers", fieldsOf("te", "trailers"), ""},
	{"te: gzip", fieldsOf("te", "gzip"), "connection-specific field"},
	{"length twice and equal", fieldsOf("content-length", "0", "content-length", "0"), ""},
	{"lengths that conflict", fieldsOf("content-length", "0", "content-length", "1"), "invalid or conflicting content-length"},
	{"a list of lengths", fieldsOf("content-length", "0, 0"), "invalid or conflicting content-length"},
	{"length with a sign", fieldsOf("content-length", "+0"), "invalid or conflicting content-length"},
	{"negative length", fieldsOf("content-length", "-1"), "invalid or conflicting content-length"},
	{"empty length", fieldsOf("content-length", ""), "invalid or conflicting content-length"},
	{"hexadecimal length", fieldsOf("content-length", "0x0"), "invalid or conflicting content-length"},
	{"length beyond 63 bits", fieldsOf("content-length", "9223372036854775808"), "invalid or conflicting content-length"},
	{"CONNECT", []string{":method", "CONNECT", ":authority", "a.test:443"}, ""},
	{"CONNECT without a port", []string{":method", "CONNECT", ":authority", "a.test"}, "CONNECT without host and port in :authority"},
	{"CONNECT to port 65536", []string{":method", "CONNECT", ":authority", "a.test:65536"}, "CONNECT without host and port in :authority"},
	{"CONNECT to nowhere", []string{":method", "CONNECT"}, "CONNECT without host and port in :authority"},
	{"CONNECT with a scheme", []string{":method", "CONNECT", ":authority", "a.test:1", ":scheme", "https"}, "CONNECT with :scheme or :path"},
	{"CONNECT with a path", []string{":method", "CONNECT", ":authority", "a.test:1", ":path", "/"}, "CONNECT with :scheme or :path"},
	{"CONNECT with another host", []string{":method", "CONNECT", ":authority", "a.test:1", "host", "b.test:1"}, ":authority and host differ"},
	{"nothing at all", nil, "no valid :method"},
}

func TestRequestHeads(t *testing.T) {
	for _, c := range requests {
		if _, wrong := checkRequest(list(c.fields...)); wrong != c.wrong {
			t.Errorf("%s: %q, want %q", c.why, wrong, c.wrong)
		}
	}
}

// Every malformed request ends its stream with H3_MESSAGE_ERROR, and no handler sees it; the connection lives.
func TestMalformedRequestsEndTheirStream(t *testing.T) {
	d := lone(t, wire.Server, nil)
	n := 0
	for i, c := range requests {
		p := d.arrives(wire.StreamID(4 * i)).says(headers(c.fields...)).ends()
		if c.wrong == "" {
			n++
			d.apps[n-1].says(list(":status", "200"), "", nil, true)
			d.apps[n-1].returns()
			d.run()
		}
		if len(d.apps) != n {
			t.Fatalf("%s: %d handlers, want %d", c.why, len(d.apps), n)
		}
		if c.wrong != "" && p.reset != int(h3wire.CodeMessageError) {
			t.Errorf("%s: reset %#x", c.why, p.reset)
		}
	}
	d.closedWith(0)
	d.settled()
	d.home()
}

func TestResponseHeads(t *testing.T) {
	for _, c := range []struct {
		why    string
		fields []string
		wrong  string
	}{
		{"the plain one", []string{":status", "200"}, ""},
		{"no status", []string{"x", "y"}, "a response needs :status and no other pseudo-header field"},
		{"status twice", []string{":status", "200", ":status", "200"}, "pseudo-header field twice"},
		{"status late", []string{"x", "y", ":status", "200"}, "a response needs :status and no other pseudo-header field"},
		{"those of a request", []string{":status", "200", ":path", "/"}, "a response needs :status and no other pseudo-header field"},
		{"101", []string{":status", "101"}, ":status 101"},
		{"two digits", []string{":status", "20"}, "no valid :status"},
		{"a sign", []string{":status", "+20"}, "no valid :status"},
		{"below 100", []string{":status", "099"}, "no valid :status"},
		{"te", []string{":status", "200", "te", "trailers"}, "connection-specific field"},
		{"connection", []string{":status", "200", "connection", "x"}, "connection-specific field"},
		{"a bad length", []string{":status", "200", "content-length", "x"}, "invalid or conflicting content-length"},
	} {
		if _, _, wrong := checkResponse(list(c.fields...)); wrong != c.wrong {
			t.Errorf("%s: %q, want %q", c.why, wrong, c.wrong)
		}
		if c.wrong == "" {
			continue
		}
		d := lone(t, wire.Client, nil)
		a := d.asks(true, getFields...)
		d.run()
		p := d.stream(0).says(headers(c.fields...), data("x"))
		if len(a.heads) > 0 || len(a.body) > 0 || a.err == nil || p.stop != int(h3wire.CodeMessageError) {
			t.Errorf("%s: accepted: %+v", c.why, a)
		}
		d.closedWith(0)
		d.settled()
		d.home()
	}
}

// The order of frames, the lengths of bodies and the ends of streams (RFC 9114 s4.1, s4.1.2, s7). In whatever pieces the
// bytes come, the same happens.
func TestMessages(t *testing.T) {
	get, post := headers(fieldsOf()...), func(n string) []byte { return headers(fieldsOf("content-length", n)...) }
	ok := func(nv ...string) []byte { return headers(with([]string{":status", "200"}, nv...)...) }
	grease := frame(h3wire.FrameType(h3wire.Grease(12345)), "anything")
	const head = "head(:method=GET :scheme=https :authority=a.test :path=/;-1;true) "
	sized := func(n string) string {
		return "head(:method=GET :scheme=https :authority=a.test :path=/ content-length=" + n + ";" + n + ";true) "
	}
	const short = "stream error H3_MESSAGE_ERROR: the body is shorter than its content-length "
	const long = "stream error H3_MESSAGE_ERROR: the body is longer than its content-length "
	for _, c := range []struct {
		why    string
		server bool
		method string
		stream []byte
		want   string
	}{
		{"head alone", true, "", get, head + "end "},
		{"body and trailers", true, "", cat(get, data("ab"), data("c"), headers("t", "1")), head + "body(abc) trailers(t=1) end "},
		{"grease everywhere", true, "", cat(grease, get, grease, data("a"), grease, headers("t", "1"), grease), head + "body(a) trailers(t=1) end "},
		{"empty DATA", true, "", cat(get, data("")), head + "end "},
		{"nothing", true, "", nil, "stream error H3_REQUEST_INCOMPLETE: the stream ends before the request's head "},
		{"DATA first", true, "", data("a"), "connection error H3_FRAME_UNEXPECTED: DATA before the head "},
		{"HEADERS thrice", true, "", cat(get, headers("t", "1"), headers("t", "2")), head + "trailers(t=1) connection error H3_FRAME_UNEXPECTED: HEADERS after the trailers "},
		{"DATA after trailers", true, "", cat(get, headers("t", "1"), data("")), head + "trailers(t=1) connection error H3_FRAME_UNEXPECTED: DATA after the trailers "},
		{"second request", true, "", cat(get, get), head + "stream error H3_MESSAGE_ERROR: pseudo-header field out of place "},
		{"upper case in trailers", true, "", cat(get, headers("T", "1")), head + "stream error H3_MESSAGE_ERROR: invalid field name "},
		{"length in trailers", true, "", cat(get, headers("content-length", "0")), head + "stream error H3_MESSAGE_ERROR: content-length or host in trailers "},
		{"SETTINGS", true, "", cat(get, frame(h3wire.FrameSettings, "")), head + "connection error H3_FRAME_UNEXPECTED: SETTINGS frame on a request stream "},
		{"GOAWAY", true, "", frame(h3wire.FrameGoaway, "\x00"), "connection error H3_FRAME_UNEXPECTED: GOAWAY frame on a request stream "},
		{"HTTP/2 PING", true, "", cat(get, frame(6, "12345678")), head + "connection error H3_FRAME_UNEXPECTED: frame type reserved for HTTP/2 "},
		{"PUSH_PROMISE from a client", true, "", frame(h3wire.FramePushPromise, "\x00"), "connection error H3_FRAME_UNEXPECTED: PUSH_PROMISE frame from a client "},
		{"PUSH_PROMISE from a server", false, "GET", frame(h3wire.FramePushPromise, "\x00"), "connection error H3_ID_ERROR: PUSH_PROMISE without MAX_PUSH_ID "},
		{"half a header", true, "", cat(get, []byte{0x40}), head + "connection error H3_FRAME_ERROR: the stream ends within a frame "},
		{"half a frame", true, "", cat(get, data("abc")[:3]), head + "body(a) connection error H3_FRAME_ERROR: the stream ends within a frame "},
		{"half a head", true, "", get[:len(get)-1], "connection error H3_FRAME_ERROR: the stream ends within a frame "},
		{"empty HEADERS", true, "", frame(h3wire.FrameHeaders, ""), "connection error QPACK_DECOMPRESSION_FAILED: field section ends within its prefix "},
		{"broken QPACK", true, "", frame(h3wire.FrameHeaders, "\x02\x00\x80"), "connection error QPACK_DECOMPRESSION_FAILED: impossible Required Insert Count "},
		{"HEADERS of a gigabyte", true, "", h3wire.AppendFrameHeader(nil, h3wire.FrameHeaders, 1<<30), "stream error H3_EXCESSIVE_LOAD: the request's header exceeds the 4000 bytes that the server accepts "},

		{"length kept", true, "", cat(post("3"), data("ab"), data("c")), sized("3") + "body(abc) end "},
		{"length kept, trailers", true, "", cat(post("1"), data("a"), headers("t", "1")), sized("1") + "body(a) trailers(t=1) end "},
		{"no body at all", true, "", post("3"), sized("3") + short},
		{"short body", true, "", cat(post("3"), data("ab")), sized("3") + "body(ab) " + short},
		{"short body and trailers", true, "", cat(post("3"), data("ab"), headers("t", "1")), sized("3") + "body(ab) " + short},
		{"long body", true, "", cat(post("3"), data("abcd")), sized("3") + long},
		{"long body in two frames", true, "", cat(post("3"), data("abc"), data("d")), sized("3") + "body(abc) " + long},
		{"body where none was declared", true, "", cat(post("0"), data("a")), sized("0") + long},
		{"a frame of 2^62-1", true, "", cat(post("3"), h3wire.AppendFrameHeader(nil, h3wire.FrameData, 1<<62-1)), sized("3") + long},

		{"response", false, "GET", cat(ok("content-length", "2"), data("hi")), "head(:status=200 content-length=2;2;true) body(hi) end "},
		{"interim", false, "GET", cat(headers(":status", "100"), ok()), "head(:status=100;-1;false) head(:status=200;-1;true) end "},
		{"interim with a body", false, "GET", cat(headers(":status", "100"), data("x")), "head(:status=100;-1;false) connection error H3_FRAME_UNEXPECTED: DATA before the head "},
		{"interim alone", false, "GET", headers(":status", "100"), "head(:status=100;-1;false) stream error H3_MESSAGE_ERROR: the stream ends before the response's head "},
		{"second final response", false, "GET", cat(ok(), ok()), "head(:status=200;-1;true) stream error H3_MESSAGE_ERROR: pseudo-header field out of place "},
		{"HEAD", false, "HEAD", ok("content-length", "5"), "head(:status=200 content-length=5;5;true) end "},
		{"HEAD with a body", false, "HEAD", cat(ok(), data("x")), "head(:status=200;-1;true) stream error H3_MESSAGE_ERROR: content in a response that has none "},
		{"HEAD with an empty frame", false, "HEAD", cat(ok(), data("")), "head(:status=200;-1;true) end "},
		{"204 with a body", false, "GET", cat(headers(":status", "204"), data("x")), "head(:status=204;-1;true) stream error H3_MESSAGE_ERROR: content in a response that has none "},
		{"304 with a length", false, "GET", headers(":status", "304", "content-length", "9"), "head(:status=304 content-length=9;9;true) end "},
		{"304 with a body", false, "GET", cat(headers(":status", "304"), data("x")), "head(:status=304;-1;true) stream error H3_MESSAGE_ERROR: content in a response that has none "},
		{"tunnel", false, "CONNECT", cat(ok("content-length", "1"), data("xyz")), "head(:status=200 content-length=1;-1;true) body(xyz) end "},
		{"HEADERS in a tunnel", false, "CONNECT", cat(ok(), headers("t", "1")), "head(:status=200;-1;true) connection error H3_FRAME_UNEXPECTED: HEADERS in a tunnel "},
		{"refused tunnel", false, "CONNECT", cat(headers(":status", "403", "content-length", "1"), data("x"), headers("t", "1")), "head(:status=403 content-length=1;1;true) body(x) trailers(t=1) end "},
		{"HEADERS in a tunnel to us", true, "", cat(headers(":method", "CONNECT", ":authority", "a:1"), headers("t", "1")), "head(:method=CONNECT :authority=a:1;-1;true) connection error H3_FRAME_UNEXPECTED: HEADERS in a tunnel "},
	} {
		for _, size := range []int{1 << 20, 1, 2, 3, 5, 7} {
			if got := parse(c.server, c.method, c.stream, size); got != c.want {
				t.Errorf("%s, in pieces of %d:\n got %s\nwant %s", c.why, size, got, c.want)
				break
			}
		}
	}
}

// Interim responses without end are a fault.
func TestTooManyInterims(t *testing.T) {
	var b []byte
	for range maxInformational + 1 {
		b = append(b, headers(":status", "103")...)
	}
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.run()
	p := d.stream(0).says(b)
	if p.stop != int(h3wire.CodeExcessiveLoad) || a.err == nil {
		t.Errorf("stop %#x, %v", p.stop, a.err)
	}
	d.settled()
	d.home()
}
