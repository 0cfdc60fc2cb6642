package sim

import (
	"slices"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/race"
	"quicpro/sim/core/hostile"
	"quicpro/wire"
)

// TestEveryAttackHasItsAnswer makes each attack once over a perfect link. Where the RFCs demand that the victim closes, it
// does so with the code that they name; where they do not, it goes on. The race detector sees every fourth: TestHostile draws
// from all of them.
func TestEveryAttackHasItsAnswer(t *testing.T) {
	all := hostile.All()
	step := len(all) / race.Fewer(t, len(all), len(all)/4)
	for i, a := range all {
		if i%step != 0 {
			continue
		}
		for _, role := range []wire.Role{wire.Client, wire.Server} {
			if slices.Contains(hostile.For(role), a) {
				t.Run(role.String()+"/"+a.Name, func(t *testing.T) { oneAttack(t, Seed(i), role, a) })
			}
		}
	}
}

// mild attacks are none of the business of the requests on their connections: those succeed.
var mild = []string{
	"ack with a huge delay", "ecn counts that lie", "acks withheld", "limits lowered", "limits without end", "frames twice",
	"frames in another order", "datagram dropped", "datagram twice", "path response that nobody asked for", "other bytes at the same offset",
	"streams that stay open", "streams of unknown types", "stream type that never comes whole", "initial without its padding",
	"1-RTT packet during the handshake", "request of no size", "request with a name in upper case", "request with a line break in a value",
	"request with a connection field", "request with a pseudo field twice", "request without a path", "end before the head",
	"body shorter than declared", "body longer than declared", "trailers with a pseudo field",
}

func oneAttack(t *testing.T, seed Seed, role wire.Role, a *hostile.Attack) {
	var s *siege
	Run(t, seed, func(w *World) {
		s = &siege{story: story{w: w, faults: w.Place("faults"), work: w.Place(Workload)}, place: w.Place("siege"), perfect: true}
		s.attacker = &Attacker{Menu: []string{a.Name}, Chance: 1, After: 6, Most: 1}
		if a.Name == "credit withheld" {
			s.bulk = 300_000 // so much that there is any
		}
		s.against(role.Peer())
		s.all.Wait()
		time.Sleep(time.Second)
		if err := s.failed.Load(); err != nil && slices.Contains(mild, a.Name) {
			t.Errorf("a request of the connection failed: %v", *err)
		}
	})
	judgeAnswer(t, s.attacker.Endings(), a)
}

// judgeAnswer wants the right end of the connections that were attacked.
func judgeAnswer(t *testing.T, endings []Ending, a *hostile.Attack) {
	t.Helper()
	made, answered := false, false
	for _, e := range endings {
		if len(e.Struck) == 0 {
			continue
		}
		made = true
		if e.Cause == nil || e.Cause.Why != port.Ours {
			continue
		}
		for _, code := range a.Answer.Codes {
			answered = answered || code == hostile.Code{App: e.Cause.App, Code: e.Cause.Code}
		}
		answered = answered || a.Answer.TLS && !e.Cause.App && e.Cause.Code>>8 == 1
	}
	switch {
	case !made:
		t.Errorf("the attack was never made")
	case a.Answer.Must && !answered:
		t.Errorf("no connection was closed with one of %v: %+v", a.Answer.Codes, endings)
	}
}
