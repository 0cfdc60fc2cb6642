// Command bench measures quicpro against quic-go's HTTP/3, and on demand
// against net/http's HTTP/2 and HTTP/1.1 over TLS: client and server in this
// process over 127.0.0.1, the stacks by turns (A B A B ...), each figure the
// median of the repetitions with its smallest and largest. Machines drift;
// only the ratio within one run means anything.
//
//	go run .                                      all workloads, as a markdown table
//	go run . -min-ratio 1.5 -only W1,W4@100       fails if quicpro is not 1.5 times as fast
//	go run . -stacks quicpro -only W1 -cpuprofile w1.pprof
//
// W1 downloads and W2 uploads one large body on an open connection; W4 is a
// closed loop of 1 KiB answers on one connection by N callers; W5 is dial,
// one tiny request and close, by N callers.
package main

import (
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
	span := flag.Duration("time", 2*time.Second, "length of one repetition of W4 and W5")
	only := flag.String("only", "", "workloads, such as W1,W4@100 or W4 (empty: all)")
	names := flag.String("stacks", "quicpro,quic-go", "stacks to compare; the ratio is the first to the second")
	all := flag.Bool("all", false, "add net/http's HTTP/2 and HTTP/1.1 over TLS")
	least := flag.Float64("min-ratio", 0, "exit 1 if a workload's ratio is below this")
	profile := flag.String("cpuprofile", "", "write a CPU profile of everything to this file")
	flag.Parse()

	if *all {
		*names += ",HTTP/2,HTTP/1.1"
	}
	ws, err := pick(*only, workloads(*size<<20, *span), func(w workload) string { return w.name })
	if err != nil {
		return 2, err
	}
	ss, err := pick(*names, stacks, func(s stack) string { return s.name })
	if err != nil {
		return 2, err
	}
	if *reps < 1 || *size < 2 || *least > 0 && len(ss) < 2 {
		return 2, fmt.Errorf("needs -reps of at least 1, -size of at least 2 and, for -min-ratio, two stacks")
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return 2, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return 2, err
		}
		defer pprof.StopCPUProfile()
	}
	return compare(ws, ss, *reps, *least)
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

// compare runs every workload on every stack and prints the table.
func compare(ws []workload, ss []stack, reps int, least float64) (int, error) {
	fmt.Printf("%d CPUs, %s/%s, %s%s; median of %d (smallest-largest)\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), peers(), reps)
	fmt.Print("| |")
	for _, s := range ss {
		fmt.Printf(" %s |", s.name)
	}
	fmt.Print(" ratio |\n|---|", strings.Repeat("---:|", len(ss)+1), "\n")
	var slow []string
	for _, w := range ws {
		figures, err := measure(w, ss, reps)
		if err != nil {
			return 2, err
		}
		for i := range w.units {
			ratio := row(w.name+" "+w.units[i], ss, figures, i)
			if i == 0 && ratio < least { // the first figure is the rate
				slow = append(slow, fmt.Sprintf("%s %.2f", w.name, ratio))
			}
		}
	}
	if len(slow) > 0 {
		return 1, fmt.Errorf("below the ratio of %.2f: %s", least, strings.Join(slow, ", "))
	}
	return 0, nil
}

// measure returns [stack][figure][repetition].
func measure(w workload, ss []stack, reps int) ([][][]float64, error) {
	figures := make([][][]float64, len(ss))
	for i := range figures {
		figures[i] = make([][]float64, len(w.units))
	}
	for range reps {
		for i, s := range ss {
			runtime.GC()
			got, err := w.run(s)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", w.name, s.name, err)
			}
			for j := range got {
				figures[i][j] = append(figures[i][j], got[j])
			}
			fmt.Fprintf(os.Stderr, "%s %s: %.4g %s\n", w.name, s.name, got[0], w.units[0])
		}
	}
	return figures, nil
}

// row prints figure i of every stack and returns the ratio of the first two.
func row(title string, ss []stack, figures [][][]float64, i int) float64 {
	fmt.Printf("| %s |", title)
	medians := make([]float64, len(ss))
	for k := range ss {
		sorted := slices.Sorted(slices.Values(figures[k][i]))
		medians[k] = sorted[len(sorted)/2]
		fmt.Printf(" %s (%s-%s) |", short(medians[k]), short(sorted[0]), short(sorted[len(sorted)-1]))
	}
	if len(ss) < 2 || medians[1] == 0 {
		fmt.Print(" |\n")
		return 0
	}
	fmt.Printf(" %.2f |\n", medians[0]/medians[1])
	return medians[0] / medians[1]
}

func short(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// peers names the versions of the modules that are compared.
func peers() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/quic-go/quic-go" {
			return ", quic-go " + m.Version
		}
	}
	return ""
}
