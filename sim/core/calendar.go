package core

import (
	"cmp"
	"container/heap"
	"time"
)

// appointment is something that happens at a time; those of one time happen in the order in which they were made.
type appointment struct {
	at    time.Duration
	seq   uint64
	f     func()
	index int // in the calendar; -1: it is over
}

// calendar holds what is going to happen.
type calendar struct {
	heap appointments
	seq  uint64
}

// add makes an appointment.
func (c *calendar) add(at time.Duration, f func()) *appointment {
	c.seq++
	a := &appointment{at: at, seq: c.seq, f: f}
	heap.Push(&c.heap, a)
	return a
}

// cancel takes an appointment back, if it is still to come. It may be nil.
func (c *calendar) cancel(a *appointment) {
	if a != nil && a.index >= 0 {
		heap.Remove(&c.heap, a.index)
	}
}

// next is when the first appointment is; ok is false if there is none.
func (c *calendar) next() (at time.Duration, ok bool) {
	if len(c.heap) == 0 {
		return 0, false
	}
	return c.heap[0].at, true
}

// due removes the first appointment if its time has come.
func (c *calendar) due(now time.Duration) *appointment {
	if len(c.heap) == 0 || c.heap[0].at > now {
		return nil
	}
	return heap.Pop(&c.heap).(*appointment)
}

// appointments is the heap.Interface of a calendar.
type appointments []*appointment

func (c appointments) Len() int { return len(c) }
func (c appointments) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].at, c[j].at), cmp.Compare(c[i].seq, c[j].seq)) < 0
}
func (c appointments) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].index, c[j].index = i, j
}
func (c *appointments) Push(a any) {
	a.(*appointment).index = len(*c)
	*c = append(*c, a.(*appointment))
}
func (c *appointments) Pop() any {
	last := len(*c) - 1
	a := (*c)[last]
	(*c)[last] = nil
	*c, a.index = (*c)[:last], -1
	return a
}
