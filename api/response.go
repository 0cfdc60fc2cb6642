package api

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"quicpro/internal/actor"
	"quicpro/wire/h3wire"
)

// held is how much of a response is kept back before its head is sent: a response that ends within goes out as one
// message, with its Content-Length.
const held = actor.ChunkLarge - actor.Headroom

// responseWriter is the http.ResponseWriter of one request. As with every ResponseWriter, one goroutine at a time may
// use it, until the handler returns. Others would find chunks that are another response's by then, so that each use takes the lock
// use, and fails once the handler has returned. The header is the handler's map, and no lock can be taken for what it does with that.
type responseWriter struct {
	e        *exchange
	header   http.Header
	deadline deadline

	// The small ones are neighbours: ten thousand handlers may wait.
	head bool // the request was HEAD
	sent bool // the head has been handed over

	hasType, hasEncoding, hasDate bool

	turn    uint8 // of lists
	status  int16 // 0 until it is decided
	length  int64 // declared Content-Length, -1 if none
	written int64 // body bytes from the handler

	announced []string // trailers

	list  *fieldList // the head's snapshot, until it is sent
	chunk *actor.Chunk
	room  []byte             // what of chunk's space is free
	full  []*actor.Chunk     // filled before chunk
	lists [2][3]*actor.Chunk // what full lies in, by turns: h3 may still read the other

	use longLock // guards what is above, and the Sends: held from the wait for an answer to the next one

	marks   atomic.Uint32 // headSent, and why nothing more is written: handlerReturned, writingFailed, deadlineMet
	mu      sync.Mutex    // guards what follows; held briefly
	pending bool          // a Send is not answered yet
	last    bool          // the last answer has come
	waiting bool          // somebody waits for an answer
	gone    bool          // the exchange is not ours any more
	err     error         // what the last answer said
}

const (
	handlerReturned = 1 << iota // whom it has left behind may not write
	writingFailed               // err says why
	deadlineMet                 // by a writing: what it lacks would be missing in a response that ends as if it were complete
	headSent                    // as sent says, for who does not hold the lock
)

func (w *responseWriter) init(e *exchange) {
	w.e, w.length = e, -1
	w.full = w.lists[0][:0]
}

// enter takes the lock for one use of the response, unless the handler has returned.
func (w *responseWriter) enter() error {
	w.use.Lock()
	if w.marks.Load()&handlerReturned != 0 {
		w.use.Unlock()
		return errHandlerReturned
	}
	return nil
}

// Header returns the header to change before the first Write, and the trailers until the handler returns. Then it is nobody's.
func (w *responseWriter) Header() http.Header {
	if w.marks.Load()&handlerReturned != 0 {
		return make(http.Header)
	}
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader decides the status. An informational one (1xx) is sent at once and may be followed by others.
func (w *responseWriter) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("api: invalid WriteHeader code " + strconv.Itoa(status))
	}
	if w.enter() != nil {
		return
	}
	defer w.use.Unlock()
	w.writeHeader(status)
}

func (w *responseWriter) writeHeader(status int) {
	switch {
	case w.status != 0:
		w.e.logf("superfluous WriteHeader(%d), the status is %d already", status, w.status)
	case status == http.StatusSwitchingProtocols:
		w.e.logf("WriteHeader(101) ignored: HTTP/3 has no such status") // RFC 9114 s4.5
	case status < 200:
		w.inform(status)
	default:
		w.decide(status)
	}
}

// Write sends body bytes, after an implicit WriteHeader(200). They are copied: p is the caller's again.
func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.enter(); err != nil {
		return 0, err
	}
	defer w.use.Unlock()
	if err := w.begin(int64(len(p))); err != nil || w.head {
		return w.nothing(p), err
	}
	return pour(w, p)
}

// nothing counts the bytes of a HEAD response, and says how many of p count as written.
func (w *responseWriter) nothing(p []byte) int {
	if !w.head || !bodyAllowed(int(w.status)) {
		return 0
	}
	if w.written == int64(len(p)) {
		w.sniff(p)
	}
	return len(p)
}

// WriteString is Write for a string.
func (w *responseWriter) WriteString(s string) (int, error) {
	if err := w.enter(); err != nil {
		return 0, err
	}
	defer w.use.Unlock()
	if err := w.begin(int64(len(s))); err != nil || w.head {
		return w.nothing([]byte(s)), err
	}
	return pour(w, s)
}

// pour copies p to where it is sent from.
func pour[B string | []byte](w *responseWriter, p B) (n int, err error) {
	for n < len(p) {
		if len(w.room) == 0 {
			if err := w.grow(len(p) - n); err != nil {
				w.written -= int64(len(p) - n) // what is not in it is not declared
				return n, err
			}
		}
		k := copy(w.room, p[n:])
		w.filled(k)
		n += k
	}
	return n, nil
}

// begin is what every writing starts with: may n bytes more be written? The lock is held.
func (w *responseWriter) begin(n int64) error {
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	switch {
	case !bodyAllowed(int(w.status)):
		return http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+n > w.length:
		return http.ErrContentLength
	}
	switch marks := w.marks.Load(); {
	case marks&writingFailed != 0:
		return w.failure()
	case marks&deadlineMet != 0:
		return os.ErrDeadlineExceeded
	}
	w.written += n
	return nil
}

