package api

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"quicpro/actors/port"
)

// A client that knows the server's limit does not send a request beyond it; one that does not, or does not care, is answered with 431.
// Either is told the limit, and the connection lives.
func TestARequestsHeaderThatIsTooLarge(t *testing.T) {
	url := served(t, func(http.ResponseWriter, *http.Request) {}, func(s *Server) { s.MaxHeaderBytes = 1000 })
	client := trusting(t)
	for i, big := range []int{0, 1000, 0} { // the first brings the SETTINGS
		req, _ := http.NewRequestWithContext(within(t), "GET", url, nil)
		req.Header.Set("X-Big", strings.Repeat("x", big))
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != (big == 0) {
			t.Fatalf("request %d: %v", i, err)
		}
		if err == nil {
			continue
		}
		var large *HeaderTooLargeError
		var stream *StreamError
		if !errors.As(err, &large) || large.Limit != 1000 || large.Size < 1000+32 || !large.Remote || !errors.As(err, &stream) {
			t.Errorf("%v, with %+v", err, large)
		}
		const want = " exceeds the 1000 bytes that the server accepts: send less, or raise what the server accepts (Server.MaxHeaderBytes, if it is one of ours)"
		if !strings.Contains(err.Error(), ": the request's header of 1") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("the client sees %v", err)
		}
	}
	r := dialRaw(t, url)
	const want = "431 Request Header Fields Too Large: the request's header exceeds the 1000 bytes that the server accepts\n"
	if answer, err := r.request(post("x-big", strings.Repeat("x", 1000)), true); err != nil || !strings.HasSuffix(string(answer), want) {
		t.Errorf("a client that does not care gets %q, %v", answer, err)
	}
	if answer, err := r.request(post(), true); err != nil || len(answer) == 0 {
		t.Errorf("the next request: %v", err)
	}
}

// A response whose header is beyond the client's limit becomes a 500 that says so. The handler is told if it is still there, and the
// server's operator in any case.
func TestAResponsesHeaderThatIsTooLarge(t *testing.T) {
	const size, what = "1", " exceeds the 1000 bytes that the client accepts"
	for how, more := range map[string]func(http.ResponseWriter) error{
		"small":   func(w http.ResponseWriter) error { _, _ = io.WriteString(w, "little"); return nil },
		"flushed": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"long":    func(w http.ResponseWriter) error { _, err := w.Write(make([]byte, 1<<20)); return err },
		"copied": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, strings.NewReader(strings.Repeat("x", 1<<20)))
			return err
		},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			var complaints text
			handler := make(chan [2]error, 1) // what it is told
			url := served(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Big", strings.Repeat("x", 1000))
				told := more(w)
				_, again := io.WriteString(w, "more")
				handler <- [2]error{told, again}
			}, func(s *Server) { s.ErrorLog = log.New(&complaints, "", 0) })
			tr := (&Client{TLS: trusting(t).TLS}).shared()
			tr.MaxResponseHeaderBytes = 1000
			req, _ := http.NewRequestWithContext(within(t), method, url+"/big", nil)
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatalf("%s, %s: %v", method, how, err)
			}
			got := body(t, resp)
			if ok := strings.HasPrefix(got, "500 Internal Server Error: the response's header of "+size) && strings.HasSuffix(got, what+"\n"); resp.StatusCode != 500 || ok != (method == "GET") || resp.Header["X-Big"] != nil {
				t.Errorf("%s, %s: the client gets %s %q", method, how, resp.Status, got)
			}
			_ = tr.Close()
			var large *HeaderTooLargeError
			heard := <-handler
			told, again := heard[0], heard[1]
			if knows := how != "small" && (method == "GET" || how == "flushed"); knows && (!errors.As(told, &large) || !large.Remote || large.Limit != 1000 || again != told) {
				t.Errorf("%s, %s: the handler is told %v, then %v", method, how, told, again)
			}
			lines := complaints.lines()
			if line := lines[0]; len(lines) != 1 || !strings.HasPrefix(line, "api: "+method+" /big from 127.0.0.1:") || !strings.Contains(line, what+": send less, or raise") {
				t.Errorf("%s, %s: ErrorLog has %q", method, how, lines)
			}
		}
	}
}

// A server that sends more than it was told to is given up, and the error says which option to raise.
func TestAResponseBeyondOurOwnLimit(t *testing.T) {
	c := newScripted("", func(s *scripted, x *port.Exchange) {
		s.die(x, &port.StreamError{Code: 0x107, Err: &port.FieldsTooLarge{Limit: 1000}})
	})
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) { return c, nil }}
	defer tr.Close()
	req, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
	_, err := tr.RoundTrip(req)
	var large *HeaderTooLargeError
	var stream *StreamError
	if !errors.As(err, &large) || large.Remote || large.Limit != 1000 || !errors.As(err, &stream) || stream.Code != 0x107 {
		t.Errorf("got %v", err)
	}
	const want = "the response's header exceeds the 1000 bytes that the client accepts: raise Transport.MaxResponseHeaderBytes"
	if err.Error() != want {
		t.Errorf("got %q", err)
	}
}
