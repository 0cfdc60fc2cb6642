package main

import (
	"os"
	"strings"
	"testing"
)

// The same seeds are the same runs, in other processes, on other numbers of workers and of processors.
func TestHashesAreEqualInEveryProcess(t *testing.T) {
	hashes := func(processors string, args ...string) string {
		t.Setenv("GOMAXPROCS", processors)
		r := quicpro(t, append([]string{"sim", "-profile", "smoke", "-hashes"}, args...)...)
		r.want(t, exitOK, "")
		return r.stdout
	}
	first := hashes("2", "-seeds", "1..12", "-workers", "3")
	if lines := strings.Split(strings.TrimSpace(first), "\n"); len(lines) != 12 || !strings.HasPrefix(lines[11], "12 ") || lines[0][2:] == lines[1][2:] {
		t.Fatalf("want a line SEED HASH for each seed, got\n%s", first)
	}
	if again := hashes("1", "-seeds=1..12", "-workers=1"); again != first {
		t.Errorf("one worker on one processor:\n%s, three on two:\n%s", again, first)
	}
	if os.Getenv("GODEBUG") != "" {
		t.Errorf("the setting of the simulation has reached this process: GODEBUG=%s", os.Getenv("GODEBUG"))
	}
}

func TestSimShowsWhatItCounted(t *testing.T) {
	r := quicpro(t, "sim", "-profile", "smoke", "-seeds", "1..5", "-v")
	r.want(t, exitOK, "")
	for _, want := range []string{"smoke: one small connection", "seeds        5, on", "requests     ", "virtual time ", "failures     0", "frame STREAM"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("standard output lacks %q:\n%s", want, r.stdout)
		}
	}
}

// A replay in which no request is made is a run with something wrong: what a failure looks like.
func TestASeedThatFailsIsToldWithItsCommand(t *testing.T) {
	r := quicpro(t, "sim", "-profile", "smoke", "-seeds", "3", "-replay", "cli1>net #0 lost")
	r.want(t, exitProtocol, "seed 3 FAILED after 0s and 0 steps: nothing happened in this world: no request was made")
	r.want(t, exitProtocol, "again: quicpro sim -profile smoke -seeds 3 -v -replay 'cli1>net #0 lost'")
	if !strings.Contains(r.stdout, "failures     1") {
		t.Error(r.stdout)
	}
}

func TestBadSimCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"-seeds 9..1":                     `--seeds "9..1": want a number, or a range like 1..1000`,
		"-seeds x":                        `--seeds "x"`,
		"-profile wet":                    `--profile "wet": there are smoke, clean, lossy`,
		"-workers 0":                      "--workers 0: want at least 1",
		"-replay lost":                    "is no decision",
		"-seeds 1..2 -replay cli#1":       "is no decision",
		"-seeds 1..2 --replay=workload:1": "is no decision",
		"extra":                           `sim wants no arguments: "extra"`,
	} {
		quicpro(t, append([]string{"sim"}, strings.Fields(args)...)...).want(t, exitUsage, want)
	}
	quicpro(t, "sim", "-seeds", "1..2", "-replay", "workload #1 asked").want(t, exitUsage, "wants the one seed")
	if r := quicpro(t, "sim", "--help"); r.code != exitOK || !strings.Contains(r.stdout, "hostile-network") {
		t.Errorf("%+v", r)
	}
}
