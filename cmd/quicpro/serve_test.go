package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// serving is a quicpro serve that runs beside the test.
type serving struct {
	stop   context.CancelFunc // Ctrl-C
	ended  chan int
	stderr bytes.Buffer // read it after ended
	get    []string     // the command it told to use
}

func startServe(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{stop: cancel, ended: make(chan int, 1)}
	out, stdout := io.Pipe()
	go func() {
		s.ended <- run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), stdout, &s.stderr)
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	command := regexp.MustCompile(`^Fetch from it:  quicpro (.*)$`)
	for s.get == nil && lines.Scan() {
		if m := command.FindStringSubmatch(lines.Text()); m != nil {
			s.get = strings.Fields(m[1])
		}
	}
	if s.get == nil {
		t.Fatalf("serve said no command to use: exit code %d, %s", <-s.ended, s.stderr.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(cancel)
	return s
}

func (s *serving) end(t *testing.T) string {
	t.Helper()
	s.stop()
	select {
	case code := <-s.ended:
		if code != exitOK {
			t.Errorf("serve ended with %d: %s", code, s.stderr.String())
		}
	case <-time.After(15 * time.Second):
		t.Fatal("serve does not end")
	}
	return s.stderr.String()
}

func TestServeAndTheCommandItTells(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("a file of the server\n", 10000)
	if err := os.WriteFile(filepath.Join(dir, "file.txt"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, "-v", dir)
	url := s.get[len(s.get)-1]
	listing := quicpro(t, s.get...)
	listing.want(t, exitOK, "")
	if !strings.Contains(listing.stdout, `<a href="file.txt">`) {
		t.Errorf("listing: %q", listing.stdout)
	}
	file := quicpro(t, "get", "-k", url+"file.txt")
	file.want(t, exitOK, "")
	if file.stdout != content {
		t.Errorf("%d bytes, want %d", len(file.stdout), len(content))
	}
	quicpro(t, "get", "-k", "-f", url+"absent").want(t, exitHTTP, "404")
	log := s.end(t)
	for _, line := range []string{`"GET /file.txt HTTP/3.0" 200 210000 `, `"GET /absent HTTP/3.0" 404 `} {
		if !strings.Contains(log, line) {
			t.Errorf("the access log lacks %q:\n%s", line, log)
		}
	}
}

func TestServeKeepsInsideItsDirectory(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here")
	}
	s := startServe(t, dir)
	url := s.get[len(s.get)-1]
	for _, path := range []string{"link", "../" + filepath.Base(outside) + "/secret", "%2e%2e/secret"} {
		r := quicpro(t, "get", "-k", "-f", url+path)
		r.want(t, exitHTTP, "")
		if r.stdout != "" {
			t.Errorf("%s: got %q", path, r.stdout)
		}
	}
	s.end(t)
}

func TestServeWithCertificate(t *testing.T) {
	_, pem := newCertificate(t, "site.test")
	s := startServe(t, "--cert", pem, "--key", pem, t.TempDir())
	if joined := strings.Join(s.get, " "); !regexp.MustCompile(`^get --connect-to ::127\.0\.0\.1:\d+ https://site\.test:\d+/$`).MatchString(joined) {
		t.Errorf("serve tells to use %q", joined)
	}
	quicpro(t, append(s.get, "--cacert", pem)...).want(t, exitOK, "")
	s.end(t)
}
