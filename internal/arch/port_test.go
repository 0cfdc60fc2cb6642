package arch

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	portPath     = "actors/port"
	maxPortLines = 150
)

// portMethods are the methods that anything in port may have beside its markers: they free, empty or lend a record, or
// make an error of it. Those of one type alone are named with it.
var portMethods = []string{"Release", "Reset", "Retain", "Error", "Unwrap", "String", "RxBatch.Reuse", "Answers.Parcel", "Exchange.Done", "Cause.Graceful"}

// table is the table of edges in port's doc.go.
type table []edgeRow

type edgeRow struct {
	from, to string
	messages []string
}

func TestPortIsEdgesAndNothingElse(t *testing.T) { clean(t, portShape(the(t))) }
func TestEveryMessageIsListed(t *testing.T)      { clean(t, portTable(the(t))) }
func TestEveryMessageIsReceived(t *testing.T)    { clean(t, portReceived(the(t))) }
func TestTheEdgesAreThoseOfTheTable(t *testing.T) {
	clean(t, portEdges(the(t)))
}
func TestEveryLimitHasAValue(t *testing.T) { clean(t, limitsSet(the(t))) }

// portShape checks the size of port's files and what they declare.
func portShape(p *project) (bad []string) {
	for _, f := range p.packages[portPath].files {
		if f.test {
			continue
		}
		if f.lines > maxPortLines {
			bad = append(bad, fmt.Sprintf("%s has %d lines, more than %d", f.name, f.lines, maxPortLines))
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := fn.Name.Name
			of := receiver(fn)
			switch {
			case fn.Recv == nil && !strings.HasPrefix(name, "New"):
				bad = append(bad, at(fn)+": port has no functions but constructors: "+name)
			case marker(fn) != "" && (len(fn.Body.List) > 0 || !pointer(fn)):
				bad = append(bad, at(fn)+": a marker is empty and its receiver a pointer: "+name)
			case fn.Recv != nil && marker(fn) == "" && !slices.Contains(portMethods, name) && !slices.Contains(portMethods, of+"."+name):
				bad = append(bad, at(fn)+": port has no methods but markers and those that free a record: "+of+"."+name)
			}
		}
	}
	return bad
}

// marker is the room that a marker method admits its type to: "conn" for toConn.
func marker(fn *ast.FuncDecl) string {
	to, ok := strings.CutPrefix(fn.Name.Name, "to")
	if fn.Recv == nil || !ok || !ast.IsExported(to) {
		return ""
	}
	return strings.ToLower(to)
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func pointer(fn *ast.FuncDecl) bool {
	_, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
	return ok
}

// mailboxes are the types that bring messages to app tasks.
var mailboxes = []string{"Mailbox", "QuietMailbox"}

// messages are all message types of port, each with the rooms that its markers admit it to; "app" if a mailbox carries
// it.
func messages(p *project) map[string][]string {
	found := map[string][]string{}
	p.packages[portPath].inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if to := marker(n); to != "" {
				found[receiver(n)] = append(found[receiver(n)], to)
			}
		case *ast.IndexExpr: // actor.Mailbox[*T]
			sel, ok := n.X.(*ast.SelectorExpr)
			star, ok2 := n.Index.(*ast.StarExpr)
			if !ok || !ok2 || !slices.Contains(mailboxes, sel.Sel.Name) {
				return
			}
			if id, ok := star.X.(*ast.Ident); ok && !slices.Contains(found[id.Name], "app") {
				found[id.Name] = append(found[id.Name], "app")
			}
		}
	})
	return found
}

// portTable compares the table with the message types.
func portTable(p *project) (bad []string) {
	rows, faults := tableOf(p)
	all := messages(p)
	listed := map[string]bool{}
	for _, r := range rows {
		for _, m := range r.messages {
			listed[m] = true
			if all[m] == nil {
				faults = append(faults, portPath+"/doc.go: the table lists "+m+", which is no message")
			}
		}
	}
	for _, m := range sorted(all) {
		if !listed[m] {
			faults = append(faults, portPath+"/doc.go: the table lacks the message "+m)
		}
	}
	return faults
}

var exported = regexp.MustCompile(`\b[A-Z]\w*`)

