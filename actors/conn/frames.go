package conn

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// dispatch takes the frame that was just read.
func (c *Conn) dispatch(m *port.RxBatch, p *port.RxPacket, at mono.Time) error {
	f := &c.frame
	switch f.Type {
	case wire.TypeStream:
		return c.streamFrame(&f.Stream, m)
	case wire.TypeAck, wire.TypeAckECN:
		return c.ackFrame(&f.Ack, p, at)
	case wire.TypeCrypto:
		return c.cryptoFrame(&f.Crypto, p.Level)
	case wire.TypeMaxStreamData:
		return c.maxStreamDataFrame(&f.MaxStreamData)
	case wire.TypeMaxData:
		c.flow.send.Raise(f.MaxData.Max)
	case wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni:
		c.maxStreamsFrame(&f.MaxStreams)
	case wire.TypeResetStream:
		return c.resetFrame(&f.ResetStream)
	case wire.TypeStopSending:
		return c.stopFrame(&f.StopSending)
	case wire.TypeStreamDataBlocked:
		_, err := c.rowOf(f.StreamDataBlocked.ID, f.Type, receiving)
		return err
	case wire.TypeNewConnectionID:
		return c.newConnectionIDFrame(&f.NewConnectionID)
	case wire.TypeRetireConnectionID:
		return c.retireFrame(f.RetireConnectionID.Seq, p.Dest)
	case wire.TypePathChallenge:
		// RFC 9000 s8.2.2: it is answered; of several that wait, the latest.
		c.path.challenge = challenge{data: f.PathChallenge.Data, owed: true}
	case wire.TypeHandshakeDone:
		c.confirm()
	case wire.TypeConnectionClose, wire.TypeConnectionCloseApp:
		c.closedByPeer(&f.ConnectionClose)
	case wire.TypePadding, wire.TypePing: // an ACK is all they want
	case wire.TypeDataBlocked, wire.TypeStreamsBlockedBidi, wire.TypeStreamsBlockedUni: // credit follows use, not complaints
	case wire.TypeNewToken, wire.TypePathResponse: // we keep no tokens and send no challenges
	}
	return nil
}

// half is a direction of data, seen from here.
type half uint8

const (
	receiving half = iota
	sending
)

// rowOf returns the row of the stream that a frame about one half names, spawning the peer's streams. It is nil for a
// stream that has ended; of one that has left before its message arrived only a STOP_SENDING counts.
func (c *Conn) rowOf(id wire.StreamID, t wire.FrameType, h half) (*row, error) {
	ours := id.Initiator() == c.cfg.Role
	// RFC 9000 s19.4, s19.5, s19.8, s19.10, s19.13: no frames about a half that does not exist.
	if id.IsUni() && ours != (h == sending) {
		return nil, wire.NewError(wire.StreamStateError, t, "the stream does not go that way")
	}
	if r := c.streams.find(id); r != nil {
		if r.link == nil && t != wire.TypeStopSending {
			return nil, nil
		}
		return r, nil
	}
	d := direction(id)
	if ours {
		if id.Seq() >= c.streams.local[d].opened {
			// RFC 9000 s19.8: for a locally initiated stream that has not yet been created: STREAM_STATE_ERROR.
			return nil, wire.NewError(wire.StreamStateError, t, "the stream was not opened")
		}
		return nil, nil
	}
	s := &c.streams.peer[d]
	if _, err := s.Open(id.Seq()); err != nil {
		return nil, withType(err, t)
	}
	if s.seen.Contains(id.Seq()) {
		return nil, nil
	}
	return c.spawn(id, t)
}

// spawn gives birth to a stream of the peer, on its first own frame.
func (c *Conn) spawn(id wire.StreamID, t wire.FrameType) (*row, error) {
	s := &c.streams.peer[direction(id)]
	o := port.StreamOptions{RecvWindow: int(s.window)}
	if id.IsBidi() {
		o.SendLimit = c.crypto.params.InitialMaxStreamDataBidiLocal
	}
	link := c.cfg.Streams.Spawn(id, o)
	if link == nil {
		return nil, wire.NewError(wire.StreamLimitError, t, "too many streams")
	}
	s.seen.Add(id.Seq(), id.Seq()+1)
	return c.streams.add(link), nil
}

