package actor_test

import (
	"errors"
	"strings"
	"testing"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// patient is a room that says whether it is well, if asked.
type patient struct {
	ill, deep error
	left      bool
}

func (p *patient) Handle(mono.Time, any) {}
func (p *patient) Flush(mono.Time)       {}
func (p *patient) Left() bool            { return p.left }
func (p *patient) Check() error          { return p.ill }
func (p *patient) CheckAll() error       { return errors.Join(p.ill, p.deep) }

// mute is a room that cannot say.
type mute struct{}

func (mute) Handle(mono.Time, any) {}
func (mute) Flush(mono.Time)       {}

func TestARoomAsksItsBehaviour(t *testing.T) {
	sys := newStepper(1)
	p := &patient{}
	r := actor.Spawn[any](sys, actor.Spec{Name: "ward"}, p)
	wants := func(why string, got error, want string) {
		t.Helper()
		if (got == nil) != (want == "") || got != nil && got.Error() != want {
			t.Errorf("%s: got %v, want %q", why, got, want)
		}
	}
	wants("a room that is well", r.Check(), "")
	p.deep = errors.New("gout")
	wants("what only CheckAll finds", r.Check(), "")
	wants("what only CheckAll finds", r.CheckAll(), "room ward: gout")
	p.ill, p.deep = errors.New("flu"), nil
	wants("a room that is ill", r.Check(), "room ward: flu")
	p.left = true
	r.StepFlush()
	wants("a room that has left", r.Check(), "")
	wants("a room that has left", r.CheckAll(), "")
	m := actor.Spawn[any](sys, actor.Spec{Name: "mute"}, mute{})
	wants("a room that cannot say", m.Check(), "")
	wants("a room that cannot say", m.CheckAll(), "")
}

func TestAnArmedCellWillBeLookedAt(t *testing.T) {
	var posts int
	c := actor.NewCell(func(*actor.Cell) { posts++ }, func() {})
	wants := func(why string, well bool) {
		t.Helper()
		if err := c.Check(); (err == nil) != well {
			t.Errorf("%s: %v", why, err)
		} else if err != nil && !strings.Contains(err.Error(), "the deadline is 5") {
			t.Errorf("%s: %v names no numbers", why, err)
		}
	}
	wants("a silent cell", true)
	c.Arm(5)
	wants("posted", true)
	if c.Armed() != 5 || c.Due() != 0 || posts != 1 {
		t.Errorf("armed at %d, due at %d, %d posts", c.Armed(), c.Due(), posts)
	}
	c.Taken()
	wants("the timer took the post and forgot it", false)
	c.Heaped(6)
	wants("heaped too late", false)
	c.Heaped(5)
	wants("heaped in time", true)
	c.Popped()
	c.Ring()
	wants("rung", true)
	c.Heard()
	wants("heard, and not armed anew", false)
}
