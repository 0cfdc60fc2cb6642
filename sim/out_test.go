package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/internal/mono"
	"quicpro/sim/core"
	"quicpro/sim/core/link"
)

// weather is a world with a bit of everything: two clients behind one line, a server that freezes, an outage, and all that
// links do to datagrams.
func weather(w *World) {
	access := Link{
		Delay: 10 * time.Millisecond, Loss: 0.01, Duplicate: 0.01, Corrupt: 0.01, Reorder: 0.01,
		Outages: []link.Outage{{From: ms(400), Until: ms(460)}},
	}
	srv := w.Server("server", &api.Server{Handler: http.HandlerFunc(echo)}, Link{Delay: 5 * time.Millisecond, Rate: 50 * Mbit})
	phone, laptop := w.Host("phone", access), w.Host("laptop", Link{Delay: 3 * time.Millisecond})
	line := Link{Rate: 8 * Mbit, Queue: 40 << 10, Delay: 4 * time.Millisecond}
	w.Bottleneck("dsl", line, line, phone, laptop)
	var all sync.WaitGroup
	for k, h := range []*Host{phone, laptop} {
		c := h.Client()
		for i, n := range []int{300_000, 40_000} {
			all.Go(func() {
				time.Sleep(time.Duration(k*20+i) * time.Millisecond)
				resp, err := c.Get(w.Context(fmt.Sprintf("%s/%d", h.name, i)), srv.URL(fmt.Sprintf("/get?n=%d", n)))
				if err != nil {
					w.T().Error(err)
					return
				}
				if _, err = io.Copy(io.Discard, resp.Body); err != nil {
					w.T().Error(err)
				}
			})
		}
	}
	time.Sleep(250 * time.Millisecond)
	srv.Host().Freeze()
	time.Sleep(50 * time.Millisecond)
	srv.Host().Thaw()
	all.Wait()
}

func ms(n int) mono.Time { return mono.Time(time.Duration(n) * time.Millisecond) }

func TestARunWithABitOfEverythingIsDrawn(t *testing.T) {
	dir := *outFlag
	if dir == "" {
		dir = t.TempDir()
	}
	var drawn, plain Outcome
	Run(t, 4, weather, Out(dir), Result(&drawn))
	Run(t, 4, weather, Out(""), Result(&plain))
	if drawn.Hash != plain.Hash || drawn.Steps != plain.Steps {
		t.Errorf("drawn, the run's hash is %x after %d steps; not drawn, %x after %d", drawn.Hash, drawn.Steps, plain.Hash, plain.Steps)
	}
	dir = filepath.Join(dir, t.Name()+"-seed4")
	page := pageOf(t, dir)
	t.Run("every loss of the decisions is a mark", func(t *testing.T) { page.haveLosses(t, drawn.Decisions) })
	t.Run("both ends of both connections have a qlog file", func(t *testing.T) {
		if files, _ := filepath.Glob(filepath.Join(dir, "*.sqlog")); len(files) != 4 {
			t.Errorf("%v", files)
		}
	})
	t.Run("the secrets of both connections are there", func(t *testing.T) {
		keys, err := os.ReadFile(filepath.Join(dir, "keys.log"))
		if n := strings.Count(string(keys), "CLIENT_HANDSHAKE_TRAFFIC_SECRET"); err != nil || n != 2 {
			t.Errorf("%d connections' secrets, %v", n, err)
		}
	})
	t.Run("the decisions replay", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(dir, "decisions.txt"))
		for _, d := range drawn.Decisions {
			if err != nil || !strings.Contains(string(text), fmt.Sprintf("\t%q,\n", d)) {
				t.Fatalf("%q is missing, %v", d, err)
			}
		}
	})
}

func TestEqualRunsAreDrawnEqually(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	Run(t, 4, weather, Out(a))
	Run(t, 4, weather, Out(b))
	files, _ := filepath.Glob(filepath.Join(a, "*", "*"))
	if len(files) < 8 {
		t.Fatalf("there are only %v", files)
	}
	for _, f := range files {
		other := strings.Replace(f, a, b, 1)
		one, err1 := os.ReadFile(f)
		two, err2 := os.ReadFile(other)
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: %d bytes and %d bytes, different (%v, %v)", filepath.Base(f), len(one), len(two), err1, err2)
		}
	}
}

