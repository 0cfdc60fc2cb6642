package arch

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// card is what a room's doc.go says of it. A package with two rooms has one card for both.
type card struct {
	faults   []string
	receives []string
	sends    []string
	lines    map[string]int // how many lines of each kind
}

var cardLine = regexp.MustCompile(`^(Owns|Receives|Sends|Dies|RFC):\s+(\S+)`)

func TestCardsAreTrue(t *testing.T) { clean(t, cards(the(t))) }

// A check that sees nothing finds nothing: each room of the design is there, and its traffic is seen.
func TestTheChecksSeeTheRooms(t *testing.T) {
	p := the(t)
	for _, name := range []string{"conn", "crypto", "h3", "stream", "timer"} {
		k := p.packages["actors/"+name]
		if k == nil {
			t.Errorf("there is no room %s", name)
			continue
		}
		in := receipts(p.typed(k))
		if out, _ := sends(k); len(in) < 2 || len(out) < 1 {
			t.Errorf("%s is seen to receive %d messages and to send %d", name, len(in), len(out))
		}
	}
	if rows, _ := tableOf(p); len(rows) < 20 {
		t.Errorf("the table of edges has %d rows", len(rows))
	}
}

// rooms are the packages with a card.
func rooms(p *project) []*pkg {
	return slices.DeleteFunc(p.all("actors/..."), func(k *pkg) bool { return k.path == "actors/port" })
}

// cards compares each room's card with its code.
func cards(p *project) (bad []string) {
	for _, k := range rooms(p) {
		c := cardOf(k)
		for _, f := range c.faults {
			bad = append(bad, k.path+"/doc.go: "+f)
		}
		p.typed(k)
		received, sent := map[string]bool{}, map[string]bool{}
		for _, r := range receipts(k) {
			received[r.message] = true
		}
		all, faults := sends(k)
		bad = append(bad, faults...)
		for _, s := range all {
			sent[s.message] = true
		}
		bad = append(bad, differ(k, "receive", c.receives, sorted(received))...)
		bad = append(bad, differ(k, "send", c.sends, sorted(sent))...)
	}
	return bad
}

func differ(k *pkg, verb string, said, done []string) (bad []string) {
	for _, m := range said {
		if !slices.Contains(done, m) {
			bad = append(bad, fmt.Sprintf("%s/doc.go: the card says that %s is %s, the code does not %s it", k.path, m, past(verb), verb))
		}
	}
	for _, m := range done {
		if !slices.Contains(said, m) {
			bad = append(bad, fmt.Sprintf("%s/doc.go: the code does %s %s, the card does not say so", k.path, verb, m))
		}
	}
	return bad
}

func past(verb string) string {
	if verb == "send" {
		return "sent"
	}
	return verb + "d"
}

// cardOf reads the card of a package.
func cardOf(k *pkg) card {
	c := card{lines: map[string]int{}}
	var text string
	for _, f := range k.files {
		if path.Base(f.name) == "doc.go" && f.ast.Doc != nil {
			text = f.ast.Doc.Text()
		}
	}
	if text == "" {
		c.faults = append(c.faults, "there is no card")
		return c
	}
	first, rest, _ := strings.Cut(text, "\n\n")
	name := path.Base(k.path)
	if !strings.HasPrefix(first, "Package "+name+" ") || !strings.HasSuffix(strings.TrimSpace(first), ".") {
		c.faults = append(c.faults, "the first sentence says what package "+name+" does, and ends")
	}
	card, _, _ := strings.Cut(rest, "\n\n")
	for line := range strings.Lines(card) {
		c.line(strings.TrimRight(line, "\n"))
	}
	for _, kind := range []string{"Owns", "Receives", "Sends", "Dies", "RFC"} {
		if c.lines[kind] == 0 {
			c.faults = append(c.faults, "the card has no line "+kind)
		}
	}
	if c.lines["Dies"] > 1 {
		c.faults = append(c.faults, "a room dies once")
	}
	return c
}

