package arch

import (
	"maps"
	"strings"
	"testing"
)

// small is a project of two rooms in which every check finds nothing.
var small = map[string]string{
	"internal/actor/actor.go": `package actor

type Port[M any] struct{}

func (Port[M]) Send(M) {}

type Mailbox[M any] struct{ c chan M }

func (Mailbox[M]) Send(M) {}

type Cell struct{}

func (*Cell) Ring() {}
`,
	"actors/port/doc.go": `// Package port holds the edges.
//
//	from    to      messages            in flight
//	timer   conn    Pong, Stop          1
//	timer   any     Fired               1
//	conn    timer   Ping, More,         2
//	                Cell (home)         1
//	conn    app     News                1
package port
`,
	"actors/port/edges.go": `package port

import "quicpro/internal/actor"

type ToConn interface{ toConn() }
type ToTimer interface{ toTimer() }

type Ping struct{}
type More struct{}
type Cell struct{}
type Pong struct{}
type Fired struct{}
type Stop struct{}
type News struct{}
type Outlet struct{ News actor.Mailbox[*News] }

func (*Ping) toTimer() {}
func (*More) toTimer() {}
func (*Cell) toTimer() {}
func (*Pong) toConn()  {}
func (*Fired) toConn() {}
func (*Stop) toConn()  {}

func (*Pong) Release() {}

type Limits struct {
	Streams, Bytes int
}
`,
	"actors/conn/doc.go": `// Package conn answers every Pong with a Ping,
// in two rooms at most.
//
// Owns:      nothing      but its name
// Receives:  Pong         from timer
// Receives:  Fired        from timer
// Receives:  Stop         from timer
// Sends:     Ping         to timer
// Sends:     More         to timer
// Sends:     Cell         to timer
// Sends:     News         to the app
// Dies:      never
// RFC:       9000
//
// There is more to say.
package conn
`,
	"actors/conn/actor.go": `package conn

import (
	"math/rand/v2"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

type Conn struct {
	out  actor.Port[port.ToTimer]
	news port.Outlet
	seen map[int]bool
	list []int
}

func (c *Conn) Handle(now time.Duration, m port.ToConn) {
	switch m := m.(type) {
	case *port.Pong:
		m.Release()
		c.out.Send(&port.Ping{})
	case *port.Fired, *port.Stop:
		c.tell(&port.More{})
	}
}

func (c *Conn) tell(m *port.More) {
	c.out.Send(m)
	c.out.Send(&port.Cell{})
	for range c.list {
		c.news.News.Send(new(port.News))
	}
	rand.New(rand.NewPCG(1, 2)).IntN(3)
}
`,
	"actors/timer/doc.go": `// Package timer answers.
//
// Owns:      nothing
// Receives:  Ping         from conn
// Receives:  More         from conn
// Receives:  Cell         from conn
// Sends:     Pong         to conn
// Sends:     Stop         to conn
// Sends:     Fired        to the room that armed
// Dies:      never
// RFC:       9000
package timer
`,
	"actors/timer/actor.go": `package timer

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
)

type Timer struct {
	out  actor.Port[port.ToConn]
	cell *actor.Cell
}

func (t *Timer) Handle(m port.ToTimer) {
	switch m.(type) {
	case *port.Ping, *port.More:
		t.out.Send(&port.Pong{})
		t.cell.Ring()
	case *port.Cell:
		t.out.Send(&port.Stop{})
	}
}
`,
	"engine/limits.go": `package engine

import "quicpro/actors/port"

var limits = port.Limits{
	Streams: 1,
	Bytes:   2,
}
`,
	"wire/wire.go": "package wire\n",
}

var checks = map[string]func(*project) []string{
	"imports": imports, "bans": bans, "sizes": sizes, "cards": cards, "shape": portShape, "table": portTable,
	"received": portReceived, "edges": portEdges, "limits": limitsSet, "pure": pure,
}

