package engine

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/actors/conn"
	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// pinger puts a PING in front of the frames of 1-RTT packets whose last ones are PADDING, and counts what comes in.
type pinger struct{ put, sealed, opened atomic.Int64 }

func (p *pinger) Sending(_ mono.Time, t *port.TxBatch) {
	for i := range t.Packets {
		q := &t.Packets[i]
		p.sealed.Add(1)
		frames := t.B[q.Off+q.NumberOff+int(q.NumberLen) : q.Off+q.Len-16]
		if n := len(frames); q.Level == wire.LevelApp && n > 1 && frames[0] == byte(wire.TypePadding) {
			frames[0] = byte(wire.TypePing)
			p.put.Add(1)
		}
	}
}

func (p *pinger) Receiving(_ mono.Time, b *port.RxBatch) {
	for i := range b.Packets {
		if b.Packets[i].Kind == port.RxOpened {
			p.opened.Add(1)
		}
	}
}

func TestWhatStandsBetweenSeesEveryPacketInPlaintext(t *testing.T) {
	server := newTestEngine(t)
	l, err := server.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var seen pinger
	made := 0
	client := New(Options{Between: func(role wire.Role, _ wire.ConnectionID) Between {
		if made++; role != wire.Client {
			t.Errorf("a connection of the %v", role)
		}
		return &seen
	}})
	defer client.Close()
	h, err := client.DialH3(within(t, 5*time.Second), l.Addr(), H3Config{TLS: clientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	if _, body, err := fetch(t, h, "GET", "/blob/100000", nil); err != nil || !bytes.Equal(body, pattern(100_000)) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if made != 1 || seen.sealed.Load() < 3 || seen.opened.Load() < 70 {
		t.Errorf("%d connections, %d packets out, %d in", made, seen.sealed.Load(), seen.opened.Load())
	}
}

func TestNothingStandsBetweenUnlessItIsAskedFor(t *testing.T) {
	for _, between := range []Between{nil, &pinger{}} {
		c := &connection{between: between}
		_, bare := c.connRoom().(*conn.Conn)
		_, plain := c.protectRoom().(*crypto.Protect)
		if want := between == nil; bare != want || plain != want {
			t.Errorf("with %v: conn is bare: %v, protect: %v", between, bare, plain)
		}
	}
}
