//go:build race

package h3

// raceEnabled: under the race detector pools forget, and allocations cannot be counted.
const raceEnabled = true