// filled counts k bytes that have been written to room.
func (w *responseWriter) filled(k int) {
	w.chunk.B = w.chunk.B[:len(w.chunk.B)+k]
	w.room = w.room[k:]
}

// grow makes room for some of want bytes. Before the head is sent chunks gather, up to held bytes; then full ones go out. The
// first chunk is not larger than what is written first, since ten thousand answers at once are as many chunks; if more is
// written its bytes move.
func (w *responseWriter) grow(want int) error {
	if w.marks.Load()&handlerReturned != 0 {
		return errHandlerReturned // it waits for the lock
	}
	var little *actor.Chunk
	switch {
	case w.chunk == nil:
	case len(w.chunk.B) == 0: // lent to a reader, and another goroutine writes
		w.chunk.Release()
	case len(w.chunk.Space()) < actor.ChunkMedium:
		little = w.chunk
	default:
		w.full = append(w.full, w.chunk)
	}
	w.chunk, w.room = nil, nil
	free := actor.Headroom
	if !w.sent && len(w.full) == 0 {
		free = w.headroom()
	}
	size := want + free
	switch {
	case little != nil:
		size = max(size+len(little.B), actor.ChunkMedium)
	case len(w.full) > 0:
		size = max(size, actor.ChunkLarge)
		if w.sent || len(w.full) == 2 || w.gathered() >= held/2 {
			if err := w.flush(false); err != nil {
				return err
			}
		}
	}
	c := w.e.conn.Chunks().Get(min(size, actor.ChunkHuge))
	c.B = c.Space()[free:free]
	if little != nil {
		c.B = append(c.B, little.B...)
		little.Release()
	}
	w.chunk, w.room = c, c.Space()[free+len(c.B):]
	return nil
}

// headroom is what the head will need in front of the body's first bytes, with both frame headers, if that is not too much.
func (w *responseWriter) headroom() int {
	const line = 20 // at most, beside its name and value
	n := 2*h3wire.MaxFrameHeader + 2 + len("content-length") + len("16384") + line
	if !w.hasType {
		n += len("content-type") + len("application/vnd.ms-fontobject") + line // the longest that is found out
	}
	for i := range w.list.fields {
		n += len(w.list.fields[i].Name) + len(w.list.fields[i].Value) + line
	}
	return min(n, actor.HeadHeadroom)
}

func (w *responseWriter) gathered() int {
	n := 0
	for _, c := range w.full {
		n += len(c.B)
	}
	if w.chunk != nil {
		n += len(w.chunk.B)
	}
	return n
}

// FlushError sends what has been written so far.
func (w *responseWriter) FlushError() error {
	if err := w.enter(); err != nil {
		return err
	}
	defer w.use.Unlock()
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	return w.flush(false)
}

// Flush is FlushError for http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// SetReadDeadline makes reading the request's body fail after t; the zero Time means never.
func (w *responseWriter) SetReadDeadline(t time.Time) error {
	if b := w.e.body; b != nil {
		b.deadline.set(t)
	}
	return nil
}

// SetWriteDeadline makes writing the response fail after t; the zero Time means never. A response whose writing has
// failed is reset: nothing more can be written, whatever the deadline becomes.
func (w *responseWriter) SetWriteDeadline(t time.Time) error {
	w.deadline.set(t)
	return nil
}

// EnableFullDuplex has nothing to do: reading and writing never wait for one another.
func (w *responseWriter) EnableFullDuplex() error { return nil }

var errHandlerReturned = errors.New("api: the handler of this request has returned: it must wait for its goroutines before it returns")

// finish ends the response after the handler has returned. It reports whether the response is complete.
func (w *responseWriter) finish() bool {
	w.marks.Or(handlerReturned)
	w.use.Lock()
	defer w.use.Unlock()
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	w.glance()
	if w.length >= 0 && w.written < w.length && !w.head && bodyAllowed(int(w.status)) {
		if w.failure() == nil && w.e.ctx.Err() == nil && !w.deadline.passed() { // else it was right to stop
			w.e.logf("the handler wrote %d bytes of a declared Content-Length of %d", w.written, w.length)
		}
		return false
	}
	if !w.sent && w.length < 0 && bodyAllowed(int(w.status)) && (w.written > 0 || !w.head) {
		w.length = w.written
		w.list.add("content-length", strconv.FormatInt(w.written, 10))
	}
	return w.flush(true) == nil
}

// handedOver waits until what was flushed is on its way. It reports false if nothing was, or if it cannot be.
func (w *responseWriter) handedOver() bool {
	w.marks.Or(handlerReturned)
	w.use.Lock()
	defer w.use.Unlock()
	return w.sent && w.ready() == nil
}

// release brings home what was never sent. A goroutine that the handler has left behind may still write, also if the handler was aborted.
func (w *responseWriter) release() {
	w.use.Lock()
	defer w.use.Unlock()
	w.deadline.stop()
	for _, c := range w.full {
		c.Release()
	}
	if w.chunk != nil {
		w.chunk.Release()
	}
	w.full, w.chunk, w.room = nil, nil, nil
	if w.list != nil {
		w.list.Release()
		w.list = nil
	}
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
}

// dateText is the Date header's value, made once a second.
type dateText struct {
	unix int64
	text string
}

var lastDate atomic.Pointer[dateText]

func date() string {
	now := time.Now()
	d := lastDate.Load()
	if d == nil || d.unix != now.Unix() {
		d = &dateText{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastDate.Store(d)
	}
	return d.text
}