func (c *Conn) streamFrame(f *wire.Stream, m *port.RxBatch) error {
	r, err := c.rowOf(f.ID, wire.TypeStream, receiving)
	if r == nil {
		return err
	}
	if err := c.account(r, f.Offset+wire.Offset(len(f.Data)), wire.TypeStream); err != nil {
		return err
	}
	c.streams.touch(r)
	d := c.streams.filling(r)
	m.Retain(1)
	d.Spans = c.streams.spans.add(d.Spans, port.Span{Off: f.Offset, B: f.Data, Fin: f.Fin, Batch: m})
	return nil
}

// account charges the connection's flow control for a stream's highest offset.
func (c *Conn) account(r *row, end wire.Offset, t wire.FrameType) error {
	if end <= r.received {
		return nil
	}
	// RFC 9000 s4.1: the sum over all streams, by their highest offsets.
	if err := c.flow.recv.Received(end - r.received); err != nil {
		return withType(err, t)
	}
	r.received = end
	return nil
}

func (c *Conn) resetFrame(f *wire.ResetStream) error {
	r, err := c.rowOf(f.ID, wire.TypeResetStream, receiving)
	if r == nil {
		return err
	}
	// RFC 9000 s4.5: the final size counts, received or not.
	if err := c.account(r, f.FinalSize, wire.TypeResetStream); err != nil {
		return err
	}
	d := c.streams.filling(r)
	if d.HasReset && d.ResetFinal != f.FinalSize {
		return wire.NewError(wire.FinalSizeError, wire.TypeResetStream, "final size changed")
	}
	d.HasReset, d.ResetCode, d.ResetFinal = true, uint64(f.Code), f.FinalSize
	return nil
}

func (c *Conn) stopFrame(f *wire.StopSending) error {
	r, err := c.rowOf(f.ID, wire.TypeStopSending, sending)
	if r == nil {
		return err
	}
	r.stopped, r.seldom().stop = true, f.Code
	if r.whole {
		c.keptStopped(r)
		return nil
	}
	d := c.streams.filling(r)
	d.HasStop, d.StopCode = true, uint64(f.Code)
	return nil
}

func (c *Conn) maxStreamDataFrame(f *wire.MaxStreamData) error {
	r, err := c.rowOf(f.ID, wire.TypeMaxStreamData, sending)
	if r == nil {
		return err
	}
	d := c.streams.filling(r)
	d.MaxStreamData = max(d.MaxStreamData, f.Max)
	return nil
}

func (c *Conn) maxStreamsFrame(f *wire.MaxStreams) {
	d := 0
	if f.Uni {
		d = 1
	}
	l := &c.streams.local[d]
	l.allowed = max(l.allowed, f.Max)
}

func (c *Conn) cryptoFrame(f *wire.Crypto, level wire.Level) error {
	return c.crypto.levels[level.Space()].received(f, c.cfg.Limits.CryptoBytes, c.cfg.Chunks)
}

func (c *Conn) newConnectionIDFrame(f *wire.NewConnectionID) error {
	p := &c.ids.peer
	before := *p.current()
	if err := p.add(f); err != nil {
		return err
	}
	if now := p.current(); now.seq != before.seq {
		// RFC 9000 s10.3.1: tokens of IDs that are in use count, those of retired ones no longer.
		if before.hasToken {
			c.cfg.Routes.UnwatchReset(before.token)
		}
		c.cfg.Routes.WatchReset(now.token)
	}
	return nil
}

func (c *Conn) retireFrame(seq uint64, dest wire.ConnectionID) error {
	id, ok, err := c.ids.local.retire(seq, dest)
	if err != nil {
		return err
	}
	if ok {
		c.cfg.Routes.Retire(id)
	}
	return nil
}

// withType names the frame at fault in an error that does not.
func withType(err error, t wire.FrameType) error {
	if e, ok := err.(*wire.Error); ok && e.FrameType == 0 {
		return wire.NewError(e.Code, t, e.Reason)
	}
	return err
}
