package engine

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The comments of Limits tell embedders the defaults.
func TestTheCommentsOfLimitsTellTheDefaults(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../actors/port/world.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range file.Scope.Lookup("Limits").Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
		value := reflect.ValueOf(defaultLimits).FieldByName(f.Names[0].Name).Interface()
		if want := written(value); !strings.HasPrefix(f.Comment.Text(), want+": ") {
			t.Errorf("%s is %s, but its comment is %q", f.Names[0], want, f.Comment.Text())
		}
		seen++
	}
	if n := reflect.TypeOf(defaultLimits).NumField(); seen != n {
		t.Errorf("%d fields, want %d", seen, n)
	}
}

// written is how the comments write a value.
func written(value any) string {
	n, number := value.(int)
	switch {
	case !number:
		return value.(time.Duration).String()
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprint(n)
}