func TestTheSmallProjectIsClean(t *testing.T) {
	p, err := parse(small, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sorted(checks) {
		if bad := checks[name](p); len(bad) > 0 {
			t.Errorf("%s: %q", name, bad)
		}
	}
}

// planted are violations: in a file of the small project, old is replaced by new, or new is a new file.
var planted = []struct{ check, file, old, new, want string }{
	{"imports", "wire/wire.go", "package wire", "package wire\n\nimport _ \"quicpro/actors/port\"", "wire may not import quicpro/actors/port"},
	{"imports", "wire/wire.go", "package wire", "package wire\n\nimport _ \"golang.org/x/sys/unix\"", "third-party"},
	{"imports", "wire/wire.go", "package wire", "package wire\n\nimport _ \"testing\"", "only sim imports testing"},
	{"imports", "sim/core/script/run.go", "", "package script\n\nimport _ \"testing\"", "only sim imports testing"},
	{"imports", "sim/core/script/run.go", "", "package script\n\nimport _ \"quicpro/sim\"", "sim/core/script may not import quicpro/sim"},
	{"imports", "cmd/quicpro/sim.go", "", "package main\n\nimport _ \"quicpro/sim\"", "cmd/quicpro may not import quicpro/sim"},
	{"imports", "cmd/quicpro/sim.go", "", "package main\n\nimport _ \"quicpro/sim/core/script\"", ""},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"quicpro/actors/conn\"", "the graph has no such arrow"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"net\"", "may not import net:"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"net/http\"", "may not import net/http"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"os\"", "may not import os"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"sync/atomic\"", "may not import sync/atomic"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"crypto/rand\"", "randomness is an argument"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"unsafe\"", "may not import unsafe"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"runtime\"", "no finalizers"},
	{"imports", "actors/timer/actor.go", "import (", "import (\n\t_ \"context\"", "no context reaches a room"},
	{"imports", "actors/timer/actor_test.go", "", "package timer\n\nimport _ \"github.com/quic-go/quic-go\"", "third-party"},
	{"pure", "actors/qpack/doc.go", "", "// Package qpack codes.\n//\n// Receives:  Ping   from conn\npackage qpack", "actors/qpack has become a room"},
	{"imports", "internal/util/util.go", "", "package util", "internal/util is not in the import graph"},

	{"bans", "actors/conn/actor.go", "m.Release()", "go m.Release()", "a go statement"},
	{"bans", "actors/conn/actor.go", "m.Release()", "select {}", "a select"},
	{"bans", "actors/conn/actor.go", "m.Release()", "make(chan int) <- 1", "a channel send"},
	{"bans", "actors/conn/actor.go", "m.Release()", "<-make(chan int)", "a channel receive"},
	{"bans", "actors/conn/actor.go", "m.Release()", "var c chan int; for range c {}", "a range over a channel"},
	{"bans", "actors/conn/actor.go", "m.Release()", "_ = make(chan int)", "a make of a channel"},
	{"bans", "actors/conn/actor.go", "m.Release()", "var c chan int; close(c)", "a close of a channel"},
	{"bans", "actors/conn/actor.go", "range c.list", "range c.seen", "a range over a map"},
	{"bans", "actors/conn/actor.go", "type Conn struct", "func f[M ~map[int]int](m M) {\n\tfor range m {\n\t}\n}\n\ntype Conn struct", "a range over a map"},
	{"bans", "actors/conn/actor.go", "m.Release()", "_ = time.Now()", "time.Now"},
	{"bans", "actors/conn/actor.go", "m.Release()", "f := time.Since; _ = f", "time.Since"},
	{"bans", "actors/conn/actor.go", "m.Release()", "_ = time.NewTimer(1)", "time.NewTimer"},
	{"bans", "actors/conn/actor.go", "m.Release()", "_ = time.After(1)", "time.After"},
	{"bans", "actors/conn/actor.go", "m.Release()", "time.Sleep(1)", "time.Sleep"},
	{"bans", "actors/conn/actor.go", "m.Release()", "_ = rand.IntN(3)", "the global source of chance"},
	{"bans", "actors/conn/clock.go", "", "package conn\n\nimport . \"time\"\n\nvar born = Now()", "time.Now"},
	{"bans", "actors/conn/order.go", "", "package conn\n\nimport \"maps\"\n\nvar order = maps.Keys(map[int]int{})", "maps.Keys"},
	{"bans", "internal/flow/flow.go", "", "package flow\n\nimport chance \"math/rand\"\n\nvar x = chance.Int()", "math/rand.Int"},
	{"bans", "actors/conn/actor.go", "m.Release()", "m.Nonsense()", "actors/conn does not type-check"},

	{"sizes", "wire/wire.go", "package wire", "package wire" + strings.Repeat("\n", 501), "more than 500"},

	{"cards", "actors/timer/doc.go", "Package timer answers.", "Timers answer", "the first sentence"},
	{"cards", "actors/timer/doc.go", "// Dies:      never\n", "", "no line Dies"},
	{"cards", "actors/timer/doc.go", "// Owns:      nothing\n", "// Has:       nothing\n", "is no line of a card"},
	{"cards", "actors/timer/doc.go", "Receives:  More ", "Receives:  More, Ping ", "the name of one message"},
	{"cards", "actors/timer/doc.go", "Receives:  More ", "Receives:  Ping ", "listed twice"},
	{"cards", "actors/timer/doc.go", "// Receives:  More         from conn\n", "", "does receive More, the card does not say so"},
	{"cards", "actors/timer/doc.go", "// Sends:     Stop         to conn\n", "", "does send Stop, the card does not say so"},
	{"cards", "actors/timer/doc.go", "// Sends:     Fired        to the room that armed\n", "", "does send Fired"},
	{"cards", "actors/timer/actor.go", "case *port.Ping, *port.More:", "case *port.Ping:", "the card says that More is received"},
	{"cards", "actors/timer/actor.go", "t.out.Send(&port.Stop{})", "", "the card says that Stop is sent"},
	{"cards", "actors/timer/actor.go", "t.out.Send(&port.Stop{})", "var m port.ToConn; t.out.Send(m)", "not known here"},
	{"cards", "actors/timer/actor.go", "t.out.Send(&port.Stop{})", "f := t.out.Send; f(&port.Stop{})", "hides its messages"},
	{"cards", "actors/qpack/code.go", "", "package qpack", "there is no card"},

	{"shape", "actors/port/edges.go", "package port", "package port" + strings.Repeat("\n", 151), "more than 150"},
	{"shape", "actors/port/edges.go", "func (*Pong) Release() {}", "func (*Pong) Parse() {}", "Pong.Parse"},
	{"shape", "actors/port/edges.go", "func (*Pong) Release() {}", "func (*Pong) Reuse() {}", "Pong.Reuse"},
	{"shape", "actors/port/edges.go", "func (*Pong) Release() {}", "func Parse() {}", "no functions but constructors"},
	{"shape", "actors/port/edges.go", "func (*Ping) toTimer() {}", "func (Ping) toTimer() {}", "its receiver a pointer"},
	{"shape", "actors/port/edges.go", "func (*Ping) toTimer() {}", "func (*Ping) toTimer() { panic(1) }", "a marker is empty"},

	{"table", "actors/port/doc.go", "Ping, More, ", "Ping,       ", "lacks the message More"},
	{"table", "actors/port/doc.go", "News ", "     ", "a row without a message"},
	{"table", "actors/port/doc.go", "Pong, Stop", "Pang, Stop", "lists Pang, which is no message"},
	{"table", "actors/port/doc.go", "from    to ", "where   to?", "the table begins with"},

	{"received", "actors/port/edges.go", "func (*Ping) toTimer() {}", "func (*Ping) toTimer() {}\n\nfunc (*Ping) toConn() {}", "Ping may reach conn"},
	{"received", "engine/room.go", "", `package engine

import "quicpro/actors/port"

type endpoint struct{}

func (endpoint) Handle(now int, m port.ToTimer) {
	switch m.(type) {
	case *port.Ping:
	}
}`, ""},

	{"edges", "actors/port/doc.go", "timer   any ", "reader  any ", "timer sends Fired to any"},
	{"edges", "actors/port/doc.go", "conn    app ", "conn    timer", "conn sends News to app"},
	{"edges", "actors/port/doc.go", "Pong, Stop", "Pong, Stop, Ping", "the table says that timer sends Ping to conn"},

	{"limits", "engine/limits.go", "\tBytes:   2,\n", "", "no value to port.Limits.Bytes"},
}

