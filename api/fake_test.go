package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// scripted is a connection whose peer is a function: it is called with each request's head and answers through the
// mailboxes, as h3 does.
type scripted struct {
	name   string
	chunks actor.Chunks
	done   chan struct{}
	answer func(c *scripted, x *port.Exchange)

	mu                              sync.Mutex
	unusable                        bool
	opened, released, taken, cancel int
	goodbyes, closes                int
	fields                          []port.Field
}

func newScripted(name string, answer func(*scripted, *port.Exchange)) *scripted {
	return &scripted{name: name, answer: answer, done: make(chan struct{})}
}

func (c *scripted) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (c *scripted) Exchange(context.Context) (*port.Exchange, error) {
	return port.NewExchange(nil), nil
}
func (c *scripted) Release(*port.Exchange)      { c.count(&c.released) }
func (c *scripted) Handled(*port.Exchange)      {}
func (c *scripted) Taken(*port.Exchange)        { c.count(&c.taken) }
func (c *scripted) Chunks() *actor.Chunks       { return &c.chunks }
func (c *scripted) State() *tls.ConnectionState { return &tls.ConnectionState{} }
func (c *scripted) RemoteAddr() netip.AddrPort  { return netip.AddrPort{} }
func (c *scripted) RemoteName() string          { return "" }
func (c *scripted) LocalAddr() netip.AddrPort   { return netip.AddrPort{} }
func (c *scripted) Done() <-chan struct{}       { return c.done }
func (c *scripted) Cause() *port.Cause          { return nil }
func (c *scripted) Context() context.Context    { return context.Background() }
func (c *scripted) SilentFor() time.Duration    { return 0 }
func (c *scripted) Goodbye()                    { c.count(&c.goodbyes) }

func (c *scripted) Send(x *port.Exchange) {
	x.SendOrder.Release()
	x.Writes.Send(&port.Sent{Last: x.SendOrder.Fin})
}

func (c *scripted) Open(x *port.Exchange) {
	c.mu.Lock()
	c.opened++
	c.fields = append([]port.Field(nil), x.OpenOrder.Fields...)
	c.mu.Unlock()
	c.answer(c, x)
}

// Cancel answers what Open and Send have not: here that is always the reading half.
func (c *scripted) Cancel(x *port.Exchange) {
	c.count(&c.cancel)
	x.Reads.Send(&port.Delivery{Last: true, Err: &port.StreamError{Code: x.CancelOrder.Code}})
}

func (c *scripted) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.unusable
}

func (c *scripted) Close(uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closes++; c.closes == 1 {
		close(c.done)
	}
}

// tally is how often what was done to it.
func (c *scripted) tally() (opened, released, cancelled int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened, c.released, c.cancel
}

// die makes the connection answer no more, the request with err.
func (c *scripted) die(x *port.Exchange, err error) {
	c.mu.Lock()
	c.unusable = true
	c.mu.Unlock()
	x.Reads.Send(&port.Delivery{Last: true, Err: err})
}

// ok is the answer of a server that has nothing to say.
func ok(_ *scripted, x *port.Exchange) {
	x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":status", Value: "200"}}}, Length: -1, Last: true})
}

var resetStatelessly = &port.Cause{Why: port.Reset}

func TestRequestsAreSentAgainOnlyWhereThatIsSafe(t *testing.T) { synctest.Test(t, sendAgain) }

