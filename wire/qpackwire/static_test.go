package qpackwire

import "testing"

func TestEveryStaticEntryFindsItself(t *testing.T) {
	for i := range uint64(StaticTableSize) {
		name, value, ok := StaticEntry(i)
		if !ok || name == "" {
			t.Fatalf("no entry %d", i)
		}
		if got, match := StaticIndex(name, value); got != i || match != FullMatch {
			t.Errorf("%d (%s: %s) is found as %d, %v", i, name, value, got, match)
		}
		if got, match := StaticIndex(name, value+"?"); match != NameMatch || staticTable[got].name != name || got > i {
			t.Errorf("the name of %d (%s) is found as %d, %v", i, name, got, match)
		}
		for _, other := range []string{name + "x", name[1:], "x" + name[1:], name[:len(name)-1]} {
			if got, match := StaticIndex(other, value); match != NoMatch && staticTable[got].name != other {
				t.Errorf("%q is found as %d, %v", other, got, match)
			}
		}
	}
	if _, _, ok := StaticEntry(StaticTableSize); ok {
		t.Error("there is an entry 99")
	}
	for _, name := range []string{"", "a", "ab", "abc"} {
		if _, match := StaticIndex(name, ""); match != NoMatch {
			t.Errorf("%q is found", name)
		}
	}
}

// A few entries of RFC 9204 Appendix A, from all over the table.
func TestStaticEntriesAreThoseOfTheRFC(t *testing.T) {
	for i, want := range map[uint64]staticEntry{
		0: {":authority", ""}, 1: {":path", "/"}, 17: {":method", "GET"}, 24: {":status", "103"}, 29: {"accept", "*/*"},
		52: {"content-type", "text/html; charset=utf-8"}, 63: {":status", "100"}, 75: {"access-control-allow-headers", "*"},
		85: {"content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"}, 98: {"x-frame-options", "sameorigin"},
	} {
		if staticTable[i] != want {
			t.Errorf("entry %d is %v, want %v", i, staticTable[i], want)
		}
	}
}
