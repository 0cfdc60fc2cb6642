package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/internal/race"
)

// echo sends back what it gets, and on GET as many bytes as the query says.
func echo(rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		_, _ = io.Copy(rw, r.Body)
		return
	}
	n := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	_, _ = rw.Write(b)
}

func crowd(t *testing.T, seed Seed, workers, each, size int, o *Outcome) {
	crowdOf(t, seed, workers, each, size, Result(o))
}

func crowdOf(t *testing.T, seed Seed, workers, each, size int, options ...Option) {
	Run(t, seed, func(w *World) {
		srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
		c := w.Client("cli", Link{Delay: 25 * time.Millisecond, Rate: 20 * Mbit, Loss: 0.03, Jitter: 2 * time.Millisecond, Duplicate: 0.01})
		var all sync.WaitGroup
		for i := range workers {
			all.Go(func() {
				ctx := w.Context(fmt.Sprintf("cli/%d", i))
				for k := range each {
					if k%2 == 0 {
						resp, err := c.Get(ctx, srv.URL(fmt.Sprintf("/get?n=%d", size)))
						if err != nil {
							t.Error(err)
							return
						}
						b, err := io.ReadAll(resp.Body)
						if err != nil || len(b) != size {
							t.Errorf("%d bytes, %v", len(b), err)
						}
						continue
					}
					body := bytes.Repeat([]byte{byte(i)}, size)
					resp, err := c.Post(ctx, srv.URL("/echo"), "x/y", io.MultiReader(bytes.NewReader(body)))
					if err != nil {
						t.Error(err)
						return
					}
					b, err := io.ReadAll(resp.Body)
					if err != nil || !bytes.Equal(b, body) {
						t.Errorf("%d bytes, %v", len(b), err)
					}
				}
			})
		}
		all.Wait()
	}, options...)
}

func TestManyRequestsAtOnceAreTheSameEveryTime(t *testing.T) {
	for seed := range Seed(race.Fewer(t, 20, 4)) {
		var a, b Outcome
		crowd(t, seed, 8, 2, 20_000, &a)
		crowd(t, seed, 8, 2, 20_000, &b)
		if a.Hash != b.Hash {
			t.Fatalf("seed %d: %x (%d steps, %v) and %x (%d steps, %v)", seed, a.Hash, a.Steps, a.Elapsed, b.Hash, b.Steps, b.Elapsed)
		}
	}
}

// Hosts are not confused with one another: two that dial the same server in the same instant are no ambiguity.
func TestTwoHostsDialAtTheSameTime(t *testing.T) {
	Run(t, 1, func(w *World) {
		srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
		var all sync.WaitGroup
		for i := range 3 {
			c := w.Client(fmt.Sprintf("cli%d", i))
			all.Go(func() {
				resp, err := c.Get(w.Context(fmt.Sprintf("cli%d", i)), srv.URL("/get?n=10"))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
			})
		}
		all.Wait()
	})
}
