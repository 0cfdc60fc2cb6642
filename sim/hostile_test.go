package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/api"
	"quicpro/engine"
	"quicpro/internal/actor"
	"quicpro/sim/core/hostile"
	"quicpro/sim/core/link"
	"quicpro/wire"
)

// TestHostile runs attackers against servers and clients. What must hold is in the world's own checks: rooms in order, every
// victim's packets by the rules, right close codes, everything at home in the end. `go test ./sim -run '^TestHostile$'
// -sim.seeds=1..500` is what CI does.
func TestHostile(t *testing.T) {
	report := Sweep(t, Seeds{1, 40}, hostileWorld)
	if !t.Failed() {
		t.Logf("%v", report)
	}
	if report.Seeds < 500 {
		return
	}
	for _, a := range hostile.All() {
		if report.Apps["attack: "+a.Name].Runs == 0 {
			t.Errorf("in %d seeds there was no attack %q", report.Seeds, a.Name)
		}
	}
}

// siege is what happens in one hostile world.
type siege struct {
	story
	place    Place
	attacker *Attacker
	server   *Server // the honest one
	victim   *Host
	perfect  bool                  // links lose nothing
	bulk     int                   // bytes of a request, if perfect
	narrow   func(*engine.Limits)  // the victim's bounds; may be nil
	failed   atomic.Pointer[error] // why an attacked request failed, the last
	mu       sync.Mutex
	limits   engine.Limits       // of its connections; several may be dialled at once
	requests [][]attackedRequest // on attacked connections, by task
}

func hostileWorld(w *World) {
	s := &siege{story: story{w: w, faults: w.Place("faults"), work: w.Place(Workload)}, place: w.Place("siege")}
	s.narrow = s.tune(0)
	role := s.arm()
	s.against(role.Peer())
	s.all.Wait()
}

// against begins a siege. All decisions of programs fall before anything happens.
func (s *siege) against(victim wire.Role) {
	if victim == wire.Server {
		s.requests = s.attackedRequests("srv")
		s.againstServer()
		return
	}
	s.requests = s.attackedRequests("bad")
	s.againstClient()
}

// arm draws what the attacker does, and what it is. Consecutive seeds have one attack after the other.
func (s *siege) arm() wire.Role {
	p, all := s.place, hostile.All()
	first := all[int(s.w.run.seed)%len(all)]
	role := pick(p, 0, "role", wire.Client, wire.Client, wire.Server)
	if !slices.Contains(hostile.For(role), first) {
		role = role.Peer()
	}
	s.attacker = &Attacker{
		Menu: []string{first.Name}, Most: pick(p, 0, "most", 1, 1, 5, 0, 0),
		Chance: pick(p, 0, "chance", 0.2, 0.5, 1, 1, 1, 1), After: pick[uint64](p, 0, "after", 0, 4, 8, 16),
	}
	all = slices.DeleteFunc(hostile.For(role), func(a *hostile.Attack) bool { return a.Level != wire.LevelApp }) // no others would follow
	for i := range pick(p, 0, "more", 0, 0, 0, 1, 2, 7) {
		s.attacker.Menu = append(s.attacker.Menu, all[p.IntN(uint64(i), "attack", len(all))].Name)
	}
	if len(s.attacker.Menu) > 1 && s.attacker.Most == 1 {
		s.attacker.Most = 0 // or another takes the only turn of the first
	}
	return role
}

// attackersWay is the link that may be worse than the others.
const attackersWay = 1

// way draws a host's link.
func (s *siege) way(n int) Link {
	if s.perfect {
		return Link{Delay: 5 * time.Millisecond}
	}
	bad := Link{}
	if n == attackersWay {
		bad = Link{Loss: pick(s.faults, n, "more loss", 0, 0, 0, 0.1), Reorder: pick(s.faults, n, "reorder", 0, 0, 0.1), Duplicate: pick(s.faults, n, "duplicate", 0, 0, 0.1)}
	}
	return Link{
		Reorder: bad.Reorder, Duplicate: bad.Duplicate,
		Delay: pick(s.faults, n, "delay", 0, time.Millisecond, 10*time.Millisecond, 40*time.Millisecond),
		Rate:  pick[link.Rate](s.faults, n, "rate", 0, 20*Mbit, 100*Mbit),
		Loss:  max(bad.Loss, pick(s.faults, n, "loss", 0, 0, 0, 0.01)),
	}
}

