package sim

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/sim/core/authority"
)

// Each misuse runs in a process of its own, where it fails; what is tested is the sentence that it fails with.
var misuses = map[string]struct {
	want string
	run  func(t *testing.T)
}{
	"nothing to do": {"nothing happened in this world", func(t *testing.T) { Run(t, 1, func(*World) {}) }},
	"two under one identity": {"ambiguous concurrency: two goroutines did \"exchange\"", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			srv, c := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)}), w.Client("cli")
			_, _ = c.Get(w.Context("first"), srv.URL("/"))
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() { _, _ = c.Get(w.Context("cli"), srv.URL("/")) })
			}
			all.Wait()
		})
	}},
	"a handler that waits for ever": {"these app tasks have not ended", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-make(chan int) })})
			c := w.Client("cli")
			c.Timeout = time.Second
			_, _ = c.Get(w.Context("cli"), srv.URL("/"))
		})
	}},
	"a test that waits for ever": {"nothing can happen any more", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
			<-make(chan int)
		})
	}},
	"a request that waits for ever": {"the world is a day old", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
			_, _ = w.Client("cli").Get(w.Context("cli"), srv.URL("/")) // the client keeps the connection alive meanwhile
		})
	}},
	"a handler that spins": {"one of its goroutines spins", func(t *testing.T) {
		patience = time.Second
		Run(t, 1, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				for {
				}
			})})
			_, _ = w.Client("cli").Get(w.Context("cli"), srv.URL("/"))
		})
	}},
	"a body that nobody closes": {"neither read to its end nor closed", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
			_, _ = w.Client("cli").Get(w.Context("cli"), srv.URL("/get?n=1"))
		})
	}},
	"a replay of something else": {"these decisions of the replay never fell: net>client #7 lost", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
			if resp, err := w.Client("cli").Get(w.Context("cli"), srv.URL("/")); err == nil {
				_ = resp.Body.Close()
			}
		}, Replay("net>client #7 lost"))
	}},
	"a restart of what runs": {"has not crashed: call Crash first", func(t *testing.T) {
		Run(t, 1, func(w *World) { w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)}).Host().Restart(true) })
	}},
	"a program left to chance": {"two runs differ: step", func(t *testing.T) {
		runs := 0
		Run(t, 1, func(w *World) {
			runs++
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
			if resp, err := w.Client("cli").Get(w.Context("cli"), srv.URL("/get?n="+strconv.Itoa(runs))); err == nil {
				_ = resp.Body.Close()
			}
		}, Verify())
	}},
	"a parallel test": {"leave t.Parallel out", func(t *testing.T) {
		t.Parallel()
		Run(t, 1, func(*World) {})
	}},
	"a TLS callback that sleeps": {"a TLS callback slept", func(t *testing.T) {
		Run(t, 1, func(w *World) {
			config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				time.Sleep(time.Second)
				c := authority.Certificate("srv")
				return &c, nil
			}}
			srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo), TLSConfig: config})
			_, _ = w.Client("cli").Get(w.Context("cli"), srv.URL("/"))
		})
	}},
	"a goroutine outside": {"a goroutine outside the world", func(t *testing.T) {
		orders, done := make(chan func()), make(chan int)
		go func() {
			for f := range orders {
				f()
			}
		}()
		Run(t, 1, func(w *World) {
			srv, c := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)}), w.Client("cli")
			orders <- func() {
				resp, err := c.Get(w.Context("cli"), srv.URL("/"))
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
				}
			}
			<-done
		})
	}},
}

func TestMisuseGetsASentence(t *testing.T) {
	if name := os.Getenv("SIM_MISUSE"); name != "" {
		misuses[name].run(t)
		return
	}
	for name, m := range misuses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestMisuseGetsASentence$", "-test.timeout=20s")
			cmd.Env = append(os.Environ(), "SIM_MISUSE="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), m.want) {
				t.Errorf("%v, without the sentence %q:\n%.3000s", err, m.want, out)
			}
		})
	}
}
