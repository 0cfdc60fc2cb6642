package oracle

import (
	"slices"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// ids are the connection IDs that a side has issued and knows, and the path challenges that it owes an answer.
type ids struct {
	issued []issuedID // those that the peer has not retired
	prior  []priorID  // Retire Prior To, by sequence number
	below  uint64     // the highest Retire Prior To that was sent
	gone   []uint64   // that the peer has retired; the newest
	known  []uint64   // that the peer has issued, sequence number 0 besides; the newest
	forgot bool       // some of them are not known any more

	challenges [64][8]byte // received and not answered
	waiting    int
	lostCount  bool // some were not kept
}

// issuedID is a connection ID of this side.
type issuedID struct {
	seq   uint64
	id    wire.ConnectionID
	token wire.ResetToken
	exact bool // id and token are known
}

type priorID struct{ seq, below uint64 }

// maxIDs bounds each list; a connection has about 8.
const maxIDs = 256

func (d *ids) init() { d.issued = []issuedID{{seq: 0}} }

// newIDSent judges a NEW_CONNECTION_ID of this side.
func (s *Side) newIDSent(now mono.Time, f *wire.NewConnectionID) {
	d := &s.ids
	for i := range d.issued {
		e := &d.issued[i]
		switch {
		case !e.exact:
		case (e.seq == f.Seq) != (e.id == f.ID):
			s.violate(now, IDIssue, "ID %v has sequence number %d, %v has %d", f.ID, f.Seq, e.id, e.seq)
		case e.seq == f.Seq && e.token != f.Token:
			s.violate(now, IDIssue, "sequence number %d has another reset token than before", f.Seq)
		}
	}
	at := slices.IndexFunc(d.issued, func(e issuedID) bool { return e.seq == f.Seq })
	switch {
	case at >= 0 && !d.issued[at].exact:
		s.violate(now, IDIssue, "sequence number %d is that of the handshake", f.Seq)
	case at < 0 && !slices.Contains(d.gone, f.Seq) && len(d.issued) < maxIDs:
		d.issued = append(d.issued, issuedID{seq: f.Seq, id: f.ID, token: f.Token, exact: true})
	}
	s.judgePrior(now, f)
	s.judgeIDLimit(now)
}

// judgePrior: a later ID never asks for less to be retired. A frame that is sent again says what it said.
func (s *Side) judgePrior(now mono.Time, f *wire.NewConnectionID) {
	d := &s.ids
	for _, e := range d.prior {
		if e.seq < f.Seq && e.below > f.RetirePriorTo {
			s.violate(now, IDPrior, "Retire Prior To is %d with sequence number %d, after %d with %d", f.RetirePriorTo, f.Seq, e.below, e.seq)
			return
		}
	}
	d.below = max(d.below, f.RetirePriorTo)
	if f.RetirePriorTo > 0 && len(d.prior) < maxIDs && !slices.Contains(d.prior, priorID{f.Seq, f.RetirePriorTo}) {
		d.prior = append(d.prior, priorID{f.Seq, f.RetirePriorTo})
	}
}

// judgeIDLimit counts the IDs that the peer has to keep.
func (s *Side) judgeIDLimit(now mono.Time) {
	if !s.theirs.known {
		return
	}
	active := uint64(0)
	for _, e := range s.ids.issued {
		if e.seq >= s.ids.below {
			active++
		}
	}
	if limit := s.theirs.p.ActiveConnectionIDLimit; active > limit {
		s.violate(now, IDLimit, "the peer has %d connection IDs, its limit is %d", active, limit)
	}
}

// retired notes that the peer has retired an ID of this side.
func (d *ids) retired(seq uint64) {
	d.issued = slices.DeleteFunc(d.issued, func(e issuedID) bool { return e.seq == seq })
	if slices.Contains(d.gone, seq) {
		return
	}
	if len(d.gone) == maxIDs {
		d.gone = slices.Delete(d.gone, 0, maxIDs/2)
	}
	d.gone = append(d.gone, seq)
}

// learn notes that the peer has issued an ID.
func (d *ids) learn(seq uint64) {
	if slices.Contains(d.known, seq) {
		return
	}
	if len(d.known) == maxIDs {
		d.known, d.forgot = slices.Delete(d.known, 0, maxIDs/2), true
	}
	d.known = append(d.known, seq)
}

// retireSent judges a RETIRE_CONNECTION_ID of this side.
func (s *Side) retireSent(now mono.Time, seq uint64) {
	if d := &s.ids; seq != 0 && !d.forgot && !slices.Contains(d.known, seq) {
		s.violate(now, IDRetire, "retired connection ID %d, which the peer has not issued", seq)
	}
}

// challenged notes a PATH_CHALLENGE.
func (d *ids) challenged(data [8]byte) {
	if d.waiting == len(d.challenges) {
		d.lostCount = true
		d.waiting = copy(d.challenges[:], d.challenges[1:])
	}
	d.challenges[d.waiting] = data
	d.waiting++
}

// pathResponseSent judges a PATH_RESPONSE of this side.
func (s *Side) pathResponseSent(now mono.Time, data [8]byte) {
	d := &s.ids
	for i := range d.waiting {
		if d.challenges[i] == data {
			d.waiting = i + copy(d.challenges[i:], d.challenges[i+1:d.waiting])
			return
		}
	}
	if !d.lostCount {
		s.violate(now, PathEcho, "PATH_RESPONSE %x to no PATH_CHALLENGE that was received", data)
	}
}
