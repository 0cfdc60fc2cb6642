package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// A table is the rows of a run: one for each figure.
type table struct {
	stacks []string
	rows   []row
}

// A row is one figure on every stack.
type row struct {
	workload workload
	figure   figure
	first    bool     // of its workload
	cells    []spread // one a stack
}

// A spread is the repetitions' median with the smallest and the largest; none
// ran if n is 0.
type spread struct {
	median, min, max float64
	n                int
}

func newTable(ss []stack) *table {
	t := &table{}
	for _, s := range ss {
		t.stacks = append(t.stacks, s.name)
	}
	return t
}

func (t *table) head() string {
	names := append(append([]string{"workload", "figure"}, t.stacks...), "ratio to "+base, "target", "")
	return "| " + strings.Join(names, " | ") + " |\n|---|---|" + strings.Repeat("---:|", len(t.stacks)+1) + "---|---|\n"
}

// add appends a workload's rows and returns them as text.
func (t *table) add(w workload, figures [][][]float64) string {
	before := len(t.rows)
	for i, f := range w.figures {
		r := row{workload: w, figure: f, first: i == 0}
		for k := range t.stacks {
			var s spread
			if figures[k] != nil {
				s = spreadOf(figures[k][i])
			}
			r.cells = append(r.cells, s)
		}
		t.rows = append(t.rows, r)
	}
	return t.text(t.rows[before:])
}

func (t *table) body() string { return t.text(t.rows) }

func (t *table) text(rows []row) string {
	var out strings.Builder
	for _, r := range rows {
		out.WriteString(t.line(r))
	}
	return out.String()
}

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1], n}
}

func (t *table) line(r row) string {
	var title string
	if r.first {
		title = "**" + r.workload.name + "** " + r.workload.what
	}
	out := []string{title, strings.TrimRight(r.figure.name+", "+r.figure.unit, ", ")}
	for _, c := range r.cells {
		out = append(out, c.String())
	}
	out = append(out, number(t.ratio(r, 0)))
	var want, met []string
	for _, x := range r.figure.targets {
		want = append(want, x.text(r.figure.less))
		met = append(met, t.verdict(r, x))
	}
	out = append(out, strings.Join(want, "; "), strings.Join(met, "; "))
	return "| " + strings.Join(out, " | ") + " |\n"
}

func (s spread) String() string {
	if s.n == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s-%s)", number(s.median), number(s.min), number(s.max))
}

func (x target) text(less bool) string {
	sign, unit := "≥", ""
	if less {
		sign = "≤"
	}
	if x.of != "" {
		unit = " x " + x.of
	}
	return fmt.Sprintf("%s %s%s", sign, number(x.bound), unit)
}

// verdict is the first stack's.
func (t *table) verdict(r row, x target) string {
	bound, ok := t.bound(r, x)
	got := r.cells[0]
	switch {
	case !ok || got.n == 0:
		return "–"
	case r.figure.less && got.median <= bound, !r.figure.less && got.median >= bound:
		return "met"
	}
	return "**missed**"
}

// bound is a target in the figure's unit; ok is false if the stack that it
// speaks of did not run.
func (t *table) bound(r row, x target) (_ float64, ok bool) {
	if x.of == "" {
		return x.bound, true
	}
	of := t.cell(r, x.of)
	return x.bound * of.median, of.n > 0
}

func (t *table) cell(r row, stack string) spread {
	if i := slices.Index(t.stacks, stack); i >= 0 {
		return r.cells[i]
	}
	return spread{}
}

// ratio is stack i's median to base's; not a number if there is none.
func (t *table) ratio(r row, i int) float64 {
	of := t.cell(r, base)
	if of.n == 0 || r.cells[i].n == 0 || of.median == 0 {
		return math.NaN()
	}
	return r.cells[i].median / of.median
}

// below names the workloads of whose first figure the first stack is not so
// many times as good as base.
func (t *table) below(least float64) []string {
	var out []string
	for _, r := range t.rows {
		ratio := t.ratio(r, 0)
		if r.figure.less {
			ratio = 1 / ratio
		}
		if r.first && least > 0 && !(ratio >= least) { // not a number is below too
			out = append(out, fmt.Sprintf("%s %.2f", r.workload.name, ratio))
		}
	}
	return out
}

// number has three digits that mean something.
func number(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return ""
	case a >= 1e6:
		return fmt.Sprintf("%.1f M", f/1e6)
	case a >= 100:
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	case 0 < a && a < 0.1:
		return fmt.Sprintf("%.3f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// insert puts text between the marks of a file.
func insert(path, text string) error {
	const from, to = "<!-- figures -->\n", "<!-- end -->"
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", path, strings.TrimSpace(from), to)
	}
	return os.WriteFile(path, []byte(head+from+text+to+tail), 0o644)
}
