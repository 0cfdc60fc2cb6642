package engine

import (
	"testing"

	"quicpro/actors/port"
)

// lateStage is a stage that brings mail when it is told to.
type lateStage struct {
	Stage
	mail []func()
}

func (s *lateStage) Hand(_ any, f func()) { s.mail = append(s.mail, f) }
func (s *lateStage) Stir()                {}

// A handler that finds its connection over takes what is in its mailbox and goes. What a stage brought later would never be
// taken, and its memory never come home (seed 3047 of sim's TestHostile).
func TestAConnectionIsOverOnlyWhenItsMailIsThere(t *testing.T) {
	stage := &lateStage{}
	c := &connection{s: &socket{e: &Engine{stage: stage}}, done: make(chan struct{})}
	over := func() bool {
		select {
		case <-c.done:
			return true
		default:
			return false
		}
	}
	x := port.NewExchange(c.hand())
	x.Reads.Send(&port.Delivery{})
	x.Writes.Send(&port.Sent{})
	c.emptied = true // every room has left
	c.rest()
	for _, bring := range stage.mail {
		if over() {
			t.Fatal("the connection is over before its mail is there")
		}
		bring()
	}
	if !over() || len(x.Reads.C()) != 1 || len(x.Writes.C()) != 1 {
		t.Errorf("over: %v, with %d and %d messages in the mailboxes", over(), len(x.Reads.C()), len(x.Writes.C()))
	}
}
