package picture

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Summary is what is known of a run at its end.
type Summary struct {
	Test      string // its name
	Seed      uint64
	Failed    bool
	Fault     string // what the world found wrong
	Hash      uint64
	Steps     uint64
	Elapsed   time.Duration
	Decisions []string
	Command   string // runs it again
}

// failed keeps the first error of writing.
func (r *Recorder) failed(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Finish writes what is not written yet, and is the folder. The Recorder is of no use after it.
func (r *Recorder) Finish(s Summary) (dir string, err error) {
	for _, c := range r.conns {
		for _, each := range c.sides {
			r.failed(each.Close())
		}
	}
	err = r.capture.finish(r.hosts.list, r.keys)
	return r.o.Dir, errors.Join(r.err, err,
		r.file("keys.log", func(w *bufio.Writer) { _, _ = w.Write(r.keys) }),
		r.file("decisions.txt", func(w *bufio.Writer) { r.decisions(w, &s) }),
		r.file("timeline.html", func(w *bufio.Writer) { r.page(w, &s) }))
}

func (r *Recorder) file(name string, write func(*bufio.Writer)) error {
	f, err := os.Create(filepath.Join(r.o.Dir, name))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	write(w)
	return errors.Join(w.Flush(), f.Close())
}

// decisions writes what makes the run happen again, and every loss.
func (r *Recorder) decisions(w *bufio.Writer, s *Summary) {
	fmt.Fprintf(w, "test:    %s\nseed:    %d\nresult:  %s\nhash:    %016x after %d steps, %v\nagain:   %s\n", s.Test, s.Seed, s.result(), s.Hash,
		s.Steps, s.Elapsed, s.Command)
	if s.Fault != "" {
		fmt.Fprintf(w, "fault:   %s\n", strings.ReplaceAll(s.Fault, "\n", "\n         "))
	}
	fmt.Fprintf(w, "\n%d decisions. The run with these, and no others:\n\n\tsim.Run(t, %d, body, sim.Replay(\n", len(s.Decisions), s.Seed)
	for _, d := range s.Decisions {
		fmt.Fprintf(w, "\t\t%q,\n", d)
	}
	fmt.Fprintf(w, "\t))\n\n%d losses, decided or not:\n\n", r.losses())
	for _, m := range r.marks {
		if m.loss {
			fmt.Fprintf(w, "\t%12v  %s #%d %s\n", m.at, r.words.list[m.place], m.n, r.words.list[m.what])
		}
	}
}

func (s *Summary) result() string {
	if s.Failed {
		return "failed"
	}
	return "passed"
}

// losses counts the losses.
func (r *Recorder) losses() (count int) {
	for _, m := range r.marks {
		if m.loss {
			count++
		}
	}
	return count
}
