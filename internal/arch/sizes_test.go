package arch

import (
	"fmt"
	"go/ast"
	"testing"
)

// maxLines is how long a file may be. Tests and generated tables may be longer.
const maxLines = 500

func TestNoFileIsTooLong(t *testing.T) { clean(t, sizes(the(t))) }

// sizes checks the length of all files, those of nested modules too.
func sizes(p *project) (bad []string) {
	for _, f := range p.files {
		if f.lines > maxLines && !f.test && !ast.IsGenerated(f.ast) {
			bad = append(bad, fmt.Sprintf("%s has %d lines, more than %d", f.name, f.lines, maxLines))
		}
	}
	return bad
}
