package actor_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicpro/internal/actor"
)

// panics returns what f panics with, as text, or "".
func panics(f func()) (said string) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case string:
			said = v
		case error:
			said = v.Error()
		default:
			said = "a panic"
		}
	}()
	f()
	return ""
}

func wantPanic(t *testing.T, f func(), parts ...string) {
	t.Helper()
	said := panics(f)
	for _, part := range append(parts, "actor: ") {
		if !strings.Contains(said, part) {
			t.Errorf("panicked with %q, which does not say %q", said, part)
		}
	}
}

func TestSlotIsTakenOnce(t *testing.T) {
	var s actor.Slot
	if s.Taken() || !s.Take() || !s.Taken() || s.Take() {
		t.Fatal("a free slot is taken by the first Take and not by the second")
	}
	if s.Free() {
		t.Fatal("nobody wanted more, but Free asks for a wake")
	}
	if !s.TakeOrWant() || s.TakeOrWant() || s.TakeOrWant() {
		t.Fatal("a free slot is taken by the first TakeOrWant only")
	}
	if !s.Free() {
		t.Fatal("the sender left word, but Free asks for no wake")
	}
}

func TestSlotIsNotTakenWhileItsWakeIsInFlight(t *testing.T) {
	// Else a sender could send and want again before it handles the first Wake, and be sent a second one: there is one
	// place for it.
	var s actor.Slot
	s.Take()
	s.TakeOrWant()
	if !s.Free() {
		t.Fatal("no wake")
	}
	if s.Take() || s.TakeOrWant() || !s.Taken() {
		t.Fatal("the slot is taken before its sender handled the wake")
	}
	s.Woken()
	if !s.TakeOrWant() {
		t.Fatal("the slot is not free after Woken")
	}
	if s.Free() {
		t.Fatal("a want outlived its wake")
	}
}

func TestSlotBrokenInvariantsPanic(t *testing.T) {
	var s actor.Slot
	wantPanic(t, func() { s.Free() }, "freed twice")
	wantPanic(t, func() { s.Woken() }, "without a wake")
	s.Take()
	s.TakeOrWant()
	s.Free()
	wantPanic(t, func() { s.Free() }, "freed twice")
}

func TestSlotConcurrentDoubleFreeIsAlwaysCaught(t *testing.T) {
	for range 500 {
		var s actor.Slot
		s.Take()
		var caught atomic.Int32
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if panics(func() { s.Free() }) != "" {
					caught.Add(1)
				}
			})
		}
		both.Wait()
		if caught.Load() != 1 {
			t.Fatalf("%d of 2 frees panicked, want 1", caught.Load())
		}
	}
}

func TestSlotLosesNoWakeUp(t *testing.T) {
	// A sender owes 20,000 facts, which it merges while its message is in flight. All of them must arrive, through one
	// place for the message and one for the wake.
	const facts = 20_000
	var s actor.Slot
	var record int // the message: the sender's while the slot is free, the receiver's while it is taken
	mail, wakes, done := make(chan *int, 1), make(chan struct{}, 1), make(chan int)
	put := func(ok bool) {
		if !ok {
			panic("the reserved place is taken")
		}
	}
	go func() {
		sum := 0
		for m := range mail {
			sum += *m
			if s.Free() {
				select {
				case wakes <- struct{}{}:
				default:
					put(false)
				}
			}
		}
		done <- sum
	}()
	owed := 0
	flush := func() {
		for owed > 0 && s.TakeOrWant() {
			record, owed = owed, 0
			select {
			case mail <- &record:
			default:
				put(false)
			}
		}
	}
	guard := time.After(20 * time.Second)
	for made := 0; made < facts || owed > 0; flush() {
		if made < facts {
			made++
			owed++
			select {
			case <-wakes:
				s.Woken()
			default:
			}
			continue
		}
		select {
		case <-wakes:
			s.Woken()
		case <-guard:
			t.Fatal("a wake-up was lost")
		}
	}
	close(mail)
	if got := <-done; got != facts {
		t.Fatalf("%d facts arrived, want %d", got, facts)
	}
}

func TestASlotIsFreeWhenItsRecordHasReturned(t *testing.T) {
	for _, c := range []struct {
		what string
		f    func(s *actor.Slot)
		want bool
	}{
		{"in flight", func(s *actor.Slot) {}, false},
		{"wanted", func(s *actor.Slot) { s.TakeOrWant() }, true},
		{"freed for one that waits", func(s *actor.Slot) { s.TakeOrWant(); s.Free() }, true},
	} {
		var s actor.Slot
		s.Take()
		c.f(&s)
		if s.Wanted() != c.want {
			t.Errorf("%s: wanted: %v", c.what, s.Wanted())
		}
		s.Returned()
		if s.Taken() || s.Wanted() || !s.Take() {
			t.Errorf("%s: the slot is not free when its record has returned", c.what)
		}
	}
}
