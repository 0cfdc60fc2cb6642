package engine

import (
	"crypto"
	"crypto/tls"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"quicpro/actors/conn"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// player is a room that writes down when it runs.
type player struct {
	actor.Runner
	run func()
}

func (p player) Run() { p.run() }

// launchedApart counts what does not run in a lane.
func launchedApart(p *placement, n int) (apart int) {
	for range n {
		if !p.together() {
			apart++
		}
	}
	return apart
}

func TestRoomsShareAGoroutineUntilALotOfBytesFlow(t *testing.T) {
	c := &connection{s: &socket{}}
	if n := launchedApart(&c.place, 100); n != 0 {
		t.Errorf("%d of 100 launches of a quiet connection are apart, want none", n)
	}
	c.moved(bulkBatch)
	if n := launchedApart(&c.place, 100); n != 0 {
		t.Errorf("%d of 100 launches after %d bytes are apart, want none", n, bulkBatch)
	}
	if !c.s.bulk.counted() {
		t.Error("the reader does not know")
	}
	c.moved(bulkAlone)
	if n := launchedApart(&c.place, 100); n != bulkWhile {
		t.Errorf("%d launches after a lot of bytes are apart, want %d", n, bulkWhile)
	}
	other := &connection{s: c.s}
	for range 4 {
		other.asked()
		c.moved(bulkAlone / 2)
	}
	if n := launchedApart(&c.place, 100); n != 0 {
		t.Errorf("%d launches are apart while requests begin in between, want none", n)
	}
	c.moved(bulkAlone / 2)
	if n := launchedApart(&c.place, 100); n != bulkWhile {
		t.Errorf("%d launches are apart when no more requests begin, want %d", n, bulkWhile)
	}
	c.place.requests.word.Add(16)
	c.moved(2 * bulkBatch) // sixteen answers of 2 KiB
	if n := launchedApart(&c.place, 100); n != 0 {
		t.Errorf("%d launches are apart for a batch of many small answers, want none", n)
	}
	c.moved(16 * bulkShare)
	for how, want := range map[Placement]int{Fused: 0, Apart: 10, Adaptive: 10} {
		c.place.how = how
		if n := launchedApart(&c.place, 10); n != want {
			t.Errorf("placement %d: %d of 10 launches are apart while bulk flows, want %d", how, n, want)
		}
	}
}

func TestAHandshakeThatMayWaitSharesNoGoroutine(t *testing.T) {
	ours, pool := identity()
	remote := ours
	remote.PrivateKey = struct{ crypto.Signer }{ours.PrivateKey.(crypto.Signer)}
	asks := asksSystem(pool, runtime.GOOS)
	for name, c := range map[string]struct {
		role wire.Role
		tls  *tls.Config
		want bool
	}{
		"server":                   {wire.Server, &tls.Config{Certificates: []tls.Certificate{ours}}, false},
		"server, remote key":       {wire.Server, &tls.Config{Certificates: []tls.Certificate{ours, remote}}, true},
		"server, callback":         {wire.Server, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, true},
		"server, clients' roots":   {wire.Server, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, asks},
		"server, system's roots":   {wire.Server, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, true},
		"client":                   {wire.Client, &tls.Config{RootCAs: pool}, asks},
		"client, system's roots":   {wire.Client, &tls.Config{}, true},
		"client, checks nothing":   {wire.Client, &tls.Config{InsecureSkipVerify: true}, false},
		"client, checks by itself": {wire.Client, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}, true},
		"client, key log":          {wire.Client, &tls.Config{RootCAs: pool, KeyLogWriter: io.Discard}, true},
	} {
		if got := waits(c.tls, c.role); got != c.want {
			t.Errorf("%s: may wait is %v, want %v", name, got, c.want)
		}
		p := &connection{s: &socket{e: &Engine{world: NewWorld()}}}
		p.place.world, p.place.waits = p.s.e.world.(*machine), c.want
		if _, shared := p.system(roomHandshake).(*seat); shared == c.want {
			t.Errorf("%s: the handshake shares a goroutine: %v", name, shared)
		}
	}
}

