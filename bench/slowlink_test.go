package main

import (
	"testing"
	"time"
)

var start = time.Unix(1_000_000, 0)

// A megabyte a second, 10 ms, room for 3,000 bytes.
func testQueue() *queue {
	return &queue{link: link{Rate: 1e6, Queue: 3000, Delay: 10 * time.Millisecond}}
}

func TestALinkSendsOneAfterTheOtherAtItsRate(t *testing.T) {
	q := testQueue()
	for i := range 3 {
		want := start.Add(time.Duration(i+1)*time.Millisecond + 10*time.Millisecond)
		if at, ok := q.offer(start, 1000); !ok || !at.Equal(want) {
			t.Errorf("datagram %d arrives after %v (%v), want %v", i, at.Sub(start), ok, want.Sub(start))
		}
	}
	later := start.Add(time.Second) // nothing is left of the queue
	if at, ok := q.offer(later, 500); !ok || at.Sub(later) != 10500*time.Microsecond {
		t.Errorf("on an idle link it takes %v (%v), want 10.5ms", at.Sub(later), ok)
	}
}

func TestALinkDropsWhatItsQueueCannotHold(t *testing.T) {
	q := testQueue()
	for i := range 3 {
		if _, ok := q.offer(start, 1000); !ok {
			t.Errorf("datagram %d was dropped, and the queue has room for 3", i)
		}
	}
	if _, ok := q.offer(start, 1000); ok || q.Tail != 1 {
		t.Errorf("a fourth datagram was taken (%v), %d drops", ok, q.Tail)
	}
	// Half a datagram has left, then all of it.
	if _, ok := q.offer(start.Add(500*time.Microsecond), 1000); ok || q.Tail != 2 {
		t.Errorf("there was room (%v) for half a datagram only, %d drops", ok, q.Tail)
	}
	if _, ok := q.offer(start.Add(time.Second), linkMTU+1); ok || q.Tail != 2 {
		t.Errorf("larger than the link's MTU: %v, %d dropped", ok, q.Tail)
	}
	if _, ok := q.offer(start.Add(time.Millisecond), 1000); !ok {
		t.Error("dropped, and there was room again")
	}
}

func TestALinkLosesItsShareWithoutSendingIt(t *testing.T) {
	q := testQueue()
	q.Loss, q.rng = 1, seeded(1)
	if _, ok := q.offer(start, 1000); ok || q.Lost != 1 || q.Tail != 0 || q.busy.After(start) {
		t.Errorf("taken %v, %d lost, %d dropped, busy until %v", ok, q.Lost, q.Tail, q.busy.Sub(start))
	}
	q = testQueue()
	q.Rate, q.Loss, q.rng = 1e12, 0.25, seeded(1)
	for range 10_000 {
		q.offer(start, 1)
	}
	if q.Lost < 2300 || q.Lost > 2700 {
		t.Errorf("%d of 10,000 were lost, want a quarter", q.Lost)
	}
}

// W8's queue is the path's bandwidth-delay product.
func TestTheQueueOfW8(t *testing.T) {
	if l := slowLink(0); l.Queue != 625_000 {
		t.Errorf("the queue holds %.0f bytes, want 625,000", l.Queue)
	}
}

func TestARelayCarriesBothWaysAndIsNotEarly(t *testing.T) {
	server := listenUDP(t)
	r, err := newRelay(server.LocalAddr().String(), link{Rate: 1e6, Queue: 1e6, Delay: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	client := dialUDP(t, r.addr())
	from := time.Now()
	for _, b := range []byte{1, 2, 3} {
		if _, err := client.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 10)
	for _, want := range []byte{1, 2, 3} {
		n, back, err := server.ReadFrom(buf)
		if err != nil || n != 1 || buf[0] != want {
			t.Fatalf("the server read %v, %v; want %d", buf[:n], err, want)
		}
		if _, err := server.WriteTo([]byte{want + 10}, back); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []byte{11, 12, 13} {
		if n, err := client.Read(buf); err != nil || n != 1 || buf[0] != want {
			t.Fatalf("the client read %v, %v; want %d", buf[:n], err, want)
		}
	}
	if took := time.Since(from); took < 20*time.Millisecond {
		t.Errorf("there and back took %v, and the link is 10 ms each way", took)
	}
}