func TestPlantedViolationsAreFound(t *testing.T) {
	for _, c := range planted {
		sources := maps.Clone(small)
		if c.old == "" {
			sources[c.file] = c.new + "\n"
		} else if sources[c.file] = strings.Replace(small[c.file], c.old, c.new, 1); sources[c.file] == small[c.file] {
			t.Errorf("%s: %q is not in the small project", c.file, c.old)
			continue
		}
		p, err := parse(sources, nil)
		if err != nil {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		bad := strings.Join(checks[c.check](p), "\n")
		switch {
		case c.want == "" && bad != "":
			t.Errorf("%s in %s with %q: found %q, want nothing", c.check, c.file, c.new, bad)
		case !strings.Contains(bad, c.want):
			t.Errorf("%s in %s with %q: found %q, want %q", c.check, c.file, c.new, bad, c.want)
		}
	}
}

func TestGeneratedFilesAndTestsMayBeLong(t *testing.T) {
	long := strings.Repeat("\n", 600)
	p, err := parse(map[string]string{
		"wire/table.go":     "// Code generated by hand from RFC 7541. DO NOT EDIT.\n\npackage wire\n" + long,
		"wire/wire_test.go": "package wire\n" + long,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, sizes(p))
}

func TestNestedModulesAreOutsideTheGraph(t *testing.T) {
	p, err := parse(map[string]string{"bench/main.go": "package main\n\nimport _ \"github.com/quic-go/quic-go\"\n"}, []string{"bench"})
	if err != nil {
		t.Fatal(err)
	}
	clean(t, imports(p))
	if len(p.files) != 1 {
		t.Error("the file of a nested module was not read")
	}
}
