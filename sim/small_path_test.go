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

// IPv6 through a DSL line (PPPoE) has 1,444 bytes for a datagram, eight less than on an Ethernet, and nobody says so: that costs a download
// no time.
func TestADownloadThroughADSLLineTakesAsLongAsOverAnEthernet(t *testing.T) {
	took := map[int]time.Duration{}
	for _, mtu := range []int{1472, 1444} {
		Run(t, 1, func(w *World) {
			line := Link{Delay: 15 * time.Millisecond, Rate: 100 * Mbit, MTU: mtu}
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, 1_000_000))
			})})
			r, err := w.Client("cli", line, line).Get(w.Context("cli"), srv.URL("/"))
			if err != nil {
				w.T().Fatal(err)
			}
			defer r.Body.Close()
			if n, err := io.Copy(io.Discard, r.Body); n != 1_000_000 || err != nil {
				w.T().Errorf("%d bytes, %v", n, err)
			}
			took[mtu] = w.Now()
		})
	}
	if took[1444] > took[1472]+took[1472]/20 {
		t.Errorf("it took %v, and over an Ethernet %v", took[1444], took[1472])
	}
}
