package api

import (
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// tardy is a scripted connection that answers the first Send only when it is told to.
type tardy struct {
	*scripted
	first bool
	fins  int
}

func (c *tardy) Send(x *port.Exchange) {
	if x.SendOrder.Fin {
		c.fins++
	}
	if c.first {
		c.scripted.Send(x)
		return
	}
	c.first = true
	x.SendOrder.Release()
}

// A handler whose write met its deadline returns: what it has written looks like all of it where no length was declared, and so must
// not end as a complete message does, even if the client reads on by then.
func TestAResponseThatADeadlineCutShortIsReset(t *testing.T) {
	past := func(w http.ResponseWriter) { _ = http.NewResponseController(w).SetWriteDeadline(time.Now()) }
	b := make([]byte, 4*actor.ChunkHuge)
	for what, write := range map[string]func(w http.ResponseWriter) error{
		"Write":    func(w http.ResponseWriter) error { _, err := w.Write(b); return err },
		"ReadFrom": func(w http.ResponseWriter) error { _, err := io.Copy(w, strings.NewReader(string(b))); return err },
		"Flush": func(w http.ResponseWriter) error {
			_, _ = w.Write(b[:1])
			return http.NewResponseController(w).Flush()
		},
	} {
		for how, head := range map[string]func(w http.ResponseWriter){
			"after the head":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
			"before the head": func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) },
		} {
			c, x := &tardy{scripted: newScripted("client", nil)}, oneGet()
			s := &Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				head(w)
				past(w)
				if err := write(w); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s %s: %v", what, how, err)
				}
				x.Writes.Send(&port.Sent{}) // the client reads again
				if _, err := w.Write(b[:1]); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s %s, and more: %v", what, how, err)
				}
			})}
			s.task(c, x)()
			if _, _, cancelled := c.tally(); cancelled != 1 || c.fins != 0 {
				t.Errorf("%s %s: %d resets, %d complete responses", what, how, cancelled, c.fins)
			}
			if n := c.chunks.Out(); n != 0 {
				t.Errorf("%s %s: %d chunks are not home", what, how, n)
			}
		}
	}
}
