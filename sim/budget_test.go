package sim

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/engine"
	"quicpro/internal/race"
	"quicpro/sim/core"
)

// A small request costs few messages, of all edges together, those to app tasks included: a side at most 12 with one caller
// and 4 with a hundred. Packets, and what conn, the streams of a connection and h3 have for one another, are shared by many
// requests: what an outbox hands over at once is one message. It is the plain order of steps that counts here, in which
// a room finds all that came meanwhile; a real machine differs by less than a message.
func TestTheMessageBudgetIsKept(t *testing.T) {
	if race.Enabled {
		t.Skip("the messages of 2,200 requests are counted without the race detector, under which they are the same")
	}
	for _, c := range []struct {
		callers, each int
		client, serve float64 // at most so many messages a request
	}{
		{1, 200, 12, 12},
		{100, 20, 4, 4},
	} {
		Run(t, 1, func(w *World) {
			serving, served := tallied(w, "srv")
			srv := serving.Server(&api.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				_, _ = rw.Write(make([]byte, 1024))
			})})
			calling, asked := tallied(w, "cli")
			client := calling.Client()
			callers(w, client, srv.URL("/"), c.callers, 2) // opens the connection, and has its windows grow
			beforeAsked, beforeServed := asked.count(), served.count()
			callers(w, client, srv.URL("/"), c.callers, c.each)
			n := c.callers * c.each
			a, s := asked.since(beforeAsked, n), served.since(beforeServed, n)
			t.Logf("messages a request of %d at once, the client's and the server's:\n%s", c.callers, table(a, s))
			if got := total(a); got > c.client {
				t.Errorf("%d at once: the client has %.2f messages a request, want at most %v", c.callers, got, c.client)
			}
			if got := total(s); got > c.serve {
				t.Errorf("%d at once: the server has %.2f messages a request, want at most %v", c.callers, got, c.serve)
			}
		}, WithOrder(Order{}))
	}
}

// callers make requests in a closed loop, and leave when all that follows them has happened.
func callers(w *World, client *api.Client, url string, count, each int) {
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			ctx := w.Context(fmt.Sprintf("cli/%d", i))
			for range each {
				resp, err := client.Get(ctx, url)
				if err != nil {
					w.T().Error(err)
					return
				}
				if n, err := io.Copy(io.Discard, resp.Body); n != 1024 || err != nil {
					w.T().Errorf("%d bytes, %v", n, err)
				}
			}
		})
	}
	all.Wait()
	time.Sleep(time.Second) // of the world: the last acknowledgements
}

// tally is a host that counts the messages of its engine, by their edges.
type tally struct {
	*core.Host
	mu    sync.Mutex // of edges: the executor counts, the test reads
	edges map[string]int
}

// tallied makes a host whose engine's messages are counted.
func tallied(w *World, name string) (*Host, *tally) {
	h := w.Host(name)
	t := &tally{Host: h.core, edges: map[string]int{}}
	h.engine = engine.New(engine.Options{World: t, Trace: h.trace})
	return h, t
}

// HandedOver counts a message to a room, or several that were handed over as one.
func (h *tally) HandedOver(edge string) { h.add(edge) }

// Hand counts a message to an app task.
func (h *tally) Hand(key any, f func()) {
	h.add("h3>app")
	h.Host.Hand(key, f)
}

func (h *tally) add(edge string) {
	h.mu.Lock()
	h.edges[edge]++
	h.mu.Unlock()
}

func (h *tally) count() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.edges)
}

// since is how many messages a request there were on each edge since an earlier count.
func (h *tally) since(before map[string]int, requests int) map[string]float64 {
	per := map[string]float64{}
	for edge, n := range h.count() {
		if n > before[edge] {
			per[edge] = float64(n-before[edge]) / float64(requests)
		}
	}
	return per
}

func total(per map[string]float64) (sum float64) {
	for _, n := range per {
		sum += n
	}
	return sum
}

// table is both sides' edges.
func table(client, server map[string]float64) string {
	both := maps.Clone(client)
	maps.Copy(both, server)
	var b strings.Builder
	for _, edge := range slices.Sorted(maps.Keys(both)) {
		fmt.Fprintf(&b, "%-16s %6.3f %6.3f\n", edge, client[edge], server[edge])
	}
	fmt.Fprintf(&b, "%-16s %6.3f %6.3f", "all", total(client), total(server))
	return b.String()
}
