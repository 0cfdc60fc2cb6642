package qpackwire

import (
	"testing"

	"quicpro/wire/h3wire"
)

func TestInsertCountOfTheRFCsExample(t *testing.T) {
	// RFC 9204 s4.5.1.1: a table of 100 bytes, modulo 6; after 10 inserts 4 means 9.
	entries := MaxEntries(100)
	if got, ok := DecodeInsertCount(4, entries, 10); entries != 3 || got != 9 || !ok {
		t.Errorf("%d entries, count %d, %v", entries, got, ok)
	}
	if got := EncodeInsertCount(9, entries); got != 4 {
		t.Errorf("9 is encoded as %d", got)
	}
}

// Whatever an encoder may refer to, entries still in the table or in flight,
// unwraps to what it was.
func TestInsertCountsUnwrapAcrossTheWrap(t *testing.T) {
	for _, entries := range []uint64{1, 2, 3, 7, 128} {
		for inserts := range 6 * entries {
			low := uint64(1)
			if inserts > entries {
				low = inserts - entries + 1
			}
			for required := low; required <= inserts+entries; required++ {
				encoded := EncodeInsertCount(required, entries)
				if got, ok := DecodeInsertCount(encoded, entries, inserts); got != required || !ok {
					t.Fatalf("%d entries, %d inserts: %d travels as %d and reads %d, %v", entries, inserts, required, encoded, got, ok)
				}
			}
		}
	}
}

func TestImpossibleInsertCountsAreRefused(t *testing.T) {
	for _, c := range []struct{ encoded, entries, inserts uint64 }{
		{1, 0, 0},         // no table
		{7, 3, 10},        // over the full range
		{5, 3, 0},         // beyond what could be in flight
		{1, 3, 0},         // zero in disguise
		{MaxInt, 3, 1e15}, // far out
	} {
		if got, ok := DecodeInsertCount(c.encoded, c.entries, c.inserts); ok {
			t.Errorf("%+v reads %d", c, got)
		}
	}
}

func TestSectionPrefixes(t *testing.T) {
	for _, c := range []struct {
		p    SectionPrefix
		want string
	}{
		{SectionPrefix{0, 0}, "\x00\x00"},
		{SectionPrefix{0, 5}, "\x00\x05"},
		{SectionPrefix{9, 9}, "\x04\x00"},
		{SectionPrefix{9, 6}, "\x04\x82"}, // the example of RFC 9204 s4.5.1.2
		{SectionPrefix{9, 0}, "\x04\x88"},
		{SectionPrefix{9, 209}, "\x04\x7f\x49"},
	} {
		got := AppendDynamicPrefix(nil, c.p, 3)
		if string(got) != c.want {
			t.Errorf("%+v is %x, want %x", c.p, got, c.want)
		}
		if p, n, err := ConsumeSectionPrefix(append(got, 0xff), 3, 10); p != c.p || n != len(got) || err != nil {
			t.Errorf("%x reads %+v, %d, %v", got, p, n, err)
		}
	}
	if got := AppendSectionPrefix(nil); string(got) != "\x00\x00" {
		t.Errorf("the static prefix is %x", got)
	}
	for name, b := range map[string]string{
		"empty":                    "",
		"one byte":                 "\x00",
		"half a delta":             "\x00\x7f",
		"negative Base":            "\x04\x89",
		"sign without inserts":     "\x00\x80",
		"impossible count":         "\x07\x00",
		"oversized count":          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00",
		"oversized delta":          "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"half an oversized count?": "\xff\xff",
	} {
		_, _, err := ConsumeSectionPrefix([]byte(b), 3, 10)
		t.Run(name, func(t *testing.T) { wantCode(t, err, h3wire.CodeQPACKDecompressionFailed) })
	}
}

func wantCode(t testing.TB, err error, want h3wire.ErrorCode) {
	t.Helper()
	if e, ok := err.(*h3wire.Error); !ok || e.Code != want {
		t.Errorf("error %v, want %v", err, want)
	}
}
