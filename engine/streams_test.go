package engine

import (
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
)

// The last word of a stream lies in its own memory: another stream must not be born there before h3 has handled it.
func TestAStreamServesAgainWhenItsLastWordWasHeard(t *testing.T) {
	r := &streamRoom{}
	r.room.Init(NewWorld(), actor.Spec{Name: "stream"}, &r.behaviour)
	port.NewStreamIn(&r.link, 0)
	if !r.atRest() {
		t.Error("a stream that has said nothing is not at rest")
	}
	r.link.In.Ready()
	if r.atRest() {
		t.Error("the last word is under way, and the stream at rest")
	}
	r.link.In.Free()
	if !r.atRest() {
		t.Error("the last word was heard, and the stream is not at rest")
	}
}
