package udp

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Somebody waits for a pipe, which has something for them; one who yields for ever keeps them waiting, and so would a second.
func TestAGlanceLetsThoseGoForWhomTheNetworkHasSomething(t *testing.T) {
	for name, polls := range map[string]bool{"alone": false, "beside another who polls": true} {
		t.Run(name, func(t *testing.T) { glances(t, polls) })
	}
}

func glances(t *testing.T, besideAnother bool) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var g glance
	if !g.open() {
		t.Fatal("no eventfd")
	}
	defer g.file.Close()
	var came atomic.Int32
	var over atomic.Bool
	var left sync.WaitGroup
	left.Go(func() {
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil {
				return
			}
			came.Add(1)
		}
	})
	if besideAnother {
		left.Go(func() {
			for !over.Load() {
				g.aside()
				runtime.Gosched()
			}
		})
	}
	const times = 20
	seen := 0
	for i := range int32(times) {
		runtime.Gosched() // it waits
		if _, err := w.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		g.now.Store(true)
		began := time.Now()
		g.look()
		runtime.Gosched()
		if came.Load() > i && time.Since(began) < 5*time.Millisecond {
			seen++
		}
		for came.Load() <= i {
			runtime.Gosched() // until the scheduler looks by itself
		}
	}
	if seen < times/2 {
		t.Errorf("%d of %d bytes came with the glance that followed them", seen, times)
	}
	if g.now.Load() {
		t.Error("it looks for ever")
	}
	over.Store(true)
	_ = r.Close()
	left.Wait()
}

func TestWhenAGlanceIsDue(t *testing.T) {
	busy := func() int { return runtime.GOMAXPROCS(0) }
	for _, c := range []struct {
		name   string
		after  time.Duration // since the last
		active func() int
		now    bool // another one is looking
		due    bool
	}{
		{"in time", glanceEvery, busy, false, true},
		{"too early", glanceEvery - 1, busy, false, false},
		{"beside an idle processor", glanceEvery, func() int { return runtime.GOMAXPROCS(0) - 1 }, false, false},
		{"beside another", glanceEvery, busy, true, false},
	} {
		g := glance{active: c.active}
		last := time.Now()
		g.last.Store(last.UnixNano())
		g.now.Store(c.now)
		if got := g.due(last.Add(c.after)); got != c.due {
			t.Errorf("%s: due: %v, want %v", c.name, got, c.due)
		}
		if g.now.Load() != (c.due || c.now) {
			t.Errorf("%s: somebody looks: %v", c.name, g.now.Load())
		}
		if g.file != nil {
			_ = g.file.Close()
		}
	}
}

// The runtime knows the metrics.
func TestTheSchedulerIsAsked(t *testing.T) {
	if n := active(); n < 1 || n > 1000 {
		t.Errorf("%d goroutines run or can run, want this one at least", n)
	}
}
