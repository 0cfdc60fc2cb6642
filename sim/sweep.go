package sim

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The flags of a test binary that imports package sim.
var (
	seedsFlag   = flag.String("sim.seeds", "", "the `seeds` of sim.Sweep, \"1..1000\" or \"17\"; empty: those that the test names")
	workersFlag = flag.Int("sim.workers", 0, "how many `processes` sim.Sweep divides its seeds among; 0: none but its own")
	hashesFlag  = flag.Bool("sim.hashes", false, "sim.Sweep prints a line \"SEED HASH\" for each seed")
	shrinkFlag  = flag.Int("sim.shrink", 1, "of how many failed `seeds` sim.Sweep looks for the few decisions that matter")
	enoughFlag  = flag.Int("sim.enough", 0, "sim.Sweep stops after so many failed `seeds`; 0: never")
	partFlag    = flag.String("sim.part", "", "what a process of sim.Sweep does for another: not for people")
)

// Seeds is a range of seeds, both ends included.
type Seeds struct{ First, Last Seed }

// parseSeeds reads "1..1000" or "17".
func parseSeeds(s string) (Seeds, error) {
	first, last, isRange := strings.Cut(s, "..")
	if !isRange {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 64)
	b, err2 := strconv.ParseUint(last, 10, 64)
	if err != nil || err2 != nil || b < a {
		return Seeds{}, fmt.Errorf("sim: -sim.seeds is %q: write \"1..1000\", or one number", s)
	}
	return Seeds{Seed(a), Seed(b)}, nil
}

// Sweep runs body once for each seed, or for those of the flag -sim.seeds, and reports what happened. With -sim.workers it
// divides them among processes. A seed that fails is named with the command that runs it alone, and the run is reduced to
// the decisions that it takes to fail, written as a Go test.
func Sweep(t *testing.T, seeds Seeds, body func(*World), options ...Option) *Report {
	t.Helper()
	if *seedsFlag != "" {
		var err error
		if seeds, err = parseSeeds(*seedsFlag); err != nil {
			t.Fatal(err)
		}
	}
	s := &sweep{t: t, seeds: seeds, body: body, options: options, report: newReport()}
	switch part := *partFlag; {
	case strings.HasPrefix(part, "shrink "):
		s.shrinkChild(strings.TrimPrefix(part, "shrink "))
	case part != "":
		s.child(part)
	case *workersFlag > 0:
		s.divide(*workersFlag)
		s.shrinkFailed()
	default:
		s.alone()
		s.shrinkFailed()
	}
	return s.report
}

// sweep is one call of Sweep.
type sweep struct {
	t       *testing.T
	seeds   Seeds
	body    func(*World)
	options []Option

	mu     sync.Mutex
	report *Report
}

// alone runs every seed in this process.
func (s *sweep) alone() {
	for seed := s.seeds.First; ; seed++ {
		report, hash := s.one(seed)
		s.report.Add(report)
		if *hashesFlag {
			fmt.Printf("%d %016x\n", seed, hash)
		}
		if seed == s.seeds.Last || s.enough() {
			return
		}
	}
}

// one runs one seed as a test of its own.
func (s *sweep) one(seed Seed) (*Report, uint64) {
	r := newRun(seed, s.body, s.options)
	r.again = fmt.Sprintf("-run '%s' -sim.seeds=%d", pattern(s.t.Name()), seed)
	ok := s.t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { r.run(t) })
	report := r.report
	if report == nil {
		report = newReport()
		report.Seeds = 1
	}
	if !ok {
		report.Failed = []Seed{seed}
	}
	return report, r.hash
}

// The lines by which a child tells its parent what it does.
const (
	lineBegin  = "sim-begin "
	lineEnd    = "sim-end "
	lineShrunk = "sim-shrunk "
)

// ended is what a child says of one seed.
type ended struct {
	Seed   Seed
	Hash   uint64
	Report *Report
}

