package main

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// meterDelay is how long a transfer lasts before its bar shows.
const meterDelay = time.Second

// meter shows bytes, rate and time left on a terminal. The nil meter shows nothing.
type meter struct {
	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	gate  *gate
	total int64 // 0 = unknown
}

// newMeter returns a meter for transfers if somebody would see it and it would not run into their output.
func (s *session) newMeter(transfers ...*transfer) *meter {
	if s.flags.silent || s.flags.verbose || !isTerminal(s.stderr) {
		return nil
	}
	for _, t := range transfers {
		if t.out.file == nil && isTerminal(s.stdout) {
			return nil
		}
	}
	return makeMeter(s.stderr, time.Now().Add(meterDelay))
}

func makeMeter(w io.Writer, opens time.Time) *meter {
	m := &meter{gate: &gate{w: w, opens: opens}}
	m.bar = progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(m.gate),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // no goroutine of its own
		progressbar.OptionShowCount(),
	)
	return m
}

// expect adds n bytes to what is to come; -1 is unknown.
func (m *meter) expect(n int64) {
	if m == nil || n <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total += n
	// One byte more than expected keeps the bar from finishing before end, since more may be expected later.
	m.bar.ChangeMax64(m.total + 1)
}

func (m *meter) add(n int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.bar.Add(n)
}

// interrupt ends the bar's line, for a message that comes in between.
func (m *meter) interrupt() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate.newline()
}

// end leaves the last state on the terminal.
func (m *meter) end() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total > 0 && m.bar.State().CurrentBytes >= float64(m.total) {
		m.bar.ChangeMax64(m.total)
	}
	_ = m.bar.Exit()
	m.gate.newline()
}

// gate drops what is written before it opens.
type gate struct {
	w     io.Writer
	opens time.Time
	wrote bool
}

func (g *gate) Write(p []byte) (int, error) {
	if time.Now().Before(g.opens) {
		return len(p), nil
	}
	g.wrote = true
	return g.w.Write(p)
}

func (g *gate) newline() {
	if g.wrote {
		g.wrote = false
		_, _ = io.WriteString(g.w, "\n")
	}
}
