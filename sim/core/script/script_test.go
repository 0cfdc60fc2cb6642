package script

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quicpro/internal/mono"
	"quicpro/internal/race"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
)

func TestMain(m *testing.M) {
	// Settings of GODEBUG are read when they change: what quicpro sim does in a process of its own is done here at once.
	os.Setenv("GODEBUG", "cryptocustomrand=1")
	goleak.VerifyTestMain(m)
}

func profile(t *testing.T, name string) Profile {
	t.Helper()
	p, ok := ProfileNamed(name)
	if !ok {
		t.Fatalf("there is no profile %s", name)
	}
	return p
}

// Whatever the network does, each request ends once and as it should, no rule is broken, and nothing is left.
func TestEveryRequestEndsInEveryProfile(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			requests, seeds := 0, race.Fewer(t, 6, 2)
			for seed := range uint64(seeds) {
				o := Run{Seed: seed, Profile: p}.Do()
				if o.Fault != nil {
					t.Errorf("seed %d: %v", seed, o.Fault)
				}
				requests += o.Requests
			}
			if requests < 2*seeds {
				t.Errorf("%d requests were made", requests)
			}
		})
	}
}

// A seed decides every byte and every step, TLS included, whatever else the process does.
func TestASeedIsTheSameRunOnEveryWorker(t *testing.T) {
	if !TLSIsSeeded() {
		t.Fatal("GODEBUG=cryptocustomrand=1 has no effect any more: tls.Config.Rand is not heeded")
	}
	p := profile(t, "everything")
	var all sync.WaitGroup
	var outcomes [3][6]uint64
	for i := range outcomes {
		all.Go(func() {
			for seed := range outcomes[i] {
				outcomes[i][seed] = Run{Seed: uint64(seed), Profile: p}.Do().Hash
			}
		})
	}
	all.Wait()
	if outcomes[0] != outcomes[1] || outcomes[1] != outcomes[2] {
		t.Errorf("hashes differ: %x", outcomes)
	}
	if outcomes[0][0] == outcomes[0][1] {
		t.Errorf("two seeds are one run: %x", outcomes[0])
	}
}

// MaybeReadByte takes one byte from a custom reader, or none, by a chance of its own. That must not shift the stream.
func TestAByteAloneIsNoPartOfTheStream(t *testing.T) {
	var want, got [32]byte
	_, _ = newReader(1).Read(want[:])
	r := newReader(1)
	_, _ = r.Read(got[:1])
	_, _ = r.Read(got[:])
	if got != want {
		t.Errorf("%x after a byte alone, %x without", got, want)
	}
}

// What a run decided, replayed, is the same run; what is left out does not happen, and nothing else changes of its own.
func TestAReplayIsItsDecisions(t *testing.T) {
	p := profile(t, "lossy")
	first := Run{Seed: 3, Profile: p}.Do()
	again := Run{Seed: 3, Profile: p, Only: first.Decisions}.Do()
	if again.Hash != first.Hash || again.Fault != nil {
		t.Errorf("hash %x, replayed %x, %v", first.Hash, again.Hash, again.Fault)
	}
	whole := slices.DeleteFunc(slices.Clone(first.Decisions), func(d draw.Decision) bool { return d.What == "lost" })
	perfect := Run{Seed: 3, Profile: p, Only: whole}.Do()
	if first.Lost() == 0 || perfect.Lost() != 0 || perfect.Requests != first.Requests || perfect.Fault != nil {
		t.Errorf("%v, and without its losses %v, %v", first, perfect, perfect.Fault)
	}
	nothing := Run{Seed: 3, Profile: p, Only: []draw.Decision{}}.Do()
	if nothing.Fault == nil || !strings.Contains(nothing.Fault.Error(), "no request was made") {
		t.Errorf("a world without requests: %v", nothing.Fault)
	}
}

