package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// smallBody is the largest request body that is read by RoundTrip itself and sent along with the head.
const smallBody = 16 << 10

// upload sends a request's body, on a goroutine of its own: the copy from the caller's memory to chunks happens here.
type upload struct {
	call    *call
	body    io.ReadCloser
	length  int64         // declared, -1 if unknown
	names   []string      // announced trailers
	expect  chan bool     // not nil: wait for 100 (Continue); false means that the server will not read
	wait    time.Duration // how long
	over    chan bool     // closed when nobody reads the body any more
	closing sync.Once
	asked   sync.Once

	chunks  [1]*actor.Chunk
	pending bool // a Send is not answered yet
	last    bool // the last answer has come
}

// admit tells an upload that waits for 100 (Continue) whether to start. Only the first word counts.
func (u *upload) admit(start bool) {
	if u.expect != nil {
		u.asked.Do(func() { u.expect <- start })
	}
}

// close closes the request's body, which also wakes a Read that waits in it.
func (u *upload) close() { u.closing.Do(func() { _ = u.body.Close() }) }

// run is the goroutine.
func (u *upload) run() {
	if u.awaitContinue() {
		if err := u.send(); err != nil {
			u.call.abort(fmt.Errorf("reading the request body: %w", err))
		}
	}
	u.close()
	close(u.over)
	for !u.last {
		u.answer()
	}
	u.call.endHalf()
}

// awaitContinue waits for the server's wish to see the body, at most u.wait (RFC 9110 s10.1.1).
func (u *upload) awaitContinue() (start bool) {
	if u.expect == nil {
		return true
	}
	if t := u.call.trace; t != nil && t.Wait100Continue != nil {
		t.Wait100Continue()
	}
	timer := time.NewTimer(u.wait)
	defer timer.Stop()
	select {
	case start = <-u.expect:
		return start
	case <-timer.C:
		return true
	case s := <-u.call.x.Writes.C():
		u.last = s.Last
		return false
	}
}

// send copies the body to the wire. The error is the body's own; what the peer does shows in the response.
func (u *upload) send() error {
	size, left := actor.ChunkLarge, u.length
	for !u.last {
		chunk := u.call.conn.Chunks().Get(size)
		space := chunk.Space()[actor.Headroom:]
		if left >= 0 && int64(len(space)) > left {
			space = space[:max(left, 1)] // one byte too many is enough to see that there are too many
		}
		n, err := u.body.Read(space)
		if left >= 0 {
			if int64(n) > left {
				chunk.Release()
				return tooLong(u.length)
			}
			if left -= int64(n); left == 0 && err == nil && n > 0 {
				err = u.end()
			}
		}
		if err != nil && err != io.EOF {
			chunk.Release()
			return err
		}
		if err == io.EOF && left > 0 {
			chunk.Release()
			return fmt.Errorf("ContentLength=%d, but the body ended %d bytes early: set it to the body's length, or to -1", u.length, left)
		}
		if n == 0 && err == nil {
			chunk.Release()
			continue
		}
		chunk.B = space[:n]
		u.push(u.fit(chunk), err == io.EOF)
		if err == io.EOF {
			u.wrote()
			return nil
		}
		if n == len(space) {
			size = actor.ChunkHuge
		}
	}
	return nil
}

// end reads once more after the last declared byte, to see the body's end.
func (u *upload) end() error {
	var extra [1]byte
	for {
		n, err := u.body.Read(extra[:])
		switch {
		case n > 0:
			return tooLong(u.length)
		case err != nil:
			return err
		}
	}
}

// fit moves a few bytes out of a large chunk: it stays pinned until they are acknowledged.
func (u *upload) fit(chunk *actor.Chunk) *actor.Chunk {
	if len(chunk.B)+actor.Headroom > len(chunk.Space())/4 {
		return chunk
	}
	small := u.call.conn.Chunks().Get(len(chunk.B) + actor.Headroom)
	n := copy(small.Space()[actor.Headroom:], chunk.B)
	small.B = small.Space()[actor.Headroom : actor.Headroom+n]
	chunk.Release()
	return small
}

// push sends one chunk, after the answer to the one before.
func (u *upload) push(chunk *actor.Chunk, fin bool) {
	if u.pending {
		u.answer()
	}
	if u.last {
		chunk.Release()
		return
	}
	s := port.NewSendIn(u.call.x)
	s.Chunks, s.Fin = nil, fin
	if len(chunk.B) > 0 {
		u.chunks[0] = chunk
		s.Chunks = u.chunks[:]
	} else {
		chunk.Release()
	}
	if fin && len(u.names) > 0 {
		list := newFieldList()
		list.addTrailers(u.call.req.Trailer, u.names)
		s.Trailers, s.Home = list.fields, list
	}
	u.pending = true
	u.call.conn.Send(u.call.x)
}

// answer waits for one.
func (u *upload) answer() {
	s := <-u.call.x.Writes.C()
	u.pending, u.last = false, s.Last
}

func (u *upload) wrote() {
	if t := u.call.trace; t != nil && t.WroteRequest != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

// sendSmall sends a body that is at hand together with the head, so that the request is one packet.
func (c *call) sendSmall() {
	s := port.NewSendIn(c.x)
	s.Chunks, s.Fin = c.small[:], true
	c.conn.Send(c.x)
}

// readSmall reads a body of known length that lies in memory. It returns nil without an error if the body is not one.
func readSmall(req *http.Request, body io.Reader, chunks *actor.Chunks) (*actor.Chunk, error) {
	// GetBody is what http.NewRequest sets for the bodies that are in memory: reading them cannot wait.
	n := req.ContentLength
	if req.GetBody == nil || n <= 0 || n > smallBody-actor.Headroom || len(req.Trailer) > 0 || expectsContinue(req) {
		return nil, nil
	}
	chunk := chunks.Get(int(n) + actor.Headroom)
	chunk.B = chunk.Space()[actor.Headroom : actor.Headroom+int(n)]
	_, err := io.ReadFull(body, chunk.B)
	if err == nil {
		var extra [1]byte
		if k, _ := body.Read(extra[:]); k > 0 {
			err = tooLong(n)
		}
	}
	if err != nil {
		chunk.Release()
		return nil, fmt.Errorf("reading the request body: %w", err)
	}
	return chunk, nil
}

func tooLong(declared int64) error {
	return fmt.Errorf("ContentLength=%d, but the body is longer: set it to the body's length, or to -1", declared)
}
