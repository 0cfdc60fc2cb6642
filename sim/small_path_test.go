package sim

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"quicpro/api"
)

// A path may carry no more than IPv6 does at least, which leaves 1,232 bytes, or than QUIC asks of it, 1,200, without a word to the ends: a
// handshake comes through the first at once, and through the second when both ends have said again what was lost.
func TestAHandshakeComesThroughTheSmallestPath(t *testing.T) {
	for mtu, within := range map[int]time.Duration{1232: 150 * time.Millisecond, 1200: time.Second} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			Run(t, 1, func(w *World) {
				small := Link{Delay: 20 * time.Millisecond, MTU: mtu}
				srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, "through")
				})}, small)
				r, err := w.Client("cli").Get(w.Context("cli"), srv.URL("/"))
				if err != nil {
					w.T().Fatal(err)
				}
				defer r.Body.Close()
				if b, err := io.ReadAll(r.Body); string(b) != "through" || err != nil {
					w.T().Errorf("got %q, %v", b, err)
				}
				if took := w.Now(); took > within {
					w.T().Errorf("it took %v, more than %v", took, within)
				}
			})
		})
	}
}
