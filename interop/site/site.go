// Package site is the web site that the interop servers serve: what the page
// and the foreign clients in this module ask for.
//
//	GET  /blob?n=N   N bytes; byte i is i*31>>3 & 255, so that a misplaced offset shows
//	POST /echo       the request's body, sent back while it still arrives
//	GET  /report?T   T goes to the log
//	GET  /...        a file of a directory
package site

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strconv"
)

// MaxBlob bounds /blob, in bytes.
const MaxBlob = 16 << 30

// Handler serves the site with the files of dir. It streams every answer.
func Handler(dir string) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/blob", serveBlob)
	m.HandleFunc("/echo", serveEcho)
	m.HandleFunc("/report", serveReport)
	m.Handle("/", http.FileServer(http.Dir(dir)))
	return m
}

func serveBlob(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil || n < 0 || n > MaxBlob {
		http.Error(w, fmt.Sprintf("n must be a number from 0 to %d", int64(MaxBlob)), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	if r.Method == http.MethodHead {
		return
	}
	// An error means that the client left; there is nobody to tell.
	_, _ = io.Copy(w, Blob(n))
}

func serveEcho(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return
			}
			if werr := out.Flush(); werr != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the body was cut: so must be its echo
		}
	}
}

func serveReport(_ http.ResponseWriter, r *http.Request) {
	text, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		text = r.URL.RawQuery
	}
	log.Printf("report %s: %q", r.Proto, text)
}

// period is a multiple of 2048 bytes, after which a blob repeats itself.
const period = 64 << 10

var pattern = func() []byte {
	b := make([]byte, period)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}()

// Blob reads the first n bytes of the endless blob.
func Blob(n int64) io.Reader { return &blob{left: n} }

type blob struct {
	at, left int64
}

// Read copies the next bytes of the pattern.
func (b *blob) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, pattern[b.at%period:])
	n = int(min(int64(n), b.left))
	b.at += int64(n)
	b.left -= int64(n)
	return n, nil
}

// WriteTo spares io.Copy its buffer.
func (b *blob) WriteTo(w io.Writer) (int64, error) {
	var sum int64
	for b.left > 0 {
		from := b.at % period
		n, err := w.Write(pattern[from:min(period, from+b.left)])
		b.at += int64(n)
		b.left -= int64(n)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}
