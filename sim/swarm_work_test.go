package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"quicpro/api"
	"quicpro/internal/mono"
	"quicpro/sim/core/oracle"
)

func instant(d time.Duration) mono.Time { return mono.Time(d) }

// bodySeed is of the bytes that bodies consist of.
const bodySeed = 1

// handler serves what the programs ask for: /KIND/NAME?n=BYTES.
func (s *story) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /get/{name}", func(rw http.ResponseWriter, r *http.Request) { s.give(rw, r) })
	mux.HandleFunc("GET /slow/{name}", func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(10+size(r)%90) * time.Millisecond) // a handler that stalls
		s.give(rw, r)
	})
	mux.HandleFunc("POST /echo/{name}", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Trailer", "X-Sum")
		n, err := io.Copy(rw, r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		rw.Header().Set("X-Sum", strconv.FormatInt(n, 10))
	})
	mux.HandleFunc("POST /early/{name}", func(rw http.ResponseWriter, r *http.Request) { s.give(rw, r) }) // reads nothing
	mux.HandleFunc("POST /abort/{name}", func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write(make([]byte, 100))
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	})
	return mux
}

func size(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	return n
}

// give answers with the bytes of the request's name.
func (s *story) give(rw http.ResponseWriter, r *http.Request) {
	n := size(r)
	rw.Header().Set("Content-Length", strconv.Itoa(n))
	b := make([]byte, min(n, 16<<10))
	for off := 0; off < n; {
		p := b[:min(len(b), n-off)]
		oracle.Content(bodySeed, r.PathValue("name"), int64(off), p)
		k, err := rw.Write(p)
		if err != nil {
			return
		}
		off += k
	}
}

// content reads as the bytes of a name.
type content struct {
	name string
	off  int64
	left int
}

func (c *content) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), c.left)]
	oracle.Content(bodySeed, c.name, c.off, p)
	c.off += int64(len(p))
	c.left -= len(p)
	return len(p), nil
}

// programs starts the tasks of every client.
func (s *story) programs() {
	n := 0
	for i, c := range s.clients {
		s.rawProgram(i, c)
		s.volley(i, c)
		for k := range 1 + s.work.IntN(uint64(i), "tasks", 6) {
			name := fmt.Sprintf("cli%d/%d", i, k)
			count := 1 + s.work.IntN(uint64(10*i+k), "requests", 3)
			first := n
			n += count
			for q := range count {
				s.bytes += s.size(first + q)
			}
			s.all.Go(func() {
				time.Sleep(s.work.Duration(uint64(first), "starts", 400*time.Millisecond))
				for q := range count {
					s.request(first+q, name, c.client)
				}
			})
		}
	}
}

// volley makes many small requests at once, and more than a narrow server takes at a time, so that stream limits are raised.
func (s *story) volley(i int, c *clientHost) {
	p, k := s.work, uint64(200+i)
	if !p.Happens(k, "volley", 0.2) {
		return
	}
	count := 90 + p.IntN(k, "how many", 130)
	s.bytes += count * 200
	for n := range count {
		s.all.Go(func() {
			time.Sleep(p.Duration(k, "volley begins", 300*time.Millisecond))
			name := fmt.Sprintf("v%d", n)
			ctx, cancel := context.WithCancel(s.w.Context(c.name + "/" + name))
			defer cancel()
			err := s.exchange(ctx, c.client, 0, "get", name, p.IntN(k<<8|uint64(n), "volley size", 200), false)
			s.w.Count("volley")
			switch {
			case err == nil:
			case s.deadly:
				s.typed("volley", name, err)
			default:
				s.w.T().Errorf("volley %s: %v", name, err)
			}
		})
	}
}

// rush makes requests one after the other, around a time.
func (s *story) rush(at time.Duration) {
	const count, spread = 20, 100 * time.Millisecond
	c := s.clients[0]
	s.bytes += count * 200
	for n := range count {
		s.all.Go(func() {
			time.Sleep(max(at-spread/2+s.work.Duration(300, "rush begins", spread/2)+time.Duration(n)*spread/count, 0))
			name := fmt.Sprintf("rush%d", n)
			ctx, cancel := context.WithCancel(s.w.Context(c.name + "/" + name))
			defer cancel()
			err := s.exchange(ctx, c.client, 0, "get", name, 200, false)
			s.w.Count("rush")
			if err != nil {
				s.typed("rush", name, err)
			}
		})
	}
}

var kinds = []string{"get", "get", "get", "slow", "echo", "echo", "early", "abort", "cancel", "head", "fat"}

