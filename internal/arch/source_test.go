package arch

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "quicpro"

// project is the source of a module, parsed.
type project struct {
	packages map[string]*pkg // by path inside the module
	files    []*file         // all of them, those of nested modules too
}

type pkg struct {
	path  string
	files []*file // those of the main module

	checked bool
	types   *types.Package
	info    *types.Info
	faults  []string // why it does not type-check
}

type file struct {
	name   string // path inside the module, with slashes
	lines  int
	test   bool
	nested bool // belongs to a module of its own
	other  bool // is built for other systems only
	ast    *ast.File
}

var (
	fset = token.NewFileSet()

	// outside imports everything that is not the module's, from source: that needs neither export data nor a build.
	outside = sync.OnceValue(func() types.ImporterFrom {
		build.Default.CgoEnabled = false // the types of net do not depend on it, and cgo is slow
		return importer.ForCompiler(fset, "source", nil).(types.ImporterFrom)
	})

	// here is the project that the test is part of. It is read once.
	here = sync.OnceValues(func() (*project, error) {
		sources, nested, err := read("../..")
		if err != nil {
			return nil, err
		}
		return parse(sources, nested)
	})
)

// the returns the project that the test is part of.
func the(t *testing.T) *project {
	t.Helper()
	p, err := here()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// clean reports what a check found.
func clean(t *testing.T, violations []string) {
	t.Helper()
	slices.Sort(violations)
	for _, v := range slices.Compact(violations) {
		t.Error(v)
	}
}

// read collects the Go files below root by their slashed path, and the folders that are modules of their own.
func read(root string) (sources map[string]string, nested []string, err error) {
	sources = map[string]string{}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		base := path.Base(rel)
		switch {
		case d.IsDir() && rel != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case base == "go.mod" && rel != "go.mod":
			nested = append(nested, path.Dir(rel))
		case strings.HasSuffix(base, ".go"):
			text, err := os.ReadFile(name)
			sources[rel] = string(text)
			return err
		}
		return nil
	})
	return sources, nested, err
}

// parse makes a project of sources.
func parse(sources map[string]string, nested []string) (*project, error) {
	p := &project{packages: map[string]*pkg{}}
	for _, name := range sorted(sources) {
		text := sources[name]
		tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		f := &file{name: name, lines: strings.Count(text, "\n"), test: strings.HasSuffix(name, "_test.go"), ast: tree}
		f.other = !built(name, text)
		p.files = append(p.files, f)
		for _, n := range nested {
			f.nested = f.nested || strings.HasPrefix(name, n+"/")
		}
		if f.nested {
			continue
		}
		dir := path.Dir(name)
		if p.packages[dir] == nil {
			p.packages[dir] = &pkg{path: dir}
		}
		p.packages[dir].files = append(p.packages[dir].files, f)
	}
	return p, nil
}

// built reports whether a file is part of a build on this system.
func built(name, text string) bool {
	here := build.Default
	here.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	ok, err := here.MatchFile(path.Split(name))
	return ok || err != nil
}

// all returns the packages whose path is one of the patterns, in order. A pattern may end in "/...".
func (p *project) all(patterns ...string) []*pkg {
	var found []*pkg
	for _, name := range sorted(p.packages) {
		if matches(name, patterns) {
			found = append(found, p.packages[name])
		}
	}
	return found
}

// typed type-checks a package, tests aside, and what it needs of the module.
func (p *project) typed(k *pkg) *pkg {
	if k.checked {
		return k
	}
	k.checked = true
	var trees []*ast.File
	for _, f := range k.files {
		if !f.test && !f.other {
			trees = append(trees, f.ast)
		}
	}
	k.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{},
	}
	conf := types.Config{Importer: inside{p}, Error: func(err error) { k.faults = append(k.faults, err.Error()) }}
	k.types, _ = conf.Check(module+"/"+k.path, fset, trees, k.info)
	return k
}

// inside imports the module's packages from the project, and all others from outside.
type inside struct{ p *project }

func (i inside) Import(name string) (*types.Package, error) {
	rel, ours := strings.CutPrefix(name, module+"/")
	if !ours {
		return outside().ImportFrom(name, ".", 0)
	}
	k := i.p.packages[rel]
	if k == nil {
		return nil, fmt.Errorf("no package %s", name)
	}
	if k.checked && k.types == nil {
		return nil, fmt.Errorf("import cycle through %s", name)
	}
	if i.p.typed(k); len(k.faults) > 0 {
		return nil, fmt.Errorf("%s is broken: %s", name, k.faults[0])
	}
	return k.types, nil
}

// at says where a node is.
func at(n ast.Node) string {
	p := fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// matches reports whether name is one of the patterns.
func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if below, ok := strings.CutSuffix(p, "/..."); ok {
			return name == below || strings.HasPrefix(name, below+"/")
		}
		return name == p
	})
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
