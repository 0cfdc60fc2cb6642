package oracle

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// streams is both directions of all streams, and the credit for them.
type streams struct {
	byID map[wire.StreamID]*stream
	last *stream // the last one looked up

	// what this side may send
	maxData wire.Offset // by MAX_DATA, as received; the transport parameters count besides
	allowed [2]uint64   // by MAX_STREAMS, bidi and uni, as received
	sum     wire.Offset // of the highest offsets sent

	// what the peer may send
	advertised        wire.Offset // MAX_DATA as sent
	advertisedStreams [2]uint64   // MAX_STREAMS as sent
	receivedSum       wire.Offset // of the highest offsets received
	opened            [2]uint64   // streams that the peer has opened
}

// stream is one stream.
type stream struct {
	id wire.StreamID

	// sending
	high, final       wire.Offset
	hasFinal, isReset bool
	limit             wire.Offset // by MAX_STREAM_DATA, as received
	content           memory

	// receiving
	receivedHigh wire.Offset
	advertised   wire.Offset // MAX_STREAM_DATA as sent

	message [2]message // HTTP/3: read and written
}

// half is a direction of data, seen from a side.
type half uint8

const (
	receiving half = iota
	sending
)

func (t *streams) init() { t.byID = map[wire.StreamID]*stream{} }

// way is the index of a direction.
func way(uni bool) int {
	if uni {
		return 1
	}
	return 0
}

// get returns the state of a stream.
func (t *streams) get(id wire.StreamID) *stream {
	if t.last != nil && t.last.id == id {
		return t.last
	}
	x := t.byID[id]
	if x == nil {
		x = &stream{id: id}
		t.byID[id] = x
	}
	t.last = x
	return x
}

// advertise takes the limits that this side declares.
func (t *streams) advertise(p *wire.TransportParameters) {
	t.advertised = max(t.advertised, p.InitialMaxData)
	t.advertisedStreams[0] = max(t.advertisedStreams[0], p.InitialMaxStreamsBidi)
	t.advertisedStreams[1] = max(t.advertisedStreams[1], p.InitialMaxStreamsUni)
}

// initialLimit is the limit that p, declared by the role by, sets for what the other side sends on a stream.
func initialLimit(p *wire.TransportParameters, by wire.Role, id wire.StreamID) wire.Offset {
	switch {
	case id.IsUni():
		return p.InitialMaxStreamDataUni
	case id.Initiator() == by:
		return p.InitialMaxStreamDataBidiLocal
	}
	return p.InitialMaxStreamDataBidiRemote
}

// mayName judges whether this side may send a frame about a half of a stream.
func (s *Side) mayName(now mono.Time, id wire.StreamID, t wire.FrameType, h half) bool {
	ours, x := id.Initiator() == s.role, &s.streams
	d := way(id.IsUni())
	switch {
	case id.IsUni() && ours != (h == sending):
		s.violate(now, StreamExists, "%v about stream %d, which does not go that way", t, id)
	case !ours && id.Seq() >= x.opened[d]:
		s.violate(now, StreamExists, "%v about stream %d, which the peer has not opened", t, id)
	case ours && s.theirs.known && id.Seq() >= max(x.allowed[d], initialStreams(&s.theirs.p, d)):
		s.violate(now, StreamCount, "%v about stream %d with a limit of %d", t, id, max(x.allowed[d], initialStreams(&s.theirs.p, d)))
	default:
		return true
	}
	return false
}

func initialStreams(p *wire.TransportParameters, d int) uint64 {
	if d == 1 {
		return p.InitialMaxStreamsUni
	}
	return p.InitialMaxStreamsBidi
}

// streamSent judges a STREAM frame of this side.
func (s *Side) streamSent(now mono.Time, f *wire.Stream) {
	if !s.mayName(now, f.ID, wire.TypeStream, sending) {
		return
	}
	x := s.streams.get(f.ID)
	end := f.Offset + wire.Offset(len(f.Data))
	if f.Offset < x.high && len(f.Data) > 0 || f.Fin && x.hasFinal {
		s.stats.Frames[wire.TypeStream].Renewed++
	}
	switch {
	case x.isReset:
		s.violate(now, AfterReset, "stream %d has data at %d after RESET_STREAM", f.ID, f.Offset)
	case x.hasFinal && end > x.final:
		s.violate(now, FinalSize, "stream %d has data up to %d beyond its final size %d", f.ID, end, x.final)
	case f.Fin && x.hasFinal && end != x.final:
		s.violate(now, FinalSize, "stream %d has final size %d after %d", f.ID, end, x.final)
	case f.Fin && end < x.high:
		s.violate(now, FinalSize, "stream %d has final size %d after data up to %d", f.ID, end, x.high)
	}
	if f.Fin && !x.hasFinal {
		x.hasFinal, x.final = true, end
	}
	fresh := end > x.high
	s.spend(now, x, end)
	if at, ok := x.content.write(&s.book.contents, f.Offset, f.Data); !ok {
		s.violate(now, StreamContent, "stream %d has another byte at %d than before", f.ID, at)
	}
	if fresh && f.ID == s.h3.lanes[1].id && s.h3.lanes[1].known {
		s.controlSent(now, f)
	}
}

