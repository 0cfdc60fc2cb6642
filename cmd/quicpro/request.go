package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// template is what all URLs of one command line have in common in their requests. It is made, and its files are read,
// before the network is touched.
type template struct {
	method string
	header http.Header
	host   string // -H 'Host: ...'
	form   []byte // -d; nil = none
	upload string // -T
	stdin  io.Reader
}

func newTemplate(f *getFlags, stdin io.Reader) (*template, *failure) {
	t := &template{method: http.MethodGet, upload: f.uploadFile, stdin: stdin}
	t.header = http.Header{"Accept": {"*/*"}, "User-Agent": {userAgent}}
	switch {
	case len(f.data) > 0:
		t.method = http.MethodPost
		t.header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, fail := joinData(f.data, stdin)
		if fail != nil {
			return nil, fail
		}
		t.form = form
	case f.uploadFile != "":
		t.method = http.MethodPut
	case f.head:
		t.method = http.MethodHead
	}
	if f.method != "" {
		t.method = f.method
	}
	if f.agent != nil {
		t.header["User-Agent"] = []string{*f.agent}
	}
	if f.user != "" {
		t.header.Set("Authorization", basic(f.user))
	}
	for _, h := range f.headers {
		if fail := t.addHeaders(h); fail != nil {
			return nil, fail
		}
	}
	return t, nil
}

// addHeaders adds one -H, or each line of its @file.
func (t *template) addHeaders(h string) *failure {
	name, isFile := strings.CutPrefix(h, "@")
	if !isFile {
		return t.addHeader(h)
	}
	content, err := readNamed(name, t.stdin)
	if err != nil {
		return wrapf(exitRead, err, "Cannot read the headers in %s: %s; check the name after -H @", name, fileReason(err))
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		if fail := t.addHeader(line); fail != nil {
			return fail
		}
	}
	return nil
}

// readNamed reads a file; - is standard input.
func readNamed(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// addHeader adds one -H: "Name: value", "Name:" to remove, "Name;" for an empty value.
func (t *template) addHeader(line string) *failure {
	name, value, colon := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	remove := colon && value == ""
	if !colon {
		empty, isEmpty := strings.CutSuffix(line, ";")
		if !isEmpty {
			return usage("get", "-H %q: want 'Name: value'", line)
		}
		name = empty
	}
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return usage("get", "-H %q holds characters that a header must not", line)
	}
	key := http.CanonicalHeaderKey(name)
	switch {
	case key == "Host":
		t.host = value
	case remove && key == "User-Agent":
		t.header[key] = []string{""}
	case remove:
		t.header.Del(key)
	case key == "Accept" || key == "User-Agent" || key == "Content-Type" || key == "Authorization":
		t.header.Set(key, value)
	default:
		t.header.Add(key, value)
	}
	return nil
}

// request makes the request for one URL. It reports a -T file that cannot be read.
func (t *template) request(ctx context.Context, u *url.URL) (*http.Request, *failure) {
	var body io.Reader
	if t.form != nil {
		body = bytes.NewReader(t.form)
	}
	target := *u
	if t.upload != "" && t.upload != "-" && strings.HasSuffix(u.Path, "/") {
		target = *u.JoinPath(url.PathEscape(filepath.Base(t.upload)))
	}
	user := target.User
	target.User = nil
	req, err := http.NewRequestWithContext(ctx, t.method, target.String(), body)
	if err != nil {
		return nil, wrapf(exitURL, err, "%s", plain(err))
	}
	req.Header = t.header.Clone()
	if user != nil && req.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		req.Header.Set("Authorization", basic(user.Username()+":"+password))
	}
	if t.host != "" {
		req.Host = t.host
	}
	if t.upload != "" {
		if fail := t.attachUpload(req); fail != nil {
			return nil, fail
		}
	}
	return req, nil
}

func (t *template) attachUpload(req *http.Request) *failure {
	if t.upload == "-" {
		req.Body, req.ContentLength = io.NopCloser(t.stdin), -1
		return nil
	}
	file, err := os.Open(t.upload)
	if err == nil {
		var info os.FileInfo
		if info, err = file.Stat(); err == nil && info.IsDir() {
			_ = file.Close()
			return failf(exitRead, "Cannot send %s: it is a directory; -T wants a file", t.upload)
		} else if err == nil {
			req.Body, req.ContentLength = file, info.Size()
			req.GetBody = func() (io.ReadCloser, error) { return os.Open(t.upload) }
			if !info.Mode().IsRegular() {
				req.ContentLength, req.GetBody = -1, nil
			}
			if req.ContentLength == 0 {
				req.Body, req.GetBody = http.NoBody, nil
				_ = file.Close()
			}
			return nil
		}
		_ = file.Close()
	}
	return wrapf(exitRead, err, "Cannot send %s: %s; check the name after -T", t.upload, fileReason(err))
}

// joinData joins all -d and --data-binary with "&", as curl does. A file of -d loses its line ends.
func joinData(parts []dataPart, stdin io.Reader) ([]byte, *failure) {
	joined := []byte{}
	for i, p := range parts {
		if i > 0 {
			joined = append(joined, '&')
		}
		name, isFile := strings.CutPrefix(p.text, "@")
		if !isFile {
			joined = append(joined, p.text...)
			continue
		}
		content, err := readNamed(name, stdin)
		if err != nil {
			return nil, wrapf(exitRead, err, "Cannot send %s: %s; check the name after -d @", name, fileReason(err))
		}
		if !p.binary {
			content = bytes.ReplaceAll(bytes.ReplaceAll(content, []byte("\r"), nil), []byte("\n"), nil)
		}
		joined = append(joined, content...)
	}
	return joined, nil
}

func basic(userPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userPassword))
}

func isToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }
