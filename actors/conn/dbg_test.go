package conn
import ("fmt")
func (p *pair) dump() {
	for _, s := range []*side{p.client, p.server} {
		c := s.conn
		fmt.Println(s.role, c.life.cause, "inflight", c.loss.BytesInFlight(), "again", c.streams.againBytes, "fresh", c.streams.freshBytes, "cwnd", c.cc.Window(), "news", c.streams.news.first!=nil, "probes", c.spaces[2].probes, "left", s.left, "ranges", c.spaces[2].received.ranges.Ranges(), "floor", c.spaces[2].received.floor, "next", c.loss.Next(2))
		for _, f := range s.order {
			if !f.left {
				r, _ := f.link.ConnRow.(*row)
				fmt.Println("  stream", f.link.ID, "acked", f.out.AllAcked(), "owes", f.out.Owes(), "unsent", f.out.Unsent(), "complete", f.in.Complete(), "finished", f.in.Finished(), "got", len(f.got), "ended", f.ended, "inflight up", f.link.Up.InFlight(), "down", f.link.Down.InFlight(), r != nil, f.owed.Ended, f.owes)
			}
		}
	}
}