// tableOf reads the table. Its columns are those of the header; a row without from and to continues the one before.
func tableOf(p *project) (rows table, bad []string) {
	var doc string
	for _, f := range p.packages[portPath].files {
		if path.Base(f.name) == "doc.go" && f.ast.Doc != nil {
			doc = f.ast.Doc.Text()
		}
	}
	to, first, end := -1, -1, -1
	for line := range strings.Lines(doc) {
		line, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "\t")
		if !indented {
			continue
		}
		if first < 0 {
			to, first, end = strings.Index(line, "to "), strings.Index(line, "messages"), strings.Index(line, "in flight")
			if to < 0 || first < to || end < first {
				return nil, []string{portPath + "/doc.go: the table begins with from, to, messages, in flight"}
			}
			continue
		}
		line += strings.Repeat(" ", max(0, end-len(line)))
		r := edgeRow{strings.TrimSpace(line[:to]), strings.TrimSpace(line[to:first]), exported.FindAllString(line[first:end], -1)}
		switch {
		case r.from == "" && len(rows) > 0:
			last := &rows[len(rows)-1]
			last.messages = append(last.messages, r.messages...)
		case len(r.messages) == 0:
			bad = append(bad, fmt.Sprintf("%s/doc.go: a row without a message: %q", portPath, line))
		default:
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		bad = append(bad, portPath+"/doc.go: there is no table of edges")
	}
	return rows, bad
}

// portReceived checks that some room of each kind takes every message that its marker admits.
func portReceived(p *project) (bad []string) {
	taken := map[string]bool{"app": true} // by a mailbox, whatever it carries
	for _, k := range rooms(p) {
		for _, r := range receipts(p.typed(k)) {
			taken[r.to+" "+r.message] = true
		}
	}
	for _, k := range p.all("engine") {
		engineReceipts(k, taken)
	}
	for _, m := range sorted(messages(p)) {
		for _, to := range messages(p)[m] {
			if to != "app" && !taken[to+" "+m] {
				bad = append(bad, fmt.Sprintf("%s: %s may reach %s, where no room takes it", portPath, m, to))
			}
		}
	}
	return bad
}

// engineReceipts adds what the engine's rooms take. The engine is not type-checked: a room's Handle names its marker
// and its messages as port.X.
func engineReceipts(k *pkg, taken map[string]bool) {
	k.inspect(func(n ast.Node) {
		fn, ok := n.(*ast.FuncDecl)
		if !ok || fn.Recv == nil || fn.Name.Name != "Handle" || len(fn.Type.Params.List) < 2 {
			return
		}
		to, ok := strings.CutPrefix(inPort(fn.Type.Params.List[len(fn.Type.Params.List)-1].Type), "To")
		if !ok {
			return
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				for _, e := range c.List {
					if star, ok := e.(*ast.StarExpr); ok {
						taken[strings.ToLower(to)+" "+inPort(star.X)] = true
					}
				}
			}
			return true
		})
	})
}

// inPort is X of port.X.
func inPort(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if id, ok := sel.X.(*ast.Ident); !ok || id.Name != "port" {
		return ""
	}
	return sel.Sel.Name
}

// roomsIn are the names that the table has for the rooms of a package.
func roomsIn(k *pkg) []string {
	if k.path == "actors/crypto" {
		return []string{"protect", "handshake"}
	}
	return []string{path.Base(k.path)}
}

// portEdges compares what the rooms send with the table, both ways.
func portEdges(p *project) (bad []string) {
	rows, _ := tableOf(p)
	for _, k := range rooms(p) {
		names := roomsIn(k)
		all, _ := sends(p.typed(k))
		for _, s := range all {
			if !slices.ContainsFunc(rows, func(r edgeRow) bool {
				return slices.Contains(names, r.from) && leads(r.to, s.to) && slices.Contains(r.messages, s.message)
			}) {
				bad = append(bad, fmt.Sprintf("%s: %s sends %s to %s, which the table of edges does not list", at(s.where), names[0], s.message, s.to))
			}
		}
		for _, r := range rows {
			for _, m := range r.messages {
				if slices.Contains(names, r.from) && !slices.ContainsFunc(all, func(s traffic) bool { return leads(r.to, s.to) && s.message == m }) {
					bad = append(bad, fmt.Sprintf("%s/doc.go: the table says that %s sends %s to %s; the code does not", portPath, r.from, m, r.to))
				}
			}
		}
	}
	return bad
}

// leads reports whether a row's to means a room.
func leads(to, room string) bool { return to == room || to == "all" || to == "any" }

// limitsSet checks that the engine gives every field of port.Limits a value.
func limitsSet(p *project) (bad []string) {
	fields := map[string]bool{}
	p.packages[portPath].inspect(func(n ast.Node) {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Limits" {
			return
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for _, id := range f.Names {
				fields[id.Name] = true
			}
		}
	})
	if len(fields) == 0 {
		return []string{portPath + " has no Limits"}
	}
	for _, k := range p.all("engine") {
		for _, f := range k.files {
			if f.name != "engine/limits.go" {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if !ok || inPort(lit.Type) != "Limits" {
					return true
				}
				for _, e := range lit.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						delete(fields, kv.Key.(*ast.Ident).Name)
					}
				}
				return true
			})
		}
	}
	for _, f := range sorted(fields) {
		bad = append(bad, "engine/limits.go gives no value to port.Limits."+f)
	}
	return bad
}
