package conn

import (
	"crypto/subtle"

	"quicpro/wire"
)

// ids are the connection IDs of both sides (RFC 9000 s5.1).
type ids struct {
	local localIDs
	peer  peerIDs

	original wire.ConnectionID         // the DCID of the client's very first Initial
	keyed    wire.ConnectionID         // the DCID that the Initial keys derive from
	retry    wire.OptionalConnectionID // the SCID of the Retry
	initial  wire.ConnectionID         // the SCID of the peer's first packet
	adopted  bool                      // a client has taken the server's SCID as its DCID
}

func newIDs(cfg *Config) ids {
	d := ids{original: cfg.PeerID, keyed: cfg.PeerID, initial: cfg.PeerID, adopted: cfg.Role == wire.Server}
	p := &cfg.Params
	p.InitialSCID = wire.SomeConnectionID(cfg.LocalID)
	if cfg.Role == wire.Server {
		d.original, d.keyed, d.retry = cfg.OriginalDest, cfg.OriginalDest, cfg.RetrySource
		if cfg.RetrySource.Present {
			d.keyed = cfg.RetrySource.ID
		}
		p.OriginalDCID, p.RetrySCID = wire.SomeConnectionID(cfg.OriginalDest), cfg.RetrySource
	}
	p.ActiveConnectionIDLimit = uint64(max(cfg.Limits.ConnectionIDs, wire.DefaultActiveConnectionIDLimit))
	d.local = localIDs{list: []localID{{id: cfg.LocalID, told: true}}, next: 1, empty: cfg.LocalID.Len() == 0}
	d.peer = peerIDs{list: []peerID{{id: cfg.PeerID}}, limit: int(p.ActiveConnectionIDLimit)}
	return d
}

// localID is an ID that the peer may use.
type localID struct {
	seq   uint64
	id    wire.ConnectionID
	token wire.ResetToken
	told  bool // its NEW_CONNECTION_ID is in flight or has arrived
}

// localIDs are the IDs that the peer may use.
type localIDs struct {
	list  []localID
	next  uint64 // sequence number of the next one
	most  int    // how many the peer keeps, and we like to issue
	empty bool   // we use zero-length IDs
}

// lacks reports whether another ID should be issued.
func (l *localIDs) lacks() bool {
	// RFC 9000 s5.1.1: an endpoint that uses zero-length IDs does not issue others.
	return len(l.list) < l.most && !l.empty
}

// issue adds an ID, whose NEW_CONNECTION_ID is owed from now on.
func (l *localIDs) issue(id wire.ConnectionID, token wire.ResetToken) {
	l.list = append(l.list, localID{seq: l.next, id: id, token: token})
	l.next++
}

// owed returns an ID that the peer has not been told.
func (l *localIDs) owed() *localID {
	for i := range l.list {
		if !l.list[i].told {
			return &l.list[i]
		}
	}
	return nil
}

// lost notes that the NEW_CONNECTION_ID of seq was lost.
func (l *localIDs) lost(seq uint64) {
	for i := range l.list {
		if l.list[i].seq == seq {
			l.list[i].told = false
		}
	}
}

// retire takes the ID of a RETIRE_CONNECTION_ID out, which came in a packet to the ID dest.
func (l *localIDs) retire(seq uint64, dest wire.ConnectionID) (id wire.ConnectionID, ok bool, err *wire.Error) {
	if seq >= l.next || l.empty {
		// RFC 9000 s19.16: MUST be treated as PROTOCOL_VIOLATION, and so must any for zero-length IDs.
		return id, false, wire.NewError(wire.ProtocolViolation, wire.TypeRetireConnectionID, "sequence number was never issued")
	}
	for i := range l.list {
		e := l.list[i]
		if e.seq != seq {
			continue
		}
		if e.id == dest {
			return id, false, wire.NewError(wire.ProtocolViolation, wire.TypeRetireConnectionID, "retires the ID that the packet was sent to")
		}
		l.list = append(l.list[:i], l.list[i+1:]...)
		return e.id, true, nil
	}
	return id, false, nil
}

