package api

import (
	"io"
	"net/http"

	"quicpro/actors/port"
)

// incoming is the reading half of an exchange, the same on both sides: body bytes out of the deliveries of h3, and what
// follows them. It is not safe for concurrent use; its owner locks.
type incoming struct {
	conn exchanger
	x    *port.Exchange

	d     *port.Delivery // the one in hand, partly used up
	piece int            // the next piece of d
	off   int            // what of that piece is used up
	bytes int            // what of d is used up

	own port.Delivery // the last one, if the exchange may end before it is used up
	few [2]port.Piece // room for its pieces

	over     bool  // h3 waits for no word about this half any more
	quiet    bool  // h3 gets no more words at all
	ended    bool  // the last delivery is used up
	err      error // what it said, nil for a complete message
	trailers []port.Field
}

// accept puts a received delivery in hand. Its heads are the caller's affair.
func (in *incoming) accept(d *port.Delivery) {
	in.d, in.piece, in.off, in.bytes = d, 0, 0, 0
	if d.Last && (d.Used || d.Err != nil) {
		in.over = true
		in.own = *d
		in.own.Pieces = append(in.few[:0], d.Pieces...)
		in.d = &in.own
	}
}

// empty reports whether a delivery in hand holds no body bytes and ends the message without an error.
func (in *incoming) empty() bool {
	return in.d != nil && in.d.Last && in.d.Err == nil && len(in.d.Pieces) == 0
}

// read copies body bytes to p. When none are in hand it calls more for the next delivery; an error of more, a deadline,
// is returned as it is and changes nothing. At the end it returns what the last delivery said, or io.EOF.
func (in *incoming) read(p []byte, more func() (*port.Delivery, error)) (n int, err error) {
	for {
		for in.d != nil && in.piece < len(in.d.Pieces) && n < len(p) {
			k := copy(p[n:], in.d.Pieces[in.piece].B[in.off:])
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

// writeTo hands all body bytes to w without an intermediate copy.
func (in *incoming) writeTo(w io.Writer, more func() (*port.Delivery, error)) (n int64, err error) {
	for {
		for in.d != nil && in.piece < len(in.d.Pieces) {
			k, err := w.Write(in.d.Pieces[in.piece].B[in.off:])
			n += int64(k)
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

// used counts k bytes of the current piece and releases the piece with its last.
func (in *incoming) used(k int) {
	in.off += k
	in.bytes += k
	if p := &in.d.Pieces[in.piece]; in.off == len(p.B) {
		p.Chunk.Release()
		in.piece++
		in.off = 0
	}
}

// settle answers the delivery in hand if it is used up.
func (in *incoming) settle() {
	d := in.d
	if d == nil || in.piece < len(d.Pieces) {
		return
	}
	in.d = nil
	last, failed := d.Last, d.Err != nil
	if last {
		in.ended, in.err = true, d.Err
		in.trailers = d.Trailers
	}
	if !failed && !in.over {
		in.taken(in.bytes) // d is h3's again, unless it is the last
		in.over = last
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
	if in.d == nil {
		return
	}
	for ; in.piece < len(in.d.Pieces); in.piece++ {
		p := &in.d.Pieces[in.piece]
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
	select {
	case d := <-in.x.Reads.C():
		return d
	default:
		return &port.Delivery{Last: true, Err: ErrClosed}
	}
}
