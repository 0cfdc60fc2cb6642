package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var mutantsFlag = flag.Bool("sim.mutants", false, "TestMutantsAreFound: compile the engine with each planted bug and look for it")

const (
	// mutantSeeds is in how many seeds a planted bug must show.
	mutantSeeds = 300
	// mutantDecisions is to how few decisions its run must shrink.
	mutantDecisions = 10
	// mutantReductions is how many failed seeds are reduced before that counts as missed.
	mutantReductions = 3
)

// TestMutantsAreFound plants one bug after the other, testdata/mutants/*.patch, and wants the swarm to find each within
// 300 seeds and to reduce it to at most ten decisions. A patch that does not apply any more fails the test.
func TestMutantsAreFound(t *testing.T) {
	patches, err := filepath.Glob("testdata/mutants/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no mutants: %v", err)
	}
	missed, err := filepath.Glob("testdata/mutants/missed/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range missed {
		plant(t, patch)
	}
	for _, patch := range patches {
		t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
			overlay := plant(t, patch)
			if !*mutantsFlag {
				t.Skip("the patch applies; -sim.mutants compiles it and looks for the bug, which takes a quarter of a minute each")
			}
			t.Parallel() // the compiler, the linker and a reduction leave a second processor idle
			hunt(t, overlay)
		})
	}
}

// plant applies a patch to copies of the files that it names, and returns an overlay for the go command.
func plant(t *testing.T, patch string) string {
	t.Helper()
	text, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for _, part := range strings.Split("\n"+string(text), "\n--- a/")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		name = strings.Fields(name)[0]
		original, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		mutated := string(source)
		for _, hunk := range regexp.MustCompile(`(?m)^@@.*$`).Split(rest, -1)[1:] {
			mutated = applyHunk(t, name, mutated, hunk)
		}
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(copied, []byte(mutated), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[original] = copied
	}
	if len(replace) == 0 {
		t.Fatalf("%s names no file", patch)
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// applyHunk replaces the one place in source that a hunk of a unified diff is about.
func applyHunk(t *testing.T, name, source, hunk string) string {
	t.Helper()
	var before, after strings.Builder
	hunk, _, _ = strings.Cut(hunk, "\ndiff ") // of the next file
	for _, line := range strings.Split(strings.Trim(hunk, "\n"), "\n") {
		kind, text := byte(' '), ""
		if line != "" {
			kind, text = line[0], line[1:]
		}
		switch kind {
		case ' ':
			before.WriteString(text + "\n")
			after.WriteString(text + "\n")
		case '-':
			before.WriteString(text + "\n")
		case '+':
			after.WriteString(text + "\n")
		default:
			t.Fatalf("%s: a line of the patch begins with %q", name, kind)
		}
	}
	if n := strings.Count(source, before.String()); n != 1 {
		t.Fatalf("%s: the patch applies in %d places, want one: the code has changed, mend the patch. It looks for\n%s", name, n, before.String())
	}
	return strings.Replace(source, before.String(), after.String(), 1)
}

var failedLine = regexp.MustCompile(`sim: seed (\d+) failed`)
var shrunkLine = regexp.MustCompile(`sim: seed \d+ fails with (\d+) decisions`)

// hunt runs the swarm over the mutant.
func hunt(t *testing.T, overlay string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mutant.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, out)
	}
	began := time.Now()
	from := 1
	for range mutantReductions { // mostly the first will do
		out, err := exec.Command(binary, "-test.run=^TestSwarm$", "-test.v", "-test.timeout=9m", "-sim.workers=1", "-sim.enough=1", "-sim.shrink=1",
			fmt.Sprintf("-sim.seeds=%d..%d", from, mutantSeeds)).CombinedOutput()
		failed := failedLine.FindSubmatch(out)
		if err == nil || failed == nil {
			t.Fatalf("the bug did not show in the seeds %d to %d (%v)\n%s", from, mutantSeeds, err, tail(string(out)))
		}
		seed, left := number(t, failed[1]), math.MaxInt
		if m := shrunkLine.FindSubmatch(out); m != nil {
			left = number(t, m[1])
		}
		t.Logf("seed %d fails; reduced to %d decisions, in %v", seed, left, time.Since(began).Round(time.Millisecond))
		if left <= mutantDecisions {
			return
		}
		from = seed + 1
	}
	t.Errorf("want at most %d decisions", mutantDecisions)
}

func number(t *testing.T, digits []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
