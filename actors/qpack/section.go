package qpack

import (
	"bytes"

	"quicpro/actors/port"
	"quicpro/wire/qpackwire"
)

// lineOverhead is the most that a field line takes beside its name and value: two prefix integers. A line of the static
// table takes less.
const lineOverhead = 2 * 10

// MaxLen is an upper bound on what Encode appends, in bytes.
func MaxLen(fields []port.Field) int {
	n := 2
	for i := range fields {
		n += len(fields[i].Name) + len(fields[i].Value) + lineOverhead
	}
	return n
}

// Size is the size of a decoded field section as SETTINGS_MAX_FIELD_SECTION_SIZE counts it (RFC 9114 s4.2.2), in bytes.
func Size(fields []port.Field) uint64 {
	n := uint64(0)
	for i := range fields {
		n += qpackwire.FieldSize(fields[i].Name, fields[i].Value)
	}
	return n
}

// Encode appends the field section of fields: its prefix, and for each line the shortest representation that needs no
// dynamic table. A sensitive one is marked to be never indexed (RFC 9204 s7.1.3).
func Encode(b []byte, fields []port.Field) []byte {
	b = qpackwire.AppendSectionPrefix(b)
	for i := range fields {
		b = qpackwire.AppendFieldLine(b, fields[i].Name, fields[i].Value, fields[i].Sensitive)
	}
	return b
}

// maxKept bounds the memory a Decoder keeps between sections.
const maxKept = 16 << 10

// Decoder decodes field sections. The zero value is ready.
type Decoder struct {
	text   []byte
	recent [4]known // sections of late
	oldest int      // of recent
}

// known is a section with what it means. Peers say the same again and again: a client that polls, every call of one RPC,
// the heads of like responses.
type known struct {
	section []byte
	fields  []port.Field
	size    uint64 // see Size
}

// maxKnown bounds the length of a section that is remembered, in bytes.
const maxKnown = 256

// Decode returns the lines of section, which must not be changed: they may be those of an equal section. limit bounds the
// decoded size, by the count of RFC 9114 s4.2.2. The error is qpackwire.ErrSectionTooLarge, or an *h3wire.Error with
// QPACK_DECOMPRESSION_FAILED. All strings of a section share one allocation.
func (d *Decoder) Decode(section []byte, limit int) ([]port.Field, error) {
	bound := uint64(max(limit, 0))
	for i := range d.recent {
		if k := &d.recent[i]; bytes.Equal(k.section, section) && k.fields != nil && k.size <= bound {
			return k.fields, nil
		}
	}
	var lineSpace [48]qpackwire.FieldLine
	r, err := qpackwire.NewSectionReader(section, d.text[:0], bound)
	if err != nil {
		return nil, err
	}
	lines := lineSpace[:0]
	for {
		line, ok, err := r.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		lines = append(lines, line)
	}
	text := string(r.Literals())
	if kept := r.Literals(); cap(kept) <= maxKept {
		d.text = kept
	}
	fields := make([]port.Field, len(lines))
	secret := false
	for i := range lines {
		l := &lines[i]
		fields[i] = port.Field{Name: l.Name.In(text), Value: l.Value.In(text), Sensitive: l.NeverIndex}
		secret = secret || l.NeverIndex
	}
	if len(section) <= maxKnown && len(lines) > 0 && !secret {
		d.remember(section, fields)
	}
	return fields, nil
}

// Method returns the :method of a request's section that may have been cut off, empty if it is not among the lines and bytes that are
// looked at: those of the other pseudo-header fields, which come first (RFC 9114 s4.3).
func Method(section []byte) string {
	const lines, size = 4, 4 << 10
	r, err := qpackwire.NewSectionReader(section, nil, size)
	if err != nil {
		return ""
	}
	for range lines {
		line, ok, err := r.Next()
		if err != nil || !ok {
			return ""
		}
		if text := string(r.Literals()); line.Name.In(text) == ":method" {
			return line.Value.In(text)
		}
	}
	return ""
}

// remember puts a section in the place of the oldest.
func (d *Decoder) remember(section []byte, fields []port.Field) {
	k := &d.recent[d.oldest]
	d.oldest = (d.oldest + 1) % len(d.recent)
	k.section = append(k.section[:0], section...)
	k.fields, k.size = fields, Size(fields)
}
