//go:build race

package buffer

// raceEnabled says that sync.Pool drops at random, so that allocation counts mean nothing.
const raceEnabled = true
