package sim

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"quicpro/api"
)

// A server that was killed and is back, with another reset key, can tell nobody that it has lost its connections. The
// first request that times out on one is enough to dial anew.
func TestAServerThatIsBackIsFoundAfterOneTimeout(t *testing.T) {
	Run(t, 1, func(w *World) {
		srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
		c := w.Client("cli", Link{Delay: 20 * time.Millisecond})
		get := func() error {
			ctx, cancel := context.WithTimeout(w.Context("cli"), time.Second)
			defer cancel()
			resp, err := c.Get(ctx, srv.URL("/get?n=10"))
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		srv.Host().Crash()
		srv.Host().Restart(false)
		if err := get(); !errors.Is(err, api.ErrTimeout) {
			t.Errorf("on the lost connection: %v, want a timeout", err)
		}
		if err := get(); err != nil {
			t.Errorf("on a new one: %v", err)
		}
	})
}

// A handler that is slow, over a path that works, costs no connection.
func TestASlowHandlerKeepsItsConnection(t *testing.T) {
	Run(t, 1, func(w *World) {
		srv := w.Server("srv", &api.Server{
			Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					select {
					case <-time.After(3 * time.Second):
					case <-r.Context().Done():
					}
				}
			}),
		})
		c := w.Client("cli", Link{Delay: 20 * time.Millisecond})
		ctx, cancel := context.WithTimeout(w.Context("cli"), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, srv.URL("/slow")); !errors.Is(err, api.ErrTimeout) {
			t.Errorf("%v, want a timeout", err)
		}
		if n := srv.Engine.Outstanding().Connections; n != 1 {
			t.Errorf("%d connections", n)
		}
		resp, err := c.Get(w.Context("cli"), srv.URL("/"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if n := srv.Engine.Outstanding().Connections; n != 1 {
			t.Errorf("%d connections behind a request that timed out", n)
		}
	})
}
