package engine

import (
	"net/netip"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// strict is a socket that takes no datagram above a size.
type strict struct {
	*fakeLink
	most int
}

func (l strict) Write(b []byte, seg int, to netip.AddrPort, from netip.Addr, ecn udp.ECN) (int, error) {
	if seg > l.most {
		return 0, udp.ErrMessageTooLong
	}
	return l.fakeLink.Write(b, seg, to, from, ecn)
}

// doormat keeps what comes home.
type doormat struct{ came chan *port.TxBatch }

func (d doormat) Flush(mono.Time) {}
func (d doormat) Handle(_ mono.Time, m port.ToConn) {
	if t, ok := m.(*port.TxBatch); ok {
		d.came <- t
	}
}

// A datagram that is too long for the socket is a fact for conn, and the runs around it leave.
func TestABatchComesHomeWithWhatTheSocketSaid(t *testing.T) {
	link := strict{newFakeLink(), 1252}
	home := doormat{make(chan *port.TxBatch, 1)}
	room := actor.Spawn[port.ToConn](NewWorld(), actor.Spec{Name: "home", Capacity: 1}, home)
	for _, c := range []struct {
		sizes   []int
		tooLong bool
		leave   int
	}{
		{[]int{1200, 1252}, false, 2},
		{[]int{1200, 1452, 1252}, true, 2},
		{[]int{1452, 1200}, true, 1},
	} {
		b := &port.TxBatch{Home: room.Port("writer>home", 1)}
		for _, n := range c.sizes {
			b.Runs = append(b.Runs, port.TxRun{Off: len(b.B), Len: n, SegmentSize: n})
			b.B = append(b.B, make([]byte, n)...)
		}
		(&writer{s: &socket{link: link}}).send(b)
		select {
		case <-home.came:
		case <-time.After(5 * time.Second):
			t.Fatal("the batch did not come home")
		}
		if b.TooLong != c.tooLong || (b.Err != nil) != c.tooLong || len(link.out) != c.leave {
			t.Errorf("%v: too long %v, error %v, %d datagrams left", c.sizes, b.TooLong, b.Err, len(link.out))
		}
		for range len(link.out) {
			<-link.out
		}
	}
}

// A small batch is a message only if conn waits for it, or the socket has said something; else its slot is free, and the
// pool has it.
func TestASmallBatchComesHomeOnlyIfItIsWanted(t *testing.T) {
	link := strict{newFakeLink(), 1252}
	home := doormat{make(chan *port.TxBatch, 1)}
	room := actor.Spawn[port.ToConn](NewWorld(), actor.Spec{Name: "home", Capacity: 1}, home)
	for _, c := range []struct {
		what   string
		size   int
		wanted bool
		comes  bool
	}{
		{"all went well", 1200, false, false},
		{"conn waits for it", 1200, true, true},
		{"the datagram was too long", 1452, false, true},
	} {
		owner := &connection{s: &socket{}}
		owner.tx.pool = &txPool{spares: &spares{}}
		slot := &actor.Slot{}
		slot.Take()
		if c.wanted {
			slot.TakeOrWant()
		}
		b := &port.TxBatch{Home: room.Port("writer>home", 1), Small: slot, Owner: owner, B: make([]byte, c.size)}
		b.Runs = append(b.Runs, port.TxRun{Len: c.size, SegmentSize: c.size})
		(&writer{s: &socket{link: link}}).send(b)
		if c.comes {
			select {
			case <-home.came:
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: the batch did not come home", c.what)
			}
		}
		if slot.Taken() != c.comes || (b.Owner == nil) == c.comes {
			t.Errorf("%s: slot taken: %v, with the pool: %v", c.what, slot.Taken(), b.Owner == nil)
		}
	}
}
