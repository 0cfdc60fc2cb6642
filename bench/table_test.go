package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMedians(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{7}, spread{7, 7, 7, 1}},
		{[]float64{9, 1, 5}, spread{5, 1, 9, 3}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4, 4}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("of %v it is %v, want %v", c.values, got, c.want)
		}
	}
}

// testTable has a rate of 30 against 10, and a time of 6 against 10; HTTP/1.1 did not run.
func testTable() (*table, string) {
	t := &table{stacks: []string{"quicpro", "quic-go", "HTTP/1.1"}}
	w := workload{name: "W", what: "something", figures: []figure{
		{"rate", "/s", false, []target{{3, base}, {4, base}, {1, "HTTP/1.1"}}},
		{"time", "s", true, []target{{0.5, base}, {bound: 7}}},
	}}
	return t, t.add(w, [][][]float64{{{30, 29, 31}, {6, 6, 6}}, {{10, 10, 10}, {10, 9, 12}}, nil})
}

func TestATableSaysWhichTargetsAreMet(t *testing.T) {
	_, got := testTable()
	want := "| **W** something | rate, /s | 30.0 (29.0-31.0) | 10.0 (10.0-10.0) | – | 3.00 | ≥ 3.00 x quic-go; ≥ 4.00 x quic-go; ≥ 1.00 x HTTP/1.1 | met; **missed**; – |\n" +
		"|  | time, s | 6.00 (6.00-6.00) | 10.0 (9.00-12.0) | – | 0.60 | ≤ 0.50 x quic-go; ≤ 7.00 | **missed**; met |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheLeastRatioIsOfTheFirstFigure(t *testing.T) {
	got, _ := testTable()
	got.add(workload{name: "L", figures: []figure{{name: "time", less: true}}}, [][][]float64{{{8}}, {{10}}, nil})
	got.add(workload{name: "N", figures: []figure{{name: "rate"}}}, [][][]float64{{{8}}, nil, nil})
	for least, want := range map[float64][]string{0: nil, 1: {"N NaN"}, 1.5: {"L 1.25", "N NaN"}, 3.1: {"W 3.00", "L 1.25", "N NaN"}} {
		if below := got.below(least); !slices.Equal(below, want) {
			t.Errorf("below %v are %q, want %q", least, below, want)
		}
	}
}

func TestPickingWorkloads(t *testing.T) {
	all := workloads(sizes{Bulk: 1 << 30})
	for only, want := range map[string]string{
		"W4":             "W4@1 W4@16 W4@100",
		"W4@100,W1":      "W4@100 W1",
		"W4-two":         "W4-two@1 W4-two@16 W4-two@100",
		"procs":          "procs@W1 procs@W4@100",
		"W8-loss@1,W7":   "W8-loss@1 W7",
		"W5@8,W6,W2-two": "W5@8 W6 W2-two",
	} {
		ws, err := pick(only, all, workload.String)
		if got := names(ws); err != nil || got != want {
			t.Errorf("%s picks %s (%v), want %s", only, got, err, want)
		}
	}
	if _, err := pick("W4@2", all, workload.String); err == nil {
		t.Error("W4@2 was picked, and does not exist")
	}
	if got := names(unasked(all)); strings.Contains(got, "loss") || !strings.Contains(got, "W8 W8-long mixed") {
		t.Errorf("without -only it is %s", got)
	}
}

func names(ws []workload) string {
	var out []string
	for _, w := range ws {
		out = append(out, w.name)
	}
	return strings.Join(out, " ")
}

func TestFiguresAreInsertedBetweenTheirMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	for _, c := range []struct{ before, want string }{
		{"a\n<!-- figures -->\nold\n<!-- end -->\nb\n", "a\n<!-- figures -->\nnew\n<!-- end -->\nb\n"},
		{"no marks", ""},
	} {
		if err := os.WriteFile(path, []byte(c.before), 0o644); err != nil {
			t.Fatal(err)
		}
		err := insert(path, "new\n")
		after, _ := os.ReadFile(path)
		if c.want == "" && err == nil || c.want != "" && (err != nil || string(after) != c.want) {
			t.Errorf("%q became %q (%v), want %q", c.before, after, err, c.want)
		}
	}
}

func TestAPictureShowsStacksAndTargets(t *testing.T) {
	table, _ := testTable()
	path := filepath.Join(t.TempDir(), "bench.svg")
	if err := table.draw(path); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"more is better", "less is better", ">W rate<", ">W time<", ">quicpro<", ">target<", "stroke:#D01010"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture does not have %q", want)
		}
	}
}
