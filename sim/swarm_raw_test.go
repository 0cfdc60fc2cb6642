package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"quicpro/engine"
	"quicpro/sim/core/oracle"
)

// rawPort is where the server echoes streams without HTTP.
const rawPort = 7000

// echoStreams serves an engine's channels: what comes on a bidirectional stream goes back, and unidirectional ones are read
// to their end.
func (s *story) echoStreams() {
	h := s.server.Host()
	l, err := h.Engine().Listen(fmt.Sprintf(":%d", rawPort), engine.Config{TLS: h.ServerTLS("echo")})
	if err != nil {
		s.w.T().Errorf("listening for streams: %v", err)
		return
	}
	go func() {
		for {
			select {
			case c := <-l.Accept():
				go acceptStreams(c)
			case <-l.Done():
				return
			}
		}
	}()
}

func acceptStreams(c *engine.Conn) {
	for e := range c.Events() {
		if a, ok := e.(engine.Accepted); ok {
			go echoStream(a.Stream)
		}
	}
}

// echoStream sends back what comes, until either half ends.
func echoStream(s *engine.Stream) {
	sending := !s.ID.IsUni()
	for e := range s.Events() {
		switch e := e.(type) {
		case engine.Received:
			if sending {
				order(s, engine.Write{B: bytes.Join(e.Pieces, nil)})
			}
			e.Release()
		case engine.ReadEnded:
			switch {
			case !sending:
			case e.Err == nil:
				order(s, engine.Write{Fin: true})
			default:
				order(s, engine.ResetStream{Code: 9})
			}
		case engine.WriteEnded:
			if sending = false; e.Err != nil {
				order(s, engine.StopStream{Code: 8})
			}
		}
	}
}

// order sends a command, unless nobody receives it any more.
func order(s *engine.Stream, c engine.StreamCommand) {
	select {
	case s.Commands() <- c:
	case <-s.Done():
	}
}

// rawProgram dials the server's echo and uses a few streams at once, some of which it gives up half-way.
func (s *story) rawProgram(i int, c *clientHost) {
	p, k := s.work, uint64(100+i)
	if !p.Happens(k, "streams", 0.3) {
		return
	}
	s.all.Go(func() {
		time.Sleep(p.Duration(k, "streams begin", 300*time.Millisecond))
		ctx, cancel := context.WithTimeout(s.w.Context(c.name+"/streams"), 20*time.Second)
		defer cancel()
		srv := s.server.Host()
		conn, err := c.Engine().Dial(ctx, srv.Addr(rawPort), engine.Config{TLS: srv.ClientTLS("echo")})
		if err != nil {
			s.rawFailed("dial", err)
			return
		}
		s.w.Count("streams")
		s.useStreams(k, conn)
	})
}

// useStreams opens streams one after the other, and uses them side by side.
func (s *story) useStreams(k uint64, conn *engine.Conn) {
	count := 1 + s.work.IntN(k, "how many streams", 6)
	var over sync.WaitGroup
	over.Add(count)
	go func() {
		for n := range count {
			select {
			case conn.Commands() <- engine.OpenStream{Uni: s.work.IntN(k<<8|uint64(n), "uni", 3) == 0}:
			case <-conn.Done():
				return
			}
		}
	}()
	go func() {
		over.Wait()
		select {
		case conn.Commands() <- engine.CloseConn{Code: 7, Reason: "done"}:
		case <-conn.Done():
		}
	}()
	n := uint64(0)
	for e := range conn.Events() {
		switch e := e.(type) {
		case engine.Opened:
			n++
			go func() {
				defer over.Done()
				s.useStream(k<<8|n, e.Stream)
			}()
		case engine.ConnClosed:
			if e.Cause == nil || !e.Cause.App || e.Cause.Code != 7 {
				s.rawFailed("connection", e.Cause)
			}
			over.Add(-(count - int(n))) // those that never came
		}
	}
}

// useStream sends bytes of its own and wants them back, unless it gives up.
func (s *story) useStream(k uint64, x *engine.Stream) {
	p, name := s.work, fmt.Sprintf("s%d", k)
	size := []int{0, 10, 3000, 60_000}[p.IntN(k, "stream bytes", 4)]
	how := []string{"all", "all", "all", "reset", "stop"}[p.IntN(k, "stream end", 5)]
	body := make([]byte, size)
	oracle.Content(bodySeed, name, 0, body)
	go func() {
		half := body[:size/2]
		commands := []engine.StreamCommand{engine.Write{B: half}, engine.Write{B: body[size/2:], Fin: true}}
		switch how {
		case "reset":
			commands = []engine.StreamCommand{engine.Write{B: half}, engine.ResetStream{Code: 5}, engine.StopStream{Code: 6}}
		case "stop":
			commands = []engine.StreamCommand{engine.StopStream{Code: 6}, engine.Write{B: half, Fin: true}}
		}
		for _, m := range commands {
			order(x, m)
		}
	}()
	var got []byte
	var readErr, writeErr error
	for e := range x.Events() {
		switch e := e.(type) {
		case engine.Received:
			got = append(got, bytes.Join(e.Pieces, nil)...)
			e.Release()
		case engine.ReadEnded:
			readErr = e.Err
		case engine.WriteEnded:
			writeErr = e.Err
		}
	}
	switch {
	case !bytes.HasPrefix(body, got):
		s.w.T().Errorf("stream %s: what came back is not what was sent", name)
	case how != "all" || x.ID.IsUni():
	case readErr != nil || writeErr != nil:
		s.rawFailed("stream", errors.Join(readErr, writeErr))
	case len(got) != size:
		s.w.T().Errorf("stream %s: %d bytes of %d came back", name, len(got), size)
	}
}

func (s *story) rawFailed(what string, err error) {
	if !s.deadly {
		s.w.T().Errorf("streams: %s: %v", what, err)
	}
}