// A pool may be the system's with a root more, and nobody can tell.
func TestWhereTheSystemVerifiesEveryPoolMayAskIt(t *testing.T) {
	_, pool := identity()
	for system, want := range map[string]bool{"linux": false, "freebsd": false, "darwin": true, "ios": true, "windows": true} {
		if got := asksSystem(pool, system); got != want {
			t.Errorf("%s: a pool of ours may ask the system: %v, want %v", system, got, want)
		}
		if !asksSystem(nil, system) {
			t.Errorf("%s: the system's own roots do not ask it", system)
		}
	}
}

func TestALateRoomFlushesBehindTheOthersOfItsLane(t *testing.T) {
	var log []string
	p := &placement{lane: lane{world: NewWorld().(*machine)}}
	p.running = true // by this test
	conn := &seat{placement: p, exact: true}
	stream := &seat{placement: p, always: true, inLane: true}
	var at []mono.Time
	var room player
	turns := 0
	room.run = func() {
		if turns++; turns == 1 {
			log = append(log, "conn reads")
			stream.Launch(player{run: func() {
				log = append(log, "stream")
				at = append(at, stream.Now())
				stream.Launch(player{run: func() { log = append(log, "h3"); at = append(at, stream.Now()) }})
			}})
			stream.Launch(player{run: func() { log = append(log, "stream"); at = append(at, stream.Now()) }})
			if !conn.Later(room, actor.ForAll) {
				t.Error("a room in the lane cannot be late")
			}
			return
		}
		log = append(log, "conn flushes")
	}
	conn.Launch(room)
	p.Run()
	if got := strings.Join(log, ", "); got != "conn reads, stream, stream, h3, conn flushes" {
		t.Errorf("got %s", got)
	}
	if len(at) != 3 || at[0] != at[1] || at[1] > at[2] || at[0] == 0 {
		t.Errorf("the rooms of a round have the times %v, want one a round", at)
	}
	if p.running {
		t.Error("an empty lane runs")
	}
	p.how = Apart
	conn.inLane = false
	if conn.Later(room, actor.ForAll) {
		t.Error("a room with a goroutine of its own waits for the lane")
	}
}

func TestWhenAReaderPolls(t *testing.T) {
	for _, c := range []struct {
		alive, begun int // requests that are in progress, and that have begun since the last large batch
		batch        int
		polls        bool
		what         string
	}{
		{1, 0, bulkBatch, false, "a download alone"},
		{17, 0, 60 << 10, true, "a download beside sixteen small requests"},
		{16, 0, 18 << 10, true, "sixteen answers of a kilobyte"},
		{4, 0, 18 << 10, true, "the same, when most have ended"},
		{0, 16, 18 << 10, true, "the same, when all have"},
		{0, 1, 18 << 10, false, "one of eighteen"},
		{100, 0, 64 << 10, true, "a hundred"},
	} {
		conn := &connection{s: &socket{e: new(Engine)}}
		for range c.begun {
			conn.asked()
		}
		for range c.begun {
			conn.place.requests.end()
		}
		conn.place.requests.word.Add(uint64(c.alive))
		conn.moved(c.batch)
		if got := conn.s.polls(); got != c.polls {
			t.Errorf("%s: the reader polls: %v, want %v", c.what, got, c.polls)
		}
		if conn.s.e.idle.taken.Store(true); conn.s.polls() {
			t.Errorf("%s: the reader polls while somebody waits for an idle processor", c.what)
		}
	}
	conn := &connection{s: &socket{e: new(Engine)}}
	for range 16 {
		conn.asked()
		conn.place.requests.end()
	}
	if conn.moved(18 << 10); !conn.s.polls() {
		t.Error("the answers of sixteen requests pass as a download")
	}
	if conn.moved(18 << 10); conn.s.polls() {
		t.Error("requests that ended before the last large batch count for the next")
	}
}

