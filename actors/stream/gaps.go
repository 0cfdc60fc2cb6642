package stream

import "quicpro/internal/actor"

// gaps is a stream's share of the gaps in the received data of its connection. A gap costs memory that no flow control
// pays for, and a peer may open many streams: so their sum has a bound too.
type gaps struct {
	all  *actor.Count // of the connection; nil: not counted
	most int64        // 0: no bound
	own  int
}

// count notes how many there are in this stream. It reports false if there are too many in all.
func (g *gaps) count(n int) bool {
	if g.all == nil || n == g.own {
		return true
	}
	sum := g.all.Add(int64(n - g.own))
	more := n > g.own
	g.own = n
	return !more || g.most == 0 || sum <= g.most
}
