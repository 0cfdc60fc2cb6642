package timer

import "fmt"

// checkWindow is how many entries Check walks, the earliest deadline first.
const checkWindow = 15

// Check says whether the heap and the alarm are in order; see actor.Checker. It walks the top of the heap.
func (t *Timer) Check() error { return t.check(checkWindow) }

// CheckAll is Check over the whole heap.
func (t *Timer) CheckAll() error { return t.check(len(t.deadlines)) }

func (t *Timer) check(most int) error {
	h := t.deadlines
	if t.left && len(h) > 0 {
		return fmt.Errorf("timer: %d deadlines after the end", len(h))
	}
	if len(h) > 0 && (t.set == 0 || t.set > h[0].at) {
		return fmt.Errorf("timer: the earliest deadline is %d, the alarm is set to %d", h[0].at, t.set)
	}
	for i := range h[:min(most, len(h))] {
		e := &h[i]
		switch parent := h[max(i-1, 0)/2].at; {
		case e.at == 0 || e.at < parent:
			return fmt.Errorf("timer: entry %d is due at %d, the one above it at %d", i, e.at, parent)
		case e.cell == nil || e.cell.Index != i+1:
			return fmt.Errorf("timer: entry %d has no cell that knows it", i)
		case e.cell.Due() != e.at:
			return fmt.Errorf("timer: entry %d is due at %d, its cell believes at %d", i, e.at, e.cell.Due())
		}
		if err := e.cell.Check(); err != nil {
			return fmt.Errorf("timer: entry %d: %w", i, err)
		}
	}
	return nil
}