// request makes one request, if the run wants it, and judges what comes of it.
func (s *story) request(n int, identity string, c *api.Client) {
	p, k := s.work, uint64(n)
	if !p.Happens(k, "request", 1) {
		return
	}
	kind := pick(p, n, "kind", kinds...)
	bytes := s.size(n)
	name := fmt.Sprintf("r%d", n)
	ctx, cancel := context.WithCancel(s.w.Context(identity))
	defer cancel()
	if kind == "cancel" {
		time.AfterFunc(p.Duration(k, "cancelled", 200*time.Millisecond), cancel)
	}
	fat := 0
	if kind == "fat" { // the last one is beyond what the server accepts
		fat = pick(p, n, "head", 1000, 20_000, 60_000, 70_000)
	}
	err := s.exchange(ctx, c, fat, kind, name, bytes, p.IntN(k, "slow reader", 5) == 0)
	s.w.Count(kind)
	switch {
	case err == errTooFat && fat > maxHead:
	case err == nil && kind == "abort":
		s.w.T().Errorf("%s %s: a response that was reset is complete", kind, name)
	case err == nil && fat > maxHead:
		s.w.T().Errorf("%s %s: a head of %d bytes was taken", kind, name, fat)
	case err == nil:
	case kind == "abort" || kind == "cancel" || fat > maxHead:
		s.typed(kind, name, err)
	case s.deadly:
		s.w.Count("failed with its connection")
		s.typed(kind, name, err)
	default:
		s.w.T().Errorf("%s %s of %d bytes: %v", kind, name, bytes, err)
	}
}

// maxHead is how large a request's head may be: the server's default.
const maxHead = 64 << 10

// errTooFat is the server's answer to a larger one, if the client did not know that.
var errTooFat = errors.New("431")

// size is that of the body of request n.
func (s *story) size(n int) int {
	return pick(s.work, n, "size", 0, 1, 100, 2000, 20_000, 100_000, 300_000)
}

// typed wants an error of a kind that a program can tell apart.
func (s *story) typed(kind, name string, err error) {
	var conn *api.ConnectionError
	var stream *api.StreamError
	known := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, api.ErrTimeout) ||
		errors.Is(err, api.ErrRefused) || errors.Is(err, api.ErrClosed) || errors.As(err, &conn) || errors.As(err, &stream)
	if !known {
		s.w.T().Errorf("%s %s: an error of no known kind: %T %v", kind, name, err, err)
	}
}

func (s *story) exchange(ctx context.Context, c *api.Client, fat int, kind, name string, n int, slow bool) error {
	path := map[string]string{"cancel": "get", "head": "get", "fat": "get"}[kind]
	if path == "" {
		path = kind
	}
	method, want := http.MethodGet, n
	var body io.Reader
	switch kind {
	case "echo", "early", "abort":
		method, body = http.MethodPost, &content{name: name, left: n}
	case "head":
		method, want = http.MethodHead, 0
	}
	if kind == "abort" {
		want = -1
	}
	req, err := http.NewRequestWithContext(ctx, method, s.server.URL("/"+path+"/"+name+"?n="+strconv.Itoa(n)), body)
	if err != nil {
		return err
	}
	if fat > 0 {
		req.Header.Set("X-Fat", strings.Repeat("fat ", fat/4))
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
		if _, err = io.Copy(io.Discard, resp.Body); err == nil {
			err = errTooFat
		}
		return err
	}
	if resp.StatusCode != http.StatusOK {
		s.w.T().Errorf("%s %s: %s", kind, name, resp.Status)
	}
	got, err := s.read(resp.Body, name, kind, slow)
	if err != nil {
		return err
	}
	if kind == "echo" && resp.Trailer.Get("X-Sum") != strconv.Itoa(n) {
		s.w.T().Errorf("echo %s: the trailer says %q", name, resp.Trailer.Get("X-Sum"))
	}
	if want >= 0 && got != want {
		s.w.T().Errorf("%s %s: a complete body of %d bytes, not %d", kind, name, got, want)
	}
	return nil
}

// read takes a body to its end and compares every byte.
func (s *story) read(r io.Reader, name, kind string, slow bool) (int, error) {
	b, off := make([]byte, 8<<10), 0
	for {
		n, err := r.Read(b)
		if kind != "abort" {
			if at, ok := differs(name, off, b[:n]); !ok {
				s.w.T().Errorf("%s %s: byte %d is wrong", kind, name, at)
			}
		}
		off += n
		if err == io.EOF {
			return off, nil
		}
		if err != nil {
			return off, err
		}
		if slow && n > 0 {
			time.Sleep(3 * time.Millisecond)
		}
	}
}

func differs(name string, off int, got []byte) (at int, ok bool) {
	want := make([]byte, len(got))
	oracle.Content(bodySeed, name, int64(off), want)
	for i := range got {
		if got[i] != want[i] {
			return off + i, false
		}
	}
	return 0, true
}

// last makes the request that must succeed in a world that is in order. A connection that was lost to a fault may take its
// idle timeout to find out, which fails the first attempt.
func (s *story) last(i int, c *clientHost) {
	tries := 1
	if s.deadly {
		tries = 3
	}
	var err error
	for range tries {
		ctx, cancel := context.WithTimeout(s.w.Context(fmt.Sprintf("cli%d/last", i)), time.Minute)
		err = s.exchange(ctx, c.client, 0, "get", fmt.Sprintf("last%d", i), 5000, false)
		cancel()
		if err == nil {
			return
		}
	}
	s.w.T().Errorf("in a world in order, client %d: %v", i, err)
}
