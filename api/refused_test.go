package api

import (
	"log"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A request that no http.Request can be made of is answered with 400, and one whose client accepts no header of that size with 500.
// The operator is told, though there is no method or path to name.
func TestARefusalBeyondTheClientsLimit(t *testing.T) {
	var complaints text
	server := served(t, func(http.ResponseWriter, *http.Request) {}, func(s *Server) { s.ErrorLog = log.New(&complaints, "", 0) })
	tr := (&Client{TLS: trusting(t).TLS}).shared()
	tr.MaxResponseHeaderBytes = 200 // enough for the 500
	defer func() { _ = tr.Close() }()
	for _, path := range []string{"/", "/%zz"} { // the first brings the SETTINGS
		u, _ := url.Parse(server)
		u.Opaque = path
		resp, err := tr.RoundTrip((&http.Request{Method: "GET", URL: u, Header: http.Header{}}).WithContext(within(t)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got := body(t, resp)
		if path != "/" && (resp.StatusCode != 500 || !strings.Contains(got, "exceeds the 200 bytes that the client accepts")) {
			t.Errorf("%s: the client gets %s %q", path, resp.Status, got)
		}
	}
	if lines := complaints.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], "api: a request from 127.0.0.1:") {
		t.Errorf("ErrorLog has %q", lines)
	}
}
