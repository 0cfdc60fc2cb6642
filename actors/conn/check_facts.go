package conn

import (
	"fmt"

	"quicpro/internal/buffer"
	"quicpro/wire"
)

// checkFacts asks whether what is believed to be in flight is in a packet whose fate is open: a fate that was not told
// would leave it there for ever.
func (c *Conn) checkFacts() error {
	retiring := map[uint64]bool{}
	for i := range c.spaces {
		sp := wire.Space(i)
		var carried buffer.RangeSet[wire.Offset]
		for pn, p, ok := c.loss.Outstanding(sp, 0); ok; pn, p, ok = c.loss.Outstanding(sp, pn+1) {
			c.each(&p.Content, sp, func(_ *Conn, _ wire.Space, f *fact) {
				switch f.kind {
				case factCrypto:
					carried.Add(wire.Offset(f.at), wire.Offset(f.at)+wire.Offset(f.size))
				case factRetireID:
					retiring[f.at] = true
				}
			})
		}
		out := &c.crypto.levels[sp].out
		if out.Outstanding() == 0 {
			continue
		}
		inFlight := out.InFlight()
		for _, r := range inFlight.Ranges() {
			if !carried.ContainsRange(r.Lo, r.Hi) {
				return fmt.Errorf("conn: CRYPTO bytes [%d, %d) of the %v space are in flight, and in no packet", r.Lo, r.Hi, sp)
			}
		}
	}
	for _, e := range c.ids.peer.retiring {
		if e.told && !retiring[e.seq] {
			return fmt.Errorf("conn: the retirement of connection ID %d is in flight, and in no packet", e.seq)
		}
	}
	return nil
}
