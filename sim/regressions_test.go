package sim

import (
	"fmt"
	"testing"
)

// Seeds that failed once, by what was wrong with the engine or with the simulator. What a seed draws changes with the swarm, so that
// each also has a test of its own, in the package that was wrong; that one is named.
func TestSeedsThatFailedOnce(t *testing.T) {
	hardest := WithOrder(Order{Shuffle: 1, Starve: 1})
	for _, c := range []struct {
		wrong   string
		seed    Seed
		body    func(*World)
		options []Option
	}{
		// crypto: TestAStrangersEarlyPacketDoesNotTakeTheOthersWithIt
		{"the path of the last early packet was that of all", 558, swarm, nil},
		// core: TestWhatIsBehindAllMailComesLast
		{"a stream's pump was left with a chunk of a connection that was over", 179, swarm, nil},
		{"a connection was over before its mail to app tasks was there", 3047, hostileWorld, nil},
		// sim: TestAHandshakeComesThroughTheSmallestPath
		{"a handshake's first flights were larger than the path", 2957, swarm, nil},
		// core: TestAClockThatDriftsNeverGoesBack
		{"a slow clock went back", 639, swarm, []Option{hardest}},
	} {
		t.Run(fmt.Sprintf("%s, seed %d", c.wrong, c.seed), func(t *testing.T) { Run(t, c.seed, c.body, c.options...) })
	}
}
