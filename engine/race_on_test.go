//go:build race

package engine

// raceEnabled: under the race detector pools forget, and allocations cannot be counted.
const raceEnabled = true
