// Package race lets tests ask whether the race detector watches, which makes most of them five to ten times slower.
//
// Pools forget under it, so that allocations cannot be counted. What runs on one goroutine, or on goroutines that take turns,
// shows it the same accesses under every seed: there a few seeds do what many would. Everything else runs whole.
package race

// Test is a *testing.T or a *testing.B.
type Test interface {
	Helper()
	Logf(format string, args ...any)
}

// Fewer is how many repetitions a test makes: all, or, while the race detector watches, few, which it logs.
func Fewer(t Test, all, few int) int {
	if !Enabled {
		return all
	}
	t.Helper()
	t.Logf("under the race detector: %d instead of %d, which run without it", few, all)
	return few
}
