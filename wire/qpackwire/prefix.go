package qpackwire

// EntryOverhead is what an entry of the dynamic table, and a field line of a
// section, counts beyond the bytes of name and value (RFC 9204 s3.2.1, RFC 9114
// s4.2.2).
const EntryOverhead = 32

// MaxEntries returns how many entries a dynamic table of maxCapacity bytes can
// hold. maxCapacity is the decoder's SETTINGS_QPACK_MAX_TABLE_CAPACITY, not the
// capacity in use (RFC 9204 s4.5.1.1).
func MaxEntries(maxCapacity uint64) uint64 { return maxCapacity / EntryOverhead }

// SectionPrefix precedes the field lines of a section (RFC 9204 s4.5.1). Base is
// absolute.
type SectionPrefix struct {
	RequiredInsertCount uint64
	Base                uint64
}

// AppendSectionPrefix appends the prefix of a section without references to the
// dynamic table.
func AppendSectionPrefix(b []byte) []byte { return append(b, 0, 0) }

// AppendDynamicPrefix appends p for a decoder of maxEntries entries, at least
// one unless p.RequiredInsertCount is 0.
func AppendDynamicPrefix(b []byte, p SectionPrefix, maxEntries uint64) []byte {
	b = AppendInt(b, 0, 8, EncodeInsertCount(p.RequiredInsertCount, maxEntries))
	if p.Base >= p.RequiredInsertCount {
		return AppendInt(b, 0, 7, p.Base-p.RequiredInsertCount)
	}
	return AppendInt(b, 0x80, 7, p.RequiredInsertCount-p.Base-1)
}

// ConsumeSectionPrefix decodes the prefix at the start of a section; n is its
// size. maxEntries is that of our dynamic table and inserts the total number of
// insertions it has seen. The error is QPACK_DECOMPRESSION_FAILED.
func ConsumeSectionPrefix(section []byte, maxEntries, inserts uint64) (p SectionPrefix, n int, err error) {
	encoded, n := ConsumeInt(section, 8)
	if n <= 0 {
		return SectionPrefix{}, 0, prefixError(n)
	}
	rest := section[n:]
	delta, m := ConsumeInt(rest, 7)
	if m <= 0 {
		return SectionPrefix{}, 0, prefixError(m)
	}
	required, ok := DecodeInsertCount(encoded, maxEntries, inserts)
	if !ok {
		return SectionPrefix{}, 0, errInsertCount
	}
	p = SectionPrefix{RequiredInsertCount: required, Base: required + delta}
	if rest[0]&0x80 != 0 {
		// RFC 9204 s4.5.1.2: the Base MUST NOT be negative.
		if required <= delta {
			return SectionPrefix{}, 0, errBase
		}
		p.Base = required - delta - 1
	}
	return p, n + m, nil
}

// EncodeInsertCount wraps a Required Insert Count for the wire (RFC 9204
// s4.5.1.1).
func EncodeInsertCount(required, maxEntries uint64) uint64 {
	if required == 0 {
		return 0
	}
	return required%(2*maxEntries) + 1
}

// DecodeInsertCount unwraps a Required Insert Count (RFC 9204 s4.5.1.1). ok is
// false if no conformant encoder could have produced it.
func DecodeInsertCount(encoded, maxEntries, inserts uint64) (required uint64, ok bool) {
	if encoded == 0 {
		return 0, true
	}
	fullRange := 2 * maxEntries
	if encoded > fullRange {
		return 0, false
	}
	maxValue := inserts + maxEntries
	required = maxValue/fullRange*fullRange + encoded - 1
	if required > maxValue {
		// The encoder's value must have wrapped one time fewer.
		if required <= fullRange {
			return 0, false
		}
		required -= fullRange
	}
	return required, required != 0
}

func prefixError(n int) error {
	if n < 0 {
		return errPrefixInteger
	}
	return errPrefixTruncated
}