// againstServer lets an attacker and an honest client use one server.
func (s *siege) againstServer() {
	s.victim = s.w.HostOf(HostConfig{Name: "srv", Up: s.way(0), Down: s.way(0), Tune: s.bounds})
	s.server = s.victim.Server(&api.Server{Handler: s.wary(s.handler())})
	s.story.server = s.server
	s.guard(s.victim)
	bad := s.w.HostOf(HostConfig{Name: "bad", Up: s.way(attackersWay), Down: s.way(attackersWay), Attacker: s.attacker}).Client()
	good := s.w.HostOf(HostConfig{Name: "good", Up: s.way(2), Down: s.way(2)}).Client()
	s.misuse(bad)
	s.all.Go(func() {
		s.honest(good, "good")
		if pick(s.place, 0, "shuts down", false, false, !s.perfect) {
			s.shutDown()
		}
	})
}

// shutDown ends the server while it is under attack: it takes no longer than it may.
func (s *siege) shutDown() {
	const most = 2 * time.Second
	ctx, cancel := context.WithTimeout(s.w.Context("shutdown"), most)
	defer cancel()
	began := s.w.Now()
	err := s.server.Shutdown(ctx)
	if took := s.w.Now() - began; took > most || err != nil && !errors.Is(err, context.DeadlineExceeded) {
		s.w.T().Errorf("after %v, Shutdown said %v", took, err)
	}
}

// againstClient lets a client use an honest server and one that attacks.
func (s *siege) againstClient() {
	bad := s.w.HostOf(HostConfig{Name: "bad", Up: s.way(attackersWay), Down: s.way(attackersWay), Attacker: s.attacker})
	bad.Server(&api.Server{Handler: s.handler()})
	s.server = s.w.HostOf(HostConfig{Name: "srv", Up: s.way(0), Down: s.way(0)}).Server(&api.Server{Handler: s.wary(s.handler())})
	s.story.server = s.server
	s.victim = s.w.HostOf(HostConfig{Name: "cli", Up: s.way(2), Down: s.way(2), Tune: s.bounds})
	s.guard(s.victim)
	c := s.victim.Client()
	s.misuse(c)
	s.all.Go(func() { s.honest(c, "good") })
}

// patience of those who use an attacked connection: its fate is not theirs to know.
const siegePatience = 5 * time.Second

// attackedRequests draws what is asked for on attacked connections, by task: a decision each.
func (s *siege) attackedRequests(host string) (tasks [][]attackedRequest) {
	for task := range 1 + s.work.IntN(0, "attacked tasks", 4) {
		var list []attackedRequest
		for i := range 2 + s.work.IntN(uint64(task), "attacked requests", 3) {
			n := 10*task + i
			if !s.work.Happens(uint64(n), "attacked request", 1) {
				continue
			}
			r := attackedRequest{kind: pick(s.work, n, "kind", "get", "echo", "echo", "early", "slow", "abort"), size: pick(s.work, n, "size", 0, 100, 20_000, 300_000, 1_000_000)}
			if n == 0 { // so that every attack has an occasion
				r = attackedRequest{kind: "echo", size: max(r.size, 100_000)}
			}
			if s.perfect {
				r = attackedRequest{kind: "echo", size: max(s.bulk, 40_000)}
			}
			r.url = fmt.Sprintf("https://%s/%s/a%d?n=%d", host, r.kind, n, r.size)
			list = append(list, r)
		}
		tasks = append(tasks, list)
	}
	return tasks
}

type attackedRequest struct {
	kind, url string
	size      int
}

// misuse makes requests on an attacked connection. They may come to any end, but a known one.
func (s *siege) misuse(c *api.Client) {
	for i, list := range s.requests {
		s.all.Go(func() {
			name := "bad/" + strconv.Itoa(i)
			for _, r := range list {
				ctx, cancel := context.WithTimeout(s.w.Context(name), siegePatience)
				if err := s.anyhow(ctx, c, r); err != nil {
					s.typed("attacked", name, err)
					s.failed.Store(&err)
				}
				cancel()
			}
		})
	}
}

