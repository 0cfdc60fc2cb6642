package engine

import (
	"net/netip"
	"testing"
)

// What a script does instead of waiting is no way to use an engine that lives on this machine, and says so.
func TestScriptsNeedAStage(t *testing.T) {
	e := newTestEngine(t)
	for name, do := range map[string]func(){
		"StartH3":       func() { e.StartH3("x", netip.AddrPort{}, H3Config{}, nil) },
		"StartListenH3": func() { e.StartListenH3("x", ":0", H3Config{}, nil, nil) },
		"StartClose":    func() { e.StartClose("x") },
	} {
		func() {
			defer func() {
				if want := "engine: " + name + " is for scripts on a Stage: this engine's World is none"; recover() != want {
					t.Errorf("%s does not say that it needs a Stage", name)
				}
			}()
			do()
		}()
	}
}