// resetSent judges a RESET_STREAM of this side.
func (s *Side) resetSent(now mono.Time, f *wire.ResetStream) {
	if !s.mayName(now, f.ID, wire.TypeResetStream, sending) {
		return
	}
	x := s.streams.get(f.ID)
	switch {
	case x.hasFinal && f.FinalSize != x.final:
		s.violate(now, FinalSize, "stream %d is reset at %d, its final size is %d", f.ID, f.FinalSize, x.final)
	case f.FinalSize < x.high:
		s.violate(now, FinalSize, "stream %d is reset at %d after data up to %d", f.ID, f.FinalSize, x.high)
	}
	if !x.hasFinal {
		x.hasFinal, x.final = true, f.FinalSize
	}
	x.isReset = true
	s.spend(now, x, f.FinalSize)
}

// spend charges the credit of a stream and of the connection up to an offset.
func (s *Side) spend(now mono.Time, x *stream, end wire.Offset) {
	if end <= x.high {
		return
	}
	t := &s.streams
	t.sum += end - x.high
	x.high = end
	if !s.theirs.known {
		return
	}
	if limit := max(x.limit, initialLimit(&s.theirs.p, s.role.Peer(), x.id)); end > limit {
		s.violate(now, StreamCredit, "stream %d has data up to %d with a limit of %d", x.id, end, limit)
	}
	if limit := max(t.maxData, s.theirs.p.InitialMaxData); t.sum > limit {
		s.violate(now, DataCredit, "%d bytes on all streams with a limit of %d", t.sum, limit)
	}
}

// cryptoSent judges a CRYPTO frame of this side.
func (s *Side) cryptoSent(now mono.Time, level wire.Level, f *wire.Crypto) {
	m := &s.crypto[level]
	if f.Offset < m.high && len(f.Data) > 0 {
		s.stats.Frames[wire.TypeCrypto].Renewed++
	}
	if at, ok := m.write(&s.book.contents, f.Offset, f.Data); !ok {
		s.violate(now, CryptoContent, "CRYPTO of %v has another byte at %d than before", level, at)
	}
}

func (s *Side) maxDataSent(now mono.Time, limit wire.Offset) {
	t := &s.streams
	if limit < t.advertised {
		s.violate(now, LimitRises, "MAX_DATA %d after %d", limit, t.advertised)
	}
	t.advertised = max(t.advertised, limit)
}

func (s *Side) maxStreamDataSent(now mono.Time, f *wire.MaxStreamData) {
	if !s.mayName(now, f.ID, wire.TypeMaxStreamData, receiving) {
		return
	}
	x := s.streams.get(f.ID)
	if before := s.advertisedFor(x); f.Max < before {
		s.violate(now, LimitRises, "MAX_STREAM_DATA %d of stream %d after %d", f.Max, f.ID, before)
	}
	x.advertised = max(x.advertised, f.Max)
}

// advertisedFor is the limit that this side has set for what it receives on a stream.
func (s *Side) advertisedFor(x *stream) wire.Offset {
	if !s.ours.known {
		return x.advertised
	}
	return max(x.advertised, initialLimit(&s.ours.p, s.role, x.id))
}

func (s *Side) maxStreamsSent(now mono.Time, f *wire.MaxStreams) {
	limit := &s.streams.advertisedStreams[way(f.Uni)]
	if f.Max < *limit {
		s.violate(now, LimitRises, "MAX_STREAMS %d after %d", f.Max, *limit)
	}
	*limit = max(*limit, f.Max)
}

// named notes that the peer has named a stream, which opens it and those below (RFC 9000 s2.1).
func (s *Side) named(now mono.Time, id wire.StreamID) {
	if id.Initiator() == s.role {
		return
	}
	t, d := &s.streams, way(id.IsUni())
	if id.Seq() < t.opened[d] {
		return
	}
	if s.ours.known && id.Seq() >= t.advertisedStreams[d] {
		s.blame(now, CreditHeld, "received stream %d with a limit of %d", id, t.advertisedStreams[d])
	}
	t.opened[d] = id.Seq() + 1
}

// streamReceived judges data, or a reset, of the peer that ends at an offset.
func (s *Side) streamReceived(now mono.Time, id wire.StreamID, end wire.Offset) {
	s.named(now, id)
	x, t := s.streams.get(id), &s.streams
	if end <= x.receivedHigh {
		return
	}
	t.receivedSum += end - x.receivedHigh
	x.receivedHigh = end
	if !s.ours.known {
		return
	}
	if limit := s.advertisedFor(x); end > limit {
		s.blame(now, CreditHeld, "received data of stream %d up to %d with a limit of %d", id, end, limit)
	}
	if t.receivedSum > t.advertised {
		s.blame(now, CreditHeld, "received %d bytes on all streams with a limit of %d", t.receivedSum, t.advertised)
	}
}

func (s *Side) maxStreamDataReceived(now mono.Time, f *wire.MaxStreamData) {
	s.named(now, f.ID)
	x := s.streams.get(f.ID)
	x.limit = max(x.limit, f.Max)
}
