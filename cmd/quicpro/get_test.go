package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything is the handler of most stories.
func everything(w http.ResponseWriter, r *http.Request) {
	fixedDate(w)
	switch r.URL.Path {
	case "/hello":
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "6")
		w.Header()["X-Two"] = []string{"a", "b"}
		_, _ = io.WriteString(w, "hello\n")
	case "/echo":
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		_, agent := r.Header["User-Agent"]
		fmt.Fprintf(w, "%s %s host=%s type=%q length=%d user=%q:%q agent=%v %q accept=%q x=%q\n%s", r.Method, r.RequestURI, r.Host,
			r.Header.Get("Content-Type"), r.ContentLength, user, password, agent, r.UserAgent(), r.Header["Accept"], r.Header["X"], body)
	case "/big":
		block := strings.Repeat("0123456789abcdef", 4096)
		for range 50 {
			_, _ = io.WriteString(w, block)
		}
	case "/missing":
		http.Error(w, "not here", http.StatusNotFound)
	case "/loop":
		http.Redirect(w, r, "/loop", http.StatusFound)
	case "/to-hello":
		http.Redirect(w, r, "/hello", http.StatusFound)
	case "/to-echo":
		http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
	case "/to-port":
		http.Redirect(w, r, "https://site.test:8443/echo", http.StatusFound)
	case "/to-other":
		http.Redirect(w, r, "https://other.test/echo", http.StatusFound)
	case "/to-http":
		http.Redirect(w, r, "http://site.test/", http.StatusFound)
	case "/trailer":
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body\n")
		w.Header().Set("X-Sum", "42")
	case "/binary":
		_, _ = w.Write([]byte{0, 1, 2})
	}
}

const helloHead = "HTTP/3 200 \r\ncontent-length: 6\r\ncontent-type: text/plain\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nx-two: a\r\nx-two: b\r\n\r\n"