// line reads one line of a card.
func (c *card) line(line string) {
	m := cardLine.FindStringSubmatch(line)
	if m == nil {
		c.faults = append(c.faults, fmt.Sprintf("%q is no line of a card", line))
		return
	}
	kind, word := m[1], m[2]
	c.lines[kind]++
	list := &c.receives
	switch kind {
	case "Sends":
		list = &c.sends
	case "Receives":
	default:
		return
	}
	switch {
	case word == "none":
	case !ast.IsExported(word) || strings.Trim(word, letters) != "":
		c.faults = append(c.faults, fmt.Sprintf("%q begins with the name of one message", line))
	case slices.Contains(*list, word):
		c.faults = append(c.faults, word+" is listed twice as "+kind)
	default:
		*list = append(*list, word)
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// traffic is one message on one kind of edge.
type traffic struct {
	to      string // the receiving room: "conn" for port.ToConn; "app" for a mailbox; "any" for a ring
	message string
	where   ast.Node
}

// receipts are the cases of the type switches over messages.
func receipts(k *pkg) (found []traffic) {
	k.inspect(func(n ast.Node) {
		s, ok := n.(*ast.TypeSwitchStmt)
		if !ok {
			return
		}
		to := edge(k.info.TypeOf(subject(s)))
		if to == "" {
			return
		}
		for _, clause := range s.Body.List {
			for _, e := range clause.(*ast.CaseClause).List {
				if m := message(k.info.TypeOf(e)); m != "" {
					found = append(found, traffic{to, m, e})
				}
			}
		}
	})
	return found
}

// subject is x of switch m := x.(type).
func subject(s *ast.TypeSwitchStmt) ast.Expr {
	switch a := s.Assign.(type) {
	case *ast.AssignStmt:
		return a.Rhs[0].(*ast.TypeAssertExpr).X
	case *ast.ExprStmt:
		return a.X.(*ast.TypeAssertExpr).X
	}
	panic("arch: a type switch without a subject")
}

// sends are the calls of Send on ports and mailboxes; the ring of a cell sends Fired to the room that armed it.
func sends(k *pkg) (found []traffic, bad []string) {
	called := map[*ast.SelectorExpr]bool{}
	k.inspect(func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return
		}
		switch to := sender(k.info, sel); to {
		case "":
		case "any":
			called[sel] = true
			found = append(found, traffic{to, "Fired", call})
		default:
			called[sel] = true
			m := message(k.info.TypeOf(call.Args[0]))
			if m == "" {
				bad = append(bad, at(call)+": a Send whose message is not known here: give it a record's pointer")
				return
			}
			found = append(found, traffic{to, m, call})
		}
	})
	k.inspect(func(n ast.Node) {
		if sel, ok := n.(*ast.SelectorExpr); ok && !called[sel] && sender(k.info, sel) != "" {
			bad = append(bad, at(sel)+": a Send that is not called hides its messages")
		}
	})
	return found, bad
}

// sender says where a method sends to, if it is one that sends.
func sender(info *types.Info, sel *ast.SelectorExpr) (to string) {
	s := info.Selections[sel]
	if s == nil || s.Obj().Pkg() == nil || s.Obj().Pkg().Path() != module+"/internal/actor" {
		return ""
	}
	method, ok := s.Obj().(*types.Func)
	if !ok {
		return ""
	}
	of := method.Signature().Recv().Type()
	if p, ok := of.(*types.Pointer); ok {
		of = p.Elem()
	}
	named, ok := of.(*types.Named)
	if !ok {
		return ""
	}
	switch named.Obj().Name() + "." + method.Name() {
	case "Port.Send":
		if to = edge(named.TypeArgs().At(0)); to == "" {
			return "unknown"
		}
		return to
	case "Mailbox.Send", "QuietMailbox.Send":
		return "app"
	case "Cell.Ring":
		return "any"
	}
	return ""
}

// edge is the room that a marker interface of port leads to: "conn" for port.ToConn.
func edge(t types.Type) string {
	name := portName(t)
	if name == "" || !types.IsInterface(t) {
		return ""
	}
	to, ok := strings.CutPrefix(name, "To")
	if !ok {
		return ""
	}
	return strings.ToLower(to)
}

// message is the name of the record of port that a pointer leads to.
func message(t types.Type) string {
	if p, ok := t.(*types.Pointer); ok {
		return portName(p.Elem())
	}
	return ""
}

func portName(t types.Type) string {
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == module+"/actors/port" {
		return n.Obj().Name()
	}
	return ""
}

// inspect visits every node outside tests.
func (k *pkg) inspect(visit func(ast.Node)) {
	for _, f := range k.files {
		if !f.test {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if n != nil {
					visit(n)
				}
				return true
			})
		}
	}
}
