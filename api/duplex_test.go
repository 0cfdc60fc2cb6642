package api

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// A response has begun, and its client reads no more of it before its own body is read. That it once waited for 100 (Continue) must
// not make the reader of the body wait for the writer.
func TestReadingNeverWaitsForWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, x := &tardy{scripted: newScripted("client", nil)}, port.NewExchange(nil)
		chunk := c.chunks.Get(1)
		chunk.B = append(chunk.B, 'x')
		head := []port.Field{{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/"}, {Name: "expect", Value: "100-continue"}}
		x.Reads.Send(&port.Delivery{Heads: [][]port.Field{head}, Length: -1, Last: true, Used: true, Pieces: []port.Piece{{B: chunk.B, Chunk: chunk}}})
		s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			written := make(chan bool)
			go func() {
				_, _ = w.Write(make([]byte, 4*actor.ChunkHuge))
				close(written)
			}()
			synctest.Wait() // it waits for the client
			if b, err := io.ReadAll(r.Body); string(b) != "x" || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
			x.Writes.Send(&port.Sent{})
			<-written
		})}
		s.task(c, x)()
		if n := c.chunks.Out(); n != 0 || c.fins != 1 {
			t.Errorf("%d chunks are not home, %d complete responses", n, c.fins)
		}
	})
}
