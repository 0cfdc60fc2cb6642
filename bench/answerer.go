package main

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// chunk is the length of the reads and writes of large bodies, in bytes.
const chunk = 64 << 10

var content = make([]byte, chunk)

// An answerer is the server of every workload:
//
//	GET /bytes?n=N   N bytes
//	GET /hash?n=N    32 bytes, the hash of N
//	GET /hold?n=N    32 bytes, once N such requests have come
//	POST /upload     how many bytes came
type answerer struct{ gate }

func (a *answerer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.Method == http.MethodPost {
		n, err := drain(r.Body, make([]byte, chunk))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10)) // the client counts what arrives
		return
	}
	n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/bytes":
		writeBytes(w, n)
	case "/hash":
		_, _ = w.Write(hash(n)) // as in writeBytes
	case "/hold":
		select {
		case <-a.enter(n):
			writeBytes(w, 32)
		case <-r.Context().Done():
		}
	default:
		http.NotFound(w, r)
	}
}

func writeBytes(w io.Writer, n int64) {
	for n > 0 {
		m, err := w.Write(content[:min(n, chunk)])
		if err != nil {
			return // the client has gone, or will miss bytes
		}
		n -= int64(m)
	}
}

// hash is work for a processor: n bytes of it.
func hash(n int64) []byte {
	h := sha256.New()
	for ; n > 0; n -= min(n, chunk) {
		h.Write(content[:min(n, chunk)])
	}
	return h.Sum(nil)
}

// A gate opens when n have come.
type gate struct {
	mu   sync.Mutex
	came int64
	open chan struct{}
}

func (g *gate) enter(n int64) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = make(chan struct{})
	}
	if g.came++; g.came == n {
		close(g.open)
	}
	return g.open
}

// zeros is an upload: its bytes are whatever the reader's buffer holds.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left -= n
	return int(n), nil
}
