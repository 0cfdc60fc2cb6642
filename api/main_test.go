package api

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"quicpro/engine"
)

// Whatever the tests start, they end, and every buffer comes home.
func TestMain(m *testing.M) {
	code := m.Run()
	e := engine.Default()
	_ = e.Close()
	if err := goleak.Find(); err != nil {
		fmt.Println(err)
		code = 1
	}
	if out := e.Outstanding(); out != (engine.Outstanding{}) {
		fmt.Printf("not home: %+v\n", out)
		code = 1
	}
	os.Exit(code)
}
