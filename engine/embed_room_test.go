package engine

import (
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// TestAWriteThatCrossesTheEndIsReleased: the pump sends a Write while the room above the streams says that nothing more is
// wanted. Its chunks have no other holder.
func TestAWriteThatCrossesTheEndIsReleased(t *testing.T) {
	conn := actor.Spawn(idleSystem{}, actor.Spec{Name: "conn", Capacity: 4}, actor.Behaviour[port.ToConn](nobody{}))
	for _, c := range []struct {
		name string
		uni  bool
		room int // how many bytes the stream takes
		end  func(*raw, *port.Exchange)
	}{
		{"stopped, and forgotten", true, 1, peerStops},
		{"stopped, the other half goes on", false, 1, peerStops},
		{"reset while the stream takes nothing", false, 0, func(r *raw, x *port.Exchange) {
			r.Handle(1, &port.Cancel{Exchange: x, StopWriting: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x *port.Exchange
			r := &raw{role: wire.Client, room: c.room, streams: spawner{}, toConn: conn.Port("h3>conn", 1), born: func(b *port.Exchange) { x = b }}
			r.connected, r.allowed = &port.Connected{Peer: &wire.TransportParameters{}}, [2]uint64{1, 1}
			asked := port.NewExchange(nil)
			asked.OpenOrder.Uni = c.uni
			r.Handle(1, &asked.OpenOrder)
			r.Flush(1)
			room := actor.Spawn(idleSystem{}, actor.Spec{Name: "stream", Capacity: 2}, actor.Behaviour[port.ToStream](noStream{}))
			x.Stream.FromH3 = room.Port("h3>stream", 2)

			c.end(r, x)
			r.Flush(1)
			if m := <-x.Writes.C(); !m.Last || m.Err == nil {
				t.Fatalf("the end is told by %+v", m)
			}
			var chunks actor.Chunks
			port.NewSendIn(x).Chunks = []*actor.Chunk{chunks.Get(actor.ChunkLarge)}
			r.Handle(1, port.NewSendIn(x))
			r.Flush(1)
			if out := chunks.Out(); out != 0 {
				t.Errorf("%d chunks are held for an app that has been told the end", out)
			}
			if len(x.Writes.C()) > 0 {
				t.Error("something comes after the last Sent")
			}
		})
	}
}

func peerStops(r *raw, x *port.Exchange) {
	m, _ := x.Stream.In.Ready()
	m.HasStop, m.StopCode, m.Room = true, 7, 1
	r.Handle(1, m)
}

type noStream struct{}

func (noStream) Handle(mono.Time, port.ToStream) {}
func (noStream) Flush(mono.Time)                 {}