// peerID is an ID that we may use.
type peerID struct {
	seq      uint64
	id       wire.ConnectionID
	token    wire.ResetToken
	hasToken bool
}

// retirement is a RETIRE_CONNECTION_ID that the peer has not acknowledged.
type retirement struct {
	seq  uint64
	told bool // in flight
}

// peerIDs are the IDs that we may use. The first of the list, which is in the order of arrival, is in use.
type peerIDs struct {
	list        []peerID
	limit       int
	retireBelow uint64
	retiring    []retirement
}

// current is the ID in use.
func (p *peerIDs) current() *peerID { return &p.list[0] }

// isReset reports whether the 16 bytes are the reset token of the ID in use, in constant time.
func (p *peerIDs) isReset(tail []byte) bool {
	// RFC 9000 s10.3.1: the comparison MUST NOT leak the token through its duration.
	c := p.current()
	return subtle.ConstantTimeCompare(tail, c.token[:]) == 1 && c.hasToken
}

// add takes a NEW_CONNECTION_ID.
func (p *peerIDs) add(f *wire.NewConnectionID) *wire.Error {
	if p.current().id.Len() == 0 {
		return newIDError(wire.ProtocolViolation, "the peer uses zero-length connection IDs")
	}
	known := false
	for i := range p.list {
		e := &p.list[i]
		// RFC 9000 s19.15: the same number with another ID or token, or the same ID with another number.
		if (e.seq == f.Seq) != (e.id == f.ID) || e.seq == f.Seq && e.hasToken && e.token != f.Token {
			return newIDError(wire.ProtocolViolation, "connection ID and sequence number do not match an earlier frame")
		}
		known = known || e.seq == f.Seq
	}
	if !known {
		p.list = append(p.list, peerID{seq: f.Seq, id: f.ID, token: f.Token, hasToken: true})
	}
	p.retireBelow = max(p.retireBelow, f.RetirePriorTo)
	kept := p.list[:0]
	for _, e := range p.list {
		// RFC 9000 s5.1.2: on an increased Retire Prior To, and for IDs that arrive below it.
		if e.seq < p.retireBelow {
			p.retire(e.seq)
		} else {
			kept = append(kept, e)
		}
	}
	p.list = kept
	switch {
	case len(p.list) > p.limit:
		// RFC 9000 s5.1.1.
		return newIDError(wire.ConnectionIDLimitError, "more connection IDs than active_connection_id_limit")
	case len(p.retiring) > 2*p.limit:
		// RFC 9000 s5.1.2: at least twice the limit; beyond, the peer only wants work.
		return newIDError(wire.ConnectionIDLimitError, "too many retirements are not acknowledged")
	}
	return nil
}

// retire owes a RETIRE_CONNECTION_ID, unless it is outstanding already.
func (p *peerIDs) retire(seq uint64) {
	for i := range p.retiring {
		if p.retiring[i].seq == seq {
			return
		}
	}
	p.retiring = append(p.retiring, retirement{seq: seq})
}

// owed returns a retirement to announce.
func (p *peerIDs) owed() *retirement {
	for i := range p.retiring {
		if !p.retiring[i].told {
			return &p.retiring[i]
		}
	}
	return nil
}

// settled notes the fate of a RETIRE_CONNECTION_ID.
func (p *peerIDs) settled(seq uint64, arrived bool) {
	for i := range p.retiring {
		if p.retiring[i].seq != seq {
			continue
		}
		if !arrived {
			p.retiring[i].told = false
			return
		}
		p.retiring = append(p.retiring[:i], p.retiring[i+1:]...)
		return
	}
}

func newIDError(code wire.ErrorCode, reason string) *wire.Error {
	return wire.NewError(code, wire.TypeNewConnectionID, reason)
}
