// Command bench measures quicpro against quic-go's HTTP/3, and on demand
// against net/http's HTTP/2 and HTTP/1.1 over TLS, on 127.0.0.1: the stacks by
// turns (A B A B ...), each figure the median of the repetitions with its
// smallest and largest. Machines drift; only the ratio within one run means
// anything.
//
//	go run . -all                                 everything, all stacks, as a markdown table
//	go run . -min-ratio 1.5 -only W1,W4@100       fails if quicpro is not 1.5 times as fast
//	go run . -stacks quicpro -only W1 -cpuprofile w1.pprof
//
// Client and server are in this process, or, in the workloads named "-two",
// the server is in another one. README.md says what the workloads are.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

func main() {
	if os.Getenv(childMark) != "" {
		if err := obey(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(2)
		}
		return
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	os.Exit(code)
}

// run returns the exit status: 1 if a ratio is too small, 2 if there is none.
func run() (int, error) {
	size := flag.Int64("size", 1024, "MiB of W1; W2 has half of it")
	reps := flag.Int("reps", 5, "repetitions a workload and stack")
	span := flag.Duration("time", 2*time.Second, "length of one repetition of what has no end of its own")
	only := flag.String("only", "", "workloads, such as W1,W4@100 or W4 (empty: all but W8-loss)")
	names := flag.String("stacks", "quicpro,quic-go", "stacks to compare; the ratio is the first's to quic-go's")
	all := flag.Bool("all", false, "add net/http's HTTP/2 and HTTP/1.1 over TLS")
	least := flag.Float64("min-ratio", 0, "exit 1 if a workload's first figure is not so many times as good as quic-go's")
	profile := flag.String("cpuprofile", "", "write a CPU profile of everything in this process to this file")
	picture := flag.String("plot", "", "draw the ratios into this SVG file")
	page := flag.String("into", "", "put the table into this file, between its lines \"<!-- figures -->\" and \"<!-- end -->\"")
	flag.Parse()

	if *all {
		*names += ",HTTP/2,HTTP/1.1"
	}
	z := sizes{*size << 20, *span}
	ws, err := pick(*only, workloads(z), workload.String)
	if err != nil {
		return 2, err
	}
	if *only == "" {
		ws = unasked(ws)
	}
	ss, err := pick(*names, stacks, stack.String)
	if err != nil {
		return 2, err
	}
	if *reps < 1 || *size < 2 || *least > 0 && (len(ss) < 2 || !slices.ContainsFunc(ss, func(s stack) bool { return s.name == base })) {
		return 2, fmt.Errorf("needs -reps of at least 1, -size of at least 2 and, for -min-ratio, quic-go beside another stack")
	}
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			return 2, err
		}
		defer stop()
	}
	t := newTable(ss)
	head := fmt.Sprintf("%s, %s; median of %d (smallest-largest).\n\n%s", time.Now().Format(time.DateOnly), machine(), *reps, t.head())
	fmt.Print(head)
	var failed []error
	for _, w := range ws {
		m, err := measure(w, ss, z, *reps, *profile != "")
		if err != nil { // the others took their time too
			fmt.Fprintln(os.Stderr, err)
			failed = append(failed, err)
			continue
		}
		fmt.Print(t.add(w, m))
	}
	if *picture != "" {
		if err := t.draw(*picture); err != nil {
			return 2, err
		}
	}
	if *page != "" {
		if err := insert(*page, head+t.body()); err != nil {
			return 2, err
		}
	}
	if len(failed) > 0 {
		return 2, errors.Join(failed...)
	}
	if slow := t.below(*least); len(slow) > 0 {
		return 1, fmt.Errorf("not %.2f times as good as %s: %s", *least, base, strings.Join(slow, ", "))
	}
	return 0, nil
}

func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// pick returns the named ones of have in the order of names; "W4" names every
// "W4@N". An empty list names all.
func pick[T any](names string, have []T, name func(T) string) ([]T, error) {
	if names == "" {
		return have, nil
	}
	var out []T
	for n := range strings.SplitSeq(names, ",") {
		before := len(out)
		for _, h := range have {
			if family, _, _ := strings.Cut(name(h), "@"); name(h) == n || family == n {
				out = append(out, h)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("there is no %q", n)
		}
	}
	return out, nil
}

func unasked(ws []workload) []workload {
	var out []workload
	for _, w := range ws {
		if !w.asked {
			out = append(out, w)
		}
	}
	return out
}

// measure returns [stack][figure][repetition]; a stack on which the workload
// does not run has nil. Each repetition has a process of its own, which no
// other stack's garbage, or what it does behind its last connection, slows;
// unless it is to run here, for a profile is of this process alone.
func measure(w workload, ss []stack, z sizes, reps int, here bool) ([][][]float64, error) {
	figures := make([][][]float64, len(ss))
	for range reps {
		for i, s := range ss {
			if w.on != nil && !w.on(s) {
				continue
			}
			got, err := once(w, s, z, here)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", w.name, s.name, err)
			}
			if figures[i] == nil {
				figures[i] = make([][]float64, len(got))
			}
			for j := range got {
				figures[i][j] = append(figures[i][j], got[j])
			}
			fmt.Fprintf(os.Stderr, "%s %s: %.4g %s\n", w.name, s.name, got[0], w.figures[0].unit)
		}
	}
	return figures, nil
}

func once(w workload, s stack, z sizes, here bool) ([]float64, error) {
	if !here {
		return apart(w.name, s, z)
	}
	runtime.GC()
	return w.run(s)
}

// machine names what the figures are from, with the peer's version.
func machine() string {
	out := fmt.Sprintf("%d CPUs, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/quic-go/quic-go" {
				out += ", quic-go " + m.Version
			}
		}
	}
	return out
}
