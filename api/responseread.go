package api

import (
	"errors"
	"io"
	"net/http"

	"quicpro/internal/actor"
)

// ReadFrom sends all that r gives, read straight into the memory it is sent from; io.Copy uses it.
func (w *responseWriter) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		k, err := w.readFrom(r)
		n += int64(k)
		switch err {
		case nil:
		case io.EOF:
			return n, nil
		case errNoBody:
			return io.Copy(writerOnly{w}, r)
		default:
			return n, err
		}
	}
}

var errNoBody = errors.New("api: this response has no body to read into")

// readFrom reads once into room and sends that. The lock is not held meanwhile: r may take long, or have the handler return. What
// becomes of the response then, the memory is nobody else's until r is done with it: what a goroutine that was left behind is given
// then would be in another's response.
func (w *responseWriter) readFrom(r io.Reader) (int, error) {
	c, room, err := w.lendRoom(r)
	if err != nil {
		return 0, err
	}
	defer c.Release()
	k, readErr := r.Read(room)
	if err := w.enter(); err != nil {
		return 0, err
	}
	defer w.use.Unlock()
	if w.chunk == c {
		w.room = room
	}
	if k <= 0 {
		return 0, readErr
	}
	if err := w.begin(int64(k)); err != nil {
		return 0, err
	}
	if w.chunk != c { // another goroutine has written meanwhile
		if _, err := pour(w, room[:k]); err != nil {
			return 0, err
		}
		return k, readErr
	}
	w.filled(k)
	return k, readErr
}

// lendRoom returns room to read into, and its chunk, retained. There is none in the response until it is given back.
func (w *responseWriter) lendRoom(r io.Reader) (*actor.Chunk, []byte, error) {
	if err := w.enter(); err != nil {
		return nil, nil, err
	}
	defer w.use.Unlock()
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	if w.head || !bodyAllowed(int(w.status)) {
		return nil, nil, errNoBody
	}
	if len(w.room) == 0 {
		want := int64(actor.ChunkHuge)
		if limited, ok := r.(*io.LimitedReader); ok { // what http.ServeContent copies from
			want = min(want-1, max(limited.N, 0)) + 1 // and a place to see that it is all
		}
		if err := w.grow(int(want)); err != nil {
			return nil, nil, err
		}
	}
	c, room := w.chunk, w.room
	c.Retain()
	w.room = nil
	return c, room, nil
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }
