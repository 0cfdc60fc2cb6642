package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// bannedNames may not be used in a deterministic package.
var bannedNames = map[string][]string{
	"time":    {"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"},
	"maps":    {"All", "Keys", "Values"}, // the order of a map
	"context": {"WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause"},
}

func TestRoomsAndCoresAreDeterministic(t *testing.T) { clean(t, bans(the(t))) }

// bans checks what is forbidden inside the deterministic packages.
func bans(p *project) (bad []string) {
	for _, k := range p.all(deterministic...) {
		p.typed(k)
		for _, f := range k.faults {
			bad = append(bad, fmt.Sprintf("%s does not type-check: %s", k.path, f))
		}
		for _, f := range k.files {
			if f.test {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if why := ban(k.info, n); why != "" {
					bad = append(bad, at(n)+": "+why)
				}
				return true
			})
		}
	}
	return bad
}

// ban says what is forbidden about a node, if anything is.
func ban(info *types.Info, n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a go statement: only the engine starts goroutines"
	case *ast.SelectStmt:
		return "a select: a room has one inbox"
	case *ast.SendStmt:
		return "a channel send: messages leave by a Port"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "a channel receive: messages arrive in Handle"
		}
	case *ast.RangeStmt:
		switch t := info.TypeOf(n.X); {
		case t == nil:
		case anyOf[*types.Map](t):
			return "a range over a map: its order is not the same twice"
		case anyOf[*types.Chan](t):
			return "a range over a channel: messages arrive in Handle"
		}
	case *ast.CallExpr:
		return banCall(info, n)
	case *ast.Ident:
		return banName(info.Uses[n])
	}
	return ""
}

func banCall(info *types.Info, n *ast.CallExpr) string {
	id, ok := ast.Unparen(n.Fun).(*ast.Ident)
	if !ok || len(n.Args) == 0 {
		return ""
	}
	if _, ok := info.Uses[id].(*types.Builtin); !ok {
		return ""
	}
	if t := info.TypeOf(n.Args[0]); t != nil && anyOf[*types.Chan](t) && (id.Name == "make" || id.Name == "close") {
		return "a " + id.Name + " of a channel: only internal/actor has channels"
	}
	return ""
}

func banName(o types.Object) string {
	if o == nil || o.Pkg() == nil {
		return ""
	}
	f, ok := o.(*types.Func)
	if !ok || f.Signature().Recv() != nil {
		return ""
	}
	from := f.Pkg().Path()
	switch {
	case slices.Contains(bannedNames[from], f.Name()):
		return from + "." + f.Name() + ": time is an argument, and so is order"
	case (from == "math/rand" || from == "math/rand/v2") && !strings.HasPrefix(f.Name(), "New"):
		return from + "." + f.Name() + ": the global source of chance; randomness is an argument"
	}
	return ""
}

// anyOf reports whether a type is of kind T, or is a type parameter that may be.
func anyOf[T types.Type](t types.Type) bool {
	if _, ok := t.Underlying().(T); ok {
		return true
	}
	parameter, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		return false
	}
	limits, ok := parameter.Constraint().Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for each := range limits.EmbeddedTypes() {
		union, ok := each.(*types.Union)
		if !ok {
			if _, is := each.Underlying().(T); is {
				return true
			}
			continue
		}
		for term := range union.Terms() {
			if _, is := term.Type().Underlying().(T); is {
				return true
			}
		}
	}
	return false
}