func sendAgain(t *testing.T) {
	rejected := &port.StreamError{Code: 0x10b, Remote: true}
	untouched := &port.StreamError{Unprocessed: true, Err: port.ErrGoaway}
	reset := &port.StreamError{Code: 0x102, Remote: true}
	closedByUs := &port.Cause{Why: port.Ours, App: true, Code: 0x100}
	goodbye := &port.Cause{Why: port.Theirs, App: true, Code: 0x100}
	accused := &port.Cause{Why: port.Theirs, Code: 0xa}
	idle, silent := &port.Cause{Why: port.Idle}, &port.Cause{Why: port.TimedOut}
	plain := func() io.Reader { return nil }
	memory := func() io.Reader { return strings.NewReader("body") }
	stream := func() io.Reader { return io.MultiReader(strings.NewReader("body")) }
	for _, c := range []struct {
		method string
		body   func() io.Reader
		err    error
		dials  int
	}{
		{"GET", plain, resetStatelessly, 2},
		{"GET", memory, resetStatelessly, 2},
		{"GET", stream, resetStatelessly, 1},
		{"GET", plain, goodbye, 2},
		{"GET", plain, accused, 1},
		{"GET", plain, idle, 1}, // the server may be at work on it
		{"GET", plain, silent, 1},
		{"DELETE", plain, resetStatelessly, 1},
		{"POST", plain, resetStatelessly, 1},
		{"POST", plain, idle, 1},
		{"PUT", memory, resetStatelessly, 1},
		{"POST", plain, untouched, 2},
		{"POST", memory, untouched, 2},
		{"POST", stream, untouched, 1},
		{"POST", memory, rejected, 2},
		{"GET", plain, reset, 1},
		{"GET", plain, closedByUs, 1},
	} {
		dials := 0
		first := newScripted("first", func(s *scripted, x *port.Exchange) {
			if opened, _, _ := s.tally(); opened == 1 {
				ok(s, x)
				return
			}
			s.die(x, c.err)
		})
		second := newScripted("second", ok)
		tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
			if dials++; dials == 1 {
				return first, nil
			}
			return second, nil
		}}
		earlier, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
		if _, err := tr.RoundTrip(earlier); err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest(c.method, "https://127.0.0.1/", c.body())
		resp, err := tr.RoundTrip(req)
		if lacksAnswer := c.err == error(idle) || c.err == error(silent); errors.Is(err, ErrTimeout) != lacksAnswer {
			t.Errorf("%s after %v: does %v match ErrTimeout?", c.method, c.err, err)
		}
		if dials != c.dials || (err == nil) != (c.dials == 2) {
			t.Errorf("%s with %T after %v: %d dials, %v", c.method, req.Body, c.err, dials, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		_ = tr.Close()
		synctest.Wait() // for the upload, which RoundTrip does not wait for
		for _, s := range []*scripted{first, second} {
			if opened, released, _ := s.tally(); opened != released || s.chunks.Out() != 0 {
				t.Errorf("%s with %T after %v: %s opened %d, released %d, %d chunks out", c.method, req.Body, c.err, s.name, opened, released, s.chunks.Out())
			}
		}
	}
}

// A server that dies of a request is not given it once more: its connection had not served before.
func TestTheFirstRequestOfAConnectionIsNotSentAgain(t *testing.T) {
	dials := 0
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
		dials++
		return newScripted("", func(s *scripted, x *port.Exchange) { s.die(x, resetStatelessly) }), nil
	}}
	defer tr.Close()
	req, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
	var conn *ConnectionError
	if _, err := tr.RoundTrip(req); !errors.As(err, &conn) || !conn.Remote || dials != 1 {
		t.Errorf("%d dials, %v", dials, err)
	}
}

func TestTheErrorOfTheFirstAttemptIsKept(t *testing.T) {
	dials := 0
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
		if dials++; dials > 1 {
			return nil, &port.Cause{Why: port.Refused, Err: syscall.ECONNREFUSED}
		}
		return newScripted("", func(s *scripted, x *port.Exchange) {
			s.die(x, &port.StreamError{Unprocessed: true, Err: port.ErrGoaway})
		}), nil
	}}
	defer tr.Close()
	req, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
	_, err := tr.RoundTrip(req)
	var stream *StreamError
	if dials != 2 || !errors.Is(err, ErrRefused) || !errors.As(err, &stream) {
		t.Errorf("%d dials, %v", dials, err)
	}
	for _, want := range []string{"dialing 127.0.0.1:443: connection refused", port.ErrGoaway.Error()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestAServerThatKeepsRejectingIsNotAskedForEver(t *testing.T) {
	dials := 0
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
		dials++
		return newScripted("", func(s *scripted, x *port.Exchange) {
			s.die(x, &port.StreamError{Unprocessed: true, Err: port.ErrGoaway})
		}), nil
	}}
	defer tr.Close()
	req, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
	var stream *StreamError
	if _, err := tr.RoundTrip(req); !errors.As(err, &stream) || dials != maxAttempts {
		t.Errorf("%d dials, %v", dials, err)
	}
}

