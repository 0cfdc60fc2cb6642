package timer

import (
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// deadlines is a binary heap, earliest first. A cell knows its place (Index, plus one), so that it is moved and removed
// without a search. Equal deadlines keep no order among themselves, but the same posts always give the same order.
type deadlines []entry

type entry struct {
	at   mono.Time
	cell *actor.Cell
}

// put adds a cell or moves it to a new time.
func (h *deadlines) put(cell *actor.Cell, at mono.Time) {
	if cell.Index == 0 {
		*h = append(*h, entry{})
		h.place(len(*h)-1, entry{at, cell})
		h.up(len(*h) - 1)
		return
	}
	i := cell.Index - 1
	(*h)[i].at = at
	h.up(i)
	h.down(cell.Index - 1)
}

// remove takes a cell out, if it is in.
func (h *deadlines) remove(cell *actor.Cell) {
	if cell.Index == 0 {
		return
	}
	i, last := cell.Index-1, len(*h)-1
	cell.Index = 0
	moved := (*h)[last]
	(*h)[last] = entry{}
	*h = (*h)[:last]
	if i == last {
		return
	}
	h.place(i, moved)
	h.up(i)
	h.down(moved.cell.Index - 1)
}

func (h deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h deadlines) swap(i, j int) {
	a, b := h[i], h[j]
	h.place(i, b)
	h.place(j, a)
}

func (h deadlines) place(i int, e entry) {
	h[i] = e
	e.cell.Index = i + 1
}
