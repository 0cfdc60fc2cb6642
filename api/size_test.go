package api

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"unsafe"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// What ten thousand requests at once hold is most of their cost, and the allocator's sizes are few.
func TestWhatARequestHoldsFitsItsSizes(t *testing.T) {
	for _, c := range []struct {
		what       string
		size, most uintptr
	}{
		{"a client's call that waits", unsafe.Sizeof(call{}), 160},
		{"its answer", unsafe.Sizeof(answer{}), 320},
		{"a server's exchange", unsafe.Sizeof(exchange{}), 416},
	} {
		if c.size > 512 {
			c.size += 8 // the allocator's header
		}
		if c.size > c.most {
			t.Errorf("%s is %d bytes, want at most %d", c.what, c.size, c.most)
		}
	}
}

// watcher is a connection that looks at what a Send holds.
type watcher struct {
	*scripted
	body  []byte
	space []int // of the chunks
	front int   // what is free in the first chunk
	head  int   // bytes of its names and values
}

func (c *watcher) Send(x *port.Exchange) {
	for _, f := range x.SendOrder.Head {
		c.head += len(f.Name) + len(f.Value)
	}
	for i, k := range x.SendOrder.Chunks {
		if i == 0 {
			c.front = k.Free()
		}
		c.body = append(c.body, k.B...)
		c.space = append(c.space, len(k.Space()))
	}
	c.scripted.Send(x)
}

// A chunk lives until the peer has what is in it. A small answer holds a small one; if more is written its bytes move.
func TestAnAnswerHoldsLittleMoreThanItIs(t *testing.T) {
	for _, tt := range []struct {
		writes []int
		space  []int
	}{
		{[]int{32}, []int{actor.ChunkLittle}},
		{[]int{300}, []int{actor.ChunkSmall}},
		{[]int{32, 8, 8}, []int{actor.ChunkLittle}},
		{[]int{32, 300}, []int{actor.ChunkMedium}},
		{[]int{32, 300, 3000}, []int{actor.ChunkMedium}},
		{[]int{1, 5000}, []int{actor.ChunkLarge}},
		{[]int{3000}, []int{actor.ChunkMedium}},
		{[]int{3000, 3000}, []int{actor.ChunkMedium, actor.ChunkLarge}},
	} {
		var want []byte
		s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for i, n := range tt.writes {
				p := bytes.Repeat([]byte{byte('a' + i)}, n)
				want = append(want, p...)
				if _, err := w.Write(p); err != nil {
					t.Error(err)
				}
			}
		})}
		c, x := &watcher{scripted: newScripted("client", nil)}, port.NewExchange(nil)
		x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}}}, Length: -1, Last: true, Used: true})
		s.task(c, x)()
		if len(c.space) != len(tt.space) || c.space[0] != tt.space[0] || !bytes.Equal(c.body, want) {
			t.Errorf("writes of %v bytes: %d bytes in chunks of %v, want %d in %v", tt.writes, len(c.body), c.space, len(want), tt.space)
		}
		if c.head == 0 || c.front < c.head {
			t.Errorf("writes of %v bytes: %d are free in front of them, the head has %d", tt.writes, c.front, c.head)
		}
		if n := c.chunks.Out(); n != 0 {
			t.Errorf("writes of %v bytes: %d chunks are not home", tt.writes, n)
		}
	}
}

// A LimitedReader's N may be anything: the largest means that there is no limit, and a negative one that nothing comes.
func TestAnswersAreReadFromReadersOfAnyLimit(t *testing.T) {
	for _, n := range []int64{math.MaxInt64, math.MaxInt64 - 1, 1 << 40, 5, 3, 0, -1, -300, math.MinInt64} {
		s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 130))
			if _, err := w.(io.ReaderFrom).ReadFrom(&io.LimitedReader{R: strings.NewReader("hello"), N: n}); err != nil {
				t.Errorf("limit %d: %v", n, err)
			}
		})}
		c := &watcher{scripted: newScripted("client", nil)}
		s.task(c, oneGet())()
		if want := "hello"[:max(0, min(n, 5))]; string(c.body) != want {
			t.Errorf("limit %d: %q arrives, want %q", n, c.body, want)
		}
		if c.chunks.Out() != 0 {
			t.Errorf("limit %d: chunks out %d", n, c.chunks.Out())
		}
	}
}
