package core

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"reflect"
	"time"
)

// journal is the hash of all that happened, and, if it is wanted, a record a step.
type journal struct {
	hash     uint64
	steps    uint64
	messages uint64
	kinds    map[reflect.Type]uint64
	record   bool
	list     []Step
	names    map[uint64]string
}

// Step is one step of a run, as it was recorded.
type Step struct {
	At   time.Duration
	Who  string // the room, the order's identity, the app task
	Hash uint64 // of the run before it
}

func (s Step) String() string { return fmt.Sprintf("at %v: %s", s.At, s.Who) }

func newJournal(record bool) journal {
	return journal{hash: 1, record: record, kinds: make(map[reflect.Type]uint64)}
}

func (j *journal) step(now time.Duration, it *item) {
	if j.record {
		j.list = append(j.list, Step{now, it.String(), j.hash})
	}
	j.steps++
	j.mix(uint64(now))
	j.mix(it.id)
	if it.queue != nil {
		j.mix(identify("", it.queue.fifo[0].kind))
	}
}

// Delivered notes a message on its way into a room.
func (j *journal) delivered(edge string, m any) {
	j.messages++
	t := reflect.TypeOf(m)
	kind, known := j.kinds[t]
	if !known {
		kind = identify("", t.String())
		j.kinds[t] = kind
	}
	j.mix(kind)
	j.mix(identify("", edge))
}

// mix adds a number to the hash.
func (j *journal) mix(x uint64) {
	hi, lo := bits.Mul64(j.hash^x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	j.hash = hi ^ lo + 0x8ebc6af09c88c6e3
}

// bytes adds bytes to the hash.
func (j *journal) bytes(b []byte) {
	j.mix(uint64(len(b)))
	for len(b) >= 8 {
		j.mix(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var rest [8]byte
	copy(rest[:], b)
	j.mix(binary.LittleEndian.Uint64(rest[:]))
}

// identify hashes a name (FNV-1a).
func identify(host, name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(host) {
		h = (h ^ uint64(host[i])) * 1099511628211
	}
	h = (h ^ '/') * 1099511628211
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// Steps is what was recorded.
func (w *World) Steps() []Step { return w.journal.list }

// Messages is how many messages were delivered to rooms.
func (w *World) Messages() uint64 { return w.journal.messages }

// StepCount is how many steps were taken.
func (w *World) StepCount() uint64 { return w.journal.steps }

// Note adds something that an app task saw to the hash. It is called on the executor: from a posted order, or a script.
func (w *World) Note(what string) {
	w.journal.mix(identify("", what))
}
