package qpackwire

import "math"

// SectionReader decodes a field section that refers to no dynamic table, line by
// line. It allocates only when literals outgrow the buffer it was given.
type SectionReader struct {
	rest     []byte
	literals []byte // decoded literals, one after the other
	budget   uint64 // what the rest may count, by RFC 9114 s4.2.2
}

// NewSectionReader returns a reader of section. Decoded literals are appended to
// literals, whose content is kept. limit bounds the size of the decoded section,
// counted as RFC 9114 s4.2.2 does: names, values and 32 bytes a line; over 2 GiB
// none is accepted. The error is QPACK_DECOMPRESSION_FAILED.
func NewSectionReader(section, literals []byte, limit uint64) (SectionReader, error) {
	_, n, err := ConsumeSectionPrefix(section, 0, 0)
	if err != nil {
		return SectionReader{}, err
	}
	// A span's numbers have 31 bits, so no limit is higher.
	limit = min(limit, uint64(max(0, math.MaxInt32-len(literals))))
	return SectionReader{rest: section[n:], literals: literals, budget: limit}, nil
}

// Next decodes the next field line. ok is false at the end of the section, and
// on an error: ErrSectionTooLarge, found before anything over the limit is
// decoded, or QPACK_DECOMPRESSION_FAILED.
func (r *SectionReader) Next() (f FieldLine, ok bool, err error) {
	if len(r.rest) == 0 {
		return FieldLine{}, false, nil
	}
	line, n, err := ConsumeLine(r.rest)
	if err != nil {
		return FieldLine{}, false, err
	}
	if !r.spend(EntryOverhead) {
		return FieldLine{}, false, ErrSectionTooLarge
	}
	f.NeverIndex = line.NeverIndex
	switch line.Kind {
	case IndexedStatic:
		e := &staticTable[line.Index]
		f.Name = Span{uint32(line.Index), staticName}
		f.Value = Span{uint32(line.Index), staticValue}
		if !r.spend(len(e.name) + len(e.value)) {
			return FieldLine{}, false, ErrSectionTooLarge
		}
		r.rest = r.rest[n:]
		return f, true, nil
	case LiteralStaticName:
		f.Name = Span{uint32(line.Index), staticName}
		if !r.spend(len(staticTable[line.Index].name)) {
			return FieldLine{}, false, ErrSectionTooLarge
		}
	case LiteralName:
		if f.Name, err = r.decode(line.Name); err != nil {
			return FieldLine{}, false, err
		}
	default:
		// RFC 9204 s2.2.3: a reference to an entry that does not exist.
		return FieldLine{}, false, errDynamicRef
	}
	if f.Value, err = r.decode(line.Value); err != nil {
		return FieldLine{}, false, err
	}
	r.rest = r.rest[n:]
	return f, true, nil
}

// Literals returns the buffer the literals are in, for Span.In and Span.Bytes.
func (r *SectionReader) Literals() []byte { return r.literals }

// FieldLine is a decoded field line whose literals are still in the reader's
// buffer.
type FieldLine struct {
	Name, Value Span
	NeverIndex  bool // see Line.NeverIndex
}

// Span is a name or value: of an entry of the static table, or a place in the
// buffer of literals. So one conversion of the buffer serves a whole section.
type Span struct {
	at   uint32 // start in the buffer, or index in the static table
	size int32  // bytes in the buffer, or staticName or staticValue
}

const (
	staticName  = -1
	staticValue = -2
)

// In returns the string; literals is the reader's whole buffer, converted.
func (s Span) In(literals string) string {
	switch s.size {
	case staticName:
		return staticTable[s.at].name
	case staticValue:
		return staticTable[s.at].value
	}
	return literals[s.at : int(s.at)+int(s.size)]
}

// Bytes returns the string as bytes of the reader's buffer. ok is false for a
// string of the static table, which In returns without allocation.
func (s Span) Bytes(literals []byte) (b []byte, ok bool) {
	if s.size < 0 {
		return nil, false
	}
	end := int(s.at) + int(s.size)
	return literals[s.at:end:end], true
}

// Field is a decoded field line.
type Field struct {
	Name, Value string
	NeverIndex  bool // see Line.NeverIndex
}

// SectionDecoder decodes whole sections that refer to no dynamic table, with one
// allocation each, and none if a section has no literals. The zero value is
// ready; it keeps buffers of at most 64 KiB between sections.
type SectionDecoder struct {
	lines    []FieldLine
	literals []byte
}

const (
	maxKeptLiterals = 64 << 10
	maxKeptLines    = 512
)

// Decode appends the fields of section to dst. limit and errors are those of
// SectionReader; on an error dst is returned unchanged.
func (d *SectionDecoder) Decode(dst []Field, section []byte, limit uint64) ([]Field, error) {
	r, err := NewSectionReader(section, d.literals[:0], limit)
	if err != nil {
		return dst, err
	}
	lines := d.lines[:0]
	for {
		line, ok, err := r.Next()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		lines = append(lines, line)
	}
	text := string(r.literals)
	for i := range lines {
		l := &lines[i]
		dst = append(dst, Field{l.Name.In(text), l.Value.In(text), l.NeverIndex})
	}
	if cap(lines) <= maxKeptLines {
		d.lines = lines
	}
	if cap(r.literals) <= maxKeptLiterals {
		d.literals = r.literals
	}
	return dst, nil
}

// FieldSize returns what a field line counts towards SETTINGS_MAX_FIELD_SECTION_SIZE
// and as a dynamic table entry, in bytes (RFC 9114 s4.2.2, RFC 9204 s3.2.1).
func FieldSize(name, value string) uint64 {
	return uint64(len(name)) + uint64(len(value)) + EntryOverhead
}

// AppendSection appends a whole section of fields: prefix and lines.
func AppendSection(b []byte, fields []Field) []byte {
	b = AppendSectionPrefix(b)
	for i := range fields {
		b = AppendFieldLine(b, fields[i].Name, fields[i].Value, fields[i].NeverIndex)
	}
	return b
}

func (r *SectionReader) decode(l Literal) (Span, error) {
	start := len(r.literals)
	var err error
	if r.literals, err = l.AppendTo(r.literals, int(r.budget)); err != nil {
		if err == ErrTooLong {
			return Span{}, ErrSectionTooLarge
		}
		return Span{}, errLineHuffman
	}
	size := len(r.literals) - start
	r.budget -= uint64(size)
	return Span{uint32(start), int32(size)}, nil
}

// spend takes n bytes from the budget if it has them.
func (r *SectionReader) spend(n int) bool {
	if uint64(n) > r.budget {
		return false
	}
	r.budget -= uint64(n)
	return true
}
