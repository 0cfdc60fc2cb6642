package qpackwire

import (
	"errors"
	"fmt"
)

// testDecoder is a QPACK decoder with a dynamic table, as plain as RFC 9204 s2
// and s3 describe it. It lets these tests read what real encoders write.
type testDecoder struct {
	maxCapacity uint64
	capacity    uint64
	entries     []staticEntry // oldest first
	inserts     uint64
	pending     []byte // an instruction not complete yet
}

var errBlocked = errors.New("blocked")

func (d *testDecoder) size() (size uint64) {
	for _, e := range d.entries {
		size += uint64(len(e.name) + len(e.value) + EntryOverhead)
	}
	return size
}

func (d *testDecoder) evict(room uint64) {
	for len(d.entries) > 0 && d.size()+room > d.capacity {
		d.entries = d.entries[1:]
	}
}

// entry returns the entry with an absolute index.
func (d *testDecoder) entry(absolute uint64) (staticEntry, error) {
	oldest := d.inserts - uint64(len(d.entries))
	if absolute < oldest || absolute >= d.inserts {
		return staticEntry{}, fmt.Errorf("no entry %d among %d to %d", absolute, oldest, d.inserts)
	}
	return d.entries[absolute-oldest], nil
}

// instructions takes any piece of the encoder stream.
func (d *testDecoder) instructions(b []byte) error {
	d.pending = append(d.pending, b...)
	for {
		in, n, err := ConsumeEncoderInstruction(d.pending, 4*d.maxCapacity+100)
		if err != nil || n == 0 {
			return err
		}
		if err := d.apply(in); err != nil {
			return err
		}
		d.pending = d.pending[n:]
	}
}

func (d *testDecoder) apply(in EncoderInstruction) error {
	var e staticEntry
	var err error
	switch in.Kind {
	case SetCapacity:
		if in.Index > d.maxCapacity {
			return fmt.Errorf("capacity %d", in.Index)
		}
		d.capacity = in.Index
		d.evict(0)
		return nil
	case InsertStaticName:
		e = staticTable[in.Index]
	case InsertDynamicName, Duplicate:
		e, err = d.entry(d.inserts - 1 - in.Index)
	case InsertLiteralName:
		e.name, err = text(in.Name)
	}
	if err != nil {
		return err
	}
	if in.Kind != Duplicate {
		if e.value, err = text(in.Value); err != nil {
			return err
		}
	}
	d.evict(uint64(len(e.name) + len(e.value) + EntryOverhead))
	d.entries = append(d.entries, e)
	d.inserts++
	if d.size() > d.capacity {
		return fmt.Errorf("entry %v does not fit %d bytes", e, d.capacity)
	}
	return nil
}

func (d *testDecoder) section(b []byte) (fields []Field, err error) {
	p, n, err := ConsumeSectionPrefix(b, MaxEntries(d.maxCapacity), d.inserts)
	if err != nil {
		return nil, err
	}
	if p.RequiredInsertCount > d.inserts {
		return nil, errBlocked
	}
	for b = b[n:]; len(b) > 0; b = b[n:] {
		var line Line
		if line, n, err = ConsumeLine(b); err != nil {
			return nil, err
		}
		var e staticEntry
		switch line.Kind {
		case IndexedStatic, LiteralStaticName:
			e = staticTable[line.Index]
		case IndexedDynamic, LiteralDynamicName:
			e, err = d.entry(p.Base - 1 - line.Index)
		case IndexedPostBase, LiteralPostBaseName:
			e, err = d.entry(p.Base + line.Index)
		case LiteralName:
			e.name, err = text(line.Name)
		}
		if err != nil {
			return nil, err
		}
		if line.Kind >= LiteralStaticName {
			if e.value, err = text(line.Value); err != nil {
				return nil, err
			}
		}
		fields = append(fields, Field{e.name, e.value, line.NeverIndex})
	}
	return fields, nil
}

func text(l Literal) (string, error) {
	b, err := l.AppendTo(nil, 1<<20)
	return string(b), err
}