func TestRequestsAreCountedInOneWord(t *testing.T) {
	type seen struct {
		alive          int
		begun, crowded bool
		lately         int
	}
	const begin, end, look = "begin", "end", "look"
	for _, c := range []struct {
		what  string
		steps []string
		want  seen
	}{
		{"none", nil, seen{}},
		{"one", []string{begin}, seen{alive: 1, begun: true, lately: 1}},
		{"one that has ended", []string{begin, end}, seen{begun: true, lately: 1}},
		{"one after the other", []string{begin, end, begin}, seen{alive: 1, begun: true, lately: 2}},
		{"two at a time", []string{begin, begin}, seen{alive: 2, begun: true, crowded: true, lately: 2}},
		{"two that have ended", []string{begin, begin, end, end}, seen{begun: true, crowded: true, lately: 2}},
		{"one since a large batch", []string{begin, begin, look, begin}, seen{alive: 3, begun: true, crowded: true, lately: 1}},
		{"none since a large batch", []string{begin, look}, seen{alive: 1, begun: true}},
	} {
		var r requests
		for _, step := range c.steps {
			switch step {
			case begin:
				r.begin()
			case end:
				r.end()
			case look:
				r.lately()
			}
		}
		if got := (seen{r.alive(), r.begun(), r.crowded(), r.lately()}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func TestRequestsAreCountedBeyondTheWord(t *testing.T) {
	var r requests
	r.word.Store(1<<64 - oneBegun)
	r.lately()
	r.begin()
	r.begin()
	if alive, lately := r.alive(), r.lately(); alive != 2 || lately != 2 {
		t.Errorf("alive %d, lately %d, want 2 of each", alive, lately)
	}
}

// The reader of a server polls beside bulk that is held back for small answers; a client's requests may be downloads'.
func TestAReaderPollsBesideBulkThatIsHeldBack(t *testing.T) {
	for _, c := range []struct {
		role  wire.Role
		held  bool
		polls bool
		what  string
	}{
		{wire.Server, true, true, "it is held back for small answers"},
		{wire.Server, false, false, "bulk alone"},
		{wire.Client, true, false, "a client"},
	} {
		one := &connection{s: &socket{e: &Engine{world: NewWorld()}}, role: c.role}
		if c.held {
			one.company().Hold(one.s.e.world.Now())
		}
		one.moved(bulkAlone)
		if got := one.s.polls(); got != c.polls {
			t.Errorf("%s: the reader polls: %v, want %v", c.what, got, c.polls)
		}
		for range int(bulkWhile) {
			one.s.polls()
		}
		for range 17 {
			one.asked()
		}
		if one.moved(bulkAlone); one.s.polls() {
			t.Errorf("%s: the reader polls for a connection that has small requests itself", c.what)
		}
	}
}

// steps is a world whose rooms take steps.
type steps struct{ World }

func (steps) Stepping() bool { return true }

func TestConnectionsOfARoleAreCompanyButInASimulation(t *testing.T) {
	e := &Engine{world: NewWorld()}
	of := func(role wire.Role) *conn.Company { return (&connection{s: &socket{e: e}, role: role}).company() }
	if of(wire.Server) != of(wire.Server) || of(wire.Client) == of(wire.Server) {
		t.Error("a server's connections are not company, or they are a client's")
	}
	if e.world = (steps{e.world}); of(wire.Server) != nil {
		t.Error("a simulation's connections are company")
	}
}

func TestTheConnectionsOfAnEngineHearOfSmallAnswers(t *testing.T) {
	e := newTestEngine(t)
	_, h := h3Pair(t, e, answerer)
	late := time.Now().Add(20 * time.Second)
	for !e.company[wire.Server].Speaks(e.world.Now()) {
		if _, _, err := fetch(t, h, "GET", "/blob/10", nil); err != nil || time.Now().After(late) {
			t.Fatalf("nobody hears of small answers; %v", err)
		}
	}
}
