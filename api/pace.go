package api

import (
	"hash/maphash"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

// pace lets handlers that compute for long begin when the processors have nothing shorter to do. Which ones those are it
// knows by how long others of the same path took before. Go does not interrupt what computes for 10 ms: without a pace, a
// request that needs some microseconds queues behind each of them at every hop, and that is most of its time on a server
// at its limits.
//
// A handler waits no longer than it is expected to take.
type pace struct{ routes [256]route }

// route is what is known of the handlers of some methods and paths.
type route struct {
	takes atomic.Int64 // processor time that one is expected to take, in nanoseconds; zero until one has ended
	begun atomic.Int32 // and not ended
}

const (
	// longRun is how long a handler is expected to compute that waits: many times what waiting costs.
	longRun = 200 * time.Microsecond
	// firstRun is what is expected at first: several handlers must have computed for long before others of the path wait.
	firstRun = longRun / 4
	// longestRun is the most that is expected. What computes for longer is interrupted.
	longestRun = 10 * time.Millisecond
)

// pacing is one handler that runs.
type pacing struct {
	route *route
	began time.Duration // since start
}

// begin notes that the handler of a request begins. If that will compute for long it waits, with await, until a processor is
// idle.
func (p *pace) begin(r *http.Request, await func(most time.Duration)) pacing {
	route := p.route(r.Method, r.URL.Path)
	if long := route.expected(); long >= longRun {
		await(long)
	}
	route.begun.Add(1)
	return pacing{route, time.Since(start)}
}

// end notes that it has returned.
func (p pacing) end() { p.route.ended(time.Since(start) - p.began) }

var routeSeed = maphash.MakeSeed()

// route returns what is known of a method and path. Some share one, so that paths of a peer's invention cost nothing.
func (p *pace) route(method, path string) *route {
	h := maphash.String(routeSeed, method) + maphash.String(routeSeed, path)
	return &p.routes[h%uint64(len(p.routes))]
}

// expected is how long the next handler will compute, as far as is known.
func (r *route) expected() time.Duration { return time.Duration(r.takes.Load()) }

// ended notes that a handler took so long.
func (r *route) ended(took time.Duration) {
	beside := time.Duration(r.begun.Add(-1) + 1)
	if took >= longRun {
		// It may have waited for something. Those that do are many at a time, and the processors' time divided by all that ran
		// beside each other is the most that one can have had of it.
		took = took * min(time.Duration(runtime.GOMAXPROCS(0)), beside) / beside
	}
	was := r.expected()
	if was == 0 {
		was = firstRun
	}
	// One that took very much longer than the others was interrupted itself.
	took = min(took, 4*was, longestRun)
	r.takes.Store(int64(was + (took-was)/8)) // of two that end at once, one may count
}
