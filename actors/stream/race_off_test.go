//go:build !race

package stream

// raceEnabled says that sync.Pool drops at random, so that allocation counts mean nothing.
const raceEnabled = false
