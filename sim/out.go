package sim

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/qlog"
	"quicpro/sim/core"
	"quicpro/sim/core/picture"
	"quicpro/wire"
)

var outFlag = flag.String("sim.out", "", "draw every simulated run into a folder of its own below `DIR`: timeline.html, run.pcapng, qlog files, decisions.txt")

// Out draws the run into a folder below dir, as the flag -sim.out does for all runs of a test binary:
//
//	go test ./yourpkg -run TestX -sim.out DIR
//
// The folder is called after the test and the seed, DIR/TestX-seed7; another run of the same test and seed gets -2 behind
// that. A relative dir begins at the tested package's folder, which is where go test runs tests. With an empty dir the run
// is not drawn, whatever the flag says. The folder has
//
//	timeline.html         the run over time, for a browser
//	run.pcapng, keys.log  every datagram as it entered the network, with its fate as a comment, for Wireshark; the capture
//	                      contains its keys
//	ID_client.sqlog       what both ends of every connection said, for qvis
//	ID_server.sqlog
//	decisions.txt         the seed, the decisions, how to run it again, every loss
//
// A run that is drawn takes the same course as one that is not. Files of runs that no longer exist are not removed.
func Out(dir string) Option { return func(r *run) { r.out = dir } }

// watch begins the picture of a run, if one is wanted.
func (w *World) watch(o *core.Options) {
	r := w.run
	if r.out == "" {
		return
	}
	r.world = w
	var err error
	r.picture, err = picture.New(picture.Options{
		Dir: folder(absolute(r.out), w.t.Name(), r.seed), Day: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Now:  func() time.Duration { return w.core.Now() },
		Host: func(a netip.Addr) (string, bool) { return w.core.Network().Host(a) },
	})
	if err != nil {
		w.t.Fatalf("sim: no picture of the run can be made: %v", err)
	}
	o.Tap, o.Watch = r.picture.Tap, r.picture
}

// absolute is a folder's name for a reader who is elsewhere.
func absolute(dir string) string {
	if a, err := filepath.Abs(dir); err == nil {
		return a
	}
	return dir
}

// folders counts the runs that have been drawn by this process.
var folders struct {
	sync.Mutex
	used map[string]int
}

// folder is where a run is drawn.
func folder(dir, test string, seed Seed) string {
	plain := func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, c) || c < ' ' {
			return '_'
		}
		return c
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-seed%d", strings.Map(plain, test), seed))
	folders.Lock()
	defer folders.Unlock()
	if folders.used == nil {
		folders.used = make(map[string]int)
	}
	if folders.used[name]++; folders.used[name] > 1 {
		return fmt.Sprintf("%s-%d", name, folders.used[name])
	}
	return name
}

func (w *World) addLane(h *Host) {
	if p := w.run.picture; p != nil {
		p.AddHost(h.name)
		h.drawn = p.Trace(h.name, h.core.Wall, h.core.Now)
	}
}

// calmed tells the picture that the links' faults are over.
func (w *World) calmed() {
	if p := w.run.picture; p != nil {
		p.Calmed()
	}
}

// trace is who hears of a connection's steps: the oracle, and the picture if there is one.
func (h *Host) trace(role wire.Role, odcid wire.ConnectionID) port.Trace {
	judge := h.w.book.Open(role.String()+" "+odcid.String(), role)
	if h.drawn == nil {
		return judge
	}
	return qlog.Tee(judge, h.drawn(role, odcid))
}

// keyLog is where TLS writes its secrets; nil if nobody wants them.
func (w *World) keyLog() io.Writer {
	if p := w.run.picture; p != nil {
		return p.KeyLog()
	}
	return nil
}

// withKeyLog makes a server tell its secrets too: a client that gives up does not know them, and one with a tls.Config of its
// own does not tell.
func (w *World) withKeyLog(c *tls.Config) *tls.Config {
	if w.run.picture == nil || c.KeyLogWriter != nil {
		return c
	}
	c = c.Clone()
	c.KeyLogWriter = w.keyLog()
	return c
}

// paint finishes the picture when the run is over; a run that failed without one says how to get it.
func (r *run) paint(t *testing.T, failedBefore bool) {
	t.Helper()
	if r.again == "" {
		r.again = "-run '" + pattern(t.Name()) + "'"
	}
	again := "go test " + packageOf(r.body) + " " + r.again
	switch {
	case r.picture != nil:
	case t.Failed() && !failedBefore && r.out == "" && !strings.HasPrefix(*partFlag, "shrink "):
		t.Logf("sim: seed %d: %s -sim.out DIR draws this run, as DIR/%s/timeline.html", r.seed, again, folder("", t.Name(), r.seed))
		return
	default:
		return
	}
	w := r.world
	s := picture.Summary{
		Test: t.Name(), Seed: uint64(r.seed), Failed: t.Failed(), Hash: w.core.Hash(), Steps: w.core.StepCount(), Elapsed: w.core.Now(),
		Command: again,
	}
	if fault := w.core.Fault(); fault != nil {
		s.Fault = fault.Error()
	}
	for _, d := range r.taken() {
		s.Decisions = append(s.Decisions, d.String())
	}
	for _, l := range w.core.Network().Links() {
		r.picture.Link(l.Name(), l.Config(), s.Decisions)
	}
	for _, h := range w.hosts {
		r.picture.NAT(h.name, w.core.Network().Rebinds(h.name), s.Decisions)
	}
	dir, err := r.picture.Finish(s)
	if err != nil {
		t.Errorf("sim: the picture of the run is not complete: %v", err)
	}
	t.Logf("sim: seed %d is drawn: %s", r.seed, filepath.Join(dir, "timeline.html"))
}

// packageOf is the package of a test, by its function's name: "example.com/a/b.TestX.func1".
func packageOf(body func(*World)) string {
	name := runtime.FuncForPC(reflect.ValueOf(body).Pointer()).Name()
	dir, last := path.Split(name)
	last, _, _ = strings.Cut(last, ".")
	return dir + last
}

// pattern is what -run wants for a test: TestA/b is ^TestA$/^b$.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}
