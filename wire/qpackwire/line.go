package qpackwire

// LineKind is one of the representations of a field line (RFC 9204 s4.5.2 to
// s4.5.6).
type LineKind uint8

// The representations. Dynamic indices are relative to the Base, Static ones
// absolute.
const (
	IndexedStatic       LineKind = iota // Index is a static table entry
	IndexedDynamic                      // Index counts down from the Base
	IndexedPostBase                     // Index counts up from the Base
	LiteralStaticName                   // Index is the name's static entry; Value
	LiteralDynamicName                  // Index counts down from the Base; Value
	LiteralPostBaseName                 // Index counts up from the Base; Value
	LiteralName                         // Name and Value
)

// Line is one decoded representation. Literals alias the section.
type Line struct {
	Kind LineKind
	// NeverIndex is the N bit: an intermediary must forward this line as a
	// literal, for its value is sensitive (RFC 9204 s4.5.4, s7.1.3).
	NeverIndex  bool
	Index       uint64
	Name, Value Literal
}

// ConsumeLine decodes the representation at the start of b, which holds the rest
// of a section; n is its size. Static indices are checked, dynamic ones are the
// table's to check. The error is QPACK_DECOMPRESSION_FAILED.
func ConsumeLine(b []byte) (line Line, n int, err error) {
	if len(b) == 0 {
		return Line{}, 0, errLineTruncated
	}
	switch first := b[0]; {
	case first&0x80 != 0:
		n = line.indexed(b, pick(first&0x40 != 0, IndexedStatic, IndexedDynamic), 6)
	case first&0x40 != 0:
		line.NeverIndex = first&0x20 != 0
		n = line.nameReference(b, pick(first&0x10 != 0, LiteralStaticName, LiteralDynamicName), 4)
	case first&0x20 != 0:
		line.NeverIndex = first&0x10 != 0
		n = line.literalName(b)
	case first&0x10 != 0:
		n = line.indexed(b, IndexedPostBase, 4)
	default:
		line.NeverIndex = first&0x08 != 0
		n = line.nameReference(b, LiteralPostBaseName, 3)
	}
	switch {
	case n < 0:
		return Line{}, 0, errLineInteger
	case n == 0:
		return Line{}, 0, errLineTruncated
	case line.isStatic() && line.Index >= StaticTableSize:
		// RFC 9204 s3.1: an invalid static table index in a field line.
		return Line{}, 0, errStaticIndex
	}
	return line, n, nil
}

// AppendIndexedStatic appends an Indexed Field Line for a static table entry.
func AppendIndexedStatic(b []byte, index uint64) []byte { return AppendInt(b, 0xc0, 6, index) }

// AppendIndexedDynamic appends an Indexed Field Line for the dynamic table entry
// relative to the Base: 0 is the entry just before it (RFC 9204 s3.2.5).
func AppendIndexedDynamic(b []byte, relative uint64) []byte { return AppendInt(b, 0x80, 6, relative) }

// AppendIndexedPostBase appends an Indexed Field Line with Post-Base Index: 0 is
// the entry at the Base (RFC 9204 s3.2.6).
func AppendIndexedPostBase(b []byte, postBase uint64) []byte { return AppendInt(b, 0x10, 4, postBase) }

// AppendLiteralStaticName appends a Literal Field Line whose name is that of a
// static table entry.
func AppendLiteralStaticName(b []byte, index uint64, value string, neverIndex bool) []byte {
	return appendLiteral(AppendInt(b, 0x50|flag(neverIndex, 0x20), 4, index), 0, 8, value)
}

// AppendLiteralDynamicName appends a Literal Field Line whose name is that of a
// dynamic table entry relative to the Base.
func AppendLiteralDynamicName(b []byte, relative uint64, value string, neverIndex bool) []byte {
	return appendLiteral(AppendInt(b, 0x40|flag(neverIndex, 0x20), 4, relative), 0, 8, value)
}

// AppendLiteralPostBaseName appends a Literal Field Line with Post-Base Name
// Reference.
func AppendLiteralPostBaseName(b []byte, postBase uint64, value string, neverIndex bool) []byte {
	return appendLiteral(AppendInt(b, flag(neverIndex, 0x08), 3, postBase), 0, 8, value)
}

// AppendLiteralName appends a Literal Field Line with Literal Name.
func AppendLiteralName(b []byte, name, value string, neverIndex bool) []byte {
	return appendLiteral(appendLiteral(b, 0x20|flag(neverIndex, 0x10), 4, name), 0, 8, value)
}

// AppendFieldLine appends a field line in the best representation that needs no
// dynamic table. neverIndex sets the N bit and so rules out an indexed one.
func AppendFieldLine(b []byte, name, value string, neverIndex bool) []byte {
	index, match := StaticIndex(name, value)
	switch {
	case match == FullMatch && !neverIndex:
		return AppendIndexedStatic(b, index)
	case match != NoMatch:
		return AppendLiteralStaticName(b, index, value, neverIndex)
	}
	return AppendLiteralName(b, name, value, neverIndex)
}

func (l *Line) indexed(b []byte, kind LineKind, prefixBits uint8) (n int) {
	l.Kind = kind
	l.Index, n = ConsumeInt(b, prefixBits)
	return n
}

func (l *Line) nameReference(b []byte, kind LineKind, prefixBits uint8) (n int) {
	if n = l.indexed(b, kind, prefixBits); n <= 0 {
		return n
	}
	return l.value(b, n)
}

func (l *Line) literalName(b []byte) (n int) {
	l.Kind = LiteralName
	if l.Name, n = consumeLiteral(b, 4, MaxInt); n <= 0 {
		return n
	}
	return l.value(b, n)
}

func (l *Line) value(b []byte, at int) (n int) {
	if l.Value, n = consumeLiteral(b[at:], 8, MaxInt); n <= 0 {
		return n
	}
	return at + n
}

func (l *Line) isStatic() bool { return l.Kind == IndexedStatic || l.Kind == LiteralStaticName }

func pick(static bool, yes, no LineKind) LineKind {
	if static {
		return yes
	}
	return no
}

func flag(set bool, bits byte) byte {
	if set {
		return bits
	}
	return 0
}
