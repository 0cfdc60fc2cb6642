package api

import (
	"errors"
	"io"
	"net/http"

	"quicpro/actors/port"
)

// incoming is the reading half of an exchange, the same on both sides: body bytes out of the deliveries of h3, and what
// follows them. It is not safe for concurrent use; its owner locks.
type incoming struct {
	conn exchanger
	x    *port.Exchange

	pieces []port.Piece  // of the delivery in hand, partly used up
	piece  int           // the next of them
	off    int           // what of that piece is used up
	bytes  int           // what of the delivery is used up
	few    [1]port.Piece // room for the last one, if the exchange may end before they are used up

	held     bool  // a delivery is in hand
	last     bool  // it is the last one
	lent     bool  // a writer has the next piece
	closed   bool  // by the handler: nothing more is read
	over     bool  // h3 waits for no word about this half any more
	quiet    bool  // h3 gets no more words at all
	ended    bool  // the last delivery is used up
	err      error // what the last one says, nil for a complete message
	trailers []port.Field
}

// accept puts a received delivery in hand. Its heads are the caller's affair, before: a last delivery is not to be looked at then.
func (in *incoming) accept(d *port.Delivery) {
	in.pieces, in.piece, in.off, in.bytes = d.Pieces, 0, 0, 0
	in.held, in.last = true, d.Last
	if !d.Last {
		return
	}
	in.err, in.trailers = d.Err, d.Trailers
	if d.Used || d.Err != nil {
		in.over = true
		in.pieces = append(in.few[:0], d.Pieces...)
		in.x.Done(d)
	}
}

// empty reports whether a delivery in hand holds no body bytes and ends the message without an error.
func (in *incoming) empty() bool {
	return in.held && in.last && in.err == nil && len(in.pieces) == 0
}

// read copies body bytes to p. When none are in hand it calls more for the next delivery; an error of more, a deadline,
// is returned as it is and changes nothing. At the end it returns what the last delivery said, or io.EOF.
func (in *incoming) read(p []byte, more func() (*port.Delivery, error)) (n int, err error) {
	if in.lent {
		return 0, errCopied
	}
	for {
		for in.piece < len(in.pieces) && n < len(p) {
			k := copy(p[n:], in.pieces[in.piece].B[in.off:])
			n += k
			in.used(k)
		}
		in.settle()
		if in.ended {
			return n, in.end()
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		d, err := more()
		if err != nil {
			return 0, err
		}
		in.accept(d)
	}
}

var errCopied = errors.New("api: another goroutine copies the body: one at a time may read it")

// writeTo hands all body bytes to w without an intermediate copy. The owner's lock is let go while w has them.
func (in *incoming) writeTo(w io.Writer, lock *longLock, more func() (*port.Delivery, error)) (n int64, err error) {
	if in.lent {
		return 0, errCopied
	}
	for {
		for in.piece < len(in.pieces) {
			k, err := in.lend(w, lock)
			n += int64(k)
			if in.ended || in.quiet || in.closed {
				return n, http.ErrBodyReadAfterClose
			}
			in.used(k)
			if err != nil {
				return n, err
			}
		}
		in.settle()
		if in.ended {
			if err = in.end(); err == io.EOF {
				err = nil
			}
			return n, err
		}
		d, err := more()
		if err != nil {
			return n, err
		}
		in.accept(d)
	}
}

// lend gives w what is left of the current piece. That may take for ever, and meanwhile a handler may return or a call be closed: what
// is in hand is drained then, but the piece is w's until it is done with it.
func (in *incoming) lend(w io.Writer, lock *longLock) (int, error) {
	p := in.pieces[in.piece]
	b := p.B[in.off:]
	p.Chunk.Retain()
	in.lent = true
	lock.Unlock()
	defer func() {
		p.Chunk.Release()
		lock.Lock()
		in.lent = false
	}()
	return w.Write(b)
}

// used counts k bytes of the current piece and releases the piece with its last.
func (in *incoming) used(k int) {
	in.off += k
	in.bytes += k
	if p := &in.pieces[in.piece]; in.off == len(p.B) {
		p.Chunk.Release()
		in.piece++
		in.off = 0
	}
}

// settle answers the delivery in hand if it is used up.
func (in *incoming) settle() {
	if !in.held || in.piece < len(in.pieces) {
		return
	}
	in.held, in.pieces, in.piece = false, nil, 0
	if in.last {
		in.ended, in.few = true, [1]port.Piece{}
	}
	if !in.over {
		in.taken(in.bytes) // the delivery is h3's again, unless it is the last
		in.over = in.last
	}
}

// taken tells h3 that the delivery in hand is used up.
func (in *incoming) taken(bytes int) {
	if in.quiet {
		return
	}
	in.x.TakenOrder.Bytes = bytes
	in.conn.Taken(in.x)
}

// end is what a reader gets after the last byte.
func (in *incoming) end() error {
	if in.err != nil {
		return in.err
	}
	return io.EOF
}

// discard uses up what is in hand without looking.
func (in *incoming) discard() {
	for ; in.piece < len(in.pieces); in.piece++ {
		p := &in.pieces[in.piece]
		in.bytes += len(p.B) - in.off
		in.off = 0
		p.Chunk.Release()
	}
	in.settle()
}

// drain discards everything up to the last delivery, which h3 sends at once when the exchange has been cancelled.
func (in *incoming) drain() {
	for in.discard(); !in.ended; in.discard() {
		select {
		case d := <-in.x.Reads.C():
			in.accept(d)
		case <-in.conn.Done():
			in.accept(in.remains())
		}
	}
	if in.err == nil {
		in.err = http.ErrBodyReadAfterClose // bytes are missing now, even if the message was complete
	}
}

// remains is what a dead connection has left in the mailbox. Its rooms are gone: nothing comes after that.
func (in *incoming) remains() *port.Delivery {
	d, ok := in.x.Reads.Take()
	if !ok {
		return &port.Delivery{Last: true, Err: ErrClosed}
	}
	return d
}
