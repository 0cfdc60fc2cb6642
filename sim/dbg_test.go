package sim

import "testing"

func TestDbg(t *testing.T) {
	for range 30 {
		for _, s := range []Seed{22, 171, 271} {
			Run(t, s, swarm, Verify())
		}
	}
}
