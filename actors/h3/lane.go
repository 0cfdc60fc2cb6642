package h3

import (
	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// lane is the router's end of its edge to one stream. What is written is merged into the record that the stream does
// not have.
type lane struct {
	stream *port.Stream // nil once the row is forgotten
	// the row that the lane is part of
	request *request
	uni     *uni

	dirty  bool // on the list of the coming flush
	owes   bool // the record being filled must go
	waits  bool // for the stream's wake
	left   bool // the stream has said its last word: nothing is said to it any more, and its address is another one's
	credit int  // bytes used up that the stream does not know of
	filled int  // bytes in the record being filled
	flight int  // bytes in the record in flight
	room   int  // bytes that the stream takes beyond those
}

// write hands a chunk over.
func (l *lane) write(c *actor.Chunk) {
	w := l.stream.Out.Filling()
	w.Chunks = append(w.Chunks, c)
	l.filled += len(c.B)
	l.room -= len(c.B)
	l.owes = true
}

// fin ends our half. With last, nothing that the stream must know follows the end of the peer's.
func (l *lane) fin(last bool) {
	w := l.stream.Out.Filling()
	w.Fin, w.Last = true, last
	l.owes = true
}

// part takes the stream's last word.
func (l *lane) part() {
	l.stream.H3Row = forgotten{}
	l.left, l.owes, l.waits = true, false, false
}

// reset abandons our half.
func (l *lane) reset(code uint64) {
	w := l.stream.Out.Filling()
	releaseChunks(w)
	w.Fin, w.HasReset, w.ResetCode, w.Behind = false, true, code, false
	l.filled, l.owes = 0, true
}

// resetBehind abandons our half once the peer has what was written.
func (l *lane) resetBehind(code uint64) {
	w := l.stream.Out.Filling()
	w.HasReset, w.ResetCode, w.Behind = true, code, true
	l.owes = true
}

// stop asks the peer to abandon its half.
func (l *lane) stop(code uint64) {
	if l.left {
		return
	}
	w := l.stream.Out.Filling()
	w.HasStop, w.StopCode = true, code
	l.owes = true
}

// take returns n received bytes to the stream's window.
func (l *lane) take(n int) { l.credit += n }

// offered notes how much room the stream says it has.
func (l *lane) offered(room int) {
	if l.left {
		return
	}
	l.room = room - l.filled
	if l.stream.Out.InFlight() {
		// The stream had not read that record when it said so.
		l.room -= l.flight
	}
}

// flush sends what is owed. Credit alone waits until it is worth a message; with done, the lane's last word goes out. It
// reports whether that has gone.
func (l *lane) flush(share int, done bool) (gone bool) {
	if l.left {
		return done
	}
	if !done && !l.owes && (l.credit == 0 || l.credit < share) {
		return false
	}
	l.owes = true
	s := l.stream
	w := s.Out.Filling()
	w.Taken += l.credit
	w.Done = done
	l.credit = 0
	m, next, ok := s.Out.Ready()
	if !ok {
		l.waits = true
		return false
	}
	next.Reset()
	l.owes, l.flight, l.filled = false, l.filled, 0
	if done {
		l.stream, s.H3Row = nil, forgotten{} // now: behind the last word the stream may be another one
	}
	s.FromH3.Send(m)
	return done
}

// forgotten is what the router remembers of a stream after its last word: what still comes of it is dropped.
type forgotten struct{}

// drop releases what was written and not sent.
func (l *lane) drop() {
	if l.left {
		return
	}
	releaseChunks(l.stream.Out.Filled())
	l.filled, l.owes = 0, false
}

func releaseChunks(w *port.Write) {
	if w == nil {
		return
	}
	for _, c := range w.Chunks {
		c.Release()
	}
	clear(w.Chunks)
	w.Chunks = w.Chunks[:0]
}
