package actor

import (
	"fmt"

	"quicpro/internal/mono"
)

// Checker is a Behaviour that can say whether what it owns is in order. Only a stepping System asks, between turns: after
// a Flush, before the next Handle. Check changes nothing, names what is broken and the numbers, and is cheap enough to be
// called after every turn: it walks at most a few entries of any list.
type Checker interface{ Check() error }

// AllChecker is a Checker that can also walk its long lists to their end. It is called now and then, and at the end.
type AllChecker interface{ CheckAll() error }

// Check asks the room's behaviour whether it is in order. It is nil for one that cannot say, and once the room is gone.
func (r *Room[M]) Check() error {
	if c, ok := r.b.(Checker); ok {
		return r.named(c.Check())
	}
	return nil
}

// CheckAll is Check without bounds.
func (r *Room[M]) CheckAll() error {
	if c, ok := r.b.(AllChecker); ok {
		return r.named(c.CheckAll())
	}
	return r.Check()
}

func (r *Room[M]) named(err error) error {
	if err != nil {
		return fmt.Errorf("room %s: %w", r.spec.Name, err)
	}
	return nil
}

// Armed is the deadline that the room has set; zero if none.
func (c *Cell) Armed() mono.Time { return mono.Time(c.want.Load()) }

// Due is when the timer will look at the cell next; zero if it is not in the timer's heap.
func (c *Cell) Due() mono.Time { return mono.Time(c.heaped.Load()) }

// Check says whether an armed deadline will be looked at in time: by the heap, a post, or a ring that is on its way.
func (c *Cell) Check() error {
	want, heaped := c.want.Load(), c.heaped.Load()
	if want == 0 || c.posted.Load() || c.rung.Load() || heaped != 0 && heaped <= want {
		return nil
	}
	return fmt.Errorf("cell: the deadline is %d, the timer looks at %d, and neither a post nor a ring is on its way", want, heaped)
}

// Holders is how many hold the chunk.
func (c *Chunk) Holders() int { return int(c.refs.Load()) }

// Waiting is how many messages the app has not received yet.
func (b *Mailbox[M]) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var none M
	if b.first != none {
		return 1
	}
	return len(b.c)
}

// Waiting is how many messages the app has not received yet.
func (b *QuietMailbox[M]) Waiting() int { return len(b.Came()) }