// anyhow makes a request and reads what comes.
func (s *siege) anyhow(ctx context.Context, c *api.Client, r attackedRequest) error {
	method := http.MethodGet
	var body io.Reader
	if r.kind != "get" && r.kind != "slow" {
		method, body = http.MethodPost, &content{name: "a", left: r.size}
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url, body)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// honestBound is how long a request of a few kilobytes may take beside an attack: longer if a window is less than that.
func (s *siege) honestBound() time.Duration {
	if s.narrow != nil {
		return 10 * time.Second
	}
	return 3 * time.Second
}

// honest makes requests that nobody may disturb.
func (s *siege) honest(c *api.Client, name string) {
	for i := range 12 {
		time.Sleep(s.work.Duration(uint64(i), "pause", 300*time.Millisecond))
		ctx, cancel := context.WithTimeout(s.w.Context(name), s.honestBound())
		kind := pick(s.work, i, "honest kind", "get", "echo")
		if err := s.exchange(ctx, c, 0, kind, "good"+strconv.Itoa(i), pick(s.work, i, "honest size", 0, 1000, 20_000), false); err != nil {
			s.w.T().Errorf("request %d of an honest client was disturbed: %v", i, err)
		}
		cancel()
	}
}

// wary judges the errors that handlers see.
func (s *siege) wary(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Body = &waryBody{s: s, ReadCloser: r.Body, name: r.URL.Path}
		h.ServeHTTP(rw, r)
	})
}

type waryBody struct {
	io.ReadCloser
	s    *siege
	name string
}

// Read reads.
func (b *waryBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.s.typed("handler of", b.name, err)
	}
	return n, err
}

// typed wants an error of a kind that a program can tell apart: those of TLS too.
func (s *siege) typed(kind, name string, err error) {
	var tls *api.TLSError
	var certificate *api.CertificateError
	if !errors.As(err, &tls) && !errors.As(err, &certificate) {
		s.story.typed(kind, name, err)
	}
}

// bounds narrows those of the victim's connections, and learns them.
func (s *siege) bounds(l *engine.Limits) {
	if s.narrow != nil {
		streams := l.Streams
		s.narrow(l)
		l.Streams = streams // what attackers make up must be within the limit
	}
	s.mu.Lock()
	s.limits = *l
	s.mu.Unlock()
}

// known returns the bounds of the victim's connections.
func (s *siege) known() *engine.Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits
	return &l
}

// guard bounds what the victim holds, in every step of the run.
func (s *siege) guard(h *Host) {
	s.w.watches = append(s.w.watches, func() error { return s.bounded(h.engine.Outstanding()) })
}

// bounded judges what an engine has in use for its connections.
func (s *siege) bounded(o engine.Outstanding) error {
	l, n := s.known(), o.Connections
	if n == 0 {
		return nil
	}
	switch {
	case o.RxBatches > n*l.RxBatches+64+1: // and what waits for the endpoint, and what the reader waits with
		return fmt.Errorf("%d receive batches for %d connections", o.RxBatches, n)
	case o.TxBatches > n*l.BigBatches:
		return fmt.Errorf("%d transmit batches for %d connections", o.TxBatches, n)
	case o.Rooms > int64(n*(l.Streams+4)):
		return fmt.Errorf("%d rooms for %d connections", o.Rooms, n)
	case o.Chunks > int64(n*mostChunks(l)):
		return fmt.Errorf("%d chunks for %d connections", o.Chunks, n)
	}
	return nil
}

// mostChunks bounds the chunks of one connection: one a gap in streams and in CRYPTO of two levels; what the window lets
// wait in order, in chunks that are at least half full but for a stream's first ones; and a few of each stream that are being
// filled, each way.
func mostChunks(l *engine.Limits) int {
	return l.ConnGaps + 2*l.CryptoGaps + 2*l.ConnWindow/actor.ChunkSmall + 4*l.Streams
}
