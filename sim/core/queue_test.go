package core

import (
	"slices"
	"testing"
)

func TestWhatIsBehindAllMailComesLast(t *testing.T) {
	mail := newQueues[string]()
	var heard []string
	say := func(word string) waiting { return waiting{"word", func() { heard = append(heard, word) }} }
	mail.push("a", say("a1"))
	mail.push("b", say("b1"))
	mail.push("a", say("a2"))
	mail.behind(func() { heard = append(heard, "over") })
	mail.push("b", say("b2"))
	for _, key := range []string{"b", "a", "a", "b", "a", "b"} { // b1 a1 a2, b's and a's last words, b2
		mail.by[key].pop().f()
	}
	if want := []string{"b1", "a1", "a2", "over", "b2"}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	heard = nil
	newQueues[string]().behind(func() { heard = append(heard, "over") })
	if len(heard) != 1 {
		t.Error("nothing is queued, and what comes behind it did not come")
	}
}