// A dial that nobody answers, and a request on a connection that has died, end with a word about it.
func TestWhatFailsIsTold(t *testing.T) {
	for want, do := range map[string]func(w *World, cli, srv *Host){
		"cannot dial srv: quic: refused": func(w *World, cli, srv *Host) {
			cli.Dial(srv, func(*Conn) {})
			w.Run(time.Minute, func() bool { return false })
		},
		"srv does not listen: core: port 443 of host srv is in use": func(w *World, cli, srv *Host) {
			srv.Serve()
			srv.Serve()
			w.Run(time.Minute, func() bool { return false })
		},
		"a second life: the connection has ended": func(w *World, cli, srv *Host) {
			srv.Serve()
			var a *Ask
			cli.Dial(srv, func(c *Conn) {
				c.Close(0x100, "")
				w.At(time.Second, func() { a = cli.Ask(c, Plan{}, func(*Ask) {}) })
			})
			w.Run(time.Minute, func() bool { return a != nil && a.Err() != nil })
			if a.again {
				w.failf("a second life: the connection has ended")
			}
		},
	} {
		w := NewWorld(Options{Seed: 1})
		var hosts [2]*Host
		for i, name := range []string{"cli", "srv"} {
			h, err := w.Host(name, HostOptions{})
			if err != nil {
				t.Fatal(err)
			}
			hosts[i] = h
		}
		do(w, hosts[0], hosts[1])
		if err := w.Finish(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A server that is down when all is closed stays down.
func TestTheEndOfACrashedServer(t *testing.T) {
	w := NewWorld(Options{Seed: 1})
	srv, err := w.Host("srv", HostOptions{Down: link.Config{Delay: time.Second}}) // what the client says at the end is long on its way
	if err != nil {
		t.Fatal(err)
	}
	cli, err := w.Host("cli", HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	srv.Serve()
	done := false
	cli.Crowd(srv, 1, 1, []Plan{{Down: 1000}})
	w.At(10*time.Second, func() { srv.Crash(time.Millisecond, true); done = true })
	w.Run(time.Minute, func() bool { return done })
	if err := w.Finish(); err != nil || w.Tally().Requests != 1 {
		t.Errorf("%v, %+v", err, w.Tally())
	}
}

// A server that says goodbye tells so before it closes, also if no request is in progress: one that is on its way is asked
// again, since nobody has acted on it.
func TestAGoodbyeIsHeardBeforeTheClose(t *testing.T) {
	w := NewWorld(Options{Seed: 1})
	way := link.Config{Delay: 10 * time.Millisecond}
	var hosts [2]*Host
	for i, name := range []string{"srv", "cli"} {
		h, err := w.Host(name, HostOptions{Up: way, Down: way})
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = h
	}
	srv, cli := hosts[0], hosts[1]
	srv.Serve()
	first, late := Plan{Down: 10}, Plan{Down: 10, Start: time.Second + 5*time.Millisecond}
	cli.Crowd(srv, 1, 1, []Plan{first, late})
	idle := false
	w.Run(time.Minute, func() bool {
		if !idle && w.Tally().Requests == 1 {
			idle = true
			w.At(w.Now()+time.Second, srv.Goodbye)
		}
		return w.Tally().Requests == 2
	})
	if err := w.Finish(); err != nil || w.Tally().Again != 1 || w.Tally().Turned != 0 || w.Tally().Dials != 2 {
		t.Errorf("%v, %+v", err, w.Tally())
	}
}

// A path that carries less than the engine sends, and does not say so, is found out: the connection goes on with smaller
// datagrams, also when the path changes in the middle.
func TestAPathThatSwallowsLargeDatagrams(t *testing.T) {
	for name, way := range map[string]link.Config{
		"1300 bytes":            {Delay: 10 * time.Millisecond, MTU: 1300},
		"1200 bytes":            {Delay: 10 * time.Millisecond, MTU: 1200},
		"1300 after 100 ms":     {Delay: 10 * time.Millisecond, Rate: 10 * link.Mbit, MTUChanges: []link.MTUChange{{At: mono.Time(100 * time.Millisecond), MTU: 1300}}},
		"1300 with losses, too": {Delay: 10 * time.Millisecond, MTU: 1300, Loss: 0.05},
	} {
		w := NewWorld(Options{Seed: 1})
		srv, err := w.Host("srv", HostOptions{Up: way, Down: way})
		if err != nil {
			t.Fatal(err)
		}
		cli, err := w.Host("cli", HostOptions{})
		if err != nil {
			t.Fatal(err)
		}
		srv.Serve()
		cli.Crowd(srv, 1, 2, []Plan{{Down: 500_000}, {How: Store, Up: 500_000}})
		w.Run(30*time.Second, func() bool { return w.Tally().Requests == 2 })
		if err := w.Finish(); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}
