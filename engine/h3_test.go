package engine

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// answerer is a handler: what it answers depends on the path.
func answerer(h *H3Conn, x *port.Exchange) {
	head := <-x.Reads.C()
	path := ""
	if len(head.Heads) > 0 {
		for _, f := range head.Heads[0] {
			if f.Name == ":path" {
				path = f.Value
			}
		}
	}
	body, err := readBody(h, x, head)
	if err == nil {
		n := len(body)
		if s, ok := strings.CutPrefix(path, "/blob/"); ok {
			if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
				panic(err)
			}
			body = pattern(n)
		}
		writeBody(h, x, []port.Field{{Name: ":status", Value: "200"}}, body)
	}
	x.CancelOrder.HandlerDone = true
	h.Cancel(x)
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i)
	}
	return b
}

// readBody reads the rest of a message whose first Delivery is d.
func readBody(h *H3Conn, x *port.Exchange, d *port.Delivery) (body []byte, err error) {
	for {
		n := 0
		for _, p := range d.Pieces {
			body = append(body, p.B...)
			n += len(p.B)
			p.Chunk.Release()
		}
		if d.Last {
			err := d.Err
			x.TakenOrder.Bytes = n
			if !d.Used {
				h.Taken(x)
			}
			return body, err
		}
		x.TakenOrder.Bytes = n
		if !d.Used {
			h.Taken(x)
		}
		d = <-x.Reads.C()
	}
}

// writeBody sends a message.
func writeBody(h *H3Conn, x *port.Exchange, head []port.Field, body []byte) error {
	m := port.NewSendIn(x)
	m.Head = head
	for {
		m.Chunks = nil
		for size := 0; len(body) > 0 && size < 64<<10; {
			c := h.Chunks().Get(min(len(body)+actor.Headroom, actor.ChunkLarge))
			n := copy(c.Space()[actor.Headroom:], body)
			c.B = c.Space()[actor.Headroom : actor.Headroom+n]
			m.Chunks = append(m.Chunks, c)
			body = body[n:]
			size += n
		}
		m.Fin = len(body) == 0
		h.Send(x)
		if s := <-x.Writes.C(); s.Last {
			return s.Err
		}
		m.Head = nil
	}
}

// fetch makes one request.
func fetch(t *testing.T, h *H3Conn, method, path string, body []byte) (status string, answer []byte, err error) {
	x, err := h.Exchange(t.Context())
	if err != nil {
		return "", nil, err
	}
	defer h.Release(x)
	x.OpenOrder.Fields = []port.Field{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "localhost"}, {Name: ":path", Value: path},
	}
	x.OpenOrder.Fin = len(body) == 0
	h.Open(x)
	sent := make(chan error, 1)
	go func() {
		if len(body) == 0 {
			sent <- nil
			return
		}
		sent <- writeBody(h, x, nil, body)
	}()
	d := <-x.Reads.C()
	if len(d.Heads) > 0 {
		for _, f := range d.Heads[len(d.Heads)-1] {
			if f.Name == ":status" {
				status = f.Value
			}
		}
	}
	answer, err = readBody(h, x, d)
	if werr := <-sent; err == nil {
		err = werr
	}
	return status, answer, err
}

// handled makes an H3Handler of what it runs.
func handled(handle func(*H3Conn, *port.Exchange)) H3Handler {
	return func(h *H3Conn, x *port.Exchange) func() {
		return func() {
			handle(h, x)
			h.Handled(x)
		}
	}
}

// h3Pair is a listener and a connection to it.
func h3Pair(t *testing.T, e *Engine, handle func(*H3Conn, *port.Exchange)) (*H3Listener, *H3Conn) {
	t.Helper()
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(handle))
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	return l, h
}

func TestRequestsAndBodiesBothWays(t *testing.T) {
	e := newTestEngine(t)
	_, h := h3Pair(t, e, answerer)
	for _, n := range []int{0, 1, 1000, 100_000, 5_000_000} {
		status, got, err := fetch(t, h, "GET", fmt.Sprintf("/blob/%d", n), nil)
		if err != nil || status != "200" || !bytes.Equal(got, pattern(n)) {
			t.Fatalf("GET of %d bytes: status %q, %d bytes, %v", n, status, len(got), err)
		}
		if n == 0 {
			continue
		}
		status, got, err = fetch(t, h, "POST", "/echo", pattern(n))
		if err != nil || status != "200" || !bytes.Equal(got, pattern(n)) {
			t.Fatalf("POST of %d bytes: status %q, %d bytes, %v", n, status, len(got), err)
		}
	}
}

func TestManyRequestsAtOnceAndOneAfterTheOther(t *testing.T) {
	e := newTestEngine(t)
	_, h := h3Pair(t, e, answerer)
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			for range 5 {
				if status, got, err := fetch(t, h, "GET", "/blob/2000", nil); err != nil || status != "200" || len(got) != 2000 {
					t.Errorf("status %q, %d bytes, %v", status, len(got), err)
				}
			}
		})
	}
	wg.Wait()
}
