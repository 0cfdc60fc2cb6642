package conn

import (
	"fmt"

	"quicpro/internal/recovery"
	"quicpro/wire"
)

// checkWindow is how many rows Check looks at in each list.
const checkWindow = 4

// CheckAll is Check, and walks every sent packet, range and stream; see actor.AllChecker.
func (c *Conn) CheckAll() error {
	if err := c.Check(); err != nil || c.life.born.IsZero() || c.life.state != alive {
		return err
	}
	if err := c.loss.CheckAll(); err != nil {
		return err
	}
	for sp := range c.spaces {
		if err := c.spaces[sp].received.ranges.CheckAll(); err != nil {
			return fmt.Errorf("conn: received in the %v space: %w", wire.Space(sp), err)
		}
	}
	for i := range c.crypto.levels {
		if err := c.crypto.levels[i].in.CheckAll(); err != nil {
			return fmt.Errorf("conn: CRYPTO at %v: %w", wire.Space(i), err)
		}
		if err := c.crypto.levels[i].out.CheckAll(); err != nil {
			return fmt.Errorf("conn: at %v: %w", wire.Space(i), err)
		}
	}
	if err := c.checkStreams(1 << 30); err != nil {
		return err
	}
	if err := c.checkTable(); err != nil {
		return err
	}
	if err := c.checkSpills(); err != nil {
		return err
	}
	return c.checkFacts()
}

// checkStreams compares the counters of streams with one another, and walks the beginning of each list.
func (c *Conn) checkStreams(most int) error {
	s := &c.streams
	live := 0
	for d := range s.peer {
		p, l := &s.peer[d], &s.local[d]
		if err := p.Check(); err != nil {
			return fmt.Errorf("conn: streams of the peer: %w", err)
		}
		if l.live < 0 || l.opened > l.allowed || l.ended+uint64(l.live) > l.opened {
			// RFC 9000 s4.6.
			return fmt.Errorf("conn: streams of ours: %d live, %d ended, %d opened, %d allowed", l.live, l.ended, l.opened, l.allowed)
		}
		if !p.seen.Empty() && p.seen.Last().Hi > p.Opened() {
			return fmt.Errorf("conn: stream %d of the peer was spawned, %d are opened", p.seen.Last().Hi-1, p.Opened())
		}
		if uint64(l.live) > l.most {
			return fmt.Errorf("conn: %d streams of ours live, at most %d", l.live, l.most)
		}
		if l.granted > l.creditFor() {
			return fmt.Errorf("conn: h3 may open %d streams, %d are allowed, %d have ended", l.granted, l.allowed, l.ended)
		}
		if p.seen.Len() > most {
			live = -1
		}
		if live >= 0 {
			live += l.live + int(p.seen.Count()-p.Ended())
		}
	}
	if n := len(s.byID); s.live != n || n != len(s.rows)-len(s.table.free) || live >= 0 && live != n {
		return fmt.Errorf("conn: %d streams live; %d by ID, %d rows of which %d are free, %d by the counts of each kind", s.live, n, len(s.rows), len(s.table.free), live)
	}
	if n := c.flow.recv.Unread(); s.live == 0 && n > 0 {
		// RFC 9000 s4.1, s4.5: at its end all bytes of a stream are consumed, read or not.
		return fmt.Errorf("conn: no stream is left, and the credit of %d bytes has not returned", n)
	}
	if s.touched != 0 {
		return fmt.Errorf("conn: %d streams had data in a turn that is over", s.touched)
	}
	if s.news.first != nil {
		return fmt.Errorf("conn: stream %d has news that nobody delivers", s.news.first.id)
	}
	if err := s.checkList(&s.again, most); err != nil {
		return err
	}
	if err := s.checkList(&s.owing, most); err != nil {
		return err
	}
	fresh := false
	for i := range s.fresh {
		if s.fresh[i].first == nil {
			continue
		}
		fresh = true
		if u := s.fresh[i].first.urgency; int(u) != i {
			return fmt.Errorf("conn: stream %d of urgency %d waits among those of %d", s.fresh[i].first.id, u, i)
		}
		if err := s.checkList(&s.fresh[i], most); err != nil {
			return err
		}
	}
	if s.againBytes < 0 || (s.againBytes > 0) != (s.again.first != nil) || s.freshBytes < 0 || (s.freshBytes > 0) != fresh {
		return fmt.Errorf("conn: bytes queued: %d again, %d fresh; streams queued: %v, %v", s.againBytes, s.freshBytes, s.again.first != nil, fresh)
	}
	return nil
}

// checkList walks the first rows of a list.
func (s *streams) checkList(l *list, most int) error {
	var before *row
	for r := l.first; r != nil && most > 0; r = r.in(l.kind).next {
		if k := r.in(l.kind); k.in != l || k.prev != before || k.next == nil && l.last != r {
			return fmt.Errorf("conn: stream %d is in list %d without its links", r.id, l.kind)
		}
		if int(r.index) >= len(s.rows) || s.rows[r.index] != r || !r.joined() {
			return fmt.Errorf("conn: stream %d in list %d is not row %d", r.id, l.kind, r.index)
		}
		var here bool
		switch l.kind {
		case listAgain:
			here = !r.rare.again.empty()
		case listFresh:
			here = !r.fresh.empty()
		case listOwing:
			here = r.rare.owes.any()
		}
		if !here {
			return fmt.Errorf("conn: stream %d is in list %d with nothing to say", r.id, l.kind)
		}
		if r.toldTo > r.sentTo {
			return fmt.Errorf("conn: stream %d was told of %d sent bytes, there are %d", r.id, r.toldTo, r.sentTo)
		}
		before = r
		most--
	}
	return nil
}

