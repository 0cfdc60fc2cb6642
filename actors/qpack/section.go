package qpack

import (
	"slices"

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

// Decoder decodes field sections. The zero value is ready; what it keeps between sections is only memory.
type Decoder struct{ text []byte }

// Decode appends the lines of section to fields. limit bounds the decoded size, by the count of RFC 9114 s4.2.2. The
// error is qpackwire.ErrSectionTooLarge, or an *h3wire.Error with QPACK_DECOMPRESSION_FAILED; fields are returned
// unchanged with it. All strings of a section share one allocation.
func (d *Decoder) Decode(section []byte, limit int, fields []port.Field) ([]port.Field, error) {
	var lineSpace [48]qpackwire.FieldLine
	r, err := qpackwire.NewSectionReader(section, d.text[:0], uint64(max(limit, 0)))
	if err != nil {
		return fields, err
	}
	lines := lineSpace[:0]
	for {
		line, ok, err := r.Next()
		if err != nil {
			return fields, err
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
	fields = slices.Grow(fields, len(lines))
	for i := range lines {
		l := &lines[i]
		fields = append(fields, port.Field{Name: l.Name.In(text), Value: l.Value.In(text), Sensitive: l.NeverIndex})
	}
	return fields, nil
}