func TestGoldenOutputs(t *testing.T) {
	s := startSite(t, everything)
	format := filepath.Join(t.TempDir(), "format")
	if err := os.WriteFile(format, []byte("%{method}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"body", []string{"https://site.test/hello"}, "hello\n"},
		{"-i", []string{"-i", "https://site.test/hello"}, helloHead + "hello\n"},
		{"-I", []string{"-I", "https://site.test/hello"}, helloHead},
		{"several in order", []string{"https://site.test/hello", "site.test/hello"}, "hello\nhello\n"},
		{"error body", []string{"https://site.test/missing"}, "not here\n"},
		{"redirect not followed", []string{"-s", "-o", os.DevNull, "-w", "%{http_code} %{redirect_url} %{num_redirects}", "https://site.test/to-hello"}, "302 https://site.test/hello 0"},
		{"-L", []string{"-L", "-w", "%{http_code} %{url_effective} %{num_redirects}", "https://site.test/to-hello"}, "hello\n200 https://site.test/hello 1"},
		{"-w", []string{"-w", `%{http_code} %{http_version} %{size_download} %{content_type} %header{X-Two} %{exitcode} 100%% %{size_header}\n`, "https://site.test/hello"},
			fmt.Sprintf("hello\n200 3 6 text/plain a 0 100%% %d\n", len(helloHead))},
		{"-w @file", []string{"-I", "-o", os.DevNull, "-w", "@" + format, "https://site.test/hello"}, "HEAD"},
		{"trailer with -i", []string{"-i", "https://site.test/trailer"}, "body\nx-sum: 42\r\n"},
		{"binary to a pipe", []string{"https://site.test/binary"}, "\x00\x01\x02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.get(t, c.args...)
			r.want(t, exitOK, "")
			got := r.stdout
			if c.name == "trailer with -i" {
				_, got, _ = strings.Cut(got, "\r\n\r\n")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteOutTimes(t *testing.T) {
	s := startSite(t, everything)
	r := s.get(t, "-o", os.DevNull, "-w", "%{time_total} %{time_starttransfer} %{speed_download} %{size_upload}%{stderr}%{nosuch}end", "-d", "12345", "https://site.test/big")
	r.want(t, exitOK, "quicpro: unknown --write-out variable: 'nosuch'\nend")
	if !regexp.MustCompile(`^\d\.\d{6} \d\.\d{6} \d+ 5$`).MatchString(r.stdout) {
		t.Errorf("got %q", r.stdout)
	}
}

func TestRequests(t *testing.T) {
	s := startSite(t, everything)
	dir := t.TempDir()
	lines := filepath.Join(dir, "lines")
	if err := os.WriteFile(lines, []byte("a\r\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	headers := filepath.Join(dir, "headers")
	if err := os.WriteFile(headers, []byte("X: 1\r\n\nX: 2\nAccept:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	form := `type="application/x-www-form-urlencoded"`
	for _, c := range []struct {
		name  string
		args  []string
		stdin string
		want  []string
	}{
		{"plain", nil, "", []string{`GET /echo host=site.test type=""`, `user="":"" agent=true "quicpro/0" accept=["*/*"] x=[]`}},
		{"-d twice", []string{"-d", "a=1", "-d", "b=2"}, "", []string{"POST /echo", form, "length=7", "\na=1&b=2"}},
		{"-d @file loses line ends", []string{"-d", "@" + lines}, "", []string{"length=2", "\nab"}},
		{"--data-binary keeps them", []string{"--data-binary", "@" + lines}, "", []string{"length=5", "\na\r\nb\n"}},
		{"-d @- is standard input", []string{"-d", "@-"}, "from stdin", []string{"\nfrom stdin"}},
		{"-d and own type", []string{"-d", "{}", "-H", "content-type: application/json"}, "", []string{`type="application/json"`}},
		{"-X", []string{"-X", "DELETE"}, "", []string{"DELETE /echo"}},
		{"-T", []string{"-T", lines}, "", []string{"PUT /echo", "length=5", "\na\r\nb\n"}},
		{"-T -", []string{"-T", "-"}, "streamed", []string{"PUT /echo", "length=-1", "\nstreamed"}},
		{"-u", []string{"-u", "me:se:cret"}, "", []string{`user="me":"se:cret"`}},
		{"-A", []string{"-A", "mine/1"}, "", []string{`agent=true "mine/1"`}},
		{"-A nothing", []string{"-A", ""}, "", []string{`agent=false`}},
		{"-H", []string{"-H", "X: 1", "-H", "X: 2", "-H", "Host: other.test"}, "", []string{`x=["1" "2"]`, "host=other.test"}},
		{"-H removes", []string{"-H", "Accept:", "-H", "User-Agent:"}, "", []string{"accept=[]", "agent=false"}},
		{"-H @file", []string{"-H", "@" + headers}, "", []string{`x=["1" "2"]`, "accept=[]"}},
		{"-H @- is standard input", []string{"-H", "@-"}, "X: 3", []string{`x=["3"]`}},
		{"-m 0 is no limit", []string{"-m", "0"}, "", []string{"GET /echo"}},
		{"-H empty", []string{"-H", "X;"}, "", []string{`x=[""]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := quicproWith(t, t.Context(), c.stdin, s.args(append(c.args, "https://site.test/echo")...)...)
			r.want(t, exitOK, "")
			for _, want := range c.want {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("the server saw %q, which lacks %q", r.stdout, want)
				}
			}
		})
	}
}

func TestUserInURL(t *testing.T) {
	r := startSite(t, everything).get(t, "https://me:pw@site.test/echo")
	r.want(t, exitOK, "")
	if !strings.Contains(r.stdout, `user="me":"pw"`) {
		t.Errorf("the server saw %q", r.stdout)
	}
}

func TestUploadIntoDirectoryURL(t *testing.T) {
	s := startSite(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) })
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.get(t, "-T", file, "https://site.test/up/")
	r.want(t, exitOK, "")
	if r.stdout != "/up/a%20file" {
		t.Errorf("uploaded to %q", r.stdout)
	}
}

func TestRedirects(t *testing.T) {
	s := startSite(t, everything, func(conf *tls.Config) {
		// other.test is a second name of the same server.
		other, _ := newCertificate(t, "site.test", "other.test")
		conf.Certificates = []tls.Certificate{other}
	})
	get := func(args ...string) result {
		return quicpro(t, append([]string{"get", "-k", "--connect-to", "::" + s.addr}, args...)...)
	}
	t.Run("every head is shown", func(t *testing.T) {
		r := get("-L", "-i", "https://site.test/to-hello")
		r.want(t, exitOK, "")
		if !strings.HasPrefix(r.stdout, "HTTP/3 302 \r\n") || !strings.HasSuffix(r.stdout, "\r\n\r\n"+helloHead+"hello\n") {
			t.Errorf("got %q", r.stdout)
		}
	})
	t.Run("307 repeats the body", func(t *testing.T) {
		r := get("-L", "-d", "again", "https://site.test/to-echo")
		r.want(t, exitOK, "")
		if !strings.HasPrefix(r.stdout, "POST /echo") || !strings.HasSuffix(r.stdout, "\nagain") {
			t.Errorf("got %q", r.stdout)
		}
	})
	t.Run("the password stays on the same host", func(t *testing.T) {
		r := get("-L", "-u", "me:pw", "https://site.test/to-echo")
		r.want(t, exitOK, "")
		if !strings.Contains(r.stdout, `user="me":"pw"`) {
			t.Errorf("got %q", r.stdout)
		}
	})
	t.Run("another host does not learn it", func(t *testing.T) {
		r := get("-L", "-u", "me:pw", "https://site.test/to-other")
		r.want(t, exitOK, "")
		if !strings.Contains(r.stdout, "host=other.test") || !strings.Contains(r.stdout, `user="":""`) {
			t.Errorf("got %q", r.stdout)
		}
	})
	t.Run("nor does another port", func(t *testing.T) {
		r := get("-L", "-u", "me:pw", "https://site.test/to-port")
		r.want(t, exitOK, "")
		if !strings.Contains(r.stdout, "host=site.test:8443") || !strings.Contains(r.stdout, `user="":""`) {
			t.Errorf("got %q", r.stdout)
		}
	})
	t.Run("circle", func(t *testing.T) {
		get("-L", "https://site.test/loop").want(t, exitRedirects, "(47) More than 50 redirects")
	})
	t.Run("out of HTTP/3", func(t *testing.T) {
		get("-L", "https://site.test/to-http").want(t, exitProtocol, `no "http"`)
	})
}

func TestParallelOnOneConnection(t *testing.T) {
	seen := make(chan string, 100)
	s := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.RemoteAddr
		fmt.Fprintf(w, "%s\n", r.URL.Query().Get("n"))
	})
	dir := t.TempDir()
	args := []string{"-Z"}
	for i := range 60 {
		args = append(args, "-o", filepath.Join(dir, fmt.Sprint(i)), fmt.Sprintf("https://site.test/?n=%d", i))
	}
	s.get(t, args...).want(t, exitOK, "")
	close(seen)
	peers := map[string]int{}
	for peer := range seen {
		peers[peer]++
	}
	if len(peers) != 1 {
		t.Errorf("requests came from %v, want one connection", peers)
	}
	for i := range 60 {
		if got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i))); err != nil || string(got) != fmt.Sprintf("%d\n", i) {
			t.Errorf("file %d: %q %v", i, got, err)
		}
	}
}

func TestVerbose(t *testing.T) {
	s := startSite(t, everything)
	r := s.get(t, "-v", "-H", "X: y", "https://site.test/hello")
	r.want(t, exitOK, "")
	for _, says := range []string{
		"* Connecting to " + s.addr + " for site.test:443\n",
		"> GET /hello HTTP/3\n> Host: site.test\n> Accept: */*\n> User-Agent: quicpro/0\n> X: y\n> \n",
		"* Trying " + s.addr + "\n", "* Handshake with " + s.addr + " done after ",
		"* Connected: QUIC version 1, TLS 1.3, TLS_",
		"*   names:   site.test\n", "*   verified\n",
		"< HTTP/3 200 \n< content-length: 6\n",
	} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("standard error lacks %q:\n%s", says, r.stderr)
		}
	}
	if r.stdout != "hello\n" {
		t.Errorf("standard output: %q", r.stdout)
	}
	if more := s.get(t, "-vv", "https://site.test/hello"); strings.Count(more.stderr, "\n* ") <= strings.Count(r.stderr, "\n* ") {
		t.Errorf("-vv shows no more than -v:\n%s", more.stderr)
	}
	twice := s.get(t, "-v", "https://site.test/hello", "https://site.test/hello")
	if strings.Count(twice.stderr, "* Connected: ") != 1 || !strings.Contains(twice.stderr, "* On the connection to "+s.addr+" that is there already\n") {
		t.Errorf("two requests on one connection:\n%s", twice.stderr)
	}
}

func TestFiles(t *testing.T) {
	s := startSite(t, everything)
	t.Run("-O", func(t *testing.T) {
		t.Chdir(t.TempDir())
		s.get(t, "-O", "https://site.test/hello").want(t, exitOK, "")
		wantFile(t, "hello", "hello\n")
	})
	t.Run("a longer old file is cut", func(t *testing.T) {
		file := oldFile(t)
		s.get(t, "-o", file, "https://site.test/hello").want(t, exitOK, "")
		wantFile(t, file, "hello\n")
	})
	t.Run("a failed request harms no old file", func(t *testing.T) {
		file := oldFile(t)
		s.get(t, "-f", "-o", file, "https://site.test/missing").want(t, exitHTTP, "(22) The requested URL returned error: 404")
		wantFile(t, file, "an old file of some length\n")
	})
	t.Run("nor leaves a new one", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "new")
		s.get(t, "-f", "-o", file, "https://site.test/missing").want(t, exitHTTP, "")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("the file is there: %v", err)
		}
	})
	t.Run("-w after a failure", func(t *testing.T) {
		r := s.get(t, "-s", "-f", "-w", "%{http_code} %{exitcode}", "https://site.test/missing")
		r.want(t, exitHTTP, "")
		if r.stdout != "404 22" || r.stderr != "" {
			t.Errorf("got %q, %q", r.stdout, r.stderr)
		}
	})
	t.Run("-s -S", func(t *testing.T) {
		s.get(t, "-sSf", "https://site.test/missing").want(t, exitHTTP, "(22)")
	})
}

// A body that the server breaks off is an HTTP/3 error that says how far it came; what came is written.
func TestBrokenOffBody(t *testing.T) {
	arrived := &arrival{want: 1 << 16, all: make(chan struct{})}
	s := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", arrived.want))
		_ = http.NewResponseController(w).Flush()
		<-arrived.all // a reset overtakes bytes on their way
		panic(http.ErrAbortHandler)
	})
	var stderr bytes.Buffer
	code := run(t.Context(), s.args("https://site.test/"), strings.NewReader(""), arrived, &stderr)
	result{code, "", stderr.String()}.want(t, exitHTTP3, "after 65536 bytes")
}

// arrival is an output that closes all when want bytes have come.
type arrival struct {
	want, got int
	all       chan struct{}
}

func (a *arrival) Write(p []byte) (int, error) {
	if a.got += len(p); a.got == a.want {
		close(a.all)
	}
	return len(p), nil
}

func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	startSite(t, everything).get(t, "-o", "/dev/full", "https://site.test/big").want(t, exitWrite, "no space left")
}

func TestKeyLogAndQlog(t *testing.T) {
	dir := t.TempDir()
	keys, qlogs := filepath.Join(dir, "keys"), filepath.Join(dir, "qlogs")
	t.Setenv("SSLKEYLOGFILE", keys)
	startSite(t, everything).get(t, "-qlog", qlogs, "https://site.test/hello").want(t, exitOK, "")
	if got, err := os.ReadFile(keys); err != nil || !strings.Contains(string(got), "CLIENT_TRAFFIC_SECRET_0 ") {
		t.Errorf("key log: %q %v", got, err)
	}
	if info, err := os.Stat(qlogs); err != nil || !info.IsDir() {
		t.Errorf("qlog directory: %v", err)
	}
}

// Ctrl-C in the middle of a body ends the command with 130, and without a word.
func TestInterrupt(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := startSite(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		interrupt()
		<-r.Context().Done()
	})
	r := quicproWith(t, ctx, "", s.args("https://site.test/")...)
	r.want(t, exitInterrupt, "")
	if r.stderr != "" {
		t.Errorf("standard error: %q", r.stderr)
	}
}

func oldFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(file, []byte("an old file of some length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s holds %.80q (%v), want %.80q", file, got, err, want)
	}
}
