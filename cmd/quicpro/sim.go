package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"quicpro/sim/core/draw"
	"quicpro/sim/core/script"
)

// simFlags is a parsed command line of sim.
type simFlags struct {
	first, last uint64
	profile     script.Profile
	workers     int
	hashes      bool
	verbose     bool
	replay      []draw.Decision // nil: chance decides
	seeds       string
	name        string
}

func parseSim(args []string) (*simFlags, *pflag.FlagSet, error) {
	f := &simFlags{}
	var replay []string
	fs := newFlagSet("sim")
	fs.StringVar(&f.seeds, "seeds", "1..100", "run these seeds: one `number`, or a range like 1..1000")
	fs.StringVar(&f.name, "profile", "lossy", "the `kind` of network and workload: "+profileNames())
	fs.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "run this many seeds at the same `time`")
	fs.BoolVar(&f.hashes, "hashes", false, "print one line a seed, SEED HASH, and no table: equal lines are equal runs")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "print what was counted, and the decisions of a seed that fails")
	fs.StringArrayVar(&replay, "replay", nil, "of all that may happen, let exactly this `decision` happen, and the others so given; wants one seed")
	if err := parse(fs, longForm(args, "seeds", "profile", "workers", "hashes", "replay")); err != nil {
		return nil, fs, err
	}
	if fs.NArg() > 0 {
		return nil, fs, usage("sim", "sim wants no arguments: %q", fs.Arg(0))
	}
	if err := f.complete(replay); err != nil {
		return nil, fs, err
	}
	return f, fs, nil
}

// complete checks the values.
func (f *simFlags) complete(replay []string) error {
	from, to, isRange := strings.Cut(f.seeds, "..")
	if !isRange {
		to = from
	}
	var err, err2 error
	f.first, err = strconv.ParseUint(from, 10, 64)
	f.last, err2 = strconv.ParseUint(to, 10, 64)
	if err != nil || err2 != nil || f.last < f.first || f.last-f.first >= 1<<32 {
		return usage("sim", "--seeds %q: want a number, or a range like 1..1000", f.seeds)
	}
	var ok bool
	if f.profile, ok = script.ProfileNamed(f.name); !ok {
		return usage("sim", "--profile %q: there are %s", f.name, profileNames())
	}
	if f.workers < 1 {
		return usage("sim", "--workers %d: want at least 1", f.workers)
	}
	for _, s := range replay {
		d, err := draw.Parse(s)
		if err != nil {
			return usage("sim", "--replay: %s", err)
		}
		f.replay = append(f.replay, d)
	}
	if f.replay != nil && f.first != f.last {
		return usage("sim", "--replay wants the one seed that its decisions were taken under: --seeds 7")
	}
	return nil
}

func profileNames() string {
	var names []string
	for _, p := range script.Profiles() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

const simSynopsis = "sim [-seeds 1..1000] [-profile lossy] [-workers N] [-hashes] [-v] [-replay 'DECISION' ...]"

// sim runs scripted workloads on simulated networks, each from one seed.
func (a *app) sim(ctx context.Context, args []string) int {
	f, fs, err := parseSim(args)
	if err != nil {
		code := a.refuse(fs, simSynopsis, err)
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Fprint(a.stdout, profileTable())
		}
		return code
	}
	if os.Getenv(simChild) == "" {
		return a.simAgain(ctx, args)
	}
	if !script.TLSIsSeeded() {
		return a.fail(failf(exitProtocol, "this Go does not heed GODEBUG=%s any more, so that equal seeds are not equal runs; use go test ./sim", simDebug))
	}
	return a.sweep(ctx, f)
}

func profileTable() string {
	var b strings.Builder
	b.WriteString("\nprofiles:\n")
	for _, p := range script.Profiles() {
		fmt.Fprintf(&b, "  %-16s %s\n", p.Name, p.What)
	}
	return b.String()
}

const (
	// simChild marks the process that simulates.
	simChild = "QUICPRO_SIM_CHILD"
	// simDebug makes TLS draw from its configuration's Rand, as the seed wants it.
	simDebug = "cryptocustomrand=1"
	// childGrace is how long a child that was interrupted has to end.
	childGrace = 3 * time.Second
)

// simAgain runs the command again in a process of its own, whose debug setting reaches nothing but the simulation: it would
// weaken a real handshake that somebody gave a Rand.
func (a *app) simAgain(ctx context.Context, args []string) int {
	self, err := os.Executable()
	if err != nil {
		return a.fail(wrapf(exitProtocol, err, "Cannot find this program to run it again: %s", err))
	}
	settings := simDebug
	if old := os.Getenv("GODEBUG"); old != "" {
		settings = old + "," + settings
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"sim"}, args...)...)
	cmd.Env = append(os.Environ(), simChild+"=1", "GODEBUG="+settings)
	cmd.Stdout, cmd.Stderr = unlocked(a.stdout), unlocked(a.stderr)
	// Ctrl-C reaches the child too; a signal to this process alone does not. Windows has no other way than to kill it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = childGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return exitInterrupt
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	case err != nil:
		return a.fail(wrapf(exitProtocol, err, "The simulation did not run to its end: %s", err))
	}
	return exitOK
}

// unlocked is the stream itself, so that a child sees the terminal.
func unlocked(w io.Writer) io.Writer {
	if l, ok := w.(*lockedWriter); ok {
		return l.w
	}
	return w
}

// longForm lets options be spelled with one dash, as Go programs do.
func longForm(args []string, names ...string) []string {
	out := append([]string(nil), args...)
	for i, arg := range out {
		for _, name := range names {
			if arg == "-"+name || strings.HasPrefix(arg, "-"+name+"=") {
				out[i] = "-" + arg
			}
		}
	}
	return out
}
