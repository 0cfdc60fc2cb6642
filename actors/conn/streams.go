package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/buffer"
	"quicpro/internal/flow"
	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	urgencies = 8
	// tellSent is how many bytes may leave before a stream is told so for their own sake: other news carry it too.
	tellSent = 16 << 10
	// maxSpare is how many empty queues are kept for other streams: a turn's.
	maxSpare = 64
)

// streams is conn's side of all live streams.
type streams struct {
	table
	again list            // rows with bytes to send again
	fresh [urgencies]list // rows with bytes never sent, by urgency
	owing list
	news  list
	spans spanLists
	spare [][]buffer.Segment // empty queues of streams that have sent all

	againBytes, freshBytes int // weights of what is queued

	peer  [2]peerStreams  // by direction: 0 bidi, 1 uni
	local [2]localStreams // the same

	credit    port.StreamCredit // the record, when it is here
	creditOut bool              // it is with h3
	connected port.Connected

	smallAt mono.Time // when a small message was last said
	bulkAt  mono.Time // and when a stream had sent a lot since its room was told
	turn    uint32    // counts flushes
	touched int       // rows with data in this turn
}

// peerStreams are the peer's streams of one direction.
type peerStreams struct {
	flow.PeerStreams
	seen   buffer.RangeSet[uint64] // numbers that were spawned; within the limit, so its gaps are bounded by it
	window wire.Offset             // what we advertise for each
}

// localStreams are our own streams of one direction.
type localStreams struct {
	allowed uint64 // by the peer, in total
	opened  uint64 // one more than the highest we know of
	ended   uint64
	live    int    // known to us now
	most    uint64 // alive at a time
	granted uint64 // what h3 knows
}

func direction(id wire.StreamID) int {
	if id.IsUni() {
		return 1
	}
	return 0
}

func newStreams(cfg *Config) streams {
	s := streams{}
	s.byID = map[wire.StreamID]*row{}
	s.again.kind, s.owing.kind, s.news.kind = listAgain, listOwing, listNews
	for i := range s.fresh {
		s.fresh[i].kind = listFresh
	}
	// Both sides' streams share the bound on live rooms: unidirectional ones get UniStreams each, the rest is for
	// bidirectional ones, the peer's first.
	p, l := &cfg.Params, cfg.Limits
	bidi := uint64(max(l.Streams-2*l.UniStreams, 0))
	p.InitialMaxStreamsBidi = min(p.InitialMaxStreamsBidi, bidi)
	p.InitialMaxStreamsUni = min(p.InitialMaxStreamsUni, uint64(l.UniStreams))
	s.peer[0] = peerStreams{PeerStreams: flow.NewPeerStreams(p.InitialMaxStreamsBidi), window: p.InitialMaxStreamDataBidiRemote}
	s.peer[1] = peerStreams{PeerStreams: flow.NewPeerStreams(p.InitialMaxStreamsUni), window: p.InitialMaxStreamDataUni}
	s.local[0].most = bidi - p.InitialMaxStreamsBidi
	s.local[1].most = uint64(l.UniStreams)
	return s
}

// enqueue puts a segment of a stream into the right queue.
func (s *streams) enqueue(r *row, g buffer.Segment) {
	// A FIN alone that lies beyond what was sent must stay behind those bytes.
	if !g.Fresh && g.Off+wire.Offset(len(g.B)) <= r.sentTo {
		r.seldom().again.push(g)
		s.againBytes += weight(&g)
		s.again.put(r)
		return
	}
	r.fresh.push(g)
	s.freshBytes += weight(&g)
	s.fresh[r.urgency].put(r)
}

// discard forgets what a stream has queued.
func (s *streams) discard(r *row) {
	again := &r.rare.again
	for i := again.head; i < len(again.q); i++ {
		s.againBytes -= weight(&again.q[i])
	}
	for i := r.fresh.head; i < len(r.fresh.q); i++ {
		s.freshBytes -= weight(&r.fresh.q[i])
	}
	again.drop()
	r.fresh.drop()
	r.cut(listAgain)
	r.cut(listFresh)
}

// next returns the row whose turn it is to send, and whether from what it sends again. Without credit only those count.
func (s *streams) next(credit wire.Offset) (r *row, again bool) {
	if s.again.first != nil {
		return s.again.first, true
	}
	if credit == 0 {
		return nil, false
	}
	for i := range s.fresh {
		if r := s.fresh[i].first; r != nil {
			return r, false
		}
	}
	return nil, false
}

// served moves a row that sent behind its equals, or out of the list if it has no more.
func (s *streams) served(r *row, again bool) {
	if again {
		r.cut(listAgain)
		if !r.rare.again.empty() {
			s.again.put(r)
		}
		return
	}
	r.cut(listFresh)
	if !r.fresh.empty() {
		s.fresh[r.urgency].put(r)
	} else if r.whole && len(s.spare) < maxSpare {
		s.spare = append(s.spare, r.fresh.q)
		r.fresh.q = nil
	}
}

// prioritise moves a row to another urgency.
func (s *streams) prioritise(r *row, urgency uint8) {
	urgency = min(urgency, urgencies-1)
	if r.urgency == urgency {
		return
	}
	r.urgency = urgency
	if r.links[listFresh].in != nil {
		r.cut(listFresh)
		s.fresh[urgency].put(r)
	}
}

// backlog is how many bytes could leave now under the connection's flow control.
func (s *streams) backlog(credit wire.Offset) int {
	return s.againBytes + int(min(wire.Offset(s.freshBytes), credit))
}

// touch notes that a stream had data in this turn.
func (s *streams) touch(r *row) {
	if r.turn != s.turn+1 {
		r.turn = s.turn + 1
		s.touched++
	}
}

// filling is the record for a stream's news, which will be delivered.
func (s *streams) filling(r *row) *port.Deliver {
	s.news.put(r)
	return r.link.Down.Filling()
}

// woken is told that a stream has freed its Deliver.
func (s *streams) woken(link *port.Stream) {
	link.Down.Woken()
	if r, ok := link.ConnRow.(*row); ok && r != nil {
		s.news.put(r)
	}
}

// free forgets a stream and what is queued for it.
func (s *streams) free(r *row) {
	s.discard(r)
	r.cut(listOwing)
	r.cut(listNews)
	s.unkeep(r)
	if r.link != nil {
		r.link.Down.Filled().Release()
	}
	s.remove(r)
}

// creditFor is how many streams of one direction h3 may ever have opened.
func (l *localStreams) creditFor() uint64 { return min(l.allowed, l.ended+l.most) }
