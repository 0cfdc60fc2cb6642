package arch

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// row says what the packages of a pattern may import. The first row that fits a package is its row.
type row struct {
	packages string
	ours     []string // of the module
	others   []string // third-party; the standard library is always allowed, but for the bans below
}

// graph is DESIGN's import graph: wire, internal/actor < actors/port < actors/* < engine < api < cmd, and
// wire < internal/{recovery,congestion,flow,buffer} < actors/*. Rooms never import one another.
var graph = []row{
	{packages: "wire"},
	{packages: "wire/h3wire", ours: []string{"wire"}},
	{packages: "wire/qpackwire", ours: []string{"wire", "wire/h3wire"}},

	{packages: "internal/mono"},
	{packages: "internal/race"},
	{packages: "internal/actor", ours: []string{"internal/mono"}},
	{packages: "internal/buffer", ours: []string{"wire", "internal/mono", "internal/actor"}},
	{packages: "internal/recovery", ours: []string{"wire", "internal/mono"}},
	{packages: "internal/congestion", ours: []string{"wire", "internal/mono"}},
	{packages: "internal/flow", ours: []string{"wire", "internal/mono"}},
	{packages: "internal/udp", ours: []string{"internal/mono"}, others: []string{"golang.org/x/sys/..."}},
	{packages: "internal/qlog", ours: []string{"wire", "wire/h3wire", "internal/mono", "actors/port"}},
	{packages: "internal/arch"},

	{packages: "actors/port", ours: []string{"wire", "internal/mono", "internal/actor", "internal/buffer"}},
	{packages: "actors/conn", ours: append([]string{"internal/recovery", "internal/congestion", "internal/flow", "internal/buffer"}, room...)},
	{packages: "actors/crypto", ours: room, others: []string{"golang.org/x/crypto/..."}},
	{packages: "actors/stream", ours: append([]string{"internal/flow", "internal/buffer"}, room...)},
	{packages: "actors/timer", ours: room},
	// qpack may be imported for as long as it is no room: its pure calls are h3's.
	{packages: "actors/h3", ours: append([]string{"wire/h3wire", "wire/qpackwire", "actors/qpack"}, room...)},
	{packages: "actors/qpack", ours: append([]string{"wire/h3wire", "wire/qpackwire"}, room...)},

	{packages: "engine", ours: []string{"wire/...", "actors/...", "internal/..."}},
	{packages: "api", ours: []string{"engine", "actors/port", "wire", "wire/h3wire", "internal/actor", "internal/mono"}, others: []string{"golang.org/x/net/..."}},
	{packages: "sim/core/draw"},
	{packages: "sim/core/link", ours: []string{"wire", "internal/mono", "internal/udp", "sim/core/draw"}},
	// A model that judges the engine shares nothing with it but the trace and the parsers.
	{packages: "sim/core/oracle", ours: []string{"wire", "wire/h3wire", "actors/port", "internal/mono"}},
	{packages: "sim/core/picture", ours: []string{
		"wire", "wire/h3wire", "actors/port", "internal/mono", "internal/qlog", "internal/udp", "sim/core", "sim/core/link",
	}},
	// The command line has this: neither the facade nor testing is beneath it.
	{packages: "sim/core/...", ours: []string{"engine", "wire/...", "actors/...", "internal/...", "sim/core/..."}},
	{packages: "sim/...", ours: []string{"sim/...", "api", "engine", "wire/...", "actors/...", "internal/..."}},
	{packages: "cmd/...", ours: []string{"api", "engine", "sim/core/..."}, others: []string{
		"golang.org/x/net/...", "golang.org/x/term", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3",
	}},
	{packages: "examples/...", ours: []string{"api", "engine", "actors/port", "wire"}},
}

// room is what every room may import.
var room = []string{"wire", "actors/port", "internal/actor", "internal/mono"}

// inTests is what any test may import beside its package's own.
var inTests = []string{"github.com/google/go-cmp/...", "go.uber.org/goleak"}

// deterministic packages run the same way every time: the rooms, the cores they are made of, and the simulator's chance,
// links and model.
var deterministic = []string{
	"actors/...", "internal/recovery", "internal/congestion", "internal/flow", "internal/buffer",
	"sim/core/draw", "sim/core/link", "sim/core/oracle",
}

// bannedImports are the packages that a deterministic one may not name at all, with the reason.
var bannedImports = []struct{ pattern, why string }{
	{"net/netip", ""}, // addresses are values
	{"net/...", "only the engine does I/O"},
	{"os/...", "only the engine does I/O"},
	{"syscall", "only the engine does I/O"},
	{"log/...", "a core returns errors, a room emits Trace events"},
	{"sync/...", "a room needs no lock; what needs atomics is in internal/actor"},
	{"runtime/...", "no finalizers, no scheduler, no stacks"},
	{"crypto/rand", "randomness is an argument"},
	{"reflect", "it ranges over maps unseen"},
	{"unsafe", "no tricks with memory"},
}

// pureCalls are folders below actors that are no rooms as long as their card receives and sends nothing.
var pureCalls = []string{"actors/qpack"}

func TestTheImportGraphHolds(t *testing.T) { clean(t, imports(the(t))) }

func TestOnlyPureCallsAreImportedByARoom(t *testing.T) { clean(t, pure(the(t))) }

// pure checks that what a room imports below actors is no room itself.
func pure(p *project) (bad []string) {
	for _, k := range p.all(pureCalls...) {
		if c := cardOf(k); len(c.receives)+len(c.sends) > 0 {
			bad = append(bad, k.path+" has become a room: no other may import it")
		}
	}
	return bad
}

// imports checks the import graph.
func imports(p *project) (bad []string) {
	for _, k := range p.all(sorted(p.packages)...) {
		r := rowOf(k.path)
		if r == nil {
			bad = append(bad, fmt.Sprintf("%s is not in the import graph: give it a row", k.path))
			continue
		}
		for _, f := range k.files {
			for _, spec := range f.ast.Imports {
				name, _ := strconv.Unquote(spec.Path.Value)
				if why := forbidden(k, r, f, name); why != "" {
					bad = append(bad, fmt.Sprintf("%s: %s may not import %s: %s", at(spec), k.path, name, why))
				}
			}
		}
	}
	return bad
}

func rowOf(name string) *row {
	for i := range graph {
		if matches(name, []string{graph[i].packages}) {
			return &graph[i]
		}
	}
	return nil
}

// forbidden says why a file may not import a package, if so.
func forbidden(k *pkg, r *row, f *file, name string) string {
	rel, ours := strings.CutPrefix(name, module+"/")
	third := !ours && strings.Contains(strings.Split(name, "/")[0], ".")
	switch {
	case third && !matches(name, r.others) && !(f.test && matches(name, inTests)):
		return "its row does not list this third-party package"
	case f.test || third:
		return ""
	case ours && !matches(rel, r.ours):
		return "the graph has no such arrow"
	case ours:
		return ""
	case name == "testing" || strings.HasPrefix(name, "testing/"):
		if !matches(k.path, []string{"sim/..."}) || matches(k.path, []string{"sim/core/...", "sim/cclab"}) {
			return "only sim imports testing outside tests"
		}
		return ""
	case name == "context" && matches(k.path, deterministic) && k.path != "actors/crypto":
		return "no context reaches a room; handshake gives one to TLS callbacks"
	case matches(k.path, deterministic):
		return banned(name)
	}
	return ""
}

func banned(name string) string {
	for _, b := range bannedImports {
		if matches(name, []string{b.pattern}) {
			return b.why
		}
	}
	return ""
}