// checkTable walks all rows.
func (c *Conn) checkTable() error {
	s, again, fresh, free := &c.streams, 0, 0, 0
	sent, received := wire.Offset(0), wire.Offset(0)
	for i, r := range s.rows {
		if r.index != uint32(i) {
			return fmt.Errorf("conn: row %d says it is %d", i, r.index)
		}
		if !r.used() {
			if free++; !r.rare.again.empty() || !r.fresh.empty() || r.rare.owes.any() || r.links != [rareLists]links{} {
				return fmt.Errorf("conn: row %d is free, and has something to send", i)
			}
			continue
		}
		if s.byID[r.id] != r || !r.joined() {
			return fmt.Errorf("conn: row %d, stream %d, is not found by its ID or link", i, r.id)
		}
		if r.rare.again.empty() != (r.in(listAgain).in == nil) || r.fresh.empty() != (r.links[listFresh].in == nil) || r.rare.owes.any() != (r.in(listOwing).in == &s.owing) {
			return fmt.Errorf("conn: stream %d is in lists for what it has not, or is missing", r.id)
		}
		if k := r.kept; k != nil && !k.WasReset() && k.AllAcked() {
			return fmt.Errorf("conn: stream %d keeps a message that the peer has", r.id)
		}
		a, err := r.rare.again.weigh(r, true)
		if err != nil {
			return err
		}
		f, err := r.fresh.weigh(r, false)
		if err != nil {
			return err
		}
		again, fresh = again+a, fresh+f
		sent, received = sent+r.sentTo, received+r.received
	}
	switch {
	case free != len(s.table.free):
		return fmt.Errorf("conn: %d rows are free, the list has %d", free, len(s.table.free))
	case again != s.againBytes || fresh != s.freshBytes:
		return fmt.Errorf("conn: bytes queued: %d again, %d fresh; the streams have %d, %d", s.againBytes, s.freshBytes, again, fresh)
	case c.flow.recv.Unread() > received:
		return fmt.Errorf("conn: the streams have received %d bytes, and the credit of %d has not returned", received, c.flow.recv.Unread())
	case sent > c.flow.send.Spent():
		// RFC 9000 s4.1: the sum over all streams.
		return fmt.Errorf("conn: the streams have sent %d bytes, of the connection's credit %d are spent", sent, c.flow.send.Spent())
	}
	return nil
}

// joined reports whether a row and its stream know each other, if it has not left.
func (r *row) joined() bool {
	if r.link == nil {
		return r.kept != nil
	}
	return r.link.ID == r.id && r.link.ConnRow == r
}

// weigh sums up a queue.
func (s *segments) weigh(r *row, again bool) (sum int, err error) {
	for i := s.head; i < len(s.q); i++ {
		g := &s.q[i]
		switch {
		case g.Chunk != nil && g.Chunk.Holders() <= 0:
			return 0, fmt.Errorf("conn: stream %d: the bytes to be sent at %d are in a chunk that nobody holds", r.id, g.Off)
		case again && g.Off+wire.Offset(len(g.B)) > r.sentTo:
			return 0, fmt.Errorf("conn: stream %d: bytes to %d are to be sent again, %d were sent", r.id, g.Off+wire.Offset(len(g.B)), r.sentTo)
		case g.Fresh && g.Off < r.sentTo:
			return 0, fmt.Errorf("conn: stream %d: bytes from %d were never sent, and %d were", r.id, g.Off, r.sentTo)
		}
		sum += weight(g)
	}
	return sum, nil
}

// checkSpills says whether every spill is free, or belongs to one packet whose fate is open.
func (c *Conn) checkSpills() error {
	nodes := c.sent.nodes
	used := make([]bool, len(nodes))
	chain := func(at int32) (n int, ok bool) {
		for ; at != 0; at = nodes[at-1].next {
			if used[at-1] {
				return n, false
			}
			used[at-1] = true
			n++
		}
		return n, true
	}
	total, ok := chain(c.sent.free)
	if !ok {
		return fmt.Errorf("conn: the free spills are a circle")
	}
	for sp := range c.spaces {
		var p *recovery.Packet[content]
		for pn, more := wire.PacketNumber(-1), true; more; {
			if pn, p, more = c.loss.Outstanding(wire.Space(sp), pn+1); !more {
				break
			}
			n, ok := chain(p.Content.spill)
			if want := (int(p.Content.n) - inlineFacts + spillFacts - 1) / spillFacts; !ok || n != max(want, 0) {
				return fmt.Errorf("conn: %v packet %d has %d facts, %d spills of its own: %v", wire.Space(sp), pn, p.Content.n, n, ok)
			}
			total += n
		}
	}
	if total != len(nodes) {
		return fmt.Errorf("conn: %d spills, of which %d are free or of packets in flight", len(nodes), total)
	}
	return nil
}