func TestWhatBefallsHostsIsDrawn(t *testing.T) {
	dir := t.TempDir()
	var drawn, plain Outcome
	crash := func(w *World) {
		srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)}, Link{Delay: 5 * time.Millisecond})
		cli := w.Host("cli", Link{Delay: 5 * time.Millisecond})
		c := cli.Client()
		c.Timeout = 2 * time.Second
		get := func() (err error) {
			resp, err := c.Get(w.Context("cli"), srv.URL("/get?n=5000"))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
			return err
		}
		if err := get(); err != nil {
			t.Error(err)
		}
		srv.Host().Crash()
		if get() == nil {
			t.Error("a crashed server answers")
		}
		srv.Host().Restart(true)
		cli.CutOff()
		if get() == nil {
			t.Error("a server answers a client that is cut off")
		}
		cli.Rejoin()
		_ = get() // learns that its connection is gone
		if err := get(); err != nil {
			t.Error(err)
		}
	}
	Run(t, 3, crash, Out(dir), Result(&drawn))
	Run(t, 3, crash, Out(""), Result(&plain))
	if drawn.Hash != plain.Hash {
		t.Errorf("drawn, the run's hash is %x; not drawn, %x", drawn.Hash, plain.Hash)
	}
	p := pageOf(t, filepath.Join(dir, t.Name()+"-seed3"))
	var bands []string
	for _, b := range p.Bands {
		bands = append(bands, b.Place+" "+b.What)
	}
	if got := strings.Join(bands, "; "); got != "srv crashed, restarted; cli cut off" {
		t.Errorf("the bands are: %s", got)
	}
	if p.Losses == 0 {
		t.Error("nothing that was sent to, or by, a host that is cut off is marked")
	}
}

func init() {
	type misuse = struct {
		want string
		run  func(t *testing.T)
	}
	misuses["a failure without a picture"] = misuse{
		"go test quicpro/sim -run '^TestMisuseGetsASentence$' -sim.out DIR draws this run, as DIR/TestMisuseGetsASentence-seed9/timeline.html",
		func(t *testing.T) { Run(t, 9, func(*World) {}) },
	}
	misuses["a folder for pictures that cannot be made"] = misuse{
		"no picture of the run can be made: mkdir /dev/null: not a directory",
		func(t *testing.T) { Run(t, 9, func(*World) {}, Out("/dev/null/pictures")) },
	}
}

// A run that nobody draws has nobody listening: no tap, no watch, no traces, no secrets.
func TestWithoutAPictureNobodyListens(t *testing.T) {
	Run(t, 1, func(w *World) {
		var o core.Options
		w.watch(&o)
		h := w.Host("cli")
		if o.Tap != nil || o.Watch != nil || h.drawn != nil || w.keyLog() != nil || h.Client().TLS.KeyLogWriter != nil {
			t.Error("somebody does")
		}
		w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
		if _, err := w.hosts[0].Client().Get(w.Context("cli"), "https://srv/"); err != nil {
			t.Error(err)
		}
	}, Out(""))
}

// The page of a long run is looked at by pictures.sh.
func TestALongRunIsDrawn(t *testing.T) {
	if *outFlag == "" {
		t.Skip("without -sim.out nobody looks at it")
	}
	Run(t, 1, func(w *World) {
		srv := w.Server("srv", &api.Server{Handler: http.HandlerFunc(echo)})
		c := w.Client("cli", Link{Delay: 10 * time.Millisecond, Rate: 60 * Mbit, Loss: 0.005, Jitter: time.Millisecond})
		resp, err := c.Get(w.Context("cli"), srv.URL("/get?n=21000000"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 21_000_000 {
			t.Fatal(n, err)
		}
	})
}

// page is what a timeline has in it.
type page struct {
	Words  []string
	Bands  []struct{ Place, What string }
	Losses int
	Marks  struct{ Place, N, What, Loss []int }
}

func pageOf(t *testing.T, dir string) *page {
	t.Helper()
	html, err := os.ReadFile(filepath.Join(dir, "timeline.html"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(html), `id="run">`)
	text, _, _ = strings.Cut(text, "</script>")
	p := &page{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*[]int{&p.Marks.Place, &p.Marks.N, &p.Marks.What, &p.Marks.Loss} {
		for i := range *c {
			if i > 0 {
				(*c)[i] += (*c)[i-1]
			}
		}
	}
	return p
}

// haveLosses looks for a mark for each decision that loses datagrams: for the very datagram if the decision names one.
func (p *page) haveLosses(t *testing.T, decisions []string) {
	marks, reasons := map[string]int{}, map[string]int{}
	for i, loss := range p.Marks.Loss {
		if loss == 1 {
			place, what := p.Words[p.Marks.Place[i]], p.Words[p.Marks.What[i]]
			marks[fmt.Sprintf("%s #%d %s", place, p.Marks.N[i], what)]++
			reasons[place+" "+what]++
		}
	}
	decided := 0
	for _, d := range decisions {
		place, rest, _ := strings.Cut(d, " #")
		_, what, _ := strings.Cut(rest, " ")
		switch what {
		case "lost", "burst":
			decided++
			if marks[d] != 1 {
				t.Errorf("%q has %d marks", d, marks[d])
			}
		case "outage":
			if reasons[place+" down"] == 0 {
				t.Errorf("%q has no mark", d)
			}
		case "mtu", "target":
			if word := map[string]string{"mtu": "too big", "target": "target"}[what]; reasons[place+" "+word] == 0 {
				t.Errorf("%q has no mark", d)
			}
		}
	}
	single := 0
	for name, n := range marks {
		if strings.HasSuffix(name, " lost") || strings.HasSuffix(name, " burst") {
			single += n
		}
	}
	if decided == 0 || single != decided {
		t.Errorf("%d datagrams were lost by decision, %d marks say so", decided, single)
	}
}
