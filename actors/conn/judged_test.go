package conn

import (
	"fmt"
	"testing"
	"time"

	"quicpro/internal/race"
	"quicpro/sim/core/oracle"
	"quicpro/wire"
)

// Whatever the network does, conn keeps the rules of a model peer that knows nothing but the trace, to the byte in flight
// and to the millisecond of an ACK.
func TestAModelPeerFindsNothing(t *testing.T) {
	for name, l := range map[string]link{
		"clean":       {delay: 5 * time.Millisecond},
		"lossy":       {delay: 3 * time.Millisecond, loss: 20, reorder: 10},
		"reordering":  {delay: 20 * time.Millisecond, reorder: 30},
		"duplicating": {delay: 3 * time.Millisecond, dup: 20},
		"all at once": {delay: 3 * time.Millisecond, loss: 10, reorder: 20, dup: 10},
	} {
		for seed := range uint64(race.Fewer(t, 6, 1)) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				book := oracle.New(oracle.Options{AckMargin: 2 * time.Millisecond, ProbeMargin: 10 * time.Millisecond})
				p := newPair(t, seed, func(c *Config) { c.Trace = book.Open(c.Role.String()+" the connection", c.Role) })
				p.check = func() { book.Check(p.now) }
				defer func() { // whatever else fails
					book.Finish()
					for _, v := range book.Violations() {
						t.Error(&v)
					}
				}()
				p.link = l
				p.connect()
				p.manyRequests(300)
				f := p.client.open(wire.MakeStreamID(wire.Client, false, 300))
				f.write(pattern(150_000, 1), true)
				if !p.until(time.Minute, f.out.AllAcked) {
					t.Error("the bytes were not acknowledged")
				}
				p.link = link{delay: l.delay}
				p.quiet()
				p.close()
			})
		}
	}
}