func TestTheHeadIsTheSameEveryTime(t *testing.T) {
	c := newScripted("", ok)
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) { return c, nil }, ConnectTo: "127.0.0.1:1"}
	defer tr.Close()
	req, _ := http.NewRequest("POST", "https://bücher.example:8443/a%20b?q=1", nil)
	req.Header = http.Header{"B": {"2", "3"}, "A": {"1"}, "Authorization": {"x"}, "D": {"5"}, "C": {"4"}, "Connection": {"x"}, "Host": {"no"}}
	req.Trailer = http.Header{"Z": nil, "Y": nil}
	want := []port.Field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "xn--bcher-kva.example:8443"}, {Name: ":path", Value: "/a%20b?q=1"},
		{Name: "a", Value: "1"}, {Name: "authorization", Value: "x", Sensitive: true},
		{Name: "b", Value: "2"}, {Name: "b", Value: "3"}, {Name: "c", Value: "4"}, {Name: "d", Value: "5"},
		{Name: "content-length", Value: "0"}, {Name: "trailer", Value: "Y,Z"},
		{Name: "accept-encoding", Value: "gzip"}, {Name: "user-agent", Value: "quicpro/0"},
	}
	for range 10 {
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c.fields, want) {
			t.Fatalf("got %v", c.fields)
		}
	}
}

func TestCallersShareOneDialAndWaitForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		c := newScripted("", ok)
		tr := &Transport{dial: func(ctx context.Context, _ netip.AddrPort, _ string) (exchanger, error) {
			dials++
			select {
			case <-time.After(time.Second):
				return c, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%2*2+1)*time.Second/2)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, "GET", "https://127.0.0.1/", nil)
				_, err := tr.RoundTrip(req)
				if impatient := i%2 == 0; impatient != errors.Is(err, ErrTimeout) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		all.Wait()
		if dials != 1 || c.opened != 10 {
			t.Errorf("%d dials, %d requests", dials, c.opened)
		}
		_ = tr.Close()
	})
}

func TestADialEndsWhenNobodyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{DialTimeout: time.Hour, dial: func(ctx context.Context, _ netip.AddrPort, _ string) (exchanger, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://127.0.0.1/", nil)
		begin := time.Now()
		if _, err := tr.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		synctest.Wait()
		_ = tr.Close() // it would wait for the dial
		if d := time.Since(begin); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func TestAddressesAreTriedOneAfterTheOther(t *testing.T) {
	addr := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	slow, fast, broken := addr("[2001:db8::1]:1"), addr("192.0.2.1:1"), addr("192.0.2.2:1")
	late := newScripted("late", ok)
	dial := func(ctx context.Context, a netip.AddrPort) (exchanger, error) {
		switch a {
		case slow: // it does not listen to its context and wins too late
			time.Sleep(time.Second)
			return late, nil
		case fast:
			time.Sleep(10 * time.Millisecond)
			return newScripted("fast", ok), nil
		}
		return nil, fmt.Errorf("broken %v", a)
	}
	for _, c := range []struct {
		addrs []netip.AddrPort
		want  string
		after time.Duration
	}{
		{[]netip.AddrPort{fast}, "fast", 10 * time.Millisecond},
		{[]netip.AddrPort{fast, slow}, "fast", 10 * time.Millisecond},
		{[]netip.AddrPort{broken, fast}, "fast", 10 * time.Millisecond},
		{[]netip.AddrPort{slow, fast}, "fast", time.Second}, // 260 ms, then the loser is waited for
		{[]netip.AddrPort{broken, broken}, "broken 192.0.2.2:1", 0},
		{nil, "api: the name has no address", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			conn, err := race(t.Context(), c.addrs, dial)
			got := fmt.Sprint(err)
			if err == nil {
				got = conn.(*scripted).name
			}
			if d := time.Since(begin); got != c.want || d != c.after {
				t.Errorf("%v: %s after %v", c.addrs, got, d)
			}
		})
	}
	if late.closes != 1 {
		t.Errorf("the connection that came too late was closed %d times", late.closes)
	}
}

func TestFamiliesTakeTurns(t *testing.T) {
	var ips []netip.Addr
	for _, s := range []string{"2001:db8::1", "2001:db8::2", "192.0.2.1", "2001:db8::3", "192.0.2.2"} {
		ips = append(ips, netip.MustParseAddr(s))
	}
	got := fmt.Sprint(turns(ips, 1))
	if want := "[[2001:db8::1]:1 192.0.2.1:1 [2001:db8::2]:1 192.0.2.2:1 [2001:db8::3]:1]"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestEveryWaitEndsWithTheContextAndReleasesItsCredit(t *testing.T) {
	head := func(_ *scripted, x *port.Exchange) {
		x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":status", Value: "200"}}}, Length: 100})
	}
	silent := func(*scripted, *port.Exchange) {}
	for name, answer := range map[string]func(*scripted, *port.Exchange){"head": silent, "body": head} {
		synctest.Test(t, func(t *testing.T) {
			c := newScripted("", answer)
			tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) { return c, nil }}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://127.0.0.1/", nil)
			resp, err := tr.RoundTrip(req)
			if err == nil {
				// Nobody reads: the context alone must give the credit back.
				time.Sleep(2 * time.Second)
				if _, released, _ := c.tally(); released != 1 {
					t.Errorf("%s: the credit was not released", name)
				}
				_, err = resp.Body.Read(make([]byte, 1))
				_ = resp.Body.Close()
			}
			if _, released, cancelled := c.tally(); !errors.Is(err, context.DeadlineExceeded) || released != 1 || cancelled != 1 {
				t.Errorf("%s: %v, released %d, cancelled %d", name, err, released, cancelled)
			}
			_ = tr.Close()
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	flood := make([][]port.Field, maxInformational+1)
	for i := range flood {
		flood[i] = []port.Field{{Name: ":status", Value: "103"}}
	}
	for name, heads := range map[string][][]port.Field{
		"no status": {{{Name: "a", Value: "b"}}}, "not a status": {{{Name: ":status", Value: "2x0"}}}, "too many hints": flood,
	} {
		c := newScripted("", func(_ *scripted, x *port.Exchange) { x.Reads.Send(&port.Delivery{Heads: heads, Length: -1}) })
		tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) { return c, nil }}
		req, _ := http.NewRequest("GET", "https://127.0.0.1/", nil)
		var stream *StreamError
		_, err := tr.RoundTrip(req)
		if _, released, cancelled := c.tally(); !errors.As(err, &stream) || released != 1 || cancelled != 1 {
			t.Errorf("%s: %v, released %d, cancelled %d", name, err, released, cancelled)
		}
		_ = tr.Close()
	}
}

func TestThePoolForgetsDeadConnections(t *testing.T) {
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) { return newScripted("", ok), nil }}
	defer tr.Close()
	for i := range 1000 {
		req, _ := http.NewRequest("GET", fmt.Sprintf("https://127.0.0.1:%d/", i+1), nil)
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		for _, c := range tr.pool.conns {
			s := c.exchanger.(*scripted)
			s.mu.Lock()
			s.unusable = true
			s.mu.Unlock()
		}
	}
	if n := len(tr.pool.conns); n > leastFull {
		t.Errorf("%d of 1000 dead connections are in the pool", n)
	}
}