// child runs every n-th seed from the i-th on; part is "i/n".
func (s *sweep) child(part string) {
	var i, n uint64
	if _, err := fmt.Sscanf(part, "%d/%d", &i, &n); err != nil {
		s.t.Fatalf("sim: -sim.part is %q", part)
	}
	for seed := uint64(s.seeds.First) + i; seed <= uint64(s.seeds.Last); seed += n {
		fmt.Printf("\n%s%d\n", lineBegin, seed)
		report, hash := s.one(Seed(seed))
		line, err := json.Marshal(ended{Seed(seed), hash, report})
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Printf("\n%s%s\n", lineEnd, line)
	}
}

// divide lets children run the seeds.
func (s *sweep) divide(workers int) {
	began := time.Now()
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { s.follow(i, workers) })
	}
	all.Wait()
	s.t.Logf("%d seeds in %v", s.report.Seeds, time.Since(began).Round(time.Millisecond))
}

// command makes a child of this test that does part.
func (s *sweep) command(seeds Seeds, part string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^"+s.t.Name()+"$", "-test.timeout=0", "-test.v=true",
		fmt.Sprintf("-sim.seeds=%d..%d", seeds.First, seeds.Last), "-sim.part="+part)
	if f := flag.Lookup("test.gocoverdir"); f != nil && f.Value.String() != "" {
		cmd.Args = append(cmd.Args, "-test.gocoverdir="+f.Value.String())
	}
	if *outFlag != "" {
		cmd.Args = append(cmd.Args, "-sim.out="+*outFlag)
	}
	// A run takes one step at a time: a second processor only costs time, for handing goroutines over.
	cmd.Env = append([]string{"GOMAXPROCS=1"}, os.Environ()...) // what the environment says goes first
	return cmd
}

// follow runs the i-th of n children and adds what it reports. When a child dies, its seed has failed, and another goes on
// behind it.
func (s *sweep) follow(i, n int) {
	from := s.seeds
	for from.First+Seed(i) <= s.seeds.Last {
		cmd := s.command(from, fmt.Sprintf("%d/%d", i, n))
		out, err := cmd.StdoutPipe()
		if err != nil {
			s.t.Error(err)
			return
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			s.t.Error(err)
			return
		}
		dead, said := s.listen(out, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ended shows in what it said
		if dead == nil {
			return
		}
		if s.enough() {
			return
		}
		s.fail(*dead, "its process died:\n"+tail(said+stderr.String()))
		s.add(&Report{Seeds: 1, Failed: []Seed{*dead}}, nil)
		from.First = *dead + Seed(n-i)
	}
}

// listen reads what a child says until it ends. dead is the seed it was at if that was not over.
func (s *sweep) listen(out io.Reader, kill func()) (dead *Seed, said string) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	var text strings.Builder
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, lineBegin):
			text.Reset()
			n, err := strconv.ParseUint(line[len(lineBegin):], 10, 64)
			if err != nil {
				s.t.Error(err)
			}
			seed := Seed(n)
			dead = &seed
		case strings.HasPrefix(line, lineEnd):
			var e ended
			if err := json.Unmarshal([]byte(line[len(lineEnd):]), &e); err != nil {
				s.t.Errorf("sim: %v in %.200s", err, line)
			}
			if len(e.Report.Failed) > 0 {
				s.fail(e.Seed, tail(text.String()))
			}
			s.add(e.Report, &e)
			dead = nil
			if s.enough() {
				kill()
				return nil, ""
			}
		default:
			text.WriteString(line + "\n")
		}
	}
	return dead, text.String()
}

func (s *sweep) add(r *Report, e *ended) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Add(r)
	if e != nil && *hashesFlag {
		fmt.Printf("%d %016x\n", e.Seed, e.Hash)
	}
}

// enough reports whether the sweep need not go on.
func (s *sweep) enough() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *enoughFlag > 0 && len(s.report.Failed) >= *enoughFlag
}

// fail tells of a failed seed.
func (s *sweep) fail(seed Seed, why string) {
	s.t.Errorf("sim: seed %d failed. Again: go test -run '^%s$' -sim.seeds=%d\n%s", seed, s.t.Name(), seed, why)
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
