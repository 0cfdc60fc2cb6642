package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cclab:", err)
		os.Exit(1)
	}
}

// job is one run that is to be made.
type job struct {
	row  *row
	make Controller
	seed uint64
	into **Result
}

func run(args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("cclab", flag.ContinueOnError)
	names := fs.String("scenario", "", "run only these `scenarios`, separated by commas")
	controls := fs.String("controller", "", "with only these `controllers`, separated by commas")
	runs := fs.Int("runs", 1, "make so many `runs` of each, with the seeds from 1 on")
	out := fs.String("out", "", "write an SVG file a scenario into this `directory`")
	workers := fs.Int("workers", 2, "make so many runs at the same `time`")
	list := fs.Bool("list", false, "list the scenarios")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *list {
		for _, s := range Scenarios() {
			fmt.Fprintf(stdout, "%-8s  %s\n", s.Name, s.What)
		}
		return nil
	}
	if *runs < 1 || *workers < 1 {
		return fmt.Errorf("-runs %d -workers %d: want at least one of each", *runs, *workers)
	}
	scenarios, err := chosen(Scenarios(), func(s Scenario) string { return s.Name }, *names)
	if err != nil {
		return err
	}
	controllers, err := chosen(Controllers(), func(c Controller) string { return c.Name }, *controls)
	if err != nil {
		return err
	}
	rows, err := measure(scenarios, controllers, *runs, *workers)
	if err != nil {
		return err
	}
	if err := table(stdout, rows); err != nil {
		return err
	}
	if *out == "" {
		return nil
	}
	return plots(*out, rows, len(controllers))
}

// chosen picks what is named, all if nothing is.
func chosen[T any](all []T, name func(T) string, names string) ([]T, error) {
	if names == "" {
		return all, nil
	}
	var picked []T
	for n := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == n })
		if i < 0 {
			var known []string
			for _, t := range all {
				known = append(known, name(t))
			}
			return nil, fmt.Errorf("there is no %q; there are %s", n, strings.Join(known, ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

// measure makes all runs. The first error, by the order of the rows, is its own.
func measure(scenarios []Scenario, controllers []Controller, runs, workers int) (rows []*row, err error) {
	var jobs []job
	for i := range scenarios {
		for _, c := range controllers {
			r := &row{scenario: &scenarios[i], control: c.Name, runs: make([]*Result, runs)}
			rows = append(rows, r)
			for k := range r.runs {
				jobs = append(jobs, job{r, c, uint64(k + 1), &r.runs[k]})
			}
		}
	}
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	next := make(chan int)
	for range workers {
		all.Go(func() {
			for i := range next {
				j := &jobs[i]
				*j.into, errs[i] = Run(j.row.scenario, j.make, j.seed)
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	all.Wait()
	for _, e := range errs {
		if e != nil {
			return nil, e
		}
	}
	return rows, nil
}

// plots writes a file for each scenario, whose rows stand together.
func plots(dir string, rows []*row, each int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for group := range slices.Chunk(rows, each) {
		s := group[0].scenario
		f, err := os.Create(filepath.Join(dir, s.Name+".svg"))
		if err != nil {
			return err
		}
		err = plot(f, s, group)
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}