// slow is a connection that answers a Send when the test says so.
type slow struct{ *scripted }

func (s slow) Send(x *port.Exchange) { x.SendOrder.Release() }

// A handler that flushes and then aborts: its reset waits for what it flushed. One that did not flush has lost it.
func TestAnAbortWaitsForWhatWasFlushed(t *testing.T) {
	for _, flush := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "begun")
				if flush {
					w.(http.Flusher).Flush()
				}
				panic(http.ErrAbortHandler)
			})}
			c, x := slow{newScripted("client", nil)}, port.NewExchange(nil)
			x.Reads.Send(&port.Delivery{Heads: [][]port.Field{{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}}}, Length: -1, Last: true})
			go func() { s.task(c, x)() }()
			synctest.Wait()
			if _, _, cancelled := c.tally(); cancelled == 1 == flush {
				t.Errorf("flush %v: %d orders to cancel before the flushed bytes are on their way", flush, cancelled)
			}
			if flush {
				x.Writes.Send(&port.Sent{})
				synctest.Wait()
			}
			if _, _, cancelled := c.tally(); cancelled != 1 || !x.CancelOrder.StopWriting || x.CancelOrder.Behind != flush {
				t.Errorf("flush %v: %d orders to cancel, %+v", flush, cancelled, x.CancelOrder)
			}
			if n := c.chunks.Out(); n != 0 {
				t.Errorf("flush %v: %d chunks are not home", flush, n)
			}
		})
	}
}

// slowBody says what its trailer is when it ends, whenever that is.
type slowBody struct {
	req   *http.Request
	reads chan bool
}

func (b *slowBody) Read([]byte) (int, error) {
	b.reads <- true
	b.req.Trailer["X-Sum"] = []string{"1"}
	return 0, io.EOF
}

func (b *slowBody) Close() error { return nil }

// The body of an attempt that failed may still be read, and name its trailer, when the next one begins.
func TestTrailersOfAnEarlierAttemptAreNotReadAgain(t *testing.T) {
	reads := make(chan bool, 2)
	first := newScripted("first", func(s *scripted, x *port.Exchange) {
		s.die(x, &port.StreamError{Unprocessed: true, Err: port.ErrGoaway})
	})
	var names string
	second := newScripted("second", func(s *scripted, x *port.Exchange) {
		for _, f := range x.OpenOrder.Fields {
			if f.Name == "trailer" {
				names = f.Value
			}
		}
		ok(s, x)
	})
	dials := 0
	tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
		if dials++; dials == 1 {
			return first, nil
		}
		return second, nil
	}}
	req, _ := http.NewRequest("PUT", "https://127.0.0.1/", nil)
	req.Trailer = http.Header{"X-Sum": nil}
	req.ContentLength = -1
	req.Body = &slowBody{req, reads}
	req.GetBody = func() (io.ReadCloser, error) {
		<-reads // the first one is at work
		return io.NopCloser(strings.NewReader("")), nil
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_ = tr.Close()
	if names != "x-sum" && names != "X-Sum" {
		t.Errorf("trailer: %q", names)
	}
}

// The time that a client gives a request is for all its attempts.
func TestARequestWithATimeoutIsSentAgain(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		first := newScripted("first", func(s *scripted, x *port.Exchange) {
			s.die(x, &port.StreamError{Unprocessed: true, Err: port.ErrGoaway})
		})
		second := newScripted("second", ok)
		dials := 0
		c := &Client{Timeout: timeout}
		c.shared().dial = func(context.Context, netip.AddrPort, string) (exchanger, error) {
			if dials++; dials == 1 {
				return first, nil
			}
			return second, nil
		}
		resp, err := c.Get(t.Context(), "https://127.0.0.1/")
		if err != nil || dials != 2 {
			t.Errorf("timeout %v: %d dials, %v", timeout, dials, err)
			continue
		}
		_ = resp.Body.Close()
		_ = c.Close()
	}
}
