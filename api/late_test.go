package api

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// leftBehind is what goroutines that a handler leaves behind may do to its response, each until it is told that the handler has
// returned.
var leftBehind = map[string]func(w http.ResponseWriter, p []byte) error{
	"Write":       func(w http.ResponseWriter, p []byte) error { _, err := w.Write(p); return err },
	"WriteString": func(w http.ResponseWriter, p []byte) error { _, err := io.WriteString(w, string(p)); return err },
	"FlushError":  func(w http.ResponseWriter, _ []byte) error { return http.NewResponseController(w).Flush() },
	"ReadFrom": func(w http.ResponseWriter, p []byte) error {
		_, err := w.(io.ReaderFrom).ReadFrom(bytes.NewReader(p))
		return err
	},
	"WriteHeader": func(w http.ResponseWriter, p []byte) error {
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(p)
		return err
	},
}

// Goroutines that a handler has left behind write at the very moment of its return: they get an error, and no chunk is lost, used
// twice, or another response's.
func TestLateWritesAreErrors(t *testing.T) {
	for size, requests := range map[int]int{1: 300, 700: 300, 40_000: 100} {
		var all sync.WaitGroup
		s := &Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			begun := make(chan bool, 1)
			for what, write := range leftBehind {
				all.Go(func() {
					p := bytes.Repeat([]byte{'x'}, size)
					for {
						err := write(w, p)
						select {
						case begun <- true:
						default:
						}
						if err == errHandlerReturned {
							return
						}
						if err != nil {
							t.Errorf("%s: %v", what, err)
						}
					}
				})
			}
			<-begun
		})}
		for range requests {
			c := newScripted("client", nil)
			s.task(c, oneGet())()
			all.Wait()
			if n := c.chunks.Out(); n != 0 {
				t.Fatalf("writes of %d bytes: %d chunks are not home", size, n)
			}
		}
	}
}

// What they write is in their own response or nowhere.
func TestLateWritesAreNotInAnotherResponse(t *testing.T) {
	var all sync.WaitGroup
	d := demo(t, func(w http.ResponseWriter, r *http.Request) {
		p := bytes.Repeat([]byte(r.URL.Path[1:]), 300)
		_, _ = w.Write(p)
		for what, write := range leftBehind {
			if what != "WriteHeader" {
				all.Go(func() {
					for write(w, p) == nil {
					}
				})
			}
		}
	})
	for n := range 300 {
		own := string(rune('a' + n%26))
		if got := body(t, get(t, d, "/"+own)); len(got) < 300 || strings.Trim(got, own) != "" {
			t.Fatalf("request %d for %q got %d bytes, with %.20q among them", n, own, len(got), strings.Trim(got, own))
		}
	}
	all.Wait()
}

// Who asks for the header after the return gets one that counts for nothing.
func TestALateHeaderIsNobodys(t *testing.T) {
	var late http.ResponseWriter
	var early http.Header
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		late, early = w, w.Header()
		early.Set("X-Early", "1")
	})}
	s.task(newScripted("client", nil), oneGet())()
	late.Header().Set("X-Late", "1")
	late.WriteHeader(http.StatusTeapot)
	late.(http.Flusher).Flush()
	if early.Get("X-Late") != "" {
		t.Error("the header that the response was made of was changed")
	}
}
