package engine

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestConnectionsComeAndGoAndLeaveNothing(t *testing.T) {
	rounds, requests := 100, 10
	if testing.Short() {
		rounds = 20
	}
	e := newTestEngine(t)
	l, err := e.ListenH3("127.0.0.1:0", H3Config{TLS: serverTLS()}, handled(answerer))
	if err != nil {
		t.Fatal(err)
	}
	round := func() {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				h, err := e.DialH3(t.Context(), l.Addr(), H3Config{TLS: clientTLS()})
				if err != nil {
					t.Error(err)
					return
				}
				for range requests {
					if _, got, err := fetch(t, h, "GET", "/blob/3000", nil); err != nil || len(got) != 3000 {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				}
				h.Close(0x100, "")
				<-h.Done()
			})
		}
		wg.Wait()
	}
	settle := func() {
		for range 3000 {
			if e.Outstanding().Connections == 0 && len(e.of(l.l.s)) == 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("not gone: %+v", e.Outstanding())
	}
	for range 3 {
		round()
	}
	settle()
	before := heap()
	for range rounds {
		round()
	}
	settle()
	// The endpoint forgets closed connections after 3 PTO, which are as long as the machine was slow.
	var after uint64
	for range longWait / (100 * time.Millisecond) {
		if after = heap(); after <= before+1<<20 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("heap %d KiB before, %d KiB after", before>>10, after>>10)
	if after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
}
