package api

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"quicpro/actors/port"
)

// In virtual time: a machine that pauses makes no handler long.
func TestHandlersThatComputeForLongWait(t *testing.T) {
	synctest.Test(t, testHandlersThatComputeForLongWait)
}

func testHandlersThatComputeForLongWait(t *testing.T) {
	var p pace
	waited := 0
	await := func(most time.Duration) {
		if waited++; most < longRun || most > longestRun {
			t.Errorf("a handler would wait for up to %v", most)
		}
	}
	request := func(path string, handler func()) {
		paced := p.begin(&http.Request{Method: "GET", URL: &url.URL{Path: path}}, await)
		handler()
		paced.end()
	}
	for range 50 {
		request("/long", func() { time.Sleep(2 * longRun) })
	}
	if waited == 0 || waited == 50 {
		t.Errorf("%d of 50 that compute for long waited; want all but the first few", waited)
	}
	waited = 0
	brief := "/brief"
	for p.route("GET", brief) == p.route("GET", "/long") { // one time in 256 they share one
		brief += "er"
	}
	for range 50 {
		request(brief, func() {})
	}
	if waited > 0 {
		t.Errorf("%d of 50 that are short waited", waited)
	}
}

// A handler that panics has ended.
func TestAPanicEndsAHandlersRun(t *testing.T) {
	ran := 0
	s := &Server{}
	s.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		ran += int(s.pace.route("GET", "/").begun.Load())
		panic(http.ErrAbortHandler)
	})
	x := port.NewExchange(nil)
	x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}}}, Length: -1, Last: true})
	c := newScripted("client", nil)
	s.task(c, x)()
	_, _, cancelled := c.tally()
	if n := s.pace.route("GET", "/").begun.Load(); n != 0 || ran != 1 || cancelled != 1 {
		t.Errorf("%d have begun and not ended, %d ran, cancelled: %d", n, ran, cancelled)
	}
}

func TestWhatIsExpectedOfHandlers(t *testing.T) {
	procs := time.Duration(runtime.GOMAXPROCS(0))
	tests := []struct {
		name   string
		beside int // others that have begun
		took   []time.Duration
		want   func(expected time.Duration) bool
	}{
		{"one that was interrupted", 0, append(repeat(5*time.Microsecond, 100), 8*time.Millisecond, 8*time.Millisecond), short},
		{"the first few are long", 0, repeat(time.Millisecond, 2), short},
		{"long", 0, repeat(time.Millisecond, 100), near(time.Millisecond)},
		{"longer than anything", 0, repeat(time.Hour, 100), near(longestRun)},
		{"long no more", 0, append(repeat(time.Millisecond, 100), repeat(5*time.Microsecond, 20)...), short},
		{"many that wait", 100 * int(procs), repeat(10*time.Millisecond, 100), short},
		{"a few that compute beside each other", 2*int(procs) - 1, repeat(2*time.Millisecond, 100), near(time.Millisecond)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r route
			r.begun.Add(int32(test.beside))
			for _, took := range test.took {
				r.begun.Add(1)
				r.ended(took)
			}
			if got := r.expected(); !test.want(got) {
				t.Errorf("%v is expected", got)
			}
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

func short(d time.Duration) bool { return d < longRun }

func near(want time.Duration) func(time.Duration) bool {
	return func(d time.Duration) bool { return d > want*9/10 && d < want*11/10 }
}

func oneGet() *port.Exchange {
	x := port.NewExchange(nil)
	x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}}}, Length: -1, Last: true, Used: true})
	return x
}

// A handler that ends its goroutine has not answered: what it wrote is not a complete message.
func TestAGoexitEndsAHandlersExchange(t *testing.T) {
	var ctx context.Context
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx = r.Context()
		_, _ = w.Write([]byte("half"))
		runtime.Goexit()
	})}
	c, x := newScripted("client", nil), oneGet()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.task(c, x)()
	}()
	<-ended
	o := &x.CancelOrder
	if _, _, cancelled := c.tally(); cancelled != 1 || !o.HandlerDone || !o.StopWriting || port.NewSendIn(x).Fin {
		t.Errorf("%d orders to cancel, %+v, %+v", cancelled, o, port.NewSendIn(x))
	}
	if n := s.pace.route("GET", "/").begun.Load(); n != 0 || ctx.Err() == nil || c.chunks.Out() != 0 {
		t.Errorf("%d run, the context says %v, %d chunks are not home", n, ctx.Err(), c.chunks.Out())
	}
}
